"""The text itself with what was found in it: frames by voice, hedges, sources, kinds; and counts of the frames.

Every distinction is drawn twice, by colour and by bold, underline or reverse, so that it is there without colours
too (``NO_COLOR``, or eyes that tell them apart less well). The colours are the terminal's own, which its user has
chosen to be legible, and which every terminal has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import NoReturn, Self

from rich import box
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from framing.files import reporting_write_errors
from framing.types import OUTLET_KINDS, DocumentLabels, Hedge, Kind, Mention, SentenceLabels, Source, Voice

VOICE_STYLES = {
    Voice.AUTHOR: Style.parse("bold red"),
    Voice.ATTRIBUTED: Style.parse("underline cyan"),
    Voice.QUOTED: Style.parse("bold underline green"),
    Voice.DISTANCED: Style.parse("reverse magenta"),
}
HEDGE_STYLE = Style.parse("underline2 yellow")
SOURCE_STYLE = Style.parse("italic")
KIND_STYLES = {
    Kind.HEADLINE: Style.parse("bold"),
    Kind.CAPTION: Style(),
    Kind.BODY: Style(),
    Kind.COMMENT: Style.parse("dim"),
    Kind.BOILERPLATE: Style.parse("dim"),
}
_TAG = Style.parse("dim not bold not underline not underline2 not reverse not italic")
_VOICE_MEANINGS = {
    Voice.AUTHOR: "the outlet's own word",
    Voice.ATTRIBUTED: "a cited source's word",
    Voice.QUOTED: "inside quotation marks",
    Voice.DISTANCED: "held at arm's length",
}
#: Columns of text; longer lines are hard to read.
_WIDEST = 100
#: Code points that are shown of a piece of page debris.
_SHOWN_BOILERPLATE = 120
# Which kinds are told by a word before the sentence, and not by the look alone.
_TAGGED_KINDS = frozenset({Kind.CAPTION, Kind.COMMENT, Kind.BOILERPLATE})


class _Console(Console):
    """Leaves it to the command what a closed pipe means; rich would leave with 1."""

    def on_broken_pipe(self) -> NoReturn:
        raise  # rich calls this while it handles the error


class View:
    """Prints labelled documents; use it in a ``with`` block, which ends with the legend.

    Args:
        console: where to; standard output when ``None``.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _Console(highlight=False)
        self._width = min(self._console.width, _WIDEST)

    def write(self, labels: DocumentLabels) -> None:
        """Print a document: heading, text, counts; of a document of one sentence the sentence alone.

        Raises:
            OutputError: standard output takes no more.
        """
        if len(labels) == 1:
            self._print(_text(labels))
            return
        self._print(Rule(_heading(labels), align="left", style="dim"))
        self._print(Text())
        self._print(_text(labels))
        self._print(Text())
        if counts := _counts(labels):
            self._print(counts)
        self._print(_kinds_line(labels))
        self._print(Text())

    def legend(self) -> None:
        """Print what the styles mean."""
        self._print(Text())
        self._print(_legend())

    def _print(self, item: RenderableType) -> None:
        with reporting_write_errors("standard output"):
            self._console.print(item, width=self._width)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.legend()


def _heading(labels: DocumentLabels) -> Text:
    document = labels.document
    known = [part for part in (document.outlet, document.published, document.id) if part]
    return Text(" · ".join(_one_line(part) for part in known), style="bold")


# --- the text ---------------------------------------------------------------------------------------------------------


def _text(labels: DocumentLabels) -> Text:
    """The document's lines as they are, blank lines between paragraphs reduced to one."""
    text = Text()
    end = 0
    previous: SentenceLabels | None = None
    for sentence in labels:
        if previous is not None:
            text.append(_gap(labels.document.text[end : sentence.start]))
        text.append_text(sentence_text(sentence, tag=_needs_tag(sentence, previous, text)))
        previous, end = sentence, sentence.end
    return text


def _gap(between: str) -> str:
    lines = len(between.splitlines()) + between.endswith(("\n", "\r")) - 1 if between else 0
    return " " if lines < 1 else "\n" * min(lines, 2)


def _needs_tag(sentence: SentenceLabels, previous: SentenceLabels | None, text: Text) -> bool:
    """A run of sentences of one kind is tagged once a line."""
    if sentence.kind not in _TAGGED_KINDS:
        return False
    return previous is None or previous.kind is not sentence.kind or text.plain.endswith("\n")


def sentence_text(sentence: SentenceLabels, *, tag: bool = True) -> Text:
    """A sentence with its marks.

    Args:
        sentence: what was found.
        tag: put its kind before it.
    """
    text = Text()
    if tag:
        text.append(f"[{sentence.kind}] ", style=_TAG + Style(italic=True))
    if sentence.kind is Kind.BOILERPLATE:
        return text.append(_shortened(_one_line(sentence.text)), style=KIND_STYLES[sentence.kind])
    shown = _one_line(sentence.text)
    told_source: str | None = None
    for start, end in _segments(sentence):
        text.append(shown[start:end], style=_style_at(sentence, start))
        for tag_ in _frame_tags(sentence, end):
            # A source is written at the first of its frames in a row, not at each.
            text.append(
                tag_.written(with_source=tag_.source != told_source), style=_tag_style(VOICE_STYLES[tag_.voice])
            )
            told_source = tag_.source
        for hedge in sentence.hedges:
            if hedge.end == end:
                text.append(f"‹~{hedge.kind}›", style=_tag_style(HEDGE_STYLE))
    return text


def _tag_style(style: Style) -> Style:
    return _TAG + Style(color=style.color)


def _segments(sentence: SentenceLabels) -> Iterator[tuple[int, int]]:
    """The sentence cut wherever a span begins or ends; spans may overlap."""
    spans: tuple[Mention | Hedge | Source, ...] = (*sentence.mentions, *sentence.hedges, *sentence.sources)
    cuts = sorted({0, len(sentence.text), *(s.start for s in spans), *(s.end for s in spans)})
    return pairwise(cuts)


def _style_at(sentence: SentenceLabels, position: int) -> Style:
    """Of a frame over a hedge over a source, the frame's colour wins, and the other attributes add up."""
    styles = [KIND_STYLES[sentence.kind]]
    styles += [SOURCE_STYLE for source in sentence.sources if source.start <= position < source.end]
    styles += [HEDGE_STYLE for hedge in sentence.hedges if hedge.start <= position < hedge.end]
    styles += [VOICE_STYLES[m.voice] for m in sentence.mentions if m.start <= position < m.end]
    return Style.combine(styles)


@dataclass(frozen=True, slots=True)
class _FrameTag:
    """What stands behind a span: its frames of one voice and source."""

    labels: tuple[str, ...]
    voice: Voice
    source: str | None

    def written(self, *, with_source: bool) -> str:
        voice = "" if self.voice is Voice.AUTHOR else f"·{self.voice}"
        source = f": {_one_line(self.source)}" if self.source and with_source else ""
        return f"‹{'+'.join(self.labels)}{voice}{source}›"


def _frame_tags(sentence: SentenceLabels, end: int) -> Iterator[_FrameTag]:
    """The frames that end here, together where voice and source agree."""
    found: dict[tuple[Voice, str | None], list[str]] = {}
    for mention in sentence.mentions:
        if mention.end == end:
            found.setdefault((mention.voice, mention.source), []).append(mention.label)
    for (voice, source), labels in found.items():
        yield _FrameTag(tuple(labels), voice, source)


def _one_line(text: str) -> str:
    """Each white space a blank, each other control character a blank: offsets stay, and a terminal takes no orders."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]", " ", text)


def _shortened(text: str) -> str:
    if len(text) <= _SHOWN_BOILERPLATE:
        return text
    return f"{text[:_SHOWN_BOILERPLATE].rstrip()}… ({len(text) - _SHOWN_BOILERPLATE:,} more characters)"


# --- the counts -------------------------------------------------------------------------------------------------------


def _counts(labels: DocumentLabels) -> Table | None:
    """Frames by voice in the outlet's own sentences, the most frequent first."""
    own = [sentence for sentence in labels if sentence.kind in OUTLET_KINDS]
    mentions = [mention for sentence in own for mention in sentence.mentions]
    if not mentions:
        return None
    by_voice = Counter((mention.label, mention.voice) for mention in mentions)
    totals = Counter(mention.label for mention in mentions)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Frame", no_wrap=True)
    for voice in Voice:
        table.add_column(Text(voice, style=VOICE_STYLES[voice]), justify="right", no_wrap=True)
    table.add_column("all", justify="right")
    for label, total in totals.most_common():
        cells = (str(by_voice[label, voice] or "·") for voice in Voice)
        table.add_row(label, *cells, str(total))
    return table


def _kinds_line(labels: DocumentLabels) -> Text:
    """How many sentences are the outlet's own, and what else is on the page and not in the table."""
    kinds = Counter(sentence.kind for sentence in labels)
    hedged = sum(sentence.hedged for sentence in labels if sentence.kind in OUTLET_KINDS)
    own = ", ".join(f"{kinds[kind]} {kind}" for kind in Kind if kind in OUTLET_KINDS and kinds[kind])
    text = Text(f"The outlet's own sentences: {own or 'none'}; {hedged} hedged.", style="dim")
    others = [
        f"{kinds[kind]} {kind}" + _listed(labels.counts(kinds=[kind]))
        for kind in Kind
        if kind not in OUTLET_KINDS and kinds[kind]
    ]
    return text.append(f" Not counted: {', '.join(others)}.") if others else text


def _listed(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{label} {count}' for label, count in counts.most_common())})" if counts else ""


# --- the legend -------------------------------------------------------------------------------------------------------


def _legend() -> Table:
    marks = [
        (Text.assemble(("word", HEDGE_STYLE), ("‹~kind›", _tag_style(HEDGE_STYLE))), "a hedge"),
        (Text("words", style=SOURCE_STYLE), "who is cited"),
        (Text("headline", style=KIND_STYLES[Kind.HEADLINE]), "a headline"),
        (Text("[comment]", style=KIND_STYLES[Kind.COMMENT]), "not the outlet's"),
    ]
    grid = Table.grid(padding=(0, 2))
    for _ in range(4):
        grid.add_column(no_wrap=True)
    for voice, (mark, meaning) in zip(Voice, marks, strict=True):
        word = Text.assemble(("word", VOICE_STYLES[voice]), (f"‹{_example(voice)}›", _tag_style(VOICE_STYLES[voice])))
        grid.add_row(word, Text(_VOICE_MEANINGS[voice]), mark, Text(meaning))
    return grid


def _example(voice: Voice) -> str:
    return "frame" if voice is Voice.AUTHOR else f"frame·{voice}"
