"""Values of constants, and types with all sizes known (section 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from engine.garble.definitions import Definitions
from engine.garble.diagnostics import NOWHERE, Diagnostic, Reporter, Span, make_error
from engine.garble.limits import MAX_BITS, MAX_PARTS
from engine.garble.literals import LiteralProblem, parse_literal
from engine.garble.types import USIZE, ArrayT, NamedT, Size, T, TupleT, prune, show, show_const
from engine.values import ArrayType, BoolType, EnumType, IntType, StructType, TupleType, Type

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
        self.exact: dict[str, bool | int] = {}  # the same without wrapping: what an array size must be
        self.externals: dict[str, bool | int] = {}
        self._types: dict[T, tuple[Type, int]] = {}
        for const in definitions.consts.values():
            value = self._value(const.value, const.type, const.span)
            if value is not None:
                self.values[const.name] = value
                self.exact[const.name] = self._value(const.value, const.type, const.span, exact=True)
        for (party, name), type_ in definitions.externals.items():
            self._external(party, name, type_, definitions.external_spans[party, name])
        reporter.raise_if_any("compile")

    def _value(self, tree: Size, type_: T, span: Span, *, exact: bool = False) -> Any:
        """Value of a constant expression, None after a report; ``exact``: without wrapping anywhere."""
        kind = tree[0]
        if kind == "lit":
            return tree[1]
        if kind == "name":
            return (self.exact if exact else self.values).get(tree[1])
        if kind == "external":
            return self._external(tree[1], tree[2], type_, span)
        if kind in ("max", "min"):
            values = [self._value(item, type_, span, exact=exact) for item in tree[1]]
            return None if None in values else (max(values) if kind == "max" else min(values))
        total = self._value(tree[1], type_, span, exact=exact)
        for operator, term in tree[2]:
            value = self._value(term, type_, span, exact=exact)
            if total is not None:
                total = None if value is None else (total + value if operator == "+" else total - value)
        return total if exact or total is None else wrap(total, type_)

    def _external(self, party: str, name: str, type_: T, span: Span) -> bool | int | None:
        assert isinstance(type_, BoolType | IntType)
        full = f"{party}::{name}"
        values = self.given.get(party, {})
        if name not in values:
            if not any(full in item.message for item in self.reporter.found):
                self.reporter.add(
                    span,
                    f"missing constant `{full}` of type {type_}",
                    f"supply it: `--const {full}=...` of a command, `constants` of a policy",
                )
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
        """The number behind a size; GarbleError when it is negative or was wrapped."""
        if size[0] == "num":
            exact = size[1]
        else:
            tree = size[1] if size[0] == "const" else size
            exact = self._value(tree, USIZE, span, exact=True)
        if not 0 <= exact <= USIZE.maximum:
            what = "sizes are not negative" if exact < 0 else f"sizes are at most {USIZE.maximum}"
            name = "" if size[0] == "num" else f" `{size[1] if size[0] == 'name' else show_const(size[1])}`"
            self._fail(span, f"the array size{name} is {exact}", what)
        return int(exact)

    def resolve(self, type_: T, span: Span = NOWHERE) -> Type:
        """The type with all sizes as numbers; GarbleError when it is too large."""
        return self._measured(type_, span)[0]

    def _measured(self, type_: T, span: Span) -> tuple[Type, int]:
        """A type and the number of elements, fields and components of its values."""
        type_ = prune(type_)
        found = self._types.get(type_)
        if found is None:
            found = self._types[type_] = self._resolve(type_, span)
            bits, parts = found[0].bits, found[1]
            if bits > MAX_BITS:
                self._fail(span, f"a value of type {show(type_)} has {bits} bits", f"at most {MAX_BITS} can be built")
            if parts > MAX_PARTS:
                self._fail(
                    span, f"a value of type {show(type_)} has {parts} parts", f"at most {MAX_PARTS} can be built"
                )
        return found

    def _fail(self, span: Span, message: str, hint: str) -> NoReturn:
        raise make_error("compile", [Diagnostic(span, message, hint)], self.reporter.source, self.reporter.filename)

    def _resolve(self, type_: T, span: Span) -> tuple[Type, int]:
        if isinstance(type_, ArrayT):
            element, parts = self._measured(type_.element, span)
            size = self.size(type_.size, span)
            return ArrayType(element, size), 1 + size * parts
        if isinstance(type_, TupleT):
            items, parts = self._all(type_.items, span)
            return TupleType(items), 1 + parts
        if isinstance(type_, NamedT) and type_.is_enum:
            return self._enum(type_, span)
        if isinstance(type_, NamedT):
            fields = self.definitions.structs[type_.name]
            types, parts = self._all(fields.values(), self.definitions.type_span(type_.name))
            return StructType(type_.name, tuple(zip(fields, types))), 1 + parts
        assert isinstance(type_, BoolType | IntType)
        return type_, 1

    def _enum(self, type_: NamedT, span: Span) -> tuple[Type, int]:
        variants: list[tuple[str, tuple[Type, ...] | None]] = []
        largest = 0
        for name, payload in self.definitions.enums[type_.name].items():
            types, parts = self._all(payload or (), self.definitions.type_span(type_.name))
            variants.append((name, None if payload is None else types))
            largest = max(largest, parts)
        return EnumType(type_.name, tuple(variants)), 1 + largest

    def _all(self, types: Iterable[T], span: Span) -> tuple[tuple[Type, ...], int]:
        found = [self._measured(item, span) for item in types]
        return tuple([item for item, _ in found]), sum([parts for _, parts in found])


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
