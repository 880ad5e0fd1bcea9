"""The readable text of a web page, as trafilatura finds it: the article, its title, date and site, and its comments."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from framing.errors import MissingExtraError, UnreadableFileError
from framing.reading.dates import day_of
from framing.reading.encodings import clean
from framing.reading.repairs import repaired

# Each pattern takes linear time: no two neighbouring parts of it can match the same characters.
_PAGE_TAG = re.compile(r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z!/][^<>]*>")
_INLINE = "a|abbr|b|cite|code|del|em|font|i|ins|mark|q|s|small|span|strong|sub|sup|time|u"
_CHARACTER_DATA = re.compile(r"<!\[CDATA\[|\]\]>")
#: WordPress keeps these in the source of a text.
_SHORTCODE = re.compile(
    r"\[/?(?:caption|gallery|embed|video|audio|playlist|contact-form|(?:wp|vc|et_pb)_\w{1,30})(?:\s[^\[\]]{0,300})?/?\]"
)
#: What only HTML has. In a text, a bare "<A>" may stand for a name that was taken out; "<b>" does not.
_FRAGMENT_TAG = re.compile(
    r"</?(?:p|div|br|hr|h[1-6]|article|section|aside|header|main|figure|figcaption|blockquote|ul|ol|li|dl|table|tr|td|img|"
    r"iframe|center|pre|style|script)(?:\s[^<>]{0,2000})?/?>"
    rf"|<(?:{_INLINE})\s[^<>=]{{0,2000}}=[^<>]{{0,2000}}>"
    rf"|</(?:{_INLINE})\s{{0,9}}>"
    rf"|<(?-i:{_INLINE})>"
    r"|<!--[^<>]{0,2000}-->",
    re.IGNORECASE,
)
_BLOCKS = frozenset(
    "address article aside blockquote center dd div dl dt figcaption figure footer form h1 h2 h3 h4 "
    "h5 h6 header hr li main nav ol p pre section table td th title tr ul".split()
)
_UNREAD = frozenset(("script", "style", "noscript", "template", "svg", "iframe", "head"))
#: Class or id of what asks for consent, and of what lists other stories.
_CONSENT = re.compile(r"(?:^|[\s_-])(?:cookies?|consent|gdpr)(?:$|[\s_-])", re.IGNORECASE)
_OTHER_STORIES = re.compile(
    r"related|recommend|sidebar|most-?read|popular|trending|teaser|comment|promo", re.IGNORECASE
)
_BESIDE = frozenset(("aside", "nav", "footer", "li"))
_FOR_SCREEN_READERS = re.compile(r"(?:^|\s)(?:sr-only|visually-hidden|visuallyhidden|screen-reader-text)(?:$|\s)")
_EMBED_NOTICE = re.compile(r"\s*(?:a post shared by|view this post on)\b", re.IGNORECASE)
#: A page has its first tag within this many code points.
_BEGINNING = 5000
_SHORTEST_TEXT = 20
#: In code points. A table with a longer cell is layout, not data.
_LONGEST_DATA_CELL = 300
_COMMENTS_HEADING = "Comments"
_BEGINS_QUOTED = re.compile(r"\s*[\"“„«‘']")
#: A blockquote with a larger share of the page is its whole article, indented, and not a quotation.
_LARGEST_QUOTED_SHARE = 0.6
#: The share of a page's paragraphs, in code points, that its ``<article>`` elements must hold to be joined.
_LEAST_SHARE_OF_BLOCKS = 0.6
_ENDS_WORDS = re.compile(r"[\w.,;:!?”\"'’)]\Z")
_DECLARED_HEADLINE = re.compile(r'"headline"\s*:\s*"([^"\\\\]{1,400})"')
_BEGINS_WORDS = re.compile(r"[A-Z0-9“\"‘(]")


@dataclass(frozen=True, slots=True)
class Page:
    """The text of a web page, and what the page says about it.

    Attributes:
        text: the article, one paragraph a line, and the readers' comments, under a line ``Comments`` with blank lines
            around it, which :mod:`framing.text.kinds` recognises.
        title: the headline.
        published: the date, ISO 8601.
        outlet: the site's name for itself.
    """

    text: str
    title: str | None = None
    published: str | None = None
    outlet: str | None = None


def looks_like_html(text: str) -> bool:
    """Whether a text is the source of a web page, or of a part of one (``<p>…</p>``, ``…<br>…``)."""
    return "<" in text and (is_whole_page(text) or _FRAGMENT_TAG.search(text) is not None or _begins_like_xml(text))


def extract(source: str, where: str = "the page") -> Page:
    """Find the article on a web page, or the text of a fragment of HTML.

    Where trafilatura finds no article, all visible text of the page is taken, as it is where a table lays out the page.
    Words in ``<q>`` and paragraphs in ``<blockquote>`` get quotation marks. A date comes from the page's metadata, or
    from a date line or dateline of the article, never from other text.

    Args:
        source: the HTML.
        where: the file, for messages.

    Raises:
        UnreadableFileError: there is no readable text in it.
        MissingExtraError: trafilatura is not installed.
    """
    trafilatura = _trafilatura()
    if not _TAG.search(source):
        raise _unreadable(where, "has no HTML tags in it")
    source = _CHARACTER_DATA.sub("", clean(source))
    try:
        page = _article(trafilatura, source) if is_whole_page(source) else Page(_visible_text(source))
    except Exception as error:  # lxml and trafilatura raise many kinds of errors on broken pages
        raise _unreadable(where, f"cannot be read as a page ({type(error).__name__}: {error})") from error
    if not any(map(str.isalnum, page.text)):
        raise _unreadable(where, "holds no readable text")
    return page


def is_whole_page(text: str) -> bool:
    """Whether the first tag is one that only whole pages begin with."""
    beginning = text[:_BEGINNING].lstrip("\ufeff \t\r\n")
    if beginning[:5].lower() == "<?xml":
        beginning = beginning.partition(">")[2].lstrip()
    while beginning.startswith("<!--"):
        beginning = beginning.partition("-->")[2].lstrip()
    return _PAGE_TAG.match(beginning) is not None


def _begins_like_xml(text: str) -> bool:
    """Whether a text begins with a comment or with character data."""
    begin = text[:_BEGINNING].lstrip()
    return (begin.startswith("<!--") and "-->" in text) or (begin.startswith("<![CDATA[") and "]]>" in text)


def _article(trafilatura: Any, source: str) -> Page:
    tree = trafilatura.load_html(source)
    if tree is not None:
        _drop_unseen(tree)
        _mark_quotations(tree)
        _part_spans(tree)
        _join_blocks(tree)
    # Only dates in metadata: others may come from a copyright notice, a sidebar, or an event in the text.
    dates = {"original_date": True, "extensive_search": False, "max_date": date.today().isoformat()}
    found = trafilatura.bare_extraction(
        source if tree is None else tree, with_metadata=True, include_comments=True, date_extraction_params=dates
    )
    text = (found.text or "").strip() if found is not None else ""
    if len(text) < _SHORTEST_TEXT:
        text = max((trafilatura.html2txt(source) or "").strip(), _visible_text(source), key=len)
    if tree is not None and _has_layout_table(tree):
        text = _visible_text(source)
    text = clean(text)
    if found is None:
        return Page(text, published=day_of(text))
    title = " ".join(repaired(_headline(tree, found.title or "")).split()) or None
    return Page(_with_comments(text, found.comments or ""), title, found.date or day_of(text), found.sitename)


def _headline(tree: Any, title: str) -> str:
    """The whole headline from the page's JSON-LD, which trafilatura cuts at an escaped quotation mark."""
    for script in tree.iter("script") if title and tree is not None else ():
        if script.get("type") == "application/ld+json":
            declared = _DECLARED_HEADLINE.search(script.text or "")
            if declared and declared[1].startswith(title):
                return declared[1]
    return title


def _drop_unseen(tree: Any) -> None:
    """Drop hidden parts and requests for consent, unless half of the page is in them, and dates of other stories."""
    whole = _paragraph_length(tree)
    for element in list(tree.iter("div", "section", "aside", "p", "span", "form", "dialog")):
        named = f"{element.get('id') or ''} {element.get('class') or ''}"
        is_unseen = element.get("hidden") is not None or _CONSENT.search(named) or _FOR_SCREEN_READERS.search(named)
        if is_unseen and element.getparent() is not None and _paragraph_length(element) <= whole / 2:
            element.drop_tree()
    for moment in list(tree.iter("time")):
        for element in moment.iterancestors():
            if next(element.iter("h1"), None) is not None:  # the article itself
                break
            named = f"{element.get('id') or ''} {element.get('class') or ''}"
            if element.tag in _BESIDE or _OTHER_STORIES.search(named):
                moment.attrib.pop("datetime", None)
                moment.tag = "span"
                break


def _mark_quotations(tree: Any) -> None:
    """Put quotation marks around what only a page's tags show to be a quotation."""
    whole = len(tree.text_content())
    for quote in list(tree.iter("q")):
        quote.text = "“" + (quote.text or "")
        _append(quote, "”")
        quote.tag = "span"  # trafilatura takes "q" for a paragraph
    for block in tree.iter("blockquote"):
        if len(block.text_content()) > _LARGEST_QUOTED_SHARE * whole and not _is_quotation(block):
            continue
        paragraphs = [part for part in block.iter("p", "div", "li") if not part.xpath("p|div|ul|ol|blockquote")]
        for part in paragraphs or [block]:
            words = part.text_content()
            if words.strip() and not _BEGINS_QUOTED.match(words) and not _EMBED_NOTICE.match(words):
                part.text = "“" + (part.text or "").lstrip()
                _append(part, "”")


def _is_quotation(block: Any) -> bool:
    """Whether a blockquote says that it is one: by its source, a class (``twitter-tweet``), or a colon before it."""
    before = next(block.itersiblings("*", preceding=True), None)
    words = "" if before is None else before.text_content() + (before.tail or "")
    announced = words.rstrip().endswith(":")
    return announced or bool(block.get("class") or block.get("cite")) or next(block.iter("cite"), None) is not None


def _join_blocks(tree: Any) -> None:
    """Join several ``<article>`` elements, as on a live blog, into one: of several, trafilatura drops the headings.

    They are joined if they are siblings, most have a heading, and together they hold most of the page's paragraphs.
    Teasers of other articles hold less text than the article beside them.
    """
    for item in list(tree.iter("li")):
        if (
            _has_heading(item)
            and next(item.iter("p"), None) is not None
            and item.getparent().tag in ("ol", "ul", "div")
        ):
            item.getparent().tag = item.tag = "div"
    blocks = list(tree.iter("article"))
    parents = {block.getparent() for block in blocks}
    if len(blocks) < 2 or len(parents) > 1 or 2 * sum(map(_has_heading, blocks)) < len(blocks):
        return
    if sum(map(_paragraph_length, blocks)) >= _LEAST_SHARE_OF_BLOCKS * _paragraph_length(tree):
        whole = blocks[0].makeelement("article")
        blocks[0].addprevious(whole)
        for block in blocks:
            block.tag = "div"
            whole.append(block)


def _has_heading(element: Any) -> bool:
    return next(element.iter("h2", "h3", "h4", "h5", "h6"), None) is not None


def _paragraph_length(element: Any) -> int:
    return sum(len(paragraph.text_content()) for paragraph in element.iter("p"))


def _append(element: Any, text: str) -> None:
    """Add text at the end of an element."""
    if len(element):
        element[-1].tail = (element[-1].tail or "").rstrip() + text
    else:
        element.text = (element.text or "").rstrip() + text


def _part_spans(tree: Any) -> None:
    """Add the missing blanks around ``<span>`` elements that only the page's style separates."""
    for span in tree.iter("span"):
        words, following = span.text_content(), span.getnext()
        right = span.tail or (following.text_content() if following is not None and following.tag == "span" else "")
        if len(words) > 2 and _ENDS_WORDS.search(words) and _BEGINS_WORDS.match(right):
            _append(span, " ")
        before, parent = span.getprevious(), span.getparent()
        left = before.tail if before is not None else parent.text if parent is not None else None
        if left and left[-1] in ".!?”" and _BEGINS_WORDS.match(words):
            span.text = " " + (span.text or "")


def _has_layout_table(tree: Any) -> bool:
    """Whether a table holds the article: old pages are laid out by tables, which trafilatura takes for data."""
    cells = tree.iter("td", "th")
    return any(len(cell.text_content()) >= _LONGEST_DATA_CELL for cell in cells)


def _visible_text(source: str) -> str:
    """All text of some HTML: blank lines between paragraphs, and a line end for each ``<br>``."""
    from lxml import etree, html

    tree = html.fragment_fromstring(_SHORTCODE.sub("", source.lstrip("\ufeff")), create_parent="div")
    _drop_unseen(tree)
    _mark_quotations(tree)
    _part_spans(tree)
    pieces: list[str] = []
    unread = 0
    for event, element in etree.iterwalk(tree, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            pieces.append(element.tail or "" if not unread else "")
            continue
        opens = event == "start"
        is_block = element.tag in _BLOCKS
        if element.tag in _UNREAD:
            unread += 1 if opens else -1
        if is_block:
            pieces.append("\n\n")
        elif element.tag == "br" and opens:
            pieces.append("\n")
        if not unread or (not opens and element.tag in _UNREAD):
            pieces.append((element.text if opens else element.tail) or "")
    lines = (" ".join(line.split()) for line in _lines_of(pieces))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _lines_of(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text; only a piece that consists of line ends ends a line."""
    line: list[str] = []
    for piece in pieces:
        if piece and not piece.strip("\n"):
            for _ in piece:
                yield "".join(line)
                line = []
        else:
            line.append(piece)
    yield "".join(line)


def _with_comments(text: str, comments: str) -> str:
    comments = clean(comments).strip().removeprefix(_COMMENTS_HEADING).strip()
    return f"{text}\n\n{_COMMENTS_HEADING}\n\n{comments}" if comments else text


def _trafilatura() -> Any:
    """The module trafilatura, imported only when a page is read, because the import takes half a second."""
    try:
        import trafilatura
    except ImportError as error:
        raise MissingExtraError(
            f"reading HTML needs the package trafilatura, which cannot be imported: {error}",
            expected="trafilatura 2.0 or later",
            hint="pip install trafilatura",
        ) from error
    # Without a handler, trafilatura's log would go to stderr; framing's own error says what is wrong with a page.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    return trafilatura


def _unreadable(where: str, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{where} {what}",
        expected="an HTML page with text in it",
        hint="if it is not HTML, name its format; a page that loads its text by script must be saved after loading",
    )
