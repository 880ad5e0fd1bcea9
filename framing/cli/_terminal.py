"""What commands print to people: nothing that comes from outside gives the terminal orders."""

from __future__ import annotations

from collections.abc import Iterable

from rich import console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from framing.reading.encodings import UNSEEN, visible


class Console(console.Console):
    """A console of rich that shows control characters of what it prints (:func:`visible`), and obeys none of them.

    Names of files, titles of codebooks and texts go through here, in messages and in tables alike. What rich itself
    sends to the terminal (colours, the moves of a progress bar) is no text, and stays.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces that are printed for something."""
        if isinstance(renderable, str):
            renderable = visible(renderable)
        elif isinstance(renderable, Text) and UNSEEN.search(renderable.plain):
            renderable = _visible_text(renderable)
        return super().render(renderable, options)


def _visible_text(text: Text) -> Text:
    """The text with its control characters shown, in the styles that they have."""
    shown = text.blank_copy()
    cuts = (place for match in UNSEEN.finditer(text.plain) for place in match.span())
    for piece in text.divide(cuts):
        if UNSEEN.match(piece.plain):
            written = visible(piece.plain)
            spans = [Span(0, len(written), span.style) for span in piece.spans]
            piece = Text(written, style=piece.style, spans=spans)
        shown.append_text(piece)
    return shown
