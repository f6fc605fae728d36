"""The nearest known name for a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

MAX_KNOWN = 2_000  # names that are compared; the search must not take longer than the compilation
# Types of other languages and what comes closest here.
FOREIGN_TYPES = {
    "int": "i32",
    "uint": "u32",
    "isize": "i32",
    "u128": "u64",
    "i128": "i64",
    "f32": "i32",
    "f64": "i64",
    "float": "i64",
    "double": "i64",
    "byte": "u8",
    "char": "u8",
    "boolean": "bool",
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name with the fewest edits (a third of the length at most), upper and lower case being equal."""
    room = max(1, len(name) // 3)
    lower = name.lower()
    close = []
    for other in nsmallest(MAX_KNOWN, set(known)):
        if abs(len(other) - len(name)) <= room and len(other) <= 64:
            edits = distance(lower, other.lower(), room)
            if edits <= room and edits < len(name):
                close.append((edits, name[0] != other[0], other))
    return min(close)[2] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or an empty text."""
    close = nearest(name, known)
    return f"did you mean `{close}`?" if close else ""


def distance(left: str, right: str, limit: int) -> int:
    """Insertions, deletions, changes and swaps of neighbours from one text to the other; above the limit: more."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, start=1):
        before, above, row = row, before, [i]
        for j, other in enumerate(right, start=1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                edits = min(edits, above[j - 2] + 1)
            row.append(edits)
        if min(row) > limit:
            return limit + 1
    return row[-1]
