"""Columns say what the records say, wherever they come from."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from framing.codebook import Codebook
from framing.compare.columns import Corpus, read_corpus
from framing.errors import (
    CodebookMismatchError,
    ColumnError,
    InputError,
    SettingError,
    UnreadableFileError,
)
from framing.records import open_writer
from framing.types import DocumentLabels, Labels
from tests.compare.corpora import CODEBOOK, CONTRAST, document, made_up, mention, sentence
from tests.own_codebook import own_codebook

DOCUMENTS = made_up(30)


def write(path: Path, documents: list[DocumentLabels], codebook: Codebook = CODEBOOK) -> Path:
    with open_writer(path, codebook=codebook, carry=["section"]) as writer:
        for one in documents:
            writer.write(one)
    return path


def as_rows(corpus: Corpus) -> dict[str, object]:
    return {
        name: getattr(corpus, name).to_pylist() for name in ("documents", "sentences", "mentions", "hedges", "sources")
    }


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.jsonl.gz", "a.csv"])
def test_files_give_the_columns_that_memory_gives(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, DOCUMENTS)
    assert as_rows(read_corpus(path, carry=["section"])) == as_rows(read_corpus(DOCUMENTS, carry=["section"]))


def test_the_columns_are_those_of_the_labels() -> None:
    corpus = read_corpus(DOCUMENTS, carry=["section"])
    sentences = [s for labels in DOCUMENTS for s in labels]
    assert corpus.sentences.column("text").to_pylist() == [s.text for s in sentences]
    assert corpus.sentences.column("kind").to_pylist() == [s.kind for s in sentences]
    assert corpus.documents.column("section").to_pylist() == [d.document.metadata["section"] for d in DOCUMENTS]
    assert list(map(str, corpus.documents.column("day").to_pylist())) == [d.document.published for d in DOCUMENTS]
    found = [m for s in sentences for m in s.mentions]
    assert corpus.mentions.column("label").to_pylist() == [m.label for m in found]
    assert corpus.mentions.column("source").to_pylist() == [m.source.text if m.source else None for m in found]
    counts = np.bincount(corpus.document_of_mention, minlength=len(corpus))
    assert counts.tolist() == [sum(len(s.mentions) for s in labels) for labels in DOCUMENTS]


def test_a_document_may_lie_in_two_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", DOCUMENTS)
    monkeypatch.setattr("framing.compare.columns._BATCH", 4)
    assert as_rows(read_corpus(path)) == as_rows(read_corpus(DOCUMENTS))


def test_documents_with_one_id_stay_apart(tmp_path: Path) -> None:
    """Row and index tell them apart in a file; in memory each item is one."""
    twins = [document("d1", "A", None, [sentence(0, 0, "One.")]), document("d1", "B", None, [sentence(0, 0, "Two.")])]
    assert len(read_corpus(twins)) == 2
    assert len(read_corpus(write(tmp_path / "a.parquet", twins))) == 2


def test_uncertainty_adds_up_what_may_be_wrong() -> None:
    corpus = read_corpus(DOCUMENTS[:2], uncertainty=True)
    expected = [sum(p * (1 - p) for s in labels for p in s.probabilities.values()) for labels in DOCUMENTS[:2]]
    assert corpus.documents.column("uncertainty").to_pylist() == pytest.approx(expected, rel=1e-5)


def test_comments_are_not_the_outlets_words() -> None:
    corpus = read_corpus(DOCUMENTS).select()
    assert set(corpus.sentences.column("kind").to_pylist()) == {"body"}
    whole = Labels(tuple(s for labels in DOCUMENTS for s in labels), codebook=CODEBOOK)
    assert Counter(corpus.mentions.column("label").to_pylist()) == whole.counts()
    with pytest.raises(SettingError, match="not the outlet's words"):
        read_corpus(DOCUMENTS).select(kinds=["comment"])


@pytest.mark.parametrize("voice", CODEBOOK.voices)
def test_filters_of_mentions(voice: str) -> None:
    corpus = read_corpus(DOCUMENTS).select(voices=[voice], least_probability=0.7)
    body = [s for labels in DOCUMENTS for s in labels if s.kind == "body"]
    expected = [m.label for s in body for m in s.mentions if m.voice == voice and m.probability >= 0.7]
    assert corpus.mentions.column("label").to_pylist() == expected
    assert corpus.sentences.num_rows == len(body)


def test_filters_of_documents() -> None:
    corpus = read_corpus(DOCUMENTS)
    part = corpus.select(since="2016-03-01", until="2016-05-31")
    assert set(part.periods("month").to_pylist()) == {"2016-03", "2016-04", "2016-05"}
    assert len(corpus.select(keyword="WORDS OF b")) == sum(d.document.outlet == "B" for d in DOCUMENTS)
    with pytest.raises(InputError, match="nothing is left"):
        corpus.select(keyword="no such words")
    with pytest.raises(InputError, match="nothing is left"):
        corpus.select(since="2020-01-01")
    with pytest.raises(SettingError, match="the day"):
        corpus.select(since="spring")


def test_periods_are_iso_8601() -> None:
    days = ["2016-01-03", "2016-01-04T10:00:00Z", "May 14, 2019 Tuesday", "long ago", None]
    corpus = read_corpus([document(f"d{n}", "A", day, [sentence(0, 0, "Words.")]) for n, day in enumerate(days)])
    assert corpus.periods("week").to_pylist() == ["2015-W53", "2016-W01", "2019-W20", None, None]
    assert corpus.periods("day").to_pylist()[:2] == ["2016-01-03", "2016-01-04"]
    assert corpus.periods("year").to_pylist()[2] == "2019"
    with pytest.raises(SettingError, match="periods"):
        corpus.periods("fortnight")


def test_a_codebook_of_ones_own(tmp_path: Path) -> None:
    own = own_codebook()
    label = own.label_names[0]
    made = document(
        "d1", "A", None, [sentence(0, 0, "Words.", (mention(label, own.voices[0] if own.voices else None),))]
    )
    changed = DocumentLabels(made.sentences, codebook=own, document=made.document)
    path = tmp_path / "a.parquet"
    with open_writer(path, codebook=own) as writer:
        writer.write(changed)
    assert read_corpus(path).mentions.column("label").to_pylist() == [label]
    with pytest.raises(CodebookMismatchError, match="codebooks"):
        read_corpus([path, write(tmp_path / "b.parquet", DOCUMENTS)])
    with open_writer(tmp_path / "a.jsonl", codebook=own) as writer:
        writer.write(changed)
    if label not in CODEBOOK.label_names:
        with pytest.raises(CodebookMismatchError, match=label):
            read_corpus(tmp_path / "a.jsonl")
    assert read_corpus(tmp_path / "a.jsonl", codebook=own).mentions.num_rows == 1


def test_jobs_of_two_checkpoints_are_not_mixed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "shards").mkdir(parents=True)
        write(tmp_path / name / "shards" / "0.parquet", DOCUMENTS)
        plan = {"model": {"name": name, "checkpoint": name * 3}}
        (tmp_path / name / "plan.json").write_text(json.dumps(plan))
    assert len(read_corpus(tmp_path / "one")) == len(DOCUMENTS)
    with pytest.raises(InputError, match="different checkpoints"):
        read_corpus([tmp_path / "one", tmp_path / "two"])


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        read_corpus(tmp_path / "none.parquet")
    with pytest.raises(UnreadableFileError):
        read_corpus(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"no Parquet")
    with pytest.raises(UnreadableFileError):
        read_corpus(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="no labelled sentence"):
        read_corpus([])
    with pytest.raises(ColumnError, match="desk"):
        read_corpus(DOCUMENTS, carry=["desk"])
    with pytest.raises(ColumnError, match="desk"):
        read_corpus(DOCUMENTS).values("desk")
    with pytest.raises(SettingError, match="is unknown"):
        read_corpus(DOCUMENTS).select(kinds=["bodies"])


def test_labels_outside_of_the_contrast_are_kept() -> None:
    other = next(name for name in CODEBOOK.label_names if name not in CONTRAST.labels)
    corpus = read_corpus([document("d1", "A", None, [sentence(0, 0, "Words.", (mention(other),))])])
    assert corpus.codes("mentions", "label").tolist() == [CODEBOOK.label_names.index(other)]
