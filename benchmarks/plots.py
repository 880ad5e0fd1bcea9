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


#: All plots, in the order in which they are shown.
PLOTS = (Plot("memory", "resident", "Memory of labelling a large file", _memory),)
