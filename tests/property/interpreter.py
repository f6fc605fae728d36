"""A direct interpreter of the typed tree on Python values: the plain meaning of sections 7 to 15.

It shares nothing with the lowering: no circuit, no literals, no merging. Values are as in
:mod:`tests.property.shapes`: arrays, tuples and structs are tuples, so nothing is ever shared and changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from engine import values as v
from engine.garble import typed as t
from engine.garble.constants import Constants
from engine.garble.diagnostics import Span


class Panic(Exception):
    """The first panic of an evaluation."""

    def __init__(self, reason: str, span: Span) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span


class Unspecified(Exception):
    """A join whose tables break the promise in a way that leaves the result open (section 12.1)."""


class Interpreter:
    """Evaluates function calls of one program; one method a kind of node."""

    def __init__(
        self, functions: dict[str, t.TypedFunction], constants: Constants, *, check_joins: bool = False
    ) -> None:
        self.functions = functions
        self.check_joins = check_joins  # a join whose keys are not strictly ascending is a panic
        self.constants = constants
        self.resolve = constants.resolve
        self.env: dict[int, Any] = {}
        self.rules: dict[type, Callable[[Any], Any]] = {}

    def call(self, name: str, arguments: Sequence[Any]) -> Any:
        """The result of a function, or :class:`Panic`."""
        function = self.functions[name]
        for parameter, value in zip(function.parameters, arguments, strict=True):
            self.env[parameter.var] = value
        return self.eval(function.body)

    def eval(self, node: Any) -> Any:
        """The value of an expression; unit for a statement."""
        rule = self.rules.get(type(node))
        if rule is None:
            rule = self.rules[type(node)] = getattr(self, type(node).__name__)
        return rule(node)

    def Lit(self, node: t.Lit) -> Any:
        return node.value

    def RangeLit(self, node: t.RangeLit) -> Any:
        return tuple(range(node.start, node.start + node.count))

    def Use(self, node: t.Use) -> Any:
        return self.env[node.var]

    def ConstUse(self, node: t.ConstUse) -> Any:
        return self.constants.values[node.name]

    def CallOf(self, node: t.CallOf) -> Any:
        return self.call(node.name, [self.eval(argument) for argument in node.arguments])

    def Make(self, node: t.Make) -> Any:
        items = tuple([self.eval(item) for item in node.items])
        return items if node.variant < 0 else (node.variant, items)

    def Repeat(self, node: t.Repeat) -> Any:
        return (self.eval(node.value),) * self.constants.size(node.size)

    def IndexOf(self, node: t.IndexOf) -> Any:
        base, index = self.eval(node.base), self.eval(node.index)
        if index >= len(base):
            raise Panic("OutOfBounds", node.span)
        return base[index]

    def Part(self, node: t.Part) -> Any:
        return self.eval(node.base)[node.number]

    # ---- operators

    def UnaryOf(self, node: t.UnaryOf) -> Any:
        value, type_ = self.eval(node.operand), self.resolve(node.type)
        if isinstance(type_, v.BoolType):
            return not value
        return wrap(-value if node.operator == "-" else ~value, type_)

    def BinaryOf(self, node: t.BinaryOf) -> Any:
        left, right = self.eval(node.left), self.eval(node.right)
        return binary(node.operator, left, right, self.resolve(node.left.type), node.span)

    def Logic(self, node: t.Logic) -> Any:
        left = self.eval(node.left)
        if left == (node.operator == "||"):
            return left
        return self.eval(node.right)

    def CastTo(self, node: t.CastTo) -> Any:
        value = int(self.eval(node.operand))
        target = self.resolve(node.type)
        return bool(value & 1) if isinstance(target, v.BoolType) else wrap(value, target)

    # ---- control

    def Branch(self, node: t.Branch) -> Any:
        if self.eval(node.condition):
            return self.eval(node.then)
        return self.eval(node.otherwise) if node.otherwise is not None else ()

    def MatchOn(self, node: t.MatchOn) -> Any:
        value = self.eval(node.value)
        for pattern, body in node.arms:
            if self.matches(pattern, value):
                return self.eval(body)
        raise AssertionError("no arm matches")

    def matches(self, pattern: t.Pattern, value: Any) -> bool:
        """Whether a value matches; the names of the pattern are bound on the way."""
        if isinstance(pattern, t.PBind):
            if pattern.var is not None:
                self.env[pattern.var] = value
            return True
        if isinstance(pattern, t.PBool):
            return bool(value == pattern.value)
        if isinstance(pattern, t.PRange):
            return bool(pattern.low <= value <= pattern.high)
        if isinstance(pattern, t.PVariant):
            return bool(value[0] == pattern.variant) and self._all(pattern.items, value[1])
        return self._all(pattern.items, value)

    def _all(self, patterns: Sequence[t.Pattern], values: Sequence[Any]) -> bool:
        return all(self.matches(pattern, value) for pattern, value in zip(patterns, values, strict=True))

    def BlockOf(self, node: t.BlockOf) -> Any:
        value: Any = ()
        for statement in node.statements:
            value = self.eval(statement)
        return value if node.has_value else ()

    def LetBind(self, node: t.LetBind) -> Any:
        assert self.matches(node.pattern, self.eval(node.value))
        return ()

    def ForEach(self, node: t.ForEach) -> Any:
        for item in self.eval(node.iterable):
            assert self.matches(node.pattern, item)
            self.eval(node.body)
        return ()

    # ---- joins

    def ForJoin(self, node: t.ForJoin) -> Any:
        left, right = self.eval(node.left), self.eval(node.right)
        for pair in self.joined(node, left, right, keyed=True):
            assert self.matches(node.pattern, pair)
            self.eval(node.body)
        return ()

    def JoinOf(self, node: t.JoinOf) -> Any:
        left, right = self.eval(node.left), self.eval(node.right)
        pairs = self.joined(node, left, right, keyed=node.keyed)
        row, other = self._element(node.left), self._element(node.right)
        if node.keyed:
            found = [(True, *pair) for pair in pairs]
            empty: tuple[Any, ...] = (False, zero(row), zero(other))
        else:
            found = [(True, key) for key, _ in pairs]
            empty = (False, zero(row))
        return (empty,) * (len(left) + len(right) - 1 - len(found)) + tuple(found)

    def _element(self, node: t.Expr) -> v.Type:
        type_ = self.resolve(node.type)
        assert isinstance(type_, v.ArrayType)
        return type_.element

    def joined(self, node: t.ForJoin | t.JoinOf, left: Any, right: Any, *, keyed: bool) -> list[tuple[Any, Any]]:
        """Pairs of rows with equal keys in ascending key order; Unspecified where the tables leave it open."""
        type_ = self._element(node.left)
        if keyed:
            assert isinstance(type_, v.TupleType)
            type_ = type_.items[0]
        first = [row[0] if keyed else row for row in left]
        second = [row[0] if keyed else row for row in right]
        for side, keys in ((node.left, first), (node.right, second)):
            orders = [order(type_, key) for key in keys]
            if self.check_joins and any(one >= two for one, two in pairwise(orders)):
                raise Panic("JoinOrder", side.span)
            if orders != sorted(orders):
                raise Unspecified
        if any(first.count(key) + second.count(key) > 2 and key in second for key in first):
            raise Unspecified
        return [(row, right[second.index(key)]) for row, key in zip(left, first) if key in second]

    # ---- assignment

    def AssignTo(self, node: t.AssignTo) -> Any:
        path: list[int] = []
        for step in node.steps:
            if step.index is None:
                path.append(step.number)
                continue
            index = self.eval(step.index)
            base = self.resolve(step.base)
            assert isinstance(base, v.ArrayType)
            if index >= base.size:
                raise Panic("OutOfBounds", node.span)
            path.append(index)
        old = self.env[node.var] if node.operator else None
        value = self.eval(node.value)
        if node.operator:
            for place in path:
                old = old[place]
            value = binary(node.operator, old, value, self.resolve(node.target), node.span)
        self.env[node.var] = replaced(self.env[node.var], path, value)
        return ()


def replaced(whole: Any, path: list[int], value: Any) -> Any:
    """A copy of an aggregate with one part replaced."""
    if not path:
        return value
    place = path[0]
    return (*whole[:place], replaced(whole[place], path[1:], value), *whole[place + 1 :])


def wrap(value: int, type_: v.Type) -> int:
    """Reduce into the range of the type."""
    assert isinstance(type_, v.IntType)
    value &= (1 << type_.bits) - 1
    return value - (1 << type_.bits) if value > type_.maximum else value


def binary(operator: str, left: Any, right: Any, type_: v.Type, span: Span) -> Any:
    """An operator on Python values."""
    if operator in ("==", "!="):
        return (left == right) == (operator == "==")
    if operator in ("<", ">", "<=", ">="):
        return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator]
    if operator in "&|^":
        return {"&": left & right, "|": left | right, "^": left ^ right}[operator]
    assert isinstance(type_, v.IntType)
    if operator in ("<<", ">>"):
        if right >= type_.bits:
            raise Panic("Overflow", span)
        return wrap(left << right, type_) if operator == "<<" else left >> right
    if operator in "/%":
        if right == 0:
            raise Panic("DivByZero", span)
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return wrap(quotient if operator == "/" else left - quotient * right, type_)
    result = {"+": left + right, "-": left - right, "*": left * right}[operator]
    if not type_.minimum <= result <= type_.maximum:
        raise Panic("Overflow", span)
    return result


def zero(type_: v.Type) -> Any:
    """The value whose bits are all zero."""
    if isinstance(type_, v.BoolType):
        return False
    if isinstance(type_, v.IntType):
        return 0
    if isinstance(type_, v.ArrayType):
        return (zero(type_.element),) * type_.size
    if isinstance(type_, v.TupleType):
        return tuple(map(zero, type_.items))
    if isinstance(type_, v.StructType):
        return tuple(zero(item) for _, item in type_.fields)
    return (0, tuple(map(zero, type_.variants[0][1] or ())))


def order(type_: v.Type, value: Any) -> Any:
    """What sorts like the encoding of a value: negative numbers behind, variants by number (section 12)."""
    if isinstance(type_, v.IntType):
        return value % (1 << type_.bits)
    if isinstance(type_, v.BoolType):
        return value
    if isinstance(type_, v.ArrayType):
        return tuple(order(type_.element, part) for part in value)
    if isinstance(type_, v.TupleType):
        return tuple(map(order, type_.items, value))
    if isinstance(type_, v.StructType):
        return tuple(map(order, (item for _, item in type_.fields), value))
    payload = type_.variants[value[0]][1] or ()
    return (value[0], tuple(map(order, payload, value[1])))


def as_tuples(value: Any) -> Any:
    """A value of :mod:`engine.values` without enums, with tuples for arrays and structs."""
    if isinstance(value, v.StructValue):
        return tuple(as_tuples(value.fields[name]) for name in sorted(value.fields))
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value
