"""Sums that are not added up before somebody looks: counters and totals in loops.

A sum is kept as two rows of bits (carry-save form), so that a term of w bits costs about w ANDs however wide the total
is, and a bit that is counted costs one. The numbers involved tell that nothing can overflow on the way.
"""

from __future__ import annotations

import numpy as np

from engine.circuit import Builder
from engine.garble.ranges import Range, width_of
from engine.garble.words import as_signed, cast, constant_word, known_number, significant

Lits = np.ndarray


class Sum:
    """base + term - term ...; ``low`` and ``high`` are the range of the total."""

    def __init__(self, builder: Builder, base: Lits, signed: bool, within: Range) -> None:
        self.builder = builder
        self.bits = len(base)
        self.signed = signed
        self.columns = np.zeros((2, self.bits), np.int64)
        self.offset = 0
        self.low = self.high = 0
        self.add(base, within)

    def after(self, within: Range, minus: bool = False) -> Range:
        """The range after one more term."""
        low, high = within
        return (self.low - high, self.high - low) if minus else (self.low + low, self.high + high)

    def add(self, term: Lits, within: Range, minus: bool = False) -> None:
        """One more term."""
        self.low, self.high = self.after(within, minus)
        number = known_number(term)
        if number is not None:
            number = as_signed(number, self.bits) if self.signed else number
            self.offset += -number if minus else number
            return
        bits = term.copy()
        weights = [1 << place for place in range(self.bits - 1, -1, -1)]
        if within[0] < 0:  # two's complement: the sign has a negative weight, its copies in front have none
            first = self.bits - significant(term)
            bits[:first] = 0
            weights[first] = -weights[first]
        for place in np.flatnonzero(bits).tolist():
            weight = -weights[place] if minus else weights[place]
            if bits[place] == 1:
                self.offset += weight
                bits[place] = 0
            elif weight < 0:  # -w b = w (1 - b) - w
                bits[place] ^= 1
                self.offset += weight
        self.builder.accumulate(self.columns, bits)

    def total(self) -> Lits:
        """The sum as a word."""
        width = width_of(self.low, self.high)
        columns = self.columns[:, -width:].copy()
        if self.offset:
            self.builder.accumulate(columns, constant_word(self.offset, width))
        word, _ = self.builder.add(columns[0], columns[1])
        return cast(word, self.low < 0, self.bits)
