"""Files as the tools write them. All but a few hold one text, with an emoji before the words that are marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framing.codebook import Codebook
from framing.convert import FORMATS, Converted, Options, convert
from framing.convert.formats import format_of_input
from framing.errors import ColumnError, InputError, MissingExtraError, OutputError, SettingError
from framing.markup import read_rows
from framing.types import Rejected

FILES = Path(__file__).parent.parent / "fixtures" / "convert"
TEXT = "Flood \U0001f30a alert: volunteers saved a village, officials said."
BOTH = [("volunteers", "Helpers"), ("officials", "Source")]


def read(path: Path, tmp_path: Path, **options: Any) -> tuple[list[dict[str, Any]], Converted, list[Rejected]]:
    """The passages of a file, by way of JSONL, and what was said of it."""
    rejected: list[Rejected] = []
    output = tmp_path / "out.jsonl"
    done = convert(path, output, on_reject=rejected.append, options=Options(**options))
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()], done, rejected


def marked(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["text"][span["start"] : span["end"]], span["label"]) for span in row["spans"]]


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("labelstudio.json", "labelstudio"),
        ("doccano.jsonl", "doccano"),
        ("doccano_relations.jsonl", "doccano"),
        ("doccano_classes.jsonl", "doccano"),
        ("prodigy.jsonl", "prodigy"),
        ("prodigy_choice.jsonl", "prodigy"),
        ("brat", "brat"),
        ("inception", "cas"),
        ("inception/floods.xmi", "cas"),
        ("conll2003.conll", "conll"),
        ("bilou.bio", "conll"),
        ("table.csv", "csv"),
        ("wide.csv", "csv"),
        ("spans.jsonl", "jsonl"),
    ],
)
def test_a_file_is_known_by_its_content(name: str, format_: str) -> None:
    assert format_of_input(str(FILES / name)) is FORMATS[format_]


def test_seeds_are_known_as_markup(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("g\tbody\t[[gunmen|rebels.author]] left\ng\tbody\tquiet\n", encoding="utf-8")
    assert format_of_input(str(tmp_path / "x.tsv")) is FORMATS["markup"]


def test_label_studio_in_code_points_and_in_utf_16(tmp_path: Path) -> None:
    rows, done, rejected = read(FILES / "labelstudio.json", tmp_path)
    assert not rejected
    # The second task counts as releases before 1.5 did.
    assert [marked(row) for row in rows] == [[("volunteers", "Helpers.tone=ironic"), ("officials", "Source")]] * 2
    assert [(row["text"], row["labels"], row["row_id"]) for row in rows] == [
        (TEXT, ["mood=hopeful"], "1"),
        (TEXT, ["mood=hopeful"], "2"),
    ]
    assert done.lost == {"annotations of a task beside its first (--annotator chooses)": 2}
    rows, done, _ = read(FILES / "labelstudio.json", tmp_path, annotator="2")
    assert [row["spans"] for row in rows] == [[], []]
    assert not done.lost


@pytest.mark.parametrize("name", ["doccano.jsonl", "doccano_relations.jsonl"])
def test_doccano_counts_utf_16(tmp_path: Path, name: str) -> None:
    rows, done, rejected = read(FILES / name, tmp_path)
    assert not rejected
    assert [(row["text"], marked(row), row["labels"]) for row in rows] == [(TEXT, BOTH, [])]
    assert done.lost == ({"relations": 1} if "relations" in name else {})
    rows, _, _ = read(FILES / name, tmp_path, offsets="codepoints")
    assert marked(rows[0])[0][0] == "olunteers "


def test_classes_of_doccano_answer_a_task(tmp_path: Path) -> None:
    rows, _, _ = read(FILES / "doccano_classes.jsonl", tmp_path)
    assert rows[0]["labels"] == ["hopeful", "local"]
    convert(FILES / "doccano_classes.jsonl", tmp_path / "x.tsv", task="mood", write_codebook=tmp_path / "book.yaml")
    book = Codebook.load(tmp_path / "book.yaml")
    assert [(task.name, task.choose, task.names) for task in book.tasks] == [("mood", "many", ("hopeful", "local"))]
    row = next(read_rows(tmp_path / "x.tsv", book))
    assert (row.sentence.text, row.answers) == (TEXT, {"mood": "hopeful+local"})


def test_prodigy_reads_what_was_accepted(tmp_path: Path) -> None:
    rows, done, rejected = read(FILES / "prodigy.jsonl", tmp_path)
    assert [marked(row) for row in rows] == [BOTH]
    assert done.set_aside == 2
    assert [one.row for one in rejected] == [2, 3]
    assert "the answer is 'reject'" in rejected[0].reason
    rows, _, _ = read(FILES / "prodigy_choice.jsonl", tmp_path)
    assert [row["labels"] for row in rows] == [["hopeful"], ["hopeful"]]


def test_brat_with_attributes(tmp_path: Path) -> None:
    rows, done, _ = read(FILES / "brat", tmp_path)
    assert marked(rows[0]) == [("volunteers", "Helpers.tone=ironic"), ("officials", "Source")]
    assert (len(rows), rows[0]["document"]) == (1, "floods")
    assert done.lost == {"relations": 1, "notes": 1}


def test_inception_has_a_passage_for_each_sentence(tmp_path: Path) -> None:
    rows, done, _ = read(FILES / "inception", tmp_path)
    assert [row["text"] for row in rows] == [TEXT, "Rain is forecast."]
    assert marked(rows[0]) == [("volunteers", "Helpers.tone=ironic"), ("officials", "Source")]
    assert marked(rows[1]) == [("Rain", "Weather")]
    assert not done.lost


def test_conll_of_four_columns_in_iob(tmp_path: Path) -> None:
    rows, _, _ = read(FILES / "conll2003.conll", tmp_path)
    assert marked(rows[0]) == BOTH
    assert rows[0]["text"].startswith("Flood \U0001f30a alert : volunteers")
    assert marked(rows[1]) == [("Ann Lee", "PER"), ("Pia", "PER")]
    rows, _, _ = read(FILES / "bilou.bio", tmp_path)
    assert marked(rows[0]) == [("North Sea", "LOC"), ("Jo", "PER")]


@pytest.mark.parametrize("name", ["table.csv", "wide.csv"])
def test_tables_of_both_kinds(tmp_path: Path, name: str) -> None:
    rows, done, _ = read(FILES / name, tmp_path)
    assert [row["labels"] for row in rows] == [["helpers", "source"], []]
    left_out = "remark" if name == "table.csv" else "year"
    assert list(done.lost) == [f"the column {left_out!r}, which is no label (--label-columns)"]


def test_a_data_set_of_token_classification(tmp_path: Path) -> None:
    import datasets

    tags = datasets.List(datasets.ClassLabel(names=["O", "B-PER", "I-PER"]))
    features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "ner_tags": tags})
    rows = {"tokens": [["Ann", "Lee", "smiled"]], "ner_tags": [[1, 2, 0]]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "ner"))
    found, _, _ = read(tmp_path / "ner", tmp_path)
    assert [marked(row) for row in found] == [[("Ann Lee", "PER")]]
    convert(tmp_path / "out.jsonl", tmp_path / "own", to_format="dataset")
    saved = datasets.load_from_disk(str(tmp_path / "own"))
    assert saved[0]["spans"] == [{"start": 0, "end": 7, "label": "PER", "score": None}]


def test_labels_of_another_tool_become_a_codebook_for_editing(tmp_path: Path) -> None:
    done = convert(
        FILES / "labelstudio.json", tmp_path / "x.tsv", write_codebook=tmp_path / "book.yaml", on_reject=print
    )
    book = Codebook.load(tmp_path / "book.yaml")
    assert book.label_names == ("helpers", "source_label")
    assert done.renamed == {"Helpers": "helpers", "Source": "source_label"}
    assert [row.sentence.text for row in read_rows(tmp_path / "x.tsv", book)] == [TEXT, TEXT]


def test_names_that_the_codebook_lacks(tmp_path: Path) -> None:
    book = Codebook.from_dict({"labels": ["helpers", "source_named"], "voices": "none", "kinds": "none"})
    with pytest.raises(InputError, match=r"spans\.jsonl:1: the codebook has no 'Helpers'"):
        convert(FILES / "spans.jsonl", tmp_path / "x.jsonl", codebook=book)
    assert not (tmp_path / "x.jsonl").exists()
    done = convert(FILES / "spans.jsonl", tmp_path / "x.jsonl", codebook=book, labels_as_is=True)
    assert done.spans == 2


def test_a_voice_for_mentions_that_have_none(tmp_path: Path) -> None:
    row = {"text": "Gunmen left", "spans": [[0, 6, "rebels"]], "labels": []}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    book = Codebook.default()
    with pytest.raises(InputError, match="cannot be written as markup"):
        convert(tmp_path / "x.jsonl", tmp_path / "x.tsv", codebook=book)
    convert(tmp_path / "x.jsonl", tmp_path / "x.tsv", codebook=book, voice=book.voices[0], kind=book.kinds[2])
    assert (tmp_path / "x.tsv").read_text().endswith(f"\t{book.kinds[2]}\t[[Gunmen|rebels.{book.voices[0]}]] left\n")
    with pytest.raises(SettingError, match="no voice 'autor'"):
        convert(tmp_path / "x.jsonl", tmp_path / "x.tsv", codebook=book, voice="autor")


def test_a_text_of_several_sentences_is_cut(tmp_path: Path) -> None:
    text = f"{TEXT}\nRain is\nforecast. More is coming."
    spans = [[text.index("officials"), text.index("officials") + 9, "source"], [text.index("Rain"), len(text), "rain"]]
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": text, "spans": spans, "id": "d"}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line ends or tabs"):
        convert(tmp_path / "x.jsonl", tmp_path / "x.tsv")
    done = convert(tmp_path / "x.jsonl", tmp_path / "x.tsv", cut_sentences=True, kind="body")
    lines = (tmp_path / "x.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["d"] * len(lines)
    assert lines[0].endswith("[[officials|source]] said.")
    assert done.lost == {"spans over the end of a sentence": 1}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "a b", "spans": [[0, 9, "x"]]}, "the offset 9 lies outside of the text"),
        ({"text": "a b", "spans": [[2, 1, "x"]]}, "the span 'x' at [2, 1)"),
        ({"text": "a b", "spans": [[1, 1, "x"]]}, "the span 'x' at [1, 1)"),
        ({"text": " ", "spans": []}, "the text is ' '"),
        ({"text": None, "spans": []}, "not of the format jsonl"),
        ({"text": "a b", "spans": [{"start": 0}]}, "not of the format jsonl"),
        ({"text": "a b", "spans": [["0", "1", "x"]]}, "not of the format jsonl"),
        ({"spans": []}, "not of the format jsonl"),
    ],
)
def test_rows_that_cannot_be_used_are_set_aside(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    good = {"text": "a b", "spans": [[0, 1, "x"]]}
    (tmp_path / "x.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(row)}\n", encoding="utf-8")
    rejected: list[Rejected] = []
    done = convert(tmp_path / "x.jsonl", tmp_path / "y.jsonl", from_format="jsonl", on_reject=rejected.append)
    assert (done.passages, done.set_aside) == (1, 1)
    assert reason in rejected[0].reason
    assert rejected[0].row == 2


def test_what_cannot_be_done_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = FILES / "spans.jsonl"
    with pytest.raises(SettingError, match="no format 'prodgy'") as error:
        convert(spans, tmp_path / "x", to_format="prodgy")
    assert error.value.hint == "did you mean 'prodigy'?"
    with pytest.raises(SettingError, match="does not say its format"):
        convert(spans, tmp_path / "x")
    with pytest.raises(SettingError, match="records are what a model says"):
        convert(spans, tmp_path / "x", to_format="records")
    with pytest.raises(OutputError, match="is among the inputs"):
        convert(spans, spans)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    with pytest.raises(OutputError, match="is there already"):
        convert(spans, tmp_path / "full", to_format="brat")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
    (tmp_path / "bad.csv").write_text("text,year\na b,2020\n", encoding="utf-8")
    with pytest.raises(ColumnError, match="no column of labels"):
        convert(tmp_path / "bad.csv", tmp_path / "y.jsonl")
    monkeypatch.setitem(__import__("sys").modules, "cassis", None)
    with pytest.raises(MissingExtraError) as missing:
        convert(spans, tmp_path / "x", to_format="cas")
    assert missing.value.hint == "pip install 'framing[cas]'"
