"""Systems in processes of their own: what they answer, how they fail, and how they are timed in turn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framing.benchmark.limits import ModelShape
from framing.benchmark.process import SystemProcess
from framing.benchmark.protocol import Request, SystemSpec, declared
from framing.benchmark.sentences import Corpus, Texts, take
from framing.benchmark.throughput import Bootstrap, measure, percentiles, to_dict
from framing.errors import FramingError, SettingError
from framing.labeler import Labeler
from framing.model.checkpoint import Checkpoint

SENTENCES = ("rebels fled the city", "the army liberated the town", "he said the heroes fled", "rain", "a market")
SPEC = SystemSpec("ours", engine="onnx", threads=1, sentences=3)


@pytest.fixture(scope="module")
def corpus(tiny_checkpoint: Checkpoint) -> Corpus:
    return Corpus.of(Texts("tests", SENTENCES), tiny_checkpoint.sentence_encoder())


@pytest.fixture(scope="module")
def process(tiny_folder: Path, corpus: Corpus) -> Iterator[SystemProcess]:
    with SystemProcess(SPEC, tiny_folder, corpus) as opened:
        yield opened.ready()


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
    assert all(seconds >= 0 for seconds in split.values())
    assert split["model"] > 0
    assert len(process.ask(Request.LATENCY, first=0, count=7)) == 7
    stream = process.ask(Request.STREAM, count=45)
    assert stream["sentences"] == 45
    assert stream["seconds"] > 0


def test_rounds_count_sentences_tokens_and_operations(process: SystemProcess, corpus: Corpus) -> None:
    shape = ModelShape(hidden=32, intermediate=64, layers=2, outputs=31)
    (measured,) = measure([process], shape, rounds=2, warm_up=1)
    assert [r.sentences for r in measured.rounds] == [3, 3]
    # The second round goes on where the first one ended.
    assert [r.tokens for r in measured.rounds] == [corpus.tokens[:3].sum(), corpus.tokens[[3, 4, 0]].sum()]
    assert measured.rounds[0].flops == shape.flops(corpus.tokens[:3])
    result = to_dict(measured, Bootstrap(resamples=50), baselines={"itself": measured})
    assert result["ratios"]["itself"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    rates = [r["sentences"] / r["seconds"] for r in result["rounds"]]
    assert result["sentences_per_second"]["median"] == pytest.approx(np.median(rates), rel=1e-3)


def test_a_system_that_cannot_be_opened_is_an_error_with_its_name(tiny_folder: Path, corpus: Corpus) -> None:
    spec = SystemSpec("odd one", engine="steam")
    with SystemProcess(spec, tiny_folder, corpus) as opened, pytest.raises(FramingError, match=r"odd one.*'steam'"):
        opened.ready()
    unknown = SystemSpec("odd one", kind="oracle")
    with (
        SystemProcess(unknown, tiny_folder, corpus) as opened,
        pytest.raises(FramingError, match="'oracle' is unknown"),
    ):
        opened.ready()


def test_a_crash_is_an_error_with_the_systems_name(tiny_folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    # A worker that dies as a C library's abort would have it die, after it said something.
    (tmp_path / "crashing.py").write_text(
        "import os, sys\n"
        "from framing.benchmark.systems import System\n"
        "from framing.benchmark.worker import serve\n"
        "class Crashing(System):\n"
        "    def __init__(self, spec, checkpoint): print('about to open')\n"
        "    def round(self, sentences):\n"
        "        print('the matrix is on fire', file=sys.stderr, flush=True)\n"
        "        os.abort()\n"
        "serve({'framing': Crashing})\n",
        encoding="utf-8",
    )
    with SystemProcess(SPEC, tiny_folder, corpus, worker="crashing", folder=tmp_path) as opened:
        opened.ready()  # what was printed to standard output did not get between the answers
        with pytest.raises(FramingError, match=r"'ours' failed \(exit code -6\)") as raised:
            opened.ask(Request.ROUND, first=0, count=1)
    assert "the matrix is on fire" in str(raised.value)


def test_thread_pools_are_held_to_the_declared_threads(tiny_folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "telling.py").write_text(
        "import os\n"
        "from framing.benchmark.systems import System\n"
        "from framing.benchmark.worker import serve\n"
        "class Telling(System):\n"
        "    def __init__(self, spec, checkpoint): pass\n"
        "    def round(self, sentences): return {}\n"
        "    def describe(self): return {k: v for k, v in os.environ.items() if k.endswith('_NUM_THREADS')}\n"
        "serve({'framing': Telling, 'gemm': Telling})\n",
        encoding="utf-8",
    )
    for spec, threads in ((SystemSpec("three", threads=3), "3"), (SystemSpec("limit", kind="gemm", threads=3), "1")):
        with SystemProcess(spec, tiny_folder, corpus, worker="telling", folder=tmp_path) as opened:
            described = opened.ready().description
        assert {described[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")} == {threads}


def test_a_worker_ends_with_its_parent(tiny_folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "framing.benchmark.worker"], input="", capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, "")


def test_percentiles_are_numpys() -> None:
    assert percentiles([0.001 * i for i in range(1, 102)]) == {"n": 101, "p50": 0.051, "p90": 0.091, "p99": 0.1}


def test_declarations_are_checked() -> None:
    assert declared(SystemSpec, {"name": "x", "threads": 2}, "s") == SystemSpec("x", threads=2)
    with pytest.raises(SettingError, match="the key 'thread' is unknown") as raised:
        declared(SystemSpec, {"name": "x", "thread": 2}, "s")
    assert "did you mean 'threads'?" in str(raised.value)
    with pytest.raises(SettingError, match="name missing"):
        declared(SystemSpec, {}, "s")
    with pytest.raises(SettingError, match="threads is 'two'"):
        declared(SystemSpec, {"name": "x", "threads": "two"}, "s")
    with pytest.raises(SettingError, match="batch is 0"):
        declared(SystemSpec, {"name": "x", "batch": 0}, "s")
    with pytest.raises(SettingError, match="keys with values"):
        declared(SystemSpec, ["x"], "s")
