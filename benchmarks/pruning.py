"""``python -m benchmarks.pruning``: how much of the model could be left out without changing its labels.

Neurons of the feed-forward layers, and attention heads, are ranked by the mean length of what they add to a token's
state, over sentences: a criterion of magnitude, of which Molchanov et al. (2017, "Pruning Convolutional Neural Networks
for Resource Efficient Inference") compare several. The least are left out together: of neurons the mean is kept as a
constant, heads are masked as by Michel et al. (2019, "Are Sixteen Heads Really Better than One?"). Nothing is trained
afterwards. Other sentences say what changes; exact is what changes no label.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch
import typer

from benchmarks import options
from benchmarks.engines_quality.agreement import ANYTHING, Agreement, compare
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line
from benchmarks.seeds import sha256_of_seeds
from framing.cli._errors import reporting_errors
from framing.engine.torch import TorchEngine
from framing.errors import SettingError
from framing.labeler import Labeler
from framing.model.checkpoint import Checkpoint, locate
from framing.model.network import FramingModel
from framing.speed import find_texts

PACKAGES = ("numpy", "torch", "transformers", "tokenizers")
_SEED = 5
_NEURON_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
_HEADS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Importance:
    """What each part adds to a token's state, as the mean over tokens of its length.

    Attributes:
        neurons: float32 [layers, inner].
        neuron_means: float32 [layers, inner]; the mean activation of each.
        heads: float32 [layers, heads].
    """

    neurons: torch.Tensor
    neuron_means: torch.Tensor
    heads: torch.Tensor


@dataclass(frozen=True, slots=True)
class Pruned:
    """How the labels changed when some parts were left out.

    Attributes:
        what: ``"neurons"`` or ``"heads"``.
        count, of: how many were left out, and of how many.
        saved: share of the operations of the model's products with weights.
        agreement: with the whole model.
    """

    what: str
    count: int
    of: int
    saved: float
    agreement: Agreement


class Pruner:
    """A BERT encoder's layers, of which parts can be left out for a while.

    Args:
        model: in evaluation mode, with an encoder of BERT's architecture.

    Raises:
        SettingError: the encoder is of another architecture.
    """

    def __init__(self, model: FramingModel) -> None:
        if model.encoder.config.model_type != "bert":
            raise SettingError(f"the encoder is {model.encoder.config.model_type}", expected="bert")
        self.layers: Sequence[Any] = model.encoder.encoder.layer
        config = model.encoder.config
        self.heads: int = config.num_attention_heads
        self.head_width: int = config.hidden_size // config.num_attention_heads
        hidden, inner = config.hidden_size, config.intermediate_size
        self._products = len(self.layers) * (4 * hidden * hidden + 2 * hidden * inner)
        #: Share of the model's products that one neuron, and one head, is.
        self.neuron_share = 2 * hidden / self._products
        self.head_share = 4 * hidden * self.head_width / self._products

    @contextmanager
    def watching(self) -> Iterator[list[Importance]]:
        """Measure importance over all that the model reads within the block; afterwards the list holds it."""
        sums = [_Sums(layer, self.heads) for layer in self.layers]
        found: list[Importance] = []
        try:
            yield found
        finally:
            for one in sums:
                one.stop()
        found.append(
            Importance(
                torch.stack([one.neurons() for one in sums]),
                torch.stack([one.neuron_means() for one in sums]),
                torch.stack([one.heads() for one in sums]),
            )
        )

    @contextmanager
    def without_neurons(self, importance: Importance, count: int) -> Iterator[None]:
        """Leave out the least neurons of all layers within the block."""
        inner = importance.neurons.shape[1]
        least = importance.neurons.flatten().argsort()[:count]
        with torch.no_grad(), self._as_it_was():
            for number, layer in enumerate(self.layers):
                places = least[least // inner == number] % inner
                weights = layer.output.dense.weight  # [hidden, inner]
                layer.output.dense.bias += weights[:, places] @ importance.neuron_means[number, places]
                weights[:, places] = 0
            yield

    @contextmanager
    def without_heads(self, importance: Importance, count: int) -> Iterator[None]:
        """Leave out the least attention heads of all layers within the block."""
        least = importance.heads.flatten().argsort()[:count]
        with torch.no_grad(), self._as_it_was():
            for place in least.tolist():
                layer, head = self.layers[place // self.heads], place % self.heads
                layer.attention.output.dense.weight[:, head * self.head_width : (head + 1) * self.head_width] = 0
            yield

    @contextmanager
    def _as_it_was(self) -> Iterator[None]:
        changed = [dense for layer in self.layers for dense in (layer.output.dense, layer.attention.output.dense)]
        before = [(dense.weight.clone(), dense.bias.clone()) for dense in changed]
        try:
            yield
        finally:
            for dense, (weight, bias) in zip(changed, before, strict=True):
                dense.weight.copy_(weight)
                dense.bias.copy_(bias)


class _Sums:
    """Sums over the tokens that a layer reads; padding counts as any token, and there is little of it."""

    def __init__(self, layer: Any, heads: int) -> None:
        self._inner, self._joined = layer.output.dense, layer.attention.output.dense
        self._heads = heads
        self._tokens = 0
        self._lengths = self._values = self._head_lengths = torch.zeros(1)
        self._hooks = [
            self._inner.register_forward_pre_hook(self._on_inner),
            self._joined.register_forward_pre_hook(self._on_joined),
        ]

    def stop(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def neurons(self) -> torch.Tensor:
        """float32 [inner]."""
        return self._lengths / self._tokens * self._inner.weight.detach().norm(dim=0)

    def neuron_means(self) -> torch.Tensor:
        """float32 [inner]."""
        return self._values / self._tokens

    def heads(self) -> torch.Tensor:
        """float32 [heads]."""
        return self._head_lengths / self._tokens

    def _on_inner(self, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        activations = inputs[0].detach().flatten(0, -2)  # [tokens, inner]
        self._tokens += len(activations)
        self._lengths = self._lengths + activations.abs().sum(dim=0)
        self._values = self._values + activations.sum(dim=0)

    def _on_joined(self, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        read = inputs[0].detach().flatten(0, -2).unflatten(1, (self._heads, -1))  # [tokens, heads, width]
        weights = self._joined.weight.detach().unflatten(1, (self._heads, -1))  # [hidden, heads, width]
        added = torch.einsum("thw,ohw->tho", read, weights)
        self._head_lengths = self._head_lengths + added.norm(dim=2).sum(dim=0)


def measure(checkpoint: Checkpoint, ranking: Sequence[str], compared: Sequence[str]) -> list[Pruned]:
    """Rank parts by some sentences, leave out more and more, and compare the labels of others.

    Raises:
        SettingError: the encoder is not BERT's.
    """
    model = FramingModel.from_pretrained(checkpoint.folder).eval()
    pruner = Pruner(model)
    labeler = Labeler(checkpoint, TorchEngine(model, device="cpu"))
    with pruner.watching() as found:
        labeler(ranking)
    (importance,) = found
    whole = labeler(compared)
    results = []
    neurons, heads = importance.neurons.numel(), importance.heads.numel()
    for share in _NEURON_SHARES:
        count = round(share * neurons)
        with pruner.without_neurons(importance, count):
            agreement = compare(whole, labeler(compared))
        results.append(Pruned("neurons", count, neurons, count * pruner.neuron_share, agreement))
    for count in (count for count in _HEADS if count < heads):
        with pruner.without_heads(importance, count):
            agreement = compare(whole, labeler(compared))
        results.append(Pruned("heads", count, heads, count * pruner.head_share, agreement))
    return results


@reporting_errors()
def main(
    checkpoint: options.CheckpointName = "shipped",
    ranking: Annotated[int, typer.Option(help="Sentences by which parts are ranked.", min=1)] = 1000,
    compared: Annotated[int, typer.Option(help="Other sentences, whose labels are compared.", min=1)] = 2000,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure what leaving out parts changes, and write the record."""
    folder = locate(checkpoint)
    texts = sorted(set(find_texts().sentences))
    random.Random(_SEED).shuffle(texts)
    results = measure(Checkpoint.load(folder), texts[:ranking], texts[ranking : ranking + compared])
    rows = tuple(
        (
            f"{one.count:,} of {one.of:,} {one.what}",
            f"{one.saved:.1%}",
            f"{one.agreement.largest_gap:.3f}",
            *(f"{one.agreement.changed[name]:,}" for name in ("frames", "spans", ANYTHING)),
        )
        for one in results
    )
    table = Table(
        "What the least important parts change when they are left out",
        ("left out", "operations saved", "largest Δ probability", "frames change", "spans change", "anything changes"),
        rows,
        f"Of {results[0].agreement.sentences:,} seed sentences; ranked by {ranking:,} others. Operations of the "
        "products with weights. Nothing was trained afterwards.",
    )
    record = Record(
        "pruning",
        "What could be left out of the model",
        command_line("benchmarks.pruning"),
        {
            "checkpoint": checkpoint_facts(folder),
            "seeds": {"sha256": sha256_of_seeds(), "seed": _SEED},
        },
        {"parts": [asdict(one) for one in results]},
        (table,),
        PACKAGES,
    )
    record.save_and_tell(out)


if __name__ == "__main__":
    typer.run(main)
