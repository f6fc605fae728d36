"""A position in the token list, and what the parser expects there."""

from __future__ import annotations

from itertools import accumulate

from engine.garble.diagnostics import Reporter, Span
from engine.garble.lexer import KEYWORDS, Token

BRACES = {"{": 1, "}": -1}
TOP_LEVEL = frozenset(["const", "struct", "enum", "fn", "pub"])


class ParseFailure(Exception):
    """The current item or statement cannot be read; the mistake was reported already."""


class Cursor:
    """Token access shared by all parts of the parser."""

    def __init__(self, tokens: list[Token], reporter: Reporter) -> None:
        self.tokens = tokens
        self.reporter = reporter
        self.at = 0
        self.depths = list(accumulate((BRACES.get(token.kind, 0) for token in tokens), initial=0))

    @property
    def token(self) -> Token:
        """The token ahead."""
        return self.tokens[self.at]

    def peek(self, distance: int = 1) -> Token:
        """A later token (the last one for ever at the end)."""
        return self.tokens[min(self.at + distance, len(self.tokens) - 1)]

    @property
    def last_span(self) -> Span:
        """Span of the token read last."""
        return self.tokens[max(0, self.at - 1)].span

    def since(self, start: Span) -> Span:
        """From ``start`` to the token read last."""
        return start.to(self.last_span)

    def advance(self) -> Token:
        """Take the token ahead."""
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def accept(self, kind: str) -> bool:
        """Take the token if it is of that kind."""
        if self.token.kind != kind:
            return False
        self.advance()
        return True

    def expect(self, kind: str, context: str = "") -> Token:
        """Take a token of that kind or fail."""
        if self.token.kind == kind:
            return self.advance()
        raise self.failure(f"expected `{kind}`{context}, found {describe(self.token)}")

    def identifier(self, what: str) -> Token:
        """Take an identifier or fail."""
        if self.token.kind == "ident":
            return self.advance()
        hint = "keywords cannot be names" if self.token.kind in KEYWORDS else ""
        raise self.failure(f"expected {what}, found {describe(self.token)}", hint)

    def failure(self, message: str, hint: str = "", span: Span | None = None) -> ParseFailure:
        """Report a mistake; the caller raises what comes back to give up on what is being read."""
        self.reporter.add(span or self.token.span, message, hint)
        return ParseFailure()

    def skip_statement(self, depth: int) -> None:
        """Resynchronise behind the next ``;`` of a block, before its ``}``, or before a top-level keyword.

        ``depth`` is the number of braces that are open inside the block.
        """
        while True:
            kind = self.token.kind
            if kind == "end" or (kind in TOP_LEVEL and not (kind == "const" and self.peek().kind == "{")):
                return
            here = self.depths[self.at]
            if here < depth or (kind == "}" and here == depth):
                return
            self.advance()
            if kind == ";" and here == depth:
                return
            if kind == "}" and here == depth + 1 and self.token.kind not in (";", ")", "]", ",", "else"):
                return

    def skip_item(self) -> None:
        """Resynchronise before the next top-level keyword."""
        self.advance()
        while self.token.kind != "end":
            if self.token.kind in TOP_LEVEL and not (self.token.kind == "const" and self.peek().kind == "{"):
                return
            self.advance()


def describe(token: Token) -> str:
    """A token as a message names it."""
    return token.text if token.kind == "end" else f"`{token.text}`"
