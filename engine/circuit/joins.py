"""Joining two sorted tables: merging network, matching of neighbours, compaction.

Tables are 2-D arrays of literals, one row per record: ``key_bits`` key bits first, then the payload. Both tables are
promised to be in strictly ascending order of the key (as an unsigned bit string). Sources: Batcher's odd-even merge
for lists of any lengths (garble specification, section 20.3), and the order-preserving compaction ORCompact of
"Fast Fully Oblivious Compaction and Shuffling" (Sasy, Johnson, Goldberg, CCS 2022), in which each row passes log2 t
conditional swaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.circuit.arrays import Arrays
from engine.circuit.network import comparators, merge_network
from engine.circuit.store import Lits
from engine.kernels import circuit_words as kernels


class Joined(NamedTuple):
    """Candidate pairs of rows: ``match`` (r,) says whether row r is a match of ``left`` (r, wa) and ``right`` (r, wb).

    Where it is not, the two rows hold anything (in :meth:`Joins.join`: zeros).
    """

    match: Lits
    left: Lits
    right: Lits


class Joins(Arrays):
    """Operations on sorted tables.

    What was merged is remembered by its literals: a second loop over the same tables costs no second network, and over
    the same keys with another payload only the exchange of that payload.
    """

    REMEMBERED = 4  # results of each kind; they hold as many literals as the tables

    def __init__(self, input_bits: Iterable[int]) -> None:
        super().__init__(input_bits)
        self._found: dict[bytes, Joined] = {}
        self._orders: dict[bytes, tuple[Lits, Lits]] = {}
        self._ascending: dict[bytes, int] = {}

    def join_rows(self, left: ArrayLike, right: ArrayLike, key_bits: int) -> Joined:
        """The pairs of rows with equal keys, in ascending key order: what ``join_iter`` visits.

        left (n, wa), right (m, wb) -> :class:`Joined` with r rows, r at most ceil((n + m - 1) / 2), 0 for an empty
        side. A loop over the result has to run its body r times, guarded by ``match``. Every key that is in both
        tables matches exactly once. Two rows of the same table never match. For unsorted tables the matches are some
        pairs with equal keys, the first from the left and the second from the right table.

        Merges, or tests all pairs if that takes fewer ANDs (one side is very small). After merging two neighbouring
        pairs of rows cannot both match, so each two of them are one candidate; they share their middle row, hence the
        key needs no selection.
        """
        a, b = np.asarray(left, np.int64), np.asarray(right, np.int64)
        if len(a) == 0 or len(b) == 0:
            return Joined(np.zeros(0, np.int64), a[:0], b[:0])
        name = _digest(key_bits, a, b)
        found = self._found.get(name)
        if found is None:
            if _direct_cost(a.shape, b.shape, key_bits) <= _merge_cost(a.shape, b.shape, key_bits):
                found = self._join_directly(a, b, key_bits)
            else:
                found = self._pair_up(self.merge_sorted(a, b, key_bits), a.shape[1], b.shape[1], key_bits)
            _remember(self._found, name, found, self.REMEMBERED)
        return Joined(*(part.copy() for part in found))

    def join(self, left: ArrayLike, right: ArrayLike, key_bits: int) -> Joined:
        """The expression ``join(left, right)``: max(n + m - 1, 0) rows; first those without match, all bits zero, then
        the matches in ascending key order.
        """
        a, b = np.asarray(left, np.int64), np.asarray(right, np.int64)
        n, m, wa, wb = len(a), len(b), a.shape[1], b.shape[1]
        size = max(n + m - 1, 0)
        found = self.join_rows(a, b, key_bits)
        keep = min(n, m)
        # both rows of a match have the same key: it is routed once
        data = np.concatenate((found.left, found.right[:, key_bits:]), axis=1)
        match, data = self.compact(found.match, data)
        result = Joined(*(np.zeros(s, np.int64) for s in ((size,), (size, wa), (size, wb))))
        if keep:
            result.match[size - keep :] = match[len(match) - keep :]
            rows = data[len(data) - keep :]
            result.left[size - keep :] = rows[:, :wa]
            result.right[size - keep :, :key_bits] = rows[:, :key_bits]
            result.right[size - keep :, key_bits:] = rows[:, wa:]
        return result

    def ascending(self, table: ArrayLike, key_bits: int) -> int:
        """One literal: the key of every row is less than that of the next, as unsigned bit strings.

        table (n, w), keys are its first ``key_bits`` columns. At most (n - 1)(key_bits + 1) - 1 ANDs; nothing for
        n < 2, for keys that were asked for before, and for neighbours that are known.
        """
        keys = np.ascontiguousarray(np.asarray(table, np.int64)[:, :key_bits])
        name = _digest(key_bits, keys)
        found = self._ascending.get(name)
        if found is None:
            found = self._ascending[name] = int(self.all(self.less(keys[:-1], keys[1:])))
        return found

    def merge_sorted(self, left: ArrayLike, right: ArrayLike, key_bits: int) -> Lits:
        """All rows of both tables in ascending order of (key, table).

        left (n, wa), right (m, wb) -> (n + m, key_bits + 1 + p): key, one tag bit (0 left, 1 right), payload padded
        with zeros at the end to p = max(wa, wb) - key_bits. At most comparators(n, m) * (2 (key_bits + 1) + p) ANDs;
        payload that is not used later costs nothing.
        """
        a, b = np.asarray(left, np.int64), np.asarray(right, np.int64)
        n, m = len(a), len(b)
        keys = np.zeros((n + m, key_bits + 1), np.int64)
        payload = np.zeros((n + m, max(a.shape[1], b.shape[1]) - key_bits), np.int64)
        for part, table, tag in ((slice(0, n), a, 0), (slice(n, n + m), b, 1)):
            keys[part, :key_bits] = table[:, :key_bits]
            keys[part, key_bits] = tag
            payload[part, : table.shape[1] - key_bits] = table[:, key_bits:]
        first, second, order = merge_network(n, m)
        name = _digest(n, keys)
        known = self._orders.get(name)
        swap, sorted_keys = known or (np.empty(len(first), np.int64), keys)
        for part in self._parts(len(first), 8 * (key_bits + 1) + 4 * payload.shape[1]):
            here = (first[part], second[part], swap[part])
            if known is None:
                kernels.compare_exchange(sorted_keys, *here, self._gates)
            kernels.exchange(payload, *here, self._gates)
        if known is None:
            _remember(self._orders, name, (swap, sorted_keys), self.REMEMBERED)
        return np.concatenate((sorted_keys[order], payload[order]), axis=1)

    def compact(self, flags: ArrayLike, rows: ArrayLike) -> tuple[Lits, Lits]:
        """Moves the rows with a true flag to the end, in their order: flags (t,), rows (t, w) -> the same shapes.

        The other rows come first and are zero. About (t/2) log2 t * (w + 1) + t w + 3 t ANDs.
        """
        marks, data = np.asarray(flags, np.int64)[::-1].copy(), np.asarray(rows, np.int64)[::-1].copy()
        if len(marks) == 0:
            return marks, data
        count = self._compact_front(marks, data)
        ahead = self._from_threshold(count)[: len(marks)] ^ 1
        return ahead[::-1].copy(), self.and_(ahead[:, None], data)[::-1].copy()

    # -- matching ------------------------------------------------------------------------------------------------

    def _pair_up(self, rows: Lits, wa: int, wb: int, key_bits: int) -> Joined:
        """Candidates from merged rows: candidate j looks at rows 2j, 2j + 1 and 2j + 2."""
        same = self.xor(rows[:-1, :key_bits], rows[1:, :key_bits]) ^ 1
        tags = rows[:, key_bits]
        # (left, right) and not (right, left); rows 2i + 1 and 2i + 2 were just ordered, there "different" is enough
        order = np.stack((tags[:-1] ^ 1, tags[1:]), axis=1)
        order[1::2, 0] = self.xor(tags[1:-1:2], tags[2::2])
        order[1::2, 1] = 1
        match = self.all(np.concatenate((same, order), axis=1))
        payload = rows[:, key_bits + 1 :]
        if len(match) & 1:  # a last candidate of one pair only
            match = np.append(match, 0)
            payload = np.concatenate((payload, payload[-1:]))
        here, after = match[0::2], match[1::2]
        middle = rows[1::2, :key_bits]
        before_or_middle = self.mux(here[:, None], payload[0:-1:2, : wa - key_bits], payload[1::2, : wa - key_bits])
        middle_or_next = self.mux(here[:, None], payload[1::2, : wb - key_bits], payload[2::2, : wb - key_bits])
        left = np.concatenate((middle, before_or_middle), axis=1)
        right = np.concatenate((middle, middle_or_next), axis=1)
        return Joined(self.xor(here, after), left, right)

    def _join_directly(self, a: Lits, b: Lits, key_bits: int) -> Joined:
        """One candidate per row of the smaller table, compared with all rows of the larger one."""
        if len(a) > len(b):
            swapped = self._join_directly(b, a, key_bits)
            return Joined(swapped.match, swapped.right, swapped.left)
        keys = a[:, :key_bits]
        found = self.equal(keys[:, None, :], b[None, :, :key_bits])  # (n, m)
        partner = np.broadcast_to(b[None, :, key_bits:], (len(a), len(b), b.shape[1] - key_bits))
        while found.shape[1] > 1:  # of two neighbours the first match wins
            pairs = found.shape[1] // 2 * 2
            first, second = found[:, 0:pairs:2], found[:, 1:pairs:2]
            chosen = self.mux(first[:, :, None], partner[:, 0:pairs:2], partner[:, 1:pairs:2])
            found = np.concatenate((self.or_(first, second), found[:, pairs:]), axis=1)
            partner = np.concatenate((chosen, partner[:, pairs:]), axis=1)
        match = found[:, 0]
        match[1:] = self.and_(match[1:], self.equal(keys[1:], keys[:-1]) ^ 1)
        return Joined(match, a.copy(), np.concatenate((keys, partner[:, 0]), axis=1))

    # -- compaction ----------------------------------------------------------------------------------------------

    def _compact_front(self, marks: Lits, data: Lits) -> Lits:
        """ORCompact: moves marked rows of data (in place) to the front; returns their number as a word."""
        size = len(marks)
        block = 1 << (size.bit_length() - 1)
        rest = size - block
        if rest == 0:
            counts = self._block_counts(marks)
            self._compact_block(counts, np.zeros(block.bit_length() - 1, np.int64), data)
            return counts[-1][0]
        before = self._compact_front(marks[:rest], data[:rest])
        counts = self._block_counts(marks[rest:])
        width = block.bit_length() - 1
        offset = self.add(_resize(before, width), _constant(block - rest, width))[0]
        self._compact_block(counts, offset, data[rest:])
        place = np.arange(rest, dtype=np.int64)
        self._exchange(data, place, place + block, self._from_threshold(before)[:rest])
        total, carry = self.add(_resize(before, width + 1), counts[-1][0])
        return np.concatenate((carry.reshape(1), total))

    def _block_counts(self, marks: Lits) -> list[Lits]:
        """Numbers of marks in aligned blocks of 1, 2, 4, ... rows: level l is (size / 2^l, l + 1)."""
        counts = [marks.reshape(-1, 1)]
        while len(counts[-1]) > 1:
            total, carry = self.add(counts[-1][0::2], counts[-1][1::2])
            counts.append(np.concatenate((carry[:, None], total), axis=1))
        return counts

    def _compact_block(self, counts: list[Lits], offset: Lits, data: Lits) -> None:
        """OROffCompact for 2^q rows: puts the marked rows at positions offset, offset + 1, ... (cyclically), in place.

        counts from _block_counts; offset (q,). The offsets of all blocks are found from the largest block downwards,
        the swaps happen from the smallest upwards.
        """
        levels = len(counts) - 1
        swaps: list[Lits] = [np.zeros(0, np.int64)] * (levels + 1)
        offsets = offset.reshape(1, levels)
        for level in range(levels, 0, -1):
            in_left = counts[level - 1][0::2]  # (blocks, level): 0 .. 2^(level - 1)
            low = offsets[:, 1:]
            padded = np.concatenate((np.zeros((len(low), 1), np.int64), low), axis=1)
            moved = self.add(padded, in_left)[0]
            wrap = self.xor(moved[:, 0], offsets[:, 0])
            swaps[level] = self.xor(wrap[:, None], self._from_threshold(moved[:, 1:]))
            offsets = np.stack((low, moved[:, 1:]), axis=1).reshape(2 * len(low), level - 1)
        for level in range(1, levels + 1):
            half = 1 << (level - 1)
            first = (np.arange(len(data) >> level)[:, None] * (2 * half) + np.arange(half)[None, :]).reshape(-1)
            self._exchange(data, first, first + half, swaps[level].reshape(-1))

    def _from_threshold(self, word: Lits) -> Lits:
        """[i >= word] for i = 0 .. 2^n - 1: shape (..., n) -> (..., 2^n); at most 2^n ANDs each."""
        result = np.ones((*word.shape[:-1], 1), np.int64)
        for k in range(word.shape[-1] - 1, -1, -1):
            clear = word[..., k : k + 1] ^ 1
            both = self.and_(clear, result)
            either = self.xor(self.xor(clear, result), both)
            result = np.concatenate((both, either), axis=-1)
        return result

    def _exchange(self, data: Lits, first: NDArray[np.int64], second: NDArray[np.int64], swap: Lits) -> None:
        """Swaps the rows first and second of data where swap is true, in place."""
        rows = np.ascontiguousarray(data)
        select = np.ascontiguousarray(swap)
        for part in self._parts(len(first), 4 * data.shape[1]):
            kernels.exchange(rows, first[part], second[part], select[part], self._gates)
        if rows is not data:
            data[:] = rows


def _digest(number: int, *tables: Lits) -> bytes:
    """A name for tables of literals."""
    state = hashlib.blake2b(repr((number, [table.shape for table in tables])).encode(), digest_size=32)
    for table in tables:
        state.update(np.ascontiguousarray(table).data)
    return state.digest()


def _remember(known: dict[bytes, Any], name: bytes, value: Any, limit: int) -> None:
    """Adds to the results that are kept; the oldest one goes."""
    while len(known) >= limit:
        known.pop(next(iter(known)))
    known[name] = value


def _resize(word: Lits, width: int) -> Lits:
    """A word with zeros put in front, or high bits cut off."""
    if len(word) >= width:
        return word[len(word) - width :]
    return np.concatenate((np.zeros(width - len(word), np.int64), word))


def _constant(value: int, width: int) -> Lits:
    return np.array([value >> k & 1 for k in range(width - 1, -1, -1)], np.int64)


def _merge_cost(a: tuple[int, ...], b: tuple[int, ...], key: int) -> int:
    """ANDs of merging and pairing up."""
    payload = a[1] + b[1] - 2 * key
    swaps = comparators(a[0], b[0]) * (2 * (key + 1) + max(a[1], b[1]) - key)
    return swaps + (a[0] + b[0] - 1) * key + (a[0] + b[0]) // 2 * payload


def _direct_cost(a: tuple[int, ...], b: tuple[int, ...], key: int) -> int:
    """ANDs of testing all pairs."""
    if a[0] > b[0]:
        a, b = b, a
    return a[0] * b[0] * b[1] + (a[0] - 1) * key
