"""What all parts of the checker share: reporting, literal variables, checks at the end of a function."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count as counter

from engine.garble import syntax as s
from engine.garble import typed as t
from engine.garble.definitions import Definitions
from engine.garble.diagnostics import Span
from engine.garble.scopes import Binding, Scopes, generalise
from engine.garble.types import DEFAULTED, ERROR, ArrayT, T, Var, default_type, free_vars, prune, show, unify
from engine.values import BoolType, IntType


class CheckerBase:
    """State of the checker for one function body."""

    def __init__(self, definitions: Definitions, numbers: counter[int]) -> None:
        self.definitions = definitions
        self.reporter = definitions.reporter
        self.numbers = numbers
        self.scopes = Scopes()
        self.variables: list[Var] = []
        self.deferred: list[Callable[[], None]] = []
        self.calls: set[str] = set()
        self.mentioned: set[str] = set()  # functions that a mistake was about: not unused as well
        self.broken_patterns: set[int] = set()  # by identity; the patterns live as long as the checker

    def expr(self, node: s.Expr, expected: T | None = None) -> t.Expr:
        """The typed expression; a mismatch with ``expected`` is reported here."""
        raise NotImplementedError

    def error(self, span: Span, message: str, hint: str = "") -> None:
        """Report a type error."""
        self.reporter.add(span, message, hint)

    def broken(self, span: Span) -> t.Expr:
        """What stands for an expression that was reported."""
        return t.Lit(ERROR, span, 0)

    def literal_var(self, span: Span, low: int, high: int | None = None, *, signed: bool = False) -> Var:
        """A fresh variable for a literal (or for the values low to high of a range)."""
        var = Var(span, low, signed=signed)
        if high is not None:
            var.high = (high, span)
        self.variables.append(var)
        return var

    def agree(self, found: T, expected: T, span: Span) -> bool:
        """Unify or report ``expected, found``."""
        if unify(found, expected):
            return True
        self.error(span, f"expected {show(expected)}, found {show(found)}", self.cure(prune(found), prune(expected)))
        return False

    def cure(self, found: T, expected: T) -> str:
        """How a value of one type becomes one of another."""
        if isinstance(found, ArrayT) and isinstance(expected, ArrayT) and found.size != expected.size:
            return "array sizes are compared as they are written"
        if isinstance(found, IntType | BoolType) and isinstance(expected, IntType):
            return default_hint(found, expected) or f"convert it with `as {expected}`"
        if isinstance(found, IntType) and isinstance(expected, BoolType):
            return "compare it with a number, such as `!= 0`"
        if isinstance(found, Var):
            no_number = "write `true` or `false`" if isinstance(expected, BoolType) else ""
            return f"{expected} has no negative numbers" if isinstance(expected, IntType) else no_number
        return ""

    def sized(self, type_: T, span: Span) -> T:
        """The type of a value that was put together, or a report that it has too many parts."""
        return self.definitions.sized(type_, span)

    def declare(self, name: str, type_: T, *, mutable: bool = False) -> int:
        """Bind a name to a fresh variable number."""
        var = next(self.numbers)
        if mutable:
            for open_var in free_vars(type_):
                unify(open_var, DEFAULTED)
            self.scopes.declare(Binding(name, var, type_, True))
        else:
            self.scopes.declare(Binding(name, var, type_, False, generalise(type_)))
        return var

    def finish(self) -> None:
        """Solve what is open, then run the checks that need solved types."""
        for var in self.variables:
            root = prune(var)
            if isinstance(root, Var):
                root.link = default_type(root)
        for var in self.variables:
            self._check_range(var)
        for check in self.deferred:
            check()

    def _check_range(self, var: Var) -> None:
        type_ = prune(var)
        if not isinstance(type_, IntType):
            return
        for value, span in (var.low, var.high):
            if not type_.minimum <= value <= type_.maximum:
                self.error(span, f"`{value}` does not fit {type_} ({type_.minimum} to {type_.maximum})")
                return


def count(number: int, what: str) -> str:
    """``1 field``, ``2 fields``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def default_hint(left: T, right: T) -> str:
    """The cure for two integer types of which one was nobody's choice, else nothing."""
    if left is not DEFAULTED and right is not DEFAULTED:
        return ""
    wanted = right if left is DEFAULTED else left
    return f"a number without suffix in `let mut` is an i32; give it a suffix there, as in `0{wanted}`"
