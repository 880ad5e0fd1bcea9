"""What suites declare, read from YAML into dataclasses; whatever does not fit its form is an error."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints

import yaml

from benchmarks.harness.protocol import SystemSpec
from benchmarks.harness.worker import KINDS
from benchmarks.quality.systems import OPENERS
from framing.errors import SettingError, UnreadableFileError, did_you_mean
from framing.evaluate.scoring import HEADLINES
from framing.speed import Estimate, median_interval, paired_ratio

DEVICES = ("cpu", "cuda")


def fill(form: Any, written: Any, where: str) -> Any:
    """Fill a form with what someone wrote.

    Args:
        form: a dataclass, whose fields are the keys; or what its fields may be: a plain type, ``X | None``,
            ``tuple[X, ...]``, ``dict[str, X]``, ``Any``.
        written: of YAML's or JSON's types.
        where: file and place, for messages.

    Raises:
        SettingError: a key is unknown or missing, a value is of the wrong type, or the form refuses it.
    """
    if is_dataclass(form):
        return _fill_dataclass(form, written, where)
    if form is Any:
        return written
    if isinstance(form, UnionType):
        (some,) = (option for option in get_args(form) if option is not NoneType)
        return None if written is None else fill(some, written, where)
    kind = get_origin(form) or form
    if kind is tuple:
        _require(written, (list,), "a list", where)
        return tuple(fill(get_args(form)[0], value, f"{where}[{place}]") for place, value in enumerate(written))
    if kind is dict:
        _require(written, (dict,), "keys with values", where)
        return {key: fill(get_args(form)[1], value, f"{where}: {key}") for key, value in written.items()}
    _require(written, (int, float) if kind is float else (kind,), kind.__name__, where)
    if isinstance(written, bool) and kind is not bool:
        raise SettingError(f"{where} is {written!r}", expected=kind.__name__)
    return written


def _fill_dataclass(form: Any, written: Any, where: str) -> Any:
    _require(written, (dict,), "keys with values", where)
    known = {one.name: one for one in fields(form)}
    for key in written:
        require_known(key, known, f"{where}: the key")
    needed = [one.name for one in known.values() if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in needed if name not in written]:
        raise SettingError(f"{where}: {', '.join(missing)} missing", expected=", ".join(known))
    hints = get_type_hints(form)
    values = {key: fill(hints[key], value, f"{where}: {key}") for key, value in written.items()}
    try:
        return form(**values)
    except SettingError as error:
        raise SettingError(f"{where}: {error.message}", expected=error.expected, hint=error.hint) from error


def _require(written: Any, kinds: tuple[type, ...], expected: str, where: str) -> None:
    if not isinstance(written, kinds):
        raise SettingError(f"{where} is {written!r:.60}", expected=expected)


def require_known(name: str, known: Collection[str], what: str) -> None:
    """Refuse a name that is not known.

    Raises:
        SettingError: it is none of those that are known.
    """
    if name not in known:
        raise SettingError(
            f"{what} {name!r} is unknown", expected=", ".join(known), hint=did_you_mean(str(name), known)
        )


def choose(names: str, known: Iterable[str], what: str = "system") -> list[str]:
    """The known names that ``names`` asks for, in the order of the known ones; all of them where it is empty.

    Args:
        names: joined by commas.
        known: all names.
        what: what a message calls a name.

    Raises:
        SettingError: a name is unknown.
    """
    known = list(known)
    asked = [name.strip() for name in names.split(",") if name.strip()] or known
    for name in asked:
        require_known(name, known, what)
    return [name for name in known if name in asked]


def flags_of(settings: Mapping[str, Any]) -> list[str]:
    """Settings of framing-train as its command line takes them."""
    flags: list[str] = []
    for name, value in settings.items():
        flags += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return flags


@dataclass(frozen=True, slots=True)
class Suite:
    """What every suite declares.

    Attributes:
        name: of the record.
        title: for people.
    """

    folder: ClassVar[str]

    name: str
    title: str

    @classmethod
    def file(cls, name: str = "suite.yaml") -> Path:
        """A declaration in the suite's folder."""
        return Path(__file__).parent / cls.folder / name

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read a declaration: ``suite.yaml`` of the suite's folder, or another file.

        Raises:
            UnreadableFileError: the file is missing or is not YAML.
            SettingError: it does not fit the form.
        """
        path = path or cls.file()
        try:
            written = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UnreadableFileError(f"{path} cannot be read: {error}", expected="a suite as YAML") from error
        suite: Self = fill(cls, written, path.name)
        return suite


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn; see :func:`framing.speed.median_interval`."""

    resamples: int = 2000
    level: float = 0.95
    seed: int = 0

    def median(self, values: Any) -> Estimate:
        """The median over rounds."""
        return median_interval(values, resamples=self.resamples, level=self.level, seed=self.seed)

    def ratio(self, values: Any, others: Any) -> Estimate:
        """The median of the ratios of paired rounds."""
        return paired_ratio(values, others, resamples=self.resamples, level=self.level, seed=self.seed)


# --- throughput -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """What labels are compared with.

    Attributes:
        reference: name of a system that runs the checkpoint's weights.
        sentences: how many are compared.
    """

    reference: str
    sentences: int = 500


@dataclass(frozen=True, slots=True)
class Repeated:
    """Something that is measured of some of the systems.

    Attributes:
        systems: their names.
        sentences: how many are labelled.
        times: how often, or in how many fresh processes.
    """

    systems: tuple[str, ...] = ()
    sentences: int = 1
    times: int = 1


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the cost of one system changes with a setting.

    Attributes:
        system: its name; everything but the setting is as declared there.
        rounds: of each setting, in turn.
        sentences: in a round.
        threads: numbers of threads; those beyond the machine's cores are left out.
        token_budgets: tokens in a batch.
        lengths: least and most tokens of a sentence, special ones included.
        corpus: numbers of sentences that are streamed.
        stand_in: the same, with an engine that repeats logits: the cost of all but the model.
    """

    system: str
    rounds: int = 3
    sentences: int = 512
    threads: tuple[int, ...] = ()
    token_budgets: tuple[int, ...] = ()
    lengths: tuple[tuple[int, ...], ...] = ()
    corpus: tuple[int, ...] = ()
    stand_in: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ThroughputSuite(Suite):
    """How fast systems label.

    Attributes:
        systems: in the order of their turns.
        baselines: names of systems that the others are compared with.
        rounds: turns of each.
        warm_up: sentences that each labels before.
        seed: of the order of sentences.
        bootstrap: of the intervals.
        agreement, split, latency, cold_start, scaling: what else is measured.
        imports: fresh processes in which ``import framing`` is timed.
    """

    folder: ClassVar[str] = "throughput"

    systems: tuple[SystemSpec, ...]
    baselines: tuple[str, ...]
    rounds: int
    warm_up: int = 64
    seed: int = 13
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    agreement: Reference | None = None
    split: Repeated = field(default_factory=Repeated)
    latency: Repeated = field(default_factory=Repeated)
    cold_start: Repeated = field(default_factory=Repeated)
    imports: int = 0
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        names = [spec.name for spec in self.systems]
        for spec in self.systems:
            require_known(spec.kind, KINDS, "the kind")
            if names.count(spec.name) > 1:
                raise SettingError(f"two systems are named {spec.name!r}", expected="a name for each")
        named = [*self.baselines, *self.split.systems, *self.latency.systems, *self.cold_start.systems]
        named += [self.agreement.reference] if self.agreement else []
        for name in [*named, *([self.scaling.system] if self.scaling else [])]:
            require_known(name, names, "system")

    def system(self, name: str) -> SystemSpec:
        """The system of a name that is known."""
        return next(spec for spec in self.systems if spec.name == name)

    def select(self, names: str) -> tuple[SystemSpec, ...]:
        """The systems that ``names``, joined by commas, asks for (all where it is empty), and the machine's limit.

        Raises:
            SettingError: a name is unknown.
        """
        wanted = choose(names, [spec.name for spec in self.systems])
        return tuple(spec for spec in self.systems if spec.name in wanted or spec.kind == "gemm")


# --- quality ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QualitySuite(Suite):
    """How good systems are.

    Attributes:
        systems: name -> title, in the order they run.
        reference: the system that is compared with each of the others.
        metrics: name of a measure -> title.
        of_corpora: the measures that are shown for each corpus.
        least_of_corpus: sentences that a corpus must have to be shown.
        bootstrap: of the intervals.
    """

    folder: ClassVar[str] = "quality"

    systems: dict[str, str]
    reference: str
    metrics: dict[str, str]
    of_corpora: tuple[str, ...]
    least_of_corpus: int
    bootstrap: Bootstrap

    def __post_init__(self) -> None:
        for name in self.systems:
            require_known(name, OPENERS, "the system")
        require_known(self.reference, self.systems, "the reference")
        for name in self.metrics:
            require_known(name, HEADLINES, "the measure")
        for name in self.of_corpora:
            require_known(name, self.metrics, "the measure of corpora")


# --- engines_quality --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How the model is run.

    Attributes:
        title: for people.
        engine, device, precision: see :func:`framing.load`.
        int8: the ONNX graph is quantised first.
        most_sentences: of each set but the gold, evenly spread; all if ``None``. For what is slow where it runs.
    """

    title: str
    engine: str
    device: str
    precision: str
    int8: bool = False
    most_sentences: int | None = None

    def read_of(self, sentences: Any) -> Any:
        """The part of a sequence of sentences, or of their labels, that the system reads."""
        return sentences[:: max(1, -(-len(sentences) // (self.most_sentences or len(sentences))))]


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Settings of :func:`benchmarks.engines_quality.quantize.write_int8`."""

    per_channel: bool
    reduce_range: bool


@dataclass(frozen=True, slots=True)
class OutletSettings:
    """How outlets are compared.

    Attributes:
        least_sentences: of an outlet to be reported.
        permutations: of the test.
    """

    least_sentences: int
    permutations: int


@dataclass(frozen=True, slots=True)
class EnginesSuite(Suite):
    """What an engine or a precision costs in quality.

    Attributes:
        reference: the system that the others are compared with.
        systems: by name, in the order they run.
        article_sentences: of articles, at most.
        int8: how the graph is quantised.
        outlets: how they are compared.
    """

    folder: ClassVar[str] = "engines_quality"

    reference: str
    systems: dict[str, EngineSpec]
    article_sentences: int
    int8: Quantisation
    outlets: OutletSettings

    def __post_init__(self) -> None:
        require_known(self.reference, self.systems, "the reference")

    def chosen(self, device: str, names: str = "") -> dict[str, EngineSpec]:
        """The reference, then the device's systems that ``names``, joined by commas, asks for (all where it is empty).

        Raises:
            SettingError: the device or a name is unknown.
        """
        require_known(device, DEVICES, "device")
        there = [name for name, spec in self.systems.items() if spec.device == device]
        wanted = choose(names, there, f"on {device}, the system")
        return {name: self.systems[name] for name in dict.fromkeys([self.reference, *wanted])}


# --- training ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LearningCurveSuite(Suite):
    """How quality grows with the number of seeds.

    Attributes:
        recipe: of framing-train, relative to the checkout.
        shares: of the training groups, ascending, each in (0, 1].
        epochs: passes over a part.
        least_steps: steps of a training, however small its part.
        settings: of framing-train, over the recipe.
    """

    folder: ClassVar[str] = "learning_curve"

    recipe: str
    shares: tuple[float, ...]
    epochs: float
    least_steps: int
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        ascending = list(self.shares) == sorted(set(self.shares))
        if not self.shares or not ascending or not 0 < self.shares[0] <= self.shares[-1] <= 1:
            raise SettingError(f"the shares are {list(self.shares)}", expected="ascending, in (0, 1]")

    def steps(self, sentences: int, batch_size: int) -> int:
        """Optimizer steps of a training on so many sentences."""
        batches = -(-sentences // batch_size)
        return max(self.least_steps, math.ceil(self.epochs * batches))


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to train.

    Attributes:
        title: for people.
        settings: of framing-train, over the recipe.
    """

    title: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingSuite(Suite):
    """How fast training is.

    Attributes:
        recipe: of framing-train, relative to the checkout.
        variants: by name; the others are compared with the first.
        sentences: in a pass.
        rounds: passes of every variant.
        warm_up_steps: before the first.
        threads: of torch.
    """

    folder: ClassVar[str] = "training_speed"

    recipe: str
    variants: dict[str, Variant]
    sentences: int
    rounds: int
    warm_up_steps: int
    threads: int

    def __post_init__(self) -> None:
        if not self.variants:
            raise SettingError("there is no variant", expected="one or more")
