"""One column of values -> bits of one Garble type, and which rows do not fit.

Every converter returns ``(bits, problems)``: bits uint8 (N, type.bits) of 0/1, problems a dict row -> text.
Texts never hold a value. Sections 3.3 and 3.4 of the service specification.
"""

from __future__ import annotations

import datetime
import decimal
import re
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.data.families import of_value
from engine.data.table import Column
from engine.values import ArrayType, BoolType, EnumType, IntType, Type, encode_ints

Problems = dict[int, str]
Converted = tuple[np.ndarray, Problems]

NULL = "NULL"
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_DAY_TYPES = ("u32", "i32", "i64")
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_BOOLS = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}


def convert(type: Type, column: Column, values: Sequence[Any]) -> Converted:
    """Bits of a column; the type decides how, the column's family what is allowed."""
    if isinstance(type, BoolType):
        return _bools(type, column, values)
    if isinstance(type, IntType):
        return _ints(type, column, values)
    if is_text(type):
        assert isinstance(type, ArrayType)
        return _octets(type, column, values)
    if isinstance(type, EnumType) and all(payload is None for _, payload in type.variants):
        return _enums(type, column, values)
    return np.zeros((len(values), type.bits), np.uint8), dict.fromkeys(
        range(len(values)), f"a column cannot become {type} (bool, integers, [u8; N] and plain enums can)"
    )


def is_text(type: Type) -> bool:
    """True for ``[u8; N]``."""
    return isinstance(type, ArrayType) and type.element == IntType("u8")


def _no(column: Column, value: Any, type: Type) -> str:
    """Why a value of the wrong kind is refused; names the value's own type where it differs from the
    column's.
    """
    family, name = of_value(value)
    if family == "other" or family == column.family or column.type_name != "NULL":
        name = ""
    hint = ""
    if isinstance(type, IntType) and family == "text":
        hint = "; cast it to an integer in the query"
    elif isinstance(type, IntType) and column.family == "bool":
        hint = "; CAST(... AS INT) in the query makes a number of it"
    elif is_text(type) and family in ("integer", "numeric", "real", "bool"):
        hint = "; CAST(... AS TEXT) in the query makes a text of it"
    return f"{'a ' + name + ' value ' if name else ''}cannot become {type}{hint}"


def _bools(type: BoolType, column: Column, values: Sequence[Any]) -> Converted:
    problems: Problems = {}
    bits = np.zeros((len(values), 1), np.uint8)
    if column.family in ("integer", "bool") and set(map(_kind, values)) <= {bool, int}:
        numbers = [value if value in (0, 1) else 2 for value in values]
        bits[:, 0] = np.array(numbers, np.uint8)
        for row in np.flatnonzero(bits[:, 0] == 2).tolist():
            problems[row] = "value out of range for bool (0 or 1)"
        return bits, problems
    for row, value in enumerate(values):
        if value is None:
            problems[row] = NULL
        elif isinstance(value, int) and column.family in ("integer", "bool"):
            if value in (0, 1):
                bits[row, 0] = value
            else:
                problems[row] = "value out of range for bool (0 or 1)"
        elif column.family == "cell" and isinstance(value, str):
            bits[row, 0] = _BOOLS.get(value.lower(), 0)
            if value.lower() not in _BOOLS:
                problems[row] = "cannot become bool (true, false, t, f, 1 and 0 can)"
        else:
            problems[row] = _no(column, value, type)
    return bits, problems


_kind: Callable[[Any], type] = type


def _ints(type: IntType, column: Column, values: Sequence[Any]) -> Converted:
    if column.family == "integer" and set(map(_kind, values)) <= {int}:
        fast = _fast_ints(type, values)
        if fast is not None:
            return fast, {}
    problems: Problems = {}
    numbers = [0] * len(values)
    for row, value in enumerate(values):
        number, problem = _int_of(type, column, value)
        if problem:
            problems[row] = problem
        elif not type.minimum <= number <= type.maximum:
            problems[row] = f"value out of range for {type} ({type.minimum}..{type.maximum})"
        else:
            numbers[row] = number
    return encode_ints(type, np.array(numbers, np.int64 if type.signed else np.uint64)), problems


def _fast_ints(type: IntType, values: Sequence[Any]) -> np.ndarray | None:
    """Bits when all numbers are in range, else None."""
    try:
        return encode_ints(type, np.array(values, np.uint64 if type.name == "u64" else np.int64))
    except (OverflowError, ValueError):
        return None


def _int_of(type: IntType, column: Column, value: Any) -> tuple[int, str]:
    if value is None:
        return 0, NULL
    if isinstance(value, bool) or column.family == "bool":
        return 0, _no(column, value, type)
    if isinstance(value, int):
        return value, ""
    if column.family == "cell" and isinstance(value, str):
        return (int(value), "") if _INTEGER.fullmatch(value) else (0, f"is not a whole number, cannot become {type}")
    if isinstance(value, decimal.Decimal):
        if not value.is_finite() or value != value.to_integral_value():
            return 0, f"is not a whole number, cannot become {type}; ROUND or CAST it in the query"
        return int(value), ""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        if type.name in _DAY_TYPES:
            return value.toordinal() - _EPOCH, ""
        return 0, f"a date becomes u32, i32 or i64 (days since 1970-01-01), not {type}"
    return 0, _no(column, value, type)


def octets(column: Column, value: Any) -> bytes | None:
    """The bytes that a value has as ``[u8; N]`` before padding; None when it has none.

    Raises UnicodeEncodeError for text that is not valid UTF-8.
    """
    if isinstance(value, str):
        return (value.rstrip(" ") if column.family == "char" else value).encode("utf-8")
    if isinstance(value, bytes):
        return value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat().encode()
    if isinstance(value, uuid.UUID):
        return str(value).encode()
    return None


def _octets(type: ArrayType, column: Column, values: Sequence[Any]) -> Converted:
    problems: Problems = {}
    size = type.size
    found = _octet_list(type, column, values, problems)
    longest = max(map(len, found), default=0)
    if longest > size:
        for row, item in enumerate(found):
            if len(item) > size:
                problems[row] = f"text has {len(item)} bytes, {type} holds {size}"
                found[row] = b""
    _check_zeros(found, [not isinstance(value, str) for value in values], size, problems)
    matrix = np.frombuffer(b"".join([item.ljust(size, b"\0") for item in found]), np.uint8)
    return np.unpackbits(matrix.reshape(len(values), size), axis=1), problems


def _octet_list(type: ArrayType, column: Column, values: Sequence[Any], problems: Problems) -> list[bytes]:
    if column.family == "text" and set(map(_kind, values)) <= {str}:
        try:
            return [value.encode("utf-8") for value in values]
        except UnicodeEncodeError:
            pass
    found: list[bytes] = []
    for row, value in enumerate(values):
        item: bytes | None = b""
        if value is None:
            problems[row] = NULL
        elif column.family == "other" and column.type_name != "NULL":
            problems[row] = f"cannot become {type}; cast it to text in the query"
        elif isinstance(value, uuid.UUID) and type.size == 16:
            item = value.bytes
        else:
            try:
                item = octets(column, value)
            except UnicodeEncodeError:
                problems[row] = "text is not valid UTF-8"
        if item is None:
            problems[row] = _no(column, value, type)
        found.append(item or b"")
    return found


def _check_zeros(found: list[bytes], binary: list[bool], size: int, problems: Problems) -> None:
    """Zero bytes would collide with the padding.

    They are never allowed in text, in binary values only when all of them have full length.
    """
    holders = [row for row, item in enumerate(found) if b"\0" in item]
    if not holders:
        return
    full = all(len(item) == size for row, item in enumerate(found) if row not in problems)
    for row in holders:
        if not binary[row]:
            problems[row] = "text with an embedded NUL byte"
        elif not full:
            problems[row] = f"binary value with zero bytes while some have fewer than {size}: length would be ambiguous"


def not_normal(values: Sequence[Any]) -> int:
    """How many texts are not in Unicode normal form NFC; keys that look equal may then differ."""
    return sum(
        1
        for value in values
        if isinstance(value, str) and not value.isascii() and not unicodedata.is_normalized("NFC", value)
    )


def _enums(type: EnumType, column: Column, values: Sequence[Any]) -> Converted:
    names = [name.casefold() for name, _ in type.variants]
    problems: Problems = {}
    tags = np.zeros(len(values), np.int64)
    listed = ", ".join(name for name, _ in type.variants[:20]) + (", ..." if len(type.variants) > 20 else "")
    known: dict[str, int] = {}
    for row, value in enumerate(values):
        if value is None:
            problems[row] = NULL
            continue
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str) or column.family == "other":
            problems[row] = _no(column, value, type)
            continue
        text = (text.rstrip(" ") if column.family == "char" else text).casefold()
        tag = known.get(text)
        if tag is None:
            matches = names.count(text)
            if matches != 1:
                what = "is not a variant" if matches == 0 else "fits more than one variant"
                problems[row] = f"value {what} of {type} ({listed})"
                continue
            tag = known[text] = names.index(text)
        tags[row] = tag
    shifts = np.arange(type.bits - 1, -1, -1, dtype=np.int64)
    return ((tags[:, None] >> shifts) & 1).astype(np.uint8), problems
