"""The sections of the report that show figures and sentences, each from what is known to HTML.

The cards at the end of the page are those of :mod:`framing.report.cards`.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.compare.comparison import Comparison, figure_text
from framing.compare.estimands import ESTIMANDS, Cell, Estimand, Ratios
from framing.compare.intervals import estimate
from framing.report import charts, page
from framing.report.events import Event
from framing.report.evidence import Evidence, Item
from framing.report.findings import Finding
from framing.report.marks import legend_html, marked_html

Array = npt.NDArray[Any]
Row = Mapping[str, Any]

_NO_CONTRAST = (
    "There is no finding: the codebook has no contrast, that is no names for the same thing of which a writer has to "
    "choose one. How often each name is used stands below."
)
_CORRECTED = "Shares are corrected for the model’s errors where they can be; counts are the model’s own."
#: Names of a contrast that have a smaller share in all groups together are in its table, and not drawn.
_RARE = 0.03
#: Sources, rows of their table, and hedged parties that are shown.
_MOST_SOURCES, _MOST_SOURCE_ROWS = 12, 60
_LEAST_OF_A_PARTY = 5
_NAMES_OF_A_SOURCE = 4
#: More groups than these have long charts, and over time those of the finding alone are drawn.
_MANY_GROUPS = 12
#: Code points of a source, and of an event's name, that are shown.
_MOST_OF_A_NAME = 100
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
        since, until = (None, None) if row["period"] is None else map(str, days_of(row["period"]))
        return page.link_attributes(
            group=names.index(row["group"]),
            label=None if row["label"] is None else book.label_names.index(row["label"]),
            voice=None if row["voice"] is None else book.voices.index(row["voice"]),
            hedge="any" if row["estimand"] == "hedged_share" else hedge,
            source=self.sources.index(row["source"]) if row["source"] in self.sources else None,
            since=since,
            until=until,
        )

    def dot(self, row: Row, *, filled: bool) -> charts.Dot:
        """A row as a dot."""
        share = ESTIMANDS[row["estimand"]].unit == "share"
        shown = figure_text(row["value"], row["low"], row["high"], share=share)
        what = " ".join(str(row[key]) for key in ("label", "voice", "hedge", "source") if row[key])
        small = ", few documents" if row["small"] else ""
        n = f"{row['numerator']:,.0f}/{row['denominator']:,.0f}"
        told = f"{row['group']}: {what} {shown}, {n.replace('/', ' of ')}, {row['documents']:,} documents{small}"
        value, low, high, inner_low, inner_high = (
            row[name] for name in ("value", "low", "high", "inner_low", "inner_high")
        )
        return charts.Dot(value, low, high, inner_low, inner_high, filled, bool(row["small"]), n, told, self.link(row))

    def chart(
        self,
        rows: Sequence[Row],
        panel_by: str,
        *,
        key: str,
        name: str,
        title: str,
        caption: str,
        dot_by: str | None = None,
        listed: Sequence[Row] | None = None,
    ) -> str:
        """Rows as a chart: a panel for each value of a column, groups as its rows, a dot for each value of another.

        Args:
            rows: that are drawn.
            panel_by: the column of the panels.
            key: of the chart on the page: letters and digits.
            name: of its files.
            title, caption: for people.
            dot_by: the column of the dots.
            listed: the rows of its table and its file; those that are drawn when ``None``.
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
            charts.dot_chart(key, title, panels, share=share),
            caption,
            self.table(listed, caption),
            name=name,
            title=title,
            rows=csv_rows(listed),
        )

    def table(self, rows: Sequence[Row], caption: str) -> str:
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
        figure = f"{'share' if share else 'rate'} [{self.level} interval]"
        if any(row["corrected"] for row in rows):
            caption += " " + _CORRECTED
        columns = ["group", *keys, figure, "count", "documents", *["the model’s errors allow"] * bands]
        return page.table(caption, columns, cells, words=1 + len(keys))

    @property
    def level(self) -> str:
        """The level of the outer intervals, as people write it."""
        return f"{100 * self.comparison.settings['level']:g}%"

    def whose(self, voice: str | None) -> str:
        """``, in the outlet's own words``, or in which voice; nothing where there are no voices."""
        if voice is None:
            return ""
        own = voice in self.corpus.codebook.voices_of_role("own")
        return ", in the outlet’s own words" if own else f", in the voice “{voice}”"

    def referent(self, contrast: str) -> str:
        """What the names of a contrast name; where the codebook does not say, the contrast's name."""
        return self.corpus.codebook.contrast(contrast).referent or f"“{contrast}”"

    def boxes(self, made: Sequence[str]) -> str:
        """Charts in columns; where there are many groups, a chart may go on in the next one."""
        long = " long" if len(self.comparison.groups) > _MANY_GROUPS else ""
        return f'<div class="charts{long}">' + "".join(f"<div>{one}</div>" for one in made) + "</div>"

    @property
    def language(self) -> str:
        """An attribute that says in which language sentences are, where it is not the page's."""
        language = self.corpus.codebook.language
        return "" if language == "en" else f' lang="{page.text(language)}"'

    @property
    def corrected(self) -> bool:
        """Whether figures are corrected by gold."""
        return any(self.comparison.estimates.column("corrected").to_pylist())


def days_of(period: str) -> tuple[date, date]:
    """First and last day of a period, as :meth:`framing.compare.columns.Corpus.periods` names it."""
    if "W" in period:
        year, week = map(int, period.split("-W"))
        return date.fromisocalendar(year, week, 1), date.fromisocalendar(year, week, 7)
    year, month, day = [*map(int, period.split("-")), 0, 0][:3]
    if day:
        return date(year, month, day), date(year, month, day)
    if month:
        return date(year, month, 1), date(year, month, monthrange(year, month)[1])
    return date(year, 1, 1), date(year, 12, 31)


def csv_rows(rows: Sequence[Row]) -> list[list[object]]:
    """Rows of the estimates for CSV, the names of columns first."""
    columns = [name for name in (*_COLUMNS, *_NUMBERS, *_FLAGS) if any(row[name] is not None for row in rows)]
    return [columns, *([row[name] for name in columns] for row in rows)]


# --- findings and figures ---------------------------------------------------------------------------------------------


def findings_section(
    figures: Figures,
    findings: Sequence[Finding],
    said: Sequence[str],
    words: Mapping[str, Sequence[tuple[str, int]]],
) -> str:
    """The findings in sentences, and what must be known before them.

    Args:
        figures: of the comparison.
        findings: in their order.
        said: notes of the comparison.
        words: label -> its most frequent words.
    """
    book = figures.corpus.codebook
    names = [group.name for group in figures.comparison.groups]
    items = []
    for finding in findings:
        links = " · ".join(
            page.link(
                f"Read the sentences of {side.group}",
                page.link_attributes(
                    group=names.index(side.group),
                    label=book.label_names.index(finding.label),
                    voice=None if finding.voice is None else book.voices.index(finding.voice),
                ),
            )
            for side in (finding.more, finding.less)
        )
        behind = [word for word, _ in words.get(finding.label, ())][:3]
        told = f"Behind “{finding.label}” stand here most often the words {_enumerated(behind)}. " if behind else ""
        told += f"{'Corrected' if finding.corrected else 'Not corrected'} for the model’s errors."
        told += "" if finding.corrected else _allowed(figures, finding)
        told += _few(figures, finding)
        items.append(
            f"<li>{page.text(finding.sentence(book.voices_of_role('own')))}"
            f'<p class="note">{page.text(told)} <span class="screen">{links}</span></p></li>'
        )
    if items:
        body = f'<ol class="findings">{"".join(items)}</ol>'
        how = (
            '<p class="note">A share is of all the mentions that could have had the name. '
            '<a href="#terms">What “mention”, “interval”, “q” and the names mean</a></p>'
        )
    elif not figures.comparison.settings["contrasts"]:
        body, how = page.paragraph(_NO_CONTRAST), ""
    else:
        body, how = page.paragraph("No two groups have mentions of the same thing that could be compared."), ""
    return page.section("findings", "Findings", body, how, page.notes(said))


def _enumerated(words: Sequence[str]) -> str:
    shown = [f"“{_cut(word)}”" for word in words]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


def _few(figures: Figures, finding: Finding) -> str:
    """Which groups of a finding have few documents."""
    few = {row["group"] for row in figures.comparison.table("groups").to_pylist() if row["small"]}
    named = [side.group for side in (finding.more, finding.less) if side.group in few]
    if not named:
        return ""
    have = "has" if len(named) == 1 else "have"
    return f" {' and '.join(named)} {have} fewer than {figures.comparison.settings['small']} documents."


def _allowed(figures: Figures, finding: Finding) -> str:
    """What the checkpoint's own error rates allow the two shares to be: known in all voices together."""
    told = []
    for side in (finding.more, finding.less):
        cell = {"contrast": finding.contrast, "label": finding.label, "voice": None}
        (row,) = figures.rows(estimand="contrast_share", group=side.group, **cell) or (None,)
        if row is None or row["band_low"] is None:
            return ""
        told.append(f"{side.group} {100 * row['band_low']:.0f}–{100 * row['band_high']:.0f}%")
    return (
        " If the model errs here as it did on its own validation sentences, the true shares in all voices together are "
        f"{told[0]} and {told[1]}; chance comes on top of that."
    )


def contrasts_section(figures: Figures) -> str:
    """A chart for each contrast."""
    book = figures.corpus.codebook
    made = []
    for number, name in enumerate(figures.comparison.settings["contrasts"]):
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
        referent = figures.referent(name)
        by_voice = " and voice" if book.voices else ""
        caption = f"Of all mentions of {referent}, the share that takes each name, by group{by_voice}."
        rare = _rare(rows)
        if rare:
            names = ", ".join(sorted(rare, key=contrast.labels.index))
            caption += f" Under {_RARE:.0%} in all groups together, and in the table alone: {names}."
        together = figures.rows(estimand="contrast_share", contrast=name, voice=None) if book.voices else []
        heading = page.text(f"{referent[:1].upper()}{referent[1:]}")
        made.append(
            f'<h3>{heading} <span class="note">{page.text(name)}</span></h3>'
            + figures.chart(
                [row for row in rows if row["label"] not in rare],
                "label",
                key=f"contrast{number}",
                name=name,
                title=f"names of {referent}",
                caption=caption,
                dot_by="voice",
                listed=[*rows, *together],
            )
        )
    if not made:
        return ""
    inner, outer = (f"{100 * figures.comparison.settings[key]:g}%" for key in ("inner_level", "level"))
    dots = "Filled dot: the outlet’s own words. Hollow dot: words of a cited source. " if book.voices else ""
    told = (
        f"{dots}Thick line: {inner} interval; thin line: {outer} interval. Grey: a group of fewer than "
        f"{figures.comparison.settings['small']} documents. At the right (n): mentions by this name / mentions by any "
        "of the names." + f" {_CORRECTED}" * figures.corrected
    )
    return page.section("names", "Who names it how", page.paragraph(told, "note"), figures.boxes(made))


def rates_section(figures: Figures) -> str:
    """How often the labels are used that have no rival."""
    book = figures.corpus.codebook
    rivals = {label for contrast in book.contrasts for label in contrast.labels}
    rows = [
        row
        for row in figures.rows(estimand="per_100_sentences")
        if row["label"] is not None and row["label"] not in rivals and row["value"] is not None
    ]
    used = {row["label"] for row in rows if row["numerator"] > 0}
    rows = [row for row in rows if row["label"] in used]
    if not rows:
        return ""
    rows.sort(key=lambda row: book.label_names.index(row["label"]))
    chart = figures.chart(
        rows,
        "label",
        key="rates",
        name="rates",
        title="mentions per 100 sentences",
        caption=f"Mentions in 100 sentences{', in all voices,' if book.voices else ''} of the names that have no rival "
        "in the codebook. At the right (n): mentions / sentences.",
    )
    return page.section("rates", "How often", figures.boxes([chart]))


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
        key="voices",
        name="voices",
        title="mentions by voice",
        caption="Of all mentions, whatever they name, the share in each voice. At the right (n): mentions in this "
        "voice / all mentions.",
        dot_by="voice",
    )
    return page.section(
        "voices",
        "In whose voice",
        '<p class="note">A word can be the outlet’s own, or the word of someone whom it cites. '
        '<a href="#terms">What each voice means</a></p>',
        figures.boxes([chart]),
    )


def events_section(figures: Figures, events: Sequence[Event], findings: Sequence[Finding], column: str | None) -> str:
    """The same event side by side, and the findings within events."""
    known = figures.comparison.events
    if known is None:
        said = (
            "Not compared: no column names the events. Carry one along while labelling (framing label --carry event), "
            "name it (framing report --event COLUMN), or have events found by date and words (--find-event)."
        )
        return page.section("events", "The same event", page.paragraph(said, "note"))
    if not events:
        return page.section("events", "The same event", page.paragraph("No event is told by two groups.", "note"))
    parts = [_within(figures, findings)]
    for event in events:
        days = event.since if event.since == event.until else f"{event.since} to {event.until}"
        heading = f'<bdi>{page.text(_cut(event.name))}</bdi> <span class="note">{page.text(days)}</span>'
        parts.append(f"<h3>{heading}</h3>")
        sides = []
        for telling in event.tellings:
            copies = f", {telling.copies} of them copies" if telling.copies else ""
            documents = "1 document" if telling.documents == 1 else f"{telling.documents} documents"
            names = "".join(f"<li>{_named(figures, event, telling.group, *one)}</li>" for one in telling.names)
            sides.append(
                f'<div><h4 dir="auto">{page.text(telling.group)}</h4><p class="meta">{documents}{copies}</p>'
                f'<p class="text" dir="auto"{figures.language}>{marked_html(telling.sentence, telling.marks)}</p>'
                f'<ul class="names">{names}</ul></div>'
            )
        parts.append(f'<div class="sides">{"".join(sides)}</div>')
    which = (
        f"Documents alike in headline and first sentences, within {figures.comparison.settings['event_days']} days."
        if known.found
        else f"Documents with the same value in “{column}”."
    )
    told = (
        f"{which} Shown are the {len(events)} events that most groups tell: of each group the first sentence of its "
        "first document, and below it the names that all its documents on the event use, with how often and in whose "
        "voice. A document that copies another is counted once."
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
                page.text(f"{number}. “{finding.label}”: {groups[0]} − {groups[1]}"),
                figure_text(*ends, share=True).replace("-", "−"),
                f"{100 * sign * row['overall']:.0f}%".replace("-", "−"),
                f"{row['events']:,}",
                said,
            ]
            cells.append((shown, False))
    uncorrected = (
        page.paragraph(
            "The figures within events are of the model alone: the annotated documents do not correct them, since a "
            "sample seldom has all documents of an event.",
            "warn",
        )
        if figures.corrected
        else ""
    )
    if not cells:
        return page.paragraph("The groups of the findings tell no event in common.", "note") + uncorrected
    caption = (
        "The findings once more, within the events that both groups tell, so that a difference of topics is not taken "
        "for one of naming. Each is the share of the first group less that of the second, by the model alone."
    )
    columns = [
        "finding",
        f"difference within events [{figures.level} interval]",
        "difference overall",
        "events",
        "verdict",
    ]
    return uncorrected + page.scroll("findings within events", page.table(caption, columns, cells))


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
        many = len(names) > _MANY_GROUPS
        for group in (finding.more.group, finding.less.group) if many else names:
            points: list[charts.Point | None] = []
            for period in periods:
                row = by_place.get((group, period))
                if row is None:
                    points.append(None)
                    continue
                shown = figure_text(row["value"], row["low"], row["high"], share=True)
                told = f"{group}, {period}: {shown}, {row['numerator']:,.0f} of {row['denominator']:,.0f}"
                since, until = map(str, days_of(period))
                attributes = page.link_attributes(
                    group=names.index(group), label=label, voice=voice, since=since, until=until
                )
                points.append(charts.Point(row["value"], row["low"], row["high"], told, attributes))
            series.append(charts.Series(group, tuple(points)))
        if not rows:
            continue
        referent = figures.referent(finding.contrast)
        caption = (
            f"Of all mentions of {referent}, the share of “{finding.label}”{figures.whose(finding.voice)}, by group "
            f"and period. Band: {figures.level} interval. A period without a mention is a gap."
            + " The other groups are in the table."
            * many
        )
        svg = charts.time_chart(f"time{number}", f"Share of “{finding.label}” over time", periods, series)
        made.append(
            f"<h3>Finding {number}: “{page.text(finding.label)}” over time</h3>"
            + page.figure(
                svg,
                caption,
                figures.table(rows, caption),
                name=f"time_{number}_{finding.label}",
                title=f"“{finding.label}” over time, finding {number}",
                rows=csv_rows(rows),
            )
        )
    if not made:
        return ""
    said = page.paragraph(why, "note") if why else ""
    return page.section("time", "Over time", said, figures.boxes(made))


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
                    [f"<bdi>{page.text(_cut(source))}</bdi>", page.text(row["group"]), page.text(said), figure, n],
                    bool(row["small"]),
                )
            )
    made = page.table(
        "Of all mentions of a group that stand in the words of a cited source, the share under each source; and the "
        "names that most often stand there, with how often.",
        ["source", "group", "names under it", f"share [{figures.level} interval]", "count"],
        cells,
        words=3,
    )
    told = (
        "Sources are the words that name who is cited, as they stand, in lower case: two names of one person are two "
        f"sources, and a pronoun is one. The table has the {len(order)} that are cited most."
    )
    link = page.csv_link("sources", csv_rows(rows), "all sources")
    return page.section(
        "sources",
        "Who is cited for what",
        page.paragraph(told, "note"),
        page.scroll("sources", made),
        f'<p class="note screen">Download all of them: {link}</p>',
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
            key="hedged",
            name="hedged",
            title="hedged sentences",
            caption="Of all sentences, the share that is hedged: that leaves open whether something is true, or keeps "
            "a distance from it.",
        )
    ]
    kinds = [row for row in figures.rows(estimand="hedge_kind_share") if row["value"] is not None]
    if kinds:
        parts.append(
            figures.chart(
                kinds,
                "hedge",
                key="hedges",
                name="hedges",
                title="hedges by kind",
                caption="Of all hedging words, the share of each kind. What the kinds mean stands near the end.",
            )
        )
    return page.section("hedging", "Hedging", figures.boxes(parts), _hedging_by_party(figures))


def words_section(figures: Figures) -> str:
    """The words that are most typical of each group."""
    of_group: dict[str, list[str]] = {}
    for row in figures.comparison.table("words").to_pylist():
        of_group.setdefault(row["group"], []).append(f"{row['word']} ({row['count']:,})")
    if not of_group:
        return ""
    cells = [([page.text(group), page.text(", ".join(words))], False) for group, words in of_group.items()]
    caption = (
        "Words that a group uses most beyond what all other groups do; in brackets how often it has them. They come of "
        "topics and of style as well as of naming, and nothing is tested. By log-odds with an informative Dirichlet "
        "prior (Monroe, Colaresi and Quinn 2008)."
    )
    made = page.table(caption, ["group", "words"], cells, words=2)
    return page.section("words", "Typical words", page.scroll("typical words", made))


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
    caption = (
        "Of the sentences of a group that have the name in any voice, the share that is hedged, by the model alone. "
        f"Names with fewer than {_LEAST_OF_A_PARTY} sentences in a group are left out."
    )
    columns = ["name", "group", f"hedged share [{figures.level} interval]", "count"]
    return page.scroll("hedging by party", page.table(caption, columns, cells, words=2))


# --- evidence ---------------------------------------------------------------------------------------------------------


def evidence_section(
    figures: Figures, evidence: Evidence, check: Sequence[Any], left_out: Sequence[int], command: str
) -> str:
    """The sampled sentences with their filters, and documents to check."""
    book = figures.corpus.codebook
    fields = [
        ("g", "Group", evidence.groups, ()),
        ("l", "Name", book.label_names, ()),
        ("v", "Voice", book.voices, ()),
        ("h", "Hedge", book.hedge_kinds, (("any", "hedged sentences"),)),
        ("c", "Source", [_cut(source) for source in evidence.sources], ()),
    ]
    controls = "".join(
        f'<div><label for="f-{key}">{name}</label><select id="f-{key}" autocomplete="off">'
        f"{page.options(names, also=also)}</select></div>"
        for key, name, names, also in fields
        if names
    )
    inputs = "".join(
        f'<div><label for="f-{key}">{name}</label><input id="f-{key}" type="{kind}" autocomplete="off"></div>'
        for key, name, kind in (("since", "From", "date"), ("until", "To", "date"), ("text", "Words", "search"))
    )
    form = (
        f'<div class="controls js" hidden role="search" aria-label="Filter the sentences">{controls}{inputs}'
        '<div><button type="button" id="reset">show all</button></div></div>'
        '<p id="shown" class="note shown js" hidden role="status" tabindex="-1"></p>'
    )
    if len(evidence.items) == evidence.total:
        told = f"All {evidence.total:,} sentences with a mark."
    else:
        told = (
            f"{len(evidence.items):,} of {evidence.total:,} sentences with a mark. Of each group at most "
            f"{evidence.each} sentences are here of every name in every voice, of every kind of hedge and of every "
            f"source, drawn at random (seed {evidence.seed})."
        )
    voiced = " and the voice" if book.voices else ""
    cited = ", and who is cited" if book.source_guide else ""
    told += f" Behind marked words stands what they are marked as: the name{voiced}{cited}."
    items = "".join(_item(evidence, item, figures.language) for item in evidence.items)
    return page.section(
        "evidence",
        "Evidence",
        page.paragraph(told),
        '<p class="screen">Every underlined figure on this page leads to its sentences here.</p>',
        legend_html(book),
        form,
        f'<ol class="evidence">{items}</ol>',
        _check(figures, check, left_out, command),
    )


def _item(evidence: Evidence, item: Item, language: str) -> str:
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
        f'<li class="s" {" ".join(attributes)}>'
        f'<p class="text" dir="auto"{language}>{marked_html(item.text, item.marks)}</p>'
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
        f"Here are {len(check)} documents, drawn at random from each group, in random order. Say of each mark whether "
        "it is right, and add what is missing. Begin at the top of each group; you may stop after any document. The "
        "file that you save has, of each group, the documents up to the first that is not checked."
    )
    long = f" Documents too long to be drawn: {sum(left_out):,}." if sum(left_out) else ""
    return (
        f'<div class="js" hidden><h3>Is the model right? Check it here</h3><p>{page.text(told + long)}</p>'
        f'<select id="tags" hidden>{choices}</select><div id="check-list"></div>'
        '<p><span id="checked" role="status"></span> <a id="gold" hidden download="gold.tsv">Save gold.tsv</a></p>'
        f'<p class="note">With the file, this command corrects the figures: <code>{page.text(command)}</code></p></div>'
    )


def _cut(name: str) -> str:
    return name if len(name) <= _MOST_OF_A_NAME else name[: _MOST_OF_A_NAME - 1] + "…"
