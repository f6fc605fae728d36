"""What all parts of the lowering share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.circuit import Builder
from engine.errors import GarbleError
from engine.garble import typed as t
from engine.garble.constants import Constants
from engine.garble.diagnostics import Diagnostic, Span, make_error
from engine.garble.origins import Origins
from engine.garble.state import State
from engine.garble.types import T
from engine.values import IntType, Type

Lits = np.ndarray


class LoweringBase:
    """Builder, state, and types by node. With ``origins`` the order of join inputs is checked."""

    def __init__(
        self,
        builder: Builder,
        state: State,
        functions: Mapping[str, t.TypedFunction],
        constants: Constants,
        origins: Origins | None = None,
    ) -> None:
        self.builder = builder
        self.state = state
        self.functions = functions
        self.constants = constants
        self.origins = origins
        self.ranges = state.ranges
        self._types: dict[int, Type] = {}
        self._assigns: dict[int, bool] = {}
        self._rules: dict[type, Any] = {}

    def expr(self, node: t.Statement) -> Lits:
        """Literals of an expression (a statement gives those of unit)."""
        kind = type(node)
        rule = self._rules.get(kind)
        if rule is None:
            rule = self._rules[kind] = getattr(self, "on_" + kind.__name__)
        return rule(node)

    def within(self, node: t.Typed, step: Callable[..., Any], *arguments: Any) -> Any:
        """A part of the lowering of ``node`` that does not go through :meth:`expr`."""
        return step(*arguments)

    def bit(self, node: t.Expr) -> int:
        """The literal of a bool expression."""
        return int(self.expr(node)[0])

    def declare(self, binding: t.PBind | t.TypedParameter, word: Lits) -> None:
        """Bind a variable, and tell whether it is one integer."""
        if binding.var is not None:
            type_ = self.resolve(binding.type, binding.span)
            self.state.declare(binding.var, word, type_.signed if isinstance(type_, IntType) else None)

    def outside(self, index: Lits, size: int) -> int:
        """Whether an index is out of bounds."""
        return 0 if self.ranges.of(index, False)[1] < size else int(self.builder.at_least(index, size))

    def type_of(self, node: t.Typed) -> Type:
        """Resolved type of a node."""
        return self.resolve(node.type, node.span)

    def resolve(self, type_: T, span: Span) -> Type:
        """A type with numbers as sizes; remembered by identity."""
        found = self._types.get(id(type_))
        if found is None:
            found = self._types[id(type_)] = self.constants.resolve(type_, span)
        return found

    def unsupported(self, what: str, span: Span) -> GarbleError:
        """The error for a construct that cannot be compiled yet."""
        reporter = self.constants.reporter
        message = f"{what} is not supported yet"
        return make_error("compile", [Diagnostic(span, message)], reporter.source, reporter.filename)


def unit() -> Lits:
    """The literals of ``()``."""
    return np.zeros(0, np.int64)


def one(literal: int) -> Lits:
    """A bool value."""
    return np.array([literal], np.int64)
