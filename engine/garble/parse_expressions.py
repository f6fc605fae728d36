"""Expressions: a Pratt parser over the binding strengths of section 3."""

from __future__ import annotations

from engine.garble import syntax as s
from engine.garble.cursor import describe
from engine.garble.lexer import Token, number_problem
from engine.garble.parse_types import TypeParser

BINARY = {
    operator: level
    for level, operators in enumerate(
        ["||", "&&", "== !=", "< > <= >=", "|", "^", "&", "<< >>", "+ -", "* / %"], start=1
    )
    for operator in operators.split()
}
CAST_LEVEL = 11
ASSIGN = frozenset(["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="])


class ExpressionParser(TypeParser):
    """Grammar rules from ``expr`` down to ``primary``."""

    structs_allowed = True

    def block(self) -> s.Block:
        raise NotImplementedError

    def expression(self) -> s.Expr:
        """``expr`` in a place where struct literals are allowed."""
        outer, self.structs_allowed = self.structs_allowed, True
        try:
            return self.binary(0)
        finally:
            self.structs_allowed = outer

    def header(self) -> s.Expr:
        """The expression before a block: no struct literal outside brackets."""
        outer, self.structs_allowed = self.structs_allowed, False
        try:
            return self.binary(0)
        finally:
            self.structs_allowed = outer

    def binary(self, minimum: int, left: s.Expr | None = None, *, statement: bool = False) -> s.Expr:
        """Operators that bind at least as strong as ``minimum``, all to the left."""
        start = self.token.span if left is None else left.span  # brackets around an operand belong to the operation
        left = self.unary() if left is None else left
        while True:
            token = self.token
            if token.kind == "as" and minimum <= CAST_LEVEL:
                self.advance()
                target = self.type()
                left = s.Cast(self.since(start), left, target)
                continue
            if token.kind == "neg" and not statement:
                self.split_negative(token)
                token = self.token
            level = BINARY.get(token.kind, -1)
            if level < 0 or level < minimum:
                return left
            self.advance()
            right = self.binary(level + 1)
            left = s.Binary(self.since(start), token.kind, left, right)

    def split_negative(self, token: Token) -> None:
        """Where an operator is due, ``-1`` is a minus and a number."""
        span = token.span
        if number_problem(-token.value, token.suffix, False):
            raise self.failure(f"invalid number in a subtraction: `{token.text}`")
        middle = span.start_column + 1
        minus = Token("-", "-", span._replace(end_line=span.start_line, end_column=middle))
        digits = Token("int", token.text[1:], span._replace(start_column=middle), -token.value, token.suffix)
        self.tokens[self.at : self.at + 1] = [minus, digits]
        self.depths.insert(self.at, self.depths[self.at])

    def unary(self) -> s.Expr:
        token = self.token
        if token.kind in ("!", "-"):
            self.advance()
            operand = self.unary()
            if token.kind == "-" and isinstance(operand, s.Number) and not operand.negative:
                return self.negated(token, operand)
            return s.Unary(self.since(token.span), token.kind, operand)
        if token.kind == "if":
            return self.if_expression()
        if token.kind == "match":
            return self.match_expression()
        return self.postfix()

    def negated(self, minus: Token, number: s.Number) -> s.Expr:
        """``- 5`` and ``-(5)`` are negative literals."""
        span = minus.span.to(number.span)
        if not number.suffix and number.value <= 1 << 63:
            return s.Number(span, -number.value, "", True)
        return s.Unary(span, "-", number)

    def postfix(self) -> s.Expr:
        start = self.token.span
        base = self.primary()
        while True:
            if self.accept("["):
                index = self.expression()
                self.expect("]", " after the index")
                base = s.Index(self.since(start), base, index)
            elif self.accept("."):
                base = self.member(start, base)
            else:
                return base

    def member(self, start: s.Span, base: s.Expr) -> s.Expr:
        token = self.token
        if token.kind == "int" and not token.suffix:
            self.advance()
            return s.TupleField(self.since(start), base, token.value)
        name = self.identifier("a field name or a tuple index")
        if self.token.kind == "(":
            raise self.failure("methods do not exist", "call a function")
        return s.Field(self.since(start), base, name.text, name.span)

    def primary(self) -> s.Expr:
        token = self.token
        if token.kind in ("true", "false"):
            self.advance()
            return s.Bool(token.span, token.kind == "true")
        if token.kind in ("int", "neg"):
            return self.number_or_range()
        if token.kind == "ident":
            return self.word()
        if token.kind == "(":
            return self.parenthesised()
        if token.kind == "[":
            return self.array()
        if token.kind == "{":
            return self.block()
        hints = {"|": "closures do not exist", "||": "closures do not exist", "&": "references do not exist"}
        raise self.failure(f"expected an expression, found {describe(token)}", hints.get(token.kind, ""))

    def number_or_range(self) -> s.Expr:
        token = self.advance()
        if self.token.kind == "..=":
            raise self.failure("invalid range: `..=` exists in patterns only", "write `a..b` with b one more")
        if self.token.kind != "..":
            return s.Number(token.span, token.value, token.suffix, token.kind == "neg")
        self.advance()
        end = self.token
        if token.kind == "neg" or end.kind != "int":
            found = describe(end if token.kind == "int" else token)
            raise self.failure(
                f"invalid range: expected an unsigned number, found {found}",
                "both ends of a range are unsigned literals",
                end.span if token.kind == "int" else token.span,
            )
        self.advance()
        span = token.span.to(end.span)
        if token.suffix and end.suffix and token.suffix != end.suffix:
            raise self.failure("invalid range types: the ends have different suffixes", "one suffix is enough", span)
        suffix = token.suffix or end.suffix
        if suffix.startswith("i"):
            raise self.failure(f"invalid range types: no ranges of `{suffix}`", "use an unsigned type", span)
        return s.RangeExpr(span, token.value, end.value, suffix)

    def word(self) -> s.Expr:
        token = self.advance()
        if self.accept("::"):
            variant = self.identifier("the name of a variant")
            payload = tuple(self.list_of(self.expression, ")")) if self.accept("(") else None
            return s.EnumExpr(self.since(token.span), token.text, variant.text, payload)
        if self.accept("("):
            arguments = tuple(self.list_of(self.expression, ")"))
            return s.Call(self.since(token.span), token.text, token.span, arguments)
        if self.structs_allowed and self.token.kind == "{":
            self.advance()
            fields = tuple(self.list_of(self.struct_field, "}"))
            return s.StructExpr(self.since(token.span), token.text, token.span, fields)
        return s.Name(token.span, token.text)

    def struct_field(self) -> tuple[str, s.Expr, s.Span]:
        if self.token.kind == "..":
            raise self.failure("expected a field name, found `..`", "struct update does not exist; name all fields")
        name = self.identifier("a field name")
        value = self.expression() if self.accept(":") else s.Name(name.span, name.text)
        return name.text, value, name.span

    def parenthesised(self) -> s.Expr:
        start = self.advance().span
        if self.accept(")"):
            return s.TupleExpr(self.since(start), ())
        first = self.expression()
        if self.token.kind == ",":
            self.advance()
            rest = self.list_of(self.expression, ")")
            return s.TupleExpr(self.since(start), (first, *rest))
        self.expect(")", " or `,`")
        return first

    def array(self) -> s.Expr:
        start = self.advance().span
        if self.token.kind == "]":
            raise self.failure("an array literal needs at least one element", "write `[value; 0]`", start)
        first = self.expression()
        if self.accept(";"):
            size = self.size()
            self.expect("]", " after the array size")
            return s.RepeatExpr(self.since(start), first, size)
        if self.token.kind == ",":
            self.advance()
            rest = self.list_of(self.expression, "]")
            return s.ArrayExpr(self.since(start), (first, *rest))
        self.expect("]", ", `,` or `;`")
        return s.ArrayExpr(self.since(start), (first,))

    def if_expression(self) -> s.Expr:
        start = self.advance().span
        condition = self.header()
        then = self.block()
        otherwise: s.Expr | None = None
        if self.accept("else"):
            otherwise = self.if_expression() if self.token.kind == "if" else self.block()
        return s.If(self.since(start), condition, then, otherwise)

    def match_expression(self) -> s.Expr:
        start = self.advance().span
        value = self.header()
        self.expect("{", " before the arms")
        arms: list[s.Arm] = []
        while not self.accept("}"):
            arms.append(self.arm())
            if self.token.kind == "}" or self.accept(","):
                continue
            if not isinstance(arms[-1].body, s.Block | s.If | s.Match):
                raise self.failure(f"expected `,` or `}}` after the arm, found {describe(self.token)}")
        if not arms:
            raise self.failure("a match needs at least one arm", "", self.since(start))
        return s.Match(self.since(start), value, tuple(arms))

    def arm(self) -> s.Arm:
        pattern = self.pattern()
        if self.token.kind in ("if", "|"):
            what = "match guards" if self.token.kind == "if" else "or-patterns"
            raise self.failure(f"expected `=>`, found `{self.token.text}`", f"{what} do not exist")
        self.expect("=>", " after the pattern")
        outer, self.structs_allowed = self.structs_allowed, True
        try:
            body = self.statement_expression()
        finally:
            self.structs_allowed = outer
        return s.Arm(pattern.span.to(body.span), pattern, body)

    def statement_expression(self) -> s.Expr:
        """An expression or an assignment; one that starts with a block ends there."""
        if self.token.kind == "{":
            return self.block()
        if self.token.kind in ("if", "match"):
            first = self.if_expression() if self.token.kind == "if" else self.match_expression()
            return self.binary(0, first, statement=True)
        start = self.token.span
        left = self.binary(0)
        if self.token.kind not in ASSIGN:
            return left
        if not is_place(left):
            raise self.failure("this cannot be assigned to", "assign to a variable or a part of one", left.span)
        operator = self.advance().kind[:-1]
        value = self.expression()
        return s.Assign(self.since(start), left, operator, value)


def is_place(expression: s.Expr) -> bool:
    """``IDENT { [ index ] | .number | .field }``."""
    while isinstance(expression, s.Index | s.TupleField | s.Field):
        expression = expression.base
    return isinstance(expression, s.Name)
