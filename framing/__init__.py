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
    from framing.labeler import Labeler as Labeler
    from framing.labeler import SentenceLabelsList as SentenceLabelsList
    from framing.labeler import load as load
    from framing.text.formats import read as read
    from framing.types import Document as Document
    from framing.types import DocumentLabels as DocumentLabels
    from framing.types import Hedge as Hedge
    from framing.types import HedgeKind as HedgeKind
    from framing.types import Kind as Kind
    from framing.types import Mention as Mention
    from framing.types import Sentence as Sentence
    from framing.types import SentenceLabels as SentenceLabels
    from framing.types import Source as Source
    from framing.types import Voice as Voice

__version__ = "0.1.0"

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
    "framing.labeler": ("Labeler", "SentenceLabelsList", "load"),
    "framing.text.formats": ("read",),
    "framing.types": (
        "Document",
        "DocumentLabels",
        "Hedge",
        "HedgeKind",
        "Kind",
        "Mention",
        "Sentence",
        "SentenceLabels",
        "Source",
        "Voice",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562)."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'framing' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
