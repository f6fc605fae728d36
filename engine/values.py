"""Resolved types and values of the language, and their encodings as bits, text and JSON.

A resolved type holds no names of constants any more: every array size is a number. Values are plain Python:
``bool``, ``int``, ``list`` (array), ``tuple``, :class:`StructValue`, :class:`EnumValue`. Bits follow the
specification of the language, section 16 (most significant bit first), text section 17.1, JSON section 17.2.
Functions raise :class:`ValueError` for a value that is not of its type; no message holds the value itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

INT_WIDTHS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "usize": 32, "i8": 8, "i16": 16, "i32": 32, "i64": 64}


@dataclass(frozen=True)
class BoolType:
    """``bool``: one bit."""

    @property
    def bits(self) -> int:
        """Width of the encoding."""
        return 1

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class IntType:
    """An integer type by its name, ``u8`` to ``u64``, ``usize`` (32 bits), ``i8`` to ``i64``."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in INT_WIDTHS:
            raise ValueError(f"unknown integer type {self.name!r}")

    @property
    def bits(self) -> int:
        """Width of the encoding."""
        return INT_WIDTHS[self.name]

    @property
    def signed(self) -> bool:
        """True for two's complement types."""
        return self.name[0] == "i"

    @property
    def minimum(self) -> int:
        """Smallest value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest value."""
        return (1 << (self.bits - int(self.signed))) - 1

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class ArrayType:
    """``[element; size]``."""

    element: Type
    size: int

    @cached_property
    def bits(self) -> int:
        """Width of the encoding: elements in index order."""
        return self.size * self.element.bits

    def __str__(self) -> str:
        return f"[{self.element}; {self.size}]"


@dataclass(frozen=True)
class TupleType:
    """``(items...)``; no items is unit."""

    items: tuple[Type, ...]

    @cached_property
    def bits(self) -> int:
        """Width of the encoding: components in order."""
        return sum(item.bits for item in self.items)

    def __str__(self) -> str:
        return "(" + ", ".join(map(str, self.items)) + ")"


@dataclass(frozen=True)
class StructType:
    """A struct: its fields as (name, type), sorted by name."""

    name: str
    fields: tuple[tuple[str, Type], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(sorted(self.fields, key=lambda field: field[0])))

    @cached_property
    def bits(self) -> int:
        """Width of the encoding: fields in alphabetical order."""
        return sum(field.bits for _, field in self.fields)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class EnumType:
    """An enum: its variants in order as (name, None for a unit variant | payload types)."""

    name: str
    variants: tuple[tuple[str, tuple[Type, ...] | None], ...]

    @cached_property
    def tag_bits(self) -> int:
        """Smallest t with 2**t >= number of variants."""
        return (len(self.variants) - 1).bit_length()

    @cached_property
    def bits(self) -> int:
        """Tag width plus the width of the largest payload."""
        return self.tag_bits + max(sum(item.bits for item in payload or ()) for _, payload in self.variants)

    def index(self, variant: str) -> int:
        """Number of a variant; KeyError when there is none of that name."""
        for number, (name, _) in enumerate(self.variants):
            if name == variant:
                return number
        raise KeyError(variant)

    def __str__(self) -> str:
        return self.name


Type = BoolType | IntType | ArrayType | TupleType | StructType | EnumType


@dataclass(frozen=True)
class StructValue:
    """A value of a struct: field name -> value."""

    name: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class EnumValue:
    """A value of an enum; ``payload`` is None for a unit variant."""

    enum: str
    variant: str
    payload: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Literal:
    """A value with its type; ``str()`` is the text form of section 17.1."""

    type: Type
    value: Any

    def __str__(self) -> str:
        return format_value(self.type, self.value)


def encode(type: Type, value: Any) -> np.ndarray:
    """Bits of one value, uint8 of 0/1, shape (type.bits,). ValueError when the value is not of the type."""
    return encode_many(type, [value])[0]


def encode_many(type: Type, values: Sequence[Any]) -> np.ndarray:
    """Bits of many values of one type, uint8 (len(values), type.bits), computed column by column."""
    if isinstance(type, BoolType):
        _require(all(value is True or value is False for value in values), type)
        return np.array(values, dtype=np.uint8).reshape(len(values), 1)
    if isinstance(type, IntType):
        return _encode_python_ints(type, values)
    if isinstance(type, ArrayType):
        _require(all(isinstance(v, (list, tuple)) and len(v) == type.size for v in values), type)
        flat = encode_many(type.element, [item for value in values for item in value])
        return flat.reshape(len(values), type.bits)
    if isinstance(type, TupleType):
        size = len(type.items)
        _require(all(isinstance(v, (list, tuple)) and len(v) == size for v in values), type)
        return _columns(len(values), [(item, [v[i] for v in values]) for i, item in enumerate(type.items)])
    if isinstance(type, StructType):
        names = {name for name, _ in type.fields}
        _require(
            all(isinstance(v, StructValue) and v.name == type.name and set(v.fields) == names for v in values),
            type,
        )
        return _columns(len(values), [(item, [v.fields[name] for v in values]) for name, item in type.fields])
    return _encode_enums(type, values)


def encode_ints(type: IntType, values: np.ndarray) -> np.ndarray:
    """Bits of an integer array of any shape, uint8 values.shape + (bits,). ValueError when out of range."""
    values = np.asarray(values)
    if values.dtype.kind not in "iub":
        raise ValueError(f"not an array of integers for {type}")
    if values.size and (int(values.min()) < type.minimum or int(values.max()) > type.maximum):
        raise ValueError(f"number out of range for {type} ({type.minimum} to {type.maximum})")
    raw = values.astype(np.int64 if type.signed else np.uint64).astype(_big_endian(type))
    octets = np.ascontiguousarray(raw).view(np.uint8).reshape(*values.shape, type.bits // 8)
    return np.unpackbits(octets, axis=-1)


def decode(type: Type, bits: Any) -> Any:
    """Value of one encoding (any sequence of 0/1). ValueError on a wrong length or a tag without variant."""
    array = np.asarray(bits, dtype=np.uint8).reshape(-1)
    if array.shape != (type.bits,):
        raise ValueError(f"{type} has {type.bits} bits, not {array.size}")
    return decode_many(type, array.reshape(1, -1))[0]


def decode_many(type: Type, bits: np.ndarray) -> list[Any]:
    """Values of encodings, one a row: bits uint8 (N, type.bits) of 0/1."""
    rows = bits.shape[0]
    if isinstance(type, BoolType):
        return [bool(bit) for bit in bits[:, 0]]
    if isinstance(type, IntType):
        return decode_ints(type, bits).tolist()
    if isinstance(type, ArrayType):
        flat = decode_many(type.element, bits.reshape(rows * type.size, type.element.bits))
        return [flat[row * type.size : (row + 1) * type.size] for row in range(rows)]
    if isinstance(type, TupleType):
        return _decode_items(type.items, bits)
    if isinstance(type, StructType):
        names = [name for name, _ in type.fields]
        return [
            StructValue(type.name, dict(zip(names, items)))
            for items in _decode_items(tuple(item for _, item in type.fields), bits)
        ]
    return _decode_enums(type, bits)


def decode_ints(type: IntType, bits: np.ndarray) -> np.ndarray:
    """Integers of encodings: bits uint8 (..., type.bits) of 0/1 -> int64 or uint64 (...)."""
    octets = np.ascontiguousarray(np.packbits(np.asarray(bits, dtype=np.uint8), axis=-1))
    raw = octets.view(_big_endian(type))
    return raw.reshape(bits.shape[:-1]).astype(np.int64 if type.signed else np.uint64)


def format_value(type: Type, value: Any) -> str:
    """Text form of section 17.1: numbers without suffix, struct fields in alphabetical order."""
    if isinstance(type, BoolType):
        return "true" if value else "false"
    if isinstance(type, IntType):
        return str(int(value))
    if isinstance(type, ArrayType):
        return "[" + ", ".join(format_value(type.element, item) for item in value) + "]"
    if isinstance(type, TupleType):
        return _format_items(type.items, value)
    if isinstance(type, StructType):
        inner = ", ".join(f"{name}: {format_value(item, value.fields[name])}" for name, item in type.fields)
        return f"{type.name} {{{inner}}}"
    payload = type.variants[type.index(value.variant)][1]
    name = f"{type.name}::{value.variant}"
    return name if payload is None else name + _format_items(payload, value.payload)


def to_json(type: Type, value: Any) -> Any:
    """JSON form of section 17.2 as Python objects."""
    if isinstance(type, BoolType):
        return "True" if value else "False"
    if isinstance(type, IntType):
        return {"NumSigned" if type.signed else "NumUnsigned": [int(value), type.name.capitalize()]}
    if isinstance(type, ArrayType):
        return {"Array": [to_json(type.element, item) for item in value]}
    if isinstance(type, TupleType):
        return {"Tuple": [to_json(item, part) for item, part in zip(type.items, value)]}
    if isinstance(type, StructType):
        return {"Struct": [type.name, [[name, to_json(item, value.fields[name])] for name, item in type.fields]]}
    payload = type.variants[type.index(value.variant)][1]
    if payload is None:
        return {"Enum": [type.name, value.variant, "Unit"]}
    parts = [to_json(item, part) for item, part in zip(payload, value.payload)]
    return {"Enum": [type.name, value.variant, {"Tuple": parts}]}


def from_json(type: Type, obj: Any) -> Any:
    """Value of a JSON form of section 17.2; ValueError unless number types match exactly or are ``Unspecified``."""
    if isinstance(type, BoolType):
        _require(obj in ("True", "False"), type)
        return obj == "True"
    _require(isinstance(obj, dict) and len(obj) == 1, type)
    ((form, content),) = obj.items()
    if isinstance(type, IntType):
        return _int_from_json(type, form, content)
    if isinstance(type, ArrayType):
        return _array_from_json(type, form, content)
    if isinstance(type, TupleType):
        _require(form == "Tuple" and _is_list(content, len(type.items)), type)
        return tuple(from_json(item, part) for item, part in zip(type.items, content))
    if isinstance(type, StructType):
        return _struct_from_json(type, form, content)
    return _enum_from_json(type, form, content)


def _big_endian(type: IntType) -> str:
    return f">{'i' if type.signed else 'u'}{type.bits // 8}"


def _require(condition: bool, type: Type) -> None:
    if not condition:
        raise ValueError(f"not a value of type {type}")


def _is_list(obj: Any, length: int) -> bool:
    return isinstance(obj, list) and len(obj) == length


def _encode_python_ints(type: IntType, values: Sequence[Any]) -> np.ndarray:
    _require(all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values), type)
    if values and (min(values) < type.minimum or max(values) > type.maximum):
        raise ValueError(f"number out of range for {type} ({type.minimum} to {type.maximum})")
    return encode_ints(type, np.array(values, dtype=np.int64 if type.signed else np.uint64))


def _columns(rows: int, columns: list[tuple[Type, list[Any]]]) -> np.ndarray:
    if not columns:
        return np.zeros((rows, 0), dtype=np.uint8)
    return np.concatenate([encode_many(item, values) for item, values in columns], axis=1)


def _encode_enums(type: EnumType, values: Sequence[Any]) -> np.ndarray:
    bits = np.zeros((len(values), type.bits), dtype=np.uint8)
    _require(all(isinstance(v, EnumValue) and v.enum == type.name for v in values), type)
    known = {name for name, _ in type.variants}
    _require(all(v.variant in known for v in values), type)
    for number, (name, payload) in enumerate(type.variants):
        rows = [row for row, value in enumerate(values) if value.variant == name]
        for place in range(type.tag_bits):
            bits[rows, place] = (number >> (type.tag_bits - 1 - place)) & 1
        if payload is None:
            _require(all(values[row].payload is None for row in rows), type)
            continue
        size = len(payload)
        parts = [values[row].payload for row in rows]
        _require(all(isinstance(part, (tuple, list)) and len(part) == size for part in parts), type)
        inner = _columns(len(rows), [(item, [part[i] for part in parts]) for i, item in enumerate(payload)])
        bits[rows, type.tag_bits : type.tag_bits + inner.shape[1]] = inner
    return bits


def _decode_items(items: tuple[Type, ...], bits: np.ndarray) -> list[tuple[Any, ...]]:
    if not items:
        return [()] * bits.shape[0]
    columns, start = [], 0
    for item in items:
        columns.append(decode_many(item, bits[:, start : start + item.bits]))
        start += item.bits
    return list(zip(*columns))


def _decode_enums(type: EnumType, bits: np.ndarray) -> list[Any]:
    weights = 1 << np.arange(type.tag_bits - 1, -1, -1, dtype=np.int64)
    tags = bits[:, : type.tag_bits].astype(np.int64) @ weights if type.tag_bits else np.zeros(len(bits), np.int64)
    if tags.size and int(tags.max()) >= len(type.variants):
        raise ValueError(f"tag without variant in a value of type {type}")
    values: list[Any] = [None] * len(bits)
    for number, (name, payload) in enumerate(type.variants):
        rows = np.flatnonzero(tags == number)
        if payload is None:
            parts: list[Any] = [None] * len(rows)
        else:
            width = sum(item.bits for item in payload)
            parts = _decode_items(payload, bits[rows, type.tag_bits : type.tag_bits + width])
        for row, part in zip(rows.tolist(), parts):
            values[row] = EnumValue(type.name, name, part)
    return values


def _format_items(items: tuple[Type, ...], values: Sequence[Any]) -> str:
    return "(" + ", ".join(format_value(item, value) for item, value in zip(items, values)) + ")"


def _int_from_json(type: IntType, form: str, content: Any) -> int:
    _require(form in ("NumSigned", "NumUnsigned") and _is_list(content, 2), type)
    same = form == ("NumSigned" if type.signed else "NumUnsigned") and content[1] == type.name.capitalize()
    _require(same or content[1] == "Unspecified", type)
    number = content[0]
    _require(isinstance(number, int) and not isinstance(number, bool), type)
    if not type.minimum <= number <= type.maximum:
        raise ValueError(f"number out of range for {type} ({type.minimum} to {type.maximum})")
    return number


def _array_from_json(type: ArrayType, form: str, content: Any) -> list[Any]:
    if form == "ArrayRepeat":
        _require(_is_list(content, 2) and content[1] == type.size, type)
        return [from_json(type.element, content[0])] * type.size
    if form == "Range":
        _require(_is_list(content, 3) and isinstance(type.element, IntType) and not type.element.signed, type)
        start, end, name = content
        _require(all(isinstance(n, int) and not isinstance(n, bool) for n in (start, end)), type)
        _require(
            name in (str(type.element).capitalize(), "Unspecified") and end - start == type.size and start >= 0, type
        )
        if end - 1 > type.element.maximum:  # type: ignore[union-attr]
            raise ValueError(f"number out of range for {type.element}")
        return list(range(start, end))
    _require(form == "Array" and _is_list(content, type.size), type)
    return [from_json(type.element, item) for item in content]


def _struct_from_json(type: StructType, form: str, content: Any) -> StructValue:
    _require(form == "Struct" and _is_list(content, 2) and content[0] == type.name, type)
    pairs = content[1]
    _require(_is_list(pairs, len(type.fields)) and all(_is_list(pair, 2) for pair in pairs), type)
    given = {pair[0]: pair[1] for pair in pairs if isinstance(pair[0], str)}
    _require(set(given) == {name for name, _ in type.fields}, type)
    return StructValue(type.name, {name: from_json(item, given[name]) for name, item in type.fields})


def _enum_from_json(type: EnumType, form: str, content: Any) -> EnumValue:
    _require(form == "Enum" and _is_list(content, 3) and content[0] == type.name, type)
    payloads = dict(type.variants)
    _require(isinstance(content[1], str) and content[1] in payloads, type)
    payload = payloads[content[1]]
    if payload is None:
        _require(content[2] == "Unit", type)
        return EnumValue(type.name, content[1])
    parts = content[2].get("Tuple") if isinstance(content[2], dict) and len(content[2]) == 1 else None
    _require(_is_list(parts, len(payload)), type)
    assert isinstance(parts, list)
    return EnumValue(type.name, content[1], tuple(from_json(item, part) for item, part in zip(payload, parts)))
