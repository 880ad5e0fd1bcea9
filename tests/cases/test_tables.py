"""Rows 56 to 66: tables of all kinds, packed files, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import framing
from framing.reading import Columns
from framing.reading.formats import open_format
from framing.reading.formats.base import Limits
from tests.cases.inputs import quoted, read

ARMY = "The army liberated Harun from terrorists, state TV said."
REBELS = "Rebels said the regime bombed a school."


def read_text(path: Path, content: str, **options: Any) -> tuple[list[framing.Document], list[framing.Rejected]]:
    path.write_text(content, encoding="utf-8", newline="")
    return read(path, **options)


@pytest.mark.parametrize(("name", "lost"), [("lostquote_unquoted.csv", ["20"]), ("lostquote_two.csv", ["20", "120"])])
def test_lost_quotation_marks(name: str, lost: list[str]) -> None:
    """Row 56: their rows alone are set aside, and shown."""
    documents, rejected = read(name)
    assert [d.id for d in documents] == [str(n) for n in range(1, 201) if str(n) not in lost]
    assert [r.value.partition(",")[0] for r in rejected] == lost
    assert [r.where.rpartition(":")[2] for r in rejected] == [str(int(n) + 1) for n in lost]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "|"])
@pytest.mark.parametrize("place", [1, 50, 99])
def test_other_lost_marks(place: int, separator: str, end: str, tmp_path: Path) -> None:
    """Row 56, variants: quoted rows around it, cells with line ends, at the beginning and at the end."""
    rows = [f'{n}{separator}"It rained{separator} on day {n}.{end}It snowed."' for n in range(100)]
    rows[place] = f'{place}{separator}"We will return, he said.'
    documents, rejected = read_text(tmp_path / "a.csv", end.join([f"id{separator}text", *rows, ""]))
    # The next row's opening mark closes the cell: it may be lost with it, and no other.
    assert {d.id for d in documents} >= {str(n) for n in range(100) if n not in (place, place + 1)}
    if separator == ",":  # which is in the text, so that the line has three cells
        assert rejected[0].value.startswith(str(place))
    else:
        assert not rejected
        assert len(documents) == 100
        assert documents[place].text == '"We will return, he said.'


@pytest.mark.parametrize("separator", ["\t", ";", "|", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_that_begin_with_a_quotation(separator: str, end: str, tmp_path: Path) -> None:
    """Row 57, in CSV: a cell that the reader refuses is plain text, and the other cells of its row lose their marks."""
    texts = [
        '"Rebels" fled.',
        '"He said "we will return" to them"',
        '"We fled" and "they won"',
        "It rained.",
    ]
    rows = [separator.join([f'"a ""{n}"""', text]) for n, text in enumerate(texts)]
    inside = separator if separator != "\t" else ","  # in TSV two lines with all cells are two rows
    rows.append(separator.join(["4", f'"One line.\nTwo{inside} lines."']))
    documents, rejected = read_text(tmp_path / "a.csv", end.join([f"id{separator}text", *rows, ""]))
    assert not rejected
    assert [d.id for d in documents] == [*(f'a "{n}"' for n in range(4)), "4"]
    assert [d.text for d in documents] == [*texts, f"One line.\nTwo{inside} lines."]


@pytest.mark.parametrize("separator", ["\t", ";", "|", ","])
def test_lines_that_are_cut_between_literal_rows(separator: str, tmp_path: Path) -> None:
    """Row 57: ranges of one row, as in a batch job, hold the rows that one pass over the file gives."""
    rows = [separator.join([str(n), '"Rebels" fled.' if n % 3 else '"Rebels fled.']) for n in range(12)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([f"id{separator}text", *rows, ""]))
    with open_format(str(path), "a.csv", "csv") as whole, open_format(str(path), "a.csv", "csv") as cut:
        expected = [row for found in whole.ranges(Limits()) for row in whole.rows(found)]
        assert [row for found in cut.ranges(Limits(rows=1)) for row in cut.rows(found)] == expected
    assert len(expected) == 12
    lost = [row.number for row in expected if row.values is None]
    assert lost == ([2, 5, 8, 11] if separator == "," else [])


def test_tsv_whose_texts_begin_with_quotations() -> None:
    """Row 57: none of 200 rows is set aside, closed or not."""
    for name in ("rawquotes.tsv", "rawquotes_open.tsv"):
        documents, rejected = read(name)
        assert not rejected
        assert [document.id for document in documents] == [str(n) for n in range(1, 201)]
        assert any(document.text.startswith('"We will return') for document in documents)
    documents, rejected = read("fmt/quote_start_unclosed.tsv")
    assert (len(documents), len(rejected)) == (4, 0)
    assert documents[0].text == '"Rebels fled, he said.'


def test_tsv_with_quoted_cells(tmp_path: Path) -> None:
    """Row 57: cells that are quoted as CSV has it, with tabs and line ends in them, are still read so."""
    content = 'id\ttext\n1\t"It ""rained"" here."\n2\t"One line.\nTwo lines."\n3\t"A\ttab."\n4\t"Quoted," he said.\n'
    documents, rejected = read_text(tmp_path / "a.tsv", content)
    assert not rejected
    assert [document.text for document in documents] == [
        'It "rained" here.',
        "One line.\nTwo lines.",
        "A\ttab.",
        '"Quoted," he said.',
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("newsapi.jsonl", ("BBC News", "2020-01-01", "Army retakes Harun")),
        ("ccnews.jsonl", ("bbc.com", "2020-01-01", "Army retakes Harun")),
        ("allthenews.csv", ("New York Times", "2016-12-31", "Army retakes Harun")),
        ("fmt/newsplease.json", ("bbc.com", "2020-01-01", "Army came")),
        ("fmt/newsplease2.jsonl", ("bbc.com", "2020-01-01", "Army came")),
        ("fmt/newspaper4k.jsonl", ("bbc.com", "2020-01-01", "Army came")),
        ("fmt/trafilatura.json", ("BBC", "2020-01-01", "Army came")),
        ("fmt/sourceobj.jsonl", ("BBC", None, "Army came")),
    ],
)
def test_columns_of_known_tools(name: str, expected: tuple[str | None, ...]) -> None:
    """Row 58: outlet, day and title are found, an object for a source is its name."""
    documents, rejected = read(name)
    assert not rejected
    first = documents[0]
    assert (first.outlet, first.published and first.published[:10], first.title) == expected


BODY = "The army left Harun. Rain fell."
DAY = "2019-05-14T10:00:00Z"
ANSWERS = {
    "NewsAPI": {
        "status": "ok",
        "articles": [{"source": {"id": None, "name": "BBC"}, "title": "Left", "publishedAt": DAY, "content": BODY}],
    },
    "Guardian": {
        "response": {
            "status": "ok",
            "results": [
                {"id": "w/1", "webTitle": "Left", "webPublicationDate": DAY, "fields": {"body": f"<p>{BODY}</p>"}}
            ],
        }
    },
    "New York Times": {
        "response": {"docs": [{"headline": {"main": "Left"}, "lead_paragraph": BODY, "pub_date": DAY, "source": "NYT"}]}
    },
    "Event Registry": {
        "articles": {"results": [{"title": "Left", "body": BODY, "dateTime": DAY, "source": {"title": "Bay Post"}}]}
    },
    "WordPress": [{"id": 5, "date": DAY, "title": {"rendered": "Left"}, "content": {"rendered": f"<p>{BODY}</p>"}}],
    "ProQuest": [
        {"Title": "Left", "Full text": BODY, "Publication title": "Bay Post", "Publication date": "May 14, 2019"}
    ],
}


@pytest.mark.parametrize(
    ("name", "outlet"),
    [*zip(ANSWERS, ["BBC", None, "NYT", "Bay Post", None, "Bay Post"], strict=True)],
)
def test_answers_of_apis(name: str, outlet: str | None, tmp_path: Path) -> None:
    """Row 58: the list within an answer is the table, and an object that holds a text is that text."""
    (document,), rejected = read_text(tmp_path / "a.json", json.dumps(ANSWERS[name]))
    assert not rejected
    assert (document.outlet, document.title, document.text) == (outlet, "Left", f"Left\n\n{BODY}")
    assert (document.published or "")[:10] in ("2019-05-14", "May 14, 20")


def test_a_list_within_a_document_is_not_the_table(tmp_path: Path) -> None:
    """Row 58: an object with a text is one document, whatever lists it holds."""
    content = json.dumps({"text": BODY, "comments": [{"text": "one"}, {"text": "two"}]})
    (document,), _ = read_text(tmp_path / "a.json", content)
    assert document.text == BODY


def test_messages_in_pieces(tmp_path: Path) -> None:
    """Row 58: Telegram exports a text with a link as a list."""
    pieces = ["The army left ", {"type": "bold", "text": "Harun"}, ". Rain fell."]
    content = json.dumps({"name": "Channel", "messages": [{"id": 1, "text": BODY}, {"id": 2, "text": pieces}]})
    documents, rejected = read_text(tmp_path / "a.json", content)
    assert not rejected
    assert [document.text for document in documents] == [BODY, BODY]


@pytest.mark.parametrize("written", ["NaN", "nan", "NaT", "None", "NULL", "<NA>", "n/a"])
def test_cells_without_a_value_as_tools_write_them(written: str, tmp_path: Path) -> None:
    """Row 66: they are no outlet, no date, and no id that comes twice."""
    content = f"id,source,date,title,text\n{written},{written},{written},{written},It rained.\n"
    content += f"{written},{written},{written},{written},It snowed.\n"
    documents, rejected = read_text(tmp_path / "a.csv", content)
    assert not rejected
    assert [document.text for document in documents] == ["It rained.", "It snowed."]
    assert {(document.outlet, document.published, document.title) for document in documents} == {(None, None, None)}


@pytest.mark.parametrize("value", ['["BBC", "CNN"]', '{"rank": 3}', "[]"])
@pytest.mark.parametrize("column", ["source", "date", "id", "title"])
def test_a_guessed_column_that_does_not_fit(column: str, value: str, tmp_path: Path) -> None:
    """Row 58: is left out; one that was named is an error."""
    row = f'{{"{column}": {value}, "text": "It rained in Harun."}}\n'
    documents, rejected = read_text(tmp_path / "a.jsonl", row)
    assert [document.text for document in documents] == ["It rained in Harun."]
    assert not rejected
    role = {"source": "outlet", "date": "published"}.get(column, column)
    documents, rejected = read_text(tmp_path / "b.jsonl", row, columns=Columns(**{role: column}))
    assert (len(documents), len(rejected)) == (0, 1)


def test_a_guess_can_be_forbidden(tmp_path: Path) -> None:
    """Row 58: with an empty name."""
    row = '{"source": "BBC", "text": "It rained in Harun."}\n'
    (document,), _ = read_text(tmp_path / "a.jsonl", row, columns=Columns(outlet=""))
    assert document.outlet is None


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("large_string", ["1", "2"]),
        ("dict", ["dict.parquet:1", "dict.parquet:2"]),
        ("string_view", ["string_view.parquet:1", "string_view.parquet:2"]),
        ("ts", ["1", "2"]),
        ("pdindex", ["a", "b"]),
        ("decimal", ["1", "2"]),
        ("struct", ["struct.parquet:1", "struct.parquet:2"]),
    ],
)
def test_types_of_parquet(name: str, ids: list[str]) -> None:
    """Row 59: two texts; the null is set aside."""
    documents, rejected = read(f"fmt/{name}.parquet")
    assert [document.id.rpartition("/")[2] for document in documents] == ids
    assert [document.text.partition("\n")[0] for document in documents] == [ARMY, REBELS]
    assert all("holds nothing" in r.reason for r in rejected)


def test_ids_that_pandas_made_floats(tmp_path: Path) -> None:
    """Row 59: 1.0 is 1."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": [1.0, None, 2.5], "text": ["It rained."] * 3})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    documents, _ = read(tmp_path / "a.parquet")
    assert [document.id.rpartition("/")[2] for document in documents] == ["1", "a.parquet:2", "2.5"]


@pytest.mark.parametrize("name", ["bom.csv", "bom_quoted.csv", "bom.jsonl"])
def test_marks_of_byte_order(name: str) -> None:
    """Row 60."""
    documents, rejected = read(f"fmt/{name}")
    assert not rejected
    assert [document.id for document in documents] == ["1", "2"]


@pytest.mark.parametrize(
    "name", ["semi", "semi_decimalcomma", "pipe", "tab", "onecol", "leading_blank", "header_spaces"]
)
def test_separators(name: str) -> None:
    """Row 61."""
    documents, rejected = read(f"fmt/{name}.csv")
    assert not rejected
    assert documents[0].text == ARMY


def test_one_column(tmp_path: Path) -> None:
    """Row 61, variant: a table with one column has no separator; cells with line ends stay whole."""
    documents, rejected = read_text(tmp_path / "a.csv", 'text\n"It rained.\nIt snowed."\n"Tabs\tand; others | too."\n')
    assert not rejected
    assert [document.text for document in documents] == ["It rained.\nIt snowed.", "Tabs\tand; others | too."]


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_commas_in_the_header_of_another_separator(separator: str, tmp_path: Path) -> None:
    """Row 61: the rows tell, or the first separator does."""
    documents, rejected = read("fmt/comma_header_in_tab.csv")
    assert [document.text for document in documents] == ["The army came."]
    content = separator.join(["id", "text", '"tags, topics, other, more"']) + "\n"
    content += separator.join(["1", "It rained, it snowed.", "x"]) + "\n"
    documents, rejected = read_text(tmp_path / "a.csv", content)
    assert not rejected
    assert [document.text for document in documents] == ["It rained, it snowed."]


@pytest.mark.parametrize(
    "content",
    [
        f'sep=;\nid;text\n1;"{ARMY}"\n',
        f'sep=,\r\nid,text\r\n1,"{ARMY}"\r\n',
        f"sep=|\nid|text\n1|{ARMY}\n",
        f"SEP=\t\nid\ttext\n1\t{ARMY}\n",
        f'"sep=;"\nid;text\n1;"{ARMY}"\n',
        f'\ufeffsep=;\nid;text\n1;"{ARMY}"\n',
    ],
)
def test_a_line_that_names_the_separator(content: str, tmp_path: Path) -> None:
    """Row 62: Excel's."""
    documents, rejected = read_text(tmp_path / "a.csv", content)
    assert not rejected
    assert [(document.id, document.text, document.row) for document in documents] == [("1", ARMY, 3)]


@pytest.mark.parametrize("name", ["crlf_embedded.csv", "cr_embedded.csv", "bom.csv"])
def test_line_ends_in_cells(name: str) -> None:
    """Row 63: they stay in the text."""
    documents, rejected = read(f"fmt/{name}")
    assert not rejected
    assert quoted(documents[1].text) == ["We will return,"]


def test_marks_in_cells() -> None:
    """Row 64: unquoted ones are text; what is escaped otherwise is set aside, and the reading goes on."""
    documents, rejected = read("fmt/unquoted_inner.csv")
    assert [document.text for document in documents] == ['He said "rebels" fled.', "It rained."]
    for name in ("escaped_backslash", "unescaped_inner"):
        documents, rejected = read(f"fmt/{name}.csv")
        assert documents[-1].text == "It rained."
        assert len(documents) + len(rejected) == 2


@pytest.mark.parametrize(
    "name", ["gz_wrong.jsonl", "gz_wrong.txt", "notgz.txt.gz", "x.jsonl.bz2", "x.jsonl.xz", "noext", "multi.jsonl.gz"]
)
def test_packed_files(name: str) -> None:
    """Row 65: by what they are, whatever their names."""
    documents, rejected = read(f"fmt/{name}")
    assert not rejected
    assert documents[0].text == ARMY


def test_zstandard(tmp_path: Path) -> None:
    """Row 65: also for `label`."""
    import pyarrow

    path = tmp_path / "a.jsonl.zst"
    with pyarrow.output_stream(path, compression="zstd") as stream:
        stream.write(b'{"text": "It rained."}\n')
    documents, rejected = read(path)
    assert ([document.text for document in documents], rejected) == (["It rained."], [])


def test_a_packed_file_that_was_cut_off() -> None:
    """Row 65: the rows before the damage are read, and it is told."""
    documents, rejected = read("fmt/trunc.jsonl.gz", unique_ids=False)
    assert documents
    assert {document.text for document in documents} == {ARMY}
    assert len(rejected) <= 2
    assert rejected


@pytest.mark.parametrize(
    "name", ["x.xlsx", "x.docx", "x.epub", "x.zip", "mail.eml", "feed.xml", "rtf.rtf", "page.mhtml"]
)
def test_formats_that_are_not_read(name: str) -> None:
    """Row 65: refused, with the endings that are known."""
    with pytest.raises(framing.InputError, match=r"\.jsonl"):
        read(f"fmt/{name}")


def test_rows_that_are_no_texts() -> None:
    """Row 66: set aside with the reason and the line."""
    documents, rejected = read("fmt/null.jsonl")
    assert [document.id for document in documents] == ["2"]
    assert [r.where.rpartition(":")[2] for r in rejected] == ["1", "3", "4", "5", "6", "7"]
    documents, rejected = read("fmt/nan.jsonl")
    assert [document.text for document in documents] == ["It rained.", "It snowed."]
    assert ["nan" in r.reason for r in rejected] == [True]
    documents, rejected = read("fmt/trailing_comma.jsonl")
    assert [r.reason.startswith("the line is not JSON") for r in rejected] == [True, True]


@pytest.mark.parametrize("name", ["array.json", "columns.json", "crlf.jsonl", "u2028.jsonl"])
def test_forms_of_json(name: str) -> None:
    """Row 66."""
    documents, rejected = read(f"fmt/{name}")
    assert not rejected
    assert len(documents) == 2
    assert REBELS in documents[1].text


def test_json_lines_named_json(tmp_path: Path) -> None:
    """Row 66: .json that is JSON Lines is read."""
    documents, rejected = read_text(tmp_path / "a.json", '{"text": "It rained."}\n{"text": "It snowed."}\n')
    assert ([document.text for document in documents], rejected) == (["It rained.", "It snowed."], [])


@pytest.mark.parametrize(
    ("row", "outlet"),
    [
        ({"plain_text": BODY, "published_date": DAY, "title": "Left", "sitename": "BBC"}, "BBC"),
        ({"fields.bodyText": BODY, "webPublicationDate": DAY, "webTitle": "Left", "fields.publication": "BBC"}, "BBC"),
        ({"text": BODY, "meta_site_name": "BBC", "source_url": "x", "publish_date": DAY, "title": "Left"}, "BBC"),
        ({"text": BODY, "seendate": DAY, "domain": "bbc.com", "url": "x", "title": "Left"}, "bbc.com"),
        ({"summary": BODY, "clean_url": "bbc.com", "published_date": DAY, "title": "Left"}, "bbc.com"),
        ({"content_html": f"<p>{BODY}</p>", "date_published": DAY, "title": "Left"}, None),
        ({"description": BODY, "source": "BBC", "published_at": DAY, "title": "Left"}, "BBC"),
        ({"Page Name": "BBC", "Post Created": DAY, "Message": BODY, "title": "Left"}, "BBC"),
    ],
    ids=["CC-News", "Guardian", "newspaper4k", "GDELT", "NewsCatcher", "JSON Feed", "mediastack", "CrowdTangle"],
)
def test_columns_of_further_tools(row: dict[str, str], outlet: str | None, tmp_path: Path) -> None:
    """Row 58, variants."""
    (document,), rejected = read_text(tmp_path / "a.jsonl", json.dumps(row))
    assert not rejected
    assert (document.outlet, document.published, document.title) == (outlet, DAY, "Left")
    assert document.text == f"Left\n\n{BODY}"


def test_marks_of_byte_order_within_json_lines(tmp_path: Path) -> None:
    """Files that were joined: each began with a mark."""
    mark = "\ufeff"
    content = f'{mark}{{"text": "It rained."}}\n{mark}{{"text": "It snowed."}}\n{{"text": "{mark}It froze."}}\n'
    documents, rejected = read_text(tmp_path / "a.jsonl", content)
    assert not rejected
    assert [document.text.lstrip(mark) for document in documents] == ["It rained.", "It snowed.", "It froze."]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("around", ["", "\n", " \n \n"])
def test_a_list_in_the_name_of_json_lines(indent: int | None, around: str, tmp_path: Path) -> None:
    """The file as a whole is one list, in a line or in many."""
    rows = [{"id": str(n), "text": f"It rained on day {n}."} for n in range(3000)]
    documents, rejected = read_text(tmp_path / "a.jsonl", around + json.dumps(rows, indent=indent) + around)
    assert not rejected
    assert [{"id": document.id, "text": document.text} for document in documents] == rows


@pytest.mark.parametrize("first", ['[{"text": "No."}]', "[{", '[{"text": "No."},', '[{"a": 1}] x'])
def test_a_list_before_json_lines_is_a_lost_row(first: str, tmp_path: Path) -> None:
    """A first line that is a list, or begins like one, costs its own row and no other."""
    rows = [json.dumps({"id": str(n), "text": "It rained."}) for n in range(3)]
    documents, rejected = read_text(tmp_path / "a.jsonl", "\n".join([first, *rows, ""]))
    assert [document.id for document in documents] == ["0", "1", "2"]
    assert [lost.where.rpartition(":")[2] for lost in rejected] == ["1"]


POST = {"id_str": "7", "created_at": "Tue May 14 10:00:00 +0000 2019", "user": {"name": "BBC", "screen_name": "bbc"}}
WEBHOSE = {
    "uuid": "a",
    "thread": {"site": "bbc.com", "title": "Left", "url": "x"},
    "url": "x",
    "published": DAY,
    "title": "Left",
    "text": BODY,
}
FURTHER = {
    "webhose": ({"posts": [WEBHOSE], "totalResults": 1}, "bbc.com", "Left"),
    "Twitter": ([{**POST, "text": BODY}], "BBC", None),
    "Twitter, long": ([{**POST, "text": "The army…", "full_text": BODY}], "BBC", None),
    "Twitter, extended": ([{**POST, "text": "The army…", "extended_tweet": {"full_text": BODY}}], "BBC", None),
    "Twitter archive": ([{"tweet": {**POST, "full_text": BODY}}], "BBC", None),
    "snscrape": ([{"rawContent": BODY, "date": DAY, "user": {"displayname": "BBC"}}], "BBC", None),
    "Mastodon": ([{"content": f"<p>{BODY}</p>", "created_at": DAY, "account": {"display_name": "BBC"}}], "BBC", None),
    "Elasticsearch": (
        {"hits": {"hits": [{"_id": "1", "_source": {"text": BODY, "title": "Left", "source": "BBC", "date": DAY}}]}},
        "BBC",
        "Left",
    ),
    "Reddit": (
        {
            "data": {
                "children": [{"kind": "t3", "data": {"title": "Left", "selftext": BODY, "created_utc": 1557828000.0}}]
            }
        },
        None,
        "Left",
    ),
    "Guardian item": (
        {
            "response": {
                "status": "ok",
                "content": {
                    "id": "w/1",
                    "webPublicationDate": DAY,
                    "fields": {"headline": "Left", "bodyText": BODY, "publication": "BBC"},
                },
            }
        },
        "BBC",
        "Left",
    ),
    "MongoDB": (
        [{"_id": {"$oid": "5"}, "title": "Left", "text": BODY, "date": {"$date": DAY}, "source": "BBC"}],
        "BBC",
        "Left",
    ),
    "empty text": (
        [{"text": None, "maintext": BODY, "date_publish": DAY, "source_domain": "bbc.com"}],
        "bbc.com",
        None,
    ),
    "mail": ([{"body": BODY, "pubDate": "Tue, 14 May 2019 10:00:00 +0000", "source": "BBC"}], "BBC", None),
    "GDELT": ([{"text": BODY, "seendate": "20190514T100000Z", "domain": "bbc.com"}], "bbc.com", None),
}


@pytest.mark.parametrize("name", FURTHER)
def test_further_answers_and_posts(name: str, tmp_path: Path) -> None:
    """Row 58, variants: a name in an object, a row in an object, dates of Twitter, mail and Unix."""
    content, outlet, title = FURTHER[name]
    (document,), rejected = read_text(tmp_path / "a.json", json.dumps(content))
    assert not rejected
    assert (document.outlet, document.title) == (outlet, title)
    assert (document.published or "")[:13] == "2019-05-14T10"
    assert document.text.removeprefix("Left\n\n") == BODY


def test_objects_of_rows_in_json_lines(tmp_path: Path) -> None:
    """Row 58, variants: rows in which the object is missing, and columns that the user names within one."""
    rows = [{"text": BODY, "user": None}, {"text": BODY, "user": {"name": "BBC", "city": "Harun"}}, {"text": BODY}]
    documents, rejected = read_text(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert not rejected
    assert [document.outlet for document in documents] == [None, "BBC", None]
    documents, _ = read_text(tmp_path / "b.jsonl", json.dumps(rows[1]), columns=Columns(title="user.city"))
    assert documents[0].title == "Harun"


@pytest.mark.parametrize("orient", ["split", "records", "index", "columns", "table"])
def test_json_of_pandas(orient: str, tmp_path: Path) -> None:
    """Row 66, variants: each orient that names its columns."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"title": ["Left", "Right"], "text": [BODY, "It snowed."], "source": ["BBC", "CNN"]})
    documents, rejected = read_text(tmp_path / "a.json", frame.to_json(orient=orient))
    assert not rejected
    assert [(document.outlet, document.title) for document in documents] == [("BBC", "Left"), ("CNN", "Right")]
    assert documents[1].text == "Right\n\nIt snowed."


def test_documents_by_name(tmp_path: Path) -> None:
    """Row 66, variant: an object whose keys are ids; pandas' numbers of rows are none."""
    content = {"a1": {"text": BODY}, "a2": {"text": "It snowed."}}
    documents, _ = read_text(tmp_path / "a.json", json.dumps(content))
    assert [document.id for document in documents] == ["a1", "a2"]
    documents, _ = read_text(tmp_path / "b.json", json.dumps({"0": {"text": BODY}}))
    assert documents[0].id.endswith("b.json:1")


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_objects_one_after_another(ending: str, tmp_path: Path) -> None:
    """Row 66, variants: as jq writes them."""
    rows = [{"id": str(n), "text": f"It rained on day {n}."} for n in range(3)]
    content = "\n".join(json.dumps(row, indent=2) for row in rows) + "\n"
    documents, rejected = read_text(tmp_path / f"a.{ending}", content)
    assert not rejected
    assert [{"id": document.id, "text": document.text} for document in documents] == rows


@pytest.mark.parametrize("written", ["NA", "#N/A", "\\N", "(null)"])
def test_missing_values_of_r_and_databases(written: str, tmp_path: Path) -> None:
    """Rows 59 and 66, variants: also where the text is missing."""
    content = f"doc_id,source,date,text\n1,{written},{written},It rained.\n2,BBC,2019-05-14,{written}\n"
    (document,), rejected = read_text(tmp_path / "a.csv", content)
    assert (document.id, document.outlet, document.published) == ("1", None, None)
    assert "stands for no value" in rejected[0].reason


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_backslashes_before_marks(separator: str, tmp_path: Path) -> None:
    """Row 64, variant: a table as Spark writes it."""
    rows = [f'{n}{separator}"He said \\"we left\\"{separator} on day {n}."' for n in range(5)]
    documents, rejected = read_text(tmp_path / "a.csv", "\n".join([f"id{separator}text", *rows, ""]))
    assert not rejected
    assert [document.text for document in documents] == [f'He said "we left"{separator} on day {n}.' for n in range(5)]


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_more_commas_than_separators_in_a_header(separator: str, tmp_path: Path) -> None:
    """Row 61, variant: the separator is the one that gives a column of text."""
    header = separator.join(["id", "text", "tags, topics, other, more, further"])
    documents, rejected = read_text(tmp_path / "a.csv", f"{header}\n1{separator}It rained.{separator}x\n")
    assert not rejected
    assert [document.text for document in documents] == ["It rained."]


def test_a_separator_at_the_end_of_each_row(tmp_path: Path) -> None:
    """Row 61, variant: the header has none."""
    documents, rejected = read_text(tmp_path / "a.csv", "id,text\n1,It rained.,\n2,It snowed.,,\n3,It froze.,x\n")
    assert [document.text for document in documents] == ["It rained.", "It snowed."]
    assert [lost.value for lost in rejected] == ["3,It froze.,x"]
