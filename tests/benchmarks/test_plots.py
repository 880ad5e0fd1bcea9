"""Plots of the report: drawn from the record, and known to be stale without being drawn."""

from pathlib import Path
from xml.etree import ElementTree

from benchmarks import report
from benchmarks.plots import PLOTS, plots_of


def memory_record(peak: int) -> dict[str, object]:
    samples = [{"seconds": s, "sentences": 100 * s, "resident": peak * s // 4 * 2**20} for s in range(5)]
    return {"results": {"onnx": samples, "stand-in": samples}}


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
