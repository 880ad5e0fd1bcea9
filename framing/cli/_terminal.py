"""Printing: text from outside cannot control the terminal, and everything can be encoded."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import Any, NoReturn

import typer
from rich import console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from framing.reading.encodings import UNSEEN, visible

#: Common marks -> what is printed if the encoding lacks them, as in Latin-1 or ASCII.
_PLAIN_MARKS = str.maketrans("‹›“”„«»‘’‚·–—", '<>"""""\'\',.--', "") | {ord("…"): "..."}
_ERRORS = "framing-plain"


class Console(console.Console):
    """A console of rich that prints control characters in texts as escapes (:func:`visible`).

    Names of files, titles of codebooks and texts are printed through it, in messages and in tables. The control codes
    that rich itself sends (colours, a progress bar) are not changed.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does. A message that cannot be written to standard error is dropped, so that work goes on.

        Raises:
            OSError: standard output cannot be written; a BrokenPipeError if its reader has gone.
        """
        try:
            super().print(*objects, **options)
        except OSError:
            if not self.stderr:
                raise

    def on_broken_pipe(self) -> NoReturn:
        """Raise the error again, for :func:`framing.cli._errors.reporting_errors`; rich would exit with 1."""
        raise  # rich calls this while it handles the error

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments that are printed, with control characters as escapes."""
        if isinstance(renderable, str):
            renderable = visible(renderable)
        elif isinstance(renderable, Text) and UNSEEN.search(renderable.plain):
            renderable = _visible_text(renderable)
        return super().render(renderable, options)


def _visible_text(text: Text) -> Text:
    """The text with its control characters as escapes, in the same styles."""
    shown = text.blank_copy()
    cuts = (place for match in UNSEEN.finditer(text.plain) for place in match.span())
    for piece in text.divide(cuts):
        if UNSEEN.match(piece.plain):
            written = visible(piece.plain)
            spans = [Span(0, len(written), span.style) for span in piece.spans]
            piece = Text(written, style=piece.style, spans=spans)
        shown.append_text(piece)
    return shown


def print_json(value: Any) -> None:
    """Print a value as JSON; in ASCII if the encoding of standard output lacks one of its characters."""
    written = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    written = UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", written)
    try:
        written.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        written = json.dumps(value, indent=2, allow_nan=False)
    typer.echo(written)


def prepare_streams() -> None:
    """Make standard output accept every character, and replace standard streams that are closed.

    A character that the encoding lacks is printed as a plain one or as an escape (``\\u0645``), as Python does on
    standard error. For a closed stream (``>&-``) Python has ``None``, and the next file to be opened would get its
    number, to which libraries write. The replacement of standard input or output fails when it is used, as a closed
    stream does; the replacement of standard error drops what is written.
    """
    codecs.register_error(_ERRORS, _in_plain_characters)
    for name, usable, mode in (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, usable)  # the lowest free number, which is that of the stream
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors=_ERRORS)


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = visible(error.object[error.start : error.end].translate(_PLAIN_MARKS))
    return characters.encode("ascii", "backslashreplace").decode("ascii"), error.end
