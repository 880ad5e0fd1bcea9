"""``python -m benchmarks.known_groups --articles FILE``: do outlets part as the literature says?

The articles are labelled once; ``--labels`` keeps the records for the next run. The record of the benchmark holds
numbers, and no sentence of the articles.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import options
from benchmarks.known_groups.suite import Expectation, KnownGroupsSuite
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line, sha256_of
from framing.cli._errors import reporting_errors
from framing.compare.columns import Corpus, read_corpus
from framing.compare.comparison import Comparison, figure_text
from framing.compare.front import compare
from framing.compare.labelling import label_documents
from framing.errors import FramingWarning, InputError
from framing.labeler import load
from framing.model.checkpoint import locate

_BY = "outlet"


@reporting_errors()
def main(
    articles: Annotated[Path, typer.Option(help="Articles with their outlets: FA-KES as JSON Lines.")],
    checkpoint: options.CheckpointName = "shipped",
    labels: Annotated[
        Path | None, typer.Option(help="Records of the articles by an earlier run, or where to keep them (.parquet).")
    ] = None,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Compare the outlets and write the record."""
    suite = KnownGroupsSuite.load()
    with tempfile.TemporaryDirectory(prefix="framing-") as folder:
        records = labels or Path(folder) / "labels.parquet"
        if not records.is_file():
            typer.echo(f"labelling {articles.name} …", err=True)
            with load(checkpoint) as labeler:
                label_documents([articles], records, labeler)
        corpus = of_outlets(read_corpus(records), suite.outlets)
    found = compared(corpus, suite)
    inputs: dict[str, dict[str, Any]] = {
        "articles": {"file": articles.name, "sha256": sha256_of(articles), "documents": len(corpus)},
        "checkpoint": checkpoint_facts(locate(checkpoint)),
    }
    results = {
        "groups": found.table("groups").to_pylist(),
        "shares": _rows(found.table("estimates", estimand="contrast_share", contrast=suite.contrast)),
        "expectations": [met(found, one, suite) for one in suite.expectations],
    }
    record = Record(
        suite.name, suite.title, command_line("benchmarks.known_groups"), inputs, results, tables(found, suite, results)
    )
    record.save_and_tell(out)


def of_outlets(corpus: Corpus, outlets: tuple[str, ...]) -> Corpus:
    """The documents of some outlets.

    Raises:
        InputError: one of the outlets has none.
    """
    own = np.array([*corpus.values(_BY).to_pylist(), None], dtype=object)[:-1]
    missing = [outlet for outlet in outlets if outlet not in own]
    if missing:
        raise InputError(
            f"no article of {', '.join(missing)}", expected="articles of the outlets that the suite declares"
        )
    return corpus.keep_documents(np.isin(own.astype(str), outlets))


def compared(corpus: Corpus, suite: KnownGroupsSuite) -> Comparison:
    """All outlets with each other; q-values are over everything that is compared here."""
    contrasts = [suite.contrast, *(one.contrast for one in suite.expectations if one.contrast)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FramingWarning)  # of documents without an outlet: there are none left
        return compare(
            corpus,
            _BY,
            contrasts=list(dict.fromkeys(contrasts)),
            parts=("contrasts", "voices"),
            words=0,
            level=suite.level,
            false_discovery=suite.false_discovery,
        )


def met(found: Comparison, one: Expectation, suite: KnownGroupsSuite) -> dict[str, Any]:
    """What is expected beside what is found: shares, their difference (more minus less), its interval, and q.

    Figures are ``None`` where one of the outlets has nothing to count.
    """
    contrast = (one.contrast or suite.contrast) if one.estimand == "contrast_share" else None
    cell = {"estimand": one.estimand, "contrast": contrast, "label": one.label, "voice": one.voice}
    rows = found.table("estimates", **cell).to_pylist()
    figures = {row["group"]: {name: row[name] for name in ("value", "low", "high", "denominator")} for row in rows}
    known: dict[str, Any] = {
        **cell,
        "more": one.more,
        "less": one.less,
        "figures": [figures.get(outlet) for outlet in (one.more, one.less)],
        **dict.fromkeys(("difference", "low", "high", "q")),
        "verdict": "nothing to compare",
    }
    for row in found.table("differences", **cell).to_pylist():
        if {row["first"], row["second"]} != {one.more, one.less}:
            continue
        turned = row["first"] != one.more
        ends = (-row["high"], -row["low"]) if turned else (row["low"], row["high"])
        difference = -row["difference"] if turned else row["difference"]
        as_expected = "as expected" if difference > 0 else "the other way round"
        verdict = as_expected if row["distinguishable"] else "not distinguishable"
        known |= {"difference": difference, "low": ends[0], "high": ends[1], "q": row["q"], "verdict": verdict}
    return known


def tables(found: Comparison, suite: KnownGroupsSuite, results: dict[str, Any]) -> tuple[Table, ...]:
    """What the report shows."""
    level = f"{suite.level:.0%}"
    expected = tuple(
        (
            _said(one),
            one["more"],
            *(_figure(figure) for figure in one["figures"][:1]),
            one["less"],
            *(_figure(figure) for figure in one["figures"][1:]),
            "–" if one["difference"] is None else figure_text(one["difference"], one["low"], one["high"], share=True),
            "–" if one["q"] is None else f"{one['q']:.2g}",
            one["verdict"],
        )
        for one in results["expectations"]
    )
    count = sum(one["verdict"] == "as expected" for one in results["expectations"])
    note = (
        f"{count} of {len(expected)} as expected and distinguishable. Intervals of {level}, documents being the "
        f"clusters; q over all differences of {len(suite.outlets)} outlets in these contrasts and voices. By the model "
        "alone: not corrected for its errors."
    )
    first = Table(
        "What is known of the outlets",
        ("share", "more", "its share", "less", "its share", "difference", "q", "found"),
        expected,
        note,
    )
    contrast = found.corpus.codebook.contrast(suite.contrast)
    rows = []
    for outlet in suite.outlets:
        for voice in (None, *found.corpus.codebook.voices):
            own = [row for row in results["shares"] if row["group"] == outlet and row["voice"] == voice]
            if own:
                cells = {row["label"]: _figure(row) for row in own}
                shown = [cells.get(label, "–") for label in contrast.labels]
                rows.append((outlet, voice or "all", *shown, f"{own[0]['denominator']:,.0f}"))
    second = Table(
        f"Shares of the contrast {contrast.name} by outlet and voice",
        ("outlet", "voice", *contrast.labels, "mentions"),
        tuple(rows),
        f"In brackets intervals of {level}.",
    )
    return first, second


def _said(one: dict[str, Any]) -> str:
    if one["contrast"] is None:
        return f"{one['label']} in the voice {one['voice']}"
    return f"{one['label']} ({one['contrast']})" + (f", {one['voice']}" if one["voice"] else "")


def _figure(figure: dict[str, Any] | None) -> str:
    return "–" if figure is None else figure_text(figure["value"], figure["low"], figure["high"], share=True)


def _rows(table: Any) -> list[dict[str, Any]]:
    """Rows with the columns that a reader of the record needs."""
    names = ("label", "voice", "group", "value", "low", "high", "numerator", "denominator", "documents", "small")
    return [{name: row[name] for name in names} for row in table.to_pylist()]
