"""Text to tokens with positions (section 2)."""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.garble.diagnostics import Reporter, Span, shorten
from engine.garble.suggestions import nearest
from engine.values import INT_WIDTHS

KEYWORDS = frozenset(["as", "const", "else", "enum", "fn", "for", "if", "in", "let", "match", "mut", "pub", "struct"])
SYMBOLS = re.compile(
    r"<<=|>>=|\.\.=|==|!=|<=|>=|&&|\|\||<<|>>|->|=>|::|\.\.|\+=|-=|\*=|/=|%=|\^=|&=|\|=|[-+*/%&|^!=<>.,;:(){}\[\]]"
)
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NUMBER = re.compile(r"([0-9]+)([A-Za-z0-9_]*)")
FRACTION = re.compile(r"\.[0-9]+[A-Za-z0-9_]*")
SPACE = re.compile(r"[ \t\r\n]+")
COMMENT_MARK = re.compile(r"/\*|\*/")
HINTS = {
    "#": "attributes do not exist; a comment begins with `//`",
    "@": "patterns with `@` do not exist",
    "?": "`?` does not exist; choose with `if c { a } else { b }`",
    "~": "the operator that flips all bits is `!`",
    "$": "macros do not exist",
    "\ufeff": "save the file without a byte order mark",
}
MAX_DIGITS = 20  # of a number that can be valid
# After one of these a "-" is an operator, so that `x-1` is a subtraction; `}` ends a statement more often.
OPERAND_ENDS = frozenset(["ident", "int", "neg", "true", "false", ")", "]"])


class Token(NamedTuple):
    """``kind`` is ident, int, neg (negative number), end, or the keyword or symbol itself."""

    kind: str
    text: str
    span: Span
    value: int = 0
    suffix: str = ""


def scan(source: str, reporter: Reporter) -> list[Token]:
    """All tokens, closed by one of kind ``end``; mistakes go to the reporter."""
    return _Scanner(source, reporter).run()


class _Scanner:
    def __init__(self, source: str, reporter: Reporter) -> None:
        self.source = source
        self.reporter = reporter
        self.at = 0
        self.line = 0
        self.line_start = 0
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        size = len(self.source)
        while self.at < size:
            self.step()
        here = self.span(self.at, self.line, self.line_start)
        self.tokens.append(Token("end", "the end of the text", here))
        return self.tokens

    def span(self, start: int, line: int, line_start: int) -> Span:
        return Span(line, start - line_start, self.line, self.at - self.line_start)

    def advance(self, end: int) -> Span:
        """Move to ``end`` and give the span of what was passed."""
        start, line, line_start = self.at, self.line, self.line_start
        newlines = self.source.count("\n", start, end)
        if newlines:
            self.line += newlines
            self.line_start = self.source.rfind("\n", start, end) + 1
        self.at = end
        return self.span(start, line, line_start)

    def step(self) -> None:
        source, at = self.source, self.at
        if match := SPACE.match(source, at):
            self.advance(match.end())
        elif source.startswith("//", at):
            end = source.find("\n", at)
            self.advance(len(source) if end < 0 else end)
        elif source.startswith("/*", at):
            self.block_comment()
        elif match := WORD.match(source, at):
            word = match.group()
            kind = word if word in KEYWORDS or word in ("true", "false") else "ident"
            self.tokens.append(Token(kind, word, self.advance(match.end())))
        elif match := NUMBER.match(source, at):
            self.number(match, negative=False)
        elif self.negative_starts() and (match := NUMBER.match(source, at + 1)):
            self.number(match, negative=True)
        elif match := SYMBOLS.match(source, at):
            self.tokens.append(Token(match.group(), match.group(), self.advance(match.end())))
        else:
            self.unexpected()

    def negative_starts(self) -> bool:
        if self.source[self.at] != "-":
            return False
        return not self.tokens or self.tokens[-1].kind not in OPERAND_ENDS

    def block_comment(self) -> None:
        depth, at = 1, self.at + 2
        while depth and (mark := COMMENT_MARK.search(self.source, at)):
            depth += 1 if mark.group() == "/*" else -1
            at = mark.end()
        if not depth:
            self.advance(at)
            return
        line, column = self.line, self.at - self.line_start
        self.advance(len(self.source))
        hint = "close it with `*/`" if depth == 1 else f"comments nest; {depth} times `*/` is missing"
        self.reporter.add(Span(line, column, line, column + 2), "unterminated block comment", hint)

    def number(self, match: re.Match[str], *, negative: bool) -> None:
        digits, suffix = match.groups()
        end = match.end()
        if not suffix and (fraction := self.fraction(end)):
            span = self.advance(fraction.end())
            self.reporter.add(span, "floating point numbers do not exist", "scale to an integer type")
            self.tokens.append(Token("int", "0", span))
            return
        text = self.source[self.at : end]
        span = self.advance(end)
        digits = digits.lstrip("0")[: MAX_DIGITS + 1] or "0"  # what is longer is too large in any case
        value = -int(digits) if negative else int(digits)
        problem = number_problem(value, suffix, negative)
        if problem:
            kind = "signed" if negative or suffix.startswith("i") else "unsigned"
            self.reporter.add(span, f"invalid {kind} number `{shorten(text)}`", problem)
            value, suffix = 0, ""
        self.tokens.append(Token("neg" if negative else "int", text, span, value, suffix))

    def fraction(self, end: int) -> re.Match[str] | None:
        """What makes a floating point number of the digits before; `t.0.1` is an access to a component."""
        return None if self.tokens and self.tokens[-1].kind == "." else FRACTION.match(self.source, end)

    def unexpected(self) -> None:
        char = self.source[self.at]
        end = self.at + 1
        if char in "\"'":
            closing = self.source.find(char, end)
            newline = self.source.find("\n", end)
            if closing >= 0 and (newline < 0 or closing < newline):
                end = closing + 1
            hint = "text and characters do not exist; use numbers or an enum"
        else:
            hint = HINTS.get(char) or ("only ASCII is allowed outside comments" if ord(char) > 127 else "remove it")
        shown = f"`{char}`" if char.isprintable() else f"U+{ord(char):04X}"
        self.reporter.add(self.advance(end), f"unexpected character {shown}", hint)


def number_problem(value: int, suffix: str, negative: bool) -> str:
    """Why a number is not valid, or an empty text."""
    if suffix and suffix not in INT_WIDTHS:
        if suffix[0] in "xob" and not value:
            return "numbers are decimal"
        if suffix[0] == "_":
            return "numbers have no separators; write the digits only"
        near = nearest(suffix, INT_WIDTHS)
        return f"`{shorten(suffix)}` is no number type; " + (
            f"did you mean `{near}`?" if near else f"use one of {', '.join(INT_WIDTHS)}"
        )
    if negative and suffix and suffix[0] == "u":
        return f"`{suffix}` has no negative numbers"
    if suffix:
        bits, signed = INT_WIDTHS[suffix], suffix[0] == "i"
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        return "" if low <= value <= high else f"`{suffix}` holds {low} to {high}"
    if value < -(1 << 63) or value >= 1 << 64:
        return "the largest number is 18446744073709551615, the smallest -9223372036854775808"
    return ""
