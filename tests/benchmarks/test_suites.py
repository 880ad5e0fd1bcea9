"""The declarations of suites: those in the folders, and what is said of mistakes in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.harness.protocol import SystemSpec
from benchmarks.suites import (
    EnginesSuite,
    LearningCurveSuite,
    QualitySuite,
    Suite,
    ThroughputSuite,
    TrainingSuite,
    choose,
    fill,
    flags_of,
)
from benchmarks.throughput.peers import PEERS
from framing.errors import SettingError, UnreadableFileError
from framing.evaluate.scoring import HEADLINES


def declared(form: type[Suite], folder: Path, **changes: Any) -> Path:
    """The declaration of a suite's folder with other values."""
    written = yaml.safe_load(form.file().read_text(encoding="utf-8"))
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({**written, **changes}), encoding="utf-8")
    return path


# --- Filling forms ------------------------------------------------------------------------------------------------


def test_forms_are_filled_and_checked() -> None:
    assert fill(SystemSpec, {"name": "x", "threads": 2}, "s") == SystemSpec("x", threads=2)
    assert fill(SystemSpec, {"name": "x", "threads": None}, "s") == SystemSpec("x")
    assert fill(tuple[float, ...], [1, 0.5], "s") == (1, 0.5)
    with pytest.raises(SettingError, match="the key 'thread' is unknown") as raised:
        fill(SystemSpec, {"name": "x", "thread": 2}, "s")
    assert "did you mean 'threads'?" in str(raised.value)
    for written, told in (
        ({}, "s: name missing"),
        ({"name": "x", "threads": "two"}, "s: threads is 'two'"),
        ({"name": "x", "threads": True}, "s: threads is True"),
        ({"name": "x", "batch": 0}, "s: system 'x': batch is 0"),
        (["x"], r"s is \['x'\]"),
    ):
        with pytest.raises(SettingError, match=told):
            fill(SystemSpec, written, "s")


def test_names_are_chosen_in_the_order_of_the_suite() -> None:
    assert choose("", ["a", "b"]) == ["a", "b"]
    assert choose(" c, a ", ["a", "b", "c"]) == ["a", "c"]
    with pytest.raises(SettingError, match="the system 'd' is unknown"):
        choose("d", ["a", "b"], "the system")


def test_settings_become_flags() -> None:
    assert flags_of({"train": ["x", "y"], "bf16": True}) == ["--train", "x", "y", "--bf16", "True"]


def test_files_that_are_missing_or_no_yaml_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"none\.yaml"):
        ThroughputSuite.load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"broken\.yaml"):
        ThroughputSuite.load(tmp_path / "broken.yaml")


# --- Throughput ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["suite.yaml", "shortcuts.yaml", "gpu.yaml", "smoke.yaml"])
def test_throughput_suites_are_valid(name: str) -> None:
    suite = ThroughputSuite.load(ThroughputSuite.file(name))
    assert suite.agreement is not None
    assert sum(spec.kind == "gemm" for spec in suite.systems) == 1
    devices = {spec.device for spec in suite.systems if spec.kind == "gemm"}
    assert devices == {"cuda" if name == "gpu.yaml" else "cpu"}


def test_the_cpu_suite_has_every_peer_at_the_same_threads() -> None:
    suite = ThroughputSuite.load()
    shortcuts = ThroughputSuite.load(ThroughputSuite.file("shortcuts.yaml"))
    assert {spec.kind for spec in shortcuts.systems} - {"framing", "gemm"} == {"pipeline", "torch-compile", "int8"}
    kinds = {spec.kind for spec in suite.systems}
    assert kinds == {"framing", "gemm", *PEERS} - {"torch-compile", "int8", "stand-in"}
    assert {spec.threads for spec in suite.systems if spec.name != "framing-onnx-1"} == {2}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"round": 3}, "the key 'round' is unknown"),
        ({"systems": [{"name": "a", "kind": "framing", "treads": 2}]}, "systems\\[0\\]: the key 'treads' is unknown"),
        ({"systems": [{"name": "a", "kind": "oracle"}]}, "the kind 'oracle' is unknown"),
        ({"systems": [{"name": "a"}, {"name": "a"}]}, "two systems are named 'a'"),
        ({"baselines": ["b"]}, "system 'b' is unknown"),
        ({"agreement": {"reference": "a", "sentence": 3}}, "agreement: the key 'sentence' is unknown"),
        ({"latency": {"systems": "a"}}, "systems is 'a'"),
        ({"scaling": {"system": "a", "corpora": [1]}}, "scaling: the key 'corpora' is unknown"),
        ({"rounds": "many"}, "rounds is 'many'"),
    ],
)
def test_mistakes_in_a_declaration_are_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    right = {"name": "s", "title": "S", "systems": [{"name": "a"}], "baselines": ["a"], "rounds": 1}
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(right), encoding="utf-8")
    assert ThroughputSuite.load(file).systems == (SystemSpec("a"),)
    file.write_text(yaml.safe_dump({**right, **change}), encoding="utf-8")
    with pytest.raises(SettingError, match=told):
        ThroughputSuite.load(file)


def test_only_what_is_asked_for_is_measured_beside_the_limit() -> None:
    suite = ThroughputSuite.load(ThroughputSuite.file("smoke.yaml"))
    assert [spec.name for spec in suite.select("tfidf")] == ["limit", "tfidf"]
    assert suite.select("") == suite.systems


# --- The others ---------------------------------------------------------------------------------------------------


def test_the_quality_suite_declares_every_headline_measure(tmp_path: Path) -> None:
    suite = QualitySuite.load()
    assert list(suite.metrics) == list(HEADLINES)
    assert list(suite.systems) == ["lexicon", "tfidf", "fast", "model", "accurate"]
    assert suite.reference == "model"
    with pytest.raises(SettingError, match="'oracle' is unknown"):
        QualitySuite.load(declared(QualitySuite, tmp_path, systems={"oracle": "Oracle"}))
    with pytest.raises(SettingError, match="'luck' is unknown"):
        QualitySuite.load(declared(QualitySuite, tmp_path, metrics={"luck": "Luck"}))
    with pytest.raises(SettingError, match="'coin' is unknown"):
        QualitySuite.load(declared(QualitySuite, tmp_path, reference="coin"))


def test_engines_are_chosen_with_the_reference_first(tmp_path: Path) -> None:
    suite = EnginesSuite.load()
    assert next(iter(suite.chosen("cpu"))) == suite.reference
    assert list(suite.chosen("cpu", "onnx-fp32")) == ["torch-fp32", "onnx-fp32"]
    assert list(suite.chosen("cuda")) == ["torch-fp32", "cuda-fp32", "cuda-bf16", "cuda-fp16"]
    with pytest.raises(SettingError, match="on cpu, the system 'cuda-bf16' is unknown"):
        suite.chosen("cpu", "cuda-bf16")
    with pytest.raises(SettingError, match="device 'tpu'"):
        suite.chosen("tpu")
    with pytest.raises(SettingError, match="the reference 'oracle'"):
        EnginesSuite.load(declared(EnginesSuite, tmp_path, reference="oracle"))


def test_small_parts_are_passed_more_often() -> None:
    suite = LearningCurveSuite.load()
    assert suite.steps(64, 32) == suite.least_steps
    assert suite.steps(3200, 32) == max(suite.least_steps, 100 * suite.epochs)


@pytest.mark.parametrize("wrong", [[], [0.5, 0.25], [0.5, 0.5], [0, 1], [0.5, 2]])
def test_shares_must_ascend(tmp_path: Path, wrong: list[float]) -> None:
    with pytest.raises(SettingError, match=r"suite\.yaml: the shares are"):
        LearningCurveSuite.load(declared(LearningCurveSuite, tmp_path, shares=wrong))


def test_training_needs_a_variant(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no variant"):
        TrainingSuite.load(declared(TrainingSuite, tmp_path, variants={}))
