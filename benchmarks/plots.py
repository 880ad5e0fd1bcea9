"""The plots of RESULTS.md: drawn from the records' results with Altair, written as SVG by vl-convert.

Each file carries the hash of the record that it shows, so that checking whether it is stale draws nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framing.errors import MissingExtraError
from framing.files import write_whole

if TYPE_CHECKING:
    import altair

#: Where plots lie.
PLOTS_FOLDER = Path(__file__).parent / "plots"
_WIDTH, _HEIGHT = 560, 260


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a suite.

    Attributes:
        suite: whose record it shows.
        name: of the file, after the suite's.
        title: for people, and for those who cannot see it.
        draw: makes the chart from the record's ``results``.
    """

    suite: str
    name: str
    title: str
    draw: Callable[[Mapping[str, Any]], altair.TopLevelMixin]

    def path(self, folder: Path = PLOTS_FOLDER) -> Path:
        """The file."""
        return folder / f"{self.suite}-{self.name}.svg"

    def is_stale(self, record: Mapping[str, Any], folder: Path = PLOTS_FOLDER) -> bool:
        """Whether the file is missing, or shows another record."""
        path = self.path(folder)
        return not path.is_file() or not path.read_text(encoding="utf-8").endswith(_mark(record))

    def write(self, record: Mapping[str, Any], folder: Path = PLOTS_FOLDER) -> Path:
        """Draw the record into the file.

        Raises:
            MissingExtraError: Altair or vl-convert is not installed.
        """
        try:
            import altair  # noqa: F401
            import vl_convert
        except ImportError as error:
            raise MissingExtraError(
                "plots need altair and vl-convert", hint="pip install 'framing[benchmark]'"
            ) from error
        chart = self.draw(record["results"])
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.path(folder), vl_convert.vegalite_to_svg(chart.to_dict()) + _mark(record))
        return self.path(folder)


def plots_of(suite: str) -> tuple[Plot, ...]:
    """The plots that show a suite's record."""
    return tuple(plot for plot in PLOTS if plot.suite == suite)


def _mark(record: Mapping[str, Any]) -> str:
    content = json.dumps(record["results"], sort_keys=True).encode("utf-8")
    return f"\n<!-- results {hashlib.sha256(content).hexdigest()} -->\n"


def _memory(results: Mapping[str, Any]) -> altair.TopLevelMixin:
    """Resident memory over the sentences done, a line for each run."""
    import altair as alt

    rows = [
        {"engine": engine, "sentences": s["sentences"], "MiB": s["resident"] / 2**20}
        for engine, samples in results.items()
        for s in samples
    ]
    return (
        alt.Chart(alt.Data(values=rows), width=_WIDTH, height=_HEIGHT)
        .mark_line()
        .encode(
            x=alt.X("sentences:Q", title="sentences labelled and written"),
            y=alt.Y("MiB:Q", title="resident memory, MiB", scale=alt.Scale(zero=True)),
            color=alt.Color("engine:N", title="engine"),
        )
    )


def _systems(results: Mapping[str, Any]) -> altair.TopLevelMixin:
    """Sentences a second of each system, a bar with its interval."""
    import altair as alt

    rows = [
        {
            "system": system["title"],
            "kind": "framing" if system["kind"] == "framing" else "others",
            **system["sentences_per_second"],
        }
        for system in results["systems"]
        if system["agreement"]  # of those with the same weights: the others do less
    ]
    base = alt.Chart(alt.Data(values=rows), width=_WIDTH, height=alt.Step(24)).encode(
        y=alt.Y("system:N", sort=alt.SortField("median", "descending"), title=None, axis=alt.Axis(labelLimit=320))
    )
    bars = base.mark_bar().encode(
        x=alt.X("median:Q", title="sentences/s"), color=alt.Color("kind:N", title=None, sort=["framing", "others"])
    )
    return bars + base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")


def _scaling(key: str, title: str) -> Callable[[Mapping[str, Any]], altair.TopLevelMixin]:
    """Draws tokens a second over what was varied."""

    def draw(results: Mapping[str, Any]) -> altair.TopLevelMixin:
        import altair as alt

        rows = [{"value": str(row["value"]), **row["tokens_per_second"]} for row in results["scaling"][key]]
        base = alt.Chart(alt.Data(values=rows), width=_WIDTH, height=_HEIGHT).encode(
            x=alt.X("value:O", title=title, sort=[row["value"] for row in rows], axis=alt.Axis(labelAngle=0))
        )
        line = base.mark_line(point=True).encode(y=alt.Y("median:Q", title="tokens/s", scale=alt.Scale(zero=True)))
        return line + base.mark_rule().encode(y="low:Q", y2="high:Q")

    return draw


def _learning_curve(results: Mapping[str, Any]) -> altair.TopLevelMixin:
    """F1 on the gold over the number of training sentences, with intervals."""
    import altair as alt

    shown = {
        "frames_macro_f1": "frames, macro F1",
        "frames_micro_f1": "frames, micro F1",
        "span_overlap_f1": "spans by overlap, F1",
        "mention_voice_f1": "mentions with their voice, F1",
    }
    rows = [
        {"sentences": point["training_sentences"], "measure": title, **point["intervals"][name]}
        for point in results["points"]
        for name, title in shown.items()
    ]
    base = alt.Chart(alt.Data(values=rows), width=_WIDTH, height=_HEIGHT).encode(
        x=alt.X("sentences:Q", title="training sentences", scale=alt.Scale(type="log")),
        color=alt.Color("measure:N", title=None, sort=list(shown.values())),
    )
    line = base.mark_line(point=True).encode(y=alt.Y("value:Q", title="on the gold", scale=alt.Scale(zero=False)))
    return line + base.mark_rule(opacity=0.4).encode(y="low:Q", y2="high:Q")


#: All plots, in the order in which they are shown.
PLOTS = (
    Plot("learning_curve", "gold", "Quality on the gold by the number of seeds", _learning_curve),
    Plot("memory", "resident", "Memory of labelling a large file", _memory),
    Plot("throughput", "systems", "Sentences a second, same weights, same outputs", _systems),
    Plot("throughput", "threads", "Threads", _scaling("threads", "threads")),
    Plot("throughput", "batches", "Batch size", _scaling("token_budgets", "tokens in a batch")),
    Plot("throughput", "lengths", "Sentence length", _scaling("lengths", "tokens of a sentence")),
)
