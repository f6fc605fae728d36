"""Items and statements; recovery after a mistake so that several can be reported (sections 3 and 22)."""

from __future__ import annotations

from engine.garble import syntax as s
from engine.garble.cursor import OTHER_WORDS, ParseFailure, describe, other_word
from engine.garble.diagnostics import Reporter, shorten
from engine.garble.lexer import Token
from engine.garble.parse_expressions import ExpressionParser

LET_HINTS = {";": "a variable has a value from the start, such as 0", "else": "`let ... else` does not exist"}
TOP_HINTS = {
    "}": "there is one more `}` than `{`",
    "let": "a value for all functions is a `const`",
    "impl": "methods do not exist; write functions",
    "use": "modules do not exist; a program is one file",
    "mod": "modules do not exist; a program is one file",
    "static": "use `const`",
    "type": "type aliases do not exist; use a struct",
    "trait": "traits do not exist",
}
STRUCT_HINTS = {
    "(": "fields have names: `struct NAME { field: TYPE }`",
    ";": "write `{ }` for a struct without fields",
    "<": "generics do not exist",
}


def parse(tokens: list[Token], reporter: Reporter) -> tuple[s.Item, ...]:
    """All items of a program; mistakes go to the reporter."""
    return tuple(Parser(tokens, reporter).program())


class Parser(ExpressionParser):
    """Grammar rules ``program``, ``item``, ``block``, ``stmt``."""

    block_start = s.Span(0, 0, 0, 0)  # the brace of the innermost block

    def program(self) -> list[s.Item]:
        items: list[s.Item] = []
        while self.token.kind != "end":
            start = self.at
            try:
                items.append(self.item())
            except ParseFailure:
                self.structs_allowed, self.level = True, 0
                self.skip_item(start)
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
        word = self.token.text
        hint = TOP_HINTS.get(word) or other_word(word) or "expected fn, pub fn, struct, enum or const"
        raise self.failure(f"not a top-level declaration: {describe(self.token)}", hint)

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
        if self.token.kind in STRUCT_HINTS:
            found = describe(self.token)
            raise self.failure(f"expected `{{` before the fields, found {found}", STRUCT_HINTS[self.token.kind])
        self.expect("{", " before the fields")
        fields = tuple(self.list_of(self.field_definition, "}"))
        return s.StructItem(self.since(start), name.text, name.span, fields)

    def field_definition(self) -> tuple[str, s.TypeExpr, s.Span]:
        if self.token.kind == "pub":
            raise self.failure("expected a field name, found `pub`", "fields are always visible; remove `pub`")
        name = self.identifier("a field name")
        self.expect(":", f" and the type of the field `{shorten(name.text)}`")
        return name.text, self.type(), name.span

    def enum_item(self, start: s.Span) -> s.Item:
        self.advance()
        name = self.identifier("the name of the enum")
        if self.token.kind == "<":
            raise self.failure("expected `{` before the variants, found `<`", "generics do not exist")
        self.expect("{", " before the variants")
        variants = tuple(self.list_of(self.variant_definition, "}"))
        if not variants:
            hint = "without a variant it has no value; use a struct without fields"
            raise self.failure("an enum needs at least one variant", hint, self.since(start))
        return s.EnumItem(self.since(start), name.text, name.span, variants)

    def variant_definition(self) -> tuple[str, tuple[s.TypeExpr, ...] | None, s.Span]:
        name = self.identifier("the name of a variant")
        payload = tuple(self.list_of(self.type, ")")) if self.accept("(") else None
        if self.token.kind in ("{", "="):
            hint = (
                "write the types that it holds in parentheses" if self.token.kind == "{" else "variants have no numbers"
            )
            raise self.failure(f"expected `,` or `}}` after the variant, found `{self.token.text}`", hint)
        return name.text, payload, name.span

    def function_item(self, start: s.Span, public: bool) -> s.Item:
        self.advance()
        name = self.identifier("the name of the function")
        if self.token.kind == "<":
            raise self.failure("expected `(`, found `<`", "generics do not exist")
        self.expect("(", " before the parameters")
        parameters = tuple(self.list_of(self.parameter, ")"))
        if self.token.kind == "{":
            raise self.missing("-> TYPE", "expected `->` and the result type, found `{`", "write `-> ()` for none")
        self.expect("->", " and the result type")
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
        self.descend()
        depth, level = self.depths[self.at], self.level
        outer, self.structs_allowed = self.structs_allowed, True
        outer_block, self.block_start = self.block_start, start
        statements: list[s.Statement] = []
        while self.token.kind != "}":
            if self.token.kind == "end":
                raise self.unclosed()
            if self.accept(";"):
                continue
            try:
                statements.append(self.statement())
            except ParseFailure:
                self.structs_allowed, self.level, self.block_start = True, level, start
                self.skip_statement(depth)
                if self.depths[self.at] < depth or self.at_item or self.token.kind == "end":
                    raise
        self.advance()
        self.structs_allowed, self.block_start = outer, outer_block
        self.level -= 1
        return s.Block(self.since(start), tuple(statements))

    def unclosed(self) -> ParseFailure:
        """The end of the text, or an item, in a block that was not closed."""
        start = self.block_start
        hint = f"the block that begins in line {start.start_line + 1}, column {start.start_column + 1} is not closed"
        return self.failure(f"expected `}}` before {describe(self.token)}", hint)

    def statement(self) -> s.Statement:
        token = self.token
        if token.kind == "let":
            return self.let_statement()
        if token.kind == "for":
            return self.for_statement()
        if self.at_item:
            return self.nested_item()
        value = self.statement_expression()
        self.end_of(value, token)
        return s.ExprStatement(value.span, value)

    def nested_item(self) -> s.Statement:
        """An item in a function body: reported, then read as what it is, unless the block before lacks its brace."""
        if self.depths[-1] > 0:
            raise self.unclosed()
        start = self.token.span
        self.reporter.add(start, f"expected a statement, found `{self.token.text}`", "items stand outside of functions")
        self.item()
        return s.ExprStatement(start, s.TupleExpr(start, ()))

    def end_of(self, value: s.Expr, first: Token) -> None:
        """The ``;`` of a statement, optional before ``}`` and after if, match and block."""
        if self.accept(";") or self.token.kind == "}" or first.kind in ("if", "match", "{"):
            return
        if self.at_item or self.token.kind == "end":
            raise self.unclosed()
        found = describe(self.token)
        if isinstance(value, s.Name) and value.name in OTHER_WORDS:
            raise self.failure(f"expected `;` or `}}` after the expression, found {found}", other_word(value.name))
        if self.token.span.start_line > self.last_span.end_line or self.token.kind in ("let", "for"):
            raise self.missing(";", f"expected `;` or `}}` after the expression, found {found}")
        hint = "macros do not exist" if self.token.kind == "!" else ""
        hint = "a range has a number on both ends" if self.token.kind == ".." else hint
        raise self.failure(f"expected `;` or `}}` after the expression, found {found}", hint)

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
        if self.token.kind in (";", "else"):
            raise self.failure(
                f"expected `=` and a value in `let`, found {describe(self.token)}", LET_HINTS[self.token.kind]
            )
        self.expect("=", " and a value in `let`")
        value = self.expression()
        self.end_of_let(value)
        return s.Let(self.since(start), pattern, mutable, annotation, value)

    def end_of_let(self, value: s.Expr) -> None:
        if self.token.kind == "else":
            raise self.failure("expected `;` after `let`, found `else`", "`let ... else` does not exist; use `match`")
        if self.token.kind != ";":
            raise self.missing(";", f"expected `;` after `let`, found {describe(self.token)}")
        self.advance()

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
