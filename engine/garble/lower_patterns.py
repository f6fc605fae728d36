"""Lowering of patterns: conditions and bindings (section 10)."""

from __future__ import annotations

import numpy as np

from engine.garble import typed as t
from engine.garble.lower_base import Lits
from engine.garble.lower_expressions import component
from engine.garble.lower_places import PlaceLowering
from engine.garble.words import constant_word
from engine.values import EnumType, IntType


class PatternLowering(PlaceLowering):
    """Whether a value matches, and the names it binds."""

    def matches(self, pattern: t.Pattern, word: Lits) -> int:
        """The literal that is true when the value matches."""
        found: list[int] = []
        self._conditions(pattern, word, found)
        return int(self.builder.all(np.array(found, np.int64)))

    def _conditions(self, pattern: t.Pattern, word: Lits, found: list[int]) -> None:
        if isinstance(pattern, t.PBool):
            found.append(int(word[0]) ^ int(not pattern.value))
        elif isinstance(pattern, t.PRange):
            found += self._range(pattern, word)
        elif isinstance(pattern, t.PParts | t.PVariant):
            if isinstance(pattern, t.PVariant):
                type_ = self.type_of(pattern)
                assert isinstance(type_, EnumType)
                tag = constant_word(pattern.variant, type_.tag_bits)
                found.append(int(self.builder.equal(word[: type_.tag_bits], tag)))
            for part, start, width in self._parts(pattern):
                self._conditions(part, word[start : start + width], found)

    def _range(self, pattern: t.PRange, word: Lits) -> list[int]:
        type_ = self.type_of(pattern)
        assert isinstance(type_, IntType)
        low, high, bits = pattern.low, pattern.high, type_.bits
        if low == high:
            return [int(self.builder.equal(word, constant_word(low, bits)))]
        found = []
        if low > type_.minimum:
            found.append(int(self.builder.less(word, constant_word(low, bits), type_.signed)) ^ 1)
        if high < type_.maximum:
            found.append(int(self.builder.less(word, constant_word(high + 1, bits), type_.signed)))
        return found

    def bind(self, pattern: t.Pattern, word: Lits) -> None:
        """Declare the names of a pattern."""
        if isinstance(pattern, t.PBind):
            if pattern.var is not None:
                self.declare(pattern, word)
        elif isinstance(pattern, t.PParts | t.PVariant):
            for part, start, width in self._parts(pattern):
                self.bind(part, word[start : start + width])

    def _parts(self, pattern: t.PParts | t.PVariant) -> list[tuple[t.Pattern, int, int]]:
        """(pattern, first bit, bits) of the components."""
        type_ = self.type_of(pattern)
        if isinstance(pattern, t.PParts):
            return [(part, *component(type_, number)) for number, part in enumerate(pattern.items)]
        assert isinstance(type_, EnumType)
        found: list[tuple[t.Pattern, int, int]] = []
        start = type_.tag_bits
        for part, item in zip(pattern.items, type_.variants[pattern.variant][1] or ()):
            found.append((part, start, item.bits))
            start += item.bits
        return found
