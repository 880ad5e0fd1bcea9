"""Systems in processes of their own: what they label, what they answer, how they fail, and how they take turns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import ROOT
from benchmarks.harness.corpus import Corpus
from benchmarks.harness.limit import Limit
from benchmarks.harness.process import WORKER, SystemProcess
from benchmarks.harness.protocol import Request, SystemSpec
from benchmarks.harness.rounds import time_in_turn
from benchmarks.suites import Bootstrap
from framing.errors import FramingError, InputError
from framing.labeler import Labeler
from framing.model.checkpoint import Checkpoint
from framing.speed import ModelShape, Texts, take

pytestmark = pytest.mark.slow

SENTENCES = ("rebels fled the city", "the army liberated the town", "he said the heroes fled", "rain", "a market")
SPEC = SystemSpec("ours", engine="onnx", threads=1, sentences=3)


@pytest.fixture(scope="module")
def corpus(tiny_checkpoint: Checkpoint) -> Corpus:
    return Corpus.of(Texts("tests", SENTENCES), tiny_checkpoint.sentence_encoder())


@pytest.fixture(scope="module")
def process(tiny_folder: Path, corpus: Corpus) -> Iterator[SystemProcess]:
    with SystemProcess(SPEC, tiny_folder, corpus) as opened:
        yield opened.ready()


# --- The corpus ---------------------------------------------------------------------------------------------------


def corpus_of(tiny_checkpoint: Checkpoint, lengths: list[int], **options: int) -> Corpus:
    texts = tuple(" ".join(["rain"] * length) for length in lengths)
    return Corpus.of(Texts("rain", texts), tiny_checkpoint.sentence_encoder(), **options)


def test_tokens_stay_with_their_sentences(tiny_checkpoint: Checkpoint) -> None:
    corpus = corpus_of(tiny_checkpoint, [3, 5, 2])
    assert [len(s.split()) + 2 for s in corpus.sentences] == corpus.tokens.tolist()
    assert sorted(corpus.tokens) == [4, 5, 7]
    assert corpus.tokens_of(2, 4).tolist() == corpus.tokens[[2, 0, 1, 2]].tolist()


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=256, max_size=400), seed=st.integers(0, 5))
def test_every_stretch_has_lengths_as_the_whole(tiny_checkpoint: Checkpoint, lengths: list[int], seed: int) -> None:
    corpus = corpus_of(tiny_checkpoint, lengths, seed=seed)
    assert sorted(corpus.tokens) == sorted(length + 2 for length in lengths)
    low, high = np.quantile(corpus.tokens, (0.4, 0.6), method="inverted_cdf")
    for first in range(0, 193, 64):
        # Of 64 points of the sequence at least 64 · 0.4 − 1 lie on either side of its middle fifth.
        stretch = np.sort(corpus.tokens[first : first + 64])
        assert stretch[24] <= high
        assert stretch[-25] >= low


def test_the_order_is_van_der_corputs(tiny_checkpoint: Checkpoint) -> None:
    from scipy.stats.qmc import Halton

    corpus = corpus_of(tiny_checkpoint, list(range(1, 12)))
    points = Halton(d=1, scramble=False).random(11)[:, 0]
    assert corpus.tokens.tolist() == (np.argsort(np.argsort(points)) + 3).tolist()


def test_sentences_of_some_lengths_are_chosen_in_order(tiny_checkpoint: Checkpoint) -> None:
    corpus = corpus_of(tiny_checkpoint, [1, 2, 3, 4, 5, 6])
    chosen = corpus.select(5, 7)
    assert chosen.tokens.tolist() == [t for t in corpus.tokens.tolist() if 5 <= t <= 7]
    assert [len(s.split()) + 2 for s in chosen.sentences] == chosen.tokens.tolist()
    with pytest.raises(InputError, match="no sentence of 50 to 60 tokens"):
        corpus.select(50, 60)


def test_lengths_are_described_by_numpys_percentiles() -> None:
    corpus = Corpus("counted", ("",) * 101, np.arange(1, 102))
    lengths = {"tokens_p5": 6.0, "tokens_p50": 51.0, "tokens_p95": 96.0, "tokens_mean": 51.0}
    assert corpus.describe() == {"origin": "counted", "sentences": 101, **lengths}


# --- Processes ----------------------------------------------------------------------------------------------------


def test_a_worker_labels_as_the_labeler_does(process: SystemProcess, corpus: Corpus, tiny_labeler: Labeler) -> None:
    answers = process.ask(Request.LABEL, first=3, count=4)
    expected = tiny_labeler(take(corpus.sentences, 3, 4))
    for answer, labels in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer["probabilities"], list(labels.probabilities.values()), atol=1e-5)
        assert {*labels.frames, labels.kind} <= set(answer["labels"])
        assert sum(name.startswith("hedge.") for name in answer["labels"]) == len({h.kind for h in labels.hedges})


def test_a_worker_says_what_it_is_and_loads_no_torch(process: SystemProcess) -> None:
    assert process.same_weights
    assert process.description["engine"] == "onnx"
    assert process.description["threads"] == 1
    assert not {"torch", "transformers", "sklearn", "scipy"} & set(process.ask(Request.MODULES))
    assert process.ask(Request.MEMORY) > 2**20


def test_steps_single_sentences_and_streams_are_timed(process: SystemProcess) -> None:
    split = process.ask(Request.SPLIT, first=0, count=5)
    assert list(split) == ["tokenise", "model", "decode", "records"]
    assert len(process.ask(Request.LATENCY, first=0, count=7)) == 7
    stream = process.ask(Request.STREAM, count=40)
    assert stream["sentences"] == 40
    assert stream["seconds"] > 0


def test_rounds_count_sentences_tokens_and_operations(process: SystemProcess, corpus: Corpus) -> None:
    shape = ModelShape(hidden=32, intermediate=64, layers=2, outputs=31)
    (timed,) = time_in_turn([process], shape, rounds=2, warm_up=1)
    assert [r.sentences for r in timed.rounds] == [3, 3]
    # The second round goes on where the first one ended.
    assert [r.tokens for r in timed.rounds] == [corpus.tokens[:3].sum(), corpus.tokens[[3, 4, 0]].sum()]
    assert timed.rounds[0].flops == shape.flops(corpus.tokens[:3])
    result = timed.to_dict(Bootstrap(resamples=50), baselines={"itself": timed})
    assert result["ratios"]["itself"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    rates = [r["sentences"] / r["seconds"] for r in result["rounds"]]
    assert result["sentences_per_second"]["median"] == pytest.approx(np.median(rates), rel=1e-3)


def test_the_limit_takes_its_turn(tiny_folder: Path) -> None:
    limit = Limit(SystemSpec("limit", kind="gemm", threads=2), tiny_folder)
    assert limit.round([])["flops_per_second"] > 0
    assert limit.describe()["threads"] == 2


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (SystemSpec("odd one", engine="steam"), r"odd one.*'steam'"),
        (SystemSpec("odd one", kind="oracle"), "'oracle' is unknown"),
    ],
)
def test_a_system_that_cannot_be_opened_is_an_error_with_its_name(
    tiny_folder: Path, corpus: Corpus, spec: SystemSpec, told: str
) -> None:
    with SystemProcess(spec, tiny_folder, corpus) as opened, pytest.raises(FramingError, match=told):
        opened.ready()


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules workers find."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_crash_is_an_error_with_the_systems_name(tiny_folder: Path, corpus: Corpus, serving: Path) -> None:
    # A worker that dies as a C library's abort would have it die, after it said something.
    (serving / "crashing.py").write_text(
        "import os, sys\n"
        "from benchmarks.harness.systems import System\n"
        "from benchmarks.harness.worker import serve\n"
        "class Crashing(System):\n"
        "    def __init__(self, spec, checkpoint): print('about to open')\n"
        "    def round(self, sentences):\n"
        "        print('the matrix is on fire', file=sys.stderr, flush=True)\n"
        "        os.abort()\n"
        "serve({'framing': Crashing})\n",
        encoding="utf-8",
    )
    with SystemProcess(SPEC, tiny_folder, corpus, worker="crashing") as opened:
        opened.ready()  # what was printed to standard output did not get between the answers
        with pytest.raises(FramingError, match=r"'ours' failed \(exit code -6\)") as raised:
            opened.ask(Request.ROUND, first=0, count=1)
    assert "the matrix is on fire" in str(raised.value)


def test_thread_pools_are_held_to_the_declared_threads(tiny_folder: Path, corpus: Corpus, serving: Path) -> None:
    (serving / "telling.py").write_text(
        "import os\n"
        "from benchmarks.harness.systems import System\n"
        "from benchmarks.harness.worker import serve\n"
        "class Telling(System):\n"
        "    def __init__(self, spec, checkpoint): pass\n"
        "    def round(self, sentences): return {}\n"
        "    def describe(self): return {k: v for k, v in os.environ.items() if k.endswith('_NUM_THREADS')}\n"
        "serve({'framing': Telling, 'gemm': Telling})\n",
        encoding="utf-8",
    )
    for spec, threads in ((SystemSpec("three", threads=3), "3"), (SystemSpec("limit", kind="gemm", threads=3), "1")):
        with SystemProcess(spec, tiny_folder, corpus, worker="telling") as opened:
            described = opened.ready().description
        assert {described[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")} == {threads}


def test_a_worker_ends_with_its_parent() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", WORKER],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (ended.returncode, ended.stdout) == (0, "")
