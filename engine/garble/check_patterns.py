"""Typing of patterns (section 10); exhaustiveness itself is in :mod:`engine.garble.patterns`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.garble import syntax as s
from engine.garble import typed as t
from engine.garble.check_base import CheckerBase, count
from engine.garble.diagnostics import Span
from engine.garble.patterns import missing_patterns
from engine.garble.types import (
    BOOL,
    ERROR,
    INTS,
    ArrayT,
    ErrorT,
    NamedT,
    T,
    TupleT,
    Var,
    prune,
    show,
    unify,
)
from engine.values import BoolType, IntType

ADD_PATTERNS = "add the missing patterns or `_`"


class PatternChecker(CheckerBase):
    """Checks a pattern against a type and declares its names."""

    def pattern(self, node: s.Pattern, type_: T) -> t.Pattern:
        """The typed pattern; its names are declared in the current scope."""
        before = len(self.reporter.found)
        found = self._pattern(node, type_, set())
        if len(self.reporter.found) > before:
            self.broken_patterns.add(id(found))
        return found

    def _pattern(self, node: s.Pattern, type_: T, names: set[str]) -> t.Pattern:
        if isinstance(node, s.BindPattern):
            return self._bind(node, type_, names)
        if isinstance(node, s.BoolPattern):
            self._must_match(BOOL, type_, node.span)
            return t.PBool(BOOL, node.span, node.value)
        if isinstance(node, s.RangePattern):
            return self._range(node, type_)
        if isinstance(node, s.TuplePattern):
            return self._tuple(node, type_, names)
        if isinstance(node, s.EnumPattern):
            return self._enum(node, type_, names)
        return self._struct(node, type_, names)

    def _must_match(self, pattern: T, type_: T, span: Span) -> None:
        if not unify(pattern, type_):
            message = f"a pattern of type {show(pattern)} does not match a value of type {show(type_)}"
            self.error(span, message, self.pattern_hint(prune(type_)))

    def pattern_hint(self, type_: T) -> str:
        """What patterns of a type look like."""
        if isinstance(type_, NamedT) and type_.is_enum:
            return f"write `{type_.name}::...`"
        if isinstance(type_, NamedT):
            return f"write `{type_.name} {{ ... }}`"
        if isinstance(type_, TupleT):
            return f"write a pattern with {count(len(type_.items), 'component')} in parentheses"
        if isinstance(type_, ArrayT):
            return "arrays have no patterns; bind the array to a name"
        if isinstance(type_, IntType):
            return f"write a number of type {type_}"
        return "write `true` or `false`" if isinstance(type_, BoolType) else ""

    def _bind(self, node: s.BindPattern, type_: T, names: set[str]) -> t.Pattern:
        if node.name == "_":
            return t.PBind(type_, node.span, None)
        if node.name in names:
            self.error(node.span, f"`{node.name}` is bound twice in one pattern", "rename one, or use `_`")
        names.add(node.name)
        return t.PBind(type_, node.span, self.declare(node.name, type_))

    def _range(self, node: s.RangePattern, type_: T) -> t.Pattern:
        found: T
        if node.suffix:
            found = INTS[node.suffix]
        else:
            found = self.literal_var(node.span, node.low, max(node.low, node.high), signed=node.negative)
        if node.low > node.high:
            self.error(node.span, "invalid range: it holds no value", "the start must be below the end")
        root = prune(type_)
        if not isinstance(root, IntType | Var | ErrorT):
            self.error(
                node.span, f"a number pattern does not match a value of type {show(type_)}", self.pattern_hint(root)
            )
            return t.PBind(ERROR, node.span, None)
        self._must_match(found, type_, node.span)
        return t.PRange(type_, node.span, node.low, node.high)

    def _tuple(self, node: s.TuplePattern, type_: T, names: set[str]) -> t.Pattern:
        root = prune(type_)
        if not isinstance(root, TupleT):
            if not isinstance(root, ErrorT):
                self.error(
                    node.span, f"a tuple pattern does not match a value of type {show(type_)}", self.pattern_hint(root)
                )
            items: Sequence[T] = [ERROR] * len(node.items)
        elif len(root.items) != len(node.items):
            shown = ", ".join(["_"] * len(root.items))
            message = f"the tuple has {count(len(root.items), 'component')}, the pattern {len(node.items)}"
            self.error(node.span, message, f"write `({shown})`" if len(root.items) < 20 else "")
            items = [ERROR] * len(node.items)
        else:
            items = root.items
        parts = tuple([self._pattern(part, item, names) for part, item in zip(node.items, items)])
        return t.PParts(type_, node.span, parts)

    def _enum(self, node: s.EnumPattern, type_: T, names: set[str]) -> t.Pattern:
        variants = self.definitions.enums.get(node.enum)
        parts: Sequence[T] = [ERROR] * len(node.payload or ())
        number = 0
        if variants is None:
            self.error(node.span, f"unknown enum `{node.enum}`", self.enum_hint(node.enum))
        else:
            self._must_match(NamedT(node.enum, True), type_, node.span)
            payload = self.variant(node.enum, node.variant, node.payload, node.span)
            if payload is not None:
                parts = payload
            number = list(variants).index(node.variant) if node.variant in variants else 0
        items = tuple([self._pattern(part, item, names) for part, item in zip(node.payload or (), parts)])
        return t.PVariant(type_, node.span, number, items)

    def variant(self, enum: str, name: str, given: Sequence[object] | None, span: Span) -> tuple[T, ...] | None:
        """Payload types of a variant that is used with ``given`` parts; None after a report."""
        variants = self.definitions.enums[enum]
        if name not in variants:
            hint = self.reporter.near(name, variants) or f"`{enum}` has {', '.join(variants)}"
            self.error(span, f"unknown variant `{name}` of enum `{enum}`", hint)
            return None
        payload = variants[name]
        if payload is None and given is not None:
            self.error(span, f"`{enum}::{name}` is a unit variant", f"write `{enum}::{name}` without parentheses")
            return None
        if payload is not None and given is None:
            parts = ", ".join("_" for _ in payload)
            self.error(span, f"`{enum}::{name}` is a tuple variant", f"write `{enum}::{name}({parts})`")
            return None
        if payload is not None and given is not None and len(payload) != len(given):
            hint = f"it holds {', '.join([show(part) for part in payload])}" if payload else f"write `{enum}::{name}()`"
            self.error(span, f"`{enum}::{name}` has {count(len(payload), 'field')}, found {len(given)}", hint)
            return None
        return payload or ()

    def _struct(self, node: s.StructPattern, type_: T, names: set[str]) -> t.Pattern:
        fields = self.definitions.structs.get(node.name)
        if fields is None:
            self.error(node.span, f"unknown struct `{node.name}`", self.struct_hint(node.name))
            fields = {name: ERROR for name, _, _ in node.fields}
        else:
            self._must_match(NamedT(node.name, False), type_, node.span)
        found: dict[str, t.Pattern] = {}
        for name, part, span in node.fields:
            if name not in fields:
                self.error(span, f"unknown field `{name}` of struct `{node.name}`", self.field_hint(name, fields))
            elif name in found:
                self.error(span, f"field `{name}` stands twice in the pattern", "remove one")
            found[name] = self._pattern(part, fields.get(name, ERROR), names)
        if not node.open:
            self.missing_fields(
                node.name, [name for name in fields if name not in found], node.span, "or end with `..`"
            )
        items = tuple(found.get(name) or t.PBind(item, node.span, None) for name, item in fields.items())
        return t.PParts(type_, node.span, items)

    def missing_fields(self, struct: str, missing: list[str], span: Span, hint: str = "") -> None:
        """Report the fields that a literal or a pattern leaves out."""
        if missing:
            what = "field" if len(missing) == 1 else "fields"
            cure = "give every field a value" if not hint else f"name every field, {hint}"
            self.error(span, f"missing {what} `{'`, `'.join(missing)}` of struct `{struct}`", cure)

    def enum_hint(self, name: str) -> str:
        """The enum that was meant."""
        if name in self.definitions.structs:
            return f"`{name}` is a struct: `{name} {{ ... }}`"
        return self.reporter.near(name, self.definitions.enums) or "define it with `enum`"

    def struct_hint(self, name: str) -> str:
        """The struct that was meant."""
        if name in self.definitions.enums:
            return f"`{name}` is an enum: `{name}::...`"
        return self.reporter.near(name, self.definitions.structs) or "define it with `struct`"

    def field_hint(self, name: str, fields: Iterable[str]) -> str:
        """The field that was meant, or all there are."""
        fields = list(fields)
        known = f"its fields are {', '.join(fields)}" if fields else "it has no fields"
        return self.reporter.near(name, fields) or known

    def require_exhaustive(
        self, type_: T, patterns: Sequence[t.Pattern], span: Span, what: str, cure: str = ADD_PATTERNS
    ) -> None:
        """Check at the end of the function that the patterns cover the type."""

        if self.definitions.broken or any(id(pattern) in self.broken_patterns for pattern in patterns):
            return

        def check() -> None:
            if isinstance(prune(type_), ErrorT):
                return
            missing = missing_patterns(self.definitions, type_, patterns)
            if missing is None:
                self.error(span, "the patterns are too many and too wide to be checked", "end with an arm `_ => ...`")
            elif missing:
                shown = ", ".join([f"`{pattern}`" for pattern in missing])
                self.error(span, f"{what}: {shown} not covered", cure)

        self.deferred.append(check)

    def matchable(self, type_: T, span: Span) -> None:
        """``match`` takes bool, integers, tuples, structs and enums."""
        if isinstance(prune(type_), ArrayT):
            self.error(span, f"type {show(type_)} cannot be matched", "match its elements, or compare with ==")
