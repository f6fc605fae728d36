"""Numbers that words of literals can have, and arithmetic that makes use of them.

Only what holds for a word whatever the inputs are is noted, panics included: an equal word may occur on another path.
"""

from __future__ import annotations

import numpy as np

from engine.circuit import Builder
from engine.garble.words import as_signed, cast, known_number, leading_zeros, less, multiply, significant

Lits = np.ndarray
Range = tuple[int, int]


class Ranges:
    """(smallest, largest) number of words, where that says more than their constant bits; counters, for instance."""

    LIMIT = 100_000  # words that are remembered; more would cost too much memory

    def __init__(self) -> None:
        self._known: tuple[dict[bytes, Range], dict[bytes, Range]] = ({}, {})

    def of(self, word: Lits, signed: bool) -> Range:
        """The range of a word."""
        if word[-1] < 2:
            number = known_number(word)
            if number is not None:
                number = as_signed(number, len(word)) if signed else number
                return number, number
        found = self._known[signed].get(word.tobytes())
        return limits(word, signed) if found is None else found

    def note(self, word: Lits, signed: bool, low: int, high: int) -> None:
        """Remember a range if it is narrower than what the bits of the word say."""
        least, most = limits(word, signed)
        if low > least or high < most:
            known = self._known[signed]
            if len(known) >= self.LIMIT:
                known.clear()
            known[word.tobytes()] = (max(low, least), min(high, most))

    def join(self, word: Lits, signed: bool, parts: list[Lits]) -> None:
        """A word that is one of some others."""
        ranges = [self.of(part, signed) for part in parts]
        self.note(word, signed, min(low for low, _ in ranges), max(high for _, high in ranges))


def limits(word: Lits, signed: bool) -> Range:
    """What the constant bits in front of a word say."""
    if not signed:
        return 0, (1 << (len(word) - leading_zeros(word))) - 1
    half = 1 << (significant(word) - 1)
    return (0 if word[0] == 0 else -half, -1 if word[0] == 1 else half - 1)


def representable(bits: int, signed: bool) -> Range:
    """Least and largest number of a type."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def width_of(low: int, high: int) -> int:
    """Bits that hold all numbers of a range; two's complement if some are negative."""
    if low >= 0:
        return max(1, high.bit_length())
    return max(high.bit_length(), (-low - 1).bit_length()) + 1


def add(b: Builder, x: Lits, y: Lits, signed: bool, ranges: Ranges, *, minus: bool = False) -> tuple[Lits, int]:
    """(x + y or x - y, overflow). Sign extensions and bits that must be zero are not added bit by bit."""
    operation = b.sub if minus else b.add
    (x_low, x_high), (y_low, y_high) = ranges.of(x, signed), ranges.of(y, signed)
    low, high = (x_low - y_high, x_high - y_low) if minus else (x_low + y_low, x_high + y_high)
    least, most = representable(len(x), signed)
    if least <= low and high <= most:
        width = width_of(low, high)
        total, _ = operation(x[-width:], y[-width:], signed)
        result = cast(total, low < 0, len(x))
        ranges.note(result, signed, low, high)
        return result, 0
    if minus and not signed:  # if it does not overflow, it is not larger than x
        width = width_of(0, max(x_high, y_high))
        total, overflow = operation(x[-width:], y[-width:], False)
        return cast(total[-width_of(0, x_high) :], False, len(x)), int(overflow)
    total, overflow = operation(x, y, signed)
    return total, int(overflow)


def product(b: Builder, x: Lits, y: Lits, signed: bool, ranges: Ranges) -> tuple[Lits, int]:
    """(x * y, overflow)."""
    (x_low, x_high), (y_low, y_high) = ranges.of(x, signed), ranges.of(y, signed)
    corners = [i * j for i in (x_low, x_high) for j in (y_low, y_high)]
    low, high = min(corners), max(corners)
    least, most = representable(len(x), signed)
    fits = least <= low and high <= most
    if fits and x_low >= 0 and y_low >= 0:
        width = width_of(low, high)
        result = cast(b.mul(x[-width:], y[-width:])[0], False, len(x))
        overflow = 0
    else:
        result, overflow = multiply(b, x, y, signed)
    if fits:
        ranges.note(result, signed, low, high)
        overflow = 0
    return result, overflow


def compare(b: Builder, x: Lits, y: Lits, signed: bool, ranges: Ranges) -> int:
    """x < y."""
    (x_low, x_high), (y_low, y_high) = ranges.of(x, signed), ranges.of(y, signed)
    if x_high < y_low:
        return 1
    if x_low >= y_high:
        return 0
    return less(b, x, y, signed)
