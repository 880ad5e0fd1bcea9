"""A web page to text: what trafilatura takes for the article, its title, date and site, and its comments."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from framing.errors import MissingExtraError, UnreadableFileError
from framing.text.columns import with_title
from framing.text.decoding import clean

_LOOKS_LIKE_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_TAG = re.compile(r"<[a-zA-Z!/][^>]*>")
_SHORTEST_TEXT = 20
_COMMENTS_HEADING = "Comments"


@dataclass(frozen=True, slots=True)
class Page:
    """What was found on a web page.

    Attributes:
        text: title, article and comments as one text, in this order: paragraphs are lines, with blank lines around
            title and comments; the comments stand under the line ``Comments``, by which
            :mod:`framing.text.kinds` knows them.
        title: the headline.
        published: the date, ISO 8601.
        outlet: the name that the site gives itself.
    """

    text: str
    title: str | None = None
    published: str | None = None
    outlet: str | None = None


def looks_like_html(text: str) -> bool:
    """Whether a text is the source of a web page."""
    return bool(_LOOKS_LIKE_PAGE.match(text[:5000]))


def extract(source: str, where: str = "the page") -> Page:
    """Find the article on a web page.

    Where trafilatura finds no article, all visible text of the page is taken.

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
    source = clean(source)
    found = trafilatura.bare_extraction(source, with_metadata=True, include_comments=True)
    text = (found.text or "").strip() if found is not None else ""
    if len(text) < _SHORTEST_TEXT:
        # A bare fragment is no page to trafilatura until it has a body.
        text = (trafilatura.html2txt(source) or trafilatura.html2txt(f"<html><body>{source}")).strip()
    if not any(map(str.isalnum, text)):
        raise _unreadable(where, "holds no readable text")
    title = " ".join((found.title or "").split()) if found is not None else ""
    comments = (found.comments or "") if found is not None else ""
    return Page(
        text=_with_comments(with_title(clean(text), title), comments),
        title=title or None,
        published=found.date if found is not None else None,
        outlet=found.sitename if found is not None else None,
    )


def _with_comments(text: str, comments: str) -> str:
    comments = clean(comments).strip().removeprefix(_COMMENTS_HEADING).strip()
    return f"{text}\n\n{_COMMENTS_HEADING}\n\n{comments}" if comments else text


def _trafilatura():  # type: ignore[no-untyped-def]  # the module; imported only when a page is read, it is heavy
    try:
        import trafilatura
    except ImportError as error:
        raise MissingExtraError(
            f"reading HTML needs the package trafilatura, which cannot be imported: {error}",
            expected="trafilatura 2.0 or later",
            hint="pip install trafilatura",
        ) from error
    # What it finds wrong with a page is said by our own error; without a handler it would go to stderr as well.
    logging.getLogger("trafilatura").addHandler(logging.NullHandler())
    return trafilatura


def _unreadable(where: str, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{where} {what}",
        expected="an HTML page with text in it",
        hint="if it is not HTML, name its format; a page that loads its text by script must be saved after loading",
    )
