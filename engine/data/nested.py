"""Values of JSON that become arrays, tuples, structs and enums with fields."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np

from engine.data.field import Converted, Field, is_text, one_by_one, out_of_range
from engine.data.octets import normal
from engine.data.table import Chunk, plain
from engine.values import (
    ArrayType,
    BoolType,
    EnumType,
    EnumValue,
    IntType,
    StructType,
    StructValue,
    TupleType,
    Type,
    decode,
    encode_many,
)


class _Unfit(ValueError):
    """A part does not fit its type; the text names the part."""


def to_nested(field: Field, chunk: Chunk) -> Converted:
    """Arrays from lists of exactly their length, tuples from lists, structs from objects, enums from names or
    ``{"Variant": [fields]}``; text inside by the rules of its column.
    """
    type = field.type
    filler = decode(type, np.zeros(type.bits, np.uint8))
    found, problems = one_by_one(plain(chunk), lambda value: _try(field, value), filler)
    return Converted(encode_many(type, found), problems)


def _try(field: Field, value: Any) -> tuple[Any, str]:
    try:
        return _value(field, field.type, value, ""), ""
    except _Unfit as problem:
        return None, str(problem)


def _value(field: Field, type: Type, value: Any, path: str) -> Any:
    if isinstance(type, BoolType):
        if isinstance(value, bool):
            return value
        raise _unfit(type, path)
    if isinstance(type, IntType):
        return _number(type, value, path)
    if isinstance(type, ArrayType):
        return _array(field, type, value, path)
    if isinstance(type, TupleType):
        if not isinstance(value, list) or len(value) != len(type.items):
            raise _unfit(type, path, f" (an array of {len(type.items)} values can)")
        return tuple(_value(field, item, part, f"{path}[{i}]") for i, (item, part) in enumerate(zip(type.items, value)))
    if isinstance(type, StructType):
        return _struct(field, type, value, path)
    return _enum(field, type, value, path)


def _number(type: IntType, value: Any, path: str) -> int:
    if isinstance(value, decimal.Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unfit(type, path)
    if not type.minimum <= value <= type.maximum:
        raise _Unfit(_at(path) + out_of_range(type))
    return value


def _array(field: Field, type: ArrayType, value: Any, path: str) -> list[Any]:
    if is_text(type) and isinstance(value, str):
        return _text(field, type, value, path)
    if not isinstance(value, list):
        raise _unfit(type, path)
    if len(value) != type.size:
        raise _Unfit(f"{_at(path)}has {len(value)} elements, {type} has {type.size}")
    return [_value(field, type.element, item, f"{path}[{i}]") for i, item in enumerate(value)]


def _text(field: Field, type: ArrayType, value: str, path: str) -> list[int]:
    try:
        octets = normal(value, field.column, field.text).encode()
    except UnicodeError:
        raise _Unfit(f"{_at(path)}text is not valid UTF-8") from None
    if len(octets) > type.size:
        raise _Unfit(f"{_at(path)}text has {len(octets)} bytes, {type} holds {type.size}")
    if 0 in octets:
        raise _Unfit(f"{_at(path)}text with an embedded NUL byte")
    return list(octets.ljust(type.size, b"\0"))


def _struct(field: Field, type: StructType, value: Any, path: str) -> StructValue:
    if not isinstance(value, dict):
        raise _unfit(type, path, " (an object can)")
    given = {name.lower(): part for name, part in value.items()}
    wanted = {name.lower(): name for name, _ in type.fields}
    if len(given) < len(value) or given.keys() != wanted.keys():
        raise _Unfit(f"{_at(path)}has not exactly the fields of {type} ({', '.join(wanted.values())})")
    parts = {name: _value(field, item, given[name.lower()], f"{path}.{name}") for name, item in type.fields}
    return StructValue(type.name, parts)


def _enum(field: Field, type: EnumType, value: Any, path: str) -> EnumValue:
    name, parts = value, None
    if isinstance(value, dict) and len(value) == 1:
        ((name, parts),) = value.items()
    variants = [item for item in type.variants if isinstance(name, str) and item[0].casefold() == name.casefold()]
    if len(variants) != 1:
        listed = ", ".join(item for item, _ in type.variants[:20])
        raise _Unfit(f"{_at(path)}value is not a variant of {type} ({listed})")
    variant, payload = variants[0]
    if payload is None:
        if parts is not None:
            raise _Unfit(f"{_at(path)}{type}::{variant} has no fields")
        return EnumValue(type.name, variant)
    fields = parts if isinstance(parts, list) else [parts]
    if parts is None or len(fields) != len(payload):
        raise _Unfit(f'{_at(path)}{type}::{variant} needs {{"{variant}": [...]}} with {len(payload)} fields')
    found = [_value(field, item, part, f"{path}.{variant}[{i}]") for i, (item, part) in enumerate(zip(payload, fields))]
    return EnumValue(type.name, variant, tuple(found))


def _unfit(type: Type, path: str, hint: str = "") -> _Unfit:
    return _Unfit(f"{_at(path)}cannot become {type}{hint}")


def _at(path: str) -> str:
    return f"at {path.lstrip('.')}: " if path else ""
