"""Who names it how, in whose voice, and how sure: framing and hedging in news, sentence by sentence.

::

    import framing

    labeler = framing.load()
    labels = labeler("The army liberated the town from terrorists, state TV claimed.")
    labels.frames, labels.mentions, labels.hedged

Importing this package loads none of what it stands on; each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framing.codebook import Codebook as Codebook
    from framing.compare.front import compare as compare
    from framing.errors import CheckpointCorruptedError as CheckpointCorruptedError
    from framing.errors import CheckpointError as CheckpointError
    from framing.errors import CheckpointNotFoundError as CheckpointNotFoundError
    from framing.errors import CodebookError as CodebookError
    from framing.errors import CodebookMismatchError as CodebookMismatchError
    from framing.errors import ColumnError as ColumnError
    from framing.errors import FramingError as FramingError
    from framing.errors import InputError as InputError
    from framing.errors import MarkupError as MarkupError
    from framing.errors import MissingExtraError as MissingExtraError
    from framing.errors import OutputError as OutputError
    from framing.errors import SettingError as SettingError
    from framing.errors import UnreadableFileError as UnreadableFileError
    from framing.evaluate.front import evaluate as evaluate
    from framing.labeler import Labeler as Labeler
    from framing.labeler import load as load
    from framing.reading import Columns as Columns
    from framing.reading import read as read
    from framing.records import open_writer as open_writer
    from framing.records import read_labels as read_labels
    from framing.report.front import report as report
    from framing.train.front import train as train
    from framing.types import Document as Document
    from framing.types import DocumentLabels as DocumentLabels
    from framing.types import Hedge as Hedge
    from framing.types import Kind as Kind
    from framing.types import Labels as Labels
    from framing.types import MarkedWords as MarkedWords
    from framing.types import Mention as Mention
    from framing.types import Rejected as Rejected
    from framing.types import Sentence as Sentence
    from framing.types import SentenceLabels as SentenceLabels
    from framing.types import Source as Source

__version__ = "0.2.0.dev0"

_HOMES = {
    "framing.codebook": ("Codebook",),
    "framing.errors": (
        "CheckpointCorruptedError",
        "CheckpointError",
        "CheckpointNotFoundError",
        "CodebookError",
        "CodebookMismatchError",
        "ColumnError",
        "FramingError",
        "InputError",
        "MarkupError",
        "MissingExtraError",
        "OutputError",
        "SettingError",
        "UnreadableFileError",
    ),
    "framing.labeler": ("Labeler", "load"),
    "framing.reading": ("Columns", "read"),
    "framing.records": ("open_writer", "read_labels"),
    "framing.types": (
        "Document",
        "DocumentLabels",
        "Hedge",
        "Kind",
        "Labels",
        "MarkedWords",
        "Mention",
        "Rejected",
        "Sentence",
        "SentenceLabels",
        "Source",
    ),
}
#: Packages that are functions too.
_CALLABLE = ("compare", "evaluate", "report", "train")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted((*_HOME_OF, *_CALLABLE))]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    if name in _CALLABLE:
        return import_module(f"framing.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'framing' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF, *_CALLABLE})
