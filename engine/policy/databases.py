"""The parts of a policy that speak of databases: URLs, queries and ``constants``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.policy.checker import Checker, type_name
from engine.policy.jsontext import child
from engine.policy.model import (
    Constant,
    LiteralConstant,
    MaxBytes,
    RowCount,
    SqlConstant,
)
from engine.policy.urls import DATABASE_KINDS, database_kind, sqlite_path, url_of_parts

MAX_CONSTANTS = 1000
DB_PARTS = ("driver", "host", "port", "database", "user", "password", "params")

LITERAL_TAGS = {
    "NumUnsigned",
    "NumSigned",
    "Array",
    "ArrayRepeat",
    "Tuple",
    "Struct",
    "Enum",
    "Range",
}


def read_constants(check: Checker, root: Mapping[str, Any]) -> dict[str, Constant]:
    """The ``constants`` object."""
    value = check.table(root, "", "constants", {}) or {}
    if len(value) > MAX_CONSTANTS:
        check.problem("/constants", f"{len(value)} constants, at most {MAX_CONSTANTS} are allowed")
        return {}
    found: dict[str, Constant] = {}
    for name, item in value.items():
        place = child("/constants", name)
        if re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) is None:
            check.problem(place, "a constant's name consists of A-Z, 0-9 and _ and does not start with a digit")
        constant = _constant(check, place, item)
        if constant is not None:
            found[name] = constant
    return found


def _constant(check: Checker, place: str, value: Any) -> Constant | None:
    if isinstance(value, (bool, int)):
        return LiteralConstant(value)
    if isinstance(value, str):
        if value in ("True", "False"):
            return LiteralConstant(value == "True")
        if value.strip():
            return SqlConstant(value)
        check.problem(place, "empty query")
        return None
    if not isinstance(value, dict):
        check.problem(place, f"expected query, number, boolean or object, got {type_name(value)}")
        return None
    if set(value) == {"rows"} and value["rows"] is True:
        return RowCount()
    if set(value) == {"max_bytes"}:
        column = value["max_bytes"]
        if isinstance(column, str) or (isinstance(column, int) and not isinstance(column, bool) and column >= 0):
            return MaxBytes(column)
        check.problem(child(place, "max_bytes"), "expected a column's name, or its number counted from 0")
        return None
    if "pad_to" in value:
        check.problem(child(place, "pad_to"), "not supported yet: nothing says what the rows that fill up would hold")
        return None
    if len(value) == 1 and set(value) <= LITERAL_TAGS:
        return LiteralConstant(value)
    check.problem(
        place,
        'expected {"rows": true}, {"max_bytes": column} or a literal such as {"NumUnsigned": [4, "Usize"]}',
    )
    return None


def read_query(check: Checker, value: Mapping[str, Any], pointer: str) -> str | None:
    """The ``query`` of ``input`` or ``output``."""
    query: str | None = check.string(value, pointer, "query")
    if query is not None and not query.strip():
        check.problem(child(pointer, "query"), "empty query")
    return query


def read_database(check: Checker, value: Mapping[str, Any], pointer: str, label: str, base: Path) -> str | None:
    """The key ``db`` of the section at ``pointer`` as a URL; None after a mistake. ``label`` names the section."""
    place = child(pointer, "db")
    raw = value.get("db")
    url = _url_of_object(check, place, raw, label) if isinstance(raw, dict) else check.string(value, pointer, "db")
    if url is None:
        return None
    kind = database_kind(url)
    if kind is None:
        scheme = url.partition(":")[0] if re.match(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:", url) else ""
        what = f"unsupported scheme '{scheme}'" if scheme else "not a database URL"
        check.sentence(place, f"{label}.db: {what} (use postgres, mysql, mariadb, sqlite)")
        return None
    if kind == "sqlite":
        return _resolved(check, url, base)
    problem = _server_url_problem(url)
    if problem:
        check.sentence(place, f"{label}.db: {problem}")
        return None
    return url


def _resolved(check: Checker, url: str, base: Path) -> str:
    """A SQLite URL with an absolute path."""
    path, _ = sqlite_path(url)
    if not path or path == ":memory:":
        return url
    query = url.partition("?")[2]
    return f"sqlite://{os.path.abspath(check.path(base, path, 'database'))}" + (f"?{query}" if query else "")


def _server_url_problem(url: str) -> str | None:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        if not url.partition(":")[2].startswith("//") or not (parts.hostname or parts.path.strip("/")):
            return "the URL names no host; write scheme://user:password@host:port/database"
        if parts.port == 0:
            return "port 0 cannot be used"
    except ValueError:
        return "the URL cannot be understood; percent-encode special characters of user and password"
    return None


def _url_of_object(check: Checker, place: str, value: dict[str, Any], label: str) -> str | None:
    before = len(check.problems)
    check.unknown(place, value, DB_PARTS)
    driver = check.string(value, place, "driver")
    for key in ("host", "database", "user", "password"):
        check.string(value, place, key, None)
    if value.get("port") is not None:
        check.bounded(value, place, "port", 1, 1, 65535)
    params = check.table(value, place, "params", {}) or {}
    if any(isinstance(item, (dict, list)) or item is None for item in params.values()):
        check.problem(child(place, "params"), "expected strings or numbers")
    if driver is not None and driver not in DATABASE_KINDS:
        check.sentence(
            place,
            f"{label}.db: unsupported scheme '{driver}' (use postgres, mysql, mariadb, sqlite)",
        )
    if len(check.problems) > before:
        return None
    return url_of_parts({key: item for key, item in value.items() if item is not None})
