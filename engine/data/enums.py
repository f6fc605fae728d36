"""Columns that become enums: plain ones by name or index, ``None``/``Some`` from NULL or a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.data.field import Converted, Field, no, no_variant, one_by_one
from engine.data.table import Chunk, Texts, plain
from engine.values import EnumType, Type

_LISTED = 20


def is_plain(type: Type) -> bool:
    """True for an enum all variants of which are without fields."""
    return isinstance(type, EnumType) and all(payload is None for _, payload in type.variants)


def some_of(type: Type) -> Type | None:
    """T of an enum that has just the variants ``None`` and ``Some(T)``, else None."""
    if not isinstance(type, EnumType) or len(type.variants) != 2:
        return None
    variants = dict(type.variants)
    payload = variants.get("Some")
    if "None" in variants and variants["None"] is None and payload is not None and len(payload) == 1:
        return payload[0]
    return None


def tag_bits(type: EnumType, tags: np.ndarray) -> np.ndarray:
    """The tag bits (N, tag_bits) of variant numbers."""
    shifts = np.arange(type.tag_bits - 1, -1, -1, dtype=np.int64)
    return ((tags.astype(np.int64)[:, None] >> shifts) & 1).astype(np.uint8)


def wrapped(type: EnumType, inner: np.ndarray) -> np.ndarray:
    """``Some(value)`` for the bits of values."""
    tags = tag_bits(type, np.full(len(inner), type.index("Some")))
    bits = np.zeros((len(inner), type.bits), np.uint8)
    bits[:, : type.tag_bits] = tags
    bits[:, type.tag_bits : type.tag_bits + inner.shape[1]] = inner
    return bits


def nothing(type: EnumType) -> np.ndarray:
    """Bits of ``None``."""
    bits = np.zeros(type.bits, np.uint8)
    bits[: type.tag_bits] = tag_bits(type, np.array([type.index("None")]))[0]
    return bits


def to_enums(field: Field, chunk: Chunk) -> Converted:
    """Names without regard to case; numbers of variants with ``as: "enum_index"``."""
    type = field.type
    assert isinstance(type, EnumType)
    if field.rule.form == "enum_index":
        found, problems = one_by_one(plain(chunk), lambda value: _by_index(field, type, value), 0)
    else:
        names = _Names(field, type)
        values = chunk.octets() if isinstance(chunk, Texts) else plain(chunk)
        found, problems = one_by_one(values, names.of, 0)
    return Converted(tag_bits(type, np.array(found, np.int64)), problems)


def _by_index(field: Field, type: EnumType, value: Any) -> tuple[int, str]:
    if isinstance(value, str) and field.column.family == "cell" and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int):
        return 0, no(field, value, " by enum_index: no integer")
    if 0 <= value < len(type.variants):
        return value, ""
    return 0, f"value out of range for the variants of {type} (0..{len(type.variants) - 1})"


class _Names:
    """Looks names up, each spelling once."""

    def __init__(self, field: Field, type: EnumType) -> None:
        self.field = field
        self.type = type
        self.names = [name.casefold() for name, _ in type.variants]
        more = ", ..." if len(type.variants) > _LISTED else ""
        self.listed = f"{type} ({', '.join(name for name, _ in type.variants[:_LISTED])}{more})"
        self.known: dict[Any, tuple[int, str]] = {}

    def of(self, value: Any) -> tuple[int, str]:
        if not isinstance(value, (str, bytes)):
            return 0, no(self.field, value)
        found = self.known.get(value)
        if found is None:
            found = self.look_up(value)
            if len(self.known) < 10_000:
                self.known[value] = found
        return found

    def look_up(self, value: str | bytes) -> tuple[int, str]:
        if self.field.column.family in ("other", "nested") or self.field.rule.form not in ("", "text"):
            return 0, no(self.field, value)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        text = (text.rstrip(" ") if self.field.column.family == "char" else text).casefold()
        matches = self.names.count(text)
        if matches == 1:
            return self.names.index(text), ""
        if matches:
            return 0, f"value fits more than one variant of {self.listed}"
        return 0, no_variant(self.listed)
