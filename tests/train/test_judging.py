"""Parts for cross-validation, what is suspicious in data, and the runs that use them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framing
from framing.cli.train import run
from framing.codebook import Codebook
from framing.errors import InputError, SettingError
from framing.train.config import parse
from framing.train.examples import Example, Split
from framing.train.inspection import suspicions
from framing.train.judging import CROSS_VALIDATION, SEEDS, fold
from tests.train.tiny_runs import CODEBOOK, arguments

KNOWN = frozenset({"rebels", "terrorists"})
LABELS = st.frozensets(st.sampled_from(sorted(KNOWN)))


def example(text: str, group: str, *labels: str) -> Example:
    return Example(text, group, labels=frozenset(labels), labels_known=KNOWN)


@given(st.lists(st.tuples(st.integers(0, 15), LABELS), min_size=1), st.integers(2, 5), st.integers(0, 3))
def test_each_example_is_in_one_part_and_each_group_whole(
    rows: list[tuple[int, frozenset[str]]], parts: int, seed: int
) -> None:
    examples = [example(f"sentence {i}", f"g{group}", *labels) for i, (group, labels) in enumerate(rows)]
    if len({e.group for e in examples}) < parts:
        with pytest.raises(InputError, match="cannot be dealt"):
            fold(examples, parts, seed)
        return
    dealt = fold(examples, parts, seed)
    assert sorted(e.text for part in dealt for e in part) == sorted(e.text for e in examples)
    groups = [{e.group for e in part} for part in dealt]
    assert all(groups)
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert dealt == fold(examples, parts, seed)


def test_rare_labels_are_dealt_evenly() -> None:
    examples = [example(f"rare {i}", f"r{i}", "rebels") for i in range(4)]
    examples += [example(f"frequent {i}", f"f{i}", "terrorists") for i in range(36)]
    for part in fold(examples, 4, seed=0):
        assert sum("rebels" in e.labels for e in part) == 1
        assert sum("terrorists" in e.labels for e in part) == 9


def found(train: list[Example], validation: list[Example]) -> str:
    codebook = Codebook.from_dict({**CODEBOOK, "hedges": None, "source": None})
    return "\n".join(s.message for s in suspicions(Split(tuple(train), tuple(validation)), codebook, few=2))


def test_what_is_suspicious_is_found() -> None:
    train = [example("The rebels fled", "a", "rebels"), example("the  Rebels fled", "b"), example("Rain", "c")]
    said = found(train, [example("Rain", "d")])
    assert "1 validation sentences are training sentences too" in said
    assert "2 sentences stand in several groups" in said
    assert "1 sentences are marked in different ways" in said
    assert "'rebels' has 1 training sentences" in said
    assert "'terrorists' has 0 training sentences" in said
    assert "every sentence" in found([example("a", "a", "rebels"), example("b", "b", "rebels")], [])


def test_nothing_is_found_in_sound_data() -> None:
    train = [example(f"sentence {i}", f"g{i}", *([label] if label else [])) for i, label in enumerate([*KNOWN, ""] * 3)]
    assert not found(train, [example("another", "h")])


@pytest.mark.parametrize(
    "wrong", [["--cross_validate", "1"], ["--n_seeds", "0"], ["--cross_validate", "3", "--validation", "v.tsv"]]
)
def test_settings_that_do_not_fit_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SettingError):
        parse(["--train", "t.tsv", *wrong])


def test_a_call_for_one_model_takes_no_setting_for_several() -> None:
    with pytest.raises(SettingError, match="no single training"):
        framing.train(train="t.tsv", n_seeds=2)


@pytest.mark.slow
def test_a_dry_run_tells_and_writes_nothing(
    workspace: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(workspace, tiny_base, "model", dry_run="true")) == 0
    said = capsys.readouterr().out
    assert "steps:       at most" in said
    assert not (workspace / "model").exists()


@pytest.mark.slow
def test_parts_and_seeds_are_trained_and_scored(
    workspace: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = {"cross_validate": "2", "n_seeds": "2", "num_train_epochs": "6"}
    assert run(arguments(workspace, tiny_base, "model", **several)) == 0
    folder = workspace / "model"
    judged = json.loads((folder / CROSS_VALIDATION).read_text())["frames_micro_f1"]
    assert len(judged["values"]) == 2
    assert judged["mean"] == pytest.approx(sum(judged["values"]) / 2)
    assert judged["mean"] > 0.8
    assert len(json.loads((folder / SEEDS).read_text())["frames_micro_f1"]["values"]) == 2
    assert {"fold-1", "fold-2", "seed-13", "seed-14"} <= {path.name for path in folder.iterdir()}
    assert "over 2 parts" in capsys.readouterr().out
