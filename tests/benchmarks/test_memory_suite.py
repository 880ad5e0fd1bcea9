"""The memory suite on a tiny checkpoint and a small file."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.memory.labelling import StandIn, resident_bytes
from benchmarks.memory.run import MemoryRun, Sample, main, measure, write_corpus
from framing.engine import Batch
from framing.errors import FramingError
from framing.labeler import Labeler

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_both_engines_label_the_corpus_and_are_recorded(tiny_folder: Path, tmp_path: Path) -> None:
    main(checkpoint=str(tiny_folder), megabytes=1, real_seconds=2, out=tmp_path)
    record = json.loads((tmp_path / "memory.json").read_text())
    # The stand-in went over the whole file: 20 seed sentences a document, of which some are cut in two.
    lines = record["inputs"]["corpus"]["bytes"] / 4000
    assert record["results"]["stand-in"][-1]["sentences"] > 20 * lines * 0.5
    assert all(sample["resident"] > 2**20 for run in record["results"].values() for sample in run)
    assert [row[0] for row in record["tables"][0]["rows"]] == ["onnx", "stand-in"]


def test_the_corpus_is_as_large_as_asked_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_corpus(tmp_path / name, 100_000)
    assert 100_000 <= (tmp_path / "one").stat().st_size < 110_000
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_stand_in_gives_logits_of_the_right_shapes(tiny_labeler: Labeler) -> None:
    engine = StandIn(tiny_labeler.engine)
    ids = np.array([[2, 50, 60, 3], [2, 70, 3, 0]])
    batch = Batch(ids, (ids > 0).astype(np.int64), np.zeros_like(ids))
    first, again = engine.run(batch), engine.run(batch)
    expected = tiny_labeler.engine.run(batch)
    np.testing.assert_array_equal(first.tokens, expected.tokens)
    again.tokens[:] = 0  # what a caller does with its arrays stays with it
    np.testing.assert_array_equal(engine.run(batch).tokens, expected.tokens)


def test_peaks_are_of_the_part_that_was_done() -> None:
    samples = (Sample(0, 0, 10), Sample(1, 50, 30), Sample(2, 60, 20), Sample(3, 100, 25))
    run = MemoryRun("onnx", samples)
    assert (run.peak_until(0.1), run.peak_until(0.5), run.peak_until(1.0)) == (10, 30, 30)


def test_a_failed_run_is_an_error_with_its_reason(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FramingError, match=r"stand-in failed.*missing\.jsonl"):
        measure(tiny_folder, tmp_path / "missing.jsonl", tmp_path / "o.jsonl", 1, "stand-in")


def test_resident_memory_is_that_of_the_kernel() -> None:
    psutil = pytest.importorskip("psutil")
    assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
