"""Reliability tables against pandas and the calibration error; worst errors by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from framing.codebook import Codebook
from framing.evaluate.details import reliability, worst_errors
from framing.evaluate.gold import GoldSet
from framing.evaluate.matching import LabelledSpan, confuse_rivals
from framing.evaluate.scoring import as_prediction
from framing.markup import parse


def test_a_reliability_table_is_that_of_pandas() -> None:
    random = np.random.default_rng(0)
    p = random.random(500)
    truth = random.random(500) < p**2
    found = reliability(p, truth)
    groups = pd.DataFrame({"p": p, "truth": truth}).groupby(pd.qcut(p, 15))
    assert [one.count for one in found] == groups.size().tolist()
    assert [one.said for one in found] == pytest.approx(groups["p"].mean().tolist())
    assert [one.true for one in found] == pytest.approx(groups["truth"].mean().tolist())
    assert [one.low for one in found] == groups["p"].min().tolist()
    assert reliability(np.empty(0), np.empty(0, dtype=bool)) == ()


def test_the_surest_error_comes_first() -> None:
    codebook = Codebook.default()
    gold = tuple(
        map(
            parse,
            [
                "[[Rebels|rebels.author]] came",
                "The [[army|government.author]] came",
                "All [[rebels|rebels.quoted]] left",
            ],
        )
    )
    said = map(
        parse,
        ["Rebels came", "The [[army|government.author]] [[came|victory.author]]", "All [[rebels|rebels.author]] left"],
    )
    labels = [as_prediction(one, codebook) for one in said]
    labels[0] = replace(labels[0], probabilities={"rebels": 0.4})
    labels[1] = replace(labels[1], probabilities={"government": 0.9, "victory": 0.7})
    mention = replace(labels[2].mentions[0], voice_probability=0.65)
    labels[2] = replace(labels[2], mentions=(mention,))
    marked = GoldSet(gold, ("body",) * 3, ("a", "b", "c"), ({},) * 3)
    found = worst_errors(marked, labels, codebook, 9)
    assert [(e.what, e.name, e.document, round(e.loss, 9)) for e in found] == [
        ("invented", "victory", "b", 0.7),
        ("voice", "rebels", "c", 0.65),
        ("missed", "rebels", "a", 0.6),
    ]
    assert worst_errors(marked, labels, codebook, 1) == found[:1]


def test_rivals_by_hand() -> None:
    first = [LabelledSpan("a", 0, 4), LabelledSpan("b", 6, 9), LabelledSpan("z", 0, 4)]
    second = [LabelledSpan("b", 1, 4), LabelledSpan("a", 20, 22)]
    found = confuse_rivals("x", ("a", "b"), [(first, second)])
    assert found.table == ((0, 1, 0), (0, 0, 1), (1, 0, 0))
    assert found.confused() == [("a", "b", 1)]
