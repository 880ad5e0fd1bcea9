"""The simulated annotation: its measures against scikit-learn and numpy, and a small play."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.suggest.run import SuggestSuite, labels_to, main, measured
from framing.errors import SettingError

SUITE = """\
name: small
title: small
start: 20
step: 10
rounds: 2
seeds: [0, 1]
pool: 60
test_share: 0.5
strategies:
  random: {title: by chance}
  suggest: {title: chosen, by: margin}
"""


def test_f1_is_the_best_that_one_threshold_gives() -> None:
    random = np.random.default_rng(0)
    truth = random.random((200, 3)) < 0.3
    probabilities = np.clip(0.3 * truth + random.random((200, 3)) * 0.5, 0, 1)
    found = measured(probabilities, truth)
    for average in ("macro", "micro"):
        best = max(
            f1_score(truth, probabilities >= t, average=average, zero_division=0) for t in np.linspace(0.02, 0.98, 49)
        )
        assert found[f"{average}_f1"] == pytest.approx(best)
    # No threshold, no change where all probabilities are halved in order.
    assert measured(probabilities / 2, truth)["average_precision"] == pytest.approx(found["average_precision"])


def test_labels_to_a_value_lie_on_a_line_between_measurements() -> None:
    curve = np.array([0.1, 0.2, 0.4])
    assert labels_to(curve, [100, 200, 300], 0.3) == pytest.approx(np.interp(0.3, curve, [100, 200, 300]))
    assert labels_to(curve, [100, 200, 300], 0.05) == 100
    assert np.isnan(labels_to(curve, [100, 200, 300], 0.5))


def test_a_small_play(tmp_path: Path) -> None:
    frames = ["[[Rebels|rebels.author]]", "The [[regime|regime.author]]", "Nobody"]
    rows = [f"g{i}\tbody\t{frames[i % 3]} came to town number {i % 7}.\n" for i in range(200)]
    (tmp_path / "a.tsv").write_text("".join(rows), encoding="utf-8")
    suite = tmp_path / "suite.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    main(tmp_path, suite, tmp_path)
    record = json.loads((tmp_path / "small.json").read_text(encoding="utf-8"))
    assert record["results"]["labelled"] == [20, 30, 40]
    curves = record["results"]["curves"]
    assert np.shape(curves["suggest"]["macro_f1"]) == (2, 3)
    # Both begin with the same sentences, and words tell the label.
    starts = [[play[0] for play in curves[name]["macro_f1"]] for name in ("random", "suggest")]
    assert starts[0] == starts[1]
    assert curves["suggest"]["macro_f1"][0][-1] > 0.9
    suite.write_text(SUITE.replace("pool: 60", "pool: 30"), encoding="utf-8")
    with pytest.raises(SettingError, match="more sentences than the pool"):
        SuggestSuite.load(suite)
