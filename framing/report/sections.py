"""The sections of the report, in their order, each from what is known to HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.compare.comparison import Comparison, figure_text
from framing.compare.estimands import ESTIMANDS, Cell, Estimand, Ratios
from framing.compare.intervals import estimate
from framing.report import charts, page
from framing.report.events import Event
from framing.report.evidence import Evidence
from framing.report.findings import Finding
from framing.report.instrument import Instrument
from framing.report.marks import legend_html, marked_html
from framing.report.robustness import Check, Shares

Array = npt.NDArray[Any]
Row = Mapping[str, Any]

_LIMITS = (
    "It counts words. A name is no opinion, and no proof of intent.",
    "It does not say which name is right, or what happened.",
    "It says nothing of outlets, times or documents that are not in this corpus. Unless it was drawn at random, "
    "it is no sample of all that an outlet wrote.",
    "The intervals are of documents drawn at random. What the choice of the corpus, of the codebook or of search words "
    "brings with it is not in them.",
    "Groups may write about other events. Only what stands under “The same event” compares like with like.",
    "A quoted word is not the outlet’s own, but whom an outlet quotes is its choice.",
    "Figures of sources and of hedging by party are of the model alone.",
)
_UNCORRECTED = (
    "No figure here is corrected for the model’s errors. They may differ between the groups, and then a difference may "
    "be the model’s."
)
#: Names of a contrast that have a smaller share in all groups together are in its table, and not drawn.
_RARE = 0.03
#: Sources, rows of their table, and hedged parties that are shown.
_MOST_SOURCES, _MOST_SOURCE_ROWS = 12, 60
_LEAST_OF_A_PARTY = 5
_NAMES_OF_A_SOURCE = 4
_COLUMNS = ("group", "estimand", "contrast", "label", "voice", "hedge", "source", "period")
_NUMBERS = (
    *("value", "low", "high", "inner_low", "inner_high"),
    *("numerator", "denominator", "documents", "n_effective", "band_low", "band_high"),
)
_FLAGS = ("small", "corrected")


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """A comparison, with the numbers by which the page's links name groups, labels, voices, hedges and sources."""

    comparison: Comparison
    sources: tuple[str, ...]

    @property
    def corpus(self) -> Corpus:
        """What was compared."""
        return self.comparison.corpus

    def rows(self, **wanted: Any) -> list[dict[str, Any]]:
        """Rows of the estimates."""
        return self.comparison.table(**wanted).to_pylist()

    def voices(self) -> list[str | None]:
        """The voices that are drawn: the outlet's own and cited ones; ``None`` where there are none."""
        return [*self.corpus.codebook.voices_of_role("own", "cited")] or [None]

    def link(self, row: Row) -> str:
        """Attributes of the link to a row's sentences."""
        book = self.corpus.codebook
        names = [group.name for group in self.comparison.groups]
        hedge = row["hedge"] if row["hedge"] is None else book.hedge_kinds.index(row["hedge"])
        return page.link_attributes(
            group=names.index(row["group"]),
            label=None if row["label"] is None else book.label_names.index(row["label"]),
            voice=None if row["voice"] is None else book.voices.index(row["voice"]),
            hedge="any" if row["estimand"] == "hedged_share" else hedge,
            source=self.sources.index(row["source"]) if row["source"] in self.sources else None,
        )

    def dot(self, row: Row, *, filled: bool) -> charts.Dot:
        """A row as a dot."""
        share = ESTIMANDS[row["estimand"]].unit == "share"
        shown = figure_text(row["value"], row["low"], row["high"], share=share)
        what = " ".join(str(row[key]) for key in ("label", "voice", "hedge", "source") if row[key])
        small = ", few documents" if row["small"] else ""
        n = f"{row['numerator']:,.0f}/{row['denominator']:,.0f}"
        told = f"{row['group']}: {what} {shown}, {n.replace('/', ' of ')}, {row['documents']} documents{small}"
        value, low, high, inner_low, inner_high = (
            row[name] for name in ("value", "low", "high", "inner_low", "inner_high")
        )
        return charts.Dot(value, low, high, inner_low, inner_high, filled, bool(row["small"]), n, told, self.link(row))

    def chart(
        self,
        rows: Sequence[Row],
        panel_by: str,
        *,
        name: str,
        title: str,
        caption: str,
        dot_by: str | None = None,
        listed: Sequence[Row] | None = None,
    ) -> str:
        """Rows as a chart: a panel for each value of a column, groups as its rows, a dot for each value of another.

        Its table and its file have the rows that are ``listed``; those that are drawn when ``None``.
        """
        listed = rows if listed is None else listed
        own = self.corpus.codebook.voices_of_role("own")
        panels = []
        for value in dict.fromkeys(row[panel_by] for row in rows):
            groups = []
            for group in (one.name for one in self.comparison.groups):
                mine = [row for row in rows if row[panel_by] == value and row["group"] == group]
                dots = [self.dot(r, filled=dot_by is None or r[dot_by] is None or r[dot_by] in own) for r in mine]
                if dots:
                    groups.append(charts.Row(group, tuple(dots)))
            panels.append(charts.Panel(value or "all", tuple(groups)))
        share = ESTIMANDS[rows[0]["estimand"]].unit == "share"
        return page.figure(
            charts.dot_chart(title, panels, share=share), caption, self.table(listed), name=name, rows=csv_rows(listed)
        )

    def table(self, rows: Sequence[Row]) -> str:
        """Rows as a table, every figure a link to its sentences."""
        keys = [key for key in ("label", "voice", "hedge", "source", "period") if any(row[key] for row in rows)]
        share = ESTIMANDS[rows[0]["estimand"]].unit == "share"
        bands = any(row["band_low"] is not None for row in rows)
        scale, sign = (100, "%") if share else (1, "")
        cells = []
        for row in rows:
            shown = [
                page.text(row["group"]),
                *(page.text(row[key] or "all") for key in keys),
                page.link(figure_text(row["value"], row["low"], row["high"], share=share), self.link(row)),
                f"{row['numerator']:,.0f} of {row['denominator']:,.0f}",
                f"{row['documents']:,}",
            ]
            if bands:
                low, high = row["band_low"], row["band_high"]
                shown.append("–" if low is None else f"{scale * low:.0f}–{scale * high:.0f}{sign}")
            cells.append((shown, bool(row["small"])))
        columns = ["group", *keys, "figure", "n", "documents", *["the model’s errors allow"] * bands]
        return page.table("", columns, cells, words=1 + len(keys))


def csv_rows(rows: Sequence[Row]) -> list[list[object]]:
    """Rows of the estimates for CSV, the names of columns first."""
    columns = [name for name in (*_COLUMNS, *_NUMBERS, *_FLAGS) if any(row[name] is not None for row in rows)]
    return [columns, *([row[name] for name in columns] for row in rows)]


# --- findings and figures ---------------------------------------------------------------------------------------------


def findings_section(figures: Figures, findings: Sequence[Finding], said: Sequence[str]) -> str:
    """The findings in sentences, and what must be known before them."""
    book = figures.corpus.codebook
    names = [group.name for group in figures.comparison.groups]
    items = []
    for finding in findings:
        links = " · ".join(
            page.link(
                f"the sentences of {side.group}",
                page.link_attributes(
                    group=names.index(side.group),
                    label=book.label_names.index(finding.label),
                    voice=None if finding.voice is None else book.voices.index(finding.voice),
                ),
            )
            for side in (finding.more, finding.less)
        )
        small = " At least one of the groups has few documents." if finding.small else ""
        fixed = "Corrected" if finding.corrected else "Not corrected"
        note = f"{fixed} for the model’s errors.{'' if finding.corrected else _allowed(figures, finding)}{small} "
        items.append(
            f"<li>{page.text(finding.sentence(book.voices_of_role('own')))} "
            f'<span class="note">{note}{links}</span></li>'
        )
    body = f'<ol class="findings">{"".join(items)}</ol>' if items else page.paragraph("No two groups can be compared.")
    return page.section("findings", "Findings", body, page.notes(said))


def _allowed(figures: Figures, finding: Finding) -> str:
    """What the checkpoint's own error rates allow the two shares to be: known in all voices together."""
    told = []
    for side in (finding.more, finding.less):
        cell = {"contrast": finding.contrast, "label": finding.label, "voice": None}
        (row,) = figures.rows(estimand="contrast_share", group=side.group, **cell) or (None,)
        if row is None or row["band_low"] is None:
            return ""
        told.append(f"{side.group} {100 * row['band_low']:.0f}–{100 * row['band_high']:.0f}%")
    return f" In all voices, the error rates of its own validation allow {told[0]} and {told[1]}."


def contrasts_section(figures: Figures) -> str:
    """A chart for each contrast."""
    book = figures.corpus.codebook
    made = []
    for name in figures.comparison.settings["contrasts"]:
        contrast = book.contrast(name)
        rows = [
            row
            for voice in figures.voices()
            for row in figures.rows(estimand="contrast_share", contrast=name, voice=voice)
        ]
        rows = [row for row in rows if row["value"] is not None]
        if not rows:
            continue
        rows.sort(key=lambda row: contrast.labels.index(row["label"]))
        referent = contrast.referent or name
        caption = (
            f"{referent[:1].upper()}{referent[1:]}: of all mentions by one of these names, the share of each, by voice."
        )
        rare = _rare(rows)
        if rare:
            names = ", ".join(sorted(rare, key=contrast.labels.index))
            caption += f" Under {_RARE:.0%}, and in the table alone: {names}."
        together = figures.rows(estimand="contrast_share", contrast=name, voice=None) if book.voices else []
        made.append(
            f"<h3>{page.text(name)}</h3>"
            + figures.chart(
                [row for row in rows if row["label"] not in rare],
                "label",
                name=name,
                title=f"Naming of {referent}",
                caption=caption,
                dot_by="voice",
                listed=[*rows, *together],
            )
        )
    told = (
        "Filled: the outlet’s own voice. Hollow: words of a cited source. Thick line: inner interval "
        f"({figures.comparison.settings['inner_level']:.0%}); thin line: outer one "
        f"({figures.comparison.settings['level']:.0%}). Grey: few documents. "
        "At the right: mentions by this name, of all."
    )
    boxes = "".join(f"<div>{one}</div>" for one in made)
    return (
        page.section("names", "Who names it how", page.paragraph(told, "note"), f'<div class="charts">{boxes}</div>')
        if made
        else ""
    )


def _rare(rows: Sequence[Row]) -> set[str]:
    """Labels that all groups together hardly use, in no voice; none where that would leave nothing to draw."""
    counts: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for row in rows:
        counts[row["label"]] += row["numerator"]
        totals[row["label"]] += row["denominator"]
    rare = {label for label in counts if counts[label] < _RARE * totals[label]}
    return set() if len(rare) == len(counts) else rare


def voices_section(figures: Figures) -> str:
    """In whose voice mentions are."""
    rows = [row for row in figures.rows(estimand="voice_share", label=None) if row["value"] is not None]
    if not rows:
        return ""
    chart = figures.chart(
        rows,
        "voice",
        name="voices",
        title="Mentions by voice",
        caption="Of all mentions of any frame, the share in each voice.",
        dot_by="voice",
    )
    return page.section("voices", "In whose voice", f'<div class="charts">{chart}</div>')


def events_section(figures: Figures, events: Sequence[Event], findings: Sequence[Finding], column: str | None) -> str:
    """The same event side by side, and the findings within events."""
    known = figures.comparison.events
    if known is None:
        said = (
            "No column names the events. Carry one along while labelling (--carry event), name it (--event), or have "
            "events found by date and words (--find-event)."
        )
        return page.section("events", "The same event", page.paragraph(said, "note"))
    if not events:
        return page.section("events", "The same event", page.paragraph("No event is told by two groups.", "note"))
    parts = [_within(figures, findings)]
    for event in events:
        days = event.since if event.since == event.until else f"{event.since} to {event.until}"
        parts.append(f'<h3>{page.text(event.name)} <span class="note">{page.text(days)}</span></h3>')
        sides = []
        for telling in event.tellings:
            copies = f", {telling.copies} of them copies" if telling.copies else ""
            documents = "1 document" if telling.documents == 1 else f"{telling.documents} documents"
            names = "".join(f"<li>{_named(figures, event, telling.group, *one)}</li>" for one in telling.names)
            sides.append(
                f'<div><h4 dir="auto">{page.text(telling.group)}</h4><p class="meta">{documents}{copies}</p>'
                f'<p class="text" dir="auto">{marked_html(telling.sentence, telling.marks)}</p>'
                f'<ul class="names">{names}</ul></div>'
            )
        parts.append(f'<div class="sides">{"".join(sides)}</div>')
    which = (
        f"Documents alike in headline and first sentences, within {figures.comparison.settings['event_days']} days."
        if known.found
        else f"Documents with the same value in “{column}”."
    )
    told = (
        f"{which} The first sentence of each group’s first document, and names in all of them. Copies are counted once."
    )
    return page.section("events", "The same event", page.paragraph(told, "note"), *parts)


def _within(figures: Figures, findings: Sequence[Finding]) -> str:
    """The differences of the findings within the events that both groups tell."""
    cells = []
    for number, finding in enumerate(findings, start=1):
        groups = (finding.more.group, finding.less.group)
        cell = {"contrast": finding.contrast, "label": finding.label, "voice": finding.voice}
        for row in figures.comparison.table("events", estimand="contrast_share", **cell).to_pylist():
            if {row["first"], row["second"]} != set(groups):
                continue
            turned = row["first"] != groups[0]
            low, high = (row["high"], row["low"]) if turned else (row["low"], row["high"])
            sign = -1 if turned else 1
            ends = [None if end is None else sign * end for end in (row["difference"], low, high)]
            said = "distinguishable" if row["distinguishable"] else "not distinguishable"
            shown = [
                page.text(f"{number}. {finding.label}: {groups[0]} − {groups[1]}"),
                figure_text(*ends, share=True),
                f"{100 * sign * row['overall']:.0f}%",
                f"{row['events']:,}",
                said,
            ]
            cells.append((shown, False))
    if not cells:
        return page.paragraph("The groups of the findings tell no event in common.", "note")
    caption = "The findings within events that both groups tell, by the model alone: topic is not mistaken for framing."
    columns = ["finding", "within events", "overall", "events", ""]
    made = page.table(caption, columns, cells)
    return f'<div class="scroll" tabindex="0" role="region" aria-label="within events">{made}</div>'


def _named(figures: Figures, event: Event, group: str, label: str, voice: str | None, count: int) -> str:
    """A name in an event: a link to the group's sentences with it in the event's days."""
    book = figures.corpus.codebook
    attributes = page.link_attributes(
        group=[one.name for one in figures.comparison.groups].index(group),
        label=book.label_names.index(label),
        voice=None if voice is None else book.voices.index(voice),
        since=event.since or None,
        until=event.until or None,
    )
    return page.link(f"{count} × {label}" + (f" · {voice}" if voice else ""), attributes)


def time_section(
    figures: Figures, timed: Comparison | None, periods: Sequence[str], findings: Sequence[Finding], why: str
) -> str:
    """The findings over time."""
    if timed is None:
        return page.section("time", "Over time", page.paragraph(why, "note"))
    book = figures.corpus.codebook
    names = [group.name for group in figures.comparison.groups]
    made = []
    for number, finding in enumerate(findings, start=1):
        rows = timed.table(
            estimand="contrast_share", contrast=finding.contrast, label=finding.label, voice=finding.voice
        ).to_pylist()
        rows = [row for row in rows if row["value"] is not None]
        by_place = {(row["group"], row["period"]): row for row in rows}
        label = book.label_names.index(finding.label)
        voice = None if finding.voice is None else book.voices.index(finding.voice)
        series = []
        for group in names:
            points: list[charts.Point | None] = []
            for period in periods:
                row = by_place.get((group, period))
                if row is None:
                    points.append(None)
                    continue
                shown = figure_text(row["value"], row["low"], row["high"], share=True)
                told = f"{group}, {period}: {shown}, {row['numerator']:,.0f} of {row['denominator']:,.0f}"
                attributes = page.link_attributes(group=names.index(group), label=label, voice=voice)
                points.append(charts.Point(row["value"], row["low"], row["high"], told, attributes))
            series.append(charts.Series(group, tuple(points)))
        if not rows:
            continue
        whose = "" if finding.voice is None else f", {finding.voice}"
        caption = (
            f"Share of “{finding.label}” among the names of {finding.referent}{whose}. A period without a mention is a "
            "gap."
        )
        svg = charts.time_chart(f"{finding.label} over time", periods, series)
        made.append(
            "<div>"
            + page.figure(svg, caption, figures.table(rows), name=f"time_{number}_{finding.label}", rows=csv_rows(rows))
            + "</div>"
        )
    if not made:
        return ""
    said = page.paragraph(why, "note") if why else ""
    return page.section("time", "Over time", said, f'<div class="charts">{"".join(made)}</div>')


def sources_section(figures: Figures) -> str:
    """Who is cited, and which names stand under them."""
    rows = [row for row in figures.rows(estimand="source_share") if row["numerator"] > 0]
    if not rows:
        return ""
    total: Counter[str] = Counter()
    for row in rows:
        total[row["source"]] += row["numerator"]
    order = [name for name, _ in sorted(total.items(), key=lambda one: (-one[1], one[0]))][:_MOST_SOURCES]
    names: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for row in figures.rows(estimand="source_contrast_share"):
        if row["numerator"] > 0:
            names.setdefault((row["source"], row["group"]), []).append((-row["numerator"], row["label"]))
    cells: list[tuple[list[str], bool]] = []
    for source in order:
        if len(cells) + len(figures.comparison.groups) > _MOST_SOURCE_ROWS and cells:
            break
        for row in rows:
            if row["source"] != source:
                continue
            under = sorted(set(names.get((source, row["group"]), [])))[:_NAMES_OF_A_SOURCE]
            said = ", ".join(f"{label} {-count:.0f}" for count, label in under) or "–"
            share = figure_text(row["value"], row["low"], row["high"], share=True)
            figure = page.link(share, figures.link(row))
            n = f"{row['numerator']:,.0f} of {row['denominator']:,.0f}"
            cells.append(
                (
                    [f"<bdi>{page.text(source)}</bdi>", page.text(row["group"]), page.text(said), figure, n],
                    bool(row["small"]),
                )
            )
    made = page.table(
        "Of all mentions that stand under a source, the share under each; and the names that stand there.",
        ["source", "group", "names under it", "share", "n"],
        cells,
        words=3,
    )
    told = (
        "Sources are words as they stand, in lower case; two names of one source are two, and pronouns stay. The file "
        "has more of them."
    )
    link = page.csv_link("sources", csv_rows(rows))
    return page.section(
        "sources",
        "Who is cited for what",
        page.paragraph(told, "note"),
        f'<div class="scroll" tabindex="0" role="region" aria-label="sources">{made}</div>'
        f'<p class="note download">{link}</p>',
    )


def hedging_section(figures: Figures) -> str:
    """How often sentences are hedged, how, and of whom."""
    hedged = [row for row in figures.rows(estimand="hedged_share") if row["value"] is not None]
    if not hedged:
        return ""
    parts = [
        figures.chart(
            [{**row, "panel": "hedged sentences"} for row in hedged],
            "panel",
            name="hedged",
            title="Hedged sentences",
            caption="Of all sentences, the share that is hedged.",
        )
    ]
    kinds = [row for row in figures.rows(estimand="hedge_kind_share") if row["value"] is not None]
    if kinds:
        parts.append(
            figures.chart(
                kinds,
                "hedge",
                name="hedges",
                title="Hedges by kind",
                caption="Of all hedging cues, the share of each kind.",
            )
        )
    boxes = "".join(f"<div>{part}</div>" for part in parts)
    return page.section("hedging", "Hedging", f'<div class="charts">{boxes}</div>', _hedging_by_party(figures))


def words_section(figures: Figures) -> str:
    """The words that are most typical of each group."""
    of_group: dict[str, list[str]] = {}
    for row in figures.comparison.table("words").to_pylist():
        of_group.setdefault(row["group"], []).append(f"{row['word']} ({row['count']:,})")
    if not of_group:
        return ""
    cells = [([page.text(group), page.text(", ".join(words))], False) for group, words in of_group.items()]
    caption = (
        "By log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008), against all other groups; "
        "in brackets how often the group has the word. They are words of topics and of style, and nothing is tested."
    )
    made = page.table(caption, ["group", "words"], cells, words=2)
    return page.section(
        "words", "Typical words", f'<div class="scroll" tabindex="0" role="region" aria-label="words">{made}</div>'
    )


def hedged_by_label(comparison: Comparison) -> list[dict[str, Any]]:
    """Of the sentences that name a party, the share that is hedged: a row for each group and label of an actor.

    ``label``, ``group``, ``value``, ``low``, ``high``, ``numerator``, ``denominator``, ``documents``.
    """
    from scipy.sparse import csr_array

    corpus = comparison.corpus
    book = corpus.codebook
    labels = [label.name for label in book.labels if label.axis == "actor"] or list(book.label_names)
    document = corpus.codes("sentences", "document")
    hedged = np.asarray(corpus.sentences.column("hedged")).astype(bool)
    place, code = corpus.codes("mentions", "sentence"), corpus.codes("mentions", "label")
    estimand = Estimand("hedged_of_label", "hedged share of a label's sentences", "", "")
    rows = []
    for label in labels:
        own = np.unique(place[code == book.label_names.index(label)])
        x = np.bincount(document[own], minlength=len(corpus)).astype(np.float64)
        y = np.bincount(document[own[hedged[own]]], minlength=len(corpus)).astype(np.float64)
        ratios = Ratios(estimand, (Cell(label=label),), csr_array(y[:, None]), x)
        found, sums = estimate(ratios, comparison.group_of_document, len(comparison.groups))
        low, high = found.interval(comparison.settings["level"])
        for number, group in enumerate(comparison.groups):
            rows.append(
                {
                    "label": label,
                    "group": group.name,
                    "value": float(found.value[number]),
                    "low": float(low[number]),
                    "high": float(high[number]),
                    "numerator": float(sums.y[number, 0]),
                    "denominator": float(sums.x[number, 0]),
                    "documents": int(sums.documents[number, 0]),
                }
            )
    return rows


def _hedging_by_party(figures: Figures) -> str:
    rows = [row for row in hedged_by_label(figures.comparison) if row["denominator"] >= _LEAST_OF_A_PARTY]
    if not rows:
        return ""
    book = figures.corpus.codebook
    names = [group.name for group in figures.comparison.groups]
    small = figures.comparison.settings["small"]
    cells = [
        (
            [
                page.text(row["label"]),
                page.text(row["group"]),
                page.link(
                    figure_text(row["value"], row["low"], row["high"], share=True),
                    page.link_attributes(
                        group=names.index(row["group"]), label=book.label_names.index(row["label"]), hedge="any"
                    ),
                ),
                f"{row['numerator']:,.0f} of {row['denominator']:,.0f}",
            ],
            row["documents"] < small,
        )
        for row in rows
    ]
    caption = f"Of the sentences that name a party so, the share that is hedged; from {_LEAST_OF_A_PARTY} sentences on."
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="hedging by party">'
        + page.table(caption, ["party", "group", "hedged", "n"], cells, words=2)
        + "</div>"
    )


# --- evidence ---------------------------------------------------------------------------------------------------------


def evidence_section(
    figures: Figures, evidence: Evidence, check: Sequence[Any], left_out: Sequence[int], command: str
) -> str:
    """The sampled sentences with their filters, and documents to check."""
    book = figures.corpus.codebook
    hedges = [("any", "hedged sentences")]
    fields = [
        ("g", "Group", page.options(evidence.groups)),
        ("l", "Frame", page.options(book.label_names)),
        ("v", "Voice", page.options(book.voices)),
        ("h", "Hedge", page.options(book.hedge_kinds, also=hedges)),
        ("c", "Source", page.options(evidence.sources)),
    ]
    controls = "".join(
        f'<div><label for="f-{key}">{name}</label><select id="f-{key}" autocomplete="off">{choices}</select></div>'
        for key, name, choices in fields
    )
    inputs = "".join(
        f'<div><label for="f-{key}">{name}</label><input id="f-{key}" type="{kind}" autocomplete="off"></div>'
        for key, name, kind in (("since", "From", "date"), ("until", "To", "date"), ("text", "Words", "search"))
    )
    form = (
        f'<div class="controls js" hidden role="search" aria-label="Filter the sentences">{controls}{inputs}'
        '<div><button type="button" id="reset">show all</button></div></div>'
        '<p id="shown" class="note js" hidden role="status" tabindex="-1"></p>'
    )
    if len(evidence.items) == evidence.total:
        told = f"All {evidence.total:,} sentences with a mark."
    else:
        told = (
            f"{len(evidence.items):,} of {evidence.total:,} sentences with a mark: of each cell (a group with a frame "
            f"and voice, a hedge, or a source) at most {evidence.each}, drawn at random with seed {evidence.seed}."
        )
    told += " A number anywhere on this page leads to its sentences here."
    items = "".join(_item(evidence, item) for item in evidence.items)
    return page.section(
        "evidence",
        "Evidence",
        page.paragraph(told),
        legend_html(book),
        form,
        f'<ol class="evidence">{items}</ol>',
        _check(figures, check, left_out, command),
    )


def _item(evidence: Evidence, item: Any) -> str:
    attributes = [f'data-g="{item.group}"']
    if item.frames:
        attributes.append('data-f="' + " ".join(f"{label}.{voice}" for label, voice in item.frames) + '"')
    if item.hedges:
        attributes.append(f'data-h="{" ".join(map(str, item.hedges))}"')
    if item.sources:
        attributes.append(f'data-c="{" ".join(map(str, item.sources))}"')
    if item.hedged:
        attributes.append('data-hedged="1"')
    if item.day:
        attributes.append(f'data-d="{page.text(item.day)}"')
    group = evidence.groups[item.group]
    outlet = item.outlet if item.outlet and item.outlet != group else ""
    about = [f"<bdi>{page.text(part)}</bdi>" for part in (group, outlet, item.day, item.document, item.kind) if part]
    return (
        f'<li class="s" {" ".join(attributes)}><p class="text" dir="auto">{marked_html(item.text, item.marks)}</p>'
        f'<p class="meta">{" · ".join(about)}</p></li>\n'
    )


def _check(figures: Figures, check: Sequence[Any], left_out: Sequence[int], command: str) -> str:
    if not check:
        return ""
    book = figures.corpus.codebook
    voices = [f".{voice}" for voice in book.voices] or [""]
    tags = [f"{label}{voice}" for label in book.label_names for voice in voices]
    tags += [output for output in book.outputs if output not in book.label_names]
    choices = "".join(f"<option>{page.text(tag)}</option>" for tag in tags)
    told = (
        f"{len(check)} documents, drawn at random from each group with seed, in random order. Say of each mark whether "
        "it is right, and add what is missing. Check them from the top of each group; you may stop after any. The file "
        "has those that are checked up to the first that is not, of each group."
    )
    long = f" {sum(left_out):,} documents are too long to be drawn." if sum(left_out) else ""
    return (
        f'<div class="js" hidden><h3>Is the model right? Check it here</h3><p>{page.text(told + long)}</p>'
        f'<select id="tags" hidden>{choices}</select><div id="check-list"></div>'
        '<p><span id="checked" role="status"></span> <a id="gold" hidden download="gold.tsv">Save gold.tsv</a></p>'
        f'<p class="note">Then: <code>{page.text(command)}</code></p></div>'
    )


# --- robustness and cards ---------------------------------------------------------------------------------------------


def robustness_section(checks: Sequence[Check], findings: Sequence[Finding]) -> str:
    """Do the findings hold if something is decided otherwise."""
    if not findings:
        return ""
    cells = []
    for check in checks:
        note = f'<span class="note">{page.text(check.note)}</span>' if check.note else ""
        row = [page.text(check.name) + note]
        for number in range(len(findings)):
            shares = check.shares[number] if number < len(check.shares) else None
            row.append(_shares(shares))
        cells.append((row, False))
    columns = ["decision", *(f"finding {number}" for number in range(1, len(findings) + 1))]
    caption = (
        "Of each finding the two shares and their numbers of mentions, by the model alone. ✗: the order is turned."
    )
    made = page.table(caption, columns, cells)
    return page.section(
        "robustness",
        "Does it hold?",
        f'<div class="scroll" tabindex="0" role="region" aria-label="robustness">{made}</div>',
    )


def _shares(shares: Shares | None) -> str:
    if shares is None:
        return "–"
    ends = ["–" if value is None else f"{100 * value:.0f}%" for value in (shares.more, shares.less)]
    sign = {True: "\u00a0✓", False: "\u00a0✗", None: ""}[shares.holds]
    return f"{ends[0]} of {shares.more_n:,.0f} vs {ends[1]} of {shares.less_n:,.0f}{sign}"


def corpus_section(figures: Figures, whole: Corpus, original: Array, set_aside: Sequence[str], read: str) -> str:
    """What was read, counted, dropped."""
    comparison = figures.comparison
    groups = comparison.table("groups").to_pylist()
    cells = [
        (
            [
                page.link(row["group"], page.link_attributes(group=number)),
                *(f"{row[name]:,}" for name in ("documents", "sentences", "mentions", "annotated")),
            ],
            bool(row["small"]),
        )
        for number, row in enumerate(groups)
    ]
    kinds = Counter(map(str, whole.sentences.column("kind").to_pylist()))
    outlet = whole.kinds_of_outlet
    counted = ", ".join(f"{n:,} {kind}" for kind, n in sorted(kinds.items()) if kind in outlet)
    dropped = ", ".join(f"{n:,} {kind}" for kind, n in sorted(kinds.items()) if kind not in outlet) or "none"
    days = [day for day in whole.documents.column("day").to_pylist() if day is not None]
    undated = len(whole) - len(days)
    copies = int((original != np.arange(len(original))).sum())
    pairs = [
        ("Read", page.text(read)),
        ("Documents", f"{len(whole):,} read, {len(comparison.corpus):,} compared"),
        ("Dates", f"{min(days)} to {max(days)}; {undated:,} without" if days else "none"),
        ("Sentences", page.text(counted)),
        ("Not counted", page.text(f"{dropped} (they are not the outlet’s words)")),
        ("Set aside", "<br>".join(map(page.text, set_aside)) or "nothing that is known of"),
        (
            "Copies",
            f"documents that nearly copy another: {copies:,}; they count in the figures, unless said otherwise",
        ),
    ]
    made = page.table("", ["group", "documents", "sentences", "mentions", "annotated"], cells)
    return page.section(
        "corpus",
        "What was read",
        page.listed(pairs),
        f'<div class="scroll" tabindex="0" role="region" aria-label="groups">{made}</div>',
    )


def instrument_section(figures: Figures, instrument: Instrument | None) -> str:
    """What measured, and how well it does."""
    book = figures.corpus.codebook
    pairs = [("Codebook", page.text(f"{book.name}, version {book.version}, fingerprint {book.fingerprint}"))]
    if instrument is None:
        said = "Not known: records do not say which checkpoint wrote them. Name it (--model) to have its scores here."
        return page.section("instrument", "What measured it", page.listed([("Model", page.text(said)), *pairs]))
    pairs.insert(0, ("Model", page.text(f"{instrument.name}, fingerprint {instrument.fingerprint}")))
    if instrument.sentences:
        pairs.append(
            (
                "Measured on",
                f"{instrument.sentences:,} sentences of its validation part; of this corpus only gold can tell",
            )
        )
    for name, (value, low, high) in instrument.overall.items():
        ends = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
        pairs.append((_measure(name), f"{value:.3f}{ends}"))
    pairs.append(("Confusions", "not in the checkpoint; framing evaluate tells them of marked sentences"))
    used = Counter(figures.corpus.mentions.column("label").to_pylist())
    cells = []
    for name in (*book.label_names, *(output for output in book.outputs if output not in book.label_names)):
        score = instrument.labels.get(name)
        if score is None or (name in book.label_names and not used[name]):
            continue
        ends = "" if score.low is None or score.high is None else f" [{score.low:.2f}, {score.high:.2f}]"
        threshold = instrument.thresholds.get(name)
        count = f"{used[name]:,}" if name in book.label_names else "–"
        cells.append(
            (
                [
                    page.text(name),
                    f"{score.f1:.2f}{ends}",
                    f"{score.support:,}",
                    "–" if threshold is None else f"{threshold:.2f}",
                    count,
                ],
                False,
            )
        )
    caption = (
        "Scores of what is used here. Where the checkpoint has no interval, it is made from F1 and the number of "
        "sentences that have the label, supposing as many missed as wrong."
    )
    made = page.table(caption, ["label", "F1 [95%]", "sentences", "threshold", "mentions here"], cells)
    return page.section(
        "instrument",
        "What measured it",
        page.listed(pairs),
        f'<div class="scroll" tabindex="0" role="region" aria-label="scores">{made}</div>',
    )


def _measure(name: str) -> str:
    """``frames_micro_f1`` as people write it."""
    known = {"f1": "F1", "ece": "calibration error (ECE)", "brier": "Brier score"}
    words = [known.get(word, word) for word in name.split("_")]
    return " ".join([words[0].capitalize(), *words[1:]])


def limits_section(figures: Figures) -> str:
    """What the page does not say."""
    corrected = any(row["corrected"] for row in figures.rows(estimand="contrast_share"))
    said = [*_LIMITS, *([] if corrected else [_UNCORRECTED])]
    items = "".join(f"<li>{page.text(one)}</li>" for one in said)
    return page.section("limits", "What it does not say", f"<ul>{items}</ul>")
