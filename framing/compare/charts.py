"""Dots with nested intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framing.compare.estimands import ESTIMANDS

#: Neutral, and safe for the colour-blind (Okabe and Ito 2008); grey is for small groups.
INK, GREY = "#0072B2", "#999999"


def dots(altair: Any, rows: Sequence[dict[str, Any]]) -> Any:
    """An altair chart of rows of ``estimates``: a panel for each label, voice, hedge or source, groups as rows."""
    estimand = ESTIMANDS[rows[0]["estimand"]]
    facets = [key for key in ("label", "voice", "hedge", "source", "period") if len({row[key] for row in rows}) > 1]
    values = [
        {
            **{key: row[key] for key in ("group", "value", "low", "high", "inner_low", "inner_high", "small")},
            "figure": " ".join(str(row[key] or "all") for key in facets) or estimand.title,
            "n": f"{row['numerator']:,.0f} of {row['denominator']:,.0f}",
        }
        for row in rows
    ]
    base = altair.Chart().encode(
        y=altair.Y("group:N", title=None),
        color=altair.condition("datum.small", altair.value(GREY), altair.value(INK)),
    )
    form = ".0%" if estimand.unit == "share" else ".3~g"
    x = altair.X("low:Q", title=estimand.title, axis=altair.Axis(format=form))
    layers = altair.layer(
        base.mark_rule(strokeWidth=1).encode(x=x, x2="high:Q"),
        base.mark_rule(strokeWidth=4).encode(x="inner_low:Q", x2="inner_high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(x="value:Q"),
        base.mark_text(align="left", dx=6, fontSize=10).encode(x="high:Q", text="n:N"),
        data=altair.Data(values=values),
    ).properties(width=320)
    order = list(dict.fromkeys(value["figure"] for value in values))
    return layers.facet(row=altair.Row("figure:N", title=None, sort=order, header=altair.Header(labelAngle=0)))
