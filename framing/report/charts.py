"""Charts as SVG: dots with two nested intervals, and lines with bands over time.

They are drawn by hand because of what the page needs of them: colours that follow light and dark, a way into the page
from every dot, no style attribute (the page's policy forbids them), and a few kilobytes each. A colour is a variable
of the page's style with the colour for a file that stands alone.

A chart is several drawings one under the other, none higher than a sheet of paper, so that print can part them. For
those who cannot see it, a drawing is one image with a name and a sentence; the table under the chart has every figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from framing.reading.encodings import visible

#: Safe for the colour-blind (Okabe and Ito 2008).
_MARK, _GREY = "var(--mark,#0072b2)", "var(--grey,#767676)"
_INK, _GRID, _PAPER = "var(--ink,#1b1b1b)", "var(--grid,#d8d8d8)", "var(--paper,#ffffff)"
_WIDTH, _LEFT, _RIGHT = 440, 140, 356
_ROW, _SUBROW, _HEAD, _LINE = 16, 11, 30, 13
#: Code points of a name that fit beside the dots, and across the chart.
_NAME, _LONG_NAME = 20, 62
#: How high the rows of one drawing are at most, and how many lines over time it has.
_MOST_HEIGHT, _MOST_LINES = 700, 6


@dataclass(frozen=True, slots=True)
class Dot:
    """A figure with its intervals.

    Attributes:
        value, low, high, inner_low, inner_high: in the unit of the axis; ``None`` for an end that is not known.
        filled: the outlet's own voice; hollow otherwise.
        small: drawn grey.
        n: shown at the right.
        told: the figure in words, for whoever points at it.
        link: attributes that lead to its sentences, made by :mod:`framing.report.page`.
    """

    value: float
    low: float | None
    high: float | None
    inner_low: float | None
    inner_high: float | None
    filled: bool
    small: bool
    n: str
    told: str
    link: str


@dataclass(frozen=True, slots=True)
class Row:
    """A group with one dot or several."""

    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows under a heading."""

    name: str
    rows: tuple[Row, ...]


def dot_chart(key: str, title: str, panels: Sequence[Panel], *, share: bool) -> str:
    """Panels one under the other, groups as rows, n at the right. Names that are long stand above their dots.

    Args:
        key: of the chart on its page: letters and digits.
        title: of the image, before the panel's name.
        panels: with the figures.
        share: values are in [0, 1] and shown in per cent; else rates.
    """
    most = 1.0 if share else _top([dot for panel in panels for row in panel.rows for dot in row.dots])
    above = any(len(row.name) > _NAME for panel in panels for row in panel.rows)
    axis = _Axis(most, share, 12 if above else _LEFT)
    drawn: list[str] = []
    for panel in panels:
        told = _told([(dot.value, row.name, dot.filled) for row in panel.rows for dot in row.dots], axis)
        whole = sum(_height(row, above=above) for row in panel.rows)
        each = math.ceil(len(panel.rows) / math.ceil(whole / _MOST_HEIGHT))
        for start in range(0, len(panel.rows), each):
            rows = panel.rows[start : start + each]
            name = panel.name + (", continued" if start else "")
            parts, height = _panel(name, rows, axis, above=above)
            drawn.append(_svg(f"{key}-{len(drawn)}", f"{title}: {name}", told, height, parts))
    return "".join(drawn)


def _panel(name: str, rows: Sequence[Row], axis: _Axis, *, above: bool) -> tuple[list[str], float]:
    y: float = _HEAD
    drawn: list[str] = []
    for row in rows:
        drawn.append(_text(4, y + 11, _cut(row.name, _LONG_NAME if above else _NAME), size=11, title=row.name))
        first = y + (_LINE if above else 0) + 8
        drawn += [_dot(dot, axis, first + place * _SUBROW) for place, dot in enumerate(row.dots)]
        y += _height(row, above=above)
    head = [_text(4, 12, _cut(name, _LONG_NAME), size=12, weight="bold", title=name), axis.labels(_HEAD - 5)]
    return [*head, axis.grid(_HEAD, y), *drawn], y + 4


def _height(row: Row, *, above: bool) -> float:
    return (_LINE if above else 0) + _ROW + (max(len(row.dots), 1) - 1) * _SUBROW


def _told(figures: Sequence[tuple[float, str, bool]], axis: _Axis) -> str:
    """The least and the greatest of the figures, those of the outlet's own voice where there are any, as a sentence."""
    shown = [figure for figure in figures if figure[2]] or figures
    whose = "Filled dots" if any(not figure[2] for figure in figures) and len(shown) < len(figures) else "Dots"
    ends = [pick(shown, key=lambda figure: figure[0]) for pick in (min, max)]
    (low, least, _), (high, greatest, _) = ends
    return f"{whose} lie from {axis.said(low)} ({least}) to {axis.said(high)} ({greatest})."


@dataclass(frozen=True, slots=True)
class Point:
    """A group in a period; ``None`` for what is not known."""

    value: float
    low: float | None
    high: float | None
    told: str
    link: str


@dataclass(frozen=True, slots=True)
class Series:
    """A group over time: for each period a point, or ``None`` where it has none."""

    name: str
    points: tuple[Point | None, ...]


_TIME_HEIGHT, _TIME_HEAD = 64, 28


def time_chart(key: str, title: str, periods: Sequence[str], series: Sequence[Series]) -> str:
    """A panel for each group: a line with its band. Where a period has no figure, the line is interrupted.

    Args:
        key: of the chart on its page: letters and digits.
        title: of the image.
        periods: of the points, one after the other.
        series: with the figures.
    """
    drawn: list[str] = []
    for start in range(0, len(series), _MOST_LINES):
        part = series[start : start + _MOST_LINES]
        parts, height = _lines(periods, part)
        told = " ".join(_course(one, periods) for one in part)
        drawn.append(_svg(f"{key}-{len(drawn)}", title, told, height, parts))
    return "".join(drawn)


def _lines(periods: Sequence[str], series: Sequence[Series]) -> tuple[list[str], float]:
    parts, y = [], -8.0
    left, right = 40, _WIDTH - 12
    step = (right - left) / max(len(periods), 1)
    at = [left + step * (number + 0.5) for number in range(len(periods))]
    for one in series:
        y += _TIME_HEAD
        parts.append(_text(4, y - 8, _cut(one.name, _LONG_NAME), size=12, weight="bold", title=one.name))

        def place(value: float, top: float = y) -> float:
            return top + _TIME_HEIGHT * (1 - min(max(value, 0), 1))

        for value in (0, 0.5, 1):
            parts.append(_line(left, place(value), right, place(value), _GRID, 1))
            parts.append(_text(left - 4, place(value) + 3, f"{value:.0%}", size=9, anchor="end"))
        for run in _runs(one.points):
            parts.append(_band([(at[n], place(p.low or 0), place(1 if p.high is None else p.high)) for n, p in run]))
            ends = " ".join(f"{at[n]:.1f},{place(p.value):.1f}" for n, p in run)
            parts.append(f'<polyline points="{ends}" fill="none" stroke="{_MARK}" stroke-width="1.5"/>')
            for n, p in run:
                circle = f'<circle cx="{at[n]:.1f}" cy="{place(p.value):.1f}" r="3" fill="{_MARK}"/>'
                parts.append(_linked(circle, p.told, p.link))
        y += _TIME_HEIGHT
    every = max(1, math.ceil(len(periods) / 6))
    for number in range(0, len(periods), every):
        parts.append(_text(at[number], y + 14, periods[number], size=9, anchor="middle"))
    return parts, y + 20


def _course(series: Series, periods: Sequence[str]) -> str:
    known = [(point.value, period) for point, period in zip(series.points, periods, strict=True) if point is not None]
    if not known:
        return f"{series.name}: no figure."
    (first, since), (last, until) = known[0], known[-1]
    if len(known) == 1:
        return f"{series.name}: {first:.0%} in {since} alone."
    return f"{series.name}: {first:.0%} in {since}, {last:.0%} in {until}, {len(known)} periods with figures."


def _runs(points: Sequence[Point | None]) -> list[list[tuple[int, Point]]]:
    runs: list[list[tuple[int, Point]]] = []
    for number, point in enumerate(points):
        if point is None:
            continue
        if not runs or runs[-1][-1][0] != number - 1:
            runs.append([])
        runs[-1].append((number, point))
    return runs


def _band(ends: Sequence[tuple[float, float, float]]) -> str:
    if len(ends) == 1:
        x, low, high = ends[0]
        return _line(x, low, x, high, _MARK, 5, opacity=0.25)
    corners = [(x, high) for x, _, high in ends] + [(x, low) for x, low, _ in reversed(ends)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{_MARK}" fill-opacity="0.2"/>'


# --- pieces -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Axis:
    most: float
    share: bool
    left: float

    def at(self, value: float) -> float:
        return self.left + (_RIGHT - self.left) * min(max(value / self.most, 0), 1)

    def said(self, value: float) -> str:
        return f"{value:.0%}" if self.share else f"{value:.3g}"

    @property
    def ticks(self) -> list[float]:
        return [self.most * part / 4 for part in range(5)]

    def grid(self, top: float, bottom: float) -> str:
        return "".join(_line(self.at(tick), top, self.at(tick), bottom, _GRID, 1) for tick in self.ticks)

    def labels(self, y: float) -> str:
        said = [f"{tick:.0%}" if self.share else f"{tick:g}" for tick in self.ticks]
        texts = [
            _text(self.at(tick), y, label, size=9, anchor="middle")
            for tick, label in zip(self.ticks, said, strict=True)
        ]
        return "".join([*texts, _text(_WIDTH - 4, y, "n", size=9, anchor="end")])


def _top(dots: Sequence[Dot]) -> float:
    """A round number that holds the values; intervals that reach further leave the chart."""
    most = max([dot.value for dot in dots] + [1e-9])
    most = max([most * 1.25, *(dot.high for dot in dots if dot.high is not None and dot.high < most * 2)])
    unit = 10 ** math.floor(math.log10(most))
    return next(unit * part for part in (1, 2, 4, 6, 8, 10) if unit * part >= most)


def _dot(dot: Dot, axis: _Axis, y: float) -> str:
    colour = _GREY if dot.small else _MARK
    x = axis.at(dot.value)
    parts = []
    for low, high, width in ((dot.low, dot.high, 1.2), (dot.inner_low, dot.inner_high, 3.5)):
        if low is not None and high is not None:
            parts.append(f'<path d="M{axis.at(low):.1f} {y:.1f}H{axis.at(high):.1f}" stroke-width="{width}"/>')
    fill = colour if dot.filled else _PAPER
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{fill}" stroke-width="1.6"/>')
    drawn = f'<g stroke="{colour}">{"".join(parts)}</g>' + _text(_WIDTH - 4, y + 3, dot.n, size=9, anchor="end")
    return _linked(drawn, dot.told, dot.link)


def _linked(inner: str, told: str, link: str) -> str:
    """A way to the sentences for who points at it. The table under the chart has links, for the keyboard too."""
    return f"<g {link}><title>{_shown(told)}</title>{inner}</g>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float, opacity: float | None = None) -> str:
    faint = "" if opacity is None else f' stroke-opacity="{opacity}"'
    way = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
    return f'<path d="{way}" stroke="{colour}" stroke-width="{width}"{faint}/>'


def _text(
    x: float, y: float, text: str, *, size: int, anchor: str = "start", weight: str = "normal", title: str = ""
) -> str:
    told = f"<title>{_shown(title)}</title>" if title and title != text else ""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}"' + (f' text-anchor="{anchor}"' if anchor != "start" else "")
    bold = ' font-weight="bold"' if weight == "bold" else ""
    return f"<text {where}{bold}>{told}{_shown(text)}</text>"


def _shown(text: str) -> str:
    return escape(visible(text))


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _svg(key: str, title: str, told: str, height: float, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" height="{height:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui,sans-serif" fill="{_INK}" role="img" '
        f'aria-labelledby="{key}-title" aria-describedby="{key}-told"><title id="{key}-title">{_shown(title)}</title>'
        f'<desc id="{key}-told">{_shown(told)}</desc>{"".join(parts)}</svg>'
    )
