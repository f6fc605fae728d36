"""Lowering of literals, access, operators and casts (sections 7 and 8)."""

from __future__ import annotations

import numpy as np

from engine.garble import typed as t
from engine.garble.lower_base import Lits, LoweringBase, one
from engine.garble.panics import DIV_BY_ZERO, OUT_OF_BOUNDS, OVERFLOW
from engine.garble.products import times
from engine.garble.ranges import add, compare, product
from engine.garble.words import as_signed, cast, constant_value, constant_word, convert, divide, known_number
from engine.values import ArrayType, EnumType, IntType, StructType, TupleType, Type, encode_ints


class ExpressionLowering(LoweringBase):
    """One method a kind of node."""

    def on_Lit(self, node: t.Lit) -> Lits:
        return constant_word(int(node.value), self.type_of(node).bits)

    def on_RangeLit(self, node: t.RangeLit) -> Lits:
        type_ = self.type_of(node)
        assert isinstance(type_, ArrayType) and isinstance(type_.element, IntType)
        numbers = np.arange(node.count, dtype=np.uint64) + np.uint64(node.start)
        return encode_ints(type_.element, numbers).astype(np.int64).reshape(-1)

    def on_Use(self, node: t.Use) -> Lits:
        return self.used(node, self.state.read(node.var))

    def used(self, node: t.Use, word: Lits) -> Lits:
        """A variable's literals at the type of this use."""
        if node.type is node.source:
            return word
        return convert(word, self.resolve(node.source, node.span), self.type_of(node))

    def on_ConstUse(self, node: t.ConstUse) -> Lits:
        return constant_value(self.type_of(node), self.constants.values[node.name])

    def on_Make(self, node: t.Make) -> Lits:
        type_ = self.type_of(node)  # first of all: it may be too large
        parts = [self.expr(item) for item in node.items]
        if isinstance(type_, EnumType):
            parts.insert(0, constant_word(node.variant, type_.tag_bits))
            padding = type_.bits - sum(len(part) for part in parts)
            parts.append(np.zeros(padding, np.int64))
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def on_Repeat(self, node: t.Repeat) -> Lits:
        type_ = self.type_of(node)  # first of all: it may be too large
        assert isinstance(type_, ArrayType)
        return np.tile(self.expr(node.value), type_.size)

    # ---- access

    def peek(self, node: t.Expr) -> Lits:
        """Literals that are looked at only: the variable keeps its array to itself."""
        if isinstance(node, t.Use):
            return self.used(node, self.state.peek(node.var))
        if isinstance(node, t.Part):
            return self.part(node)
        if isinstance(node, t.IndexOf):
            return self.indexed(node)
        return self.expr(node)

    def on_Part(self, node: t.Part) -> Lits:
        return self.part(node).copy()

    def part(self, node: t.Part) -> Lits:
        base = self.peek(node.base)
        start, width = component(self.resolve(node.base.type, node.base.span), node.number)
        return base[start : start + width]

    def on_IndexOf(self, node: t.IndexOf) -> Lits:
        return self.indexed(node).copy()

    def indexed(self, node: t.IndexOf) -> Lits:
        base = self.expr(node.base) if self.assigns(node.index) else self.peek(node.base)
        index = self.expr(node.index)
        type_ = self.resolve(node.base.type, node.base.span)
        assert isinstance(type_, ArrayType)
        place = known_number(index)
        if place is not None:
            if place >= type_.size:
                self.state.panic(1, OUT_OF_BOUNDS, node.span)
                return np.zeros(type_.element.bits, np.int64)
            return base[place * type_.element.bits : (place + 1) * type_.element.bits]
        rows = base.reshape(type_.size, type_.element.bits)
        word, _ = self.builder.array_read(rows, index)
        self.state.panic(self.outside(index, type_.size), OUT_OF_BOUNDS, node.span)
        return word

    def assigns(self, node: t.Expr) -> bool:
        """Whether an expression holds an assignment (remembered)."""
        found = self._assigns.get(id(node))
        if found is None:
            found = self._assigns[id(node)] = any(isinstance(part, t.AssignTo) for part in t.walk(node))
        return found

    # ---- operators

    def on_UnaryOf(self, node: t.UnaryOf) -> Lits:
        operand = self.expr(node.operand)
        if node.operator == "!":
            return self.builder.not_(operand)
        negative = self.builder.neg(operand)
        self.state.relations.note_negative(operand, negative)
        return negative

    def on_BinaryOf(self, node: t.BinaryOf) -> Lits:
        chain = [node]  # operators group to the left: a long sum is walked in a loop
        while isinstance(chain[-1].left, t.BinaryOf):
            chain.append(chain[-1].left)
        word = self.expr(chain[-1].left)
        for link in reversed(chain):
            word = self.within(link, self._operate, link, word)
        return word

    def _operate(self, node: t.BinaryOf, left: Lits) -> Lits:
        """A binary operator after its left operand."""
        right = self.expr(node.right)
        return self.binary(node.operator, left, right, self.resolve(node.left.type, node.left.span), node.span)

    def binary(self, operator: str, left: Lits, right: Lits, type_: Type, span: t.Span) -> Lits:
        """A binary operator on evaluated operands, with its panics."""
        if operator == "==":
            return one(int(self.builder.equal(left, right)))
        if operator == "!=":
            return one(int(self.builder.equal(left, right)) ^ 1)
        if operator in "&|^":
            return {"&": self.builder.and_, "|": self.builder.or_, "^": self.builder.xor}[operator](left, right)
        assert isinstance(type_, IntType)
        if operator in ("<<", ">>"):
            return self.shift(operator, left, right, type_, span)
        a, b = known_number(left), known_number(right)
        if a is not None and b is not None:
            return self.folded(operator, a, b, type_, span)
        if operator in ("<", ">", "<=", ">="):
            if operator in (">", "<="):
                left, right = right, left
            literal = compare(self.builder, left, right, type_.signed, self.ranges)
            if not type_.signed:
                self.state.relations.note_less(left, right, literal)
            return one(literal ^ int(operator in ("<=", ">=")))
        if operator in "+-":
            minus = operator == "-"
            result, overflow = add(self.builder, left, right, type_.signed, self.ranges, minus=minus)
            if minus:
                self.state.relations.note_difference(left, right, result)
            if not (minus and not type_.signed and self.never_less(left, right)):
                self.state.panic(overflow, OVERFLOW, span)
            return result
        if operator == "*":
            result, overflow = self.product(left, right, type_.signed)
            self.state.panic(overflow, OVERFLOW, span)
            return result
        quotient, rest, zero = divide(self.builder, left, right, type_.signed)
        self.state.panic(zero, DIV_BY_ZERO, span)
        if b is not None and not type_.signed:
            low, high = self.ranges.of(left, False)
            self.ranges.note(quotient, False, low // max(b, 1), high // max(b, 1))
            self.ranges.note(rest, False, 0, min(high, max(b, 1) - 1))
        return quotient if operator == "/" else rest

    def never_less(self, x: Lits, y: Lits) -> bool:
        """Whether the conditions around say that x is at least y, unsigned."""
        relations, given = self.state.relations, self.state.given
        below, above = relations.less(x, y), relations.less(y, x)
        return (below is not None and given(below) == 0) or (above is not None and given(above) == 1)

    def product(self, left: Lits, right: Lits, signed: bool) -> tuple[Lits, int]:
        """(left * right, overflow)."""
        for x, y in ((left, right), (right, left)):
            factor, last = self.ranges.of(y, signed)
            if factor == last:
                within = self.ranges.of(x, signed)
                result, overflow = times(self.builder, x, factor, signed, within)
                if not overflow:
                    low, high = sorted((within[0] * factor, within[1] * factor))
                    self.ranges.note(result, signed, low, high)
                return result, overflow
        return product(self.builder, left, right, signed, self.ranges)

    def shift(self, operator: str, left: Lits, right: Lits, type_: IntType, span: t.Span) -> Lits:
        if operator == "<<":
            result, overflow = self.builder.shl(left, right)
        else:
            result, overflow = self.builder.shr(left, right, type_.signed)
        self.state.panic(int(overflow), OVERFLOW, span)
        return result

    def folded(self, operator: str, a: int, b: int, type_: IntType, span: t.Span) -> Lits:
        """An operator on two known numbers."""
        if type_.signed:
            a, b = as_signed(a, type_.bits), as_signed(b, type_.bits)
        if operator in ("<", ">", "<=", ">="):
            return one(int({"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[operator]))
        if operator in "/%":
            if b == 0:
                self.state.panic(1, DIV_BY_ZERO, span)
                return constant_word(0, type_.bits)
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            return constant_word(quotient if operator == "/" else a - quotient * b, type_.bits)
        result = {"+": a + b, "-": a - b, "*": a * b}[operator]
        if not type_.minimum <= result <= type_.maximum:
            self.state.panic(1, OVERFLOW, span)
        return constant_word(result, type_.bits)

    def on_CastTo(self, node: t.CastTo) -> Lits:
        word = self.expr(node.operand)
        source = self.resolve(node.operand.type, node.operand.span)
        target = self.type_of(node)
        signed = isinstance(source, IntType) and source.signed
        wide = cast(word, signed, target.bits)
        if isinstance(target, IntType) and len(word) > 1:
            low, high = self.ranges.of(word, signed)
            if target.minimum <= low and high <= target.maximum:
                self.ranges.note(wide, target.signed, low, high)
        return wide


def component(type_: Type, number: int) -> tuple[int, int]:
    """(first bit, bits) of a component of a tuple, or a field of a struct in alphabetical order."""
    if isinstance(type_, TupleType):
        items = type_.items
    else:
        assert isinstance(type_, StructType)
        items = tuple(item for _, item in type_.fields)
    return sum(item.bits for item in items[:number]), items[number].bits
