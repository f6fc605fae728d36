"""Dates and times as numbers and as ISO text; nothing is rounded and no time zone is guessed."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Any

_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MICROSECOND = datetime.timedelta(microseconds=1)


class TimeProblem(ValueError):
    """Why a time cannot be converted; the text holds no value."""


def is_date(value: Any) -> bool:
    """True for a date without time of day."""
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)


def is_time(value: Any) -> bool:
    """True for a timestamp or a time of day."""
    return isinstance(value, (datetime.datetime, datetime.time, datetime.timedelta))


def days(date: datetime.date) -> int:
    """Days since 1970-01-01."""
    return date.toordinal() - _EPOCH_DAY


def parse_date(text: str) -> datetime.date:
    """``YYYY-MM-DD``, else TimeProblem."""
    try:
        if _DAY.fullmatch(text):
            return datetime.date.fromisoformat(text)
    except ValueError:
        pass
    raise TimeProblem("is not a date YYYY-MM-DD")


def parse_timestamp(text: str) -> datetime.datetime:
    """ISO 8601 with date and time, else TimeProblem."""
    fraction = re.search(r"[.,]([0-9]+)", text)
    if fraction and len(fraction.group(1).rstrip("0")) > 6:
        raise TimeProblem("has more digits than microseconds")
    try:
        if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}", text):
            return datetime.datetime.fromisoformat(text)
    except ValueError:
        pass
    raise TimeProblem("is not a timestamp such as 2024-01-31T12:00:00Z")


def instant(value: datetime.datetime, tz: str) -> datetime.datetime:
    """The timestamp in UTC; ``tz`` is where a naive one was written down."""
    if value.tzinfo is not None:
        return value.astimezone(datetime.UTC)
    if not tz:
        raise TimeProblem('has no time zone; say which with "tz", for instance "UTC"')
    zone: datetime.tzinfo = datetime.UTC if tz == "UTC" else zoneinfo.ZoneInfo(tz)
    first, second = value.replace(tzinfo=zone, fold=0), value.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        raise TimeProblem(f"happens twice or not at all in {tz} (clocks change); store timestamps with time zone")
    return first.astimezone(datetime.UTC)


def epoch(value: Any, tz: str, unit: str) -> int:
    """Seconds (``epoch_s``) or milliseconds since 1970 in UTC; of a time of day since midnight."""
    if isinstance(value, datetime.datetime):
        passed = instant(value, tz) - _EPOCH
    elif isinstance(value, datetime.time):
        if value.tzinfo is not None:
            raise TimeProblem("is a time of day with time zone, which has no fixed distance from midnight")
        midnight = datetime.datetime.min
        passed = datetime.datetime.combine(midnight, value) - midnight
    else:
        passed = value
    step = datetime.timedelta(seconds=1) if unit == "epoch_s" else datetime.timedelta(milliseconds=1)
    if passed % step:
        finer = "epoch_ms keeps milliseconds" if unit == "epoch_s" else "there are microseconds in it"
        raise TimeProblem(f"is not a whole number of {'seconds' if unit == 'epoch_s' else 'milliseconds'}; {finer}")
    return passed // step


def iso(value: Any, tz: str) -> str:
    """ISO text: a timestamp with time zone in UTC with Z, a naive one without ``tz`` as it is."""
    if isinstance(value, datetime.datetime) and (value.tzinfo is not None or tz):
        return instant(value, tz).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, datetime.timedelta):
        return _clock(value)
    return str(value.isoformat())


def _clock(value: datetime.timedelta) -> str:
    """``HH:MM:SS`` of a time of day that a driver gives as a distance."""
    sign = "-" if value < datetime.timedelta(0) else ""
    total, fraction = divmod(abs(value) // _MICROSECOND, 10**6)
    text = f"{sign}{total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}"
    return f"{text}.{fraction:06}" if fraction else text
