"""Rows of a result as CSV, TSV, JSON, JSON Lines and Parquet; written batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import IO, Any

from engine.data.result import RowForm, Rows, option
from engine.errors import PolicyError
from engine.values import BoolType, IntType, Type

Batches = Callable[[], Iterable[Rows]]
"""Gives all rows anew with every call."""


def row_form(result_type: Type, format: str, text: str, keep: str, label: str) -> RowForm:
    """The form of rows for a file; raises DataError for a ``keep`` that does not fit, PolicyError without pyarrow."""
    if format == "parquet":
        import_pyarrow(label)
    return RowForm(result_type, text, keep, nested=format in ("json", "jsonl"), label=label)


def write_rows(file: IO[bytes], format: str, form: RowForm, batches: Batches) -> int:
    """Write all rows; returns their number. Raises OSError, and what ``batches`` raises."""
    if format == "parquet":
        return _write_parquet(file, form, batches)
    count = 0

    def counted() -> Iterator[Rows]:
        nonlocal count
        for rows in batches():
            count += len(rows)
            yield rows

    pieces = {"csv": _csv, "tsv": _tsv, "json": _json, "jsonl": _json_lines}[format]
    for piece in pieces(form, counted()):
        file.write(piece.encode("utf-8"))
    return count


def import_pyarrow(label: str) -> Any:
    """The packages ``pyarrow`` and ``pyarrow.parquet``; raises PolicyError when they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise PolicyError(
            f"{label}: Parquet needs the package pyarrow",
            hint="pip install 'polytune[parquet]', or write .csv or .jsonl",
        ) from None
    return pyarrow


# -- text ---------------------------------------------------------------------------------------------------------


def _csv(form: RowForm, batches: Iterable[Rows]) -> Iterator[str]:
    return _separated(form, batches, ",")


def _tsv(form: RowForm, batches: Iterable[Rows]) -> Iterator[str]:
    return _separated(form, batches, "\t")


def _separated(form: RowForm, batches: Iterable[Rows], delimiter: str) -> Iterator[str]:
    """A line a row, with a line of names if the rows are structs (RFC 4180, but lines end as on Unix)."""
    if form.names is not None:
        yield delimiter.join(_field(name, delimiter) for name in form.names) + "\n"
    for rows in batches:
        yield "".join(delimiter.join(_field(value, delimiter) for value in row) + "\n" for row in rows)


def _field(value: Any, delimiter: str) -> str:
    """NULL is empty, an empty text is quoted; bytes are ``\\x`` and hex digits, as PostgreSQL writes them."""
    if isinstance(value, str):
        special = not value or value != value.strip() or any(mark in value for mark in (delimiter, '"', "\n", "\r"))
        return '"' + value.replace('"', '""') + '"' if special else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


def _json(form: RowForm, batches: Iterable[Rows]) -> Iterator[str]:
    """One list with a row a line."""
    mark = "[\n"
    for line in _lines(form, batches):
        yield mark + line
        mark = ",\n"
    yield "[]\n" if mark == "[\n" else "\n]\n"


def _json_lines(form: RowForm, batches: Iterable[Rows]) -> Iterator[str]:
    for line in _lines(form, batches):
        yield line + "\n"


def _lines(form: RowForm, batches: Iterable[Rows]) -> Iterator[str]:
    """Every row as JSON: an object if the rows are structs, else a list."""
    for row in chain.from_iterable(batches):
        found: Any = dict(zip(form.names, row)) if form.names is not None else row
        yield json.dumps(found, ensure_ascii=False, default=_octets)


def _octets(value: Any) -> Any:
    return {"hex": bytes(value).hex()}


# -- Parquet ------------------------------------------------------------------------------------------------------


def _write_parquet(file: IO[bytes], form: RowForm, batches: Batches) -> int:
    arrow = import_pyarrow(form.label)
    types = [_arrow_type(arrow, type, form.text) for type in form.types]
    if form.text == "auto":
        types = _binary_where_needed(arrow, types, batches())
    schema = arrow.schema([arrow.field(name, type) for name, type in zip(form.columns, types)])
    count = 0
    with arrow.parquet.ParquetWriter(file, schema) as writer:
        for rows in batches():
            columns = zip(*rows) if rows else [()] * len(types)
            arrays = [arrow.array(_cells(column, type, arrow), type) for column, type in zip(columns, types)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _arrow_type(arrow: Any, type: Type, text: str) -> Any:
    inner = option(type)
    if inner is not None:
        return _arrow_type(arrow, inner, text)
    if isinstance(type, BoolType):
        return arrow.bool_()
    if isinstance(type, IntType):
        return getattr(arrow, f"{'' if type.signed else 'u'}int{type.bits}")()
    from engine.data.plain import is_octets

    return arrow.binary() if is_octets(type) and text == "bytes" else arrow.string()


def _binary_where_needed(arrow: Any, types: list[Any], batches: Iterable[Rows]) -> list[Any]:
    """A column of texts of which one is not UTF-8 holds bytes."""
    binary: set[int] = set()
    for row in chain.from_iterable(batches):
        binary.update(number for number, value in enumerate(row) if isinstance(value, bytes))
    return [arrow.binary() if number in binary else type for number, type in enumerate(types)]


def _cells(column: Iterable[Any], type: Any, arrow: Any) -> list[Any]:
    if type != arrow.binary():
        return list(column)
    return [value.encode("utf-8") if isinstance(value, str) else value for value in column]
