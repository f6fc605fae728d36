"""Program texts with marks: what the generator meant, to be compared with what the checker found.

``literal`` puts the intended type before an unsuffixed number (or before a name that stands for one), ``site`` brackets
an operation that can panic. ``unmark`` removes the marks and tells where they were.
"""

from __future__ import annotations

import re
from typing import NamedTuple

Position = tuple[int, int]
Site = tuple[int, int, int, int]
PIECES = re.compile("\x01([^\x02]*)\x02|(\x03)|(\x04)|(\n)|([^\x01-\x04\n]+)")


class Unmarked(NamedTuple):
    """A plain text, intended types by position, spans of operations; lines and columns from 0."""

    text: str
    literals: dict[Position, str]
    sites: set[Site]


def literal(type_name: str, text: str) -> str:
    """A number whose type comes from the context; ``"32"`` for any type of 32 bits."""
    return f"\x01{type_name}\x02{text}"


def site(text: str) -> str:
    """An operation with a position of its own."""
    return f"\x03{text}\x04"


def plain(text: str) -> str:
    """The text without marks."""
    return unmark(text).text


def unmark(text: str) -> Unmarked:
    """Split a text from its marks."""
    line = column = 0
    result: list[str] = []
    literals: dict[Position, str] = {}
    sites: set[Site] = set()
    open_sites: list[Position] = []
    for type_name, start, end, newline, words in PIECES.findall(text):
        if type_name:
            literals[line, column] = type_name
        elif start:
            open_sites.append((line, column))
        elif end:
            sites.add((*open_sites.pop(), line, column))
        elif newline:
            result.append(newline)
            line, column = line + 1, 0
        else:
            result.append(words)
            column += len(words)
    return Unmarked("".join(result), literals, sites)
