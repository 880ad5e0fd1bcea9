"""What a comparison says: tables with one row a figure, and ways to show them.

``estimates`` has one row for each figure of each group:

==================  =======  ===========================================================================================
column              type     meaning
==================  =======  ===========================================================================================
estimand            string   a key of :data:`framing.compare.estimands.ESTIMANDS`
contrast, label     string   of the codebook; null where the figure is not of one
voice               string   of the mentions that are counted; null for all
hedge, source       string   kind of hedge; who is cited
group               string   the values of the columns that are compared by, joined by " / "
by_<column>         string   each of them
period              string   of ``over``, ISO 8601; null without
value               float64  the best estimate: corrected where gold allows it, else by the model alone
low, high           float64  its interval, at ``settings["level"]`` (0.95)
inner_low,          float64  the nested one, at ``settings["inner_level"]`` (0.5)
inner_high
numerator,          float64  what was counted by the model, and in what
denominator
documents           int64    that have a denominator: the clusters
n_effective         float64  effective sample size of the model's figure
small               bool     fewer documents than ``settings["small"]``: show it grey, with its n
corrected           bool     whether ``value`` is corrected for the model's errors
naive_value, …_low, float64  by the model alone
…_high
annotated           int64    documents with gold
weight              float64  lambda: how far the correction relies on the model, in [0, 1]
to_halve            float64  documents to annotate until the interval is half as wide; infinite where none suffice
band_low, band_high float64  what the named error rates allow the model's figure to be; null where not known
bootstrap_low,      float64  cluster bootstrap, at ``level``; of small groups, and of all where asked for. The interval
bootstrap_high               of a small group reaches to the wider of both ends
==================  =======  ===========================================================================================

Shares are in [0, 1]; rates are per 100. ``differences`` has ``estimand`` to ``source`` and ``period``, then

==================  =======  ===========================================================================================
first, second       string   the two groups
first_value, …      float64  their values
difference          float64  first minus second; ``low``, ``high`` at ``level``
ratio               float64  odds ratio of shares, ratio of rates: the effect size; null where one is 0 or 1
p, q                float64  two-sided; q over all rows of this table (Benjamini and Hochberg)
distinguishable     bool     q is at most ``settings["false_discovery"]`` (0.05)
verdict             string   "A more than B", or "not distinguishable"
small, corrected    bool     one of the groups is small; both are corrected
naive_difference,   float64  the same by the model alone
…_low, …_high,
naive_p, naive_q
==================  =======  ===========================================================================================

``power`` says how many documents of a group have to be annotated until an interval is half as wide, and is empty
without gold: ``estimand`` to ``period``, ``value``, ``low``, ``high``, ``documents`` of the group, ``annotated``,
``to_halve`` (float64; infinite where the documents themselves differ too much, so that more must be collected),
``more`` (``to_halve`` less ``annotated``).

``events`` is there where events were asked for (:mod:`framing.compare.events`): the columns of ``differences`` from
``estimand`` to ``second``, then ``events`` (int64: told by both, with something to count), ``difference``, ``low``,
``high``, ``p``, ``q`` (over all rows of this table), ``distinguishable``, ``verdict``, all within events and by the
model alone, and ``overall``, the difference of the groups whatever they write about.

``words`` has ``group``, ``period``, ``word``, ``count``, ``documents``, ``log_odds``, ``z``; ``groups`` has ``group``,
``by_<column>``, ``period``, ``documents``, ``sentences``, ``mentions``, ``annotated``, ``small``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from framing.compare.columns import Corpus
from framing.compare.estimands import ESTIMANDS
from framing.compare.events import Events
from framing.compare.groups import Group
from framing.errors import MissingExtraError, SettingError, did_you_mean
from framing.files import write_whole

if TYPE_CHECKING:
    import pandas

Array = npt.NDArray[Any]

_SHOWN_ROWS = 30
_LATEX = str.maketrans(
    {c: "\\" + c for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Groups of documents compared.

    Attributes:
        tables: ``estimates``, ``differences``, ``words``, ``groups``, ``power``, ``events``: Arrow tables, as the
            module's text says.
        groups: in the order of the numbers of ``group_of_document``.
        group_of_document: int64 [documents of the corpus]; -1 for documents of none.
        corpus: what was compared, after the filters: for looking up the sentences behind a figure.
        settings: what was asked for, JSON-ready.
        notes: what a reader has to know, a sentence each: what was left out, what is not corrected.
        events: of the documents of the corpus, where they were asked for.
    """

    tables: Mapping[str, pa.Table] = field(repr=False)
    groups: tuple[Group, ...]
    group_of_document: Array = field(repr=False)
    corpus: Corpus = field(repr=False)
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    events: Events | None = field(default=None, repr=False)

    @property
    def estimates(self) -> pa.Table:
        """One row a figure."""
        return self.tables["estimates"]

    @property
    def differences(self) -> pa.Table:
        """One row a pair of groups and a figure."""
        return self.tables["differences"]

    def table(self, name: str = "estimates", **wanted: Any) -> pa.Table:
        """A table, or those of its rows that have certain values.

        Args:
            name: of the table.
            wanted: column -> value; ``None`` for rows where the column is empty.

        Raises:
            SettingError: there is no such table or column.
        """
        found = self.tables[_known(name, self.tables, "table")]
        for column, value in wanted.items():
            values = found.column(_known(column, found.column_names, "column"))
            found = found.filter(pc.is_null(values) if value is None else pc.fill_null(pc.equal(values, value), False))
        return found

    def mentions_of(self, group: int, *, label: str | None = None, voice: str | None = None) -> Array:
        """Rows of ``corpus.mentions`` that a figure counts: int64, for evidence.

        Args:
            group: its number.
            label, voice: of the mentions; ``None`` for all.
        """
        corpus, book = self.corpus, self.corpus.codebook
        wanted = self.group_of_document[corpus.document_of_mention] == group
        if label is not None:
            wanted &= corpus.codes("mentions", "label") == book.label_names.index(label)
        if voice is not None:
            wanted &= corpus.codes("mentions", "voice") == book.voices.index(voice)
        return np.flatnonzero(wanted)

    # --- ways to show it ----------------------------------------------------------------------------------------------

    def to_frame(self, table: str = "estimates", **wanted: Any) -> pandas.DataFrame:
        """A table as a data frame. Needs pandas. Arguments as of :meth:`table`."""
        try:
            import pandas  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("data frames need pandas", hint="pip install 'framing[pandas]'") from error
        return self.table(table, **wanted).to_pandas()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the corpus, JSON-ready; ``nan`` and infinity become ``None``."""
        rows = {name: [_json_ready(row) for row in table.to_pylist()] for name, table in self.tables.items()}
        definitions = {
            name: {"title": e.title, "definition": e.definition, "formula": e.formula, "unit": e.unit}
            for name, e in ESTIMANDS.items()
        }
        return {"settings": dict(self.settings), "notes": list(self.notes), "estimands": definitions, **rows}

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """:meth:`to_dict` as JSON; also written to a file where one is named."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        return _written(text, path)

    def to_csv(self, path: str | os.PathLike[str] | None = None, *, table: str = "estimates", **wanted: Any) -> str:
        """A table as CSV, all columns; also written to a file where one is named."""
        import pyarrow.csv

        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(self.table(table, **wanted), sink)
        return _written(sink.getvalue().to_pybytes().decode("utf-8"), path)

    def to_markdown(
        self, path: str | os.PathLike[str] | None = None, *, table: str = "estimates", **wanted: Any
    ) -> str:
        """A table for people, in Markdown."""
        columns, rows = self._shown(table, wanted)
        lines = [columns, ["---"] * len(columns), *rows]
        text = "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
        return _written(text, path)

    def to_latex(self, path: str | os.PathLike[str] | None = None, *, table: str = "estimates", **wanted: Any) -> str:
        """A table for people, as a LaTeX ``tabular``."""
        columns, rows = self._shown(table, wanted)
        lines = [" & ".join(cell.translate(_LATEX) for cell in line) + r" \\" for line in (columns, *rows)]
        body = "\n".join([lines[0], r"\hline", *lines[1:]])
        return _written(f"\\begin{{tabular}}{{{'l' * len(columns)}}}\n{body}\n\\end{{tabular}}\n", path)

    def _repr_html_(self) -> str:
        columns, rows = self._shown("estimates", {"voice": None} if self.estimates.num_rows > _SHOWN_ROWS else {})
        cells = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[:_SHOWN_ROWS]
        )
        head = "".join(f"<th>{escape(column)}</th>" for column in columns)
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        more = f"<p>{len(rows) - _SHOWN_ROWS:,} more rows</p>" if len(rows) > _SHOWN_ROWS else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>{more}<ul>{notes}</ul>"

    def _shown(self, name: str, wanted: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
        """Columns and cells for people: a figure with its interval in one cell, empty columns left out."""
        rows = self.table(name, **wanted).to_pylist()
        if name not in ("estimates", "differences", "events"):
            columns = list(rows[0]) if rows else self.table(name).column_names
            return columns, [[_cell(row[column]) for column in columns] for row in rows]
        keys = [k for k in ("contrast", "label", "voice", "hedge", "source", "period") if any(r[k] for r in rows)]
        who = ["group"] if name == "estimates" else ["first", "second"]
        rest = {
            "estimates": ["value", "n", "documents", ""],
            "differences": ["difference", "ratio", "q", ""],
            "events": ["difference", "events", "q", ""],
        }[name]
        cells = []
        for row in rows:
            share = ESTIMANDS[row["estimand"]].unit == "share"
            figure = row["value" if name == "estimates" else "difference"]
            shown = figure_text(figure, row["low"], row["high"], share=share)
            if name == "estimates":
                said = [shown, _cell(row["denominator"]), str(row["documents"]), _remarks(row)]
            else:
                said = [shown, _cell(row[rest[1]]), _cell(row["q"]), row["verdict"]]
            cells.append([row["estimand"], *(_cell(row[key]) for key in (*keys, *who)), *said])
        return ["estimand", *keys, *who, *rest], cells

    def plot(self, estimand: str = "contrast_share", **wanted: Any) -> Any:
        """Dots with two nested intervals, groups as rows, n beside; an altair chart.

        Args:
            estimand: which figure.
            wanted: further columns and their values, such as ``contrast="armed_opponent", voice="author"``; of those
                that are not named, the figures that stand for all.

        Raises:
            MissingExtraError: altair is not installed.
            SettingError: nothing has these values.
        """
        try:
            import altair
        except ImportError as error:
            raise MissingExtraError("plots need altair", hint="pip install altair") from error
        from framing.compare.charts import dots

        if "voice" not in wanted and estimand == "contrast_share":
            wanted["voice"] = None
        rows = self.table(estimand=estimand, **wanted).to_pylist()
        if not rows:
            raise SettingError(
                f"no figure is of {estimand!r} with {wanted}", expected="values that the table of estimates has"
            )
        return dots(altair, rows)


def figure_text(value: float | None, low: float | None, high: float | None, *, share: bool) -> str:
    """A figure with its interval: ``41% [35, 47]``, or ``3.2 [2.8, 3.7]`` of a rate."""
    scale, sign, digits = (100, "%", 0) if share else (1, "", 1)
    if share and value is not None and low is not None and high is not None and (high - low) < 0.05:
        digits = 1
    ends = ["–" if end is None or not np.isfinite(end) else f"{end * scale:.{digits}f}" for end in (value, low, high)]
    return f"{ends[0]}{sign} [{ends[1]}, {ends[2]}]"


def _remarks(row: Mapping[str, Any]) -> str:
    said = ["corrected" if row["corrected"] else "not corrected"]
    return ", ".join(["small", *said] if row["small"] else said)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–" if isinstance(value, float) else ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value == round(value) and abs(value) >= 2 else f"{value:.3g}"
    return str(value)


def _json_ready(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        write_whole(os.fspath(path), text)
    return text


def _known(name: str, known: Any, what: str) -> str:
    if name not in known:
        raise SettingError(f"there is no {what} {name!r}", expected=", ".join(known), hint=did_you_mean(name, known))
    return name
