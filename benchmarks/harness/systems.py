"""What a worker measures: a system that labels sentences. framing's own is here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import framing
from benchmarks.harness.protocol import Outcome, SystemSpec
from framing.errors import MissingExtraError, SettingError
from framing.labeler import Labeler
from framing.speed import take
from framing.types import Document

#: Sentences of a document of :meth:`FramingSystem.stream`, about an article's.
_DOCUMENT = 20


class System(ABC):
    """Runs in a worker and is timed round by round."""

    @abstractmethod
    def round(self, sentences: Sequence[str]) -> dict[str, float]:
        """Do the work that is timed; return other figures, if any."""

    def describe(self) -> dict[str, Any]:
        """What runs where, JSON-ready."""
        return {}


class LabellingSystem(System):
    """Labels sentences that have nothing to do with each other.

    Attributes:
        same_weights: whether it runs the checkpoint's weights, so that its labels can be compared with the reference's.
    """

    same_weights: ClassVar[bool] = True

    @abstractmethod
    def label(self, sentences: Sequence[str]) -> Sequence[Any]:
        """All that it says of the sentences, in their order."""

    def round(self, sentences: Sequence[str]) -> dict[str, float]:
        """Labels the sentences."""
        self.label(sentences)
        return {}

    def outcomes(self, sentences: Sequence[str]) -> list[Outcome]:
        """The labels in the form in which systems are compared."""
        return [outcome_of(labels) for labels in self.label(sentences)]


#: Makes a system of its declaration and the checkpoint's folder.
Opener = Callable[[SystemSpec, Path], System]


def outcome_of(labels: Any) -> Outcome:
    """Of a :class:`~framing.types.SentenceLabels` or a :class:`~framing.decoding.decoder.DecodedSentence`."""
    kind = labels.kind() if callable(labels.kind) else labels.kind
    names = {*labels.frames, *(f"hedge.{hedge.kind}" for hedge in labels.hedges), kind}
    return Outcome(tuple(labels.probabilities.values()), tuple(sorted(names)))


class FramingSystem(LabellingSystem):
    """The package as its users call it: ``framing.load(…)`` and ``labeler(sentences)``.

    Args:
        spec: gives engine, device, precision, threads and token budget.
        checkpoint: its folder.

    Raises:
        MissingExtraError: the engine is not installed, or the processor does not compute in the precision.
    """

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        try:
            self.labeler: Labeler = framing.load(
                checkpoint,
                engine=spec.engine,
                device=spec.device,
                precision=spec.precision,
                threads=spec.threads,
                token_budget=spec.token_budget,
            )
        except SettingError as error:
            # A suite is for many machines: what one of them cannot run is left out, as if a package were missing.
            if (spec.engine, spec.precision) == ("openvino", "bf16"):
                raise MissingExtraError(error.message) from error
            raise

    def label(self, sentences: Sequence[str]) -> Sequence[Any]:
        """The labeler's records."""
        return self.labeler(sentences)

    def describe(self) -> dict[str, Any]:
        """The labeler's own description."""
        return self.labeler.describe()

    def stream(self, sentences: Sequence[str], count: int) -> int:
        """Label documents of the sentences, over and over, as a stream of which nothing is kept.

        Args:
            sentences: at least one.
            count: how many to put into the stream; the reader may cut some in two.

        Returns:
            How many were labelled.
        """
        return sum(len(labels) for labels in self.labeler.documents(_documents(sentences, count)))


def _documents(sentences: Sequence[str], count: int) -> Iterator[Document]:
    for first in range(0, count, _DOCUMENT):
        text = "\n\n".join(take(sentences, first, min(_DOCUMENT, count - first)))
        yield Document(text, id=str(first))
