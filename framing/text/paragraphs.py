"""Lines to paragraphs: lines wrapped at a column are joined again, and lines that stand alone stay alone.

For each pair of neighbouring lines, this is evidence that they belong together:

- The next line begins with a small letter, and this one does not end a sentence: the sentence was cut. The lines that
  were cut show how long full lines are, in their block and in the whole text.
- The first word of the next line would not have fitted on this line, which is as long as the lines that were cut.
- A word is divided at the end of the line.

Lines are not joined over a blank line (unless the text is double-spaced), with a following list item or indented first
line, or where each line is a text of its own, as in a list of headlines.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from framing.text.kinds import is_title_case

#: Without other evidence, only a line of at least this length, in code points, is taken for cut.
_SHORTEST_LONE_CUT = 60
#: A full line has at least this share of the usual length, since the right edge may be ragged.
_RAGGED = 0.72
#: A line this many times as wide as full lines usually are was not wrapped with them.
_OVERFULL = 1.1
#: If more than this share of the lines is so wide, no lines are wrapped.
_MOST_OVERFULL = 0.2
#: A block of lines with at least this many cuts may have a column of its own.
_FEWEST_OF_A_BLOCK = 4
#: With at least this many cuts in a text, they show the length of full lines in other blocks too.
_FEWEST_OF_A_TEXT = 3
#: The most words of a title over running text.
_LONGEST_TITLE = 16
#: Each line is a text of its own if three or more lines have more words than this, and at most one stop per this many.
_WORDS_WITHOUT_STOP = 40
#: How many cuts over single blank lines show a double-spaced text, and the least length of such lines.
_FEWEST_DOUBLE_SPACED, _SHORTEST_DOUBLE_SPACED = 3, 22

# The line ends of str.splitlines.
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_QUOTED_LINE = re.compile(r"(?:>[ \t]?)+")
_ENDS_SENTENCE = re.compile(r"[.!?…:;][\"'”’»)\]]*\Z")
_STOP = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s|\Z)")
_DIVIDED = re.compile(r"[^\W\d_]{2,}[-\u00ad\u2010]\Z")
# Words and titles that end no sentence and no headline.
_RUNS_ON = re.compile(
    r"(?:^|\s)(?:the|an?|of|and|or|that|which|who|whose|on|in|at|to|by|for|from|with|as|than|into|its|their|his|her|is|are|"
    r"was|were|has|have|had|been|Mr\.|Mrs\.|Ms\.|Dr\.|Gen\.|Col\.|Lt\.|Sgt\.|Capt\.|Gov\.|Sen\.|Rep\.)\Z"
)
_ABBREVIATED_MONTH = re.compile(r"\b(?:Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec)\.\Z")
_LIST_ITEM = re.compile(r"([*•·▪‣–—-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
#: What else may begin a line: a dash between clauses, the end of a number or the initial of a name.
_MAY_BE_NO_ITEM = re.compile(r"[–—-]|\d{1,3}\.|[A-Z]\.")
_DASHES = "–—-"
_BYLINE = re.compile(r"by\s+\w", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph or a single line: ``text[start:end]``, without surrounding white space.

    Attributes:
        start, end: code points.
        after_gap: a blank line comes before it, or it is the first.
    """

    start: int
    end: int
    after_gap: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with words on it.

    Attributes:
        number: its number among the lines with words, from 0.
        start, end: code points, without surrounding white space and the marks of quoted mail (``>``).
        indent: code points of white space before ``start``, after the marks of quoted mail.
        breaks: line breaks between it and the line before.
        is_quoted: it begins with a mark of quoted mail.
        is_inner_mark: it begins with a dash, number or initial that begins no list item.
    """

    number: int
    start: int
    end: int
    indent: int
    breaks: int
    is_quoted: bool
    is_inner_mark: bool = False

    @property
    def width(self) -> int:
        """Its length with the indent, in code points."""
        return self.indent + self.end - self.start


def paragraphs(text: str) -> list[Paragraph]:
    """The paragraphs of a text: wrapped lines are joined, other lines stay as they are.

    Args:
        text: any text.
    """
    lines = _single_spaced(text, _without_false_items(text, list(_lines(text))))
    joins = _Joins(text, lines)
    found: list[Paragraph] = []
    for number, line in enumerate(lines):
        if number and joins.joined(number - 1):
            found[-1] = replace(found[-1], end=line.end)
        else:
            found.append(Paragraph(line.start, line.end, number == 0 or line.breaks >= 2))
    return found


def _lines(text: str) -> Iterator[_Line]:
    """The lines that hold more than white space and marks of quoted mail."""
    previous_end = number = 0
    for match in _LINE.finditer(text):
        line = match[0]
        quoted = _QUOTED_LINE.match(line)
        begin = quoted.end() if quoted else 0
        content = line[begin:]
        stripped = content.strip()
        if not stripped:
            continue
        indent = len(content) - len(content.lstrip())
        start = match.start() + begin + indent
        # A line with only a mark of quoted mail counts as blank.
        breaks = len(_LINE_BREAK.findall(text, previous_end, match.start()))
        yield _Line(number, start, start + len(stripped), indent, breaks, quoted is not None)
        previous_end = start + len(stripped)
        number += 1


def _without_false_items(text: str, lines: list[_Line]) -> list[_Line]:
    """The lines, marked where one begins with a dash, number or initial in the middle of a sentence.

    A list has several items of a kind, or one behind a line that ends.
    """
    marks = [_LIST_ITEM.match(text, line.start, min(line.end, line.start + 12)) for line in lines]
    if not any(marks):
        return lines
    kinds = Counter(_kind_of_mark(mark[1]) for mark in marks if mark)
    for number, mark in enumerate(marks):
        if number and mark and kinds[_kind_of_mark(mark[1])] == 1 and _MAY_BE_NO_ITEM.fullmatch(mark[1]):
            before = lines[number - 1]
            full = before.width >= _SHORTEST_DOUBLE_SPACED and lines[number].breaks == 1
            if full and not _ends_sentence(text, before):
                lines[number] = replace(lines[number], is_inner_mark=True)
    return lines


def _kind_of_mark(mark: str) -> str:
    """What the marks of one list have in common: the bullet itself, digits or letters."""
    return re.sub(r"\d+", "1", re.sub(r"[a-zA-Z]", "a", mark))


def _single_spaced(text: str, lines: list[_Line]) -> list[_Line]:
    """The lines of a double-spaced text as if the blank lines between them were not there; other lines as they are."""
    gaps = [line.breaks for line in lines[1:]]
    cut = sorted(
        before.width
        for before, after in itertools.pairwise(lines)
        if after.breaks == 2 and _is_cut(text, before, after)
    )
    width = cut[len(cut) // 2] if cut else 0
    fewest = _FEWEST_DOUBLE_SPACED - (width >= _SHORTEST_LONE_CUT)
    if len(cut) < fewest or gaps.count(1) > len(cut) or width < _SHORTEST_DOUBLE_SPACED:
        return lines
    return [replace(line, breaks=max(1, line.breaks // 2)) for line in lines]


def _is_cut(text: str, line: _Line, following: _Line) -> bool:
    """Whether a sentence certainly goes on: the next line begins small, or this one ends like no sentence."""
    end = text[max(line.start, line.end - 12) : line.end]
    if _ABBREVIATED_MONTH.search(end) and text[following.start].isdigit():  # then "3." is not the number of a list item
        return True
    if _starts_anew(text, following):
        return False
    if _RUNS_ON.search(end) or (end.endswith(",") and line.width >= _SHORTEST_DOUBLE_SPACED):
        return True
    first = following.start + (2 if following.is_inner_mark and text[following.start] in _DASHES else 0)
    return text[first].islower() and not _ends_sentence(text, line)


def _ends_sentence(text: str, line: _Line) -> bool:
    return bool(_ENDS_SENTENCE.search(text, max(line.start, line.end - 8), line.end)) and not _ADDRESS.search(
        text, max(line.start, line.end - 200), line.end
    )


def _starts_anew(text: str, line: _Line) -> bool:
    """Whether a line is a list item, or the byline under a title."""
    is_byline = line.number in (1, 2) and line.end - line.start < 60 and _BYLINE.match(text, line.start, line.end)
    return bool(is_byline or (not line.is_inner_mark and _LIST_ITEM.match(text, line.start, line.end)))


class _Joins:
    """Which lines of a text belong to one paragraph.

    Args:
        text: the text.
        lines: its lines.
    """

    def __init__(self, text: str, lines: Sequence[_Line]) -> None:
        self._text = text
        self._lines = lines
        self._cut = [_is_cut(text, *pair) and pair[1].breaks < 2 for pair in itertools.pairwise(lines)]
        self._full = [line.width + 1 + self._first_word(following) for line, following in itertools.pairwise(lines)]
        self._of_text = self._usual(0, len(self._cut))
        # For each pair, its block (lines without a blank line between them), and whether its lines are separate texts.
        self._blocks: list[tuple[int, int]] = []
        self._texts_of_their_own: list[bool] = []
        begin = 0
        for number in range(1, len(lines) + 1):
            if number == len(lines) or lines[number].breaks >= 2:
                own = self._has_texts_of_their_own(begin, number)
                for _ in range(begin, min(number, len(lines) - 1)):
                    self._blocks.append((begin, number))
                    self._texts_of_their_own.append(own)
                begin = number

    def joined(self, number: int) -> bool:
        """Whether the line of this number and the next one belong together."""
        line, following = self._lines[number], self._lines[number + 1]
        if following.breaks >= 2 or line.is_quoted != following.is_quoted:
            return False
        if _starts_anew(self._text, following) and not self._cut[number]:
            return False
        if self._texts_of_their_own[number] or self._begins_indented(number) or self._is_set_off(number):
            return False
        if (
            _DIVIDED.search(self._text, max(line.start, line.end - 40), line.end)
            and self._text[following.start].islower()
        ):
            return True
        begin, end = self._blocks[number]
        usual = self._usual_in(begin, end)
        if usual is None:
            return self._is_lone_cut(number, begin, end)
        if self._cut[number]:
            return self._full[number] >= _RAGGED * usual.typical
        if self._may_be_title(number):
            return False
        if (
            not any(self._cut[begin : end - 1])
            and sum(self._cut) < _FEWEST_OF_A_TEXT
            and (_ends_sentence(self._text, line) or not _ends_sentence(self._text, self._lines[end - 1]))
        ):
            return False
        # The next word would not have fitted on the line.
        return usual.shortest <= self._full[number] and line.width <= _OVERFULL * usual.typical

    def _may_be_title(self, number: int) -> bool:
        """Whether the line may be a title over running text without a blank line between them."""
        line = self._lines[number]
        title = self._text[line.start : line.end]
        words = title.split()
        if number or len(words) > _LONGEST_TITLE:
            return False
        if words[-1].isalpha() and words[-1].islower():
            return True
        following = self._text[self._lines[1].start : self._lines[1].end]
        return is_title_case(title) and not is_title_case(following, fewest=0, share=1)

    def _first_word(self, line: _Line) -> int:
        return len(self._text[line.start : min(line.end, line.start + 80)].split(maxsplit=1)[0])

    def _usual_in(self, begin: int, end: int) -> _Usual | None:
        """How long full lines are in a block: by its own cuts if they suffice and differ, else by the text's."""
        whole = self._of_text
        cuts = sum(self._cut[begin : end - 1])
        own = self._usual(begin, end - 1) if cuts >= _FEWEST_OF_A_BLOCK else None
        if own is None or whole is None or _RAGGED <= own.typical / whole.typical <= 1 / _RAGGED:
            return whole
        return own

    def _usual(self, begin: int, end: int) -> _Usual | None:
        """How long full lines are, by the certain cuts among pairs ``begin:end``; ``None`` if nothing is wrapped."""
        full = sorted(self._full[i] for i in range(begin, end) if self._cut[i])
        if not full:
            return None
        typical = full[len(full) // 2]
        own = self._lines[begin : end + 1]
        if sum(line.width > _OVERFULL * typical for line in own) > _MOST_OVERFULL * len(own):
            return None  # many lines are longer: nothing is wrapped here
        near = [value for value in full if _RAGGED * typical <= value <= typical / _RAGGED]
        widths = sorted(line.width for line in own if _RAGGED * typical <= line.width <= typical)
        widest = widths[len(widths) * 19 // 20] if widths else typical
        return _Usual(min(near[len(near) // 20], widest + 1), typical)

    def _is_lone_cut(self, number: int, begin: int, end: int) -> bool:
        """Whether a line was cut, without other cuts to show it: it is long, and with the next word the longest."""
        line = self._lines[number]
        longest = max(other.width for other in self._lines[begin:end])
        words = self._text[line.start : line.end].split()
        return (
            line.width >= _SHORTEST_LONE_CUT
            and 2 * sum(word[:1].islower() for word in words) > len(words)
            and longest < self._full[number]
            and not _ends_sentence(self._text, line)
            and _ends_sentence(self._text, self._lines[end - 1])
        )

    def _begins_indented(self, number: int) -> bool:
        """Whether the next line begins a paragraph: its indent is deeper than this line's by at least two."""
        line, following = self._lines[number], self._lines[number + 1]
        if following.indent < line.indent + 2 or self._cut[number]:
            return False
        begin, end = self._blocks[number]
        if number == begin and all(other.indent >= following.indent for other in self._lines[number + 1 : end]):
            return False  # all lines but the first are indented
        # The lines that continue a list item are indented.
        return not _LIST_ITEM.match(self._text, line.start, line.end)

    def _is_set_off(self, number: int) -> bool:
        """Whether the next line is an address behind the end of a sentence, or one of the two is a rule."""
        line, following = self._lines[number], self._lines[number + 1]
        if _ADDRESS.match(self._text, following.start, following.end) and _ends_sentence(self._text, line):
            return True
        return any(
            one.end - one.start >= 3 and not any(map(str.isalnum, self._text[one.start : one.end]))
            for one in (line, following)
        )

    def _has_texts_of_their_own(self, begin: int, end: int) -> bool:
        """Whether each line of a block is a text of its own: three or more lines, many words, and hardly a stop."""
        own = self._lines[begin:end]
        if end - begin < 3 or any(_LIST_ITEM.match(self._text, line.start, line.end) for line in own):
            return False
        block = self._text[self._lines[begin].start : self._lines[end - 1].end]
        stops = len(_STOP.findall(block))
        words = len(block.split())
        return (
            words > _WORDS_WITHOUT_STOP
            and stops <= words // _WORDS_WITHOUT_STOP
            and not _ends_sentence(self._text, self._lines[end - 1])
        )


@dataclass(frozen=True, slots=True)
class _Usual:
    """How long full lines are: the widths of cut lines, each with a blank and the first word of the next line.

    Attributes:
        shortest, typical: the shortest and the median, in code points.
    """

    shortest: int
    typical: int
