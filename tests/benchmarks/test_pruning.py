"""What is left out is what counts least, the rest is as it was, and the shares are those of the model's products."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks import pruning, report
from benchmarks.engines_quality.agreement import ANYTHING, compare
from benchmarks.pruning import Importance, Pruner, main
from framing.engine.torch import TorchEngine
from framing.labeler import Labeler
from framing.model.checkpoint import Checkpoint
from framing.model.network import FramingModel

SENTENCES = ["The rebels shelled the town.", "“So-called liberators,” the minister reportedly said.", "Rain fell."]

app = typer.Typer()
app.command()(main)


@pytest.fixture
def model(tiny_folder: Path) -> FramingModel:
    return FramingModel.from_pretrained(tiny_folder).eval()


@pytest.fixture
def labeler(model: FramingModel, tiny_folder: Path) -> Labeler:
    return Labeler(Checkpoint.load(tiny_folder), TorchEngine(model, device="cpu"))


def importance(pruner: Pruner, labeler: Labeler) -> Importance:
    with pruner.watching() as found:
        labeler(SENTENCES)
    (one,) = found
    return one


def test_parts_without_weight_count_for_nothing_and_change_nothing(model: FramingModel, labeler: Labeler) -> None:
    pruner = Pruner(model)
    layer = pruner.layers[-1]
    with torch.no_grad():
        layer.output.dense.weight[:, 3:7] = 0
        layer.attention.output.dense.weight[:, : pruner.head_width] = 0
    found = importance(pruner, labeler)
    assert found.neurons.argsort(dim=1)[-1, :4].sort().values.tolist() == [3, 4, 5, 6]
    assert found.neurons[-1, 3:7].tolist() == [0] * 4
    assert found.heads[-1, 0] == 0
    assert (found.heads.flatten() > 0).sum() == found.heads.numel() - 1
    whole = labeler(SENTENCES)
    for without, count in ((pruner.without_neurons, 4), (pruner.without_heads, 1)):
        with without(found, count):
            assert compare(whole, labeler(SENTENCES)).largest_gap < 1e-6


def test_a_neuron_counts_by_what_it_adds(model: FramingModel, labeler: Labeler) -> None:
    pruner = Pruner(model)
    seen: list[torch.Tensor] = []
    hook = pruner.layers[0].output.dense.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    found = importance(pruner, labeler)
    hook.remove()
    activations = torch.cat([one.flatten(0, -2) for one in seen]).double()
    added = activations[:, :, None] * pruner.layers[0].output.dense.weight.detach().double().T
    torch.testing.assert_close(found.neurons[0].double(), added.norm(dim=2).mean(dim=0), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(found.neuron_means[0].double(), activations.mean(dim=0), rtol=1e-4, atol=1e-6)


def test_all_is_as_it_was_afterwards(model: FramingModel, labeler: Labeler) -> None:
    pruner = Pruner(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = importance(pruner, labeler)
    whole = labeler(SENTENCES)
    with pruner.without_neurons(found, found.neurons.numel() // 2):
        assert compare(whole, labeler(SENTENCES)).largest_gap > 1e-4
    with pytest.raises(ZeroDivisionError), pruner.without_heads(found, 1):
        raise ZeroDivisionError
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_shares_are_of_all_products(model: FramingModel, labeler: Labeler) -> None:
    pruner = Pruner(model)
    found = importance(pruner, labeler)
    whole = found.neurons.numel() * pruner.neuron_share + found.heads.numel() * pruner.head_share
    assert whole == pytest.approx(1)


@pytest.mark.slow
def test_the_command(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_NEURON_SHARES", (0.0, 0.5))
    arguments = ["--checkpoint", str(tiny_folder), "--ranking", "20", "--compared", "30", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "pruning.json").read_text())
    first, second, *_ = record["results"]["parts"]
    assert (first["count"], first["agreement"]["changed"][ANYTHING], first["agreement"]["largest_gap"]) == (0, 0, 0)
    assert second["count"] == second["of"] // 2
    assert "## What could be left out of the model" in report.render(tmp_path)
