"""News-archive exports: one text file that holds many articles, each with its outlet, date and title.

These layouts are recognised by their marks: LexisNexis (``1 of 3 DOCUMENTS``), Nexis Uni (``Body``, ``Load-Date:``,
``End of Document``), Factiva (field codes of two or three letters, on lines of their own or before the field; without
codes, ``Document`` and a number under each article), ProQuest (``Full text:``, ``Publication title:``) and NewsBank
(``Section:``, ``Page:``, ``Record Number:``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from framing.reading.dates import iso_day

_LEXIS_HEAD = re.compile(
    r"^[ \t\f\ufeff]*(?:\d+ of \d+ DOCUMENTS?|Do[ck]ument \d+ (?:of|von) \d+)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE
)
_LEXIS_FIELD = re.compile(r"^(?:BYLINE|SECTION|LENGTH|DATELINE|HEADLINE|LOAD-DATE|LANGUAGE): ", re.MULTILINE)
_NEXIS_FIELD = re.compile(r"^(?:Section|Length|Byline|Highlight|Dateline|Load-Date):", re.MULTILINE)
_NEXIS_BODY = re.compile(r"^Body[ \t]*\r?$", re.MULTILINE)
_NEXIS_END = re.compile(r"^[ \t]*End of Document[ \t]*\r?$", re.MULTILINE)
_FACTIVA_CODE = re.compile(
    r"^(SE|HD|BY|CR|WC|PD|ET|SN|SC|ED|PG|VOL|LA|CY|LP|TD|CO|IN|NS|RE|IPD|IPC|PUB|AN)(?:\r?$|[ \t]{2,}(?=\S)|\t)",
    re.MULTILINE,
)
_FACTIVA_NEEDED = frozenset({"HD", "PD", "SN"})
_FEWEST_CODES = 6
#: The last line of an article that Factiva prints without codes, and the line with its length.
_FACTIVA_END = re.compile(
    r"^[ \t]*Document [A-Z][A-Z0-9]{2,9}0{2,6}(?:19|20)\d{6}[a-z0-9]{4,12}[ \t]*\r?$", re.MULTILINE
)
_LENGTH = re.compile(r"[\d,]{1,7} words")
_FACTIVA_HEAD = re.compile(
    r"^[\d,]{1,7} words[ \t]*\r?\n(?:[ \t]*\r?\n)?\d{1,2} [A-Z][a-z]{2,8} (?:19|20)\d\d\b", re.MULTILINE
)
_NOTICE = re.compile(r"copyright\b|\(c\)|©", re.IGNORECASE)
_PROQUEST_BREAK = re.compile(r"^(?:_{20,}|Document \d+ of \d+)[ \t]*\r?$", re.MULTILINE)
_PROQUEST_TEXT = re.compile(r"^(?:Full text|Abstract):[ \t]", re.MULTILINE | re.IGNORECASE)
_PROQUEST_FIELD = re.compile(
    r"^(Title|Publication title|Publication date|Subject|Location|People|Company / organization|Identifier / keyword|"
    r"Classification|Publication info|ProQuest document (?:link|ID)|Links|Database):?[ \t]*([^\r\n]*)",
    re.MULTILINE,
)
_FEWEST_PROQUEST_FIELDS = 2
#: The last field of an article, with which a notice of copyright may change places.
_NEWSBANK_END = re.compile(r"^Record Number:[ \t]*\S[^\r\n]*", re.MULTILINE)
_NEWSBANK_FIELD = re.compile(
    r"(Paper|Publication|Source|Title|Headline|Date|Author/Byline|Author|Byline|Edition|Section|Page|Readability|Column|"
    r"Series|Dateline|OpenURL Link|Text|Article Text):?(?:[ \t]+|$)"
)
_NEWSBANK_FIELDS = re.compile(r"^(?:Section|Page|Edition|Author/Byline|Paper|Readability):[ \t]", re.MULTILINE)
_NEWSBANK_AFTER = re.compile(
    r"(?:Caption|Memo|Illustration|Index Terms|Correction|Record Number):|copyright\b|\(c\)|©", re.I
)
_OUTLET_AND_DAY = re.compile(r"([^\n]{2,80}?) [-–—] (?=[A-Z\d])")
#: The head of an article of NewsBank has at most so many lines.
_LONGEST_HEAD = 14

_LONGEST_DATE_LINE = 60
_NOT_A_TITLE = re.compile(
    r"(?:(?:final|late|early|first|second|third|national|city|london|us|usa|asia|europe|metro|home|sunday|weekend|all|"
    r"[\w ]{1,20}) (?:edition|editions)\b.*|\d{1,2}[:.]\d\d ?(?:[ap]\.?m\.?)?.*|correction appended|copyright\b.*|"
    r"all rights reserved.*|\(c\) .*|page \d+ of \d+)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[A-Z][A-Za-z-]{2,30}:(?:\s|$)")


@dataclass(frozen=True, slots=True)
class Article:
    """An article of an export.

    Attributes:
        start, end: where its text stands in the file, in code points, half-open; the text begins with the title.
        title, outlet: as the export prints them; ``None`` where they were not found.
        published: the day, as ISO 8601; ``None`` where it was not found.
    """

    start: int
    end: int
    title: str | None = None
    outlet: str | None = None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank: its place, and its text without the white space around it."""

    start: int
    text: str
    indent: int
    after_gap: bool


def is_export(beginning: str) -> bool:
    """Whether a text that begins like this is an export of a news archive.

    Args:
        beginning: some thousand code points.
    """
    return _layout(beginning) is not None


def articles_of(text: str) -> list[Article]:
    """The articles of an export, in order; empty if the text is no export.

    Args:
        text: the whole file.
    """
    split = _layout(text)
    return list(split(text)) if split is not None else []


def _layout(text: str) -> Callable[[str], Iterator[Article]] | None:
    if _LEXIS_HEAD.search(text) and _LEXIS_FIELD.search(text):
        return _lexis
    if _NEXIS_BODY.search(text) and len(set(_NEXIS_FIELD.findall(text))) >= 2:
        return _nexis
    codes = [match[1] for match in _FACTIVA_CODE.finditer(text)]
    if _FACTIVA_NEEDED.issubset(codes) and len(set(codes)) >= _FEWEST_CODES:
        return _factiva
    if _FACTIVA_HEAD.search(text):
        return _factiva_without_codes
    if _NEWSBANK_END.search(text) and len(set(_NEWSBANK_FIELDS.findall(text))) >= 2:
        return _newsbank
    if _PROQUEST_TEXT.search(text) and "ProQuest" in text:
        fields = {match[1] for match in _PROQUEST_FIELD.finditer(text)}
        return _proquest if len(fields) >= _FEWEST_PROQUEST_FIELDS else None
    return None


def _lexis(text: str) -> Iterator[Article]:
    heads = list(_LEXIS_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        lines = _lines(text, head.end(), end)
        dated = next((at for at, line in enumerate(lines[:12]) if _is_date_line(line)), None)
        outlet = (
            next((line.text for line in lines[:dated] if not _NOT_A_TITLE.fullmatch(line.text)), None)
            if dated
            else None
        )
        titled = next((at for at, line in enumerate(lines[:40]) if line.text.startswith("HEADLINE:")), None)
        if titled is not None:
            begin = text.index("HEADLINE:", lines[titled].start) + len("HEADLINE:")
            begin += len(text[begin:end]) - len(text[begin:end].lstrip())
            title = " ".join([lines[titled].text.removeprefix("HEADLINE:").strip(), *_goes_on(lines, titled)])
            yield Article(begin, end, title.strip() or None, outlet, _day(lines, dated))
            continue
        at = 0 if dated is None else dated + 1
        while at < len(lines) and (_NOT_A_TITLE.fullmatch(lines[at].text) or (dated and lines[at].indent > 8)):
            at += 1
        yield _titled(lines, at, end, outlet, _day(lines, dated))


def _nexis(text: str) -> Iterator[Article]:
    begin = 0
    for end in [*(match.end() for match in _NEXIS_END.finditer(text)), len(text)]:
        body = _NEXIS_BODY.search(text, begin, end)
        if body is None:
            continue
        lines = _lines(text, begin, body.start())
        # A cover sheet may come before the first title: the date tells where the title is.
        dated = next((at for at, line in enumerate(lines) if at >= 2 and _is_date_line(line)), None)
        if dated is None:
            yield Article(begin, end)
        else:
            first = dated - 2
            while first > 0 and not lines[first].after_gap:
                first -= 1
            title = " ".join(line.text for line in lines[first : dated - 1])
            yield Article(lines[first].start, end, title, lines[dated - 1].text, _day(lines, dated))
        begin = end


def _factiva(text: str) -> Iterator[Article]:
    codes = list(_FACTIVA_CODE.finditer(text))
    heads = [at for at, match in enumerate(codes) if match[1] == "HD"]
    for at, following in zip(heads, [*heads[1:], len(codes)], strict=True):
        end = codes[following].start() if following < len(codes) else len(text)
        fields: dict[str, str] = {}
        for number in range(at, following):
            stop = codes[number + 1].start() if number + 1 < len(codes) else len(text)
            fields.setdefault(codes[number][1], " ".join(text[codes[number].end() : stop].split()))
        begin = codes[at].end()
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        yield Article(begin, end, fields["HD"] or None, fields.get("SN") or None, iso_day(fields.get("PD", "")))


def _factiva_without_codes(text: str) -> Iterator[Article]:
    begin = 0
    for end, following in [*(mark.span() for mark in _FACTIVA_END.finditer(text)), (len(text), len(text))]:
        lines = _lines(text, begin, end)
        length = next((at for at, line in enumerate(lines) if _LENGTH.fullmatch(line.text)), 0)
        dated = next((at for at in range(length, min(length + 3, len(lines))) if _is_date_line(lines[at])), None)
        notice = next((at for at in range(length, min(length + 9, len(lines))) if _NOTICE.match(lines[at].text)), None)
        if length and dated is not None and notice is not None and notice + 1 < len(lines):
            # Over the length stand the section, the title and the writer.
            above = [line.text for line in lines[:length] if not line.text.startswith("By ")]
            named = (line.text for line in lines[dated + 1 : notice] if not _NOT_A_TITLE.fullmatch(line.text))
            start, title, outlet = lines[notice + 1].start, max(above, key=len, default=None), next(named, None)
            yield Article(start, end, title, outlet, _day(lines, dated))
        elif lines and end < len(text):
            yield Article(lines[0].start, end)
        begin = following


def _proquest(text: str) -> Iterator[Article]:
    begin = 0
    for end in [*(match.start() for match in _PROQUEST_BREAK.finditer(text)), len(text)]:
        texts = {match[0][:1].upper(): match for match in _PROQUEST_TEXT.finditer(text, begin, end)}
        body = texts.get("F") or texts.get("A")
        if body is not None:
            fields: dict[str, str] = {}
            for match in _PROQUEST_FIELD.finditer(text, begin, end):
                fields.setdefault(match[1], match[2].strip())
            after = _PROQUEST_FIELD.search(text, body.end(), end)
            above = [line.text for line in _lines(text, begin, body.start()) if not _PROQUEST_BREAK.match(line.text)]
            title = fields.get("Title") or next(iter(above), None)
            day = iso_day(fields.get("Publication date", ""))
            yield Article(body.end(), after.start() if after else end, title, fields.get("Publication title"), day)
        begin = end


def _newsbank(text: str) -> Iterator[Article]:
    begin = 0
    for end in [*(match.end() for match in _NEWSBANK_END.finditer(text)), len(text)]:
        lines = _lines(text, begin, end)
        while lines and _NOTICE.match(lines[0].text):  # of the article before
            del lines[0]
        begin = end
        fields: dict[str, str] = {}
        head, start = 0, end
        for at, line in enumerate(lines[:_LONGEST_HEAD]):
            if field := _NEWSBANK_FIELD.match(line.text):
                fields.setdefault(field[1], line.text[field.end() :])
                head = at + 1
                if field[1].endswith("Text"):  # the article begins behind the name of its field
                    start = line.start + field.end()
                else:
                    start = lines[head].start if head < len(lines) else end
        if not head:
            continue
        stop = next((line.start for line in lines[head:] if _NEWSBANK_AFTER.match(line.text)), end)
        title = fields.get("Title") or fields.get("Headline")
        outlet = next((fields[name] for name in ("Paper", "Publication", "Source") if fields.get(name)), None)
        day = iso_day(fields.get("Date", ""))
        for at, line in enumerate(lines[:head]):
            named = _OUTLET_AND_DAY.match(line.text)
            found = iso_day(line.text[named.end() :]) if named else iso_day(line.text)
            if day is None and found:
                day, above = found, [line.text for line in lines[:at]]
                outlet = outlet or (named[1] if named else above.pop() if above else None)
                title = title or (above[-1] if above else lines[head].text if head < len(lines) else None)
        yield Article(start, stop, title, outlet, day)


def _titled(lines: Sequence[_Line], at: int, end: int, outlet: str | None, published: str | None) -> Article:
    if at >= len(lines):
        return Article(lines[0].start if lines else end, end, None, outlet, published)
    if _FIELD.match(lines[at].text):
        return Article(lines[at].start, end, None, outlet, published)
    title = " ".join([lines[at].text, *_goes_on(lines, at)])
    return Article(lines[at].start, end, title, outlet, published)


def _goes_on(lines: Sequence[_Line], at: int) -> Iterator[str]:
    """The lines that continue a title."""
    for line in lines[at + 1 : at + 5]:
        if line.after_gap or _FIELD.match(line.text):
            return
        yield line.text


def _lines(text: str, start: int, end: int) -> list[_Line]:
    lines, at, after_gap = [], start, True
    for raw in text[start:end].splitlines(keepends=True):
        stripped = raw.strip("\ufeff\f \t\r\n")
        if stripped:
            indent = raw.index(stripped)
            lines.append(_Line(at + indent, stripped, indent, after_gap))
        after_gap = not stripped
        at += len(raw)
    return lines


def _is_date_line(line: _Line) -> bool:
    return len(line.text) <= _LONGEST_DATE_LINE and iso_day(line.text) is not None


def _day(lines: Sequence[_Line], at: int | None) -> str | None:
    return None if at is None else iso_day(lines[at].text)
