"""Integer arithmetic on words of literals, with the AND counts of the garble specification, section 20.1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from engine.circuit.store import GateStore, Lits, _count, _shaped, as_rows, one_batch
from engine.kernels import circuit_words as kernels


class Words(GateStore):
    """Word operations. Words are arrays (..., n), most significant bit first; leading axes are batches and broadcast.

    Results that are one bit per word have the shape (...); for a single word that is a numpy int64.
    """

    def equal(self, x: ArrayLike, y: ArrayLike) -> Lits:
        """x == y as one literal per word; n - 1 ANDs."""
        return self.all(self.xor(x, y) ^ 1)

    def add(self, x: ArrayLike, y: ArrayLike, signed: bool = False) -> tuple[Lits, Lits]:
        """(x + y wrapping, overflow); n ANDs."""
        total, carries = self._add(x, y, 0)
        return total, self.xor(carries[..., 0], carries[..., 1]) if signed else carries[..., 0]

    def sub(self, x: ArrayLike, y: ArrayLike, signed: bool = False) -> tuple[Lits, Lits]:
        """(x - y wrapping, overflow); n ANDs."""
        total, carries = self._add(x, self.not_(y), 1)
        return total, self.xor(carries[..., 0], carries[..., 1]) if signed else carries[..., 0] ^ 1

    def less(self, x: ArrayLike, y: ArrayLike, signed: bool = False) -> Lits:
        """x < y as one literal per word; n ANDs. ``x <= y`` is ``less(y, x) ^ 1``."""
        left, right, shape = as_rows(x, self.not_(y))
        if signed and left.shape[1]:
            left, right = left.copy(), right.copy()
            left[:, 0] ^= 1
            right[:, 0] ^= 1
        out = np.empty(len(left), np.int64)
        for part in self._parts(len(left), 4 * left.shape[1]):
            kernels.carry(left[part], right[part], 1, out[part], self._gates, self._table)
        return _shaped(out ^ 1, shape)

    def neg(self, x: ArrayLike) -> Lits:
        """-x wrapping; n - 2 ANDs."""
        return self.negate_if(1, x)

    def negate_if(self, s: ArrayLike, x: ArrayLike) -> Lits:
        """s ? -x : x wrapping; s has the batch shape of x (or broadcasts to it); n - 1 ANDs."""
        given = np.asarray(x, np.int64)
        shape = given.shape
        rows = one_batch(given, (_count(shape[:-1]), shape[-1]))
        select = np.array(np.broadcast_to(np.asarray(s, np.int64), shape[:-1])).reshape(-1)
        out = np.empty_like(rows)
        for part in self._parts(len(rows), 3 * rows.shape[1]):
            kernels.conditional_negate(rows[part], select[part], out[part], self._gates, self._table)
        return out.reshape(shape)

    def mul(self, x: ArrayLike, y: ArrayLike, signed: bool = False) -> tuple[Lits, Lits]:
        """(x * y wrapping, overflow); n^2 + 3n - 4 ANDs unsigned, n^2 + 6n - 5 signed.

        Signed: magnitudes are multiplied. With p the unsigned product (n bits) and r the result with its sign, and no
        unsigned overflow, the result does not fit iff the top bit of p is set and r does not have the wanted sign.
        """
        if not signed:
            return self._multiply(x, y)
        left, right = np.asarray(x, np.int64), np.asarray(y, np.int64)
        sign = self.xor(left[..., 0], right[..., 0])
        size, over = self._multiply(self.negate_if(left[..., 0], left), self.negate_if(right[..., 0], right))
        result = self.negate_if(sign, size)
        wrong = self.and_(size[..., 0], self.xor(sign, result[..., 0]))
        return result, self.or_(over, wrong)

    def divmod(self, x: ArrayLike, y: ArrayLike, signed: bool = False) -> tuple[Lits, Lits, Lits]:
        """(x / y, x % y, y == 0), rounded towards zero, MIN / -1 = MIN; n^2/2 + 9n/2 - 3 ANDs, signed 4n - 4 more.

        A result that is not used costs nothing in the finished circuit. For y = 0 both results have no meaning.
        """
        if not signed:
            return self._divide(x, y)
        left, right = np.asarray(x, np.int64), np.asarray(y, np.int64)
        if right.ndim == 1 and self.known(right) and right.any():
            quotient, rest = self._divide_by(left, _value(right))
            return quotient, rest, np.zeros(left.shape[:-1], np.int64)[()]
        q, r, zero = self._divide(self.negate_if(left[..., 0], left), self.negate_if(right[..., 0], right))
        return self.negate_if(self.xor(left[..., 0], right[..., 0]), q), self.negate_if(left[..., 0], r), zero

    def _divide_by(self, x: Lits, divisor: int) -> tuple[Lits, Lits]:
        """(x / d, x % d) for signed x and a number d other than 0, given in two's complement.

        With s the sign of x, c the size of d and b = x + s (c - 1), the quotient by c is b / c rounded down: that is
        (b ^ t) / c ^ t for t the sign of b. One addition takes the place of two negations.
        """
        n = x.shape[-1]
        negative = divisor >> (n - 1)
        size = (1 << n) - divisor if negative else divisor
        sign = x[..., :1]
        biased = self.add(x, self.and_(sign, number(size - 1, n)))[0]
        turn = biased[..., :1]
        quotient, rest, _ = self._divide(self.xor(biased, turn), number(size, n))
        quotient = self.xor(quotient, turn)
        if negative:
            quotient = self.neg(quotient)
        width = min(size.bit_length() + 1, n)
        if size & (size - 1) == 0:
            low = self.negate_if(sign[..., 0], x)[..., n - size.bit_length() + 1 :]
            low = np.concatenate((np.zeros((*x.shape[:-1], width - low.shape[-1]), np.int64), low), axis=-1)
            low = self.negate_if(sign[..., 0], low)
        else:
            # the remainder of b is rest or c - 1 - rest, so that of x is rest, -rest or rest - (c - 1)
            late = self.and_(sign, turn ^ 1)
            offset = self.xor(self.and_(late, number((1 - size) % (1 << n), n)), self.and_(turn, number(1, n)))
            low = self.add(self.xor(rest, turn)[..., -width:], offset[..., -width:])[0]
        fill = np.broadcast_to(low[..., :1], (*low.shape[:-1], n - width))
        return quotient, np.concatenate((fill, low), axis=-1)

    def accumulate(self, columns: Lits, term: ArrayLike) -> None:
        """columns (2, n) += term (n,) in place: the sum of the two rows grows by the term, wrapping.

        Carry-save addition: three bits of one weight become two by one AND.
        """
        self._reserve(5 * columns.shape[1])
        kernels.accumulate(columns, np.array(term, np.int64), self._gates, self._table)

    def shl(self, x: ArrayLike, amount: ArrayLike) -> tuple[Lits, Lits]:
        """(x << amount, amount >= n); amount is an unsigned word; n log2 n + 7 - log2 n ANDs for 8 bits of amount."""
        return self._shift(x, amount, left=1, fill=None)

    def shr(self, x: ArrayLike, amount: ArrayLike, signed: bool = False) -> tuple[Lits, Lits]:
        """(x >> amount, amount >= n); the sign is shifted in if signed, else zeros."""
        given = np.asarray(x, np.int64)
        return self._shift(given, amount, left=0, fill=given[..., 0] if signed else None)

    def at_least(self, x: ArrayLike, bound: int) -> Lits:
        """x >= bound for a number known now; unsigned; at most n - 1 ANDs.

        The bits above those of the bound are one running OR from the top, which all bounds on x share.
        """
        given = np.asarray(x, np.int64)
        width, used = given.shape[-1], bound.bit_length()
        if used > width or bound <= 0:
            return np.full(given.shape[:-1], int(bound <= 0), np.int64)[()]
        low = given[..., width - used :]
        reached = self.less(low, number(bound, used)) ^ 1
        if used == width:
            return reached
        rows = one_batch(given, (_count(given.shape[:-1]), width))[:, : width - used].copy()
        for part in self._parts(len(rows), width):
            kernels.running_or(rows[part], self._gates, self._table)
        return self.or_(_shaped(rows[:, -1].copy(), given.shape[:-1]), reached)

    # -- kernels -------------------------------------------------------------------------------------------------

    def _add(self, x: ArrayLike, y: ArrayLike, carry_in: int) -> tuple[Lits, Lits]:
        left, right, shape = as_rows(x, y)
        total, carries = np.empty_like(left), np.empty((len(left), 2), np.int64)
        for part in self._parts(len(left), 6 * left.shape[1]):
            kernels.add(left[part], right[part], carry_in, total[part], carries[part], self._gates, self._table)
        return total.reshape((*shape, left.shape[1])), carries.reshape((*shape, 2))

    def _multiply(self, x: ArrayLike, y: ArrayLike) -> tuple[Lits, Lits]:
        left, right, shape = as_rows(x, y)
        n = left.shape[1]
        product, over = np.empty_like(left), np.empty(len(left), np.int64)
        for part in self._parts(len(left), 4 * n * n + 8 * n):
            kernels.multiply(left[part], right[part], product[part], over[part], self._gates, self._table)
        return product.reshape((*shape, n)), _shaped(over, shape)

    def _divide(self, x: ArrayLike, y: ArrayLike) -> tuple[Lits, Lits, Lits]:
        left, right, shape = as_rows(x, y)
        n = left.shape[1]
        q, r, zero = np.empty_like(left), np.empty_like(left), np.empty(len(left), np.int64)
        for part in self._parts(len(left), 4 * n * n + 8 * n):
            kernels.divide(left[part], right[part], q[part], r[part], zero[part], self._gates, self._table)
        return q.reshape((*shape, n)), r.reshape((*shape, n)), _shaped(zero, shape)

    def _shift(self, x: ArrayLike, amount: ArrayLike, left: int, fill: Lits | None) -> tuple[Lits, Lits]:
        given, distance = np.asarray(x, np.int64), np.asarray(amount, np.int64)
        n = given.shape[-1]
        shape = np.broadcast_shapes(given.shape[:-1], distance.shape[:-1])
        count = _count(shape)
        rows = np.array(np.broadcast_to(given, (*shape, n))).reshape(count, n)
        bits = np.array(np.broadcast_to(distance, (*shape, distance.shape[-1]))).reshape(count, -1)
        fills = np.zeros(count, np.int64)
        if fill is not None:
            fills[:] = np.broadcast_to(fill, shape).reshape(-1)
        for k in range(min((n - 1).bit_length(), bits.shape[1])):
            select, out = np.ascontiguousarray(bits[:, bits.shape[1] - 1 - k]), np.empty_like(rows)
            for part in self._parts(count, 3 * n):
                here = (rows[part], select[part], 1 << k, left, fills[part], out[part])
                kernels.shift_bits(*here, self._gates, self._table)
            rows = out
        too_far = self.at_least(distance, n)
        return rows.reshape((*shape, n)), _shaped(np.array(np.broadcast_to(too_far, shape)), shape)


def _value(word: Lits) -> int:
    """The number of a word of constants."""
    return sum(bit << place for place, bit in enumerate(word[::-1].tolist()))


def number(value: int, width: int) -> Lits:
    """The literals of a non-negative number known now, most significant bit first."""
    return np.array([value >> k & 1 for k in range(width - 1, -1, -1)], np.int64)
