"""What was read from a database: columns, rows, constants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Families of SQL types, as far as conversion treats them differently.
FAMILIES = (
    "integer",
    "bool",
    "numeric",
    "real",
    "text",
    "char",
    "bytes",
    "date",
    "time",
    "uuid",
    "enum",
    "other",
)


@dataclass(frozen=True)
class Column:
    """A result column: its name, its family (see FAMILIES) and the database's name of its type for
    messages.
    """

    name: str
    family: str
    type_name: str = ""


@dataclass(frozen=True)
class Table:
    """Rows in the order of the query; ``rows`` holds plain Python values, text as str, binary as bytes."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]] = field(repr=False)


@dataclass(frozen=True)
class Snapshot:
    """Rows and constants of one moment, read in one transaction.

    ``database`` is the redacted URL, ``kind`` one of postgres, mysql, sqlite (empty without an input
    database); ``query`` is the policy's without secrets; ``warnings`` are lines for the log.
    """

    rows: Table
    constants: dict[str, int | bool]
    database: str
    query: str = field(repr=False)
    kind: str = ""
    warnings: tuple[str, ...] = ()
