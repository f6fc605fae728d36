"""Lowering of ``join_iter`` and ``join`` (section 12); the networks are in :mod:`engine.circuit.joins`."""

from __future__ import annotations

import numpy as np

from engine.garble import typed as t
from engine.garble.lower_base import Lits, unit
from engine.garble.lower_patterns import PatternLowering
from engine.garble.panics import JOIN_ORDER
from engine.values import ArrayType, TupleType


class JoinLowering(PatternLowering):
    """Merging two sorted tables."""

    def on_ForJoin(self, node: t.ForJoin) -> Lits:
        left, right, key_bits = self.tables(node.left, node.right, keyed=True)
        found = self.builder.join_rows(left, right, key_bits)
        self.visit(found.match, np.concatenate((found.left, found.right), axis=1), node.pattern, node.body)
        return unit()

    def for_matches(self, node: t.ForEach, join: t.JoinOf) -> Lits:
        """A loop over ``join`` whose body does nothing without a match: nothing needs to move to the end."""
        left, right, key_bits = self.tables(join.left, join.right, keyed=join.keyed)
        found = self.builder.join_rows(left, right, key_bits)
        parts = [np.ones((len(found.match), 1), np.int64), found.left]
        if join.keyed:
            parts.append(found.right)
        self.visit(found.match, np.concatenate(parts, axis=1), node.pattern, node.body)
        return unit()

    def visit(self, matches: Lits, rows: Lits, pattern: t.Pattern, body: t.Expr) -> None:
        """The body once for each row, guarded by whether it is a match."""
        for match, row in zip(matches.tolist(), rows):
            if match == 0:
                continue
            self.state.enter(match)
            self.bind(pattern, row)
            self.expr(body)
            self.state.leave()

    def on_JoinOf(self, node: t.JoinOf) -> Lits:
        left, right, key_bits = self.tables(node.left, node.right, keyed=node.keyed)
        found = self.builder.join(left, right, key_bits)
        parts = [found.match[:, None], found.left]
        if node.keyed:
            parts.append(found.right)
        return np.concatenate(parts, axis=1).reshape(-1)

    def tables(self, left: t.Expr, right: t.Expr, *, keyed: bool) -> tuple[Lits, Lits, int]:
        """Both arrays as rows of literals, and the width of the key; on request with a check of their order."""
        first, second = self.expr(left), self.expr(right)
        one, two = self.type_of(left), self.type_of(right)
        assert isinstance(one, ArrayType) and isinstance(two, ArrayType)
        key = one.element
        if keyed:
            assert isinstance(key, TupleType)
            key = key.items[0]
        tables = first.reshape(one.size, one.element.bits), second.reshape(two.size, two.element.bits)
        if self.origins is not None:
            for side, table in zip((left, right), tables):
                wrong = self.builder.ascending(table, key.bits) ^ 1
                subject = self.origins.describe(side.span, table, key.bits)
                self.state.panic(wrong, JOIN_ORDER, side.span, subject=subject)
        return *tables, key.bits


def needs_match(pattern: t.Pattern, body: t.Statement) -> bool:
    """Whether a loop over ``join`` consists of one ``if hit`` or ``if hit && ...``, hit being the first component."""
    if isinstance(body, t.BlockOf):
        return len(body.statements) == 1 and needs_match(pattern, body.statements[0])
    if not isinstance(pattern, t.PParts) or not isinstance(body, t.Branch) or body.otherwise is not None:
        return False
    hit, condition = pattern.items[0], body.condition
    while isinstance(condition, t.Logic) and condition.operator == "&&":
        condition = condition.left
    return isinstance(hit, t.PBind) and isinstance(condition, t.Use) and condition.var == hit.var
