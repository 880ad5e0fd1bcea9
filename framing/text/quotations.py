"""Tell which words of a text stand inside quotation marks.

Training, evaluation and labelling all use one function for this, :func:`scan`. It reads one sentence (or one paragraph)
and the state that the text before it left, because a quotation may go on over the end of a sentence.

The rules, in the order in which they are tried:

1. *Double marks* (``"``, ``“ ”``, ``„ “``, ``« »``, ``” ”``, two ``'`` or two backticks as in old archives, CJK
   corner brackets) open and close a quotation. The shape of a mark decides where it shows the side; otherwise its
   neighbours decide (space before and text after opens; text before and space or punctuation after closes), and if
   they do not tell, the mark toggles. Any closing double mark closes any double quotation, because pages mix them. A
   straight mark between two letters is part of a word. Rare marks (``‹ ›``, ``″``, ``´´``, ```so'``, ``‚so‘``,
   ``,,so"``) are first replaced by common ones (:func:`framing.text.characters.quotation_view`).
2. *Single marks* (``‘ ’``, ``'``) open a quotation only outside a double quotation, where an apostrophe is not
   plausible, and if a mark that can close it follows in the text. A mark that begins the text, or follows a comma or
   colon, needs no closing mark: the quotation may end in a later sentence. Single marks inside a double quotation are
   ignored, so a nested quotation or an apostrophe cannot end the outer one. ``s' `` before a small letter is taken for
   a plural possessive if a better closing mark follows.
3. *Paragraphs.* A quotation that is open at the end of a paragraph goes on only if the next paragraph begins with an
   opening mark (a long quotation is opened again in every paragraph and closed once); otherwise it ends there.
4. *A closing double mark without an opening one*, as the first mark of a paragraph: the quotation began before the
   text, or its opening mark was lost, so the words up to the mark stand inside it (as in a sentence labelled alone).
5. No quotation is longer than :data:`LONGEST_QUOTATION` code points, so a lost closing mark cannot quote a whole file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from framing.text.characters import quotation_view

#: In code points; longer than any quotation that a newspaper prints in one paragraph.
LONGEST_QUOTATION = 3000

_STRAIGHT_DOUBLE = frozenset({'"', '""', "''", "＂"})
_OPENING_DOUBLE = frozenset({"“", "„", "«", "``", "「", "『"})
_CLOSING_DOUBLE = frozenset({"”", "»", "」", "』"})
_GUILLEMETS = frozenset("«»")

_MARK = re.compile("''|``|\"\"|[\"＂“”„«»「」『』‘']")
_SINGLE = re.compile("[‘’']")
# A text without any of these neither opens nor ends a quotation.
_MAY_QUOTE = re.compile(
    r"""["'`＂“”„«»「」『』‘](?:             # a mark that is
        (?<=["＂“”„«»「」『』]) |           # a double one,
        (?<=``) | (?<='') |               # or two that make one,
        (?<=[‘'])(?<![^\s([{—–/“„«"].)    # or a single one where it can open
    )""",
    re.VERBOSE | re.DOTALL,
)
_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*|\r\n[^\S\n]*\r\n\s*|\u2029")
_OPENS_PARAGRAPH = re.compile("\\s*(?:''|``|[\"＂“„«「『‘])\\S|\\s*'[^\\W\\d]")

# Words that begin with an apostrophe and do not open a quotation: 'tis, '90s, and the separate 's of tokenised text.
_LEADING_APOSTROPHE = re.compile(
    r"(?:\d0s|\d\d|tis|twas|em|til|till|cause|n|bout|round|s|re|ve|ll|d|m|t)\b",
    re.IGNORECASE,
)
_OPENING_NEIGHBOURS = frozenset("([{<—–/-“„«\"'‘")
_CLOSING_NEIGHBOURS = frozenset(".,;:!?)]}>—–/-…”»\"'’|")
#: Without the hyphen: in transliterated names (al-‘Alam), the mark after it opens nothing.
_SINGLE_OPENING_NEIGHBOURS = frozenset('([{—–/“„«"')
_SINGLE_OPENING_FOLLOWERS = frozenset('[($#@“"…«')


@dataclass(frozen=True, slots=True)
class QuotationState:
    """Whether a quotation is running between two sentences.

    Attributes:
        closing_mark: ``"`` for a double quotation (any closing double mark ends it), ``'`` for a single one,
            ``None`` when no quotation is running.
        length: code points since its opening mark.
    """

    closing_mark: str | None = None
    length: int = 0

    @property
    def inside(self) -> bool:
        """Whether the next word stands inside the quotation."""
        return self.closing_mark is not None

    def carried_into(self, paragraph: str) -> QuotationState:
        """The state at the start of the next paragraph.

        A running quotation goes on only if the paragraph re-opens it with a mark at its beginning.

        Args:
            paragraph: the text of the next paragraph (its beginning is enough).
        """
        return self if self.inside and _OPENS_PARAGRAPH.match(paragraph) else OUTSIDE


#: No quotation is running.
OUTSIDE = QuotationState()
#: A double quotation is running; for a sentence that is known to begin inside one.
RUNNING = QuotationState('"')


@dataclass(frozen=True, slots=True)
class QuotationScan:
    """What :func:`scan` found.

    Attributes:
        mask: one entry per code point of the text, ``True`` inside a quotation; the marks that open and close it are
            ``False``, marks nested in it are ``True``.
        after: the state to scan the next sentence of the same paragraph with.
    """

    mask: list[bool]
    after: QuotationState


def may_quote(text: str) -> bool:
    """Whether a text that begins outside quotations may hold one; much faster than :func:`scan`.

    ``False`` is certain: nothing in the text is quoted, and no quotation runs on after it. This holds for most
    sentences of news.
    """
    # Most texts have no mark at all, and Python finds a character faster than a pattern does.
    if text.isascii() and '"' not in text and "'" not in text and "`" not in text and "<<" not in text:
        return False
    return _MAY_QUOTE.search(quotation_view(text)) is not None


def scan(text: str, state: QuotationState = OUTSIDE) -> QuotationScan:
    """Tell for each code point whether it stands inside a quotation.

    Scan the sentences of a document in order, each with the state that the one before left, or with :data:`OUTSIDE` if
    :func:`framing.text.sentences.split` did not set the sentence's ``starts_in_quotation``::

        for sentence in split(text):
            result = scan(sentence.text, state if sentence.starts_in_quotation else OUTSIDE)
            state = result.after

    Args:
        text: a sentence or a paragraph; any string. Blank lines in it end a paragraph.
        state: the state that the text before left.

    Returns:
        The mask, of ``len(text)`` entries, and the state after the text.
    """
    if not state.inside and not may_quote(text):
        return QuotationScan([False] * len(text), OUTSIDE)
    text = quotation_view(text)
    mask: list[bool] = []
    begin = 0
    for gap in _PARAGRAPH_BREAK.finditer(text):
        state = _scan_paragraph(text[begin : gap.start()], state, mask)
        state = state.carried_into(text[gap.end() : gap.end() + 20])
        mask.extend([False] * (gap.end() - gap.start()))
        begin = gap.end()
    state = _scan_paragraph(text[begin:], state, mask)
    return QuotationScan(mask, state)


def _scan_paragraph(text: str, state: QuotationState, mask: list[bool]) -> QuotationState:
    """Append the mask of one paragraph to ``mask`` and return the state at its end."""
    runner = _Runner(mask, state)
    at = 0
    if state.closing_mark == "'":
        at = _continue_single(text, runner)
    while mark := _MARK.search(text, at):
        runner.advance(mark.start() - at)
        at = mark.end()
        if _is_in_a_word(text, mark):
            runner.advance(len(mark[0]))
        elif mark[0] in "‘'":
            at = _read_single(text, mark.start(), runner)
        else:
            if not runner.any_mark and _only_closes(text, mark):
                runner.quote_all()
            runner.mark(len(mark[0]), _after_double(text, mark, inside=runner.inside))
    runner.advance(len(text) - at)
    return runner.state


class _Runner:
    """Writes the mask from left to right and ends quotations that grow too long."""

    __slots__ = ("_begin", "_closing_mark", "_length", "_mask", "any_mark")

    def __init__(self, mask: list[bool], state: QuotationState) -> None:
        self._mask = mask
        self._begin = len(mask)
        self._closing_mark = state.closing_mark
        self._length = state.length
        self.any_mark = state.inside

    @property
    def inside(self) -> bool:
        return self._closing_mark is not None

    @property
    def state(self) -> QuotationState:
        return QuotationState(self._closing_mark, self._length) if self.inside else OUTSIDE

    def advance(self, count: int) -> None:
        """Pass over ``count`` code points without marks."""
        if self._closing_mark is not None:
            quoted = min(count, max(0, LONGEST_QUOTATION - self._length))
            self._mask += [True] * quoted
            self._length += count
            if self._length > LONGEST_QUOTATION:
                self._closing_mark = None
            count -= quoted
        self._mask += [False] * count

    def mark(self, width: int, closing_mark: str | None) -> None:
        """Pass over a mark; after it, the quotation that ``closing_mark`` ends is running; none if it is ``None``."""
        self.any_mark = True
        self._mask += [False] * width
        self._length = self._length + width if self._closing_mark is not None else 0
        self._closing_mark = closing_mark

    def quote_all(self) -> None:
        """Mark everything so far in the paragraph as quoted: the end of a quotation that began before it."""
        begin = max(self._begin, len(self._mask) - LONGEST_QUOTATION)
        self._mask[begin:] = [True] * (len(self._mask) - begin)


def _after_double(text: str, mark: re.Match[str], *, inside: bool) -> str | None:
    """The closing mark of the quotation that runs after a double mark, ``"``; ``None`` if none runs."""
    if _is_separator(text, mark):
        return '"' if inside else None
    opens, closes = _fits(text, mark)
    shape = mark[0]
    if shape in _OPENING_DOUBLE:
        # „so“ and “so“: an opening shape that only fits as an end.
        return None if inside and closes and not opens else '"'
    if shape in _CLOSING_DOUBLE:
        # ”so” and »so«: a closing shape that only fits as a beginning.
        return '"' if not inside and opens and not closes else None
    if not inside and _is_inches(text, mark):
        return None
    if opens == closes:
        return None if inside else '"'
    return '"' if opens else None


def _fits(text: str, mark: re.Match[str]) -> tuple[bool, bool]:
    """Whether the neighbours of a double mark let it open a quotation, and whether they let it close one."""
    before = text[mark.start() - 1] if mark.start() else " "
    after = text[mark.end()] if mark.end() < len(text) else " "
    opens = (before.isspace() or before in _OPENING_NEIGHBOURS) and not (after.isspace() or after in ".,;:!?)]}")
    closes = not before.isspace() and (after.isspace() or after in _CLOSING_NEIGHBOURS)
    return opens, closes


def _only_closes(text: str, mark: re.Match[str]) -> bool:
    """Whether a double mark can only close a quotation."""
    opens, closes = _fits(text, mark)
    shaped = mark[0] in _CLOSING_DOUBLE or mark[0] in _STRAIGHT_DOUBLE
    return shaped and closes and not opens and not _is_separator(text, mark) and not _is_inches(text, mark)


def _is_in_a_word(text: str, mark: re.Match[str]) -> bool:
    """Whether a straight double mark stands between two letters, as in Hebrew abbreviations."""
    return (
        mark[0] in '"＂'
        and text[mark.start() - 1 : mark.start()].isalpha()
        and text[mark.end() : mark.end() + 1].isalpha()
    )


def _is_inches(text: str, mark: re.Match[str]) -> bool:
    return mark[0] in ('"', "”", "''") and text[mark.start() - 1 : mark.start()].isdigit()


def _is_separator(text: str, mark: re.Match[str]) -> bool:
    """Whether a guillemet is only a separator, as in ``Headline « Site name`` and ``Home » World``."""
    if mark[0] not in _GUILLEMETS:
        return False
    if not (text[max(0, mark.start() - 1) : mark.start()].isspace() and text[mark.end() : mark.end() + 1].isspace()):
        return False
    if mark[0] == "«":  # French sets spaces inside its marks: « so »
        return "»" not in text[mark.end() : mark.end() + LONGEST_QUOTATION]
    return "«" not in text[max(0, mark.start() - LONGEST_QUOTATION) : mark.start()]


def _read_single(text: str, start: int, runner: _Runner) -> int:
    """Pass over the single mark at ``start``, and its quotation if it opens one; returns the next place to read."""
    if runner.inside or not _can_open_single(text, start):
        runner.advance(1)
        return start + 1
    end = _single_close(text, start + 1)
    if end is not None:
        runner.mark(1, "'")
        runner.advance(end - start - 1)
        runner.mark(1, None)
        return end + 1
    if _may_run_on(text, start):
        runner.mark(1, "'")
        runner.advance(len(text) - start - 1)
        return len(text)
    runner.advance(1)
    return start + 1


def _continue_single(text: str, runner: _Runner) -> int:
    """Pass over the rest of a single quotation that an earlier sentence opened; returns the next place to read."""
    at = 0
    if _can_open_single(text, 0):  # a new paragraph opens it again
        runner.mark(1, "'")
        at = 1
    end = _single_close(text, at, possessives_close=False)
    if end is None:
        runner.advance(len(text) - at)
        return len(text)
    runner.advance(end - at)
    runner.mark(1, None)
    return end + 1


def _can_open_single(text: str, at: int) -> bool:
    """Whether a single mark at ``at`` stands where a quotation can begin and no apostrophe is plausible."""
    if at >= len(text) or text[at] not in "‘'":
        return False
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    if not (before.isspace() or before in _SINGLE_OPENING_NEIGHBOURS):
        return False
    if not (after.isalnum() or after in _SINGLE_OPENING_FOLLOWERS):
        return False
    return not _LEADING_APOSTROPHE.match(text, at + 1)


def _single_close(text: str, begin: int, *, possessives_close: bool = True) -> int | None:
    """The place of the mark that ends the single quotation running at ``begin``, or ``None``.

    Args:
        text: the paragraph.
        begin: the first code point inside the quotation.
        possessives_close: fall back on a mark that looks like a plural possessive if there is no better one.
    """
    possessive: int | None = None
    for mark in _SINGLE.finditer(text, begin, min(len(text), begin + LONGEST_QUOTATION)):
        at = mark.start()
        if at > begin and _can_open_single(text, at):
            break
        if mark[0] == "‘" or not _can_close_single(text, at):
            continue
        if not _looks_possessive(text, at):
            return at
        possessive = at if possessive is None else possessive
    return possessive if possessives_close else None


def _can_close_single(text: str, at: int) -> bool:
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    doubled = text[at] == "'" and "'" in (before, after)
    return not (before.isspace() or after.isalnum() or doubled)


def _looks_possessive(text: str, at: int) -> bool:
    """``militants' homes``: an s before the mark, a space and a small letter after it."""
    following = text[at + 1 : at + 3]
    return text[at - 1] in "sS" and len(following) == 2 and following[0].isspace() and following[1].islower()


def _may_run_on(text: str, start: int) -> bool:
    """Whether a single quotation without an end in this text may end in a later sentence."""
    return not text[:start].strip() or text[:start].rstrip()[-1] in ",:"
