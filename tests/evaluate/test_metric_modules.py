"""Our evaluate.Metric modules load without a network and give the scorer's numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import evaluate
import numpy as np
import pytest
from hypothesis import given, settings

from framing.codebook import Codebook
from framing.errors import SettingError
from framing.evaluate.metrics import METRICS, load_metric
from framing.evaluate.scoring import as_prediction, score
from framing.markup import MarkedSentence
from tests.evaluate.marked_examples import codings

Pairs = list[tuple[MarkedSentence, MarkedSentence]]

_OFFLINE_PROGRAM = """
import socket

def refuse(*_, **__):
    raise AssertionError("a metric module asked for the network")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from framing.evaluate.metrics import METRICS, load_metric
spans = [[{"label": "rebels", "start": 0, "end": 6}], []]
mentions = [[{"label": "rebels", "start": 0, "end": 6, "voice": "author"}], []]
inputs = {"frames_f1": [[1, 0], [0, 1]], "spans_f1": spans, "mention_voice_f1": mentions, "hedged_f1": [1, 0]}
for name in METRICS:
    results = load_metric(name).compute(predictions=inputs[name], references=inputs[name])
    assert next(iter(results.values())) == 1.0, (name, results)
"""


@pytest.mark.slow
def test_metrics_load_and_compute_offline(tmp_path: Path) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1", "HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE_PROGRAM],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), **offline},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def metrics() -> dict[str, evaluate.EvaluationModule]:
    return {name: load_metric(name) for name in METRICS}


def _spans(sentence: MarkedSentence, *, voice: bool) -> list[dict[str, str | int]]:
    return [
        {"label": tag.name, "start": span.start, "end": span.end, **({"voice": str(tag.voice)} if voice else {})}
        for span in sentence.spans
        for tag in span.tags
        if tag.layer == "frame"
    ]


@pytest.mark.slow
@given(pairs=codings)
@settings(max_examples=25, deadline=None)
def test_metrics_agree_with_the_scorer(
    codebook: Codebook, metrics: dict[str, evaluate.EvaluationModule], pairs: Pairs
) -> None:
    gold, guess = [gold for gold, _ in pairs], [guess for _, guess in pairs]
    predictions = [as_prediction(sentence, codebook) for sentence in guess]
    scores = score(gold, predictions, codebook=codebook)

    truth = [
        [int(any(t.output == name for s in g.spans for t in s.tags)) for name in codebook.label_names] for g in gold
    ]
    carried = [[int(name in p.frames) for name in codebook.label_names] for p in predictions]
    frames = metrics["frames_f1"].compute(predictions=carried, references=truth, labels=list(codebook.label_names))
    spans = metrics["spans_f1"].compute(
        predictions=[_spans(s, voice=False) for s in guess], references=[_spans(s, voice=False) for s in gold]
    )
    voiced = metrics["mention_voice_f1"].compute(
        predictions=[_spans(s, voice=True) for s in guess], references=[_spans(s, voice=True) for s in gold]
    )
    hedged = metrics["hedged_f1"].compute(
        predictions=[int(p.hedged) for p in predictions],
        references=[int(as_prediction(g, codebook).hedged) for g in gold],
    )
    found = [frames["macro_f1"], frames["micro_f1"], spans["f1"], spans["exact_f1"], voiced["f1"]]
    found += [voiced["voice_accuracy"], hedged["f1"]]
    names = ("frames_macro_f1", "frames_micro_f1", "span_overlap_f1", "span_exact_f1", "mention_voice_f1")
    np.testing.assert_allclose(found, [scores[name] for name in (*names, "voice_accuracy", "hedged_f1")])
    by_label = {s.name: s.f1 for s in scores.labels}
    assert frames["label_f1"] == pytest.approx({name: by_label[name] for name in frames["label_f1"]})


def test_a_single_label_is_not_taken_for_a_binary_problem(metrics: dict[str, evaluate.EvaluationModule]) -> None:
    found = metrics["frames_f1"].compute(predictions=[[0], [0], [1]], references=[[1], [0], [1]])
    assert found["macro_f1"] == found["micro_f1"] == pytest.approx(2 / 3)


def test_an_unknown_metric_is_told() -> None:
    with pytest.raises(SettingError, match="no metric 'bleu'"):
        load_metric("bleu")
