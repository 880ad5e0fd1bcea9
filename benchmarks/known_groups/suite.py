"""What the suite declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchmarks.suites import Suite, require_known
from framing.compare.estimands import ESTIMANDS


@dataclass(frozen=True, slots=True)
class Expectation:
    """Of two outlets, the one whose figure is known to be higher.

    Attributes:
        label: of the codebook.
        more, less: the outlets.
        contrast: of which the label is a name; that of the suite when ``None``.
        estimand: a key of :data:`framing.compare.estimands.ESTIMANDS`.
        voice: of the mentions; all when ``None``.
    """

    label: str
    more: str
    less: str
    contrast: str | None = None
    estimand: str = "contrast_share"
    voice: str | None = None

    def __post_init__(self) -> None:
        require_known(self.estimand, ESTIMANDS, "the estimand")


@dataclass(frozen=True, slots=True)
class KnownGroupsSuite(Suite):
    """Outlets whose stances are known.

    Attributes:
        outlets: that are compared, as the articles name them.
        contrast: whose shares are shown by outlet and voice.
        level: of the intervals.
        false_discovery: the highest q that is called distinguishable.
        expectations: what is known.
    """

    folder: ClassVar[str] = "known_groups"

    outlets: tuple[str, ...]
    contrast: str
    level: float
    false_discovery: float
    expectations: tuple[Expectation, ...]

    def __post_init__(self) -> None:
        for one in self.expectations:
            require_known(one.more, self.outlets, "the outlet")
            require_known(one.less, self.outlets, "the outlet")
