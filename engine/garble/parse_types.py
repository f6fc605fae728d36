"""Types, array sizes, constant expressions and patterns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.garble import syntax as s
from engine.garble.cursor import Cursor, ParseFailure, describe
from engine.garble.lexer import Token

R = TypeVar("R")
ARITHMETIC = frozenset(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"])
PATTERN_HINTS = {
    "mut": "`mut` is not allowed inside patterns; use `let mut` with one name",
    "&": "references do not exist; values are copied",
    "[": "arrays have no patterns; bind the array to a name",
    "..": "`..` stands at the end of a struct pattern only; a range of numbers has both ends",
}


class TypeParser(Cursor):
    """Grammar rules ``type``, ``size``, ``const_expr``, ``pattern``."""

    def type(self, *, cast: bool = False) -> s.TypeExpr:
        """A type; after ``as`` a ``<`` behind it compares."""
        self.descend()
        found = self._type(cast)
        self.level -= 1
        return found

    def _type(self, cast: bool) -> s.TypeExpr:
        start = self.token.span
        if self.accept("("):
            items = self.list_of(self.type, ")")
            return s.TupleTypeExpr(self.since(start), tuple(items))
        if self.accept("["):
            element = self.type()
            self.expect(";", " between element type and size")
            size = self.size()
            if self.token.kind in ARITHMETIC and not isinstance(size.value, s.ConstExpr):
                hint = "put the calculation into `const { ... }`, numbers with the suffix usize"
                raise self.failure(f"invalid array size: found `{self.token.text}`", hint)
            self.expect("]", " after the array size")
            return s.ArrayTypeExpr(self.since(start), element, size)
        if self.token.kind == "ident":
            name = self.advance()
            if self.token.kind == "::" or (self.token.kind == "<" and not cast):
                what = "generics" if self.token.kind == "<" else "modules"
                raise self.failure(f"expected the end of the type, found `{self.token.text}`", f"{what} do not exist")
            return s.NamedType(start, name.text)
        hint = "references do not exist; values are copied" if self.token.kind in ("&", "&&") else ""
        raise self.failure(f"expected a type, found {describe(self.token)}", hint)

    def size(self) -> s.Size:
        token = self.token
        if token.kind == "int":
            if token.suffix not in ("", "usize"):
                raise self.failure(f"invalid array size `{token.text}`", "write the number without suffix or as usize")
            self.advance()
            return s.Size(token.span, token.value)
        if token.kind == "ident":
            self.advance()
            return s.Size(token.span, token.text)
        if token.kind == "const":
            self.advance()
            self.expect("{", " after `const`")
            expression = self.const_expr()
            self.expect("}", " after the constant expression")
            return s.Size(self.since(token.span), expression)
        raise self.failure(f"invalid array size {describe(token)}", "use a number, a constant or `const { ... }`")

    def const_expr(self) -> s.ConstExpr:
        self.descend()
        first = self.const_term()
        rest: list[tuple[str, s.ConstExpr]] = []
        while self.token.kind in ("+", "-"):
            operator = self.advance().kind
            rest.append((operator, self.const_term()))
        if self.token.kind in ARITHMETIC:
            raise self.failure(
                f"invalid constant expression: `{self.token.text}` is not allowed",
                "constants are built with +, -, max and min",
            )
        self.level -= 1
        return s.ConstSum(self.since(first.span), first, tuple(rest)) if rest else first

    def const_term(self) -> s.ConstExpr:
        token = self.token
        if token.kind in ("true", "false"):
            self.advance()
            return s.ConstLit(token.span, token.kind == "true")
        if token.kind in ("int", "neg"):
            self.advance()
            return s.ConstLit(token.span, token.value, token.suffix)
        if self.accept("("):
            inner = self.const_expr()
            if self.token.kind == ",":
                raise self.failure(
                    "invalid constant expression: found `,`", "constants are bool or integers, no tuples"
                )
            self.expect(")", " in a constant expression")
            return inner
        if token.kind == "ident":
            return self.const_word()
        hints = {"[": "constants are bool or integers, no arrays", "-": "a minus stands directly before a number"}
        raise self.failure(
            f"invalid constant expression: found {describe(token)}",
            hints.get(token.kind, "constants are built from literals, constants, PARTY::NAME, max, min, + and -"),
        )

    def const_word(self) -> s.ConstExpr:
        token = self.advance()
        if self.accept("::"):
            name = self.identifier("the name of the external constant")
            return s.ConstExternal(self.since(token.span), token.text, name.text)
        if token.text in ("max", "min") and self.accept("("):
            items = self.list_of(self.const_expr, ")")
            if not items:
                hint = "give at least one constant"
                raise self.failure(f"invalid constant expression: `{token.text}` of nothing", hint, token.span)
            return s.ConstChoice(self.since(token.span), token.text, tuple(items))
        return s.ConstName(token.span, token.text)

    def pattern(self) -> s.Pattern:
        self.descend()
        found = self._pattern()
        self.level -= 1
        return found

    def _pattern(self) -> s.Pattern:
        token = self.token
        if token.kind in ("true", "false"):
            self.advance()
            return s.BoolPattern(token.span, token.kind == "true")
        if token.kind in ("int", "neg"):
            return self.number_pattern()
        if self.accept("("):
            items = self.list_of(self.pattern, ")")
            return s.TuplePattern(self.since(token.span), tuple(items))
        if token.kind == "ident":
            return self.word_pattern()
        raise self.failure(f"invalid pattern: found {describe(token)}", PATTERN_HINTS.get(token.kind, ""))

    def number_pattern(self) -> s.Pattern:
        low = self.advance()
        high, exclusive = low, False
        if self.token.kind in ("..", "..="):
            exclusive = self.advance().kind == ".."
            if self.token.kind not in ("int", "neg"):
                raise self.failure(
                    f"invalid range pattern: expected a number, found {describe(self.token)}",
                    "write both ends, such as `10..=255`",
                )
            high = self.advance()
            if low.suffix != high.suffix:
                raise self.failure(
                    "invalid range pattern: the ends have different types",
                    "give both ends the same suffix",
                    low.span.to(high.span),
                )
        negative = low.value < 0 or high.value < 0 or "neg" in (low.kind, high.kind)
        span = low.span.to(high.span)
        return s.RangePattern(span, low.value, high.value - int(exclusive), low.suffix, negative)

    def word_pattern(self) -> s.Pattern:
        token = self.advance()
        if self.accept("::"):
            variant = self.identifier("the name of a variant")
            payload = tuple(self.list_of(self.pattern, ")")) if self.accept("(") else None
            return s.EnumPattern(self.since(token.span), token.text, variant.text, payload)
        if self.token.kind == "{":
            self.advance()
            fields, open_end = self.pattern_fields()
            return s.StructPattern(self.since(token.span), token.text, fields, open_end)
        return s.BindPattern(token.span, token.text)

    def pattern_fields(self) -> tuple[tuple[tuple[str, s.Pattern, s.Span], ...], bool]:
        fields: list[tuple[str, s.Pattern, s.Span]] = []
        while not self.accept("}"):
            if self.accept(".."):
                self.expect("}", " after `..`")
                return tuple(fields), True
            name = self.identifier("a field name")
            pattern = self.pattern() if self.accept(":") else s.BindPattern(name.span, name.text)
            fields.append((name.text, pattern, name.span))
            if self.token.kind != "}":
                self.expect(",", " between fields")
        return tuple(fields), False

    def list_of(self, rule: Callable[[], R], close: str, opening: Token | None = None) -> list[R]:
        """``[ X { "," X } [ "," ] ] close``, the opening bracket (the token read last) already taken."""
        opening = opening or self.tokens[self.at - 1]
        items: list[R] = []
        while not self.accept(close):
            items.append(rule())
            if self.token.kind != close:
                if self.token.kind != ",":
                    raise self.open_bracket(f"expected `,` or `{close}`, found {describe(self.token)}", opening)
                self.advance()
        return items

    def open_bracket(self, message: str, opening: Token) -> ParseFailure:
        """A failure before a closing bracket: tells which one is open when it is not in sight."""
        line, column = opening.span.start_line, opening.span.start_column
        unclosed = self.brackets[-1] > 0 or self.token.kind in ("}", ")", "]")
        place = f"in line {line + 1}, column {column + 1}"
        return self.failure(message, f"the `{opening.kind}` {place} is not closed" if unclosed else "")
