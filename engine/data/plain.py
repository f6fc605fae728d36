"""Values and types as plain JSON, without loss: a value read back with its type is the same value.

Numbers and booleans are themselves, ``[u8; N]`` is its text without the zero bytes at the end (``{"hex": …}`` when it
is not UTF-8), arrays and tuples are lists, structs objects, variants their name or ``{"Name": [fields]}``.
"""

from __future__ import annotations

from typing import Any

from engine.values import ArrayType, BoolType, EnumType, EnumValue, IntType, StructType, StructValue, TupleType, Type

_OCTET = IntType("u8")


def is_octets(type: Type) -> bool:
    """Whether a type is ``[u8; N]``, which people use for text."""
    return isinstance(type, ArrayType) and type.element == _OCTET


def plain_octets(octets: bytes) -> Any:
    """Text, or ``{"hex": …}``."""
    try:
        return octets.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return {"hex": octets.hex()}


def to_plain(type: Type, value: Any) -> Any:
    """The JSON form of a value."""
    if isinstance(type, (BoolType, IntType)):
        return value
    if isinstance(type, ArrayType):
        if is_octets(type):
            return plain_octets(bytes(value))
        return [to_plain(type.element, item) for item in value]
    if isinstance(type, TupleType):
        return [to_plain(item, part) for item, part in zip(type.items, value)]
    if isinstance(type, StructType):
        return {name: to_plain(item, value.fields[name]) for name, item in type.fields}
    payload = type.variants[type.index(value.variant)][1]
    if payload is None:
        return value.variant
    return {value.variant: [to_plain(item, part) for item, part in zip(payload, value.payload)]}


def from_plain(type: Type, plain: Any) -> Any:
    """The value of a JSON form; ValueError, TypeError or KeyError when it is not one. Numbers are not range-checked."""
    if isinstance(type, (BoolType, IntType)):
        return plain
    if isinstance(type, ArrayType):
        if is_octets(type) and not isinstance(plain, list):
            octets = plain.encode("utf-8") if isinstance(plain, str) else bytes.fromhex(plain["hex"])
            return list(octets.ljust(type.size, b"\0"))
        return [from_plain(type.element, item) for item in plain]
    if isinstance(type, TupleType):
        return tuple(from_plain(item, part) for item, part in zip(type.items, plain, strict=True))
    if isinstance(type, StructType):
        return StructValue(type.name, {name: from_plain(item, plain[name]) for name, item in type.fields})
    if isinstance(plain, str):
        return EnumValue(type.name, plain)
    ((variant, parts),) = plain.items()
    payload = type.variants[type.index(variant)][1] or ()
    items = tuple(from_plain(item, part) for item, part in zip(payload, parts, strict=True))
    return EnumValue(type.name, variant, items)


def type_to_plain(type: Type) -> Any:
    """A type as JSON: its name for bool and numbers, else an object with one key."""
    if isinstance(type, (BoolType, IntType)):
        return str(type)
    if isinstance(type, ArrayType):
        return {"array": [type_to_plain(type.element), type.size]}
    if isinstance(type, TupleType):
        return {"tuple": [type_to_plain(item) for item in type.items]}
    if isinstance(type, StructType):
        return {"struct": [type.name, [[name, type_to_plain(item)] for name, item in type.fields]]}
    variants = [
        [name, None if payload is None else [type_to_plain(item) for item in payload]]
        for name, payload in type.variants
    ]
    return {"enum": [type.name, variants]}


def type_from_plain(plain: Any) -> Type:
    """The inverse of :func:`type_to_plain`; ValueError, TypeError or KeyError for anything else."""
    if isinstance(plain, str):
        return BoolType() if plain == "bool" else IntType(plain)
    ((form, content),) = plain.items()
    if form == "array":
        return ArrayType(type_from_plain(content[0]), int(content[1]))
    if form == "tuple":
        return TupleType(tuple(type_from_plain(item) for item in content))
    if form == "struct":
        return StructType(content[0], tuple((name, type_from_plain(item)) for name, item in content[1]))
    if form != "enum":
        raise ValueError(f"unknown kind of type: {str(form)[:20]}")
    variants = tuple(
        (name, None if payload is None else tuple(type_from_plain(item) for item in payload))
        for name, payload in content[1]
    )
    return EnumType(content[0], variants)
