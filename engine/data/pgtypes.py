"""Values of PostgreSQL as they are: what psycopg2 would round or replace comes as the database's own text instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: JSON loses digits as Python's floats, INTERVAL counts months as 30 days.
_AS_TEXT = {114: "JSON", 3802: "JSONB", 199: "JSONARRAY", 3807: "JSONBARRAY", 1186: "INTERVAL", 1187: "INTERVALARRAY"}
_DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ, _TIMETZ = 1082, 1083, 1114, 1184, 1266


def keep_values(connection: Any) -> None:
    """Make a connection of psycopg2 give dates and times exactly, or as text where Python has no such value.

    These are infinity (psycopg2 gives the largest date), 24:00:00 (psycopg2 gives midnight), and years outside 1 to
    9999 (psycopg2 raises ValueError).
    """
    from psycopg2 import extensions

    def register(oid: int, name: str, cast: Callable[[Any, Any], Any]) -> None:
        extensions.register_type(extensions.new_type((oid,), name, cast), connection)

    for oid, name in _AS_TEXT.items():
        register(oid, name, lambda value, cursor: value)
    register(_DATE, "DATE", _exact(extensions.PYDATE))
    register(_TIME, "TIME", _exact(extensions.PYTIME))
    register(_TIMETZ, "TIMETZ", _exact(extensions.PYTIME))
    register(_TIMESTAMP, "TIMESTAMP", _exact(extensions.PYDATETIME))
    register(_TIMESTAMPTZ, "TIMESTAMPTZ", _exact(extensions.PYDATETIMETZ))


def _exact(standard: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def cast(value: str | None, cursor: Any) -> Any:
        if value is None or value.endswith("infinity") or value.startswith("24:"):
            return value
        try:
            return standard(value, cursor)
        except (ValueError, OverflowError):
            return value

    return cast
