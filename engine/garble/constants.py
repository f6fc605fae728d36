"""Values of constants, and types with all sizes known (section 13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.garble.definitions import Definitions
from engine.garble.diagnostics import NOWHERE, Reporter, Span
from engine.garble.literals import LiteralProblem, parse_literal
from engine.garble.types import USIZE, ArrayT, NamedT, Size, T, TupleT, prune, show, show_const
from engine.values import ArrayType, BoolType, EnumType, IntType, StructType, TupleType, Type

MAX_BITS = 1 << 28  # of one value: more cannot be built
External = bool | int | str


class Constants:
    """The constants of one compilation. Mistakes are ``compile`` errors in the reporter."""

    def __init__(
        self, definitions: Definitions, given: Mapping[str, Mapping[str, Any]] | None, reporter: Reporter
    ) -> None:
        self.definitions = definitions
        self.given = given or {}
        self.reporter = reporter
        self.values: dict[str, bool | int] = {}
        self.externals: dict[str, bool | int] = {}
        self._types: dict[T, Type] = {}
        for const in definitions.consts.values():
            value = self._value(const.value, const.type, const.span)
            if value is not None:
                self.values[const.name] = value
        for (party, name), type_ in definitions.externals.items():
            self._external(party, name, type_, NOWHERE)
        reporter.raise_if_any("compile")

    def _value(self, tree: Size, type_: T, span: Span) -> Any:
        exact = self._exact(tree, type_, span)
        return None if exact is None else wrap(exact, type_)

    def _exact(self, tree: Size, type_: T, span: Span) -> Any:
        """Value before wrapping; the leaves and operands are wrapped already. None after a report."""
        kind = tree[0]
        if kind == "lit":
            return tree[1]
        if kind == "name":
            return self.values.get(tree[1])
        if kind == "external":
            return self._external(tree[1], tree[2], type_, span)
        if kind in ("max", "min"):
            values = [self._value(item, type_, span) for item in tree[1]]
            return None if None in values else (max(values) if kind == "max" else min(values))
        left, right = self._value(tree[1], type_, span), self._value(tree[2], type_, span)
        if left is None or right is None:
            return None
        return left + right if kind == "+" else left - right

    def _external(self, party: str, name: str, type_: T, span: Span) -> bool | int | None:
        assert isinstance(type_, BoolType | IntType)
        full = f"{party}::{name}"
        values = self.given.get(party, {})
        if name not in values:
            if not any(full in item.message for item in self.reporter.found):
                self.reporter.add(span, f"missing constant `{full}` of type {type_}", f"supply a value for {full}")
            return None
        try:
            value = external_value(values[name], type_)
        except LiteralProblem as problem:
            if not any(full in item.message for item in self.reporter.found):
                self.reporter.add(
                    span,
                    f"constant `{full}` has the wrong type: {problem.message}",
                    f"supply a value of type {type_}",
                )
            return None
        self.externals[full] = value
        return value

    # ---- sizes and types

    def size(self, size: Size, span: Span = NOWHERE) -> int:
        """The number behind a size; GarbleError when it is negative."""
        tree = ("lit", size[1], "usize") if size[0] == "num" else size
        if tree[0] == "const":
            tree = tree[1]
        exact = self._exact(tree, USIZE, span)
        if exact is None or exact < 0:
            self.reporter.add(
                span, f"array size `{size[1] if size[0] == 'name' else show_const(tree)}` is negative", ""
            )
            self.reporter.raise_if_any("compile")
        return int(wrap(exact, USIZE))

    def resolve(self, type_: T, span: Span = NOWHERE) -> Type:
        """The type with all sizes as numbers; GarbleError when it is too large."""
        type_ = prune(type_)
        found = self._types.get(type_)
        if found is None:
            found = self._resolve(type_, span)
            if found.bits > MAX_BITS:
                self.reporter.add(
                    span, f"a value of type {show(type_)} has {found.bits} bits", f"at most {MAX_BITS} can be built"
                )
                self.reporter.raise_if_any("compile")
            self._types[type_] = found
        return found

    def _resolve(self, type_: T, span: Span) -> Type:
        if isinstance(type_, ArrayT):
            return ArrayType(self.resolve(type_.element, span), self.size(type_.size, span))
        if isinstance(type_, TupleT):
            return TupleType(tuple(self.resolve(item, span) for item in type_.items))
        if isinstance(type_, NamedT) and type_.is_enum:
            variants = self.definitions.enums[type_.name].items()
            return EnumType(
                type_.name,
                tuple(
                    (name, None if payload is None else tuple(self.resolve(item, span) for item in payload))
                    for name, payload in variants
                ),
            )
        if isinstance(type_, NamedT):
            fields = self.definitions.structs[type_.name].items()
            return StructType(type_.name, tuple((name, self.resolve(item, span)) for name, item in fields))
        assert isinstance(type_, BoolType | IntType)
        return type_


def wrap(value: Any, type_: T) -> Any:
    """Reduce modulo 2**bits into the range of the type."""
    if not isinstance(type_, IntType):
        return value
    value &= (1 << type_.bits) - 1
    return value - (1 << type_.bits) if value > type_.maximum else value


def external_value(given: External, type_: BoolType | IntType) -> bool | int:
    """A value from outside as the type demands; LiteralProblem when it is of another type."""
    if isinstance(given, str):
        return parse_literal(type_, given)
    if isinstance(type_, BoolType):
        if isinstance(given, bool):
            return given
        raise LiteralProblem("expected bool, found a number")
    if isinstance(given, bool) or not isinstance(given, int):
        raise LiteralProblem(f"expected {type_}, found {type(given).__name__}")
    if not type_.minimum <= given <= type_.maximum:
        raise LiteralProblem(f"it does not fit {type_}")
    return given
