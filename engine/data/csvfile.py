"""Rows from CSV and TSV files: every cell is text, the parameter's type decides what is read from it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from engine.data.files import BATCH, Limit, codec, name_of
from engine.data.table import Column, Rows, Table
from engine.errors import DataError
from engine.sources import FileSource

#: The longest cell, in characters; csv's own default of 128 KiB is short for documents.
LONGEST_CELL = 1 << 24


def read_csv(file: FileSource, limit: Limit) -> Table:
    """All rows. Raises DataError, OSError, UnicodeDecodeError."""
    encoding, errors = codec(file)
    csv.field_size_limit(LONGEST_CELL)
    with open(file.path, encoding=encoding, errors=errors, newline="") as stream:
        lines = _lines(csv.reader(stream, delimiter=file.delimiter, strict=True), file)
        first = next(lines, None)
        if first is None:
            return Table((), (), 0, name_of(file))
        number, cells = first
        if file.header:
            names = _header(cells, file)
        else:
            names = [f"c{place}" for place in range(1, len(cells) + 1)]
        builder = Rows(len(names))
        batch, numbers = ([], []) if file.header else ([_cells(cells, file)], [number])
        for number, cells in lines:
            if not cells and len(names) == 1:
                cells = [""]
            if not cells:
                continue
            if len(cells) != len(names):
                raise _ragged(file, number, len(cells), len(names))
            batch.append(_cells(cells, file))
            numbers.append(number)
            if len(batch) >= BATCH:
                limit.check(builder.count + len(batch))
                builder.add(batch, numbers)
                batch, numbers = [], []
        limit.check(builder.count + len(batch))
        builder.add(batch, numbers)
    return builder.table([Column(name, "cell") for name in names], name_of(file))


def _lines(reader: Any, file: FileSource) -> Iterator[tuple[int, list[str]]]:
    """(number of the record's last line, cells) of each record."""
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(
            f"{file.path} line {reader.line_num}: {error}",
            "cells with quotes, delimiters or line breaks stand in double quotes, and quotes in them are doubled",
        ) from None


def _cells(cells: list[str], file: FileSource) -> list[str | None]:
    return [None if cell in file.null_values else cell for cell in cells]


def _header(cells: list[str], file: FileSource) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(
            f"{file.path} line 1: the header names column {', '.join(sorted(twice))!r} twice",
            "rename a column, or set input.header: false when the first line is a row",
        )
    return names


def _ragged(file: FileSource, line: int, found: int, expected: int) -> DataError:
    what = "the header has" if file.header else "the first line has"
    return DataError(
        f"{file.path} line {line}: {found} cell{'s' if found != 1 else ''}, {what} {expected}",
        f"the delimiter is {file.delimiter!r}; input.delimiter sets another",
    )
