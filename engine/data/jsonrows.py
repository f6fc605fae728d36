"""Rows from JSON: an array of rows in a file, one row a line, or rows of the policy.

A row is an array (columns by position), an object (columns by name) or a single value (one column).
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Sequence
from typing import Any

from engine.data.families import by_value
from engine.data.files import BATCH, Limit, codec, name_of
from engine.data.table import Column, Rows, Table
from engine.errors import DataError
from engine.sources import FileSource


class _Twice(ValueError):
    """An object has a key twice."""


def read_json(file: FileSource, limit: Limit) -> Table:
    """A file that is one array of rows."""
    encoding, errors = codec(file)
    with open(file.path, encoding=encoding, errors=errors) as stream:
        text = stream.read()
    value = _parse(text, file.path)
    if not isinstance(value, list):
        raise DataError(f"{file.path}: expected an array of rows", "one object a line is the format of .jsonl files")
    return read_rows(value, file.path, limit, name_of(file))


def read_json_lines(file: FileSource, limit: Limit) -> Table:
    """A file with one row a line; blank lines do not count."""
    encoding, errors = codec(file)
    reader = _Reader(file.path, limit)
    with open(file.path, encoding=encoding, errors=errors) as stream:
        for number, line in enumerate(stream, 1):
            if not line.isspace():
                reader.add(_parse(line, f"{file.path} line {number}", one_line=True), number)
    return reader.table(name_of(file))


def read_rows(rows: Sequence[Any], label: str, limit: Limit, source: str = "") -> Table:
    """Rows that are parsed already; ``label`` says in messages where they come from."""
    reader = _Reader(label, limit)
    for row in rows:
        reader.add(row, None)
    return reader.table(source or label)


def _parse(text: str, label: str, one_line: bool = False) -> Any:
    try:
        return json.loads(text, parse_float=decimal.Decimal, parse_constant=_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        place = f"column {error.colno}" if one_line else f"line {error.lineno} column {error.colno}"
        raise DataError(f"{label}: not valid JSON: {error.msg} ({place})", "correct the file") from None
    except _Twice as error:
        raise DataError(f"{label}: the key {str(error)!r} appears twice in an object", "each name once") from None
    except RecursionError:
        raise DataError(f"{label}: nested too deeply") from None
    except ValueError as error:  # NaN, numbers of thousands of digits
        text = str(error) if "not a JSON number" in str(error) else "a number has too many digits"
        raise DataError(f"{label}: {text}") from None


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


class _Reader:
    """Collects rows that must all have the shape of the first one."""

    def __init__(self, label: str, limit: Limit) -> None:
        self.label = label
        self.limit = limit
        self.first: Any = None
        self.names: list[str] = []
        self.builder = Rows(0)
        self.batch: list[Sequence[Any]] = []
        self.lines: list[int] = []

    def add(self, row: Any, line: int | None) -> None:
        number = self.builder.count + len(self.batch)
        if number == 0:
            self.start(row)
        self.batch.append(self.cells(row, number, line))
        if line is not None:
            self.lines.append(line)
        if len(self.batch) >= BATCH:
            self.flush()

    def start(self, row: Any) -> None:
        self.first = row
        if isinstance(row, dict):
            self.names = list(row)
        else:
            self.names = [f"c{place}" for place in range(1, 1 + (len(row) if isinstance(row, list) else 1))]
        self.builder = Rows(len(self.names))

    def cells(self, row: Any, number: int, line: int | None) -> Sequence[Any]:
        if _shape(row) != _shape(self.first):
            self.fail(number, line, f"{_shape(row)}, but the first row is {_shape(self.first)}")
        if isinstance(row, dict):
            if row.keys() != set(self.names):
                missing = [name for name in self.names if name not in row]
                extra = [name for name in row if name not in self.names]
                parts = [f"no key '{name}'" for name in missing] + [f"unexpected key '{name}'" for name in extra]
                self.fail(number, line, f"{', '.join(parts[:5])} (the first row has other keys)")
            return [row[name] for name in self.names]
        if isinstance(row, list):
            if len(row) != len(self.names):
                self.fail(number, line, f"{len(row)} values, but the first row has {len(self.names)}")
            return row
        return [row]

    def fail(self, number: int, line: int | None, text: str) -> None:
        place = f"{self.label} line {line}" if line is not None else f"{self.label} row {number + 1}"
        raise DataError(f"{place}: {text}", "all rows need the same shape; null stands for a missing value")

    def flush(self) -> None:
        self.limit.check(self.builder.count + len(self.batch))
        self.builder.add(self.batch, self.lines or None)
        self.batch, self.lines = [], []

    def table(self, source: str) -> Table:
        self.flush()
        cells = self.builder.cells
        columns = [by_value(Column(name, "other", nests=True), chunks) for name, chunks in zip(self.names, cells)]
        return self.builder.table(columns, source)


def _shape(row: Any) -> str:
    return "an array" if isinstance(row, list) else "an object" if isinstance(row, dict) else "a single value"
