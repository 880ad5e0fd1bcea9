"""Cut a text into sentences, with exact offsets, their kinds, and the quotation state that each begins with.

The text is cut three times: into lines; lines that were wrapped at a column are joined to paragraphs again; and
paragraphs into sentences. The last cut is made by the *sentencex* library on a copy of the paragraph, of equal length,
in which quotation marks and line ends are blanks, so that it also cuts inside quotations; a few cuts that it makes
after titles, list numbers and quoted questions are undone. Sentences are slices of the original text, so
``text[start:end] == sentence.text`` holds by construction, and everything between two sentences is white space.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from framing.text.kinds import LineKind, classify, is_credit, kind_of_sentence
from framing.text.quotations import OUTSIDE, RUNNING, QuotationState, scan
from framing.types import Kind, Sentence

#: Texts are handed to sentencex in pieces of this many code points, to keep memory flat on files of one line.
_PIECE = 200_000
_PIECE_MARGIN = 2_000
#: A text is taken for hard-wrapped only between these widths, in code points.
_NARROWEST_WRAP, _WIDEST_WRAP = 50, 120
#: How much shorter than the column a full line may be: about the longest word that had to move to the next line.
_RAGGED_EDGE = 20

# Line ends of every kind that str.splitlines knows of, and none that count as letters.
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ENDS_SENTENCE = re.compile(r"[.!?…:;][\"'”’»)\]]*$")
_SURROGATE = re.compile("[\ud800-\udfff]")
# sentencex does not cut inside quotation marks, so it must not see them. A mark between two letters is an apostrophe.
_BLANKED_MARKS = "\"＂“”„«»「」『』'‘’`"
_QUOTATION_MARK = re.compile("''|``|[\"＂“”„«»「」『』]|(?<![^\\W_])['‘’]|['‘’](?![^\\W_])")

# Abbreviations that never end a sentence and that sentencex 1.0 does not know in this form.
_TITLE_AT_END = re.compile(
    r"(?:^|[\s(\[/.\-])(?:Gens?|Maj|Lts?|Brig|Cols?|Capts?|Cmdrs?|Cdr|Sgts?|Cpls?|Pfc|Pvts?|Spc|Adms?|Ret|Det|Insp|"
    r"Supt|Dep|Asst|Amb|Govs?|Sens|Reps|Drs|Revs|Profs|Hon|Mohd|Messrs|Nos|approx|est|pp|vs|cf|ca|incl|resp)\.$"
)
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-z])[.)]")
_QUOTATION_END = re.compile("[\"＂”»'’“]$")
_QUOTED_CRY = re.compile("(?:[!?…]|\\.\\.\\.)[\"＂”»'’“]+$")
_SAYING = (
    "said|says|asked|asks|added|adds|told|replied|shouted|cried|wrote|writes|wondered|declared|warned|insisted|"
    "demanded|tweeted|exclaimed|yelled|continued|concluded|recalled|explained|claimed|argued|chanted"
)
# "Enough!" Dehghan told reporters. The speaker who follows a quoted cry or question belongs to its sentence.
_SPEAKER_FOLLOWS = re.compile(
    rf"(?:[^\s.!?\"“”]+\s+){{1,6}}?(?:{_SAYING})(?:[.,;:]|$|\s+(?:reporters|the|on|in|at|to|of|as)\b)"
)


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """A paragraph or a single line: ``text[start:end]``, without surrounding white space."""

    start: int
    end: int
    after_gap: bool


def split(text: str) -> list[Sentence]:
    """Cut a document's text into sentences.

    Args:
        text: any string, however long, with any code points in it.

    Returns:
        The sentences in order. ``start_in_quotation`` says whether a quotation that an earlier sentence opened is
        still running (see :mod:`framing.text.quotations` for how far quotations run); ``kind`` is set where the rules
        of :mod:`framing.text.kinds` know it. A text of white space has no sentences.
    """
    paragraphs = _paragraphs(text)
    kinds = classify([text[p.start : p.end] for p in paragraphs], [p.after_gap for p in paragraphs])
    sentences: list[Sentence] = []
    state = OUTSIDE
    for paragraph, line_kind in zip(paragraphs, kinds, strict=True):
        state = state.carried_into(text[paragraph.start : paragraph.start + 8])
        for start, end in _sentence_spans(text, paragraph, line_kind):
            own_kind = kind_of_sentence(text[start:end]) or line_kind
            sentences.append(
                Sentence(
                    text=text[start:end],
                    start=start,
                    end=end,
                    index=len(sentences),
                    kind=own_kind.kind,
                    kind_is_certain=own_kind.is_certain,
                    starts_in_quotation=state.inside,
                )
            )
            state = scan(text[start:end], state).after
    return sentences


# --- paragraphs -------------------------------------------------------------------------------------------------------


def starting_states(sentences: Iterable[Sentence]) -> Iterator[QuotationState]:
    """The quotation state in which each sentence of a document starts, by what is known of them.

    Args:
        sentences: in order, as :func:`split` gives them. The one before is scanned only where a quotation runs on.
    """
    state, before = OUTSIDE, ""
    for sentence in sentences:
        if sentence.starts_in_quotation:
            state = scan(before, state).after
            state = state if state.inside else RUNNING
        else:
            state = OUTSIDE
        yield state
        before = sentence.text


def _paragraphs(text: str) -> list[_Paragraph]:
    """The lines of the text, those of a hard-wrapped text joined to paragraphs."""
    lines = list(_lines(text))
    column = _wrap_column(text, lines)
    paragraphs: list[_Paragraph] = []
    for number, line in enumerate(lines):
        if column and number and not line.after_gap and _is_full(text, lines[number - 1], line, column):
            previous = paragraphs.pop()
            line = _Paragraph(previous.start, line.end, previous.after_gap)
        paragraphs.append(line)
    return paragraphs


def _lines(text: str) -> Iterator[_Paragraph]:
    """The lines that hold more than white space; ``after_gap`` where a blank line, or nothing, is before them."""
    previous_end: int | None = None
    for match in _LINE.finditer(text):
        line = match[0]
        stripped = line.strip()
        if not stripped:
            continue
        start = match.start() + len(line) - len(line.lstrip())
        # Two line breaks make a blank line.
        after_gap = previous_end is None or len(_LINE_BREAK.findall(text, previous_end, start)) >= 2
        previous_end = start + len(stripped)
        yield _Paragraph(start, previous_end, after_gap)


def _wrap_column(text: str, lines: list[_Paragraph]) -> int | None:
    """The column at which the text was hard-wrapped, or ``None``.

    A line that ends without punctuation before one that begins with a small letter was certainly cut by wrapping; if
    nearly all such lines are about equally long, the text was wrapped at their greatest length.
    """
    cut = [
        line.end - line.start
        for line, following in itertools.pairwise(lines)
        if not following.after_gap
        and text[following.start].islower()
        and not _ENDS_SENTENCE.search(text, max(line.start, line.end - 8), line.end)
    ]
    if len(cut) < 2:
        return None
    column = max(cut)
    about_full = sum(length >= column - _RAGGED_EDGE for length in cut)
    if not _NARROWEST_WRAP <= column <= _WIDEST_WRAP or about_full < 0.8 * len(cut):
        return None
    return column


def _is_full(text: str, line: _Paragraph, following: _Paragraph, column: int) -> bool:
    """Whether the first word of the following line would not have fitted on this one."""
    first_word = text[following.start : min(following.end, following.start + column)].split(maxsplit=1)[0]
    return line.end - line.start + 1 + len(first_word) > column and line.end - line.start <= column + 1


# --- sentences --------------------------------------------------------------------------------------------------------


def _sentence_spans(text: str, paragraph: _Paragraph, line_kind: LineKind) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence of a paragraph; debris and headlines stay in one piece."""
    original = text[paragraph.start : paragraph.end]
    begin = 0
    for cut, following in () if line_kind.is_one_piece else _cuts(original):
        before, after = original[max(begin, cut - 80) : cut], original[following : following + 120]
        if cut <= begin or _belong_together(before, after) or (line_kind.kind is Kind.CAPTION and is_credit(after)):
            continue
        yield paragraph.start + begin, paragraph.start + cut
        begin = following
    yield paragraph.start + begin, paragraph.end


def _cuts(original: str) -> Iterator[tuple[int, int]]:
    """Where one sentence ends and the next begins, as sentencex sees it; quotation marks stay with their words."""
    blanked = _LINE_END.sub(" ", _SURROGATE.sub("\ufffd", original))
    blanked = _QUOTATION_MARK.sub(lambda mark: " " * len(mark[0]), blanked)
    for boundary in _boundaries(blanked):
        start, end = boundary, boundary
        while start and _is_blank(original[start - 1]):
            start -= 1
        while end < len(original) and _is_blank(original[end]):
            end += 1
        if start == 0 or end == len(original):
            continue
        # Of the marks around the cut, those that touch the sentence before it close something there.
        gap = original[start:end]
        cut = start + len(gap) - len(gap.lstrip(_BLANKED_MARKS))
        yield cut, end - len(original[cut:end].lstrip())


def _boundaries(blanked: str) -> Iterator[int]:
    """Where sentencex begins a new sentence; piece by piece, each piece beginning at a boundary of the one before."""
    import sentencex  # here: who labels sentences has them cut already

    begin, size = 0, _PIECE
    while begin < len(blanked):
        piece = blanked[begin : begin + size]
        starts = [boundary["start_index"] for boundary in sentencex.get_sentence_boundaries("en", piece)]
        if begin + size >= len(blanked):
            yield from (begin + start for start in starts)
            return
        # What stands at the end of a piece is decided with the text that follows it in view.
        settled = [start for start in starts if 0 < start < size - _PIECE_MARGIN]
        if not settled:
            size *= 2
            continue
        yield from (begin + start for start in settled)
        begin, size = begin + settled[-1], _PIECE


def _is_blank(character: str) -> bool:
    return character.isspace() or character in _BLANKED_MARKS


def _belong_together(before: str, after: str) -> bool:
    """Whether a cut of sentencex goes through a sentence.

    Args:
        before: the end of the sentence before the cut.
        after: the beginning of the text after it.
    """
    if _TITLE_AT_END.search(before) or _LIST_NUMBER.fullmatch(before) or not any(map(str.isalnum, after)):
        return True
    if not _QUOTATION_END.search(before):
        return False
    return after[:1].islower() or bool(_QUOTED_CRY.search(before) and _SPEAKER_FOLLOWS.match(after))
