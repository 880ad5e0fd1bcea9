"""The page of the service: an article is pasted, and comes back with its marks, drawn as ``framing view`` draws them.

The page has no script and asks for nothing from outside: the form is sent to the service, which answers with the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from framing.codebook import Codebook
from framing.errors import FramingError
from framing.report.marks import article_html, counts_html, legend_html
from framing.report.page import listed, text, whole_page
from framing.service.bodies import LONGEST_LINE
from framing.types import Labels

#: The id of the part of the page that the browser shows first after the form was sent.
_RESULT = "result"


def page_html(
    codebook: Codebook,
    model: str,
    *,
    given: Mapping[str, str] | None = None,
    labels: Labels | None = None,
    error: FramingError | None = None,
) -> str:
    """The page.

    Args:
        codebook: of the labels; it has what they mean.
        model: its name.
        given: what the fields ``text`` and ``title`` of the form hold.
        labels: of the text that was given.
        error: why there are none.
    """
    parts = [_form(codebook, given or {}), *([] if error is None else [_error(error)])]
    if labels is not None:
        parts.append(_result(labels))
    parts.append(_meanings(codebook))
    body = (
        '<a class="skip" href="#text">To the article</a>\n<header><h1>framing</h1>\n'
        '<p class="note">Who names it how, in whose voice, and how sure. It describes words; it never judges people '
        f"or what is true. Model: {text(model)}.</p></header>\n<main>\n" + "\n".join(parts) + "\n</main>"
    )
    title = "Labelled article" if labels is not None else "That did not work" if error else "Label an article"
    return whole_page(f"{title} – framing", body, script=False, form=True)


def _form(codebook: Codebook, given: Mapping[str, str]) -> str:
    language = escape(codebook.language)
    return (
        f'<form method="post" action="#{_RESULT}">\n'
        f'<p><label for="title">Headline, where it is not in the article’s text</label><br>\n'
        f'<input id="title" name="title" size="60" maxlength="{LONGEST_LINE}" dir="auto" lang="{language}" '
        f'value="{escape(given.get("title", ""))}"></p>\n'
        f'<p><label for="text">Article</label><br>\n'
        # A parser drops the first line end of a text area.
        f'<textarea id="text" name="text" rows="12" required dir="auto" lang="{language}" aria-describedby="kept">\n'
        f"{escape(given.get('text', ''))}</textarea></p>\n"
        f'<p><button type="submit">Mark it</button> <span class="note" id="kept">Plain text, or the HTML of a page. '
        f"Nothing of it is kept.</span></p>\n</form>"
    )


def _error(error: FramingError) -> str:
    told = [error.message, *([f"Expected: {error.expected}"] if error.expected else []), error.hint or ""]
    said = "".join(f"<p>{text(line)}</p>" for line in told if line)
    return f'<div class="warn" role="alert" id="{_RESULT}" tabindex="-1">{said}</div>'


def _result(labels: Labels) -> str:
    counts = counts_html(labels.counts().most_common())
    table = (
        f"<table><caption>Frames in the outlet’s own sentences</caption><tbody>{counts}</tbody></table>"
        if counts
        else "<p>No frame is in the outlet’s own sentences.</p>"
    )
    return (
        f'<section aria-labelledby="{_RESULT}">\n<h2 id="{_RESULT}" tabindex="-1">The article with its marks</h2>\n'
        f"{legend_html(labels.codebook)}\n{article_html(labels)}\n{table}\n</section>"
    )


def _meanings(codebook: Codebook) -> str:
    told = [(label.name, text(label.definition)) for label in codebook.labels if label.definition]
    return f"<details><summary>What the frames mean</summary>{listed(told)}</details>" if told else ""
