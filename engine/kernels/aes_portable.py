"""AES-128 and carry-less multiplication in constant time without special instructions (see :mod:`engine.kernels.aes`).

The AES circuit of :mod:`engine.kernels.aes_circuit` is emitted as LLVM code for uint64 (four blocks) and for vectors
(four blocks per lane). Carry-less products use integer multiplication with holes between the bits, as in BearSSL's
``ghash_ctmul64``; 64-bit multiplication takes the same time for all operands on the processors we know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engine.kernels import aes_circuit as circuit
from engine.kernels import inline, shared
from engine.kernels.simd import (
    WIDE_BLOCKS,
    WIDE_WORDS,
    high_halves,
    lane,
    load128,
    load_wide,
    low_halves,
    reverse_bits,
    sequence_wide,
    set128,
    splat_constant,
    splat_scalar,
    splat_wide,
    store128,
    swap_halves,
)

U = np.uint64
_RC = np.array([1, 2, 4, 8, 16, 32, 64, 128, 27, 54], dtype=np.uint64)


class _Word:
    """An LLVM value (64 bits or a vector of them) with the operators that the circuit uses."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _operand(self, other: _Word | int) -> Any:
        if isinstance(other, _Word):
            return other.value
        kind = self.value.type
        return splat_constant(kind, other) if isinstance(kind, ir.VectorType) else ir.Constant(kind, other)

    def __xor__(self, other: _Word | int) -> _Word:
        return _Word(self.builder, self.builder.xor(self.value, self._operand(other)))

    def __and__(self, other: _Word | int) -> _Word:
        return _Word(self.builder, self.builder.and_(self.value, self._operand(other)))

    def __or__(self, other: _Word | int) -> _Word:
        return _Word(self.builder, self.builder.or_(self.value, self._operand(other)))

    def __lshift__(self, count: int) -> _Word:
        return _Word(self.builder, self.builder.shl(self.value, self._operand(count)))

    def __rshift__(self, count: int) -> _Word:
        return _Word(self.builder, self.builder.lshr(self.value, self._operand(count)))


def _emitter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Code generator that runs ``function`` on words and returns its eight results as a tuple."""

    def generate(context, builder, signature, args):
        words = []
        for kind, value in zip(signature.args, args):
            if isinstance(kind, types.BaseTuple):
                words.append(tuple(_Word(builder, part) for part in cgutils.unpack_tuple(builder, value, 8)))
            else:  # a scalar beside words: in every lane if these are vectors
                shape = words[0][0].value.type
                vector = isinstance(shape, ir.VectorType)
                words.append(_Word(builder, splat_scalar(builder, shape, value) if vector else value))
        return context.make_tuple(builder, signature.return_type, [word.value for word in function(*words)])

    return generate


def _of_one(function):
    @intrinsic
    def emit(typing_context, a):
        return a(a), _emitter(function)

    return emit


def _of_two(function):
    @intrinsic
    def emit(typing_context, a, b):
        return a(a, b), _emitter(function)

    return emit


def _of_two_and_constant(function):
    @intrinsic
    def emit(typing_context, a, b, constant):
        return a(a, b, types.uint64), _emitter(function)

    return emit


_slice4, _unslice4 = _of_one(circuit.slice4), _of_one(circuit.unslice4)
_sub_bytes, _xor = _of_one(circuit.sub_bytes), _of_two(circuit.xor)
_shift_rows, _mix_columns = _of_one(circuit.shift_rows), _of_one(circuit.mix_columns)
_substitute_and_shift = _of_one(circuit.substitute_and_shift)
_next_keys = _of_two_and_constant(circuit.next_keys)
_spread_key = _of_one(circuit.spread_key)
_substitute_with_key = _of_two(circuit.substitute_with_key)


@shared
def _encrypt_two(key_low, key_high, l0, h0, l1, h1):
    """AES of two blocks under a fresh key, which rides as block 3; words or vectors of independent words."""
    keys = _slice4((l0, h0, l1, h1, l0, h0, key_low, key_high))
    state = _xor(keys, _spread_key(keys))
    for r in range(10):
        state = _substitute_with_key(state, keys)
        keys = _next_keys(keys, state, _RC[r])
        state = _shift_rows(state)
        if r < 9:
            state = _mix_columns(state)
        state = _xor(state, _spread_key(keys))
    blocks = _unslice4(state)
    return blocks[0], blocks[1], blocks[2], blocks[3]


@inline
def sigma(x):
    """(high ^ low, high): the orthomorphism of the hash."""
    return swap_halves(x) ^ (x & set128(U(0), U(0xFFFFFFFFFFFFFFFF)))


@inline
def hash2(hk_low, hk_high, tweak_low, tweak_high, x0, x1):
    """The hashes of two blocks under one tweak: one key schedule for both."""
    s0 = sigma(x0)
    s1 = sigma(x1)
    a, b, c, d = _encrypt_two(
        hk_low ^ tweak_low, hk_high ^ tweak_high, lane(s0, 0), lane(s0, 1), lane(s1, 0), lane(s1, 1)
    )
    return set128(a, b) ^ s0, set128(c, d) ^ s1


@inline
def hash1(hk_low, hk_high, tweak_low, tweak_high, x):
    """AES(Hk ^ tweak, sigma(x)) ^ sigma(x)."""
    return hash2(hk_low, hk_high, tweak_low, tweak_high, x, x)[0]


@inline
def hash2x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a0, a1, b0, b1):
    """``hash2`` of a0, a1 under tweak (low_a, high_a) and of b0, b1 under tweak (low_b, high_b)."""
    sa0 = sigma(a0)
    sa1 = sigma(a1)
    sb0 = sigma(b0)
    sb1 = sigma(b1)
    l0, h0, l1, h1 = _encrypt_two(
        set128(hk_low ^ low_a, hk_low ^ low_b),
        set128(hk_high ^ high_a, hk_high ^ high_b),
        low_halves(sa0, sb0),
        high_halves(sa0, sb0),
        low_halves(sa1, sb1),
        high_halves(sa1, sb1),
    )
    return (
        low_halves(l0, h0) ^ sa0,
        low_halves(l1, h1) ^ sa1,
        high_halves(l0, h0) ^ sb0,
        high_halves(l1, h1) ^ sb1,
    )


@inline
def hash1x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a, b):
    """``hash1`` of a under tweak (low_a, high_a) and of b under tweak (low_b, high_b)."""
    ha, _, hb, _ = hash2x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a, a, b, b)
    return ha, hb


@shared
def _expand(low, high, out, position):
    keys = _slice4((low, high, U(0), U(0), U(0), U(0), U(0), U(0)))
    store128(out, position, set128(low, high))
    for r in range(10):
        keys = _next_keys(keys, _sub_bytes(keys), _RC[r])
        block = _unslice4(keys)
        store128(out, position + 2 * (r + 1), set128(block[0], block[1]))


@inline
def expand_into(key, out, position):
    """Write the 11 round keys of ``key`` to the words ``position`` .. ``position`` + 21 of ``out``."""
    _expand(lane(key, 0), lane(key, 1), out, position)


@inline
def _sliced_key(schedule, position, r):
    """Round key r as bit planes, the same key in all four places."""
    key = load128(schedule, position + 2 * r)
    low = lane(key, 0)
    high = lane(key, 1)
    return _slice4((low, high, low, high, low, high, low, high))


@shared
def encrypt_block(schedule, position, block):
    """One AES block under the round keys at ``position`` (as slow as four)."""
    low = lane(block, 0)
    high = lane(block, 1)
    state = _xor(_slice4((low, high, low, high, low, high, low, high)), _sliced_key(schedule, position, 0))
    for r in range(1, 11):
        state = _substitute_and_shift(state)
        if r < 10:
            state = _mix_columns(state)
        state = _xor(state, _sliced_key(schedule, position, r))
    words = _unslice4(state)
    return set128(words[0], words[1])


@inline
def _wide_key(planes, r):
    """Round key r from the scratch of :func:`_prg`, in every lane."""
    p = 8 * r
    return (
        splat_wide(planes[p]),
        splat_wide(planes[p + 1]),
        splat_wide(planes[p + 2]),
        splat_wide(planes[p + 3]),
        splat_wide(planes[p + 4]),
        splat_wide(planes[p + 5]),
        splat_wide(planes[p + 6]),
        splat_wide(planes[p + 7]),
    )


@shared
def _prg(schedule, position, counter, out, start, blocks):
    planes = np.empty(88, dtype=np.uint64)
    for r in range(11):
        key = _sliced_key(schedule, position, r)
        p = 8 * r
        planes[p], planes[p + 1], planes[p + 2], planes[p + 3] = key[0], key[1], key[2], key[3]
        planes[p + 4], planes[p + 5], planes[p + 6], planes[p + 7] = key[4], key[5], key[6], key[7]
    zero = splat_wide(U(0))
    step = splat_wide(U(WIDE_WORDS))
    words = np.empty(8 * WIDE_WORDS, dtype=np.uint64)
    done = 0
    while done < blocks:
        # Lane v, place b: the block counter + done + b * WIDE_WORDS + v.
        c0 = sequence_wide(U(counter) + U(done))
        c1 = c0 + step
        c2 = c1 + step
        state = _xor(_slice4((c0, zero, c1, zero, c2, zero, c2 + step, zero)), _wide_key(planes, 0))
        for r in range(1, 11):
            state = _substitute_and_shift(state)
            if r < 10:
                state = _mix_columns(state)
            state = _xor(state, _wide_key(planes, r))
        _store_places(_unslice4(state), words)
        for w in range(min(8 * WIDE_WORDS, 2 * (blocks - done))):
            out[start + 2 * done + w] = words[w]
        done += 4 * WIDE_WORDS


@inline
def _store_places(result, words):
    """The blocks of all lanes and places in order."""
    for v in range(WIDE_WORDS):
        store128(words, 2 * v, set128(lane(result[0], v), lane(result[1], v)))
        store128(words, 2 * (v + WIDE_WORDS), set128(lane(result[2], v), lane(result[3], v)))
        store128(words, 2 * (v + 2 * WIDE_WORDS), set128(lane(result[4], v), lane(result[5], v)))
        store128(words, 2 * (v + 3 * WIDE_WORDS), set128(lane(result[6], v), lane(result[7], v)))


@inline
def prg_into(schedule, position, counter, out, start, blocks):
    """Write the key stream blocks ``counter`` .. to the words from ``start`` of ``out``."""
    _prg(schedule, position, counter, out, start, blocks)


@inline
def _low_product(x, y):
    """Low 64 bits of the carry-less product: integer products of every fourth bit cannot carry into each other."""
    m0 = U(0x1111111111111111)
    m1 = U(0x2222222222222222)
    m2 = U(0x4444444444444444)
    m3 = U(0x8888888888888888)
    x0, x1, x2, x3 = x & m0, x & m1, x & m2, x & m3
    y0, y1, y2, y3 = y & m0, y & m1, y & m2, y & m3
    z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1)
    z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2)
    z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3)
    z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0)
    return (z0 & m0) | (z1 & m1) | (z2 & m2) | (z3 & m3)


@shared
def _product(x, y):
    """Carry-less product of two words as (low, high)."""
    high = reverse_bits(_low_product(reverse_bits(x), reverse_bits(y))) >> U(1)
    return _low_product(x, y), high


@inline
def clmul(left, right, select):
    """Carry-less product of two 64-bit halves: bit 0 of ``select`` chooses from ``left``, bit 4 from ``right``."""
    low, high = _product(lane(left, select & 1), lane(right, select >> 4))
    return set128(low, high)


@inline
def two_streams(schedules, a, b, counter, scratch):
    """Key stream blocks ``counter`` .. of the schedules at words ``a`` and ``b``: four wide vectors of each.

    ``scratch`` has room for 8 of them.
    """
    w = WIDE_WORDS
    prg_into(schedules, a, counter, scratch, 0, 4 * WIDE_BLOCKS)
    prg_into(schedules, b, counter, scratch, 4 * w, 4 * WIDE_BLOCKS)
    x0, x1 = load_wide(scratch, 0), load_wide(scratch, w)
    x2, x3 = load_wide(scratch, 2 * w), load_wide(scratch, 3 * w)
    y0, y1 = load_wide(scratch, 4 * w), load_wide(scratch, 5 * w)
    y2, y3 = load_wide(scratch, 6 * w), load_wide(scratch, 7 * w)
    return x0, x1, x2, x3, y0, y1, y2, y3
