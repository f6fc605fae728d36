"""Errors of database drivers in words for people: no passwords, no values of rows, a hint where one is
known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from engine.sources import redact

#: (pattern in the driver's text, what we say, hint)
_CONNECT = (
    (r"connection refused|\(111\b", "connection refused",
     "is the database running? are host and port right?"),
    (r"could not translate host|unknown (mysql )?server host|name or service|getaddrinfo|resolve",
     "host name not found", "check the host in the URL"),
    (r"password authentication failed|access denied for user|no password supplied",
     "user or password refused", "check user and password in the URL (percent-encode special characters)"),
    (r"unknown database|database .* does not exist", "no such database", "check its name in the URL"),
    (r"role .* does not exist", "no such user", "check the user in the URL"),
    (r"timed? ?out", "timed out", "check host and port, and firewalls between"),
    (r"unable to open database file|no such file", "no such file", "check the path after sqlite://"),
    (r"not a database", "the file is not a SQLite database", "check the path after sqlite://"),
)  # fmt: skip

_HINTS = (
    (r"permission denied|command denied|not authorized", "grant the user of the URL the rights it needs"),
    (r"read-only transaction", "input queries only read; input.read_only: false lets input.setup write"),
    (r"does not exist|doesn't exist|no such (table|column)|unknown (column|table)",
     "check the names of tables and columns"),
    (r"timeout|max_statement_time|max_execution_time|interrupted",
     "make the query faster or raise input.statement_timeout"),
)  # fmt: skip

_RETRY_PG = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}
_RETRY_MYSQL = {1205, 1213, 2002, 2003, 2006, 2013, 2055}


def original(error: BaseException) -> Any:
    """The driver's exception inside one of SQLAlchemy."""
    return getattr(error, "orig", None) or error


def clean(text: str, secrets: Iterable[str]) -> str:
    """Text without registered secrets and passwords."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return redact(text)


def connect_problem(error: BaseException, secrets: Iterable[str]) -> tuple[str, str]:
    """(reason, hint) for a connection that failed."""
    text = str(original(error))
    for pattern, reason, hint in _CONNECT:
        if re.search(pattern, text, re.I):
            return reason, hint
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return clean(lines[0] if lines else type(original(error)).__name__, secrets), "check the URL and the database"


def query_problem(error: BaseException, secrets: Iterable[str]) -> tuple[str, str]:
    """(the database's text without values, hint) for a statement that failed."""
    cause = original(error)
    text = _postgres_text(cause) or _mysql_text(cause) or str(cause)
    if re.search(r"readonly database|READ ONLY transaction", text, re.I):
        text = f"not allowed in a read-only transaction: {text}"
    text = clean(" ".join(text.split()), secrets)
    for pattern, hint in _HINTS:
        if re.search(pattern, text, re.I):
            return text, hint
    return text, ""


def _postgres_text(cause: Any) -> str | None:
    """Primary message only: the detail may show a row; data exceptions (class 22) quote the value."""
    message = getattr(getattr(cause, "diag", None), "message_primary", None)
    if not message:
        return None
    state = getattr(cause, "pgcode", None) or ""
    return re.sub(r'"[^"]*"?', '"***"', message) if state.startswith("22") else str(message)


def _mysql_text(cause: Any) -> str | None:
    message, number = getattr(cause, "msg", None), getattr(cause, "errno", None)
    if not isinstance(message, str) or not isinstance(number, int):
        return None
    message = re.sub(r"(Duplicate entry )'.*'( for key)", r"\1'***'\2", message, flags=re.S)
    if number in (1292, 1366, 1411, 1525, 3141):
        message = re.sub(r"value:? '.*'( for |\Z)", r"value '***'\1", message, flags=re.S)
    return message


def may_retry(error: BaseException) -> bool:
    """True when the same transaction may succeed later: deadlock, serialization failure, lock, lost
    connection.
    """
    cause = original(error)
    state = getattr(cause, "pgcode", None)
    if state:
        return state in _RETRY_PG or state.startswith("08")
    number = getattr(cause, "errno", None)
    if isinstance(number, int) and number in _RETRY_MYSQL:
        return True
    if getattr(error, "connection_invalidated", False):
        return True
    text = str(cause).lower()
    marks = (
        "database is locked",
        "server closed the connection",
        "connection refused",
        "connection already closed",
    )
    return any(mark in text for mark in marks)


def is_constraint(error: BaseException) -> bool:
    """True for a violated constraint (class 23 and its like): the statement itself was understood."""
    cause = original(error)
    state = getattr(cause, "pgcode", None) or ""
    return state.startswith("23") or type(cause).__name__ == "IntegrityError"


def is_disk_full(error: BaseException) -> bool:
    """True when the database had no space to write: its disk or quota is full."""
    cause = original(error)
    if getattr(cause, "pgcode", None) == "53100" or getattr(cause, "errno", None) in (1021, 1114):
        return True
    return getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL"
