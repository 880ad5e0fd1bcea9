"""Few marked sentences: what is drawn, what is measured (against scikit-learn and SciPy), the tables, the command."""

from __future__ import annotations

import json
import math
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from scipy import stats
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from benchmarks.few_labels import systems
from benchmarks.few_labels.drawing import draw, labels_of, without
from benchmarks.few_labels.run import Training, main, over_splits, results, score, tables
from benchmarks.few_labels.suite import FewLabelsSuite
from benchmarks.human.measures import Found
from benchmarks.record import Record
from benchmarks.report import render
from benchmarks.seeds import read_seeds
from framing.codebook import Codebook
from framing.errors import InputError, SettingError
from framing.evaluate.gold import GoldSet
from framing.markup import MarkedSentence, MarkedSpan, Tag
from framing.train.config import FramingTrainingArguments
from tests.benchmarks.tiny_base import write_tiny_base

SUITE = FewLabelsSuite.load()
BOOK = Codebook.default()
LABELS = ("hill", "river", "bridge")


def marked(text: str, *labels: str) -> MarkedSentence:
    """A sentence whose first letters carry the labels, one each."""
    return MarkedSentence(text, tuple(MarkedSpan(i, i + 1, text[i], (Tag("frame", n),)) for i, n in enumerate(labels)))


def pool_of(count: int = 400, seed: int = 0) -> GoldSet:
    """Groups of one to three sentences; a quarter of the sentences carry none of the labels, "bridge" is rare."""
    generator = np.random.default_rng(seed)
    groups: list[str] = []
    while len(groups) < count:
        groups += [f"g{len(set(groups)):03}"] * int(generator.integers(1, 4))
    carried = [[n for n, p in zip(LABELS, (0.5, 0.4, 0.08), strict=True) if generator.random() < p] for _ in groups]
    sentences = tuple(marked(f"Sentence number {i}.", *labels) for i, labels in enumerate(carried))
    return GoldSet(sentences, (None,) * len(groups), tuple(groups), ({},) * len(groups))


def carriers(drawn: GoldSet, labels: tuple[str, ...]) -> Counter[str]:
    return Counter(label for sentence in drawn.sentences for label in labels_of(sentence, labels))


# --- drawing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, 12])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_label_has_as_many_as_asked_for_and_hardly_more(size: int, seed: int) -> None:
    pool = pool_of()
    drawn = draw(pool, LABELS, size, seed)
    count = carriers(drawn, LABELS)
    assert min(count[label] for label in LABELS) >= size
    # The last group that is drawn gives the last one that is missing; it has a few sentences.
    assert count["bridge"] <= size + 3
    assert sum(bool(labels_of(s, LABELS)) for s in drawn.sentences) <= size * len(LABELS) + 3
    empty, of_pool = (sum(not labels_of(s, LABELS) for s in one.sentences) / len(one) for one in (drawn, pool))
    assert empty == pytest.approx(of_pool, abs=3 / len(drawn))


def test_groups_are_kept_whole_and_in_their_order() -> None:
    pool = pool_of()
    drawn = draw(pool, LABELS, 8, 1)
    assert 0 < len(drawn) < len(pool)
    assert drawn == pool.select([i for i, group in enumerate(pool.groups) if group in set(drawn.groups)])


def test_a_draw_is_the_same_each_time_and_another_by_another_seed() -> None:
    pool = pool_of()
    assert draw(pool, LABELS, 8, 1) == draw(pool_of(), LABELS, 8, 1)
    assert set(draw(pool, LABELS, 8, 1).groups) != set(draw(pool, LABELS, 8, 2).groups)


def test_no_gold_document_is_drawn_by_name_or_by_sentence() -> None:
    pool = pool_of()
    named, quoted = pool.groups[0], pool.groups[-1]
    same = next(s for s, g in zip(pool.sentences, pool.groups, strict=True) if g == quoted)
    # A document of the pool's, another sentence in it; another document, with a sentence of the pool's.
    tested = GoldSet((MarkedSentence("Another one."), same), (None, None), (named, "elsewhere"), ({}, {}))
    left = without(pool, tested)
    assert set(pool.groups) - set(left.groups) == {named, quoted}
    assert {named, quoted}.isdisjoint(draw(left, LABELS, 8, 1).groups)


def test_too_few_sentences_are_told() -> None:
    with pytest.raises(InputError, match="sentences carry 'bridge'"):
        draw(pool_of(40), LABELS, 30, 1)


@pytest.mark.slow
def test_the_projects_sentences_give_every_size() -> None:
    pool = read_seeds(BOOK)
    for size in SUITE.sizes:
        drawn = draw(pool, BOOK.label_names, size, SUITE.splits[0])
        count = carriers(drawn, BOOK.label_names)
        assert min(count[label] for label in BOOK.label_names) >= size
        assert len(drawn) < size * len(BOOK.label_names)


# --- measures ---------------------------------------------------------------------------------------------------------


def test_scores_are_scikit_learns() -> None:
    generator = np.random.default_rng(3)
    truth, said = (generator.random((2, 120, 3)) < 0.4).astype(int)
    sentences = tuple(marked("abc.", *(n for n, yes in zip(LABELS, row, strict=True) if yes)) for row in truth)
    tested = GoldSet(sentences, (None,) * 120, ("d",) * 120, ({},) * 120)
    found = [Found(frozenset(n for n, yes in zip(LABELS, row, strict=True) if yes), {}) for row in said]
    macro, micro, f1_of = score(tested, found, LABELS)
    assert macro == pytest.approx(f1_score(truth, said, average="macro"))
    assert micro == pytest.approx(f1_score(truth, said, average="micro"))
    assert list(f1_of.values()) == pytest.approx(f1_score(truth, said, average=None))


def test_intervals_over_splits_are_scipys() -> None:
    values = [0.41, 0.48, 0.44]
    found = over_splits(values, 0.9)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert [found.value, found.low, found.high] == pytest.approx([np.mean(values), low, high])
    assert math.isnan(over_splits([0.5], 0.9).low)


def test_pairs_are_counted_as_setfit_draws_them() -> None:
    sampler = pytest.importorskip("setfit.sampler")
    targets = (np.random.default_rng(5).random((30, 4)) < 0.3).astype(int)
    drawn = sampler.ContrastiveDataset([f"s{i}" for i in range(30)], targets.tolist(), multilabel=True)
    assert systems.pairs(targets) == len(drawn)


# --- what is declared -------------------------------------------------------------------------------------------------


def test_the_peer_makes_as_many_steps_as_framing_train_by_default(tmp_path: Path) -> None:
    ours = FramingTrainingArguments(output_dir=str(tmp_path))
    peer = SUITE.systems["auto_sequence"]
    for sentences in (100, 900, 5000):
        assert peer.settings_for(sentences)["max_steps"] == ours.steps_of(sentences)
    for name, value in peer.settings.items():
        if name in ("learning_rate", "per_device_train_batch_size", "warmup_steps", "weight_decay", "adam_beta2"):
            assert getattr(ours, name) == value
    assert SUITE.systems["framing"].settings_for(100) == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sizes": [16, 8]}, "the sizes are"),
        ({"sizes": [0]}, "the sizes are"),
        ({"splits": [1, 1]}, "the splits are"),
        ({"reference": "oracle"}, "the reference 'oracle'"),
        ({"systems": {"framing": {"title": "F"}, "oracle": {"title": "O"}}}, "the system 'oracle'"),
        ({"systems": {"framing": {"title": "F", "epochs": 3}}}, "no batch size"),
    ],
)
def test_mistakes_in_a_declaration_are_told(tmp_path: Path, change: dict[str, object], told: str) -> None:
    declared = yaml.safe_load(FewLabelsSuite.file().read_text(encoding="utf-8"))
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump({**declared, **change}), encoding="utf-8")
    with pytest.raises(SettingError, match=told):
        FewLabelsSuite.load(tmp_path / "suite.yaml")


# --- tables -----------------------------------------------------------------------------------------------------------


def training(system: str, size: int, split: int, macro: float, micro: float) -> Training:
    return Training(system, size, split, 100 * split, 12.4, 1.0, macro, micro, {"hill": macro})


MADE_UP = [
    training("framing", 8, 1, 0.50, 0.60),
    training("framing", 8, 2, 0.54, 0.66),
    training("lexicon", 8, 1, 0.30, 0.40),
    training("lexicon", 8, 2, 0.36, 0.42),
    training("framing", 16, 1, 0.61, 0.71),
]


def test_tables_show_means_intervals_differences_and_time() -> None:
    macro, micro, gap_macro, _, seconds = tables(SUITE, MADE_UP)
    low, high = stats.ttest_1samp([0.50, 0.54], 0).confidence_interval(0.95)
    assert macro.columns == ("learned from", "8 per label", "16 per label")
    assert macro.rows == (
        ("marked sentences", "150", "100"),
        ("splits", "2", "1"),
        ("lexicon of the marked phrases", f"0.330 [{0.33 - 12.7062 * 0.03:.3f}, {0.33 + 12.7062 * 0.03:.3f}]", "–"),
        ("framing-train", f"0.520 [{low:.3f}, {high:.3f}]", "0.610"),
    )
    assert micro.rows[-1][2] == "0.710"
    # 0.20 and 0.18, split by split.
    low, high = stats.ttest_rel([0.50, 0.54], [0.30, 0.36]).confidence_interval(0.95)
    assert gap_macro.rows == (("against lexicon of the marked phrases", f"+0.190 [{low:+.3f}, {high:+.3f}]", "–"),)
    assert seconds.rows[0] == ("lexicon of the marked phrases", "12", "–")
    assert "Student's t" in macro.note


def test_the_record_of_a_made_up_result_is_in_the_report(tmp_path: Path) -> None:
    made_up = results(SUITE, MADE_UP)
    framing = next(m for m in made_up["means"] if (m["system"], m["size"], m["measure"]) == ("framing", 16, "micro_f1"))
    assert framing == {
        "system": "framing",
        "size": 16,
        "n": 1,
        "measure": "micro_f1",
        "value": 0.71,
        "low": None,
        "high": None,
    }
    inputs = {"gold": {"file": "g.tsv"}}
    Record("few_labels", SUITE.title, "c", inputs, made_up, tables(SUITE, MADE_UP)).save(tmp_path)
    shown = render(tmp_path)
    assert f"## {SUITE.title}" in shown
    assert "| learned from | 8 per label | 16 per label |" in shown
    assert "| framing-train | 0.520 [0.266, 0.774] | 0.610 |" in shown


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_measures_every_system_goes_on_and_keeps_no_text(tmp_path: Path) -> None:
    declared = yaml.safe_load(FewLabelsSuite.file().read_text(encoding="utf-8"))
    declared |= {"base": str(write_tiny_base(tmp_path / "base")), "sizes": [6], "splits": [1, 2]}
    declared["systems"]["setfit"]["settings"]["most_steps"] = 2
    if find_spec("setfit") is None:
        del declared["systems"]["setfit"]
    declared["systems"]["auto_sequence"]["least_steps"] = 2
    declared["systems"]["framing"]["settings"] = {"max_steps": 2, "eval_strategy": "no", "save_strategy": "no"}
    declared["systems"]["framing"]["settings"]["load_best_model_at_end"] = False
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(declared, sort_keys=False), encoding="utf-8")
    rows = []
    for i, label in enumerate(BOOK.label_names * 12):
        rows.append(f"g{i}\tbody\tPeople of Vellmark say number {i} [[{label} word|{label}.{BOOK.voices[0]}]] today.\n")
    (tmp_path / "seeds").mkdir()
    half = len(rows) // 2
    (tmp_path / "seeds" / "a.tsv").write_text("".join(rows[:half]), encoding="utf-8")
    (tmp_path / "gold.tsv").write_text("".join(rows[half:]), encoding="utf-8")
    app = typer.Typer()
    app.command()(main)
    arguments = ["--gold", str(tmp_path / "gold.tsv"), "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    arguments += ["--suite", str(tmp_path / "suite.yaml"), "--seeds", str(tmp_path / "seeds")]
    first = CliRunner().invoke(app, [*arguments, "--splits", "1"])
    assert first.exit_code == 0, first.output
    text = (tmp_path / "few_labels.json").read_text(encoding="utf-8")
    assert "Vellmark" not in text
    kept = json.loads(text)["results"]
    assert [t["system"] for t in kept["trainings"]] == list(declared["systems"])
    # Each label has a word of its own: who looks words up knows them all.
    assert kept["trainings"][0]["micro_f1"] == 1
    # Only what is there is recorded: of the second split nothing is.
    finished = CliRunner().invoke(app, [*arguments, "--finished"])
    assert finished.exit_code == 0, finished.output
    assert json.loads((tmp_path / "few_labels.json").read_text(encoding="utf-8"))["results"] == kept
    nothing = CliRunner().invoke(app, [*arguments, "--finished", "--splits", "2"])
    assert nothing.exit_code != 0
    assert "no training that is finished" in nothing.output
    again = CliRunner().invoke(app, [*arguments, "--resume"])
    assert again.exit_code == 0, again.output
    both = json.loads((tmp_path / "few_labels.json").read_text(encoding="utf-8"))["results"]["trainings"]
    # The first split is as it was, to the second of its trainings; the other one is new.
    assert both[: len(kept["trainings"])] == kept["trainings"]
    assert {t["split"] for t in both} == {1, 2}
