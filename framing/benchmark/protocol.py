"""What a benchmark and its workers say to each other: JSON, one message a line.

A request is ``{"request": NAME, …}``, its answer ``{"answer": VALUE}``, or ``{"error": TEXT, "missing": BOOL}`` where
``missing`` says that a package which the system needs is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar, get_origin, get_type_hints

from framing.codebook import did_you_mean
from framing.errors import SettingError

T = TypeVar("T")


class Request(StrEnum):
    """What a worker is asked to do."""

    OPEN = "open"  # load the system; {"spec", "checkpoint", "sentences"} -> what it says of itself
    ROUND = "round"  # label {"count"} sentences from {"first"} on -> {"seconds", "cpu_seconds", …}
    LABEL = "label"  # the same -> [what is said of each sentence], see Outcome
    LATENCY = "latency"  # label them one by one -> [seconds]
    SPLIT = "split"  # the same in steps -> {step: seconds}
    STREAM = "stream"  # label documents made of the sentences, over and over -> {"seconds", "sentences"}
    MEMORY = "memory"  # -> the most bytes of memory that were in use so far
    MODULES = "modules"  # -> the top-level modules that are loaded
    CLOSE = "close"  # end


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """One system of a benchmark, as its suite declares it.

    Attributes:
        name: unique in the suite, in lower case.
        title: for people; the name when empty. One that computes less than the others says so here.
        kind: what opens it; ``"framing"`` is the installed package's labeler, ``"gemm"`` the machine's own limit.
        engine, device, precision: in the words of :func:`framing.engine.open_engine`.
        threads: on a CPU; one for each core when ``None``. All thread pools of the process are held to it.
        batch: sentences in a batch, for systems that count in these.
        token_budget: tokens in a batch, for framing's engines; the engine's own when ``None``.
        sentences: how many it labels in a round.
        train_sentences: how many marked sentences a system learns from that cannot use the checkpoint's weights.
        checkpoint: another one than the suite's, as :func:`framing.load` takes it; empty for none.
    """

    name: str
    title: str = ""
    kind: str = "framing"
    engine: str = "auto"
    device: str = "cpu"
    precision: str = "auto"
    threads: int | None = None
    batch: int = 32
    token_budget: int | None = None
    sentences: int = 1024
    train_sentences: int = 1000
    checkpoint: str = ""

    def __post_init__(self) -> None:
        for name in ("threads", "batch", "token_budget", "sentences", "train_sentences"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"system {self.name!r}: {name} is {value}", expected="1 or more")

    @property
    def shown(self) -> str:
        """The title, or else the name."""
        return self.title or self.name

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system says of one sentence, as far as systems are compared by it.

    Attributes:
        probabilities: one for each output of the codebook, in its order.
        labels: frames and hedges that are over their threshold, as names, and the kind.
    """

    probabilities: tuple[float, ...]
    labels: tuple[str, ...]


def declared(form: type[T], values: Any, where: str) -> T:
    """Fill a dataclass from a mapping that someone wrote.

    Args:
        form: a dataclass of plain types; its fields are the keys.
        values: what was written.
        where: file and place, for messages.

    Raises:
        SettingError: it is no mapping, a key is unknown or missing, or a value is of the wrong type.
    """
    if not isinstance(values, Mapping):
        raise SettingError(f"{where} is {values!r:.60}", expected="keys with values")
    known = {field.name: field for field in fields(form)}  # type: ignore[arg-type]  # T is a dataclass
    for key in values:
        if key not in known:
            raise SettingError(
                f"{where}: the key {key!r} is unknown",
                expected=", ".join(known),
                hint=did_you_mean(str(key), known),
            )
    missing = [
        name
        for name, field in known.items()
        if name not in values and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise SettingError(f"{where}: {', '.join(missing)} missing", expected=", ".join(known))
    _check_types(form, values, where)
    return form(**values)


def _check_types(form: type[Any], values: Mapping[str, Any], where: str) -> None:
    hints = get_type_hints(form)
    for key, value in values.items():
        allowed = _plain_types(hints[key])
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            names = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in allowed)
            raise SettingError(f"{where}: {key} is {value!r}", expected=names)


def _plain_types(hint: Any) -> tuple[type, ...]:
    """What a value of a type may be in YAML or JSON: ``int | None`` is ``(int, NoneType)``, ``list[str]`` a list."""
    if isinstance(hint, UnionType):
        return tuple(kind for part in hint.__args__ for kind in _plain_types(part))
    return (int, float) if hint is float else (get_origin(hint) or hint,)
