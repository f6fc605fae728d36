"""AES-128 and carry-less multiplication by the instructions of the processor (see :mod:`engine.kernels.aes`).

One round is one instruction without look-ups, on one block (AES-NI) or on two or four (VAES).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core.errors import RequireLiteralValue, TypingError
from numba.core.types import IntegerLiteral
from numba.extending import intrinsic

from engine.kernels import FEATURES, inline
from engine.kernels.simd import (
    WIDE_BLOCKS,
    WIDE_WORDS,
    Lanes,
    broadcast_wide,
    call_llvm,
    counters_wide,
    high128,
    high_only,
    join128,
    load128,
    low128,
    set128,
    splat_like,
    store128,
    store_wide,
    swap_halves,
)

_I8, _I32 = ir.IntType(8), ir.IntType(32)
_SUFFIX = {2: "", 4: ".256", 8: ".512"}


def _make_round(kind):
    @intrinsic
    def aes_round(typing_context, state, key):
        if not isinstance(state, Lanes) or state != key:
            raise TypingError("an AES round needs two equal vectors")

        def generate(context, builder, signature, args):
            name = f"llvm.x86.aesni.{kind}" + _SUFFIX[signature.args[0].count]
            return call_llvm(builder, name, args[0].type, args)

        return state(state, key), generate

    return aes_round


aesenc, aesenclast = _make_round("aesenc"), _make_round("aesenclast")


@intrinsic(prefer_literal=True)
def clmul(typing_context, left, right, select):
    """Carry-less product of two 64-bit halves: bit 0 of ``select`` chooses from ``left``, bit 4 from ``right``."""
    if not isinstance(select, IntegerLiteral):
        raise RequireLiteralValue("clmul needs a literal selector")
    immediate = select.literal_value

    def generate(context, builder, signature, args):
        name = "llvm.x86.pclmulqdq" + _SUFFIX[signature.args[0].count]
        return call_llvm(builder, name, args[0].type, [args[0], args[1], ir.Constant(_I8, immediate)])

    return left(left, right, select), generate


@intrinsic
def _rotated_last_word(typing_context, key):
    """RotWord of the last column of a round key, in all four columns (of each block)."""

    def generate(context, builder, signature, args):
        blocks = signature.args[0].count // 2
        order = [16 * block + byte for block in range(blocks) for byte in [13, 14, 15, 12] * 4]
        as_bytes = builder.bitcast(args[0], ir.VectorType(_I8, 16 * blocks))
        mask = ir.Constant(ir.VectorType(_I32, 16 * blocks), order)
        return builder.bitcast(builder.shuffle_vector(as_bytes, as_bytes, mask), args[0].type)

    return key(key), generate


@intrinsic
def _prefix_xor(typing_context, key):
    """Column c becomes the XOR of the columns 0..c (of each block)."""

    def generate(context, builder, signature, args):
        blocks = signature.args[0].count // 2
        kind = ir.VectorType(_I32, 4 * blocks)
        value, zero = builder.bitcast(args[0], kind), ir.Constant(kind, None)
        for step in (1, 2):
            order = [
                4 * block + column - step if column >= step else 4 * blocks
                for block in range(blocks)
                for column in range(4)
            ]
            mask = ir.Constant(ir.VectorType(_I32, 4 * blocks), order)
            value = builder.xor(value, builder.shuffle_vector(value, zero, mask))
        return builder.bitcast(value, args[0].type)

    return key(key), generate


# Round constants, in two columns.
_RC = np.array([word * 0x0000000100000001 for word in (1, 2, 4, 8, 16, 32, 64, 128, 27, 54)], dtype=np.uint64)


@inline
def next_key(key, round_index):
    """Round key ``round_index`` + 1 from round key ``round_index`` (0..9), without tables or immediates."""
    # With four equal columns ShiftRows changes nothing: aesenclast is SubBytes and the XOR of the constant.
    word = aesenclast(_rotated_last_word(key), splat_like(key, _RC[round_index]))
    return _prefix_xor(key) ^ word


@inline
def sigma(x):
    """(high ^ low, high): the orthomorphism of the hash."""
    return swap_halves(x) ^ high_only(x)


@inline
def _hash_one(key, x):
    """AES(key, sigma(x)) ^ sigma(x), block by block."""
    s = sigma(x)
    state = s ^ key
    for r in range(9):
        key = next_key(key, r)
        state = aesenc(state, key)
    return aesenclast(state, next_key(key, 9)) ^ s


@inline
def _hash_two(key, x0, x1):
    """:func:`_hash_one` of two inputs under the same keys."""
    s0 = sigma(x0)
    s1 = sigma(x1)
    a = s0 ^ key
    b = s1 ^ key
    for r in range(9):
        key = next_key(key, r)
        a = aesenc(a, key)
        b = aesenc(b, key)
    key = next_key(key, 9)
    return aesenclast(a, key) ^ s0, aesenclast(b, key) ^ s1


@inline
def hash1(hk_low, hk_high, tweak_low, tweak_high, x):
    """AES(Hk ^ tweak, sigma(x)) ^ sigma(x)."""
    return _hash_one(set128(hk_low ^ tweak_low, hk_high ^ tweak_high), x)


@inline
def hash2(hk_low, hk_high, tweak_low, tweak_high, x0, x1):
    """The hashes of two blocks under one tweak: one key schedule for both."""
    return _hash_two(set128(hk_low ^ tweak_low, hk_high ^ tweak_high), x0, x1)


@inline
def _two_keys(hk_low, hk_high, low_a, high_a, low_b, high_b):
    return join128(set128(hk_low ^ low_a, hk_high ^ high_a), set128(hk_low ^ low_b, hk_high ^ high_b))


if {"vaes", "avx2"} <= FEATURES:

    @inline
    def hash1x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a, b):
        """``hash1`` of a under tweak (low_a, high_a) and of b under tweak (low_b, high_b)."""
        h = _hash_one(_two_keys(hk_low, hk_high, low_a, high_a, low_b, high_b), join128(a, b))
        return low128(h), high128(h)

    @inline
    def hash2x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a0, a1, b0, b1):
        """``hash2`` of a0, a1 under tweak (low_a, high_a) and of b0, b1 under tweak (low_b, high_b)."""
        keys = _two_keys(hk_low, hk_high, low_a, high_a, low_b, high_b)
        h0, h1 = _hash_two(keys, join128(a0, b0), join128(a1, b1))
        return low128(h0), low128(h1), high128(h0), high128(h1)

else:

    @inline
    def hash1x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a, b):
        """``hash1`` of a under tweak (low_a, high_a) and of b under tweak (low_b, high_b)."""
        ha = hash1(hk_low, hk_high, low_a, high_a, a)
        return ha, hash1(hk_low, hk_high, low_b, high_b, b)

    @inline
    def hash2x2(hk_low, hk_high, low_a, high_a, low_b, high_b, a0, a1, b0, b1):
        """``hash2`` of a0, a1 under tweak (low_a, high_a) and of b0, b1 under tweak (low_b, high_b)."""
        ha0, ha1 = hash2(hk_low, hk_high, low_a, high_a, a0, a1)
        hb0, hb1 = hash2(hk_low, hk_high, low_b, high_b, b0, b1)
        return ha0, ha1, hb0, hb1


@inline
def hash1_wide(hk_low, hk_high, index, tweak_high, x):
    """:func:`hash1` of each block of a wide vector under the tweaks (index, tweak_high), (index + 1, tweak_high) ..."""
    return _hash_one(counters_wide(index) ^ broadcast_wide(set128(hk_low, hk_high ^ tweak_high)), x)


@inline
def hash2_wide(hk_low, hk_high, index, tweak_high, x0, x1):
    """:func:`hash1_wide` of two vectors under the same tweaks."""
    return _hash_two(counters_wide(index) ^ broadcast_wide(set128(hk_low, hk_high ^ tweak_high)), x0, x1)


@inline
def expand_into(key, out, position):
    """Write the 11 round keys of ``key`` to the words ``position`` .. ``position`` + 21 of ``out``."""
    store128(out, position, key)
    for r in range(10):
        key = next_key(key, r)
        store128(out, position + 2 * (r + 1), key)


@inline
def encrypt_block(schedule, position, block):
    """One AES block under the round keys at ``position``."""
    block = block ^ load128(schedule, position)
    for r in range(1, 10):
        block = aesenc(block, load128(schedule, position + 2 * r))
    return aesenclast(block, load128(schedule, position + 20))


@inline
def prg_into(schedule, position, counter, out, start, blocks):
    """Write the key stream blocks ``counter`` .. to the words from ``start`` of ``out``; 8 vectors in flight."""
    c = counters_wide(np.uint64(counter))
    step = broadcast_wide(set128(np.uint64(WIDE_BLOCKS), np.uint64(0)))
    done = 0
    word = start
    while done + 8 * WIDE_BLOCKS <= blocks:
        k = broadcast_wide(load128(schedule, position))
        x0 = c ^ k
        c = c + step
        x1 = c ^ k
        c = c + step
        x2 = c ^ k
        c = c + step
        x3 = c ^ k
        c = c + step
        x4 = c ^ k
        c = c + step
        x5 = c ^ k
        c = c + step
        x6 = c ^ k
        c = c + step
        x7 = c ^ k
        c = c + step
        for r in range(1, 10):
            k = broadcast_wide(load128(schedule, position + 2 * r))
            x0 = aesenc(x0, k)
            x1 = aesenc(x1, k)
            x2 = aesenc(x2, k)
            x3 = aesenc(x3, k)
            x4 = aesenc(x4, k)
            x5 = aesenc(x5, k)
            x6 = aesenc(x6, k)
            x7 = aesenc(x7, k)
        k = broadcast_wide(load128(schedule, position + 20))
        store_wide(out, word, aesenclast(x0, k))
        store_wide(out, word + WIDE_WORDS, aesenclast(x1, k))
        store_wide(out, word + 2 * WIDE_WORDS, aesenclast(x2, k))
        store_wide(out, word + 3 * WIDE_WORDS, aesenclast(x3, k))
        store_wide(out, word + 4 * WIDE_WORDS, aesenclast(x4, k))
        store_wide(out, word + 5 * WIDE_WORDS, aesenclast(x5, k))
        store_wide(out, word + 6 * WIDE_WORDS, aesenclast(x6, k))
        store_wide(out, word + 7 * WIDE_WORDS, aesenclast(x7, k))
        word += 8 * WIDE_WORDS
        done += 8 * WIDE_BLOCKS
    while done < blocks:
        block = set128(np.uint64(counter) + np.uint64(done), np.uint64(0))
        store128(out, word, encrypt_block(schedule, position, block))
        word += 2
        done += 1


@inline
def two_streams(schedules, a, b, counter, scratch):
    """Key stream blocks ``counter`` .. of the schedules at words ``a`` and ``b``: four wide vectors of each.

    All 8 are in flight together; ``scratch`` is not used here.
    """
    step = broadcast_wide(set128(np.uint64(WIDE_BLOCKS), np.uint64(0)))
    c0 = counters_wide(np.uint64(counter))
    c1 = c0 + step
    c2 = c1 + step
    c3 = c2 + step
    k = broadcast_wide(load128(schedules, a))
    x0, x1, x2, x3 = c0 ^ k, c1 ^ k, c2 ^ k, c3 ^ k
    k = broadcast_wide(load128(schedules, b))
    y0, y1, y2, y3 = c0 ^ k, c1 ^ k, c2 ^ k, c3 ^ k
    for r in range(1, 10):
        k = broadcast_wide(load128(schedules, a + 2 * r))
        x0 = aesenc(x0, k)
        x1 = aesenc(x1, k)
        x2 = aesenc(x2, k)
        x3 = aesenc(x3, k)
        k = broadcast_wide(load128(schedules, b + 2 * r))
        y0 = aesenc(y0, k)
        y1 = aesenc(y1, k)
        y2 = aesenc(y2, k)
        y3 = aesenc(y3, k)
    k = broadcast_wide(load128(schedules, a + 20))
    x0, x1, x2, x3 = aesenclast(x0, k), aesenclast(x1, k), aesenclast(x2, k), aesenclast(x3, k)
    k = broadcast_wide(load128(schedules, b + 20))
    y0, y1, y2, y3 = aesenclast(y0, k), aesenclast(y1, k), aesenclast(y2, k), aesenclast(y3, k)
    return x0, x1, x2, x3, y0, y1, y2, y3
