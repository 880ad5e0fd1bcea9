"""How fast this machine labels sentences: what ``framing benchmark`` measures, in the caller's process.

Each round labels sentences that no round before it labelled, and then multiplies matrices of the model's shapes: a
share of what the machine can multiply means the same on every machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from framing.codebook import Codebook, Heads
from framing.engine.batching import compute_logits
from framing.engine.processor import usable_cores
from framing.errors import CheckpointError, InputError, UnreadableFileError
from framing.markup import parse, read_rows

if TYPE_CHECKING:
    from framing.labeler import Labeler
    from framing.model.encoding import SentenceEncoder

#: Where a checkout keeps its seeds; an installed package has none.
SEEDS = Path(__file__).parents[1] / "seeds"
#: Seconds before a turn: OpenMP's threads wait busily for up to 0.2 s after their last work.
SETTLING = 0.3
# Where the sentences of a round are not counted: the seconds that it takes, and the fewest and most sentences.
_SECONDS, _FEWEST, _MOST = 1.5, 64, 65536


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median over rounds and the ends of its interval, which are ``None`` where there was one round."""

    median: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """JSON-ready, to six significant digits."""
        return {name: None if value is None else float(f"{value:.6g}") for name, value in asdict(self).items()}


def median_interval(values: Any, *, resamples: int = 2000, level: float = 0.95, seed: int = 0) -> Estimate:
    """The median of values, at least one, and its percentile bootstrap interval (Efron and Tibshirani 1993)."""
    rounds = np.asarray(values, dtype=np.float64)
    if len(rounds) == 1:
        return Estimate(float(rounds[0]), None, None)
    draws = np.random.default_rng(seed).choice(rounds, (resamples, len(rounds)))
    low, high = np.percentile(np.median(draws, axis=1), (50 * (1 - level), 50 * (1 + level)))
    return Estimate(float(np.median(rounds)), float(low), float(high))


def paired_ratio(values: Any, others: Any, **bootstrap: Any) -> Estimate:
    """The median ratio of two series of rounds, pair by pair: what disturbs the machine in a round disturbs both.

    Raises:
        ValueError: they are not of the same number of rounds.
    """
    if len(values) != len(others):
        raise ValueError(f"{len(values)} rounds against {len(others)}; expected the same rounds")
    return median_interval(np.asarray(values) / np.asarray(others), **bootstrap)


def percentiles(values: Any, percents: Sequence[int]) -> dict[str, float]:
    """Of at least one value: ``p50`` and so on, to six decimals."""
    return {f"p{percent}": round(float(np.percentile(values, percent)), 6) for percent in percents}


# --- the machine's limit ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of an encoder with its heads.

    Attributes:
        hidden, intermediate: width of a token's state, and inside the feed-forward part.
        layers: how many.
        outputs: logits of the heads for each token.
    """

    hidden: int
    intermediate: int
    layers: int
    outputs: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From a checkpoint's ``config.json``.

        Raises:
            CheckpointError: the encoder's configuration does not name its sizes as BERT's does.
        """
        names = ("hidden_size", "intermediate_size", "num_hidden_layers")
        try:
            hidden, intermediate, layers = (int(config["encoder"][name]) for name in names)
        except KeyError as error:
            raise CheckpointError(f"the encoder's configuration has no {error}", expected=", ".join(names)) from error
        return cls(hidden, intermediate, layers, Heads.from_config(config).width("token"))

    @property
    def products(self) -> list[tuple[int, int]]:
        """Inputs and outputs of all layers' weights: queries, keys and values; output; feed-forward up and down."""
        h, i = self.hidden, self.intermediate
        return [(h, 3 * h), (h, h), (h, i), (i, h)] * self.layers

    def flops(self, tokens: np.ndarray) -> float:
        """Floating-point operations for sentences of so many tokens, int [sentences]; padding is not counted."""
        lengths = tokens.astype(np.float64)
        weights = sum(inputs * outputs for inputs, outputs in self.products) + self.hidden * self.outputs
        # Two for each weight; queries with keys, and attention with values, are 2 · length² · hidden each.
        return float(2 * weights * lengths.sum() + 4 * self.hidden * self.layers * np.square(lengths).sum())


class MatrixProducts:
    """The products of a model's layers with their weights and nothing else, as fast as the machine does them.

    On a CPU each thread does products of its own in ONNX Runtime, in single precision, and waits for no other; on a GPU
    torch does them in the given precision.
    """

    def __init__(self, shape: ModelShape, *, device: str = "cpu", precision: str = "fp32", threads: int | None = None):
        on_cpu = device == "cpu"
        self.shape, self.device = shape, device
        self.precision, self.threads = ("fp32", threads or usable_cores()) if on_cpu else (precision, 1)
        self.library, self.rows = ("onnxruntime", 512) if on_cpu else ("torch", 16384)
        self._run = self._in_onnxruntime(shape) if on_cpu else self._in_torch(shape)
        self._flops = 2.0 * self.rows * sum(inputs * outputs for inputs, outputs in shape.products)

    def rate(self, seconds: float = 1.0) -> float:
        """Multiply for about so many seconds; floating-point operations a second, of all threads together."""

        def rate_of_one(_: int) -> float:
            started, count = time.perf_counter(), 0
            while time.perf_counter() < started + seconds:
                self._run()
                count += 1
            return self._flops * count / (time.perf_counter() - started)

        self._run()  # loads what is loaded lazily
        with ThreadPoolExecutor(self.threads) as pool:
            return sum(pool.map(rate_of_one, range(self.threads)))

    def describe(self) -> dict[str, Any]:
        """What multiplies, JSON-ready; ``rows`` are the tokens of a batch."""
        return {name: getattr(self, name) for name in ("library", "rows", "threads", "device", "precision")}

    def _in_onnxruntime(self, shape: ModelShape) -> Callable[[], object]:
        from onnx import TensorProto, helper, numpy_helper
        from onnxruntime import InferenceSession, SessionOptions

        random = np.random.default_rng(0)
        feed = {f"x{n}": random.standard_normal((self.rows, n), np.float32) for n in {n for n, _ in shape.products}}
        weights, nodes, results = [], [], []
        for k, (inputs, outputs) in enumerate(shape.products):
            weights.append(numpy_helper.from_array(random.standard_normal((inputs, outputs), np.float32), f"w{k}"))
            nodes.append(helper.make_node("MatMul", [f"x{inputs}", f"w{k}"], [f"y{k}"]))
            results.append(helper.make_tensor_value_info(f"y{k}", TensorProto.FLOAT, [self.rows, outputs]))
        given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in feed.items()]
        graph = helper.make_graph(nodes, "products", given, results, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, feed)

    def _in_torch(self, shape: ModelShape) -> Callable[[], object]:
        import torch

        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]
        weights = [torch.randn(sizes, device=self.device).to(dtype) for sizes in shape.products]
        rows = {n: torch.randn((self.rows, n), device=self.device).to(dtype) for n in {n for n, _ in shape.products}}

        def run() -> None:
            with torch.inference_mode():
                for weight in weights:
                    torch.mm(rows[len(weight)], weight)
            torch.cuda.synchronize(self.device)

        return run


# --- sentences --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentences, and where they come from."""

    origin: str
    sentences: tuple[str, ...]


def find_texts(file: Path | None = None, codebook: Codebook | None = None, seeds: Path = SEEDS) -> Texts:
    """The sentences of a file, else the codebook's examples, else the seeds of the checkout.

    Args:
        file: UTF-8, one sentence a line; empty lines do not count.
        codebook: has the examples.
        seeds: folder of marked sentences, which need not be there.

    Raises:
        UnreadableFileError: the file is missing or is not UTF-8.
        InputError: there is no sentence.
    """
    examples = [parse(example).text for label in codebook.labels for example in label.examples] if codebook else []
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableFileError(f"{file} cannot be read: {error}", expected="UTF-8, a sentence a line") from error
        texts = Texts(file.name, tuple(line.strip() for line in lines if line.strip()))
    elif codebook and examples:
        texts = Texts(f"examples of the codebook {codebook.name}", tuple(examples))
    else:
        rows = (row for path in sorted(seeds.glob("*.tsv")) for row in read_rows(path))
        texts = Texts("seeds", tuple(row.sentence.text for row in rows))
    if not texts.sentences:
        raise InputError(f"{texts.origin}: no sentence", expected="at least one", hint="give a file, a sentence a line")
    return texts


def take(sentences: Sequence[str], first: int, count: int) -> list[str]:
    """``count`` sentences from place ``first`` on; after the last comes the first again, as another sentence.

    The labeler computes sentences that repeat once, which is not to be measured. So in the second turn through the
    sentences their words stand rotated by one, in the third by two: other sentences of the same tokens.
    """

    def rotated(sentence: str, by: int) -> str:
        words = sentence.split() if by else []
        start = by % max(1, len(words))
        return " ".join(words[start:] + words[:start]) or sentence

    return [rotated(sentences[i % len(sentences)], i // len(sentences)) for i in range(first, first + count)]


def count_tokens(encoder: SentenceEncoder, sentences: Sequence[str]) -> np.ndarray:
    """Tokens of each sentence as the model reads it, the special ones at its ends included: int64 [sentences]."""
    return np.diff(encoder.encode(sentences).starts) + 2


# --- what is measured -------------------------------------------------------------------------------------------------


def peak_memory(process: int | str = "self") -> int | None:
    """The most bytes of a process that were resident at a time; ``None`` where the operating system does not tell."""
    try:
        # Not ru_maxrss, which a process inherits from the one that started it.
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        if sys.platform != "darwin" or process != "self":
            return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def time_steps(labeler: Labeler, sentences: Sequence[str]) -> dict[str, float]:
    """Label sentences step by step; the seconds of each step.

    Returns:
        ``tokenise``: text to token ids; ``model``: these to logits, batching included; ``decode``: logits to spans and
        probabilities; ``records``: what a call of the labeler does beside these three.
    """
    seconds = np.zeros(4)
    for first in range(0, len(sentences), labeler.engine.look_ahead):
        texts = sentences[first : first + labeler.engine.look_ahead]
        clock = [time.perf_counter()]
        encoded = labeler.encoder.encode(texts)
        clock.append(time.perf_counter())
        logits = compute_logits(labeler.engine, encoded)
        clock.append(time.perf_counter())
        labeler.decoder.decode(logits, encoded, texts)
        clock.append(time.perf_counter())
        labeler(texts)
        *steps, whole = np.diff([*clock, time.perf_counter()])
        seconds += [*steps, whole - sum(steps)]
    return dict(zip(("tokenise", "model", "decode", "records"), np.maximum(seconds, 0).tolist(), strict=True))


def time_each(label: Callable[[list[str]], object], sentences: Sequence[str]) -> list[float]:
    """Label sentences one by one; the seconds of each."""
    clock = [time.perf_counter()]
    for sentence in sentences:
        label([sentence])
        clock.append(time.perf_counter())
    return np.diff(clock).tolist()


@dataclass(frozen=True, slots=True)
class Speed:
    """What ``framing benchmark`` finds.

    Attributes:
        labeler: what ran where, see :meth:`framing.labeler.Labeler.describe`.
        texts: origin of the sentences, and mean and percentiles of their tokens.
        sentences: labelled in each round.
        seconds: that each round took.
        sentences_per_second, tokens_per_second: over the rounds.
        limit, share_of_limit: the machine's floating-point operations a second, and the share of them that the model
            needs; ``None`` where its sizes are not known.
        products: how the limit is measured, see :meth:`MatrixProducts.describe`.
        steps: see :func:`time_steps`.
        latency: percentiles of the seconds of single sentences.
        peak_memory: bytes of this process, before the limit was measured; ``None`` where the system does not tell.
    """

    labeler: Mapping[str, Any]
    texts: Mapping[str, Any]
    sentences: int
    seconds: tuple[float, ...]
    sentences_per_second: Estimate
    tokens_per_second: Estimate
    limit: Estimate | None
    share_of_limit: Estimate | None
    products: Mapping[str, Any] | None
    steps: Mapping[str, float]
    latency: Mapping[str, float]
    peak_memory: int | None


def measure_speed(
    labeler: Labeler,
    texts: Texts,
    *,
    sentences: int | None = None,
    rounds: int = 5,
    report: Callable[[str], object] = lambda _: None,
) -> Speed:
    """Measure a labeler and, in the same rounds, the machine's limit.

    Args:
        labeler: open.
        texts: what it labels.
        sentences: in a round; as many as take about a second and a half when ``None``.
        rounds: at least one.
        report: told what is being done.
    """
    report("warming up")
    mixed = [texts.sentences[place] for place in np.random.default_rng(13).permutation(len(texts.sentences))]
    size = sentences or _round_size(labeler, mixed)
    labeler(take(mixed, rounds * size, size))  # sentences after those of the last round
    described, memory = labeler.describe(), peak_memory()
    products = _products(labeler)
    seconds, lengths, limits = [], [], []
    for number in range(rounds):
        report(f"round {number + 1} of {rounds}")
        taken = take(mixed, number * size, size)
        time.sleep(SETTLING)
        started = time.perf_counter()
        labeler(taken)
        seconds.append(time.perf_counter() - started)
        lengths.append(count_tokens(labeler.encoder, taken))
        if products:
            time.sleep(SETTLING)
            limits.append(products.rate())
    report("steps and single sentences")
    tokens = count_tokens(labeler.encoder, texts.sentences)
    flops = [products.shape.flops(own) for own in lengths] if products else []
    return Speed(
        labeler=described,
        texts={"origin": texts.origin, "mean": round(float(tokens.mean()), 1), **percentiles(tokens, (5, 50, 95))},
        sentences=size,
        seconds=tuple(seconds),
        sentences_per_second=median_interval(size / np.array(seconds)),
        tokens_per_second=paired_ratio([own.sum() for own in lengths], seconds),
        limit=median_interval(limits) if products else None,
        share_of_limit=paired_ratio(flops / np.array(seconds), limits) if products else None,
        products=products.describe() if products else None,
        steps=time_steps(labeler, take(mixed, 0, size)),
        latency=percentiles(time_each(labeler, take(mixed, 0, 200)), (50, 90, 99)),
        peak_memory=memory,
    )


def _products(labeler: Labeler) -> MatrixProducts | None:
    """The products of the labeler's model where its engine computes; ``None`` where the model's sizes are not known."""
    where: dict[str, Any] = {name: labeler.describe().get(name) for name in ("device", "precision", "threads")}
    try:
        return MatrixProducts(ModelShape.of(labeler.checkpoint.config), **where)
    except CheckpointError:
        return None


def _round_size(labeler: Labeler, sentences: Sequence[str]) -> int:
    """How many sentences take about :data:`_SECONDS`."""
    labeler(take(sentences, 0, _FEWEST))
    started = time.perf_counter()
    labeler(take(sentences, _FEWEST, 4 * _FEWEST))
    return min(_MOST, max(_FEWEST, int(4 * _FEWEST * _SECONDS / (time.perf_counter() - started))))
