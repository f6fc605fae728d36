"""Rows -> the bits of a parameter: shape, conversion, order for joins (sections 3.1 and 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.data.encoder import SHOWN_ROWS, Encoder
from engine.data.files import BATCH
from engine.data.table import Column, Rule, Table
from engine.errors import DataError
from engine.values import ArrayType, StructType, TupleType, Type, encode


@dataclass(frozen=True)
class EncodedRows:
    """``bits``: uint8 of 0/1, flat, (parameter.bits,). ``sorted``: True when the rows were put into another
    order.

    ``warnings`` are lines for the log; ``rows`` is the number of rows.
    """

    bits: np.ndarray
    sorted: bool
    warnings: tuple[str, ...] = ()
    rows: int = 0


@dataclass(frozen=True)
class _Shape:
    """How a parameter takes rows: ``size`` of them (one unless it is an array), columns to types, and the join key."""

    size: int
    is_array: bool
    fields: tuple[tuple[str | None, Type], ...]
    key: Type


def encode_rows(
    table: Table,
    parameter_type: Type,
    *,
    parameter_name: str,
    sort: str = "auto",
    joins: bool = False,
    allow_duplicates: bool = False,
    database_kind: str = "",
    party: int | None = None,
    size_name: str = "",
    rules: Sequence[Rule] = (),
    key: bytes = b"",
    show_values: bool = False,
) -> EncodedRows:
    """Encode a table as the value of a parameter. Raises DataError naming rows and columns.

    ``rules`` are those of the snapshot, one a column; ``key`` is that of columns with ``as: "hash:N"``. Only with
    ``show_values`` a message holds the values of the rows it names.

    ``joins``: the parameter goes straight into ``join`` or ``join_iter``, which need strictly ascending
    keys. ``sort`` is the policy's ``input.sort``: auto sorts when ``joins``, key always, none never, error
    refuses rows that are not ascending. ``party`` and ``size_name`` (``PARTY_0::ROWS``) only make the
    message about a wrong number of rows clearer.
    """
    shape = _shape(parameter_type)
    _check_count(table, shape, parameter_type, parameter_name, party, size_name)
    # Without rows some sources tell no columns.
    columns = _assign(table.columns, shape, parameter_name) if table.columns or table.count else []
    encoder = Encoder(table, columns, [type for _, type in shape.fields], rules, key)
    packed = encoder.packed()
    encoder.check(database_kind, show_values)
    order, warnings = _order(table, packed, shape, parameter_name, sort, joins, allow_duplicates)
    bits = _unpacked(packed, order, encoder.bits)
    return EncodedRows(bits, order is not None, (*encoder.warnings(), *warnings), table.count)


def encode_value(
    value: Any, parameter_type: Type, *, parameter_name: str, sort: str = "auto", joins: bool, allow_duplicates: bool
) -> EncodedRows:
    """Encode a value of the parameter's type; the rows of an array are ordered like those of a table."""
    shape = _shape(parameter_type)
    bits = encode(parameter_type, value).reshape(shape.size, -1)
    packed = np.packbits(bits, axis=1)
    table = Table((), (), shape.size)
    order, warnings = _order(table, packed, shape, parameter_name, sort, joins, allow_duplicates)
    return EncodedRows(_unpacked(packed, order, bits.shape[1]), order is not None, tuple(warnings), shape.size)


def check_columns(columns: Sequence[Column], parameter_type: Type, parameter_name: str) -> None:
    """Raise DataError when these columns cannot be the fields of the parameter, whatever the rows are."""
    _assign(columns, _shape(parameter_type), parameter_name)


def _shape(parameter: Type) -> _Shape:
    is_array = isinstance(parameter, ArrayType)
    element = parameter.element if isinstance(parameter, ArrayType) else parameter
    size = parameter.size if isinstance(parameter, ArrayType) else 1
    if isinstance(element, TupleType):
        fields: tuple[tuple[str | None, Type], ...] = tuple((None, item) for item in element.items)
        return _Shape(size, is_array, fields, element.items[0] if element.items else element)
    if isinstance(element, StructType):
        return _Shape(size, is_array, tuple(element.fields), element)
    return _Shape(size, is_array, ((None, element),), element)


def _check_count(table: Table, shape: _Shape, parameter: Type, name: str, party: int | None, size_name: str) -> None:
    rows = table.count
    if rows == shape.size:
        return
    of_party = f" of party {party}" if party is not None else ""
    if not shape.is_array:
        raise DataError(
            f"input has {rows} rows but parameter '{name}'{of_party} is {parameter}: it takes one row",
            "let the query return one row, or make the parameter an array",
        )
    constant = f" ({size_name} = {shape.size})" if size_name else ""
    raise DataError(
        f"input has {rows} rows but parameter '{name}'{of_party} is [..; {shape.size}]{constant}",
        'count the rows that the query returns; the constant {"rows": true} always fits',
    )


def _assign(columns: Sequence[Column], shape: _Shape, name: str) -> list[int]:
    """For each field of the element the number of its column."""
    if not shape.fields or shape.fields[0][0] is None:
        if len(columns) == len(shape.fields):
            return list(range(len(columns)))
        expected = len(shape.fields)
        what = f"a tuple with {expected} fields" if expected != 1 else "one column"
        raise DataError(
            f"The program expects {what}, but the query returned a row with {len(columns)} fields",
            f"select exactly the columns that parameter '{name}' takes, in its order",
        )
    names = [column.name.lower() for column in columns]
    wanted = [str(field).lower() for field, _ in shape.fields]
    missing = [str(field) for field, _ in shape.fields if names.count(str(field).lower()) != 1]
    extra = [column.name for column in columns if column.name.lower() not in wanted]
    if missing or extra:
        parts = []
        if missing:
            parts.append(f"no column for field {', '.join(missing)}")
        if extra:
            parts.append(f"no field for column {', '.join(extra)}")
        raise DataError(
            f"the columns do not fit struct {shape.key}: {'; '.join(parts)}",
            "name the columns like the fields (AS in the query); each name once",
        )
    return [names.index(item) for item in wanted]


def _unpacked(packed: np.ndarray, order: np.ndarray | None, bits: int) -> np.ndarray:
    """The bits of all rows one after the other, uint8 of 0/1, made in batches: they take eight times the space."""
    found = np.empty((len(packed), bits), np.uint8)
    for start in range(0, len(packed), BATCH):
        rows = slice(start, start + BATCH)
        part = packed[rows] if order is None else packed[order[rows]]
        found[rows] = np.unpackbits(part, axis=1, count=bits)
    return found.reshape(-1)


def _order(
    table: Table, packed: np.ndarray, shape: _Shape, name: str, sort: str, joins: bool, allow_duplicates: bool
) -> tuple[np.ndarray | None, list[str]]:
    """The order that puts the rows into strictly ascending order of their key bits; None to leave them as they are."""
    matters = shape.is_array and (joins or sort in ("key", "error"))
    if not matters or len(packed) < 2:
        return None, []
    keys = _keys(packed, shape.key.bits)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    ascending = bool((order[1:] > order[:-1]).all())
    if not allow_duplicates:
        _check_duplicates(table, ordered, order, name)
    if ascending:
        return None, []
    if sort == "error":
        raise DataError(
            f"the rows of '{name}' are not in ascending order of their join key",
            'remove "sort": "error" to have them sorted; ORDER BY follows the collation, not the bytes',
        )
    if sort == "none":
        text = f"the rows of '{name}' are not sorted by join key: the join will lose matches"
        return None, [f'{text}; remove "sort": "none"']
    return order, []


def _keys(packed: np.ndarray, bits: int) -> np.ndarray:
    """Keys (N,), the first ``bits`` of each row, whose order is that of the bit strings: big-endian integers up to 64
    bits, byte strings beyond.
    """
    width = -(-bits // 8)
    keys = packed[:, :width]
    if bits % 8:
        keys = keys.copy()
        keys[:, -1] &= 256 - (1 << (8 - bits % 8))
    if width <= 8:
        padded = np.zeros((len(keys), 8), np.uint8)
        padded[:, :width] = keys
        return padded.view(">u8").reshape(-1).astype(np.uint64)
    # Fixed-length byte strings: numpy ignores trailing zero bytes when it compares, which cannot change
    # the order.
    return np.ascontiguousarray(keys).view(f"S{width}").reshape(-1)


def _check_duplicates(table: Table, ordered: np.ndarray, order: np.ndarray, name: str) -> None:
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return
    starts = same.copy()
    starts[1:] &= ~same[:-1]
    rows = np.sort(order[1:][same])
    listed = ", ".join(str(table.number(row)) for row in rows[:SHOWN_ROWS].tolist()) + (
        ", ..." if len(rows) > SHOWN_ROWS else ""
    )
    count = int(starts.sum())
    keys = "1 join key occurs" if count == 1 else f"{count} join keys occur"
    raise DataError(
        f"{keys} more than once in the rows of '{name}' (rows {listed}); join would drop matches",
        "make the keys unique in input.query (GROUP BY, DISTINCT), or set input.allow_duplicates: true",
    )


def table_of(columns: Sequence[tuple[str, str]], rows: list[tuple[Any, ...]]) -> Table:
    """A table from (name, family) pairs and rows: for inputs that do not come from a database."""
    return Table.of_rows([Column(name, family) for name, family in columns], rows)


__all__ = ["EncodedRows", "check_columns", "encode_rows", "encode_value", "table_of"]
