"""Kernels for words: adders, comparators, multipliers, dividers, over batches of rows.

Words are rows of literals, most significant bit first. Costs in AND gates per row: garble specification, section 20.1.
G, H: state of the builder, see engine/kernels/circuit_emit.py.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.circuit_emit import (
    gate_and,
    gate_majority,
    gate_mux,
    gate_or,
    gate_xor,
    new_and,
    new_majority,
    new_xor,
)


@kernel
def add(x, y, carry_in, total, carries, G, H):
    """x + y + carry_in: x, y, total int64 (R, n), carries int64 (R, 2) = (carry out, carry into the top bit).

    One AND per bit.
    """
    n = x.shape[1]
    for r in range(x.shape[0]):
        c = np.int64(carry_in)
        before = c
        for i in range(n - 1, -1, -1):
            before = c
            total[r, i] = gate_xor(gate_xor(x[r, i], y[r, i], G, H), c, G, H)
            c = gate_majority(x[r, i], y[r, i], c, G, H)
        carries[r, 0] = c
        carries[r, 1] = before


@kernel
def carry(x, y, carry_in, out, G, H):
    """Carry out of x + y + carry_in only; x, y int64 (R, n), out int64 (R,)."""
    for r in range(x.shape[0]):
        c = np.int64(carry_in)
        for i in range(x.shape[1] - 1, -1, -1):
            c = gate_majority(x[r, i], y[r, i], c, G, H)
        out[r] = c


@kernel
def accumulate(columns, term, G, H):
    """columns int64 (2, n) += term int64 (n,), carry-save, wrapping; 0 stands for no bit."""
    bits = np.empty(4, np.int64)
    carry = np.int64(0)
    for i in range(columns.shape[1] - 1, -1, -1):
        count = 0
        for bit in (columns[0, i], columns[1, i], term[i], carry):
            if bit != 0:
                bits[count] = bit
                count += 1
        carry = np.int64(0)
        if count >= 3:
            carry = gate_majority(bits[0], bits[1], bits[2], G, H)
            bits[0] = gate_xor(gate_xor(bits[0], bits[1], G, H), bits[2], G, H)
            bits[1] = bits[3]
            count -= 2
        columns[0, i] = bits[0] if count > 0 else 0
        columns[1, i] = bits[1] if count > 1 else 0


@kernel
def running_or(x, G, H):
    """x[r, i] = x[r, 0] | ... | x[r, i], in place; int64 (R, n)."""
    for r in range(x.shape[0]):
        for i in range(1, x.shape[1]):
            x[r, i] = gate_or(x[r, i - 1], x[r, i], G, H)


@kernel
def conditional_negate(x, s, out, G, H):
    """s ? -x : x (wrapping): x, out int64 (R, n), s int64 (R,). n - 1 ANDs, n - 2 for a constant s."""
    n = x.shape[1]
    for r in range(x.shape[0]):
        c = s[r]
        for i in range(n - 1, -1, -1):
            flipped = gate_xor(x[r, i], s[r], G, H)
            out[r, i] = gate_xor(flipped, c, G, H)
            if i > 0:
                c = gate_and(flipped, c, G, H)


@kernel
def multiply(x, y, product, overflow, G, H):
    """Lower n bits of x * y unsigned, and whether the product has more: (R, n), (R, n), (R, n), (R,).

    Partial products of the lower half in columns, added oldest first by full and half adders of one AND; bit n is the
    XOR of the carries that leave the last column. n^2 + 3n - 4 ANDs.
    """
    n = x.shape[1]
    column = np.empty(4 * n + 4, np.int64)
    carries = np.empty(2 * n + 2, np.int64)
    for r in range(x.shape[0]):
        pending = 0
        bit_n = np.int64(0)
        for j in range(n):
            tail = 0
            for k in range(j + 1):
                # the pairs (i, j - i) and (j - i, i) side by side: in a square they are equal and fold
                i = k >> 1 if k & 1 == 0 else j - (k >> 1)
                p = gate_and(x[r, n - 1 - i], y[r, n - 1 - (j - i)], G, H)
                if p != 0:
                    column[tail] = p
                    tail += 1
            for k in range(pending):
                column[tail] = carries[k]
                tail += 1
            pending = 0
            head = 0
            while tail - head > 1:
                a = column[head]
                b = column[head + 1]
                if tail - head == 2:
                    head += 2
                    half = gate_xor(a, b, G, H)
                    c = gate_and(a, b, G, H)
                else:
                    d = column[head + 2]
                    head += 3
                    half = gate_xor(gate_xor(a, b, G, H), d, G, H)
                    c = gate_majority(a, b, d, G, H)
                if half != 0:
                    column[tail] = half
                    tail += 1
                if c != 0:
                    if j == n - 1:
                        bit_n = gate_xor(bit_n, c, G, H)
                    else:
                        carries[pending] = c
                        pending += 1
            product[r, n - 1 - j] = column[head] if tail > head else 0
        # a pair i + j >= n of ones: running OR of the high bits of y against each bit of x
        over = bit_n
        high = np.int64(0)
        for i in range(1, n):
            high = gate_or(high, y[r, i - 1], G, H)
            over = gate_or(over, gate_and(x[r, n - 1 - i], high, G, H), G, H)
        overflow[r] = over


@kernel
def divide(x, y, quotient, remainder, zero, G, H):
    """Unsigned non-restoring division: all (R, n), zero (R,) is 1 if y = 0.

    After step s the exact partial remainder is R = 2 R + bit - y or 2 R + bit + y, whichever brings it nearer to 0.
    Only its lowest s + 1 bits are computed: if y has s bits at most they hold the sign, otherwise R is negative. One
    AND for each of s carries and one for the sign, and 2n - 1 to make a negative last remainder positive:
    n^2/2 + 5n/2 - 2 for the quotient, n^2/2 + 9n/2 - 3 for both. Known zeros in front of x save steps, in front of y
    carries.
    """
    n = x.shape[1]
    rest = np.empty(n + 2, np.int64)
    suffix = np.empty(n + 1, np.int64)
    for r in range(x.shape[0]):
        suffix[n] = 0  # suffix[s] = OR of the divisor bits s .. n-1 (bit 0 is the lowest)
        for s in range(n - 1, -1, -1):
            suffix[s] = gate_or(suffix[s + 1], y[r, n - 1 - s], G, H)
        zero[r] = suffix[0] ^ 1
        width = n
        while width > 0 and y[r, n - width] == 0:
            width -= 1
        skip = 0
        while skip < n and x[r, skip] == 0:
            quotient[r, skip] = 0
            skip += 1
        rest[:] = 0
        minus = np.int64(1)
        top = 0
        for step in range(1, n - skip + 1):
            top = min(step, width)
            for i in range(top, 0, -1):
                rest[i] = rest[i - 1]
            rest[0] = x[r, skip + step - 1]
            c = minus
            for i in range(top + 1):
                d = gate_xor(y[r, n - 1 - i], minus, G, H) if i < n else minus
                bit = rest[i]
                rest[i] = gate_xor(gate_xor(bit, d, G, H), c, G, H)
                if i < top:
                    c = gate_majority(bit, d, c, G, H)
            minus = gate_or(suffix[min(step, n)], rest[top], G, H) ^ 1
            quotient[r, skip + step - 1] = minus
        c = np.int64(0)
        for i in range(n):
            if i < top:
                d = gate_and(minus ^ 1, y[r, n - 1 - i], G, H)
                remainder[r, n - 1 - i] = gate_xor(gate_xor(rest[i], d, G, H), c, G, H)
                c = gate_majority(rest[i], d, c, G, H)
            else:
                remainder[r, n - 1 - i] = 0


@inline
def _exchange(rows, f, s, swap, G):
    for i in range(rows.shape[1]):
        x = rows[f, i]
        y = rows[s, i]
        change = new_and(swap, new_xor(x, y, G), G)
        rows[f, i] = new_xor(x, change, G)
        rows[s, i] = new_xor(y, change, G)


@kernel
def compare_exchange(rows, first, second, swap, G):
    """A comparator network on keys, in place: rows int64 (N, k); comparator c orders rows first[c] and second[c]
    (unsigned, smaller to first) and writes to swap[c] the literal "they were exchanged". 2k ANDs each.

    Each comparator is new: its gates are not shared with others.
    """
    for c in range(first.shape[0]):
        f = first[c]
        s = second[c]
        greater = np.int64(0)  # first > second: borrow of second - first
        for i in range(rows.shape[1] - 1, -1, -1):
            greater = new_majority(rows[f, i], rows[s, i] ^ 1, greater, G)
        swap[c] = greater
        if greater != 0:
            _exchange(rows, f, s, greater, G)


@kernel
def exchange(rows, first, second, swap, G):
    """Swaps rows first[c] and second[c] of rows int64 (N, w) if the literal swap[c] is true; 1 AND per bit."""
    for c in range(first.shape[0]):
        if swap[c] != 0:
            _exchange(rows, first[c], second[c], swap[c], G)


@kernel
def shift_bits(x, s, amount, left, fill, out, G, H):
    """One layer of a shifter: s ? x shifted by amount : x; x, out (R, n), s, fill (R,), left 0 or 1."""
    n = x.shape[1]
    for r in range(x.shape[0]):
        for i in range(n):
            source = i + amount if left == 1 else i - amount
            moved = x[r, source] if 0 <= source < n else fill[r]
            out[r, i] = gate_mux(s[r], moved, x[r, i], G, H)
