"""Typing of names and of access to parts (sections 4 and 7)."""

from __future__ import annotations

from engine.garble import syntax as s
from engine.garble import typed as t
from engine.garble.check_base import count
from engine.garble.check_patterns import PatternChecker
from engine.garble.diagnostics import Span
from engine.garble.scopes import instantiate
from engine.garble.suggestions import nearest
from engine.garble.types import ERROR, USIZE, ArrayT, ErrorT, NamedT, T, TupleT, prune, show

WORDS = {
    "return": "`return` does not exist; the last expression of a block is its value",
    "break": "`break` does not exist; put the rest of the loop into an `if`",
    "continue": "`continue` does not exist; put the rest of the loop into an `if`",
    "True": "write `true`",
    "False": "write `false`",
    "self": "methods do not exist; write functions",
}
FUNCTIONS = {
    "max": "`max` is built in for constants only",
    "min": "`min` is built in for constants only",
    "range": "a range is written `0..3`",
    "len": "an array has the length of its type; use a constant",
}


class AccessChecker(PatternChecker):
    """Names, indices, components and fields, and what an unknown name may have meant."""

    def on_Name(self, node: s.Name, expected: T | None) -> t.Expr:
        binding = self.scopes.find(node.name)
        if binding is not None:
            type_, fresh = instantiate(binding, node.span)
            self.variables += fresh
            return t.Use(type_, node.span, binding.var, binding.type)
        const = self.definitions.consts.get(node.name)
        if const is not None:
            return t.ConstUse(const.type, node.span, node.name)
        if node.name not in self.definitions.const_items:
            self.error(node.span, f"unknown identifier `{node.name}`", self.name_hint(node.name))
        return self.broken(node.span)

    def name_hint(self, name: str) -> str:
        """What an unknown name may have meant."""
        if name in self.definitions.functions or name in ("join", "join_iter"):
            self.mentioned.add(name)
            return "functions are not values; call it"
        if name in self.definitions.enums:
            return f"a value of this enum is written `{name}::{next(iter(self.definitions.enums[name]), 'VARIANT')}`"
        if name in self.definitions.structs:
            return f"a value of this struct is written `{name} {{ ... }}`"
        if name in WORDS:
            return WORDS[name]
        if name == "_":
            return "`_` in a pattern keeps nothing; give it a name"
        near = self.reporter.near(name, [*self.scopes.names(), *self.definitions.consts])
        return near or "define it with `let`, with `const` or as a parameter"

    def function_hint(self, name: str) -> str:
        """What an unknown function may have meant."""
        if name == "join_iter":
            return "`join_iter` stands after `for ... in` only"
        if name in self.definitions.structs:
            return f"a value of this struct is written `{name} {{ ... }}`"
        variants = [enum for enum, names in self.definitions.enums.items() if name in names]
        if variants:
            return f"did you mean `{variants[0]}::{name}`?"
        close = nearest(name, [*self.definitions.functions, "join"]) if self.reporter.near(name, [name]) else None
        if close is None:
            return FUNCTIONS.get(name, "define it with `fn`")
        self.mentioned.add(close)
        return f"did you mean `{close}`?"

    def on_Index(self, node: s.Index, expected: T | None) -> t.Expr:
        base = self.expr(node.base)
        index = self.expr(node.index, USIZE)
        element = self.element_of(base.type, node.base.span)
        return t.IndexOf(element, node.span, base, index)

    def element_of(self, type_: T, span: Span, cure: str = "only arrays have an index") -> T:
        """Element type of an array, or a report."""
        root = prune(type_)
        if isinstance(root, ArrayT):
            return root.element
        if not isinstance(root, ErrorT):
            hint = "a component of a tuple is read with `.0`" if isinstance(root, TupleT) else cure
            self.error(span, f"expected an array type, found {show(root)}", hint)
        return ERROR

    def on_TupleField(self, node: s.TupleField, expected: T | None) -> t.Expr:
        base = self.expr(node.base)
        return t.Part(self.component(base.type, node.number, node.span), node.span, base, node.number)

    def component(self, type_: T, number: int, span: Span) -> T:
        """Type of a tuple component, or a report."""
        root = prune(type_)
        if isinstance(root, TupleT):
            if number < len(root.items):
                return root.items[number]
            last = f"the last one is `.{len(root.items) - 1}`" if root.items else "it has no component"
            message = f"tuple index {number} out of range: {show(root)} has {count(len(root.items), 'component')}"
            self.error(span, message, last)
        elif not isinstance(root, ErrorT):
            hints = {ArrayT: "an element of an array is read with `[0]`", NamedT: "fields of a struct have names"}
            self.error(
                span, f"expected a tuple type, found {show(root)}", hints.get(type(root), "only tuples have `.0`")
            )
        return ERROR

    def on_Field(self, node: s.Field, expected: T | None) -> t.Expr:
        base = self.expr(node.base)
        type_, number = self.field(base.type, node.name, node.name_span)
        return t.Part(type_, node.span, base, number)

    def field(self, type_: T, name: str, span: Span) -> tuple[T, int]:
        """Type and alphabetical number of a struct field, or a report."""
        root = prune(type_)
        if isinstance(root, NamedT) and not root.is_enum:
            fields = self.definitions.structs[root.name]
            if name in fields:
                return fields[name], list(fields).index(name)
            self.error(span, f"unknown field `{name}` of struct `{root.name}`", self.field_hint(name, fields))
        elif not isinstance(root, ErrorT):
            hint = "parts of an enum are read with `match`" if isinstance(root, NamedT) else "only structs have fields"
            self.error(span, f"expected a struct type with field `{name}`, found {show(root)}", hint)
        return ERROR, 0
