"""Sentences as HTML, with what was found in them. Every difference is drawn by line and weight, and by colour beside.

The text is escaped here and nowhere else; class names come from :data:`LOOKS` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from framing.codebook import Codebook
from framing.reading.encodings import visible
from framing.types import DocumentLabels, Labels, SentenceLabels

#: What a mark can look like: the roles of voices, ``plain`` where a codebook has none, hedges and sources. Value: what
#: the look means, for the legend.
LOOKS: Mapping[str, str] = {
    "own": "the outlet's own word",
    "cited": "a cited source's word",
    "quoted": "inside quotation marks",
    "other": "held at arm's length",
    "plain": "a frame",
    "hedge": "a hedge",
    "source": "who is cited",
}
#: Code points of a sentence that are shown; a longer one is cut around its marks.
MOST_SHOWN = 600
_BEFORE_MARK = 150
#: Code points of a source in a tag.
_MOST_OF_A_SOURCE = 60

#: The style of marks, for the report and for notebooks; every rule is under the class ``framing``.
MARK_CSS = """
.framing mark{background:none;color:inherit;padding:0 .06em;border-radius:.15em}
.framing .own{font-weight:700;border-bottom:.18em solid #0072b2}
.framing .cited{border-bottom:.14em dashed #a35200}
.framing .quoted{font-style:italic;border-bottom:.16em dotted #00704f}
.framing .other{text-decoration:line-through;text-decoration-thickness:.08em;border-bottom:.2em double #9a4480}
.framing .plain{font-weight:700;border-bottom:.18em solid currentColor}
.framing .hedge{text-decoration:underline wavy;text-underline-offset:.25em}
.framing .source{font-variant:small-caps;letter-spacing:.02em}
.framing .tag{font:.72em/1 system-ui,sans-serif;opacity:.85;text-decoration:none}
.framing .kind{font:.72em/1 system-ui,sans-serif;opacity:.85;font-style:italic}
.framing .text{overflow-wrap:anywhere;white-space:pre-line}
@media screen and (prefers-color-scheme:dark){.framing .own{border-color:#56b4e9}.framing .cited{border-color:#e69f00}
.framing .quoted{border-color:#2bc495}.framing .other{border-color:#d58abb}}
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Words that are marked.

    Attributes:
        start, end: code points from the start of the sentence, half-open.
        look: a key of :data:`LOOKS`.
        tag: what is said behind the words; empty for nothing.
    """

    start: int
    end: int
    look: str
    tag: str = ""


def looks_of(codebook: Codebook | None) -> dict[str | None, str]:
    """Voice -> look. Where no codebook is known, voices that the built-in one has look as there."""
    book = codebook or Codebook.default()
    return {None: "plain", **{guide.name: guide.role for guide in book.voice_guides}}


def frame_mark(start: int, end: int, label: str, voice: str | None, source: str | None, look: str) -> Mark:
    """A frame: its tag names the label, the voice, and who is cited for it."""
    if source and len(source) > _MOST_OF_A_SOURCE:
        source = source[:_MOST_OF_A_SOURCE] + "…"
    said = label + (f" · {voice}" if voice else "") + (f": {source}" if source else "")
    return Mark(start, end, look, said)


def marks_of(sentence: SentenceLabels, codebook: Codebook | None = None) -> list[Mark]:
    """All that was found in a sentence."""
    looks = looks_of(codebook)
    frames = [
        frame_mark(
            m.start, m.end, m.label, m.voice, None if m.source is None else m.source.text, looks.get(m.voice, "plain")
        )
        for m in sentence.mentions
    ]
    hedges = [Mark(hedge.start, hedge.end, "hedge", hedge.kind) for hedge in sentence.hedges]
    return [*frames, *hedges, *(Mark(source.start, source.end, "source") for source in sentence.sources)]


def window(text: str, marks: Sequence[Mark], most: int = MOST_SHOWN) -> tuple[str, list[Mark]]:
    """A part of a long sentence that has its first mark, and the marks in it; a short one as it is."""
    if len(text) <= most:
        return text, list(marks)
    first = min((mark.start for mark in marks), default=0)
    start = max(0, min(first - _BEFORE_MARK, len(text) - most))
    end = start + most
    before, after = "…" if start else "", "…" if end < len(text) else ""
    move = len(before) - start
    inside = [
        Mark(max(mark.start, start) + move, min(mark.end, end) + move, mark.look, mark.tag)
        for mark in marks
        if mark.start < end and mark.end > start
    ]
    return before + text[start:end] + after, inside


def marked_html(text: str, marks: Sequence[Mark]) -> str:
    """A sentence's text with its marks; marks may overlap."""
    cuts = sorted({0, len(text), *(mark.start for mark in marks), *(mark.end for mark in marks)})
    parts = []
    for start, end in pairwise(cuts):
        here = [mark for mark in marks if mark.start <= start < mark.end]
        piece = escape(visible(text[start:end]))
        if here:
            looks = " ".join(dict.fromkeys(mark.look for mark in here))
            piece = f'<mark class="{looks}">{piece}</mark>'
        said = dict.fromkeys(mark.tag for mark in here if mark.end == end and mark.tag)
        parts.append(piece + "".join(f' <bdi class="tag">‹{escape(visible(tag))}›</bdi>' for tag in said))
    return "".join(parts)


# --- in notebooks, and a page of one article --------------------------------------------------------------------------


def labels_html(labels: SentenceLabels | Labels, *, most: int | None = 200) -> str:
    """Labels as a piece of HTML that brings its own style, as ``_repr_html_`` of a notebook.

    Args:
        labels: of one sentence, of several, or of a document.
        most: sentences that are shown; all when ``None``.
    """
    if isinstance(labels, SentenceLabels):
        return f'<div class="framing"><style>{MARK_CSS}</style>{_paragraph(labels, None)}</div>'
    shown = labels.sentences if most is None else labels.sentences[:most]
    body = "".join(_paragraph(sentence, labels.codebook, kind=True) for sentence in shown)
    more = f"<p>{len(labels) - len(shown):,} more sentences</p>" if len(shown) < len(labels) else ""
    return f'<div class="framing"><style>{MARK_CSS}</style>{_heading(labels)}{body}{more}</div>'


def article_html(labels: Labels) -> str:
    """An article's sentences with their marks, without style: for a page that has :data:`MARK_CSS`."""
    return "".join(_paragraph(sentence, labels.codebook, kind=True) for sentence in labels)


def about(labels: Labels) -> str:
    """Outlet, date and id of a document, as one line of text."""
    if not isinstance(labels, DocumentLabels):
        return ""
    document = labels.document
    return " · ".join(visible(part) for part in (document.outlet, document.published, document.id) if part)


def legend_html(codebook: Codebook | None = None) -> str:
    """What the looks mean: those that the codebook's voices have, hedges and sources where it has them."""
    book = codebook or Codebook.default()
    looks = [look for look in dict.fromkeys(looks_of(book).values()) if look != "plain"] or ["plain"]
    looks += [*(["hedge"] if book.hedge_kinds else []), *(["source"] if book.source_guide else [])]
    items = (f'<li><mark class="{look}">words</mark> {LOOKS[look]}</li>' for look in looks)
    return f'<ul class="legend">{"".join(items)}</ul>'


def counts_html(rows: Iterable[tuple[str, int]]) -> str:
    """Names and counts, as a table's rows."""
    return "".join(f'<tr><th scope="row">{escape(name)}</th><td>{count:,}</td></tr>' for name, count in rows)


def _heading(labels: Labels) -> str:
    said = about(labels)
    return f'<p dir="auto"><strong>{escape(said)}</strong></p>' if said else ""


def _paragraph(sentence: SentenceLabels, codebook: Codebook | None, *, kind: bool = False) -> str:
    text, marks = window(sentence.text, marks_of(sentence, codebook), 5_000)
    told = f' <span class="kind">[{escape(str(sentence.kind))}]</span>' if kind else ""
    return f'<p class="text" dir="auto">{marked_html(text, marks)}{told}</p>'
