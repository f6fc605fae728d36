"""Products with a number that is known: additions of shifted words, and an exact test of overflow."""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.circuit import Builder
from engine.garble.ranges import Range, representable, width_of
from engine.garble.words import at_least, cast, constant_word

Lits = np.ndarray


def times(b: Builder, x: Lits, factor: int, signed: bool, within: Range) -> tuple[Lits, int]:
    """(x * factor, overflow) for an x of that range.

    Overflow shows in the bits of the exact product that do not fit; if there are many of them, in x itself.
    """
    bits = len(x)
    if not signed and within[0] >= 0 and factor and _columns_win(bits, within[1].bit_length(), factor):
        product, overflow = b.mul(x, constant_word(factor, bits))
        return product, int(overflow)
    return _by_additions(b, x, factor, signed, within)


@cache
def _columns_win(bits: int, used: int, factor: int) -> bool:
    """Whether the general unsigned multiplier takes fewer ANDs for a word of which this many bits are used."""
    b = Builder((used,))
    x = cast(b.input(0), False, bits)
    general = np.append(*b.mul(x, constant_word(factor, bits)))
    additions = np.append(*_by_additions(b, x, factor, False, (0, (1 << used) - 1)))
    return b.finish(general).and_gates < b.finish(additions).and_gates


def _by_additions(b: Builder, x: Lits, factor: int, signed: bool, within: Range) -> tuple[Lits, int]:
    bits = len(x)
    least, most = representable(bits, signed)
    low, high = sorted((within[0] * factor, within[1] * factor))
    width = width_of(low, high)
    if least <= low and high <= most:
        return cast(_Multiples(b, x, within, width).of(factor), low < 0, bits), 0
    if (width - bits) * (_additions(factor) + 1) > bits:
        result = cast(_Multiples(b, x, within, bits).of(factor), low < 0, bits)
        smallest, largest = sorted((_quotient(least, factor), _quotient(most, factor)))
        too_large = at_least(b, x, largest + 1, signed) if largest < within[1] else 0
        too_small = at_least(b, x, smallest, signed) ^ 1 if smallest > within[0] else 0
        return result, int(b.or_(too_small, too_large))
    product = cast(_Multiples(b, x, within, width).of(factor), low < 0, max(width, bits))
    result, front = product[-bits:], product[:-bits]
    if signed:
        return result, int(b.any(b.xor(front, result[0]))) if low < 0 else int(b.any(np.append(front, result[0])))
    return result, int(b.any(front))


def _quotient(number: int, factor: int) -> int:
    """number / factor, rounded towards zero."""
    size = abs(number) // abs(factor)
    return size if (number < 0) == (factor < 0) else -size


class _Multiples:
    """Multiples of a word as words of the width that they need, at most ``most`` bits."""

    def __init__(self, builder: Builder, x: Lits, within: Range, most: int) -> None:
        self.builder = builder
        self.within = within
        self.most = most
        self.known = {1: x[-width_of(*within) :]}

    def of(self, factor: int) -> Lits:
        """factor * x."""
        if factor not in self.known:
            self.known[factor] = self._made(factor)
        return self.known[factor]

    def _made(self, factor: int) -> Lits:
        if factor == 0:
            return np.zeros(1, np.int64)
        step, left, right = _plan(factor)[1]
        if step == "shift":
            word = self.of(left)
            return np.concatenate((word, np.zeros(right, np.int64)))[-self._width(factor) :]
        x, y = (self._resized(part, self._width(factor)) for part in (left, right))
        return self.builder.add(x, y)[0] if step == "add" else self.builder.sub(x, y)[0]

    def _width(self, factor: int) -> int:
        return min(self.most, width_of(*self._range(factor)))

    def _range(self, factor: int) -> Range:
        low, high = sorted((self.within[0] * factor, self.within[1] * factor))
        return low, high

    def _resized(self, factor: int, width: int) -> Lits:
        return cast(self.of(factor), self._range(factor)[0] < 0, width)


Step = tuple[str, int, int]


def _additions(factor: int) -> int:
    """Number of additions."""
    return _plan(factor)[0] if factor else 0


@cache
def _plan(factor: int) -> tuple[int, Step]:
    """(additions, last step) for a multiple of x: ("add" or "sub", two multiples) or ("shift", a multiple, places).

    Signed digits from the lowest, or a factor 2^k + 1 or 2^k - 1 where there is one.
    """
    if factor == 1:
        return 0, ("shift", 1, 0)
    zeros = (factor & -factor).bit_length() - 1
    if zeros:
        return _plan(factor >> zeros)[0], ("shift", factor >> zeros, zeros)
    if factor == -1:
        return 1, ("sub", 0, 1)
    if factor < 0:
        steps: list[Step] = [("sub", 0, -factor), ("sub", 1, 1 - factor)]
    else:
        digit = 2 - factor % 4
        steps = [("add", factor - digit, 1) if digit == 1 else ("sub", factor - digit, 1)]
    for power in range(2, abs(factor).bit_length()):
        for divisor, step in (((1 << power) + 1, "add"), ((1 << power) - 1, "sub")):
            if factor % divisor == 0 and abs(factor) > divisor:
                part = factor // divisor
                steps.append((step, part << power, part))
    return min(((_cost(step), step) for step in steps), key=lambda found: found[0])


def _cost(step: Step) -> int:
    parts = {part >> ((part & -part).bit_length() - 1) for part in step[1:] if part}
    return 1 + sum(_additions(part) for part in parts)
