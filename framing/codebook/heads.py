"""What a model says, declared as data: an ordered set of heads, each with its names.

The codebook declares the heads, a checkpoint's ``config.json`` carries them. Engines, the ONNX graph, batching,
calibration and the loss go through them and know none by name. The logits of all heads of one scope stand side by side,
in the order of the heads: ``tokens`` [..., token width] and ``sentences`` [..., sentence width].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, cast, overload

from framing.errors import CheckpointError

Scope = Literal["token", "sentence"]
Activation = Literal["sigmoid", "softmax"]

#: The heads that a codebook's own sections declare; every other head is a task.
LABELS, VOICE, KIND = "labels", "voice", "kind"


@dataclass(frozen=True, slots=True)
class Head:
    """One linear layer on the encoder's states.

    Attributes:
        name: :data:`LABELS`, :data:`VOICE`, :data:`KIND`, or the name of a task.
        scope: ``"token"``: read on every token; ``"sentence"``: read on the first token, for the whole sentence.
        names: what its logits stand for, in order.
        activation: ``"sigmoid"``: each name by itself; ``"softmax"``: one of the names.
    """

    name: str
    scope: Scope
    names: tuple[str, ...]
    activation: Activation

    def __post_init__(self) -> None:
        if self.scope not in ("token", "sentence") or self.activation not in ("sigmoid", "softmax"):
            raise CheckpointError(
                f"head {self.name!r}: scope {self.scope!r}, activation {self.activation!r}",
                expected="scope token or sentence, activation sigmoid or softmax",
            )
        if not self.names or len(set(self.names)) < len(self.names):
            raise CheckpointError(f"head {self.name!r}: the names {list(self.names)}", expected="different names")

    @property
    def module(self) -> str:
        """The name of its weights in the checkpoint. A task's is prefixed: it must not hide an attribute of torch's."""
        return self.name if self.name in (LABELS, VOICE, KIND) else f"task_{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"name": self.name, "scope": self.scope, "names": list(self.names), "activation": self.activation}


@dataclass(frozen=True, slots=True)
class Heads(Sequence[Head]):
    """The heads of one model, in order."""

    all: tuple[Head, ...]

    def __post_init__(self) -> None:
        names = [head.name for head in self.all]
        if not names or len(set(names)) < len(names):
            raise CheckpointError(f"the heads {names}", expected="at least one head, each name once")

    @overload
    def __getitem__(self, index: int) -> Head: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Head, ...]: ...
    def __getitem__(self, index: int | slice) -> Head | tuple[Head, ...]:
        return self.all[index]

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Head]:
        return iter(self.all)

    def find(self, name: str) -> Head | None:
        """The head of that name, or ``None``."""
        return next((head for head in self.all if head.name == name), None)

    def of_scope(self, scope: Scope) -> tuple[Head, ...]:
        """Those that are read on tokens, or on sentences."""
        return tuple(head for head in self.all if head.scope == scope)

    def width(self, scope: Scope) -> int:
        """How many logits the heads of a scope have together."""
        return sum(len(head.names) for head in self.of_scope(scope))

    def columns(self, head: Head) -> slice:
        """Where a head's logits stand among those of its scope."""
        same = self.of_scope(head.scope)
        first = sum(len(other.names) for other in same[: same.index(head)])
        return slice(first, first + len(head.names))

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-ready; the reverse of :meth:`from_list`."""
        return [head.to_dict() for head in self.all]

    @classmethod
    def from_list(cls, entries: Iterable[Mapping[str, Any]]) -> Self:
        """Read what :meth:`to_list` wrote.

        Raises:
            CheckpointError: it is not of the form.
        """
        try:
            heads = tuple(Head(e["name"], e["scope"], tuple(e["names"]), e["activation"]) for e in entries)
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"the heads are not of the expected form: {error!r}", expected="name, scope, names, activation of each"
            ) from error
        return cls(heads)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The heads that a checkpoint's ``config.json`` names; one of framing 0.1 names them as three lists.

        Raises:
            CheckpointError: it names none.
        """
        if "heads" in config:
            return cls.from_list(cast(list[dict[str, Any]], config["heads"]))
        if "outputs" not in config:
            raise CheckpointError(
                "the configuration names no heads", expected="the config.json that framing-train writes"
            )
        return cls(
            (
                Head(LABELS, "token", tuple(config["outputs"]), "sigmoid"),
                Head(VOICE, "token", tuple(config["voices"]), "softmax"),
                Head(KIND, "sentence", tuple(config["kinds"]), "softmax"),
            )
        )
