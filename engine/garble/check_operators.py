"""Typing of operators and casts (sections 6 to 8)."""

from __future__ import annotations

from dataclasses import replace

from engine.garble import syntax as s
from engine.garble import typed as t
from engine.garble.check_access import AccessChecker
from engine.garble.check_base import default_hint
from engine.garble.diagnostics import Span
from engine.garble.types import BOOL, ERROR, U8, ErrorT, NamedT, T, Var, prune, show, unify
from engine.values import BoolType, IntType

ARITHMETIC = frozenset("+-*/%")
BITWISE = frozenset("&|^")
ORDER = frozenset(["<", ">", "<=", ">="])
SHIFTS = frozenset(["<<", ">>"])
LOGIC = frozenset(["&&", "||"])


class OperatorChecker(AccessChecker):
    """Operands must have one type, the operator a meaning for it."""

    def on_Unary(self, node: s.Unary, expected: T | None) -> t.Expr:
        operand = self.expr(node.operand)
        root = prune(operand.type)
        if isinstance(root, Var):
            root.exact = False
            root.signed = root.signed or node.operator == "-"
        elif node.operator == "-" and not (isinstance(root, IntType) and root.signed):
            if not isinstance(root, ErrorT):
                self.error(node.span, f"expected a signed number type, found {show(root)}", "cast it first")
        elif node.operator == "!" and not isinstance(root, BoolType | IntType | ErrorT):
            self.error(node.span, f"expected bool or a number type, found {show(root)}", "apply it to the parts")
        return t.UnaryOf(operand.type, node.span, node.operator, operand)

    def on_Binary(self, node: s.Binary, expected: T | None) -> t.Expr:
        """Operators group to the left, so a long sum is deep on the left side: that side is walked in a loop."""
        chain = [node]
        while isinstance(chain[-1].left, s.Binary):
            chain.append(chain[-1].left)
        left = self.expr(chain[-1].left, BOOL if chain[-1].operator in LOGIC else None)
        for link in reversed(chain):
            left = self.binary(link, left)
        return left

    def binary(self, node: s.Binary, left: t.Expr) -> t.Expr:
        """An operator whose left operand is typed already."""
        operator = node.operator
        if operator in LOGIC:
            if not self.agree(left.type, BOOL, node.left.span):
                left = replace(left, type=ERROR)
            return t.Logic(BOOL, node.span, operator, left, self.expr(node.right, BOOL))
        right = self.expr(node.right, U8 if operator in SHIFTS else None)
        type_ = self.operation(operator, left.type, right.type, node.span, node.left.span)
        return t.BinaryOf(type_, node.span, operator, left, right)

    def operation(self, operator: str, left: T, right: T, span: Span, left_span: Span) -> T:
        """Result type of a binary operator, with reports."""
        if operator in SHIFTS:
            self.number(left, left_span)
            self.inexact(left)
            return left
        if not unify(left, right):
            message = f"incompatible operand types: {show(left)} and {show(right)}"
            chained = operator in ORDER and BOOL in (prune(left), prune(right))
            hint = "comparisons do not chain; join two with `&&`" if chained else self.conversion(left, right)
            self.error(span, message, hint)
            return BOOL if operator in ORDER or operator in ("==", "!=") else ERROR
        if operator in ("==", "!="):
            return BOOL
        root = prune(left)
        if operator in BITWISE:
            if not isinstance(root, BoolType | IntType | Var | ErrorT):
                self.error(left_span, f"expected bool or a number type, found {show(root)}", "apply it to the parts")
                return ERROR
            self.inexact(left)
            return left
        if not self.number(left, left_span):
            return BOOL if operator in ORDER else ERROR
        if operator in ORDER:
            return BOOL
        self.inexact(left)
        return left

    def conversion(self, left: T, right: T) -> str:
        """How two operand types can be made equal."""
        left, right = prune(left), prune(right)
        if isinstance(left, Var) or isinstance(right, Var):
            other = right if isinstance(left, Var) else left
            return f"{other} has no negative numbers" if isinstance(other, IntType) else ""
        if isinstance(left, BoolType | IntType) and isinstance(right, BoolType | IntType):
            return default_hint(left, right) or "there are no implicit conversions; cast one with `as`"
        return "both operands must have one type"

    def inexact(self, type_: T) -> None:
        """Arithmetic on literals: all uses of the result share one type."""
        root = prune(type_)
        if isinstance(root, Var):
            root.exact = False

    def number(self, type_: T, span: Span) -> bool:
        """Report what is not an integer."""
        root = prune(type_)
        if isinstance(root, IntType | Var | ErrorT):
            return True
        hint = "cast it with `as`" if isinstance(root, BoolType) else "apply it to the parts"
        self.error(span, f"expected a number type, found {show(root)}", hint)
        return False

    def on_Cast(self, node: s.Cast, expected: T | None) -> t.Expr:
        operand = self.expr(node.operand)
        target = self.definitions.type(node.target)
        source = prune(operand.type)
        if not isinstance(source, BoolType | IntType | Var | ErrorT):
            hint = "use `match`" if isinstance(source, NamedT) and source.is_enum else "cast its parts"
            self.error(node.span, f"type {show(source)} cannot be cast", hint)
        elif not isinstance(target, BoolType | IntType | ErrorT):
            self.error(node.target.span, f"there is no cast to {show(target)}", "cast to bool or an integer")
            target = ERROR
        return t.CastTo(target, node.span, operand)
