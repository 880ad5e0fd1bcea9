"""The day on which a text was published, as the text itself prints it: in a date line or a dateline."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_DAY = (
    rf"{_WEEKDAY}(?:(?P<month>{_MONTH_NAME}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>(?:19|20)\d\d)"
    rf"|(?P<day_before>\d{{1,2}})(?:st|nd|rd|th)? (?P<month_after>{_MONTH_NAME}),? (?P<year_after>(?:19|20)\d\d)"
    r"|(?P<iso>(?:19|20)\d\d-\d\d-\d\d))\b"
)
_BEGINS = re.compile(_DAY, re.IGNORECASE)
_DATE_LINE = re.compile(rf"(?:(?:first )?(?:published|posted|updated|date)(?: on)?:? )?{_DAY}", re.IGNORECASE)
#: ``HARUN, May 14, 2019 (NW) -``: place, day, agency, dash.
_DATELINE = re.compile(
    rf"[A-Z][^\n,()–—]{{1,40}}(?:, [A-Z][\w .]{{1,30}})?,? (?i:{_DAY})[ ,]{{0,2}}(?:\([^()\n]{{2,40}}\))? ?[-–—]"
)
_LONGEST_DATE_LINE = 60
#: Only this many lines at the beginning are searched for the date.
_FIRST_LINES = 8


def iso_day(text: str) -> str | None:
    """The day that a text begins with, as ISO 8601: ``May 14, 2019 Tuesday``, ``14 May 2019``."""
    return _iso(_BEGINS.match(text))


def day_of(text: str) -> str | None:
    """The day that an article's first lines give as its own, as ISO 8601: on a line by itself, or in a dateline."""
    lines = (line.strip() for line in text[:4000].splitlines())
    for line in [line for line in lines if line][:_FIRST_LINES]:
        if len(line) <= _LONGEST_DATE_LINE and (day := _iso(_DATE_LINE.match(line))):
            return day
        if day := _iso(_DATELINE.match(line)):
            return day
    return None


def _iso(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    try:
        if match["iso"]:
            return date.fromisoformat(match["iso"]).isoformat()
        month = _MONTHS.index((match["month"] or match["month_after"]).lower()[:3]) + 1
        return date(
            int(match["year"] or match["year_after"]), month, int(match["day"] or match["day_before"])
        ).isoformat()
    except ValueError:  # there is no such day
        return None
