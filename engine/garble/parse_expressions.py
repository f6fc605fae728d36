"""Expressions: a Pratt parser over the binding strengths of section 3."""

from __future__ import annotations

from engine.garble import syntax as s
from engine.garble.cursor import ParseFailure, describe
from engine.garble.diagnostics import shorten
from engine.garble.lexer import Token, number_problem
from engine.garble.limits import MAX_NESTING
from engine.garble.parse_types import TypeParser

BINARY = {
    operator: level
    for level, operators in enumerate(
        ["||", "&&", "== !=", "< > <= >=", "|", "^", "&", "<< >>", "+ -", "* / %"], start=1
    )
    for operator in operators.split()
}
CAST_LEVEL = 11
BLOCK_WORDS = {
    "loop": "`loop` does not exist; use `for` over a range",
    "unsafe": "`unsafe` does not exist; remove it",
}
EXPRESSION_HINTS = {
    "|": "closures do not exist; write a function",
    "||": "closures do not exist; write a function",
    "&": "references do not exist; values are copied",
    "&&": "references do not exist; values are copied",
    "*": "references do not exist; values are copied",
    "..": "a range has a number on both ends",
    "=": "equality is `==`",
}
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
        casts = 0
        while True:
            token = self.token
            if token.kind == "as" and minimum <= CAST_LEVEL:
                self.advance()
                target = self.type(cast=True)
                left = s.Cast(self.since(start), left, target)
                casts = self.chained(casts)
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
        self.brackets.insert(self.at, self.brackets[self.at])

    def chained(self, links: int) -> int:
        """One more access or cast on an expression; too many are an error like too much nesting."""
        if self.level + links > MAX_NESTING:
            raise self.too_deep(f"more than {MAX_NESTING} accesses or casts in a row")
        return links + 1

    def unary(self) -> s.Expr:
        self.descend()
        token = self.token
        found: s.Expr
        if token.kind in ("!", "-"):
            self.advance()
            operand = self.unary()
            if token.kind == "-" and isinstance(operand, s.Number) and not operand.negative:
                found = self.negated(token, operand)
            else:
                found = s.Unary(self.since(token.span), token.kind, operand)
        elif token.kind == "if":
            found = self.if_expression()
        elif token.kind == "match":
            found = self.match_expression()
        else:
            found = self.postfix()
        self.level -= 1
        return found

    def negated(self, minus: Token, number: s.Number) -> s.Expr:
        """``- 5`` and ``-(5)`` are negative literals."""
        span = minus.span.to(number.span)
        if not number.suffix and number.value <= 1 << 63:
            return s.Number(span, -number.value, "", True)
        return s.Unary(span, "-", number)

    def postfix(self) -> s.Expr:
        start = self.token.span
        base = self.primary()
        links = 0
        while True:
            if self.accept("["):
                index = self.expression()
                self.expect("]", " after the index")
                base = s.Index(self.since(start), base, index)
            elif self.accept("."):
                base = self.member(start, base)
            else:
                return base
            links = self.chained(links)

    def member(self, start: s.Span, base: s.Expr) -> s.Expr:
        token = self.token
        if token.kind == "int" and not token.suffix:
            self.advance()
            return s.TupleField(self.since(start), base, token.value)
        name = self.identifier("a field name or a tuple index")
        if self.token.kind == "(":
            raise self.failure(
                "methods do not exist", f"write it as a function: `{shorten(name.text)}(...)`", name.span
            )
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
        raise self.failure(f"expected an expression, found {describe(token)}", EXPRESSION_HINTS.get(token.kind, ""))

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
        if self.token.kind == "{" and self.struct_follows(token):
            self.advance()
            fields = tuple(self.list_of(self.struct_field, "}"))
            return s.StructExpr(self.since(token.span), token.text, token.span, fields)
        return s.Name(token.span, token.text)

    def struct_follows(self, name: Token) -> bool:
        """Whether the brace ahead begins the fields of a literal, and not a block."""
        named = self.peek().kind == "ident" and self.peek(2).kind == ":"
        if named and not self.structs_allowed:
            hint = f"write it in parentheses: `({shorten(name.text)} {{ ... }})`"
            self.reporter.add(name.span, "a struct literal is not possible before a block", hint)
        if name.text in BLOCK_WORDS and self.structs_allowed and not named:
            raise self.failure(f"expected `;` or `}}`, found `{{` after `{name.text}`", BLOCK_WORDS[name.text])
        return named or self.structs_allowed

    def struct_field(self) -> tuple[str, s.Expr, s.Span]:
        if self.token.kind == "..":
            raise self.failure("expected a field name, found `..`", "struct update does not exist; name all fields")
        name = self.identifier("a field name")
        value = self.expression() if self.accept(":") else s.Name(name.span, name.text)
        return name.text, value, name.span

    def parenthesised(self) -> s.Expr:
        opening = self.advance()
        start = opening.span
        if self.accept(")"):
            return s.TupleExpr(self.since(start), ())
        first = self.expression()
        if self.accept(","):
            rest = self.list_of(self.expression, ")", opening)
            return s.TupleExpr(self.since(start), (first, *rest))
        if self.accept(")"):
            return first
        raise self.open_bracket(f"expected `)` or `,`, found {describe(self.token)}", opening)

    def array(self) -> s.Expr:
        opening = self.advance()
        start = opening.span
        if self.token.kind == "]":
            raise self.failure("an array literal needs at least one element", "write `[value; 0]`", start)
        first = self.expression()
        if self.accept(";"):
            size = self.size()
            self.expect("]", " after the array size")
            return s.RepeatExpr(self.since(start), first, size)
        if self.accept(","):
            rest = self.list_of(self.expression, "]", opening)
            return s.ArrayExpr(self.since(start), (first, *rest))
        if self.accept("]"):
            return s.ArrayExpr(self.since(start), (first,))
        raise self.open_bracket(f"expected `]`, `,` or `;`, found {describe(self.token)}", opening)

    def if_expression(self) -> s.Expr:
        """A chain of ``if`` and ``else if`` is read in a loop, so that it may be long."""
        links: list[tuple[s.Span, s.Expr, s.Block]] = []
        otherwise: s.Expr | None = None
        while True:
            start = self.advance().span
            links.append((start, self.header(), self.block()))
            if not self.accept("else"):
                break
            if self.token.kind != "if":
                otherwise = self.block()
                break
        for start, condition, then in reversed(links):
            otherwise = s.If(self.since(start), condition, then, otherwise)
        assert otherwise is not None
        return otherwise

    def match_expression(self) -> s.Expr:
        self.descend()
        start = self.advance().span
        value = self.header()
        self.expect("{", " before the arms")
        depth, brackets, level = self.depths[self.at], self.brackets[self.at], self.level
        arms: list[s.Arm] = []
        failed = False
        while not self.accept("}"):
            try:
                arms.append(self.arm())
                self.end_of_arm(arms[-1])
            except ParseFailure:
                self.structs_allowed, self.level, failed = True, level, True
                if not self.skip_arm(depth, brackets):
                    raise
        if not arms and not failed:
            raise self.failure("a match needs at least one arm", "add `_ => ...` for all values", self.since(start))
        self.level -= 1
        return s.Match(self.since(start), value, tuple(arms))

    def end_of_arm(self, arm: s.Arm) -> None:
        """The ``,`` between arms, optional after a block, ``if`` or ``match``."""
        if self.token.kind == "}" or self.accept(",") or isinstance(arm.body, s.Block | s.If | s.Match):
            return
        hint = "put `{ }` around several statements" if self.token.kind == ";" else ""
        raise self.failure(f"expected `,` or `}}` after the arm, found {describe(self.token)}", hint)

    def arm(self) -> s.Arm:
        pattern = self.pattern()
        if self.token.kind in ("if", "|"):
            what = (
                ("match guards", "use `if` in the arm")
                if self.token.kind == "if"
                else ("or-patterns", "write two arms")
            )
            raise self.failure(f"expected `=>`, found `{self.token.text}`", f"{what[0]} do not exist; {what[1]}")
        self.expect("=>", " after the pattern")
        outer, self.structs_allowed = self.structs_allowed, True
        body = self.statement_expression()
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
