"""Documents that are not labelled yet."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from framing.compare.annotation import draw_sample
from framing.compare.front import compare
from framing.compare.labelling import hold_records, label_documents, read_or_label
from framing.errors import InputError, UnreadableFileError
from framing.labeler import Labeler
from framing.reading import Columns, read
from framing.records import open_writer, read_labels
from tests.compare.corpora import CODEBOOK, made_up


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    path = tmp_path / "articles.jsonl"
    rows = [
        {"id": f"a{n}", "paper": "AB"[n % 2], "desk": f"desk {n % 2}", "text": f"Words of day {n}. More of them."}
        for n in range(12)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": "none"}]), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.csv", "r.csv.gz", "r.parquet"])
def test_records_are_told_from_documents(tmp_path: Path, articles: Path, name: str) -> None:
    with open_writer(tmp_path / name, codebook=CODEBOOK) as writer:
        for labels in made_up(3):
            writer.write(labels)
    assert hold_records([tmp_path / name])
    assert hold_records([str(tmp_path / f"r*{name[1:]}")])
    packed = tmp_path / "other.jsonl.gz"
    packed.write_bytes(gzip.compress(articles.read_bytes()))
    assert not hold_records([articles, packed])
    with pytest.raises(InputError, match=r"articles\.jsonl documents"):
        hold_records([tmp_path / name, articles])


def test_what_cannot_hold_records(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Words.")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe{")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b"{}" * 99)[:20])
    for name in ("texts", "bytes.jsonl", "cut.jsonl.gz", "none.jsonl", "-"):
        assert not hold_records([tmp_path / name])


def test_documents_are_labelled_as_the_labeler_does(articles: Path, tiny_labeler: Labeler, tmp_path: Path) -> None:
    columns = Columns(outlet="paper")
    corpus = read_or_label(articles, carry=["desk"], labeler=tiny_labeler, columns=columns)
    alone = list(tiny_labeler.documents(read(articles, columns=columns, on_reject=lambda _: None)))
    assert corpus.documents.column("outlet").to_pylist() == [labels.document.outlet for labels in alone]
    assert corpus.documents.column("desk").to_pylist() == [f"desk {n % 2}" for n in range(12)]
    assert corpus.sentences.column("text").to_pylist() == [s.text for labels in alone for s in labels]
    assert corpus.mentions.column("label").to_pylist() == [
        m.label for labels in alone for s in labels for m in s.mentions
    ]
    (note,) = corpus.notes
    assert note.startswith("12 documents (") and "1 rows or files are set aside, the first:" in note
    assert tiny_labeler.checkpoint.fingerprint[:12] in note
    done = label_documents([articles], tmp_path / "kept.jsonl", tiny_labeler, columns=columns)
    assert (done.documents, len(done.rejected)) == (12, 1)
    kept = list(read_labels(tmp_path / "kept.jsonl", codebook=tiny_labeler.codebook))
    assert sum(map(len, kept)) == done.sentences == corpus.sentences.num_rows


def test_documents_are_compared_and_drawn(articles: Path, tiny_folder: Path, tiny_labeler: Labeler) -> None:
    columns = Columns(outlet="paper")
    found = compare(articles, model=tiny_folder, input_columns=columns, words=0)
    assert [group.name for group in found.groups] == ["A", "B"]
    assert "labelled first" in found.notes[0]
    again = compare(read_or_label(articles, labeler=tiny_labeler, columns=columns), words=0)
    assert again.estimates.equals(found.estimates)
    drawn = draw_sample(articles, each=2, labeler=tiny_labeler, input_columns=columns)
    assert len(drawn.drawn.documents) == 4


def test_documents_that_cannot_be_labelled(tmp_path: Path, tiny_labeler: Labeler) -> None:
    (tmp_path / "empty.jsonl").write_text('{"id": "a", "text": " "}\n')
    with pytest.raises(InputError):
        read_or_label(tmp_path / "empty.jsonl", labeler=tiny_labeler)
    with pytest.raises(UnreadableFileError, match="none"):
        read_or_label(tmp_path / "none.jsonl", labeler=tiny_labeler)
