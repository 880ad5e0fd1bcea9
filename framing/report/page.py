"""The page itself: one HTML file that asks for nothing from outside.

A policy in its head forbids everything but this style and this script, by their hashes. All text is escaped where it
is put into HTML; attributes hold numbers, dates and names of the codebook; what the script needs is JSON in a block of
its own in which no ``<`` is left.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from framing.reading.encodings import visible

_HERE = Path(__file__).parent
#: Rows of a table that is kept on one sheet of paper.
_SHORT = 14
#: What need not be written as %.. in an address of data that stands between double quotes.
_PLAIN = "/,:;()[]*!=@ "
#: What a spreadsheet would take for a formula.
_FORMULA = re.compile(r"^[=+\-@\t\r]")


def text(value: object) -> str:
    """Escaped, control characters made visible."""
    return escape(visible(str(value)))


def whole_page(
    title: str,
    body: str,
    *,
    language: str = "en",
    data: Mapping[str, Any] | None = None,
    script: bool = True,
    form: bool = False,
) -> str:
    """A page of its body.

    Args:
        title: as text.
        body: HTML.
        language: BCP 47.
        data: for the script.
        script: whether the page has one.
        form: whether the page has a form, which is sent to where the page came from.
    """
    from framing.report.marks import MARK_CSS

    style = (_HERE / "page.css").read_text(encoding="utf-8") + MARK_CSS
    code = (_HERE / "page.js").read_text(encoding="utf-8") if script else ""
    policy = f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; base-uri 'none'; form-action 'none'" + (
        f"; script-src '{_hash(code)}'" if script else ""
    )
    if form:
        policy = policy.replace("form-action 'none'", "form-action 'self'")
    block = "" if data is None else f'<script type="application/json" id="data">{script_json(data)}</script>\n'
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=False)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n<title>{text(title)}</title>\n'
        f'<style>{style}</style>\n</head>\n<body class="framing">\n{body}\n{block}'
        + (f"<script>{code}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")


def script_json(data: Any) -> str:
    """JSON that can stand in a script element: no ``<``, ``>`` or ``&``, and no line ends that old scripts know."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written


def section(key: str, title: str, *parts: str) -> str:
    """A part of the page under a heading; empty where it has no parts."""
    inner = "\n".join(part for part in parts if part)
    return (
        f'<section aria-labelledby="{key}">\n<h2 id="{key}">{escape(title)}</h2>\n{inner}\n</section>' if inner else ""
    )


def paragraph(said: str, kind: str = "") -> str:
    """A paragraph of text."""
    return f'<p class="{kind}">{text(said)}</p>' if kind else f"<p>{text(said)}</p>"


def notes(said: Iterable[str]) -> str:
    """What a reader must not miss."""
    items = "".join(f"<li>{text(note)}</li>" for note in said)
    return f'<div class="warn" role="note"><ul>{items}</ul></div>' if items else ""


def listed(pairs: Iterable[tuple[str, str]]) -> str:
    """Terms and what is said of each, as HTML made elsewhere."""
    items = "".join(f"<dt>{text(term)}</dt><dd>{said}</dd>" for term, said in pairs)
    return f'<dl class="card">{items}</dl>'


def scroll(name: str, table: str) -> str:
    """A table that is scrolled sideways where it is wider than the page. Print does not part a short one.

    Args:
        name: what it is called, as text.
        table: HTML.
    """
    short = " short" if table.count("<tr") <= _SHORT else ""
    return f'<div class="scroll{short}" tabindex="0" role="group" aria-label="Table: {text(name)}">{table}</div>'


def figure(svg: str, caption: str, table: str, *, name: str, title: str, rows: Sequence[Sequence[object]]) -> str:
    """A chart with its table, and both to take along.

    Args:
        svg: the chart.
        caption: as text.
        table: HTML of the same figures.
        name: of the files, without ending: letters, digits, ``-``, ``_``.
        title: for people, as text.
        rows: of the CSV file, the names of columns first.
    """
    file = re.sub(r"[^\w-]", "_", name, flags=re.ASCII)
    drawing = f'<a data-svg="1" hidden download="{file}.svg" aria-label="SVG of {text(title)}">SVG</a>'
    return (
        f"<figure>{svg}<figcaption>{text(caption)} "
        f'<span class="screen">Download: {drawing} {csv_link(file, rows, title)}</span></figcaption>'
        f'<details><summary>The figures as a table<span class="unseen">: {text(title)}</span></summary>'
        f"{scroll(title, table)}</details></figure>"
    )


def csv_link(file: str, rows: Sequence[Sequence[object]], title: str) -> str:
    """A link that holds a CSV file; cells that a spreadsheet would take for a formula get a ``'``.

    Args:
        file: its name, without ending.
        rows: the names of columns first.
        title: what it is of, as text.
    """
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    address = f"data:text/csv;charset=utf-8,{quote(sink.getvalue(), safe=_PLAIN)}"
    return f'<a download="{file}.csv" aria-label="CSV of {text(title)}" href="{address}">CSV</a>'


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, str) and _FORMULA.match(value):
        return "'" + value
    return "" if value is None else value


def table(caption: str, columns: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], *, words: int = 1) -> str:
    """A table.

    Args:
        caption: as text.
        columns: names, as text.
        rows: cells as HTML, and whether the row is grey.
        words: first columns, which hold words; the first names the row.
    """
    head = "".join(f'<th scope="col"{_words(n, words)}>{text(name)}</th>' for n, name in enumerate(columns))
    body = "".join(
        f'<tr{" class=small" if grey else ""}><th scope="row">{cells[0]}</th>'
        + "".join(f"<td{_words(n, words)}>{cell}</td>" for n, cell in enumerate(cells[1:], start=1))
        + "</tr>"
        for cells, grey in rows
    )
    told = f"<caption><span>{text(caption)}</span></caption>"
    return f"<table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _words(number: int, words: int) -> str:
    return ' class="t"' if number < words else ""


def link_attributes(
    *,
    group: int | None = None,
    label: int | None = None,
    voice: int | None = None,
    hedge: int | str | None = None,
    source: int | None = None,
    since: str | None = None,
    until: str | None = None,
) -> str:
    """Attributes of a link to the sentences of a figure; numbers, and days in ISO 8601."""
    given = {"g": group, "l": label, "v": voice, "h": hedge, "c": source, "since": since, "until": until}
    return 'data-e="1"' + "".join(f' data-{key}="{escape(str(v))}"' for key, v in given.items() if v is not None)


def link(said: str, attributes: str) -> str:
    """A figure that leads to its sentences."""
    return f'<a href="#evidence" {attributes}>{text(said)}</a>'


def options(names: Sequence[str], *, every: str = "all", also: Sequence[tuple[str, str]] = ()) -> str:
    """What can be chosen: names by their numbers."""
    own = [("", every), *also, *((str(number), name) for number, name in enumerate(names))]
    return "".join(f'<option value="{value}">{text(name)}</option>' for value, name in own)
