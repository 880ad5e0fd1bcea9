"""The coverage suite on units that are made up: the truth of a corpus is known, and is what simulation gives."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.coverage.corpora import make_corpus, world_of
from benchmarks.coverage.run import WAYS, main
from benchmarks.coverage.suite import CoverageSuite, Size
from benchmarks.coverage.units import Units
from framing.codebook import Codebook

pytestmark = pytest.mark.slow

SUITE = CoverageSuite.load()
CODEBOOK = Codebook.default()
LABELS = [CODEBOOK.label_names.index(label) for label in CODEBOOK.contrast(SUITE.contrast).labels]


@pytest.fixture(scope="module")
def units() -> Units:
    generator = np.random.default_rng(0)
    shape = (150, len(CODEBOOK.label_names), len(CODEBOOK.voices))
    truth, predicted = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for unit in range(len(truth)):
        for label in generator.choice(LABELS, generator.integers(0, 4)):
            truth[unit, label, 0] += 1
            predicted[unit, label if generator.random() < 0.85 else generator.choice(LABELS), 0] += 1
    return Units(truth, predicted, generator.random(len(truth)))


@pytest.mark.parametrize("name", SUITE.scenarios)
def test_the_truth_of_an_outlet_is_what_its_documents_come_to(units: Units, name: str) -> None:
    scenario = SUITE.scenarios[name]
    world = world_of(units, LABELS, 0, scenario, parts=SUITE.parts, clumping=SUITE.clumping)
    made = make_corpus(world, Size(20_000, 2), np.random.default_rng(1))
    for outlet, shares in enumerate(world.shares):
        own = made.truth[made.outlet == outlet].sum(axis=0)
        assert own / own.sum() == pytest.approx(shares, abs=0.01)
    if not any(scenario.tilt):
        assert np.ptp(world.shares, axis=0) == pytest.approx(np.zeros(len(LABELS)))


def test_the_suite_measures_every_way_and_keeps_numbers_alone(units: Units, tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    gold.write_text("kept out of the record\n")
    units.save(tmp_path / "units.npz")
    main(gold=gold, checkpoint="shipped", units=tmp_path / "units.npz", corpora=12, out=tmp_path)
    text = (tmp_path / "coverage.json").read_text(encoding="utf-8")
    assert "kept out" not in text
    record = json.loads(text)
    assert len(record["results"]) == len(SUITE.scenarios) * len(SUITE.sizes)
    for found in record["results"].values():
        assert found["corpora"] == 12
        assert found["corrected"]["coverage"] > 0.85
        assert found["corrected"]["width"] < found["annotated"]["width"]
    assert len(record["tables"][0]["rows"]) == len(WAYS) * len(record["results"])
