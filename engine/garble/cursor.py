"""A position in the token list, and what the parser expects there."""

from __future__ import annotations

from itertools import accumulate

from engine.garble.diagnostics import Reporter, Span, shorten
from engine.garble.lexer import KEYWORDS, Token
from engine.garble.limits import MAX_NESTING

BRACES = {"{": 1, "}": -1}
BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
TOP_LEVEL = frozenset(["const", "struct", "enum", "fn", "pub"])

# Words of Rust, Python and SQL, and what to write here.
OTHER_WORDS = {
    "while": "for",
    "loop": "for",
    "return": "the last expression of the block",
    "impl": "functions",
    "and": "`&&`",
    "or": "`||`",
    "not": "`!`",
    "elif": "`else if`",
    "def": "`fn`",
}


class ParseFailure(Exception):
    """The current item or statement cannot be read; the mistake was reported already."""


class Cursor:
    """Token access shared by all parts of the parser."""

    def __init__(self, tokens: list[Token], reporter: Reporter) -> None:
        self.tokens = tokens
        self.reporter = reporter
        self.at = 0
        self.level = 0  # syntax trees around the one that is read
        self.deep = False  # too many of them were reported
        self.depths = list(accumulate((BRACES.get(token.kind, 0) for token in tokens), initial=0))
        self.brackets = list(accumulate((BRACKETS.get(token.kind, 0) for token in tokens), initial=0))

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
        self.reporter.add(span or self.token.span, message, other_word(self.token.text) or hint)
        return ParseFailure()

    def missing(self, what: str, message: str, hint: str = "") -> ParseFailure:
        """Report what is missing behind the token read last, where it has to be put."""
        return self.failure(message, hint or f"add `{what}` after `{shorten(self.tokens[self.at - 1].text)}`")

    def descend(self) -> None:
        """Enter a tree inside another one; the caller takes one off ``level`` when it is read."""
        self.level += 1
        if self.level > MAX_NESTING:
            raise self.too_deep(f"nested more than {MAX_NESTING} levels deep")

    def too_deep(self, message: str) -> ParseFailure:
        """Report too much nesting; what comes after the first place is a consequence of it."""
        if self.deep:
            return ParseFailure()
        self.deep = True
        return self.failure(message, "give parts of it names with `let`")

    @property
    def at_item(self) -> bool:
        """Whether an item is ahead: not the `const` of an array size, not the `pub` of a field."""
        kind, following = self.token.kind, self.peek().kind
        if kind == "pub":
            return following in TOP_LEVEL
        return kind in TOP_LEVEL and (following in ("ident", "int") or following in KEYWORDS)

    def skip_statement(self, depth: int) -> None:
        """Resynchronise behind the next ``;`` of a block, before its ``}``, or before a top-level keyword.

        ``depth`` is the number of braces that are open inside the block.
        """
        while True:
            kind = self.token.kind
            if kind == "end" or self.at_item:
                return
            here = self.depths[self.at]
            if here < depth or (kind == "}" and here == depth):
                return
            self.advance()
            if kind == ";" and here == depth:
                return
            if kind == "}" and here == depth + 1 and self.token.kind not in (";", ")", "]", ",", "else"):
                return

    def skip_arm(self, depth: int, brackets: int) -> bool:
        """Resynchronise behind the next ``,`` of a match, or before its ``}``; False when it is not found."""
        while self.token.kind != "end" and not self.at_item and self.depths[self.at] >= depth:
            kind = self.token.kind
            if kind in ("}", ";") and self.depths[self.at] == depth:
                return kind == "}"
            if kind == "," and self.brackets[self.at] == brackets:
                self.advance()
                return True
            self.advance()
        return False

    def skip_item(self, start: int) -> None:
        """Resynchronise before the next top-level keyword, at least one token after ``start``.

        What is no item at all, such as the `impl` of other languages, is skipped with its braces.
        """
        whole = self.at == start and self.depths[-1] == 0
        if self.at == start:
            self.advance()
        while self.token.kind != "end" and not (self.at_item and (not whole or self.depths[self.at] <= 0)):
            self.advance()


def other_word(name: str) -> str:
    """What to write instead of a word of another language; empty for other words."""
    return f"`{name}` does not exist; use {OTHER_WORDS[name]}" if name in OTHER_WORDS else ""


def describe(token: Token) -> str:
    """A token as a message names it."""
    return token.text if token.kind == "end" else f"`{shorten(token.text)}`"
