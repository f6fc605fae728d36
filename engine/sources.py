"""Where rows come from: what a policy says of databases, and how their URLs read.

A leaf that the rooms of policies and of data share. Texts that may hold secrets do not show in ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
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
class TextRules:
    """What happens to text before it becomes bytes.

    ``too_long`` is error or truncate, ``normalize`` is none, NFC or NFKC.
    """

    too_long: str = "error"
    normalize: str = "none"
    casefold: bool = False
    keep_blanks: bool = False


@dataclass(frozen=True)
class NullDefault:
    """The value, plain JSON, that stands for NULL."""

    value: Any = field(repr=False)


#: What NULL means: ``error``, ``skip_row``, or a value.
NullRule = str | NullDefault

#: Values of ``as`` in the rule of a column; ``scaled`` and ``hash`` take a number after a colon.
FORMS = (
    "int",
    "bool",
    "scaled",
    "days",
    "epoch_s",
    "epoch_ms",
    "iso",
    "text",
    "uuid",
    "enum_index",
    "zero_padded",
    "hash",
)
#: Bounds of k in ``scaled:k`` and of N in ``hash:N``.
SCALED_DIGITS = (0, 18)
HASH_BYTES = (8, 32)


@dataclass(frozen=True)
class ColumnRule:
    """How a column is converted where the default is not wanted; None takes what the input says for all columns.

    ``form`` is one of FORMS or empty, ``number`` its k or N, ``tz`` the name of the time zone of naive timestamps.
    """

    form: str = ""
    number: int = 0
    tz: str = ""
    null: NullRule | None = None
    text: TextRules | None = None

    def __str__(self) -> str:
        return f"{self.form}:{self.number}" if self.form in ("scaled", "hash") else self.form


@dataclass(frozen=True)
class InputSpec:
    """Where this party's rows come from: one of ``db`` with ``query``, ``file``, ``rows`` and ``literal``.

    ``rows`` are plain JSON rows of the policy; ``literal`` is a value of the language, as text or in JSON form.
    ``sort`` is one of auto, key, none, error; ``statement_timeout`` in seconds; ``secrets`` are texts that
    must not appear in a message. ``columns`` is keyed by number from 0 or by name.
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
    null: NullRule = "error"
    text: TextRules = field(default_factory=TextRules)
    columns: Mapping[int | str, ColumnRule] = field(default_factory=dict)

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
