"""Print a text with its labels: frames by voice, hedges, sources, kinds; and counts of the frames.

Every distinction is shown both by colour and by bold, underline or reverse, so that it can be seen without colours too
(``NO_COLOR``, or colour blindness). The colours come from the palette of the terminal, which its user has chosen to be
legible.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest
from types import TracebackType
from typing import Self

from rich import box
from rich.console import RenderableType
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from framing.cli._terminal import Console
from framing.codebook import Codebook
from framing.files import reporting_write_errors
from framing.reading.encodings import visible
from framing.types import OUTLET_KINDS, DocumentLabels, Hedge, Kind, Mention, SentenceLabels, Source, TaskAnswer

#: Role of a voice in the codebook -> style of its frames.
VOICE_STYLES = {
    "own": Style.parse("bold red"),
    "cited": Style.parse("underline cyan"),
    "quoted": Style.parse("bold underline green"),
    "other": Style.parse("reverse magenta"),
}
_MEANINGS = {
    "own": "the outlet's own word",
    "cited": "a cited source's word",
    "quoted": "inside quotation marks",
    "other": "held at arm's length",
}
#: The style of frames if the codebook has no voices.
_PLAIN = Style.parse("bold")
HEDGE_STYLE = Style.parse("underline2 yellow")
SOURCE_STYLE = Style.parse("italic")
KIND_STYLES = {
    Kind.HEADLINE: Style.parse("bold"),
    Kind.COMMENT: Style.parse("dim"),
    Kind.BOILERPLATE: Style.parse("dim"),
}
_TAG = Style.parse("dim not bold not underline not underline2 not reverse not italic")
#: The widest text, in columns of the terminal; longer lines are hard to read.
_WIDEST = 100
#: How many code points of page debris are shown.
_SHOWN_BOILERPLATE = 120
# Sentences of these kinds have no tag before them.
_UNTAGGED_KINDS = frozenset({Kind.HEADLINE, Kind.BODY})


class View:
    """Prints labelled documents; use it in a ``with`` block, at the end of which the legend is printed.

    Args:
        codebook: the codebook of the labels.
        console: where to print; standard output if ``None``.
    """

    def __init__(self, codebook: Codebook, console: Console | None = None) -> None:
        self._codebook = codebook
        self._console = console or Console(highlight=False)
        self._width = min(self._console.width, _WIDEST)

    def write(self, labels: DocumentLabels) -> None:
        """Print a document: heading, text and counts, or only the sentence if it has just one.

        Raises:
            OutputError: standard output cannot be written.
        """
        if len(labels) == 1:
            self._print(_text(labels, self._codebook))
            return
        self._print(Rule(_heading(labels), align="left", style="dim"))
        self._print(Text())
        self._print(_text(labels, self._codebook))
        self._print(Text())
        if counts := _counts(labels, self._codebook):
            self._print(counts)
        self._print(_kinds_line(labels, self._codebook))
        self._print(Text())

    def legend(self) -> None:
        """Print what the styles mean."""
        self._print(Text())
        self._print(_legend(self._codebook))

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
    return Text(" · ".join(_shown(part) for part in known), style="bold")


# --- the text ---------------------------------------------------------------------------------------------------------


def _text(labels: DocumentLabels, codebook: Codebook) -> Text:
    """The document's lines, with at most one blank line between paragraphs."""
    text = Text()
    end = 0
    previous: SentenceLabels | None = None
    for sentence in labels:
        if previous is not None:
            text.append(_gap(labels.document.text[end : sentence.start]))
        text.append_text(sentence_text(sentence, codebook, tag=_needs_tag(sentence, previous, text)))
        previous, end = sentence, sentence.end
    return text


def _gap(between: str) -> str:
    lines = len(between.splitlines()) + between.endswith(("\n", "\r")) - 1 if between else 0
    return " " if lines < 1 else "\n" * min(lines, 2)


def _needs_tag(sentence: SentenceLabels, previous: SentenceLabels | None, text: Text) -> bool:
    """Whether to put the kind before a sentence: once per line for a run of sentences of one kind."""
    if sentence.kind in _UNTAGGED_KINDS:
        return False
    return previous is None or previous.kind != sentence.kind or text.plain.endswith("\n")


def sentence_text(sentence: SentenceLabels, codebook: Codebook, *, tag: bool = True) -> Text:
    """A sentence with its labels in colour.

    Args:
        sentence: the labelled sentence.
        codebook: has the roles of voices.
        tag: put the sentence's kind before it.
    """
    text = Text()
    kind_style = KIND_STYLES.get(sentence.kind, Style())  # type: ignore[call-overload]  # a Kind is a str
    if tag:
        text.append(f"[{sentence.kind}] ", style=_TAG + Style(italic=True))
    if sentence.kind == Kind.BOILERPLATE:
        return text.append(visible(_shortened(_one_line(sentence.text))), style=kind_style)
    styles = {guide.name: VOICE_STYLES[guide.role] for guide in codebook.voice_guides}
    own = codebook.voices_of_role("own")
    shown = _one_line(sentence.text)
    told_source: Source | None = None
    for start, end in _segments(sentence):
        text.append(visible(shown[start:end]), style=kind_style + _style_at(sentence, start, styles))
        for (voice, source), labels in _frames_ending(sentence, end):
            written = "+".join(labels) + (f"·{voice}" if voice and voice not in own else "")
            # Frames in a row with one source: only the first shows it.
            if source and source != told_source:
                written += f": {_shown(source.text)}"
            text.append(f"‹{written}›", style=_tag_style(styles.get(voice or "", _PLAIN)))
            told_source = source
        for hedge in sentence.hedges:
            if hedge.end == end:
                text.append(f"‹~{hedge.kind}›", style=_tag_style(HEDGE_STYLE))
    for task, answer in sentence.tasks.items():
        if said := _said(answer):
            text.append(f" ‹{task}: {said}›", style=_TAG)
    return text


def _said(answer: TaskAnswer) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Mapping):
        return ", ".join(answer)
    return ", ".join(f"{words.value} ({_shown(words.text)})" for words in answer)


def _tag_style(style: Style) -> Style:
    return _TAG + Style(color=style.color)


def _segments(sentence: SentenceLabels) -> Iterator[tuple[int, int]]:
    """The sentence cut wherever a span begins or ends; spans may overlap."""
    spans: tuple[Mention | Hedge | Source, ...] = (*sentence.mentions, *sentence.hedges, *sentence.sources)
    cuts = sorted({0, len(sentence.text), *(s.start for s in spans), *(s.end for s in spans)})
    return pairwise(cuts)


def _style_at(sentence: SentenceLabels, position: int, voice_styles: Mapping[str, Style]) -> Style:
    """The style at a position: a frame's colour wins over a hedge's and a source's; other attributes add up."""
    styles = [Style()]
    styles += [SOURCE_STYLE for source in sentence.sources if source.start <= position < source.end]
    styles += [HEDGE_STYLE for hedge in sentence.hedges if hedge.start <= position < hedge.end]
    styles += [voice_styles.get(m.voice or "", _PLAIN) for m in sentence.mentions if m.start <= position < m.end]
    return Style.combine(styles)


def _frames_ending(
    sentence: SentenceLabels, end: int
) -> Iterator[tuple[tuple[str | None, Source | None], Sequence[str]]]:
    """The frames that end at a position, with their answers to tasks, grouped by voice and source."""
    found: dict[tuple[str | None, Source | None], list[str]] = {}
    for mention in sentence.mentions:
        if mention.end == end:
            answers = "".join(f" {task}: {value}" for task, value in mention.tasks.items())
            found.setdefault((mention.voice, mention.source), []).append(mention.label + answers)
    yield from found.items()


def _one_line(text: str) -> str:
    """The text with each white space character as a blank, so that offsets stay."""
    return re.sub(r"\s", " ", text)


def _shown(text: str) -> str:
    return visible(_one_line(text))


def _shortened(text: str) -> str:
    if len(text) <= _SHOWN_BOILERPLATE:
        return text
    return f"{text[:_SHOWN_BOILERPLATE].rstrip()}… ({len(text) - _SHOWN_BOILERPLATE:,} more characters)"


# --- the counts -------------------------------------------------------------------------------------------------------


def _counts(labels: DocumentLabels, codebook: Codebook) -> Table | None:
    """Frames by voice in the outlet's own sentences, the most frequent first."""
    totals = labels.counts()
    if not totals:
        return None
    by_voice = {guide.name: labels.counts(voices=[guide.name]) for guide in codebook.voice_guides}
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Frame", no_wrap=True)
    for guide in codebook.voice_guides:
        table.add_column(Text(guide.name, style=VOICE_STYLES[guide.role]), justify="right", no_wrap=True)
    table.add_column("all", justify="right")
    for label, total in totals.most_common():
        table.add_row(label, *(str(counts[label] or "·") for counts in by_voice.values()), str(total))
    return table


def _kinds_line(labels: DocumentLabels, codebook: Codebook) -> Text:
    """How many sentences are the outlet's own, and what else is on the page and not in the table."""
    kinds = Counter(sentence.kind for sentence in labels)
    outlet = codebook.outlet_kinds or OUTLET_KINDS
    ordered = list(dict.fromkeys((*codebook.kinds, *map(str, Kind))))
    hedged = sum(sentence.hedged for sentence in labels if sentence.kind in outlet)
    own = ", ".join(f"{kinds[kind]} {kind}" for kind in ordered if kind in outlet and kinds[kind])
    text = Text(f"The outlet's own sentences: {own or 'none'}; {hedged} hedged.", style="dim")
    others = [
        f"{kinds[kind]} {kind}" + _listed(labels.counts(kinds=[kind]))
        for kind in ordered
        if kind not in outlet and kinds[kind]
    ]
    return text.append(f" Not counted: {', '.join(others)}.") if others else text


def _listed(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{label} {count}' for label, count in counts.most_common())})" if counts else ""


# --- the legend -------------------------------------------------------------------------------------------------------


def _legend(codebook: Codebook) -> Table:
    voices = [
        (
            Text.assemble(
                ("word", VOICE_STYLES[guide.role]),
                ("‹frame›" if guide.role == "own" else f"‹frame·{guide.name}›", _tag_style(VOICE_STYLES[guide.role])),
            ),
            Text(_MEANINGS[guide.role]),
        )
        for guide in codebook.voice_guides
    ]
    marks = [
        (Text.assemble(("word", HEDGE_STYLE), ("‹~kind›", _tag_style(HEDGE_STYLE))), Text("a hedge")),
        (Text("words", style=SOURCE_STYLE), Text("who is cited")),
        (Text("headline", style=KIND_STYLES[Kind.HEADLINE]), Text("a headline")),
        (Text("[comment]", style=KIND_STYLES[Kind.COMMENT]), Text("not the outlet's")),
    ]
    grid = Table.grid(padding=(0, 2))
    for _ in range(4):
        grid.add_column(no_wrap=True)
    for voice, mark in zip_longest(voices, marks, fillvalue=(Text(), Text())):
        grid.add_row(*voice, *mark)
    return grid
