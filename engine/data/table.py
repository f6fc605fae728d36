"""What was read: columns, rows kept column by column in little space, constants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.sources import ColumnRule, TextRules

#: Families of types, as far as conversion treats them differently; ``cell`` is text of a format without types.
FAMILIES = (
    "integer",
    "bool",
    "numeric",
    "real",
    "text",
    "char",
    "cell",
    "bytes",
    "date",
    "time",
    "uuid",
    "enum",
    "nested",
    "other",
)
_kind = type


@dataclass(frozen=True)
class Column:
    """A result column: its name, its family (see FAMILIES) and the source's name of its type for messages.

    ``nests``: its values may be arrays, structs and the like.
    """

    name: str
    family: str
    type_name: str = ""
    nests: bool = False


@dataclass(frozen=True)
class Texts:
    """Texts one after the other as UTF-8 (or, ``binary``, bytes): ``ends`` int64 (N,) are offsets in ``blob``."""

    blob: bytes = field(repr=False)
    ends: np.ndarray = field(repr=False)
    binary: bool = False

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def starts(self) -> np.ndarray:
        """Offset of the first byte of each."""
        return np.concatenate((np.zeros(1, np.int64), self.ends[:-1]))

    def octets(self) -> list[bytes]:
        """Each as bytes."""
        return [self.blob[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist())]


#: Some consecutive cells of a column: int64, uint64 or bool arrays, texts, or any Python values with None for NULL.
Chunk = np.ndarray | Texts | list[Any]


def compact(values: Sequence[Any]) -> Chunk:
    """The same values in the smallest form that loses nothing."""
    kinds = set(map(_kind, values))
    if len(kinds) == 1:
        (kind,) = kinds
        if kind is int:
            return _numbers(values)
        if kind is bool:
            return np.array(values, np.bool_)
        if kind is str:
            try:
                return _texts([value.encode() for value in values], binary=False)
            except UnicodeEncodeError:
                return list(values)
        if kind is bytes:
            return _texts(values, binary=True)
    return list(values)


def _numbers(values: Sequence[int]) -> Chunk:
    try:
        return np.array(values, np.int64)
    except OverflowError:
        pass
    try:
        return np.array(values, np.uint64) if min(values) >= 0 else list(values)
    except OverflowError:
        return list(values)


def _texts(values: Sequence[bytes], binary: bool) -> Texts:
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    return Texts(b"".join(values), np.cumsum(lengths), binary)


def plain(chunk: Chunk) -> list[Any]:
    """The Python values of a chunk: int, bool, str, bytes, None and what else the source gave."""
    if isinstance(chunk, Texts):
        return chunk.octets() if chunk.binary else [item.decode() for item in chunk.octets()]
    return chunk if isinstance(chunk, list) else list(chunk.tolist())


@dataclass(frozen=True)
class Table:
    """Rows in the order of their source. ``cells`` holds the chunks of each column; ``count`` is the number of rows.

    ``source`` is the name of a file (empty for a database), ``lines`` the line of each row in it where that is known,
    ``numbers`` the number of each row in the source (from 1) where rows were left out.
    """

    columns: tuple[Column, ...]
    cells: tuple[list[Chunk], ...] = field(repr=False)
    count: int
    source: str = ""
    lines: np.ndarray | None = field(default=None, repr=False)
    numbers: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def of_rows(cls, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Table:
        """A table of rows that are in memory already."""
        builder = Rows(len(columns))
        builder.add(rows)
        return builder.table(columns)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as tuples of Python values; for few of them."""
        if not self.cells:
            return [()] * self.count
        return list(zip(*(self.values(number) for number in range(len(self.columns)))))

    def values(self, number: int) -> Iterator[Any]:
        """Python values of a column."""
        for chunk in self.cells[number]:
            yield from plain(chunk)

    def number(self, row: int) -> int:
        """The number in the source, from 1, of a row counted from 0."""
        return row + 1 if self.numbers is None else int(self.numbers[row])

    def place(self, row: int) -> str:
        """``people.csv line 18`` for a row counted from 0; empty for a database."""
        line = f" line {int(self.lines[row])}" if self.lines is not None else ""
        return self.source + line


class Rows:
    """Takes rows batch by batch and keeps them column by column."""

    def __init__(self, width: int) -> None:
        self.cells: tuple[list[Chunk], ...] = tuple([] for _ in range(width))
        self.count = 0
        self._lines: list[np.ndarray] = []

    def add(self, rows: Sequence[Sequence[Any]], lines: Sequence[int] | None = None) -> None:
        """Rows of equal width, and where in the file each stands."""
        if not rows:
            return
        for chunks, values in zip(self.cells, zip(*rows)):
            chunks.append(compact(values))
        self.count += len(rows)
        if lines is not None:
            self._lines.append(np.array(lines, np.int64))

    def table(self, columns: Sequence[Column], source: str = "") -> Table:
        """What was taken so far, as a table."""
        lines = np.concatenate(self._lines) if self._lines else None
        return Table(tuple(columns), self.cells, self.count, source, lines)


@dataclass(frozen=True)
class Rule:
    """The rule of one column with everything that the input says for all columns."""

    column: ColumnRule = field(default_factory=ColumnRule)
    text: TextRules = field(default_factory=TextRules)


@dataclass(frozen=True)
class Snapshot:
    """Rows and constants of one moment, read in one transaction.

    ``database`` is the redacted URL or the name of the file, ``kind`` one of postgres, mysql, sqlite (empty without an
    input database); ``query`` is the policy's without secrets; ``warnings`` are lines for the log; ``rules`` say how
    each column is converted.
    """

    rows: Table
    constants: dict[str, int | bool]
    database: str
    query: str = field(repr=False)
    kind: str = ""
    warnings: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
