"""JSON with positions: which line a key stands on, and which keys appear twice.

The standard parser keeps neither, and a policy file is written by hand: every mistake is reported with its
line.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

MAX_DEPTH = 100

_SPACE = re.compile(r"[ \t\r\n]*")
_SPACE_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]+|//[^\n]*)*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class JsonError(ValueError):
    """The text is not JSON; ``line`` and ``column`` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"{message} at line {line} column {column}")
        self.line = line
        self.column = column


@dataclass
class Document:
    """A parsed text: ``lines`` maps JSON pointers to lines; ``duplicates`` lists (pointer, key, line)."""

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    duplicates: list[tuple[str, str, int]] = field(default_factory=list)

    def line(self, pointer: str) -> int:
        """Line of a pointer, or of its nearest parent that exists."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)


def child(pointer: str, key: str | int) -> str:
    """JSON pointer (RFC 6901) of a member of ``pointer``."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def parse(text: str, *, comments: bool = False) -> Document:
    """Parse a JSON text; ``comments`` allows ``//`` to the end of a line. Raises JsonError."""
    parser = _Parser(text, comments)
    parser.skip()
    parser.document.value = parser.value("", 0)
    parser.skip()
    if parser.at < len(text):
        parser.fail("unexpected text after the end of the document")
    return parser.document


class _Parser:
    def __init__(self, text: str, comments: bool) -> None:
        self.text = text
        self.at = 0
        self.counted = (0, 1)
        self.space = _SPACE_AND_COMMENTS if comments else _SPACE
        self.document = Document()

    def fail(self, message: str, at: int | None = None) -> None:
        at = self.at if at is None else at
        line = self.text.count("\n", 0, at) + 1
        raise JsonError(message, line, at - self.text.rfind("\n", 0, at))

    def line(self) -> int:
        """Line of the current position, counted on from the last one asked for."""
        at, line = self.counted
        line += self.text.count("\n", at, self.at)
        self.counted = (self.at, line)
        return line

    def skip(self) -> None:
        match = self.space.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def value(self, pointer: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            self.fail("nested too deeply")
        self.document.lines.setdefault(pointer, self.line())
        start = self.peek()
        if start == "{":
            return self.object(pointer, depth)
        if start == "[":
            return self.array(pointer, depth)
        if start == '"':
            return self.string()
        for word, constant in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return constant
        return self.number()

    def number(self) -> int | float:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            if self.at >= len(self.text):
                self.fail("unexpected end of the text")
            self.fail("expected a value")
        assert match is not None
        if len(match.group()) > 400:
            self.fail("number has too many digits")
        if not match.group(1) and not match.group(2):
            self.at = match.end()
            return int(match.group())
        value = float(match.group())
        if math.isfinite(value) and Decimal(repr(value)) != Decimal(match.group()):
            self.fail("number has more digits than can be kept")
        self.at = match.end()
        return value

    def string(self) -> str:
        start = self.at
        try:
            value, self.at = scanstring(self.text, start + 1, True)
        except json.JSONDecodeError as error:
            self.fail(error.msg[:1].lower() + error.msg[1:], error.pos)
        return value

    def array(self, pointer: str, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        self.skip()
        if self.peek() == "]":
            self.at += 1
            return items
        while True:
            items.append(self.value(child(pointer, len(items)), depth + 1))
            self.skip()
            if self.separator("]"):
                return items

    def object(self, pointer: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.at += 1
        self.skip()
        if self.peek() == "}":
            self.at += 1
            return members
        while True:
            self.member(members, pointer, depth)
            self.skip()
            if self.separator("}"):
                return members

    def member(self, members: dict[str, Any], pointer: str, depth: int) -> None:
        if self.peek() != '"':
            self.fail("expected a key in double quotes")
        line = self.line()
        key = self.string()
        place = child(pointer, key)
        if key in members:
            self.document.duplicates.append((place, key, line))
        self.document.lines[place] = line
        self.skip()
        if self.peek() != ":":
            self.fail("expected ':'")
        self.at += 1
        self.skip()
        members[key] = self.value(place, depth + 1)

    def separator(self, closing: str) -> bool:
        """Read a comma (False) or the closing bracket (True)."""
        mark = self.peek()
        if mark not in (",", closing) or not mark:
            self.fail(f"expected ',' or '{closing}'")
        self.at += 1
        self.skip()
        if mark == "," and self.peek() == closing:
            self.fail(f"unexpected ',' before '{closing}'")
        return mark == closing
