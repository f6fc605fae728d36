"""Lowering of assignments (section 9)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.garble import typed as t
from engine.garble.lower_base import Lits, unit
from engine.garble.lower_expressions import ExpressionLowering, component
from engine.garble.panics import OUT_OF_BOUNDS, OVERFLOW
from engine.garble.ranges import add, representable
from engine.garble.words import known_number
from engine.values import ArrayType, IntType


class Place(NamedTuple):
    """Bits of a variable. Without secret indices ``positions`` is a slice, else an array (sizes..., bits)."""

    positions: slice | Lits
    indices: list[Lits]


class PlaceLowering(ExpressionLowering):
    """``place operator= value``."""

    def on_AssignTo(self, node: t.AssignTo) -> Lits:
        place = self.place(node)
        if not node.operator and not place.indices and self.is_increment(node):
            assert isinstance(node.value, t.BinaryOf)
            operand = self.expr(node.value.right)
            self.increment(node, place, node.value.operator, operand, node.value.span)
            return unit()
        if not node.operator:
            self.store(node, place, self.expr(node.value))
            return unit()
        if node.operator == "^" and place.indices and not self.assigns(node.value):
            self.store(node, place, self.expr(node.value), flip=True)
            return unit()
        if node.operator in "+-" and not self.assigns(node.value):
            value = self.expr(node.value)
            if place.indices:
                if self.count_up(node, place, value):
                    return unit()
            else:
                self.increment(node, place, node.operator, value, node.span)
                return unit()
            old = self.load(node, place)
        else:
            old = self.load(node, place)
            value = self.expr(node.value)
        if node.operator in "+-" and not place.indices:
            self.increment(node, place, node.operator, value, node.span, old)
        else:
            target = self.resolve(node.target, node.span)
            self.store(node, place, self.binary(node.operator, old, value, target, node.span))
        return unit()

    def place(self, node: t.AssignTo) -> Place:
        """Evaluate the indices of a place from left to right, with their bounds checks."""
        start = 0
        positions: Lits | None = None
        width = len(self.state.values[node.var])
        indices: list[Lits] = []
        for step in node.steps:
            base = self.resolve(step.base, step.span)
            if step.index is None:
                offset, width = component(base, step.number)
            else:
                assert isinstance(base, ArrayType)
                index = self.expr(step.index)
                width = base.element.bits
                known = known_number(index)
                if known is None:
                    if positions is None:
                        positions = np.arange(start, start + base.bits)
                    self.state.panic(self.outside(index, base.size), OUT_OF_BOUNDS, node.span)
                    positions = positions.reshape(*positions.shape[:-1], base.size, width)
                    indices.append(index)
                    continue
                if known >= base.size:
                    self.state.panic(1, OUT_OF_BOUNDS, node.span)
                    known = 0
                    if base.size == 0:
                        return Place(np.zeros((0, node_bits(self, node)), np.int64), [index])
                offset = known * width
            if positions is None:
                start += offset
            else:
                positions = positions[..., offset : offset + width]
        return Place(slice(start, start + width) if positions is None else positions, indices)

    def load(self, node: t.AssignTo, place: Place) -> Lits:
        """The value of a place now."""
        rows = self.state.peek(node.var)[place.positions]
        if not place.indices:
            return rows.copy()
        for index in place.indices:
            shape = rows.shape[1:]
            flat = rows.reshape(rows.shape[0], -1) if rows.size else np.zeros((0, int(np.prod(shape))), np.int64)
            word, _ = self.builder.array_read(flat, index)
            rows = word.reshape(shape)
        return rows

    def store(self, node: t.AssignTo, place: Place, value: Lits, *, flip: bool = False) -> None:
        """Write a place; ``flip``: XOR a value to a place with secret indices, which needs not be read for that."""
        state, positions = self.state, place.positions
        if not place.indices:
            state.write(node.var, positions, value)
            return
        assert isinstance(positions, np.ndarray)
        if positions.size == 0:
            return
        flat = positions.reshape(-1)
        guarded = state.is_guarded(node.var, flat)
        chosen = self.selected(place, guarded)
        old = state.peek(node.var)[positions]
        if flip:
            new = self.builder.xor(old, self.builder.and_(chosen[..., None], value))
        else:
            new = self.builder.mux(chosen[..., None], value, old)
        state.write(node.var, flat, new.reshape(-1), guarded=guarded)

    def selected(self, place: Place, guarded: bool) -> Lits:
        """For each element that secret indices may mean: whether it is the one, and the path is taken if guarded."""
        assert isinstance(place.positions, np.ndarray)
        shape = place.positions.shape
        chosen = self.builder.decode(place.indices[0], shape[0], self.state.path if guarded else None)
        for depth, index in enumerate(place.indices[1:], start=1):
            chosen = self.builder.and_(chosen[..., None], self.builder.decode(index, shape[depth]))
        return chosen

    def is_increment(self, node: t.AssignTo) -> bool:
        """``x = x + e`` and ``x = x - e`` for a whole variable; e must not change it."""
        value = node.value
        return (
            isinstance(value, t.BinaryOf)
            and value.operator in ("+", "-")
            and not node.steps
            and isinstance(value.left, t.Use)
            and value.left.var == node.var
            and isinstance(value.right, t.Lit | t.Use | t.ConstUse | t.CastTo | t.Part)
            and not any(isinstance(part, t.AssignTo) for part in t.walk(value.right))
        )

    def increment(
        self, node: t.AssignTo, place: Place, operator: str, value: Lits, span: t.Span, old: Lits | None = None
    ) -> None:
        """Add to a place. On a path of its own the operand is masked instead of the result: one adder, no choice."""
        state = self.state
        type_ = self.resolve(node.target, node.span)
        assert isinstance(type_, IntType) and isinstance(place.positions, slice)
        minus = operator == "-"
        guarded = state.is_guarded(node.var, place.positions)
        if old is None and (guarded or state.is_local(node.var)):
            term = self.builder.and_(state.path, value) if guarded else value
            if self.add_later(node, place.positions, type_, term, value, minus):
                return
        now = state.peek(node.var)[place.positions]
        if old is None:
            old = now.copy()
        masked = guarded and known_number(old) is None and bool((old == now).all())
        if not masked:
            result = self.binary(operator, old, value, type_, span)
            state.write(node.var, place.positions, result)
            return
        operand = self.builder.and_(state.path, value)
        result, overflow = add(self.builder, old, operand, type_.signed, self.ranges, minus=minus)
        state.panic(overflow, OVERFLOW, span, guarded=True)
        state.write(node.var, place.positions, result, guarded=True)

    def add_later(self, node: t.AssignTo, bits: slice, type_: IntType, term: Lits, value: Lits, minus: bool) -> bool:
        """Add a term, which is ``value`` or 0, to some bits of a variable if that certainly does not overflow."""
        low, high = self.ranges.of(value, type_.signed)
        within = (min(0, low), max(0, high)) if term is not value else (low, high)
        least, most = representable(type_.bits, type_.signed)
        state = self.state
        low, high = state.range_of(node.var, bits.start, bits.stop, type_.signed)
        low, high = (low - within[1], high - within[0]) if minus else (low + within[0], high + within[1])
        if low < least or high > most:
            return False
        state.sum_of(node.var, bits.start, bits.stop, type_.signed).add(term, within, minus)
        return True

    def count_up(self, node: t.AssignTo, place: Place, value: Lits) -> bool:
        """Add to the element at secret indices by adding ``value`` or 0 to every element, if that is cheaper."""
        state = self.state
        type_ = self.resolve(node.target, node.span)
        assert isinstance(type_, IntType) and isinstance(place.positions, np.ndarray)
        rows = place.positions.reshape(-1, type_.bits)
        low, high = self.ranges.of(value, type_.signed)
        guarded = state.is_guarded(node.var, place.positions.reshape(-1))
        if node.operator != "+" or low < 0 or not 0 < len(rows) <= 1024 or not (guarded or state.is_local(node.var)):
            return False
        if not self.builder.known(value) and 2 * high.bit_length() > type_.bits:
            return False
        spans = [(int(row[0]), int(row[-1]) + 1) for row in rows]
        most = representable(type_.bits, type_.signed)[1] - high
        if any(state.range_of(node.var, start, stop, type_.signed)[1] > most for start, stop in spans):
            return False
        terms = self.builder.and_(self.selected(place, guarded).reshape(-1, 1), value)
        for (start, stop), term in zip(spans, terms):
            state.sum_of(node.var, start, stop, type_.signed).add(term, (0, high))
        return True


def node_bits(lowering: PlaceLowering, node: t.AssignTo) -> int:
    """Bits of the place of an assignment."""
    return lowering.resolve(node.target, node.span).bits
