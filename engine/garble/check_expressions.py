"""Typing of expressions (sections 6 to 8 and 12)."""

from __future__ import annotations

from dataclasses import replace

from engine.garble import syntax as s
from engine.garble import typed as t
from engine.garble.check_base import count
from engine.garble.check_operators import OperatorChecker
from engine.garble.diagnostics import Span
from engine.garble.suggestions import nearest
from engine.garble.types import (
    BOOL,
    ERROR,
    INTS,
    UNIT,
    ArrayT,
    ErrorT,
    NamedT,
    T,
    TupleT,
    joined_size,
    prune,
    show,
    unify,
)


class ExpressionChecker(OperatorChecker):
    """One method a syntax node; ``expected`` is a type known from outside, or None."""

    def expr(self, node: s.Expr, expected: T | None = None) -> t.Expr:
        """The typed expression; a mismatch with ``expected`` is reported here."""
        found = getattr(self, "on_" + type(node).__name__)(node, expected)
        if expected is not None and not self.agree(found.type, expected, node.span):
            return replace(found, type=ERROR)
        return found

    def block(self, node: s.Block, expected: T | None = None) -> t.Expr:
        """A block in its own scope."""
        raise NotImplementedError

    def on_Bool(self, node: s.Bool, expected: T | None) -> t.Expr:
        return t.Lit(BOOL, node.span, node.value)

    def on_Number(self, node: s.Number, expected: T | None) -> t.Expr:
        type_: T
        if node.suffix:
            type_ = INTS[node.suffix]
        else:
            type_ = self.literal_var(node.span, node.value, signed=node.negative)
        return t.Lit(type_, node.span, node.value)

    def on_RangeExpr(self, node: s.RangeExpr, expected: T | None) -> t.Expr:
        count = node.end - node.start
        if count <= 0:
            self.error(node.span, "invalid range: it holds no value", "the start must be below the end")
            return self.broken(node.span)
        element: T
        if node.suffix:
            element = INTS[node.suffix]
            if node.end - 1 > INTS[node.suffix].maximum:
                message = f"invalid range: `{node.end - 1}` does not fit {node.suffix}"
                self.error(node.span, message, f"{node.suffix} ends at {INTS[node.suffix].maximum}")
        else:
            element = self.literal_var(node.span, node.start, node.end - 1)
        return t.RangeLit(ArrayT(element, ("num", count)), node.span, node.start, count)

    def on_Call(self, node: s.Call, expected: T | None) -> t.Expr:
        if node.name == "join":
            return self.join(node)
        function = self.definitions.functions.get(node.name)
        if self.scopes.find(node.name) is not None:
            self.error(node.name_span, f"`{node.name}` is a variable, not a function", "rename the variable")
        elif function is None:
            self.error(node.name_span, f"unknown identifier `{node.name}`", self.function_hint(node.name))
        else:
            return self.call(node, function)
        for argument in node.arguments:
            self.expr(argument)
        return self.broken(node.span)

    def call(self, node: s.Call, function: s.FunctionItem) -> t.Expr:
        self.calls.add(node.name)
        parameters, result = self.definitions.signatures[node.name]
        if len(parameters) != len(node.arguments):
            shown = ", ".join(
                [f"{parameter.name}: {show(type_)}" for parameter, type_ in zip(function.parameters, parameters)]
            )
            message = f"`{node.name}` takes {count(len(parameters), 'argument')}, found {len(node.arguments)}"
            self.error(node.span, message, f"it is defined as `{node.name}({shown})`")
            for argument in node.arguments:
                self.expr(argument)
            return t.CallOf(result, node.span, node.name, ())
        arguments = [self.expr(argument, type_) for argument, type_ in zip(node.arguments, parameters)]
        return t.CallOf(result, node.span, node.name, tuple(arguments))

    def on_StructExpr(self, node: s.StructExpr, expected: T | None) -> t.Expr:
        fields = self.definitions.structs.get(node.name)
        if fields is None:
            self.error(node.name_span, f"unknown struct `{node.name}`", self.struct_hint(node.name))
            for _, value, _ in node.fields:
                self.expr(value)
            return self.broken(node.span)
        found: dict[str, t.Expr] = {}
        for name, value, span in node.fields:
            if name not in fields:
                self.error(span, f"unknown field `{name}` of struct `{node.name}`", self.field_hint(name, fields))
            elif name in found:
                self.error(span, f"field `{name}` is given twice", "remove one")
            found[name] = self.expr(value, fields.get(name))
        misspelled = {nearest(name, fields) for name in found if name not in fields}
        missing = [name for name in fields if name not in found and name not in misspelled]
        self.missing_fields(node.name, missing, node.span)
        items = tuple(found[name] for name in fields if name in found)
        return t.Make(NamedT(node.name, False), node.span, items)

    def on_EnumExpr(self, node: s.EnumExpr, expected: T | None) -> t.Expr:
        if node.enum not in self.definitions.enums:
            self.error(node.span, f"unknown enum `{node.enum}`", self.enum_hint(node.enum))
            payload = None
        else:
            payload = self.variant(node.enum, node.variant, node.payload, node.span)
        if payload is None:
            for value in node.payload or ():
                self.expr(value)
            known = node.enum in self.definitions.enums
            return t.Lit(NamedT(node.enum, True) if known else ERROR, node.span, 0)
        items = [self.expr(value, type_) for value, type_ in zip(node.payload or (), payload)]
        number = list(self.definitions.enums[node.enum]).index(node.variant)
        return t.Make(NamedT(node.enum, True), node.span, tuple(items), number)

    def on_TupleExpr(self, node: s.TupleExpr, expected: T | None) -> t.Expr:
        wanted = prune(expected) if expected is not None else None
        known: list[T | None] = [None] * len(node.items)
        if isinstance(wanted, TupleT) and len(wanted.items) == len(node.items):
            known = list(wanted.items)
        items = tuple([self.expr(item, type_) for item, type_ in zip(node.items, known)])
        type_ = self.sized(TupleT(tuple([item.type for item in items])), node.span)
        return t.Make(type_, node.span, items)

    def on_ArrayExpr(self, node: s.ArrayExpr, expected: T | None) -> t.Expr:
        wanted = prune(expected) if expected is not None else None
        element = wanted.element if isinstance(wanted, ArrayT) else None
        items: list[t.Expr] = []
        for item in node.items:
            items.append(self.expr(item, element))
            if element is None and not isinstance(items[-1].type, ErrorT):
                element = items[-1].type
        type_ = self.sized(ArrayT(element or ERROR, ("num", len(items))), node.span)
        return t.Make(type_, node.span, tuple(items))

    def on_RepeatExpr(self, node: s.RepeatExpr, expected: T | None) -> t.Expr:
        wanted = prune(expected) if expected is not None else None
        value = self.expr(node.value, wanted.element if isinstance(wanted, ArrayT) else None)
        if isinstance(node.size.value, str) and self.scopes.find(node.size.value) is not None:
            self.error(
                node.size.span,
                f"array size `{node.size.value}` is not a constant",
                "sizes are usize constants",
            )
            return self.broken(node.span)
        size = self.definitions.size(node.size)
        if size is None:
            return self.broken(node.span)
        return t.Repeat(self.sized(ArrayT(value.type, size), node.span), node.span, value, size)

    # ---- control

    def on_If(self, node: s.If, expected: T | None) -> t.Expr:
        condition = self.expr(node.condition, BOOL)
        if node.otherwise is None:
            then = self.expr(node.then)
            if not unify(then.type, UNIT):
                message = f"expected (), found {show(then.type)}: an `if` without `else` has no value"
                self.error(node.then.span, message, "add `else { ... }`, or end the block with a statement")
            return t.Branch(UNIT, node.span, condition, then, None)
        then = self.expr(node.then, expected)
        otherwise = self.expr(node.otherwise, expected if expected is not None else None)
        type_ = then.type if isinstance(otherwise.type, ErrorT) else otherwise.type
        if expected is None and not unify(then.type, otherwise.type):
            message = f"the branches differ: expected {show(then.type)}, found {show(otherwise.type)}"
            self.error(node.otherwise.span, message, "both branches need one type")
            type_ = ERROR
        return t.Branch(type_, node.span, condition, then, otherwise)

    def on_Match(self, node: s.Match, expected: T | None) -> t.Expr:
        value = self.expr(node.value)
        self.matchable(value.type, node.value.span)
        result = expected
        arms: list[tuple[t.Pattern, t.Expr]] = []
        for arm in node.arms:
            with self.scopes.inner():
                pattern = self.pattern(arm.pattern, value.type)
                body = self.expr(arm.body, result)
            arms.append((pattern, body))
            if result is None and not isinstance(body.type, ErrorT):
                result = body.type
        patterns = [pattern for pattern, _ in arms]
        self.require_exhaustive(value.type, patterns, node.span.to(value.span), "patterns are not exhaustive")
        return t.MatchOn(result if result is not None else ERROR, node.span, value, tuple(arms))

    def on_Block(self, node: s.Block, expected: T | None) -> t.Expr:
        return self.block(node, expected)

    # ---- joins

    def join(self, node: s.Call) -> t.Expr:
        arrays = self.join_arrays(node.arguments, node.span, "join")
        if arrays is None:
            return self.broken(node.span)
        left, right, a, b = arrays
        x, y = prune(a.element), prune(b.element)
        if isinstance(x, TupleT) != isinstance(y, TupleT):
            self.error(node.span, f"cannot join {show(x)} with {show(y)}", "both must be rows, or both bare keys")
            return self.broken(node.span)
        keyed = isinstance(x, TupleT) and isinstance(y, TupleT)
        if keyed:
            if not self.same_keys(x, y, node.span):
                return self.broken(node.span)
            row = TupleT((BOOL, x, y))
        elif unify(x, y):
            row = TupleT((BOOL, x))
        else:
            self.error(node.span, f"cannot join different types {show(x)} and {show(y)}", "convert one of the arrays")
            return self.broken(node.span)
        type_ = self.sized(ArrayT(row, joined_size(a.size, b.size)), node.span)
        return t.JoinOf(type_, node.span, left, right, keyed)

    def join_arrays(
        self, arguments: tuple[s.Expr, ...], span: Span, name: str
    ) -> tuple[t.Expr, t.Expr, ArrayT, ArrayT] | None:
        """The two arrays of a join, or None after a report."""
        found = [self.expr(argument) for argument in arguments]
        if len(found) != 2:
            self.error(span, f"`{name}` takes 2 arrays, found {count(len(found), 'argument')}", f"write `{name}(a, b)`")
            return None
        types = [prune(part.type) for part in found]
        for part, type_ in zip(found, types):
            if not isinstance(type_, ArrayT | ErrorT):
                self.error(part.span, f"`{name}` takes arrays, found {show(type_)}", "give two sorted arrays")
        if isinstance(types[0], ArrayT) and isinstance(types[1], ArrayT):
            return found[0], found[1], types[0], types[1]
        return None

    def same_keys(self, x: T, y: T, span: Span) -> bool:
        """Both are row tuples whose first components have one type, or a report."""
        x, y = prune(x), prune(y)
        for row in (x, y):
            if not isinstance(row, TupleT) or not row.items:
                if not isinstance(row, ErrorT):
                    self.error(
                        span, f"a joined row is a tuple that starts with the key, found {show(row)}", "`(x,)` is a row"
                    )
                return False
        assert isinstance(x, TupleT) and isinstance(y, TupleT)
        if unify(x.items[0], y.items[0]):
            return True
        self.error(span, f"the keys have different types {show(x.items[0])} and {show(y.items[0])}", "convert one")
        return False
