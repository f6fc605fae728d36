"""Lowering of ``join_iter`` and ``join`` (section 12); the networks are in :mod:`engine.circuit.joins`."""

from __future__ import annotations

import numpy as np

from engine.garble import typed as t
from engine.garble.lower_base import Lits, unit
from engine.garble.lower_patterns import PatternLowering
from engine.values import ArrayType, TupleType


class JoinLowering(PatternLowering):
    """Merging two sorted tables."""

    def on_ForJoin(self, node: t.ForJoin) -> Lits:
        left, right, key_bits = self.tables(node.left, node.right, keyed=True)
        found = self.builder.join_rows(left, right, key_bits)
        for match, row, other in zip(found.match.tolist(), found.left, found.right):
            if match == 0:
                continue
            self.state.enter(match)
            self.bind(node.pattern, np.concatenate((row, other)))
            self.expr(node.body)
            self.state.leave()
        return unit()

    def on_JoinOf(self, node: t.JoinOf) -> Lits:
        left, right, key_bits = self.tables(node.left, node.right, keyed=node.keyed)
        found = self.builder.join(left, right, key_bits)
        parts = [found.match[:, None], found.left]
        if node.keyed:
            parts.append(found.right)
        return np.concatenate(parts, axis=1).reshape(-1)

    def tables(self, left: t.Expr, right: t.Expr, *, keyed: bool) -> tuple[Lits, Lits, int]:
        """Both arrays as rows of literals, and the width of the key."""
        first, second = self.expr(left), self.expr(right)
        one, two = self.type_of(left), self.type_of(right)
        assert isinstance(one, ArrayType) and isinstance(two, ArrayType)
        key = one.element
        if keyed:
            assert isinstance(key, TupleType)
            key = key.items[0]
        return (
            first.reshape(one.size, one.element.bits),
            second.reshape(two.size, two.element.bits),
            key.bits,
        )
