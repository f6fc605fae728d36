"""Reading and writing array elements at a secret index (garble specification, section 20.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.circuit.store import Lits
from engine.circuit.words import Words, _value


class Arrays(Words):
    """Arrays are 2-D: (L, e) for L elements of e bits; an index is one unsigned word of any width (usually 32)."""

    def array_read(self, elements: ArrayLike, index: ArrayLike) -> tuple[Lits, Lits]:
        """(element word (e,), out of bounds): a tree of L - 1 selections of e bits and about 32 ANDs for the check.

        Out of bounds the word is some element (zeros if L = 0). A known index costs nothing.
        """
        rows, place = np.asarray(elements, np.int64), np.asarray(index, np.int64)
        size = len(rows)
        outside = self.at_least(place, size)
        if size == 0:
            return np.zeros(rows.shape[1], np.int64), outside
        if self.known(place):
            return rows[min(_value(place), size - 1)].copy(), outside
        for select in place[::-1][: (size - 1).bit_length()]:
            pairs = len(rows) // 2
            chosen = self.mux(select, rows[1 : 2 * pairs : 2], rows[0 : 2 * pairs : 2])
            rows = np.concatenate((chosen, rows[2 * pairs :]))
        return rows[0].copy(), outside

    def array_write(
        self, elements: ArrayLike, index: ArrayLike, value: ArrayLike, guard: ArrayLike | None = None
    ) -> tuple[Lits, Lits]:
        """(elements with element ``index`` replaced by ``value`` (e,) if guard is true, out of bounds).

        L * e + L - 1 ANDs and the check. Out of bounds some element may change. The bounds bit ignores the guard.
        """
        rows, place = np.asarray(elements, np.int64), np.asarray(index, np.int64)
        outside = self.at_least(place, len(rows))
        if self.known(place):
            changed = rows.copy()
            at = _value(place)
            if at < len(rows):
                changed[at] = value if guard is None else self.mux(guard, value, rows[at])
            return changed, outside
        chosen = self.decode(place, len(rows), guard)
        return self.mux(chosen[:, None], np.asarray(value, np.int64)[None, :], rows), outside

    def decode(self, index: ArrayLike, size: int, guard: ArrayLike | None = None) -> Lits:
        """One-hot form of an index below ``size``: (size,) literals, all false if the guard is false.

        A tree of at most size - 1 ANDs. If the index is out of bounds, some literal may be true.
        """
        place = np.asarray(index, np.int64)
        nodes = np.array([1 if guard is None else guard], np.int64).reshape(-1)[: min(size, 1)]
        for k in range((size - 1).bit_length() - 1 if size else -1, -1, -1):
            count = -(-size >> k)  # nodes of the next level: blocks of 2^k elements
            both = count // 2
            bit = place[len(place) - 1 - k] if k < len(place) else np.int64(0)
            right = self.and_(nodes[:both], bit)
            level = np.empty(count, np.int64)
            level[1::2] = right
            level[0 : 2 * both : 2] = self.xor(nodes[:both], right)
            level[2 * both :] = nodes[both:]
            nodes = level
        return nodes
