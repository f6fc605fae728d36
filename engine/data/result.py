"""The program's result -> rows for a database (section 3.7)."""

from __future__ import annotations

import json
from typing import Any

from engine.errors import DataError
from engine.values import ArrayType, BoolType, EnumType, IntType, StructType, TupleType, Type

Rows = list[tuple[Any, ...]]


def result_rows(
    result_type: Type, value: Any, *, text: str = "auto", keep: str = "all"
) -> tuple[tuple[str, ...] | None, Rows]:
    """Column names (None unless the rows are structs) and rows of plain values: bool, int, str, bytes, None.

    An array gives a row per element, anything else one row; a tuple or struct a column per field. ``text``
    says how ``[u8; N]`` comes out: auto (text when it is UTF-8, else bytes), text, bytes, hex, quoted.
    ``keep="matched"`` keeps of the pairs of a join those whose first field is true, without that field.
    """
    element, values = _elements(result_type, value, text)
    if keep == "matched":
        element, values = _matched(element, values)
    names, types = columns_of(element)
    if names is not None:
        rows = [tuple(_cell(type, v.fields[name], text) for name, type in zip(names, types)) for v in values]
    elif isinstance(element, TupleType):
        rows = [tuple(_cell(type, part, text) for type, part in zip(types, v)) for v in values]
    else:
        rows = [(_cell(element, v, text),) for v in values]
    return names, rows


def column_count(result_type: Type, *, keep: str = "all") -> tuple[tuple[str, ...] | None, int]:
    """(column names or None, number of columns) that a result of this type has."""
    element = element_of(result_type)
    if keep == "matched":
        element, _ = _matched(element, [])
    names, types = columns_of(element)
    return names, len(types)


def zero_row(result_type: Type, *, text: str = "auto", keep: str = "all") -> tuple[Any, ...]:
    """A row of the right types with zeros, empty texts and first variants: for trying out a statement."""
    element = element_of(result_type)
    if keep == "matched":
        element, _ = _matched(element, [])
    return tuple(_zero(type, text) for type in columns_of(element)[1])


def element_of(result_type: Type) -> Type:
    """Type of one row of the result."""
    return result_type.element if isinstance(result_type, ArrayType) else result_type


def columns_of(element: Type) -> tuple[tuple[str, ...] | None, tuple[Type, ...]]:
    """Names (structs only) and types of the columns of a row."""
    if isinstance(element, StructType):
        return tuple(name for name, _ in element.fields), tuple(type for _, type in element.fields)
    if isinstance(element, TupleType):
        return None, element.items
    return None, (element,)


def _elements(result_type: Type, value: Any, text: str) -> tuple[Type, list[Any]]:
    if isinstance(result_type, ArrayType):
        return result_type.element, list(value)
    return result_type, [value]


def _matched(element: Type, values: list[Any]) -> tuple[Type, list[Any]]:
    if not isinstance(element, TupleType) or not element.items or not isinstance(element.items[0], BoolType):
        raise DataError(
            f'output.keep is "matched" but the rows of the program are {element}',
            "it fits results of join: tuples whose first field is a bool",
        )
    rest, kept = element.items[1:], [tuple(value[1:]) for value in values if value[0]]
    if len(rest) == 1 and isinstance(rest[0], (TupleType, StructType)):
        return rest[0], [value[0] for value in kept]
    return TupleType(rest), kept


def _is_octets(type: Type) -> bool:
    return isinstance(type, ArrayType) and type.element == IntType("u8")


def _option(type: Type) -> Type | None:
    """T of an enum like ``Option``: a unit variant None and a variant Some(T)."""
    if not isinstance(type, EnumType) or {name for name, _ in type.variants} != {"None", "Some"}:
        return None
    payloads = dict(type.variants)
    some = payloads["Some"]
    return some[0] if payloads["None"] is None and some is not None and len(some) == 1 else None


def _cell(type: Type, value: Any, text: str) -> Any:
    """One column's value."""
    if isinstance(type, (BoolType, IntType)):
        return value
    if _is_octets(type):
        return _text(bytes(value), text)
    inner = _option(type)
    if inner is not None:
        return None if value.variant == "None" else _cell(inner, value.payload[0], text)
    if isinstance(type, EnumType) and value.payload is None:
        return value.variant
    return json.dumps(_plain(type, value), ensure_ascii=False, separators=(",", ":"))


def _text(octets: bytes, text: str) -> Any:
    """``[u8; N]`` without the zero bytes at its end; ``hex`` and ``bytes`` keep all."""
    if text == "hex":
        return octets.hex()
    if text == "bytes":
        return octets
    try:
        found = octets.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        if text == "auto":
            return octets
        raise DataError(
            "the result holds a [u8; N] that is not valid UTF-8", 'set output.text to "bytes" or "hex"'
        ) from None
    if text == "quoted":
        return f"'{found}'"
    if text == "auto" and "\0" in found:
        return octets
    return found


def _plain(type: Type, value: Any) -> Any:
    """Nested values as plain JSON: arrays and tuples as lists, structs as objects, variants by name."""
    if isinstance(type, (BoolType, IntType)):
        return value
    if _is_octets(type):
        try:
            return bytes(value).rstrip(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            return bytes(value).hex()
    if isinstance(type, ArrayType):
        return [_plain(type.element, item) for item in value]
    if isinstance(type, TupleType):
        return [_plain(item, part) for item, part in zip(type.items, value)]
    if isinstance(type, StructType):
        return {name: _plain(item, value.fields[name]) for name, item in type.fields}
    payload = type.variants[type.index(value.variant)][1]
    if payload is None:
        return value.variant
    return {value.variant: [_plain(item, part) for item, part in zip(payload, value.payload)]}


def _zero(type: Type, text: str) -> Any:
    if isinstance(type, BoolType):
        return False
    if isinstance(type, IntType):
        return 0
    if _is_octets(type):
        assert isinstance(type, ArrayType)
        return b"" if text == "bytes" else ""
    inner = _option(type)
    if inner is not None:
        return _zero(inner, text)
    if isinstance(type, EnumType) and type.variants[0][1] is None:
        return type.variants[0][0]
    return "null"
