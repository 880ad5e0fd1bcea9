"""The suite of engines and precisions: agreement, int8, texts, outlets, and the command."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import report
from benchmarks.engines_quality import outlets, texts
from benchmarks.engines_quality.agreement import compare
from benchmarks.engines_quality.quantize import write_int8
from benchmarks.engines_quality.run import compare_all, main
from benchmarks.suites import EnginesSuite, QualitySuite
from framing.codebook import Codebook
from framing.engine import open_engine
from framing.engine.processor import instructions
from framing.errors import CheckpointError, InputError, MissingExtraError, SettingError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import as_prediction, bootstrap, count
from framing.labeler import Labeler, load
from framing.markup import parse, read_rows
from framing.model.checkpoint import GRAPH, Checkpoint
from framing.model.onnx_graph import OUTPUTS
from framing.speed import SEEDS
from framing.types import SentenceLabels

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command()(main)
CODEBOOK = Codebook.default()


def labels(marked: str, kind: str = "body") -> SentenceLabels:
    return as_prediction(parse(marked), CODEBOOK, kind)


# --- Agreement ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        (labels("[[Rebels|rebels.author]] [[may|hedge.epistemic]] have left."), set()),
        (labels("[[Rebels|militants.author]] [[may|hedge.epistemic]] have left."), {"frames", "spans"}),
        (labels("[[Rebels may|rebels.author]] have left."), {"spans", "hedges"}),
        (labels("[[Rebels|rebels.quoted]] [[may|hedge.epistemic]] have left."), {"voices"}),
        (labels("[[Rebels|rebels.author]] [[may|hedge.epistemic]] have left.", "headline"), {"kind"}),
    ],
)
def test_what_a_reader_would_see_change(other: SentenceLabels, changed: set[str]) -> None:
    reference = labels("[[Rebels|rebels.author]] [[may|hedge.epistemic]] have left.")
    found = compare([reference], [other])
    assert {name for name, n in found.changed.items() if n} == changed | ({"anything"} if changed else set())


def test_gaps_are_of_the_output_that_is_furthest_apart() -> None:
    reference = labels("[[Rebels|rebels.author]] left.")
    near = replace(reference, probabilities={"rebels": 0.75, "militants": 0.125})
    found = compare([reference, reference], [reference, near])
    assert found.largest_gap == 0.25
    assert found.mean_gap == 0.125
    assert not any(found.changed.values())


def test_shares_have_wilson_intervals() -> None:
    one, other = labels("[[Rebels|rebels.author]] left."), labels("[[Rebels|militants.author]] left.")
    share = compare([one] * 40, [other] * 3 + [one] * 37).share("frames", 0.95)
    assert share.value == 3 / 40
    # The bounds are where the score test of the share is just rejected: (x - p)² = z² p (1 - p) / n.
    for bound in (share.low, share.high):
        assert (3 / 40 - bound) ** 2 == pytest.approx(1.959964**2 * bound * (1 - bound) / 40)


def test_only_runs_on_the_same_sentences_are_compared() -> None:
    with pytest.raises(InputError, match="1 and 1 sentences"):
        compare([labels("He left.")], [labels("She left.")])


# --- int8 ---------------------------------------------------------------------------------------------------------


def test_an_int8_checkpoint_computes_in_integers_and_says_nearly_the_same(
    tiny_checkpoint: Checkpoint, tiny_labeler: Labeler, tmp_path: Path
) -> None:
    import onnx

    folder = write_int8(tiny_checkpoint, tmp_path / "int8", per_channel=True, reduce_range=True)
    nodes = onnx.load(folder / GRAPH, load_external_data=False).graph.node
    assert {"MatMulInteger", "QAttention"} <= {node.op_type for node in nodes}
    heads = [node.op_type for node in nodes if node.name.startswith(tuple(OUTPUTS.values()))]
    assert heads.count("MatMul") == len(OUTPUTS)
    assert "MatMulInteger" not in heads
    sentences = ["The rebels fled the town.", "Witnesses said the army may have retook the market."]
    with load(folder, engine="onnx", threads=1) as quantised:
        gap = compare(tiny_labeler(sentences), quantised(sentences)).largest_gap
    assert 1e-5 < gap < 0.2


def test_a_checkpoint_without_a_graph_cannot_be_quantised(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    bare = replace(tiny_checkpoint, folder=tmp_path)
    with pytest.raises(CheckpointError, match="to quantise"):
        write_int8(bare, tmp_path / "int8", per_channel=True, reduce_range=True)


# --- Texts --------------------------------------------------------------------------------------------------------


def test_texts_are_distinct_sentences(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("One.\n\nTwo.\nOne.\n", encoding="utf-8")
    found = texts.of_lines(tmp_path / "lines.txt")
    assert found.sentences == ("One.", "Two.")
    assert found.facts()["read"] == 3
    rows = [{"id": str(i), "text": "Rebels took the town. The army left."} for i in range(2)]
    rows.append({"id": "2", "text": "The market opened at noon. Nobody came."})
    (tmp_path / "articles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    cut = texts.of_articles(tmp_path / "articles.jsonl", 3)
    assert cut.sentences == ("Rebels took the town.", "The army left.", "The market opened at noon.")
    assert cut.read == 6
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="no sentence"):
        texts.of_lines(tmp_path / "empty.txt")


# --- Outlets ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uneven() -> tuple[GoldSet, list[str], list[SentenceLabels]]:
    """Two outlets of four documents of three sentences; of the second's frames, those in two documents are missed."""
    marked = [parse("The [[rebels|rebels.author]] met [[gunmen|militants.quoted]].")] * 24
    groups = tuple(f"document {i // 3}" for i in range(24))
    names = ["One", "Two"]
    found = [as_prediction(m if i < 18 else parse(m.text), CODEBOOK) for i, m in enumerate(marked)]
    gold = GoldSet(tuple(marked), ("body",) * 24, groups, ({},) * 24)
    return gold, [names[i // 12] for i in range(24)], found


def test_the_permutation_test_agrees_with_all_permutations(
    uneven: tuple[GoldSet, list[str], list[SentenceLabels]],
) -> None:
    gold, names, found = uneven
    counts = count(gold.sentences, found, codebook=CODEBOOK)
    tallies = outlets.tallies_of(counts).reshape(8, 3, -1).sum(axis=1)
    of = np.array([0] * 4 + [1] * 4)
    true = outlets.between_outlets(tallies, of)
    every = [
        outlets.between_outlets(tallies, np.array([int(d in second) for d in range(8)]))
        for second in itertools.combinations(range(8), 4)
    ]
    exact = np.mean(np.array(every) >= true - 1e-12, axis=0)
    settings = {"least_sentences": 10, "permutations": 2000, "resamples": 50, "level": 0.95, "seed": 1}
    tests = outlets.report(counts, names, gold.groups, **settings).tests
    assert tests["frames_micro_f1"].p == pytest.approx(exact[0], abs=0.04)
    assert tests["frames_found_ratio"].p == pytest.approx(exact[2], abs=0.04)
    assert tests["voice_accuracy"].p == 1  # nobody erred, so every permutation is as even as the true one


def test_outlets_are_scored_as_the_whole_gold_is(uneven: tuple[GoldSet, list[str], list[SentenceLabels]]) -> None:
    gold, names, found = uneven
    counts = count(gold.sentences, found, codebook=CODEBOOK)
    settings = {"least_sentences": 10, "permutations": 10, "resamples": 500, "level": 0.9, "seed": 3}
    scored = outlets.report(counts, names, gold.groups, **settings)
    assert [(o.name, o.sentences, o.documents) for o in scored.outlets] == [("One", 12, 4), ("Two", 12, 4)]
    second = range(12, 24)
    alone = count([gold.sentences[i] for i in second], [found[i] for i in second], codebook=CODEBOOK)
    expected = bootstrap(alone, [gold.groups[i] for i in second], n=500, seed=3, level=0.9)
    for name in ("frames_micro_f1", "voice_accuracy"):
        ours = scored.outlets[1].intervals[name]
        assert (ours.value, ours.low, ours.high) == pytest.approx(
            (expected[name].value, expected[name].low, expected[name].high)
        )
    assert scored.outlets[1].intervals["frames_found_ratio"].value == 0.5


def test_spellings_of_an_outlet_are_one_and_unknown_ones_none(
    uneven: tuple[GoldSet, list[str], list[SentenceLabels]],
) -> None:
    assert outlets.normalised("Asharq Al-Awsat") == outlets.normalised("asharqalawsat")
    assert outlets.normalised("None") == outlets.normalised(None) == ""
    gold, names, found = uneven
    counts = count(gold.sentences, found, codebook=CODEBOOK)
    settings = {"least_sentences": 13, "permutations": 10, "resamples": 10, "level": 0.9, "seed": 3}
    with pytest.raises(InputError, match="0 outlets have 13 sentences"):
        outlets.report(counts, names, gold.groups, **settings)


# --- The command --------------------------------------------------------------------------------------------------


def test_the_command_writes_a_record_without_sentences(tiny_folder: Path, tmp_path: Path) -> None:
    rows = list(read_rows(SEEDS / "01.tsv"))[:60]
    named = [
        replace(row, id=str(i), outlet=("A", "B")[i % 2], document=f"d{i % 12}").to_line() for i, row in enumerate(rows)
    ]
    gold, lines = tmp_path / "gold.tsv", tmp_path / "lines.txt"
    gold.write_text("\n".join(named) + "\n", encoding="utf-8")
    lines.write_text("The rebels fled the town.\nThe army came.\n", encoding="utf-8")
    arguments = ["--gold", str(gold), "--checkpoint", str(tiny_folder), "--texts", str(lines), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, [*arguments, "--systems", "onnx-fp32,torch-bf16", "--threads", "1"])
    assert result.exit_code == 0, result.output
    written = (tmp_path / "engines.json").read_text(encoding="utf-8")
    record = json.loads(written)
    systems = record["results"]["systems"]
    assert list(systems) == ["torch-fp32", "onnx-fp32", "torch-bf16"]
    assert systems["torch-fp32"]["agreement"]["gold"]["largest_gap"] == 0
    assert systems["onnx-fp32"]["agreement"]["gold"]["largest_gap"] < 1e-4
    assert systems["onnx-fp32"]["agreement"]["lines.txt"]["sentences"] == 2
    assert systems["torch-bf16"]["agreement"]["gold"]["largest_gap"] > 1e-4
    assert [entry["sentences"] for entry in record["results"]["outlets"]["scores"]] == [30, 30]
    assert not any(row.sentence.text in written for row in rows)
    assert "### Error per outlet: torch fp32" in report.render(tmp_path)


def test_the_suite_declares_systems_that_can_be_opened(tiny_checkpoint: Checkpoint) -> None:
    suite = EnginesSuite.load()
    chosen = suite.chosen("cpu")
    for spec in chosen.values():
        settings = {"engine": spec.engine, "device": spec.device, "precision": spec.precision}
        try:
            with open_engine(tiny_checkpoint, **settings, threads=1) as engine:
                assert engine.describe()["precision"] == spec.precision
        except MissingExtraError:
            assert find_spec(spec.engine) is None
        except SettingError:
            assert (spec.engine, spec.precision) == ("openvino", "bf16")
            assert not any(name.endswith("_bf16") for name in instructions())


def test_what_cannot_be_run_here_is_left_out(
    tiny_checkpoint: Checkpoint,
    uneven: tuple[GoldSet, list[str], list[SentenceLabels]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A package that is not installed, or a precision that the processor does not have; but not the reference."""
    suite = EnginesSuite.load()
    chosen = suite.chosen("cpu", "openvino-bf16,onnx-fp32")
    monkeypatch.setattr("framing.engine.find_spec", lambda name: None)
    compared = compare_all(chosen, tiny_checkpoint, uneven[0], [], suite, QualitySuite.load(), 1)
    assert list(compared) == ["torch-fp32", "onnx-fp32"]
    assert "OpenVINO bf16 is left out: engine 'openvino' needs openvino" in capsys.readouterr().err
    alone = {"openvino-bf16": chosen["openvino-bf16"]}
    with pytest.raises(MissingExtraError):
        compare_all(alone, tiny_checkpoint, uneven[0], [], suite, QualitySuite.load(), 1)


def test_a_slow_system_reads_some_sentences_evenly_spread() -> None:
    slow = EnginesSuite.load().systems["torch-bf16"]
    assert replace(slow, most_sentences=3).read_of(range(10)) == range(0, 10, 4)
    assert replace(slow, most_sentences=None).read_of(range(10)) == range(10)


def test_voices_are_those_of_the_scorer() -> None:
    marked = parse("The [[rebels|rebels.author]] met [[gunmen|militants.quoted]].")
    right = as_prediction(marked, CODEBOOK)
    wrong = replace(right, mentions=tuple(replace(m, voice="author") for m in right.mentions))
    tallies = outlets.tallies_of(count([marked], [wrong], codebook=CODEBOOK))
    assert tallies.tolist() == [[2, 0, 0, 1, 2, 1]]
