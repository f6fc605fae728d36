"""Which family a result column belongs to, from what each driver tells about it."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.data.table import Chunk, Column, plain

if TYPE_CHECKING:
    from engine.data.connect import Database

#: PostgreSQL type oid -> (family, name); from pg_type.dat, fixed for ever.
_POSTGRES = {
    16: ("bool", "BOOL"),
    17: ("bytes", "BYTEA"),
    20: ("integer", "BIGINT"),
    21: ("integer", "SMALLINT"),
    23: ("integer", "INT"),
    26: ("integer", "OID"),
    18: ("text", '"char"'),
    19: ("text", "NAME"),
    25: ("text", "TEXT"),
    1043: ("text", "VARCHAR"),
    705: ("text", "TEXT"),
    1042: ("char", "CHAR"),
    1700: ("numeric", "NUMERIC"),
    700: ("real", "REAL"),
    701: ("real", "DOUBLE PRECISION"),
    1082: ("date", "DATE"),
    1083: ("time", "TIME"),
    1266: ("time", "TIMETZ"),
    1114: ("time", "TIMESTAMP"),
    1184: ("time", "TIMESTAMPTZ"),
    2950: ("uuid", "UUID"),
}
#: MySQL field type -> (family, name); protocol constants.
_MYSQL = {
    0: ("numeric", "DECIMAL"),
    246: ("numeric", "DECIMAL"),
    1: ("integer", "TINYINT"),
    2: ("integer", "SMALLINT"),
    9: ("integer", "MEDIUMINT"),
    3: ("integer", "INT"),
    8: ("integer", "BIGINT"),
    13: ("integer", "YEAR"),
    16: ("integer", "BIT"),
    4: ("real", "FLOAT"),
    5: ("real", "DOUBLE"),
    10: ("date", "DATE"),
    14: ("date", "DATE"),
    7: ("time", "TIMESTAMP"),
    11: ("time", "TIME"),
    12: ("time", "DATETIME"),
    15: ("text", "VARCHAR"),
    253: ("text", "VARCHAR"),
    254: ("char", "CHAR"),
    249: ("text", "TEXT"),
    250: ("text", "TEXT"),
    251: ("text", "TEXT"),
    252: ("text", "TEXT"),
    247: ("enum", "ENUM"),
}
_MYSQL_BINARY_CHARSET = 63
_MYSQL_ENUM_FLAG, _MYSQL_SET_FLAG = 256, 2048
#: Integers that every driver gives as int (BIT is none of them).
_PLAIN = ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR", "OID")
_PYTHON: dict[type, tuple[str, str]] = {
    int: ("integer", "INTEGER"),
    str: ("text", "TEXT"),
    bytes: ("bytes", "BLOB"),
    float: ("real", "REAL"),
    bool: ("bool", "BOOL"),
    decimal.Decimal: ("numeric", "NUMERIC"),
    datetime.date: ("date", "DATE"),
    datetime.datetime: ("time", "TIMESTAMP"),
    datetime.time: ("time", "TIME"),
    datetime.timedelta: ("time", "TIME"),
    uuid.UUID: ("uuid", "UUID"),
    list: ("nested", "ARRAY"),
    dict: ("nested", "OBJECT"),
}


def describe(database: Database, description: Sequence[Any]) -> tuple[Column, ...]:
    """Columns of a result from the cursor's description; SQLite tells names only, see :func:`by_value`."""
    if database.kind == "postgres":
        return _postgres(database, description)
    if database.kind == "mysql":
        return tuple(_mysql(item) for item in description)
    return tuple(Column(str(item[0]), "other", "NULL") for item in description)


def by_value(column: Column, chunks: Iterable[Chunk]) -> Column:
    """The column with the family of its first value that is not NULL, for sources that are typed by value."""
    for chunk in chunks:
        some = chunk[:1] if isinstance(chunk, np.ndarray) else chunk
        first = next((value for value in plain(some) if value is not None), None)
        if first is not None:
            return replace(column, family=of_value(first)[0], type_name=of_value(first)[1])
    return replace(column, family="other", type_name="NULL")


def of_value(value: Any) -> tuple[str, str]:
    """(family, type name) of one value: databases that are typed by value need it for messages."""
    return _PYTHON.get(type(value), ("other", type(value).__name__.upper()))


def _postgres(database: Database, description: Sequence[Any]) -> tuple[Column, ...]:
    unknown = sorted({int(item[1]) for item in description} - set(_POSTGRES))
    extra: dict[int, tuple[str, str]] = {}
    if unknown:
        numbers = ", ".join(map(str, unknown))
        found: Any = database.run(f"SELECT oid, typname, typtype FROM pg_catalog.pg_type WHERE oid IN ({numbers})")
        for row in found:
            oid, name, kind = int(row[0]), str(row[1]), row[2]
            family = "enum" if kind == "e" else "text" if name == "citext" else "other"
            extra[oid] = (family, name.upper())
    known = {**_POSTGRES, **extra}
    return tuple(Column(str(item[0]), *known.get(int(item[1]), ("other", "?"))) for item in description)


def _mysql(item: Sequence[Any]) -> Column:
    family, name = _MYSQL.get(int(item[1]), ("other", "?"))
    flags = int(item[7] or 0) if len(item) > 7 else 0
    charset = int(item[8] or 0) if len(item) > 8 else 0
    if family in ("text", "char"):
        if flags & _MYSQL_ENUM_FLAG:
            return Column(str(item[0]), "enum", "ENUM")
        if flags & _MYSQL_SET_FLAG:
            return Column(str(item[0]), "other", "SET")
        if charset == _MYSQL_BINARY_CHARSET:
            return Column(str(item[0]), "bytes", {"TEXT": "BLOB"}.get(name, "VARBINARY"))
    return Column(str(item[0]), family, name)


def normalise(columns: tuple[Column, ...], rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Rows with the drivers' own kinds of values replaced: memoryview and bytearray become bytes, or text."""
    convert: list[tuple[int, Any]] = []
    for number, column in enumerate(columns):
        if column.family in ("bool", "numeric", "real", "date", "time", "uuid") or column.type_name in _PLAIN:
            continue
        kinds = {type(row[number]) for row in rows}
        if not kinds & {memoryview, bytearray, bytes}:
            continue
        if column.family == "bytes":
            convert.append((number, _to_bytes))
        elif column.family in ("text", "char", "enum"):
            convert.append((number, _to_text))
        elif column.type_name == "BIT":
            convert.append((number, _to_int))
    if not convert:
        return rows
    lists = [list(part) for part in zip(*rows)]
    for number, function in convert:
        lists[number] = [function(value) for value in lists[number]]
    return list(zip(*lists))


def _to_bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, (memoryview, bytearray)) else value


def _to_text(value: Any) -> Any:
    if isinstance(value, (memoryview, bytearray, bytes)):
        return bytes(value).decode("utf-8", "surrogateescape")
    return value


def _to_int(value: Any) -> Any:
    return int.from_bytes(value, "big") if isinstance(value, (memoryview, bytearray, bytes)) else value
