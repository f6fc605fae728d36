"""Where the rows of a join come from, in the words of the program: for the message of a panic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.garble.diagnostics import Span, visible

LONGEST = 40  # characters of an expression


class Origins:
    """Parameters of the entry function by the literals of their bits."""

    def __init__(self, names: Sequence[str], inputs: Sequence[np.ndarray], source: str) -> None:
        """``names`` and ``inputs`` (literals, ascending in this order): one a party."""
        self._names = tuple(names)
        self._inputs = tuple(inputs)
        self._ends = np.cumsum([len(word) for word in inputs])
        self._lines = source.split("\n")

    def describe(self, span: Span, table: np.ndarray, key_bits: int) -> str:
        """What rows (n, w) are: a parameter as it was given, an expression on the keys of one, or any other."""
        owner = self._owner(table[:, :key_bits])
        if owner is not None and np.array_equal(table.reshape(-1), self._inputs[owner]):
            return f"parameter `{self._names[owner]}`"
        text = self._text(span)
        return f"`{text}`" if owner is None else f"`{text}`, from parameter `{self._names[owner]}`"

    def _owner(self, keys: np.ndarray) -> int | None:
        """The party whose input bits, and known bits, are all that the keys are made of."""
        bits = keys[keys > 1]
        if len(bits) == 0 or (bits & 1).any() or bits.max() > 2 * self._ends[-1]:
            return None
        first, last = np.searchsorted(2 * self._ends, [bits.min(), bits.max()])
        return int(first) if first == last else None

    def _text(self, span: Span) -> str:
        """The expression on one line, its beginning if it is long."""
        line = self._lines[span.start_line]
        whole = span.start_line == span.end_line
        text = line[span.start_column : span.end_column if whole else None].rstrip()
        return visible(text) if whole and len(text) <= LONGEST else visible(text[:LONGEST]) + "..."
