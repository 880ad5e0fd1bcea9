"""Plots of the report: drawn from the record, and known to be stale without being drawn."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.plots import PLOTS, plots_of


def memory_record(peak: int) -> dict[str, object]:
    samples = [{"seconds": s, "sentences": 100 * s, "resident": peak * s // 4 * 2**20} for s in range(5)]
    return {"results": {"onnx": samples, "stand-in": samples}}


@pytest.mark.slow
def test_a_plot_is_an_image_of_the_record(tmp_path: Path) -> None:
    (plot,) = plots_of("memory")
    path = plot.write(memory_record(200), tmp_path)
    assert path.name == "memory-resident.svg"
    image = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert image.tag == "{http://www.w3.org/2000/svg}svg"
    words = " ".join(image.itertext())
    assert "resident memory, MiB" in words
    assert "stand-in" in words
    assert "200" in words  # the axis reaches the peak


def estimate(value: float) -> dict[str, float]:
    return {"median": value, "low": value * 0.9, "high": value * 1.1}


@pytest.mark.slow
def test_plots_of_throughput_show_systems_of_the_same_weights_and_what_was_varied(tmp_path: Path) -> None:
    varied = [{"value": value, "tokens_per_second": estimate(1000 * value)} for value in (1, 2)]
    systems = [
        {"title": title, "kind": kind, "sentences_per_second": estimate(rate), "agreement": agreement}
        for title, kind, rate, agreement in (
            ("framing, onnx", "framing", 160, {"differing": 0}),
            ("a pipeline", "pipeline", 30, {"differing": 0}),
            ("a bag of words", "spacy", 9000, None),
        )
    ]
    scaling = {"threads": varied, "token_budgets": varied, "lengths": varied}
    record = {"results": {"systems": systems, "scaling": scaling}}
    images = {plot.name: plot.write(record, tmp_path).read_text(encoding="utf-8") for plot in plots_of("throughput")}
    assert "a pipeline" in images["systems"]
    assert "a bag of words" not in images["systems"]
    assert all("tokens/s" in images[name] for name in ("threads", "batches", "lengths"))


@pytest.mark.slow
def test_a_learning_curve_has_a_point_for_each_training(tmp_path: Path) -> None:
    names = ("frames_macro_f1", "frames_micro_f1", "span_overlap_f1", "mention_voice_f1")
    points = [
        {
            "training_sentences": count,
            "intervals": {name: {"value": 0.7, "low": 0.6, "high": 0.8} for name in names},
        }
        for count in (500, 8000)
    ]
    (plot,) = plots_of("learning_curve")
    image = plot.write({"results": {"points": points}}, tmp_path).read_text(encoding="utf-8")
    assert "training sentences" in image
    assert "mentions with their voice, F1" in image


@pytest.mark.slow
def test_a_plot_is_stale_when_its_record_changes(tmp_path: Path) -> None:
    (plot,) = plots_of("memory")
    assert plot.is_stale(memory_record(200), tmp_path)
    plot.write(memory_record(200), tmp_path)
    assert not plot.is_stale(memory_record(200), tmp_path)
    assert plot.is_stale(memory_record(300), tmp_path)


def test_the_plots_in_the_repository_show_the_records() -> None:
    assert not report.stale_plots(), "plots are stale; run: python -m benchmarks.report"


def test_every_plot_has_a_file_of_its_own() -> None:
    assert len({plot.path() for plot in PLOTS}) == len(PLOTS)
