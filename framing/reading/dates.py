"""The day on which a text was published, as the text itself prints it: in a date line or a dateline."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?,? )?"
_DAY = (
    rf"{_WEEKDAY}(?:(?P<month>{_MONTH_NAME}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>(?:19|20)\d\d)"
    rf"|(?P<day_before>\d{{1,2}})(?:st|nd|rd|th)?[ -]?(?P<month_after>{_MONTH_NAME}),?[ -]?"
    r"(?P<year_after>(?:19|20)\d\d)"
    r"|(?P<iso>(?:19|20)\d\d(?P<between>[-/.])\d\d(?P=between)\d\d))\b"
)
_BEGINS = re.compile(_DAY, re.IGNORECASE)
_DATE_LINE = re.compile(rf"(?:(?:first )?(?:published|posted|updated|date)(?: on)?:? )?{_DAY}", re.IGNORECASE)
#: ``HARUN, May 14, 2019 (NW) -``: place, day, agency, dash.
_DATELINE = re.compile(
    rf"[A-Z][^\n,()–—]{{1,40}}(?:, [A-Z][\w .]{{1,30}})?,? (?i:{_DAY})[ ,]{{0,2}}(?:\([^()\n]{{2,40}}\))? ?[-–—]"
)
#: ``Wed Oct 10 20:19:24 +0000 2018`` of Twitter and Unix.
_UNIX = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<time>\d\d:\d\d:\d\d) "
    r"(?:(?P<zone>[+-]\d\d)(?P<minutes>\d\d) |[A-Z]{3,4} )?(?P<year>\d{4})"
)
#: ``Wed, 10 Oct 2018 20:19:24 +0000`` of mail and feeds.
_MAIL = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4}) "
    r"(?P<time>\d\d:\d\d(?::\d\d)?)(?: (?:(?P<zone>[+-]\d\d)(?P<minutes>\d\d)|[A-Z]{1,4}))?"
)
#: ``20181010T201924Z``, as GDELT writes moments.
_COMPACT = re.compile(r"((?:19|20)\d{6})(?:T?(\d{6})Z?)?")
#: Seconds or milliseconds since 1970, from 2001 to 2033.
_EPOCH = re.compile(r"(1\d{9})(\d{3})?(?:\.\d{1,6})?")
_LONGEST_DATE_LINE = 60
#: Only this many lines at the beginning are searched for the date.
_FIRST_LINES = 8


def iso_day(text: str) -> str | None:
    """The day that a text begins with, as ISO 8601: ``May 14, 2019 Tuesday``, ``14 May 2019``."""
    return _iso(_BEGINS.match(text))


def iso_moment(written: str) -> str | None:
    """A date of a table in ISO 8601, if it is in a form of Twitter, feeds or GDELT, or seconds since 1970.

    Args:
        written: the cell; ``Wed Oct 10 20:19:24 +0000 2018``, ``1539202764``.

    Returns:
        The date and time, with the zone where it is given; ``None`` for any other form.
    """
    try:
        if epoch := _EPOCH.fullmatch(written):
            return datetime.fromtimestamp(int(epoch[1]), UTC).isoformat()
        if parts := _COMPACT.fullmatch(written):
            day, time = parts.groups()
            return datetime.fromisoformat(f"{day}T{time}Z").isoformat() if time else date.fromisoformat(day).isoformat()
        match = _UNIX.fullmatch(written) or _MAIL.fullmatch(written)
        if match is None:
            return None
        day = f"{match['year']}-{_MONTHS.index(match['month'].lower()) + 1:02}-{int(match['day']):02}"
        zone = f"{match['zone']}:{match['minutes']}" if match["zone"] else ""
        return datetime.fromisoformat(f"{day}T{match['time']}{zone}").isoformat()
    except ValueError:  # there is no such day
        return None


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
            return date.fromisoformat(match["iso"].replace(match["between"], "-")).isoformat()
        month = _MONTHS.index((match["month"] or match["month_after"]).lower()[:3]) + 1
        return date(
            int(match["year"] or match["year_after"]), month, int(match["day"] or match["day_before"])
        ).isoformat()
    except ValueError:  # there is no such day
        return None
