"""The suite of known groups on records whose outlets differ as planted."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.known_groups.run import main, of_outlets
from benchmarks.known_groups.suite import KnownGroupsSuite
from framing.codebook import Codebook
from framing.compare.columns import read_corpus
from framing.errors import InputError
from framing.records import open_writer
from tests.compare.corpora import document, mention, sentence

pytestmark = pytest.mark.slow

SUITE = KnownGroupsSuite.load()


def test_what_is_declared_is_of_the_codebook() -> None:
    codebook = Codebook.default()
    for one in SUITE.expectations:
        assert one.label in codebook.label_names
        assert one.voice is None or one.voice in codebook.voices
        if one.estimand == "contrast_share":
            assert one.label in codebook.contrast(one.contrast or SUITE.contrast).labels


def test_planted_differences_are_found_and_no_text_is_kept(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    labels = Codebook.default().contrast(SUITE.contrast).labels
    first = SUITE.expectations[0]
    articles, records = tmp_path / "articles.jsonl", tmp_path / "labels.parquet"
    articles.write_text("{}\n")
    with open_writer(records, codebook=Codebook.default()) as writer:
        for number in range(240):
            outlet = SUITE.outlets[number % len(SUITE.outlets)]
            odds = np.where(np.array(labels) == first.label, 8.0 if outlet == first.more else 0.3, 1.0)
            drawn = generator.choice(labels, 4, p=odds / odds.sum())
            own = sentence(0, 0, "A sentence that nobody keeps.", tuple(mention(str(label)) for label in drawn))
            writer.write(document(f"d{number}", outlet, "2016-05-01", [own]))
    main(articles=articles, checkpoint="shipped", labels=records, out=tmp_path)
    text = (tmp_path / "known_groups.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert "nobody keeps" not in text
    found = record["results"]["expectations"][0]
    assert found["verdict"] == "as expected" and found["q"] < 0.001
    assert found["difference"] == pytest.approx(found["figures"][0]["value"] - found["figures"][1]["value"])
    assert found["low"] < found["difference"] < found["high"]
    assert record["tables"][0]["rows"][0][-1] == "as expected"
    assert {row["group"] for row in record["results"]["shares"]} == set(SUITE.outlets)
    with pytest.raises(InputError, match="nowhere"):
        of_outlets(read_corpus(records), ("nowhere",))
