"""Words of literals: constants, widths, casts, and arithmetic that makes use of known bits."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from engine.circuit import Builder
from engine.values import ArrayType, BoolType, IntType, TupleType, Type, encode

Lits = np.ndarray


@lru_cache(maxsize=65536)
def constant_word(value: int, bits: int) -> Lits:
    """The literals of a number, two's complement, most significant bit first. Shared: do not change in place."""
    value &= (1 << bits) - 1
    return np.array([value >> place & 1 for place in range(bits - 1, -1, -1)], np.int64)


def constant_value(type_: Type, value: Any) -> Lits:
    """The literals of any value."""
    if isinstance(type_, IntType):
        return constant_word(int(value), type_.bits)
    return encode(type_, value).astype(np.int64)


def known_number(word: Lits) -> int | None:
    """The unsigned number of a word of constants, else None."""
    number = 0
    for literal in word.tolist():
        if literal > 1:
            return None
        number = 2 * number + literal
    return number


def as_signed(number: int, bits: int) -> int:
    """Two's complement reading of an unsigned number."""
    return number - (1 << bits) if number >> (bits - 1) & 1 else number


def cast(word: Lits, signed: bool, bits: int) -> Lits:
    """Widen by zeros or the sign, or keep the low bits (section 8)."""
    width = len(word)
    if bits <= width:
        return word[width - bits :]
    fill = np.full(bits - width, word[0] if signed else 0, np.int64)
    return np.concatenate((fill, word))


def convert(word: Lits, source: Type, target: Type) -> Lits:
    """A value of literals at the type of one use: like ``source`` but with other integer types."""
    if source == target or isinstance(source, BoolType):
        return word
    if isinstance(source, IntType):
        return cast(word, source.signed, target.bits)
    if isinstance(source, ArrayType) and isinstance(target, ArrayType):
        rows = word.reshape(source.size, source.element.bits)
        return _concatenate([convert(row, source.element, target.element) for row in rows])
    if isinstance(source, TupleType) and isinstance(target, TupleType):
        parts, start = [], 0
        for old, new in zip(source.items, target.items):
            parts.append(convert(word[start : start + old.bits], old, new))
            start += old.bits
        return _concatenate(parts)
    return word


def _concatenate(parts: list[Lits]) -> Lits:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def significant(word: Lits) -> int:
    """Bits that a two's complement word needs: leading copies of the sign are not counted."""
    first = int((word != word[0]).argmax())
    return len(word) - first + 1 if first else 1


def multiply(b: Builder, x: Lits, y: Lits, signed: bool) -> tuple[Lits, int]:
    """(x * y, overflow). Operands that were widened are multiplied at their own width."""
    if signed:
        width = significant(x) + significant(y)
        if width <= len(x):
            product, _ = b.mul(x[-width:], y[-width:], True)
            return cast(product, True, len(x)), 0
    product, overflow = b.mul(x, y, signed)
    return product, int(overflow)


def divide(b: Builder, x: Lits, y: Lits, signed: bool) -> tuple[Lits, Lits, int]:
    """(x / y, x % y, y == 0). Widened operands are divided at their own width."""
    if signed:
        width = max(significant(x), significant(y)) + 1
    else:
        width = max(len(x) - leading_zeros(x), len(y) - leading_zeros(y), 1)
    if width < len(x):
        quotient, rest, zero = b.divmod(x[-width:], y[-width:], signed)
        return cast(quotient, signed, len(x)), cast(rest, signed, len(x)), int(zero)
    quotient, rest, zero = b.divmod(x, y, signed)
    return quotient, rest, int(zero)


def less(b: Builder, x: Lits, y: Lits, signed: bool) -> int:
    """x < y."""
    if signed:
        width = max(significant(x), significant(y))
        x, y = x[-width:], y[-width:]
    bound = known_number(y)
    if bound is not None:
        return at_least(b, x, bound, signed) ^ 1
    bound = known_number(x)
    if bound is not None:
        if signed and bound + 1 == 1 << (len(y) - 1):
            return 0
        return at_least(b, y, bound + 1, signed)
    return int(b.less(x, y, signed))


def at_least(b: Builder, x: Lits, bound: int, signed: bool) -> int:
    """x >= bound, a number given by its bits (or one more than the largest)."""
    if not signed:
        return int(b.at_least(x, bound))
    bound = as_signed(bound % (1 << len(x)), len(x))
    if bound >= 0:
        return int(b.and_(x[0] ^ 1, b.at_least(x[1:], bound)))
    return int(b.and_(x[0], b.at_least(x[1:] ^ 1, -bound))) ^ 1


def leading_zeros(word: Lits) -> int:
    """Bits in front that are known to be zero."""
    if word[0]:
        return 0
    first = int((word != 0).argmax())
    return first if word[first] else len(word)
