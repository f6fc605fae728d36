"""What is known of pairs of words: which is less, what they differ by, which is the negative of which."""

from __future__ import annotations

import numpy as np

from engine.circuit import Builder
from engine.garble.words import cast, leading_zeros

Lits = np.ndarray
Pair = tuple[bytes, bytes]


class Relations:
    """Remembered comparisons of unsigned words, differences and negatives, by the literals of the words."""

    LIMIT = 100_000  # of each kind; more would cost too much memory

    def __init__(self) -> None:
        self._less: dict[Pair, int] = {}
        self._differences: dict[Pair, Lits] = {}
        self._negatives: set[Pair] = set()

    def note_less(self, x: Lits, y: Lits, literal: int) -> None:
        """The literal of x < y, unsigned."""
        self._room(self._less)
        self._less[x.tobytes(), y.tobytes()] = literal

    def less(self, x: Lits, y: Lits) -> int | None:
        """The literal of x < y, unsigned, if it was asked for before."""
        return self._less.get((x.tobytes(), y.tobytes()))

    def note_negative(self, x: Lits, y: Lits) -> None:
        """y = -x, wrapping at their width without common zeros in front; x is there anyway."""
        self._room(self._negatives)
        self._negatives.add((x.tobytes(), y.tobytes()))

    def note_difference(self, x: Lits, y: Lits, difference: Lits) -> None:
        """difference = x - y, wrapping at its width without the zeros in front."""
        left, right = x.tobytes(), y.tobytes()
        self._room(self._differences)
        self._differences[left, right] = difference
        opposite = self._differences.get((right, left))
        if opposite is not None and leading_zeros(opposite) == leading_zeros(difference):
            if (left, right) in self._less:  # the comparison has the carries of this one
                self.note_negative(difference, opposite)
            else:
                self.note_negative(opposite, difference)

    def choose(self, b: Builder, condition: int, yes: Lits, no: Lits) -> Lits:
        """condition ? yes : no; of a word and its negative in n - 1 ANDs, without computing the negative."""
        pair = (yes.tobytes(), no.tobytes())
        if pair in self._negatives:
            condition, yes, no = condition ^ 1, no, yes
        elif pair[::-1] not in self._negatives:
            return b.mux(condition, yes, no)
        width = len(no) - min(leading_zeros(yes), leading_zeros(no))
        return cast(b.negate_if(condition, no[-width:]), False, len(no)) if width else no

    def _room(self, known: dict[Pair, int] | dict[Pair, Lits] | set[Pair]) -> None:
        if len(known) >= self.LIMIT:
            known.clear()
