"""Cut a text into sentences, with exact offsets, their kinds, and the quotation state at the beginning of each.

The text is cut into lines, lines that were wrapped at a column are joined into paragraphs again, and paragraphs are cut
into sentences. The last step uses the *sentencex* library on a copy of the paragraph, of equal length, in which
quotation marks, line ends and some pictographs are blanks, so that sentencex also cuts inside quotations. Some of its
cuts are undone, such as those after titles, list numbers and quoted questions. Sentences are slices of the original
text, so ``text[start:end] == sentence.text`` always holds. Between two sentences there is only white space and, in
quoted mail, the ``>`` at the beginning of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from framing.errors import SettingError
from framing.text.kinds import BOILERPLATE, LineKind, classify, dateline_length, is_credit, kind_of_sentence
from framing.text.paragraphs import Paragraph, paragraphs
from framing.text.quotations import OUTSIDE, RUNNING, QuotationState, scan
from framing.types import Kind, Sentence

#: sentencex reads pieces of this many code points, so that a file of one line does not take much memory.
_PIECE = 200_000
_PIECE_MARGIN = 2_000

#: Languages that sentencex 1.0 has rules for; for any other it uses those of English without a warning.
LANGUAGES = frozenset(
    "am ar bg bn ca da de el en es fi fr gu hi hy it ja kk kn ml mr my nl pa pl pt ru sk ta te uk".split()
)

#: sentencex looks back to the last blank from each ``!`` and ``?``, so what has no blank is given some on its copy.
_LONGEST_WORD = 2_000
_LONG_WORD = re.compile(rf"(?<!\S)\S{{{_LONGEST_WORD},}}")
_STRETCH = re.compile(rf"(\S{{{_LONGEST_WORD - 1}}})\S")

# The line ends of str.splitlines.
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
#: The marks of a line of quoted mail, with the line end before them.
_QUOTED_LINE = re.compile(r"(?<=[\n\r])(?:>[ \t]?)+")
_SURROGATE = re.compile("[\ud800-\udfff]")
# sentencex does not cut inside quotation marks, so it does not see them. A mark between letters is an apostrophe.
_BLANKED_MARKS = "\"＂“”„«»「」『』'‘’`"
_OPENING_MARKS = frozenset("“„«「『‘")
# Here and in _OTHER_ENDS, every match begins with one of a set of characters, and what must stand before it is said
# behind it: a pattern of this form is searched for several times faster.
_QUOTATION_MARK = re.compile(
    """["＂“”„«»「」『』'‘’`](?:(?<=["＂“”„«»「」『』])|(?<=`)`|(?<=['‘’])(?:(?<![^\\W_].)|(?![^\\W_])))""", re.DOTALL
)

# Pictographs that sentencex takes for stops, and the variation selector of pictographs.
_PICTOGRAPH = re.compile("[\u203c\u2049\ufe0f](?=\\S)|(?<=[\u203c\u2049])\ufe0f")

# Abbreviations that never end a sentence, in forms that sentencex 1.0 does not know.
_TITLE_AT_END = re.compile(
    r"(?:^|[\s(\[/.\-])(?:Gens?|Maj|Lts?|Lieut|Brig|Cols?|Capts?|Cpt|Cmdrs?|Cmdt|Cdr|Sgts?|Cpls?|Pfc|Pte|Pvts?|Spc|Adms?|Ret|"
    r"Det|Insp|Supt|Const|Ofc|Dep|Asst|Dir|Mgr|Atty|Amb|Govs?|Sens|Reps|Drs|Revs|Profs|Hon|Mohd|Messrs|Ms|Mses|Mx|"
    r"Cllr|Spec|Comr|Commr|Comdr|Dep\. Comm|Hav|Sra|Dott|Sts|Ste|Flt|Sqn|Ldr|Wg|Div|Regt|Bde|Bn|Natl|Intl|Int'l|"
    r"Gov['’]t|Pty|Shri|Smt|Ald|Nos|approx|est|pp|vs|cf|ca|incl|resp|viz)\.$"
)
# Md. is a name or, after a comma, a state; Ft. stands before the name of a place, Eng. before that of an engineer.
_NAME_AT_END = re.compile(r"(?:(?<!,)\sMd|^Md|(?:^|[\s(])(?:Ft|Mt|Pt|Eng))\.$")
_CAPITAL = re.compile(r"[A-Z]")
#: ``Ch. Supt.``, ``Tech. Sgt.``, ``Assoc. Prof.``: the first of two words of a title.
_FIRST_AT_END = re.compile(r"(?:^|[\s(])(?:Ch|Tech|Sub|Assoc)\.$")
_SECOND = re.compile(r"(?:Supt|Insp|Const|Sgt|Prof|Justice|Press)\b")
#: ``D-N.Y.``, a party and a state.
_INITIAL_AT_END = re.compile(r"-[A-Z]\.$")
_INITIAL = re.compile(r"[A-Z]\.")
# These do not end a sentence before a number.
_COUNTED_AT_END = re.compile(
    r"(?:^|[\s(\[])(?:Chs?|Chaps?|Vols?|Paras?|Ex|Tel|Figs?|Secs?|Sect|Arts?|Eqs?|Tabs?|Apt|Ext|Rm|Rte|Hwy|Bldg|max|min)\.$",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"[(#]?\d")
_MONTH = (
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|May|June|July|August|September|"
    r"October|November|December)\b"
)
_WEEKDAY = r"(?:Mon|Tues?|Weds?|Thurs?|Fri|Sat|Sun)\b|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
_CLOCK_AT_END = re.compile(r"\d\s?[ap]\.?m\.$", re.IGNORECASE)
_AFTER_CLOCK = re.compile(
    rf"(?:{_WEEKDAY})(?!['’]s)|{_MONTH}|(?:Eastern|Central|Mountain|Pacific)\b(?=,| said|$)|"
    r"(?:GMT|UTC|BST|CET|CEST|EET|EEST|WEST|MSK|TRT|E[SD]?T|C[SD]T|M[SD]T|P[SD]?T|A[CEKW]?[SD]T|HST|NZ[SD]T|[JKP]KT|[JK]ST|"
    r"I[DR]?[SD]T|IRDT|SAST|[CEW]AT|[HI]?KT|GST|PHT|ICT|WIB|SGT)\b|"
    r"(?!(?:This|That|At|For|By|In|Some|Each|Every|Last|Next|First|One|Any|No|The)\b)(?:\w+ ){1,2}[Tt]ime\b"
)
_WEEKDAY_AT_END = re.compile(r"(?:^|[\s(])(?:Mon|Tues?|Weds?|Thurs?|Fri|Sat|Sun)\.$")
_AFTER_WEEKDAY = re.compile(rf"{_MONTH}|\d")
_MONTH_AT_END = re.compile(r"(?:^|[\s(])(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$")
_ANYTHING = re.compile("")
#: No abbreviation of these patterns is longer, in code points, with what stands before it.
_LONGEST_ABBREVIATION = 12
#: Pairs of an abbreviation before a cut and what must follow the cut; then the cut is undone.
_ABBREVIATED = (
    (_TITLE_AT_END, _ANYTHING),
    (_NAME_AT_END, _CAPITAL),
    (_FIRST_AT_END, _SECOND),
    (_INITIAL_AT_END, _INITIAL),
    (_COUNTED_AT_END, _DIGIT),
    (_CLOCK_AT_END, _AFTER_CLOCK),
    (_WEEKDAY_AT_END, _AFTER_WEEKDAY),
    (_MONTH_AT_END, _DIGIT),
)
# Names that begin a sentence with a small letter: al-Qaida, iPhone, d'Estaing.
_SMALL_NAME = re.compile(r"(?:al|el|an|as|ad|ar|ash|at|bin|ibn|de|di|da|van|von|d|l)[-‑’' ]\w*[A-Z]|[a-z]+[A-Z\d]")
# A word that begins with a small letter and is not an address.
_SMALL_WORD = re.compile(r"[a-z][\w'’-]*(?![\w/@]|\.\w)")
_LIST_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-z])[.)]|[QA]\.")
#: What directly follows a stop and belongs to its sentence: a bracket, or the mark of a note, ``[note 1]`` or ``*``.
_AFTER_STOP = re.compile(
    r"(?<!\s)(?:[)\]]|"
    r"(?:\[(?:[a-z]|\d{1,3}|(?:note|nb|n\.?) ?\d{1,3}|[a-z]{2,14} needed)\]|\(\d{1,3}\)|[*†‡§]{1,3})+(?=\s|$))"
)
_QUOTATION_END = re.compile("[\"＂”»'’“]$")
# Where sentencex does not cut before a capital: after an ellipsis, a sentence in brackets, the number of a note.
_SUPERSCRIPTS = "¹²³⁴⁵⁶⁷⁸⁹⁰"
_OTHER_ENDS = re.compile(
    rf"[….(\d{_SUPERSCRIPTS}](?:(?<=…)|(?<=\.)\.\."
    r"|(?<=\()(?:[^()\s]{1,40}\s){2,60}[^()\s]{0,40}[a-z]{3}[.!?]\)"
    rf"|(?<=[a-z]{{3}}\.\d)\d{{0,2}}|(?<=[a-z]{{3}}\.[{_SUPERSCRIPTS}])[{_SUPERSCRIPTS}]*)\s+(?=[A-Z][a-z])"
)
#: So many code points before a single mark tell whether it closes a quotation.
_SINGLE_WITHIN = 400
_QUOTED_CRY = re.compile("(?:[!?…]|\\.\\.\\.)[\"＂”»'’“]+$")
_SAYING = (
    "said|says|asked|asks|added|adds|told|replied|shouted|cried|wrote|writes|wondered|declared|warned|insisted|"
    "demanded|tweeted|exclaimed|yelled|continued|concluded|recalled|explained|claimed|argued|chanted"
)
# "Enough!" Dehghan told reporters. A speaker after a quoted exclamation or question belongs to the same sentence.
_SPEAKER_FOLLOWS = re.compile(
    rf"(?:(?:Mrs?|Ms|Dr|Gen|Col|Maj|Capt|Lt|Sgt|Sen|Rep|Gov|Prof|Rev|St)\.\s+|[^\s.!?\"“”]+\s+){{1,6}}?(?:{_SAYING})(?:[.,;:]|$|\s+(?:reporters|the|on|in|at|to|of|as)\b)"
)


def split(text: str, language: str = "en") -> list[Sentence]:
    """Cut a document's text into sentences.

    Args:
        text: any string, of any length.
        language: BCP 47 tag; sentencex's rules for it are used.

    Returns:
        The sentences in order. ``start_in_quotation`` says whether a quotation that an earlier sentence opened is
        still running (see :mod:`framing.text.quotations` for how far quotations run); ``kind`` is set where the rules
        of :mod:`framing.text.kinds` know it. A text of only white space has no sentences.

    Raises:
        SettingError: there are no rules for the language.
    """
    cut_by = _checked_language(language)
    found = paragraphs(text)
    kinds = classify([text[p.start : p.end] for p in found], [p.after_gap for p in found])
    sentences: list[Sentence] = []
    state = OUTSIDE
    dateline = _dateline(text, found, kinds)
    for paragraph, line_kind in zip(found, kinds, strict=True):
        state = state.carried_into(text[paragraph.start : paragraph.start + 8])
        for start, end in _sentence_spans(text, paragraph, line_kind, cut_by):
            own_kind = kind_of_sentence(text[start:end]) or line_kind
            parts = [(start, end, own_kind)]
            if dateline is not None and start == dateline.start and end > dateline.end:
                gap = text[dateline.end : end]
                rest = dateline.end + len(gap) - len(gap.lstrip())
                parts = [(start, dateline.end, BOILERPLATE), (rest, end, own_kind)]
            for first, last, kind in parts:
                sentences.append(
                    Sentence(
                        text=text[first:last],
                        start=first,
                        end=last,
                        index=len(sentences),
                        kind=kind.kind,
                        kind_is_certain=kind.is_certain,
                        starts_in_quotation=state.inside,
                    )
                )
                state = scan(text[first:last], state).after
    return sentences


def _dateline(text: str, found: Sequence[Paragraph], kinds: Sequence[LineKind]) -> Paragraph | None:
    """The dateline (``PARIS:``) of the first paragraph of running text, which must not be taken for a source."""
    number = next((i for i, kind in enumerate(kinds) if kind.kind in (None, Kind.BODY)), None)
    if number is None:
        return None
    first = found[number]
    others = [text[p.start : min(p.end, p.start + 120)] for p in found[number + 1 :]]
    length = dateline_length(text[first.start : first.end], others)
    return Paragraph(first.start, first.start + length, first.after_gap) if length else None


def _checked_language(language: str) -> str:
    """The language's name in sentencex."""
    primary = language.split("-")[0].lower()
    if primary not in LANGUAGES:
        raise SettingError(
            f"there are no rules for cutting text in the language {language!r} into sentences",
            expected="a codebook with one of the languages " + ", ".join(sorted(LANGUAGES)),
            hint="cut the text yourself and label its sentences (labeler.sentences, --sentences)",
        )
    return primary


def starting_states(sentences: Iterable[Sentence]) -> Iterator[QuotationState]:
    """The quotation state in which each sentence of a document starts.

    Args:
        sentences: in order, as :func:`split` gives them. A sentence is scanned only if a quotation runs on after it.
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


# --- sentences --------------------------------------------------------------------------------------------------------


def _sentence_spans(text: str, paragraph: Paragraph, line_kind: LineKind, language: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence of a paragraph; debris and headlines stay in one piece."""
    original = text[paragraph.start : paragraph.end]
    small = original[:1].islower()
    begin = 0
    for cut, following in () if line_kind.is_one_piece else _cuts(original, language):
        before, after = original[max(begin, cut - 80) : cut], original[following : following + 120]
        if (
            cut <= begin
            or _belong_together(before, after, small=small)
            or (line_kind.kind is Kind.CAPTION and is_credit(after))
        ):
            continue
        yield paragraph.start + begin, paragraph.start + cut
        begin = following
    yield paragraph.start + begin, paragraph.end


def _cuts(original: str, language: str) -> Iterator[tuple[int, int]]:
    """Where one sentence ends and the next begins, by sentencex; quotation marks stay with their sentence."""
    blanked = _LINE_END.sub(" ", original)
    if not original.isascii():
        blanked = _PICTOGRAPH.sub(" ", _SURROGATE.sub("\ufffd", blanked))
    blanked = _QUOTATION_MARK.sub(lambda mark: " " * len(mark[0]), blanked)
    if len(blanked) >= _LONGEST_WORD:
        blanked = _LONG_WORD.sub(lambda word: _STRETCH.sub(r"\1 ", word[0]), blanked)
    others = (match.end() for match in _OTHER_ENDS.finditer(blanked))
    for boundary in sorted({*_boundaries(blanked, language), *others}):
        start, end = boundary, boundary
        while start and _is_blank(original[start - 1]):
            start -= 1
        while end < len(original) and _is_blank(original[end]):
            end += 1
        if start == 0 or end == len(original):
            continue
        # Marks that directly follow the sentence before the cut close a quotation in it.
        gap = original[start:end]
        cut = start + len(gap) - len(gap.lstrip(_BLANKED_MARKS))
        if cut == end and _opens(original, start, gap):
            cut = start
        elif note := _AFTER_STOP.match(original, cut):
            cut = end = note.end()
            while end < len(original) and _is_blank(original[end]):
                end += 1
            if end == len(original):
                continue
        following = end - len(original[cut:end].lstrip())
        quoted = _QUOTED_LINE.match(original, following)
        yield cut, quoted.end() if quoted else following


def _opens(original: str, start: int, marks: str) -> bool:
    """Whether the marks between two sentences without a blank (``left."We won``) belong to the second one."""
    if marks[:1] in _OPENING_MARKS:
        return True
    if marks[:1] == "'":  # where it closes, the letters before it are quoted
        return not scan(original[max(0, start - _SINGLE_WITHIN) : start + 1]).mask[-2]
    return marks[:1] == '"' and original.count('"', 0, start) % 2 == 0


def _boundaries(blanked: str, language: str) -> Iterator[int]:
    """Where sentencex begins a sentence. The text is read in pieces, each from a boundary in the one before."""
    import sentencex  # here, because labelling single sentences does not need it

    begin, size = 0, _PIECE
    while begin < len(blanked):
        piece = blanked[begin : begin + size]
        starts = [boundary["start_index"] for boundary in sentencex.get_sentence_boundaries(language, piece)]
        if begin + size >= len(blanked):
            yield from (begin + start for start in starts)
            return
        # Boundaries near the end of a piece are decided together with the text after it.
        settled = [start for start in starts if 0 < start < size - _PIECE_MARGIN]
        if not settled:
            size *= 2
            continue
        yield from (begin + start for start in settled)
        begin, size = begin + settled[-1], _PIECE


def _is_blank(character: str) -> bool:
    return character.isspace() or character in _BLANKED_MARKS


def _belong_together(before: str, after: str, *, small: bool) -> bool:
    """Whether a cut by sentencex is wrong, because one sentence stands on both sides of it.

    Args:
        before: the end of the text before the cut.
        after: the beginning of the text after it.
        small: the paragraph begins with a small letter, so a small letter after the cut shows nothing.
    """
    if _LIST_NUMBER.fullmatch(before) or not any(map(str.isalnum, after)) or after[:1] in _SUPERSCRIPTS:
        return True
    if _QUOTATION_END.search(before):
        return after[:1].islower() or bool(_QUOTED_CRY.search(before) and _SPEAKER_FOLLOWS.match(after))
    if not before.endswith("."):
        return False
    begin = max(0, len(before) - _LONGEST_ABBREVIATION)
    if any(at_end.search(before, begin) and following.match(after) for at_end, following in _ABBREVIATED):
        return True
    return not small and bool(_SMALL_WORD.match(after)) and not _SMALL_NAME.match(after)
