"""Items and statements; recovery after a mistake so that several can be reported (sections 3 and 22)."""

from __future__ import annotations

from engine.garble import syntax as s
from engine.garble.cursor import TOP_LEVEL, ParseFailure, describe
from engine.garble.diagnostics import Reporter
from engine.garble.lexer import Token
from engine.garble.parse_expressions import ExpressionParser

RUST_WORDS = {
    "while": "for",
    "loop": "for",
    "return": "the last expression of the block",
    "impl": "functions",
}


def parse(tokens: list[Token], reporter: Reporter) -> tuple[s.Item, ...]:
    """All items of a program; mistakes go to the reporter."""
    return tuple(Parser(tokens, reporter).program())


class Parser(ExpressionParser):
    """Grammar rules ``program``, ``item``, ``block``, ``stmt``."""

    def program(self) -> list[s.Item]:
        items: list[s.Item] = []
        while self.token.kind != "end":
            try:
                items.append(self.item())
            except ParseFailure:
                self.structs_allowed = True
                self.skip_item()
        return items

    def item(self) -> s.Item:
        start = self.token.span
        public = self.accept("pub")
        kind = self.token.kind
        if kind == "const":
            return self.const_item(start)
        if kind == "struct":
            return self.struct_item(start)
        if kind == "enum":
            return self.enum_item(start)
        if kind == "fn":
            return self.function_item(start, public)
        raise self.failure(
            f"not a top-level declaration: {describe(self.token)}",
            "expected fn, pub fn, struct, enum or const",
        )

    def const_item(self, start: s.Span) -> s.Item:
        self.advance()
        name = self.identifier("the name of the constant")
        self.expect(":", " and the type of the constant")
        type_ = self.type()
        self.expect("=", " and the value of the constant")
        value = self.const_expr()
        self.expect(";", " after the constant")
        return s.ConstItem(self.since(start), name.text, name.span, type_, value)

    def struct_item(self, start: s.Span) -> s.Item:
        self.advance()
        name = self.identifier("the name of the struct")
        self.expect("{", " before the fields")
        fields = tuple(self.list_of(self.field_definition, "}"))
        return s.StructItem(self.since(start), name.text, name.span, fields)

    def field_definition(self) -> tuple[str, s.TypeExpr, s.Span]:
        if self.token.kind == "pub":
            raise self.failure("expected a field name, found `pub`", "fields are always visible; remove `pub`")
        name = self.identifier("a field name")
        self.expect(":", " and the type of the field")
        return name.text, self.type(), name.span

    def enum_item(self, start: s.Span) -> s.Item:
        self.advance()
        name = self.identifier("the name of the enum")
        self.expect("{", " before the variants")
        variants = tuple(self.list_of(self.variant_definition, "}"))
        if not variants:
            raise self.failure("an enum needs at least one variant", "", self.since(start))
        return s.EnumItem(self.since(start), name.text, name.span, variants)

    def variant_definition(self) -> tuple[str, tuple[s.TypeExpr, ...] | None, s.Span]:
        name = self.identifier("the name of a variant")
        payload = tuple(self.list_of(self.type, ")")) if self.accept("(") else None
        return name.text, payload, name.span

    def function_item(self, start: s.Span, public: bool) -> s.Item:
        self.advance()
        name = self.identifier("the name of the function")
        if self.token.kind == "<":
            raise self.failure("expected `(`, found `<`", "generics do not exist")
        self.expect("(", " before the parameters")
        parameters = tuple(self.list_of(self.parameter, ")"))
        self.expect("->", " and the result type (`-> ()` for none)")
        result = self.type()
        body = self.block()
        return s.FunctionItem(self.since(start), name.text, name.span, public, parameters, result, body)

    def parameter(self) -> s.Parameter:
        start = self.token.span
        mutable = self.accept("mut")
        name = self.identifier("the name of a parameter")
        self.expect(":", " and the type of the parameter")
        type_ = self.type()
        return s.Parameter(self.since(start), name.text, mutable, type_)

    def block(self) -> s.Block:
        start = self.expect("{").span
        depth = self.depths[self.at]
        outer, self.structs_allowed = self.structs_allowed, True
        statements: list[s.Statement] = []
        while self.token.kind != "}":
            if self.token.kind == "end":
                raise self.failure("expected `}` before the end of the text", "a block was not closed")
            if self.accept(";"):
                continue
            try:
                statements.append(self.statement())
            except ParseFailure:
                self.structs_allowed = True
                self.skip_statement(depth)
                if self.depths[self.at] < depth or self.token.kind in TOP_LEVEL or self.token.kind == "end":
                    raise
        self.advance()
        self.structs_allowed = outer
        return s.Block(self.since(start), tuple(statements))

    def statement(self) -> s.Statement:
        token = self.token
        if token.kind == "let":
            return self.let_statement()
        if token.kind == "for":
            return self.for_statement()
        if token.kind in ("fn", "struct", "enum", "const", "pub"):
            raise self.failure(f"expected a statement, found `{token.text}`", "items stand outside of functions")
        value = self.statement_expression()
        self.end_of(value, token)
        return s.ExprStatement(value.span, value)

    def end_of(self, value: s.Expr, first: Token) -> None:
        """The ``;`` of a statement, optional before ``}`` and after if, match and block."""
        if self.accept(";") or self.token.kind == "}" or first.kind in ("if", "match", "{"):
            return
        hint = ""
        if isinstance(value, s.Name) and value.name in RUST_WORDS:
            hint = f"`{value.name}` does not exist; use {RUST_WORDS[value.name]}"
        raise self.failure(f"expected `;` or `}}` after the expression, found {describe(self.token)}", hint)

    def let_statement(self) -> s.Statement:
        start = self.advance().span
        mutable = self.accept("mut")
        pattern: s.Pattern
        if mutable:
            name = self.identifier("one name after `let mut`")
            pattern = s.BindPattern(name.span, name.text)
        else:
            pattern = self.pattern()
        annotation = self.type() if self.accept(":") else None
        self.expect("=", " and a value in `let`")
        value = self.expression()
        self.expect(";", " after `let`")
        return s.Let(self.since(start), pattern, mutable, annotation, value)

    def for_statement(self) -> s.Statement:
        start = self.advance().span
        pattern = self.pattern()
        self.expect("in", " after the pattern")
        iterable: s.Expr | None = self.header()
        joined = None
        if isinstance(iterable, s.Call) and iterable.name == "join_iter":
            joined, iterable = iterable.arguments, None
        body = self.block()
        return s.For(self.since(start), pattern, iterable, joined, body)
