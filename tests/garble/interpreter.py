"""A direct interpreter of the typed tree on Python values: the plain meaning of sections 7 to 15.

It shares nothing with the lowering: no circuit, no literals, no merging. Arrays are lists, tuples and structs are
tuples (fields in alphabetical order), enum values are (variant number, payload tuple).
"""

from __future__ import annotations

import copy
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


class Interpreter:
    """Evaluates one function call."""

    def __init__(
        self, functions: dict[str, t.TypedFunction], constants: Constants, *, check_joins: bool = False
    ) -> None:
        self.functions = functions
        self.constants = constants
        self.check_joins = check_joins
        self.env: dict[int, Any] = {}

    def call(self, name: str, arguments: list[Any]) -> Any:
        function = self.functions[name]
        for parameter, value in zip(function.parameters, arguments):
            self.env[parameter.var] = copy.deepcopy(value)
        return self.eval(function.body)

    def eval(self, node: Any) -> Any:
        return getattr(self, type(node).__name__)(node)

    def resolve(self, type_: Any) -> v.Type:
        return self.constants.resolve(type_)

    def Lit(self, node: t.Lit) -> Any:
        return node.value

    def RangeLit(self, node: t.RangeLit) -> Any:
        return list(range(node.start, node.start + node.count))

    def Use(self, node: t.Use) -> Any:
        return copy.deepcopy(self.env[node.var])

    def ConstUse(self, node: t.ConstUse) -> Any:
        return self.constants.values[node.name]

    def CallOf(self, node: t.CallOf) -> Any:
        return self.call(node.name, [self.eval(argument) for argument in node.arguments])

    def Make(self, node: t.Make) -> Any:
        items = [self.eval(item) for item in node.items]
        type_ = self.resolve(node.type)
        if isinstance(type_, v.EnumType):
            return (node.variant, tuple(items))
        return items if isinstance(type_, v.ArrayType) else tuple(items)

    def Repeat(self, node: t.Repeat) -> Any:
        value = self.eval(node.value)
        return [copy.deepcopy(value) for _ in range(self.constants.size(node.size))]

    def IndexOf(self, node: t.IndexOf) -> Any:
        base, index = self.eval(node.base), self.eval(node.index)
        if index >= len(base):
            raise Panic("OutOfBounds", node.span)
        return base[index]

    def Part(self, node: t.Part) -> Any:
        return self.eval(node.base)[node.number]

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
        if isinstance(pattern, t.PBind):
            if pattern.var is not None:
                self.env[pattern.var] = copy.deepcopy(value)
            return True
        if isinstance(pattern, t.PBool):
            return value == pattern.value
        if isinstance(pattern, t.PRange):
            return pattern.low <= value <= pattern.high
        if isinstance(pattern, t.PVariant):
            return value[0] == pattern.variant and self._all(pattern.items, value[1])
        return self._all(pattern.items, value)

    def _all(self, patterns: Any, values: Any) -> bool:
        return all(self.matches(pattern, value) for pattern, value in zip(patterns, values))

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

    def joined(self, node: t.ForJoin | t.JoinOf, *, keyed: bool) -> tuple[list[Any], list[Any]]:
        """Both arrays of a join; with ``check_joins`` their keys must be strictly ascending."""
        sides = self.eval(node.left), self.eval(node.right)
        for side, rows in zip((node.left, node.right), sides):
            type_ = self.resolve(side.type)
            assert isinstance(type_, v.ArrayType)
            ranks = [rank(type_.element, row) for row in rows]
            keys = [key[0] for key in ranks] if keyed else ranks
            if self.check_joins and any(one >= two for one, two in pairwise(keys)):
                raise Panic("JoinOrder", side.span)
        return sides

    def ForJoin(self, node: t.ForJoin) -> Any:
        left, right = self.joined(node, keyed=True)
        for row in left:
            for other in right:
                if row[0] == other[0]:
                    assert self.matches(node.pattern, (row, other))
                    self.eval(node.body)
        return ()

    def JoinOf(self, node: t.JoinOf) -> Any:
        left, right = self.joined(node, keyed=node.keyed)
        type_ = self.resolve(node.left.type)
        other_type = self.resolve(node.right.type)
        assert isinstance(type_, v.ArrayType) and isinstance(other_type, v.ArrayType)
        if node.keyed:
            found = [(True, a, b) for a in left for b in right if a[0] == b[0]]
            empty: Any = (False, zero(type_.element), zero(other_type.element))
        else:
            found = [(True, a) for a in left for b in right if a == b]
            empty = (False, zero(type_.element))
        return [copy.deepcopy(empty) for _ in range(len(left) + len(right) - 1 - len(found))] + found

    def AssignTo(self, node: t.AssignTo) -> Any:
        path: list[int] = []
        for step in node.steps:
            if step.index is None:
                path.append(step.number)
                continue
            index = self.eval(step.index)
            size = self.resolve(step.base)
            assert isinstance(size, v.ArrayType)
            if index >= size.size:
                raise Panic("OutOfBounds", node.span)
            path.append(index)
        old = self.env[node.var]
        for place in path:
            old = old[place]
        old = copy.deepcopy(old)
        value = self.eval(node.value)
        if node.operator:
            value = binary(node.operator, old, value, self.resolve(node.target), node.span)
        self.env[node.var] = replaced(self.env[node.var], path, value)
        return ()


def replaced(whole: Any, path: list[int], value: Any) -> Any:
    """A copy of an aggregate with one part replaced."""
    if not path:
        return copy.deepcopy(value)
    items = list(whole)
    items[path[0]] = replaced(items[path[0]], path[1:], value)
    return items if isinstance(whole, list) else tuple(items)


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
    """The value of all zero bits."""
    return plain(type_, v.decode(type_, [0] * type_.bits))


def rank(type_: v.Type, value: Any) -> Any:
    """Place of a value in the order of keys: numbers, tuples and lists that Python compares."""
    if isinstance(type_, v.ArrayType):
        return [rank(type_.element, item) for item in value]
    if isinstance(type_, v.TupleType):
        return tuple(rank(item, part) for item, part in zip(type_.items, value))
    if isinstance(type_, v.StructType):
        return tuple(rank(item, part) for (_, item), part in zip(type_.fields, value))
    if isinstance(type_, v.EnumType):
        types = type_.variants[value[0]][1] or ()
        return (value[0], *(rank(item, part) for item, part in zip(types, value[1])))
    return value % 2**type_.bits


def plain(type_: v.Type, value: Any) -> Any:
    """A value of engine.values in the form of this interpreter."""
    if isinstance(type_, v.ArrayType):
        return [plain(type_.element, item) for item in value]
    if isinstance(type_, v.TupleType):
        return tuple(plain(item, part) for item, part in zip(type_.items, value))
    if isinstance(type_, v.StructType):
        return tuple(plain(item, value.fields[name]) for name, item in type_.fields)
    if isinstance(type_, v.EnumType):
        number = type_.index(value.variant)
        types = type_.variants[number][1] or ()
        return (number, tuple(plain(item, part) for item, part in zip(types, value.payload or ())))
    return value
