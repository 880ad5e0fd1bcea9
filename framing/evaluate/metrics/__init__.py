"""Our ``evaluate.Metric`` modules: loaded from this folder, so without any network.

====================  =============================================  ==========================================
name                  predictions and references, one per sentence   results
====================  =============================================  ==========================================
``frames_f1``         list of 0/1, one for each frame                ``macro_f1``, ``micro_f1``, ``label_f1``
``spans_f1``          list of {label, start, end}                    ``precision``, ``recall``, ``f1``, ``exact_f1``
``mention_voice_f1``  list of {label, start, end, voice}             the same three, ``voice_accuracy``
``hedged_f1``         0 or 1                                         ``precision``, ``recall``, ``f1``
====================  =============================================  ==========================================

They give the same numbers as :mod:`framing.evaluate.scoring` (a test holds them to it), in the form that a
``transformers.Trainer`` and other users of ``evaluate`` combine and report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framing.errors import MissingExtraError, SettingError

if TYPE_CHECKING:
    import evaluate

_FOLDER = Path(__file__).parent

#: Names that :func:`load_metric` knows.
METRICS: tuple[str, ...] = ("frames_f1", "spans_f1", "mention_voice_f1", "hedged_f1")


def load_metric(name: str) -> evaluate.Metric:
    """Loads one of our metrics; never touches the network.

    Args:
        name: one of :data:`METRICS`.

    Raises:
        SettingError: there is no metric of that name.
        MissingExtraError: ``evaluate`` is not installed.
    """
    if name not in METRICS:
        raise SettingError(f"there is no metric {name!r}", expected="one of " + ", ".join(METRICS))
    try:
        import evaluate
    except ImportError as error:
        raise MissingExtraError(
            "the metric modules need the package evaluate, which is not installed",
            hint="pip install evaluate",
        ) from error
    # In memory: several runs at once would otherwise wait for each other's lock on one cache file.
    return evaluate.load(str(_FOLDER / name), keep_in_memory=True)
