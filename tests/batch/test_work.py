"""What a document does to the model, and the model to a document: nothing is lost, and copies cost nothing."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from framing.batch import work
from framing.batch.verify import verify
from framing.labeler import Labeler
from tests.batch.corpora import articles, records, rejected, settings, texts, write_jsonl


class Panic(BaseException):
    """As PyO3's PanicException, which is no Exception either."""


class Poisoned:
    """A labeler that breaks over some texts, wherever they stand among others."""

    tokens_read = 0

    def __init__(self, labeler: Labeler, breaks: Callable[[str], bool], error: BaseException) -> None:
        self._labeler = labeler
        self._breaks = breaks
        self._error = error
        self.engine = labeler.engine
        self.seen: list[str] = []

    def _check(self, texts: Iterable[str]) -> None:
        self.seen += texts
        if any(map(self._breaks, texts)):
            raise self._error

    def __call__(self, sentences: Any) -> Any:
        self._check([sentences] if isinstance(sentences, str) else list(sentences))
        return self._labeler(sentences)

    def in_columns(self, documents: Any, *, sentences: bool) -> Any:
        documents = list(documents)
        # As the real one, which labels in groups: those before the poison may be out already.
        for start in range(0, len(documents), 4):
            group = documents[start : start + 4]
            self._check([document.text for document in group])
            yield from self._labeler.in_columns(group, sentences=sentences)


@pytest.mark.slow
@pytest.mark.parametrize("error", [RuntimeError("bad token"), Panic("index out of bounds")])
@pytest.mark.parametrize("as_sentences", [False, True])
@pytest.mark.parametrize("bad", [{0}, {39}, {5, 6, 17}, set(range(40))])
def test_a_poisoned_row_is_set_aside_alone(
    run_job: Any, tiny_labeler: Labeler, tmp_path: Path, error: BaseException, as_sentences: bool, bad: set[int]
) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(40))
    poisoned = Poisoned(tiny_labeler, lambda text: any(text.startswith(f"Article {n}. ") for n in bad), error)
    job = run_job(corpus, tmp_path / "out", settings(rows=25, sentences=as_sentences), labeler=poisoned)
    lost = rejected(tmp_path / "out")
    assert [row["row"] for row in lost] == [number + 1 for number in sorted(bad)]
    assert all(str(error) in row["reason"] and row["value"].startswith("Article ") for row in lost)
    assert {row["document_id"] for row in records(tmp_path / "out")} == {f"a{n}" for n in range(40) if n not in bad}
    assert verify(job).problems == []


def test_labelled_rows_wait_for_a_slow_disk_in_bounded_number(
    run_job: Any, tiny_labeler: Labeler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_PIECE", 1)
    changes: list[int] = []  # appending is safe from two threads
    pieces, add = work.Worker._pieces, work._UnitWriter.add

    def labelling(*arguments: Any) -> Iterator[Any]:
        for piece in pieces(*arguments):
            changes.append(1)
            yield piece

    def writing(*arguments: Any) -> None:
        time.sleep(0.005)
        add(*arguments)
        changes.append(-1)

    monkeypatch.setattr(work.Worker, "_pieces", labelling)
    monkeypatch.setattr(work._UnitWriter, "add", writing)
    job = run_job(write_jsonl(tmp_path / "in.jsonl", articles(40)), tmp_path / "out", settings(rows=40))
    assert changes.count(1) == changes.count(-1) == 40
    assert max(itertools.accumulate(changes)) <= work._WAITING_PIECES + 1
    assert verify(job).problems == []


def test_a_broken_model_stops_the_job(run_job: Any, tiny_labeler: Labeler, tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(8))
    broken = Poisoned(tiny_labeler, lambda text: True, RuntimeError("the GPU has fallen off the bus"))
    with pytest.raises(RuntimeError, match="fallen off the bus"):
        run_job(corpus, tmp_path / "out", labeler=broken)
    assert list((tmp_path / "out" / "done").iterdir()) == []
    run_job(corpus, tmp_path / "out")
    assert rejected(tmp_path / "out") == []


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def syndicated(tmp_path: Path) -> Path:
    """Twelve articles, each published by three outlets, in three rounds."""
    rows = [
        {"id": f"{outlet}{number}", "text": text, "outlet": outlet, "published": f"2016-12-{day:02}"}
        for day, outlet in enumerate("XYZ", start=1)
        for number, text in enumerate(texts(12))
    ]
    return write_jsonl(tmp_path / "in.jsonl", [*rows, rows[0] | {"id": "again"}])


def never(text: str) -> bool:
    return False


@pytest.mark.slow
@pytest.mark.parametrize("rows", [5, 100])
@pytest.mark.parametrize("as_sentences", [False, True])
def test_copies_are_scored_once_and_written_out_each(
    run_job: Any, tiny_labeler: Labeler, syndicated: Path, tmp_path: Path, rows: int, as_sentences: bool
) -> None:
    counting = Poisoned(tiny_labeler, never, RuntimeError())
    chosen = settings(rows=rows, sentences=as_sentences, dedup="exact")
    job = run_job(syndicated, tmp_path / "out", chosen, labeler=counting)
    assert sorted(counting.seen) == sorted(texts(12))
    run_job(syndicated, tmp_path / "plain", settings(rows=rows, sentences=as_sentences))
    found, expected = records(tmp_path / "out"), records(tmp_path / "plain")
    for one, other in zip(found, expected, strict=True):
        # What batches a sentence was in may show in the last digits.
        assert one.pop("probabilities") == pytest.approx(other.pop("probabilities"), abs=1e-5)
        for name in ("document_id", "outlet", "published", "row", "index", "kind", "start", "end", "text"):
            assert one[name] == other[name]
    done = [job.done(unit) for unit in job.plan.units]
    assert sum(record.copies for record in done if record) == 25
    assert verify(job).problems == []


def test_copies_that_were_forgotten_are_scored_again(
    run_job: Any, tiny_labeler: Labeler, syndicated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "COPIES_SIZE", 1)
    counting = Poisoned(tiny_labeler, never, RuntimeError())
    job = run_job(syndicated, tmp_path / "out", settings(rows=12, dedup="exact"), labeler=counting)
    assert len(counting.seen) == 37
    assert len({row["document_id"] for row in records(tmp_path / "out")}) == 37
    assert verify(job).problems == []


def test_a_copy_with_another_title_is_none(run_job: Any, tiny_labeler: Labeler, tmp_path: Path) -> None:
    rows = [
        {"id": "1", "text": "Rain\n\nRebels left.", "title": "Rain"},
        {"id": "2", "text": "Rain\n\nRebels left."},
        {"id": "3", "text": "Rebels left.", "title": "Rain"},
    ]
    counting = Poisoned(tiny_labeler, never, RuntimeError())
    corpus = write_jsonl(tmp_path / "in.jsonl", rows)
    run_job(corpus, tmp_path / "out", settings(dedup="exact"), labeler=counting)
    assert len(counting.seen) == 2
    kinds = {row["document_id"]: row["kind"] for row in records(tmp_path / "out") if row["text"] == "Rain"}
    assert kinds["1"] == kinds["3"] == "headline"


def test_copies_of_a_poisoned_row_are_set_aside_too(run_job: Any, tiny_labeler: Labeler, tmp_path: Path) -> None:
    rows = [{"text": "Rain."}, {"text": "Poison."}, {"text": "Poison."}, {"text": "Rain."}]
    poisoned = Poisoned(tiny_labeler, lambda text: "Poison" in text, RuntimeError("bad token"))
    corpus = write_jsonl(tmp_path / "in.jsonl", rows)
    job = run_job(corpus, tmp_path / "out", settings(dedup="exact"), labeler=poisoned)
    assert [row["row"] for row in rejected(tmp_path / "out")] == [2, 3]
    assert verify(job).problems == []
