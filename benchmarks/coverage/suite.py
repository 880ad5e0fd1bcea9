"""What the suite declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmarks.suites import Suite
from framing.errors import SettingError


@dataclass(frozen=True, slots=True)
class Scenario:
    """How outlets differ.

    Attributes:
        title: for people.
        tilt: logits by which each outlet draws documents with the label more often.
        errors: logits by which it draws documents more often that the model gets wrong. In a scenario without planted
            differences the truth stays that of all documents: see :mod:`benchmarks.coverage.corpora`.
    """

    title: str
    tilt: tuple[float, ...]
    errors: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.tilt) != len(self.errors) or len(self.tilt) < 2:
            raise SettingError(f"tilts of {len(self.tilt)} outlets, errors of {len(self.errors)}", expected="as many")


@dataclass(frozen=True, slots=True)
class Size:
    """How large a corpus is.

    Attributes:
        documents: of an outlet.
        annotated: of them.
    """

    documents: int
    annotated: int

    def __post_init__(self) -> None:
        if not 2 <= self.annotated <= self.documents:
            raise SettingError(
                f"{self.annotated} of {self.documents} annotated", expected="at least 2, and at most all"
            )


@dataclass(frozen=True, slots=True)
class CoverageSuite(Suite):
    """Coverage of intervals.

    Attributes:
        contrast: whose shares are estimated, in all voices together.
        label: of it, by which outlets are made to differ.
        corpora: of each scenario and size.
        seed: of the first corpus.
        level: of the intervals.
        false_discovery: the highest q that is called distinguishable.
        lean: of the sample (:func:`framing.compare.sampling.draw`).
        parts: marked documents in a document, on average.
        clumping: standard deviation, in logits, of the tilt of single documents.
        scenarios: by name.
        sizes: of corpora.
    """

    folder: ClassVar[str] = "coverage"

    contrast: str
    label: str
    corpora: int
    seed: int
    level: float
    false_discovery: float
    lean: float
    parts: float
    clumping: float
    scenarios: dict[str, Scenario]
    sizes: tuple[Size, ...]
