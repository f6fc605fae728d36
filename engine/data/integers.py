"""Columns that become integers or bool."""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.data import times
from engine.data.field import Converted, Field, Problems, no, one_by_one, out_of_range
from engine.data.table import Chunk, Texts, plain
from engine.values import IntType, encode_ints

_DAY_TYPES = ("u32", "i32", "i64")
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
_BOOLS = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}


def to_bools(field: Field, chunk: Chunk) -> Converted:
    """0 and 1, booleans, and words with ``as: "bool"`` or in formats without types."""
    if isinstance(chunk, np.ndarray) and field.rule.form in ("", "bool"):
        wrong = (chunk != 0) & (chunk != 1)
        text = "value out of range for bool (0 or 1)"
        return Converted((chunk == 1).astype(np.uint8)[:, None], dict.fromkeys(np.flatnonzero(wrong).tolist(), text))
    found, problems = one_by_one(plain(chunk), lambda value: _bool_of(field, value), 0)
    return Converted(np.array(found, np.uint8).reshape(-1, 1), problems)


def _bool_of(field: Field, value: Any) -> tuple[int, str]:
    if field.rule.form not in ("", "bool"):
        return 0, f'"as": "{field.rule}" does not make bool'
    if isinstance(value, int):
        return (int(value), "") if value in (0, 1) else (0, "value out of range for bool (0 or 1)")
    if isinstance(value, str) and (field.column.family == "cell" or field.rule.form == "bool"):
        number = _BOOLS.get(value.lower())
        return (number, "") if number is not None else (0, "cannot become bool (true, false, t, f, 1 and 0 can)")
    return 0, no(field, value)


def to_ints(field: Field, chunk: Chunk) -> Converted:
    """Numbers that fit exactly; times and dates as ``as`` says."""
    type = field.type
    assert isinstance(type, IntType)
    plain_form = field.rule.form in ("", "int")
    if isinstance(chunk, np.ndarray) and plain_form and (chunk.dtype != np.bool_ or field.rule.form == "int"):
        return _of_array(type, chunk.astype(np.uint8) if chunk.dtype == np.bool_ else chunk)
    if isinstance(chunk, Texts) and not chunk.binary and plain_form and _takes_words(field):
        found, problems = one_by_one(chunk.octets(), lambda value: _number_of_word(type, value), 0)
    else:
        found, problems = one_by_one(plain(chunk), lambda value: _int_of(field, type, value), 0)
    return _in_range(type, found, problems)


def _takes_words(field: Field) -> bool:
    return field.column.family == "cell" or field.rule.form == "int"


def _of_array(type: IntType, numbers: np.ndarray) -> Converted:
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    if low >= type.minimum and high <= type.maximum:
        return Converted(encode_ints(type, numbers))
    # Bounds that the array's own type cannot hold are no bounds for it; comparing would change its type.
    wrong = np.zeros(len(numbers), np.bool_)
    limits = np.iinfo(numbers.dtype)
    if type.minimum > limits.min:
        wrong |= numbers < type.minimum
    if type.maximum < limits.max:
        wrong |= numbers > type.maximum
    bits = encode_ints(type, np.where(wrong, np.zeros(1, numbers.dtype), numbers))
    return Converted(bits, dict.fromkeys(np.flatnonzero(wrong).tolist(), out_of_range(type)))


def _in_range(type: IntType, numbers: Sequence[int], problems: Problems) -> Converted:
    fits = [type.minimum <= number <= type.maximum for number in numbers]
    for row, fit in enumerate(fits):
        if not fit:
            problems[row] = out_of_range(type)
    kept = [number if fit else 0 for number, fit in zip(numbers, fits)]
    return Converted(encode_ints(type, np.array(kept, np.int64 if type.signed else np.uint64)), problems)


def _number_of_word(type: IntType, word: str | bytes) -> tuple[int, str]:
    text = word.decode() if isinstance(word, bytes) else word
    return (int(text), "") if _INTEGER.fullmatch(text) else (0, f"is not a whole number, cannot become {type}")


def _int_of(field: Field, type: IntType, value: Any) -> tuple[int, str]:
    form = field.rule.form
    try:
        if form in ("", "int"):
            return _plain_int(field, type, value)
        if form == "scaled":
            return _scaled(field, value)
        if form == "days":
            value = times.parse_date(value) if isinstance(value, str) else value
            return (times.days(value), "") if times.is_date(value) else (0, no(field, value, " by days: no date"))
        if form in ("epoch_s", "epoch_ms"):
            value = times.parse_timestamp(value) if isinstance(value, str) else value
            if not times.is_time(value):
                return 0, no(field, value, f" by {form}: no time")
            return times.epoch(value, field.rule.tz, form), ""
    except times.TimeProblem as problem:
        return 0, f"{problem}, cannot become {type}"
    return 0, f'"as": "{field.rule}" does not make {type}'


def _plain_int(field: Field, type: IntType, value: Any) -> tuple[int, str]:
    if isinstance(value, bool):
        return (int(value), "") if field.rule.form == "int" else (0, no(field, value))
    if isinstance(value, int):
        return (value, "") if field.column.family != "bool" else (0, no(field, value))
    if isinstance(value, decimal.Decimal):
        if not value.is_finite() or value != value.to_integral_value():
            scaled = '; ROUND or CAST it in the query (or "as": "scaled:2")'
            return 0, f"is not a whole number, cannot become {type}{scaled}"
        return int(value), ""
    if isinstance(value, str) and _takes_words(field):
        return _number_of_word(type, value)
    if times.is_date(value):
        if type.name in _DAY_TYPES:
            return times.days(value), ""
        return 0, f'a date becomes u32, i32 or i64 (days since 1970-01-01), not {type} (unless "as": "days")'
    return 0, no(field, value)


def _scaled(field: Field, value: Any) -> tuple[int, str]:
    """value * 10**k, exactly. Of floating point the shortest decimal that denotes the number counts."""
    if isinstance(value, (bool, bytes, datetime.date)):
        return 0, no(field, value, f" by {field.rule}: no number")
    if isinstance(value, float):
        if not math.isfinite(value):
            return 0, f"is NaN or infinite, cannot become {field.type}"
        value = decimal.Decimal(repr(value))
    elif isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            return 0, f"is not a decimal number, cannot become {field.type}"
        value = decimal.Decimal(value)
    if isinstance(value, int):
        return value * 10**field.rule.number, ""
    if not isinstance(value, decimal.Decimal):
        return 0, no(field, value, f" by {field.rule}: no number")
    return _shifted(field, value)


def _shifted(field: Field, value: decimal.Decimal) -> tuple[int, str]:
    if not value.is_finite():
        return 0, f"is NaN or infinite, cannot become {field.type}"
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    shift = exponent + field.rule.number
    number = int("".join(map(str, digits)) or "0")
    if number == 0:
        return 0, ""
    if shift > 40:
        return 0, out_of_range(field.type) if isinstance(field.type, IntType) else ""
    if shift >= 0:
        number *= 10**shift
    else:
        number, rest = divmod(number, 10 ** min(-shift, len(digits) + 1))
        if rest:
            return 0, f"has more than {field.rule.number} digits after the point, cannot become {field.type}"
    return -number if sign else number, ""
