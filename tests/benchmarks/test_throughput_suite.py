"""The throughput suite: its peers, and a small run of all of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from typer.testing import CliRunner

from benchmarks import report
from benchmarks.harness.protocol import SystemSpec
from benchmarks.harness.systems import FramingSystem, LabellingSystem, Opener
from benchmarks.suites import ThroughputSuite
from benchmarks.throughput.agreement import AgreementWithReference
from benchmarks.throughput.peers import PEERS, ModelPeer, StandInSystem, only_window
from benchmarks.throughput.run import main
from benchmarks.throughput.startup import ImportTime
from framing.errors import InputError, MissingExtraError, SettingError
from framing.labeler import Labeler
from tests.conftest import write_tiny_checkpoint

pytestmark = pytest.mark.slow

SENTENCES = [
    "the army liberated the town",
    '"rebels fled," he said',
    "reportedly so-called heroes may fled to the city and the market of the government forces",
    "rain",
    "witnesses said the terrorists retook a town in the rain",
]
app = typer.Typer()
app.command()(main)


# --- Peers --------------------------------------------------------------------------------------------------------


def opened(opener: Opener, folder: Path, **options: int) -> LabellingSystem:
    spec = SystemSpec("peer", threads=1, **{"batch": 2, **options})
    try:
        system = opener(spec, folder)
    except MissingExtraError as error:
        pytest.skip(error.message)
    assert isinstance(system, LabellingSystem)
    return system


def answers_of(system: LabellingSystem, sentences: list[str]) -> list[dict]:
    return [{"probabilities": o.probabilities, "labels": o.labels} for o in system.outcomes(sentences)]


SAME_WEIGHTS = [kind for kind, opener in PEERS.items() if isinstance(opener, type) and issubclass(opener, ModelPeer)]


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow) if kind == "torch-compile" else kind for kind in SAME_WEIGHTS],
)
@pytest.mark.parametrize("batch", [1, 2])
def test_peers_say_what_framing_says(kind: str, batch: int, tiny_folder: Path, tiny_labeler: Labeler) -> None:
    system = opened(PEERS[kind], tiny_folder, batch=batch)
    for labels, expected in zip(system.label(SENTENCES), tiny_labeler(SENTENCES), strict=True):
        assert labels.kind() == expected.kind
        assert [(m.label, m.start, m.end, m.voice) for m in labels.mentions] == [
            (m.label, m.start, m.end, m.voice) for m in expected.mentions
        ]
        assert [(h.kind, h.start, h.end) for h in labels.hedges] == [(h.kind, h.start, h.end) for h in expected.hedges]
        np.testing.assert_allclose(
            list(labels.probabilities.values()), list(expected.probabilities.values()), atol=1e-4
        )


@pytest.mark.parametrize("kind", SAME_WEIGHTS)
def test_peers_describe_what_they_run_on(kind: str, tiny_folder: Path) -> None:
    described = opened(PEERS[kind], tiny_folder).describe()
    assert described["batch"] == 2
    assert all(described[library] for library in PEERS[kind].libraries)  # type: ignore[attr-defined]


def test_what_a_processor_cannot_do_is_left_out(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="the extra framing[openvino] is not installed")
    monkeypatch.setattr("framing.engine.openvino.computes_in", lambda precision: precision == "fp32")
    with pytest.raises(MissingExtraError, match="does not compute in 'bf16'"):
        FramingSystem(SystemSpec("a", engine="openvino", precision="bf16"), tiny_folder)
    with pytest.raises(SettingError):
        FramingSystem(SystemSpec("a", engine="onnx", precision="bf16"), tiny_folder)
    assert FramingSystem(SystemSpec("a", engine="openvino"), tiny_folder).describe()["engine"] == "openvino"


@pytest.mark.parametrize("kind", ["tfidf", "spacy"])
def test_cheap_peers_learn_something(kind: str, tiny_folder: Path) -> None:
    system = opened(PEERS[kind], tiny_folder, train_sentences=400)
    assert not system.same_weights
    texts = ["The terrorists killed twelve people, the ministry said.", "The rain stopped."]
    first, second = (labels if isinstance(labels, dict) else labels.probabilities for labels in system.label(texts))
    assert set(first) >= set(second)
    assert first["source"] > second["source"]


def test_peers_refuse_a_sentence_that_needs_two_windows(tiny_labeler: Labeler) -> None:
    (encoded,) = tiny_labeler.checkpoint.sentence_encoder().encode(["rain " * 50])
    with pytest.raises(InputError, match="a sentence of 50 tokens"):
        only_window(encoded)


def test_the_stand_in_streams_as_framing_does(tiny_folder: Path) -> None:
    system = StandInSystem(SystemSpec("stand-in", kind="stand-in", engine="onnx", threads=1), tiny_folder)
    assert not system.same_weights
    assert system.stream(SENTENCES, 40) == 40


# --- Agreement ----------------------------------------------------------------------------------------------------


def test_agreement_sees_another_head(tiny_folder: Path, tmp_path: Path) -> None:
    import torch

    from framing.model import onnx_graph
    from framing.model.checkpoint import write_sums
    from framing.model.network import FramingModel

    other = write_tiny_checkpoint(tmp_path / "other")
    model = FramingModel.from_pretrained(other)
    with torch.no_grad():
        model.labels.bias[0] += 6.0
    model.save_pretrained(other)
    onnx_graph.write(other)
    write_sums(other)
    ours = opened(FramingSystem, tiny_folder)
    same = AgreementWithReference.of(answers_of(ours, SENTENCES), answers_of(ours, SENTENCES))
    assert same == AgreementWithReference(len(SENTENCES), 0.0, 0)
    changed = AgreementWithReference.of(
        answers_of(opened(FramingSystem, other), SENTENCES), answers_of(ours, SENTENCES)
    )
    assert changed.largest_difference > 0.1
    assert changed.differing > 0
    with pytest.raises(ValueError, match="1 sentences against 2"):
        AgreementWithReference.of(answers_of(ours, SENTENCES[:1]), answers_of(ours, SENTENCES[:2]))


# --- The command and the record -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_run_records_everything(tiny_folder: Path, tmp_path: Path) -> None:
    declared = yaml.safe_load(ThroughputSuite.file("smoke.yaml").read_text(encoding="utf-8"))
    kept = ("limit", "framing-onnx", "pipeline", "tfidf")
    declared["systems"] = [system for system in declared["systems"] if system["name"] in kept]
    declared["systems"][-1]["train_sentences"] = 120
    for name in ("other", "gone"):  # other checkpoints, one of which is not there
        more = {"name": name, "engine": "onnx", "threads": 1, "sentences": 16, "checkpoint": str(tmp_path / name)}
        declared["systems"].append(more)
    write_tiny_checkpoint(tmp_path / "other", seed=1)
    declared["scaling"] |= {"threads": [], "token_budgets": [32], "lengths": [[1, 24]], "stand_in": [40]}
    suite, texts = tmp_path / "small.yaml", tmp_path / "texts.txt"
    suite.write_text(yaml.safe_dump(declared), encoding="utf-8")
    texts.write_text("\n".join(SENTENCES + [f"{'rain ' * n}fled" for n in range(1, 29)]), encoding="utf-8")
    arguments = ["--suite", str(suite), "--checkpoint", str(tiny_folder), "--texts", str(texts), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "throughput-smoke.json").read_text(encoding="utf-8"))
    found = record["results"]
    by_name = {system["name"]: system for system in found["systems"]}
    assert list(by_name) == ["framing-onnx", "pipeline", "tfidf", "other"]
    assert list(found["skipped"]) == ["gone"]
    assert by_name["other"]["agreement"] is None
    assert by_name["other"]["share_of_limit"]["median"] > 0
    assert all(len(system["rounds"]) == 2 for system in by_name.values())
    assert by_name["pipeline"]["ratios"] == {"pipeline": {"median": 1.0, "low": 1.0, "high": 1.0}}
    assert by_name["framing-onnx"]["agreement"]["differing"] == 0
    assert by_name["framing-onnx"]["agreement"]["largest_difference"] < 1e-4
    assert by_name["framing-onnx"]["share_of_limit"]["median"] > 0
    assert by_name["tfidf"]["agreement"] is None
    assert by_name["tfidf"]["share_of_limit"] is None
    assert found["limit"]["flops_per_second"]["median"] > 0
    assert [row["n"] for row in found["latency"]] == [5, 5]
    assert found["cold_start"][0]["loads_torch"] is False
    assert len(found["imports"]["bare"]) == 2
    (budget,) = found["scaling"]["token_budgets"]
    assert (budget["value"], budget["spec"]["token_budget"], budget["description"]["token_budget"]) == (32, 32, 32)
    assert [row["sentences"] for row in found["scaling"]["stand_in"]] == [40]
    assert found["scaling"]["threads"] == []
    titles = [table["title"] for table in record["tables"]]
    assert titles[:3] == ["Systems", "Label agreement", "Where the time goes"]
    assert all(len(row) == len(table["columns"]) for table in record["tables"] for row in table["rows"])
    assert "transformers" in record["versions"]
    assert "### Corpus size" in report.render(tmp_path)


def test_a_system_that_fails_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    suite = tmp_path / "s.yaml"
    systems = [{"name": "steam", "engine": "steam"}]
    written = {"name": "s", "title": "S", "systems": systems, "baselines": [], "rounds": 1}
    suite.write_text(yaml.safe_dump(written), encoding="utf-8")
    texts = tmp_path / "texts.txt"
    texts.write_text("rebels fled\n", encoding="utf-8")
    arguments = ["--suite", str(suite), "--checkpoint", str(tiny_folder), "--texts", str(texts), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "system 'steam' failed" in result.stderr
    unknown = CliRunner().invoke(app, [*arguments, "--systems", "petrol"])
    assert unknown.exit_code == 2
    assert "'petrol' is unknown" in unknown.stderr


def test_import_times_are_paired() -> None:
    assert ImportTime((1.0, 2.0), (1.5, 2.25)).seconds == (0.5, 0.25)
