"""Typing of blocks, statements and assignments (sections 9 and 11)."""

from __future__ import annotations

from engine.garble import syntax as s
from engine.garble import typed as t
from engine.garble.check_expressions import ExpressionChecker
from engine.garble.check_operators import BITWISE, SHIFTS
from engine.garble.types import ERROR, U8, UNIT, USIZE, T, TupleT, show, unify


class StatementChecker(ExpressionChecker):
    """Everything that may stand in a function body."""

    def block(self, node: s.Block, expected: T | None = None) -> t.Expr:
        statements: list[t.Statement] = []
        with self.scopes.inner():
            for statement in node.statements[:-1]:
                statements.append(self.statement(statement, None))
            last = node.statements[-1] if node.statements else None
            has_value = isinstance(last, s.ExprStatement) and not isinstance(last.value, s.Assign)
            if last is not None:
                statements.append(self.statement(last, expected if has_value else None))
        type_ = statements[-1].type if has_value else UNIT
        if not has_value and expected is not None and not unify(UNIT, expected):
            message = f"expected {show(expected)}, found (): the block ends without a value"
            self.error(node.span if last is None else last.span, message, "end it with an expression")
            type_ = ERROR
        return t.BlockOf(type_, node.span, tuple(statements), has_value)

    def statement(self, node: s.Statement, expected: T | None) -> t.Statement:
        """One statement; ``expected`` is for the last one of a block."""
        if isinstance(node, s.Let):
            return self.let(node)
        if isinstance(node, s.For):
            return self.for_join(node) if node.joined is not None else self.for_each(node)
        return self.expr(node.value, expected)

    def let(self, node: s.Let) -> t.Statement:
        annotation = self.definitions.type(node.annotation) if node.annotation is not None else None
        value = self.expr(node.value, annotation)
        type_ = value.type if annotation is None else annotation
        if node.mutable and isinstance(node.pattern, s.BindPattern):
            var = self.declare(node.pattern.name, type_, mutable=True)
            return t.LetBind(UNIT, node.span, t.PBind(type_, node.pattern.span, var), value)
        pattern = self.pattern(node.pattern, type_)
        if not isinstance(pattern, t.PBind):
            self.require_exhaustive(type_, [pattern], node.pattern.span, "the pattern of `let` can fail", "use `match`")
        return t.LetBind(UNIT, node.span, pattern, value)

    def for_each(self, node: s.For) -> t.Statement:
        assert node.iterable is not None
        iterable = self.expr(node.iterable)
        cure = "a loop goes over an array or a range, such as `0..3`"
        element = self.element_of(iterable.type, node.iterable.span, cure)
        with self.scopes.inner():
            pattern = self.loop_pattern(node.pattern, element)
            body = self.block(node.body)
        return t.ForEach(UNIT, node.span, pattern, iterable, body)

    def loop_pattern(self, node: s.Pattern, element: T) -> t.Pattern:
        """The pattern of a loop must match every element."""
        pattern = self.pattern(node, element)
        if not isinstance(pattern, t.PBind):
            cure = "give the element a name, and use `match`"
            self.require_exhaustive(element, [pattern], node.span, "the pattern of the loop can fail", cure)
        return pattern

    def for_join(self, node: s.For) -> t.Statement:
        assert node.joined is not None
        arrays = self.join_arrays(node.joined, node.span, "join_iter")
        row: T = ERROR
        if arrays is not None:
            x, y = arrays[2].element, arrays[3].element
            if self.same_keys(x, y, node.joined[0].span.to(node.joined[1].span)):
                row = TupleT((x, y))
        with self.scopes.inner():
            pattern = self.loop_pattern(node.pattern, row)
            body = self.block(node.body)
        if arrays is None:
            return self.broken(node.span)
        return t.ForJoin(UNIT, node.span, pattern, arrays[0], arrays[1], body)

    # ---- assignment

    def on_Assign(self, node: s.Assign, expected: T | None) -> t.Expr:
        root, accesses = split_place(node.place)
        binding = self.scopes.find(root.name)
        if binding is None:
            self.unassignable(root)
            type_: T = ERROR
        else:
            type_ = binding.type
            if not binding.mutable:
                hint = f"declare it `mut`, or copy it: `let mut {root.name} = {root.name};`"
                self.error(root.span, f"`{root.name}` is not declared mutable", hint)
        root_type = type_
        steps: list[t.Step] = []
        for access in accesses:
            base = type_
            index, number = None, 0
            if isinstance(access, s.Index):
                index = self.expr(access.index, USIZE)
                type_ = self.element_of(base, access.base.span)
            elif isinstance(access, s.TupleField):
                number = access.number
                type_ = self.component(base, number, access.span)
            else:
                type_, number = self.field(base, access.name, access.name_span)
            steps.append(t.Step(base, index, number, access.span))
        value = self.assigned(node, type_)
        var = binding.var if binding is not None else -1
        return t.AssignTo(UNIT, node.span, var, root_type, tuple(steps), type_, node.operator, value)

    def unassignable(self, root: s.Name) -> None:
        if root.name in self.definitions.consts:
            self.error(root.span, f"`{root.name}` is a constant and cannot be assigned")
        else:
            self.error(root.span, f"unknown identifier `{root.name}`", self.name_hint(root.name))

    def assigned(self, node: s.Assign, type_: T) -> t.Expr:
        """The right side of an assignment, checked against the place."""
        if not node.operator:
            return self.expr(node.value, type_)
        if node.operator in SHIFTS:
            value = self.expr(node.value, U8)
            self.number(type_, node.place.span)
            return value
        value = self.expr(node.value)
        if not unify(type_, value.type):
            self.error(
                node.span,
                f"incompatible operand types: {show(type_)} and {show(value.type)}",
                self.conversion(type_, value.type),
            )
        elif node.operator in BITWISE:
            self.operation(node.operator, type_, value.type, node.span, node.place.span)
        else:
            self.number(type_, node.place.span)
        return value


def split_place(place: s.Expr) -> tuple[s.Name, list[s.Index | s.TupleField | s.Field]]:
    """The variable of a place and its accesses from the outside in."""
    accesses: list[s.Index | s.TupleField | s.Field] = []
    while isinstance(place, s.Index | s.TupleField | s.Field):
        accesses.append(place)
        place = place.base
    assert isinstance(place, s.Name)
    return place, accesses[::-1]
