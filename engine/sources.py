"""Where rows come from: what a policy says of databases, and how their URLs read.

A leaf that the rooms of policies and of data share. Texts that may hold secrets do not show in ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.redaction import redact as redact

#: Scheme of a database URL -> kind of database.
DATABASE_KINDS = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}


def database_kind(url: str) -> str | None:
    """``postgres``, ``mysql`` or ``sqlite`` by the scheme of the URL; None for anything else."""
    scheme, colon, _ = url.partition(":")
    return DATABASE_KINDS.get(scheme.lower()) if colon else None


def sqlite_path(url: str) -> tuple[str, dict[str, str]]:
    """Path and parameters of a SQLite URL: what follows ``sqlite://`` is the path itself, absolute or
    relative.
    """
    rest = url.partition(":")[2]
    rest = rest.removeprefix("//")
    path, _, query = rest.partition("?")
    pairs = (part.partition("=") for part in query.split("&") if part)
    return path, {key: value for key, _, value in pairs}


#: Suffix of an input file -> its format.
FILE_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}


@dataclass(frozen=True)
class FileSource:
    """A file of rows; ``format`` is csv, json, jsonl or parquet. Cells that are one of ``null_values`` are NULL."""

    path: str
    format: str
    delimiter: str = ","
    header: bool = True
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class InputSpec:
    """Where this party's rows come from: one of ``db`` with ``query``, ``file``, ``rows`` and ``literal``.

    ``rows`` are plain JSON rows of the policy; ``literal`` is a value of the language, as text or in JSON form.
    ``sort`` is one of auto, key, none, error; ``statement_timeout`` in seconds; ``secrets`` are texts that
    must not appear in a message.
    """

    db: str = field(default="", repr=False)
    query: str = field(default="", repr=False)
    setup: str | None = field(default=None, repr=False)
    sort: str = "auto"
    allow_duplicates: bool = False
    allow_empty: bool = False
    max_rows: int = 10_000_000
    read_only: bool = True
    statement_timeout: float = 300.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    file: FileSource | None = None
    rows: tuple[Any, ...] | None = field(default=None, repr=False)
    literal: Any = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """Where the rows come from, for messages; without passwords."""
        if self.db:
            return redact(self.db)
        if self.file is not None:
            return self.file.path
        return "input.rows" if self.rows is not None else "input.literal"


@dataclass(frozen=True)
class SqlConstant:
    """A constant that a query of one row and one column gives."""

    sql: str = field(repr=False)


@dataclass(frozen=True)
class LiteralConstant:
    """A constant written in the policy: int, bool, or the JSON form of a literal (a dict with one key)."""

    value: int | bool | dict[str, object]


@dataclass(frozen=True)
class RowCount:
    """``{"rows": true}``: the number of rows read."""


@dataclass(frozen=True)
class MaxBytes:
    """``{"max_bytes": column}``: the longest value of a column in bytes; the column by index from 0 or by
    name.
    """

    column: int | str


Constant = SqlConstant | LiteralConstant | RowCount | MaxBytes
