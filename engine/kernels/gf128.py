"""Arithmetic in GF(2^128) with the modulus X^128 + X^7 + X^2 + X + 1 and linear folding (section 2.5).

Bit t of a block is the coefficient of X^t. Sums of products are kept as 256-bit carry-less products and reduced once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernels import NATIVE, inline, kernel
from engine.kernels.aes import clmul, prg_into
from engine.kernels.parallel import ONE, Workers
from engine.kernels.prg import Words, key_schedule
from engine.kernels.simd import (
    WIDE_BLOCKS,
    block_of,
    half_down,
    half_up,
    lane,
    load128,
    load_wide,
    mask128,
    set128,
    store128,
    zero128,
    zero_wide,
)

CHUNK = 512  # blocks of key stream made at a time; 8 KiB stay in the first cache
_STEP = WIDE_BLOCKS if NATIVE else 1
load_step, zero_step = (load_wide, zero_wide) if NATIVE else (load128, zero128)


@inline
def _sum_blocks(vector):
    """XOR of the 128-bit parts of a vector of the kind used for products."""
    total = block_of(vector, 0)
    for part in range(1, _STEP):
        total ^= block_of(vector, part)
    return total


@inline
def reduce256(low, high):
    """Reduce the 256-bit product (low, high) modulo the field polynomial."""
    poly = set128(np.uint64(0x87), np.uint64(0))
    fold = clmul(high, poly, 0x01)
    low = low ^ half_up(fold)
    high = high ^ half_down(fold)
    return low ^ clmul(high, poly, 0x00)


@inline
def multiply(a, b):
    """Product of two blocks in the field."""
    middle = clmul(a, b, 0x01) ^ clmul(a, b, 0x10)
    return reduce256(clmul(a, b, 0x00) ^ half_up(middle), clmul(a, b, 0x11) ^ half_down(middle))


@inline
def accumulate(a, a_word, b, b_word, blocks, sums, at):
    """Add the unreduced sum of a[i] * b[i] to the 3 blocks (low, high, middle) at word ``at`` of ``sums``."""
    low = zero_step()
    high = zero_step()
    mid0 = zero_step()
    mid1 = zero_step()
    done = 0
    while done + _STEP <= blocks:
        x = load_step(a, a_word + 2 * done)
        y = load_step(b, b_word + 2 * done)
        low ^= clmul(x, y, 0x00)
        high ^= clmul(x, y, 0x11)
        mid0 ^= clmul(x, y, 0x01)
        mid1 ^= clmul(x, y, 0x10)
        done += _STEP
    total_low = _sum_blocks(low)
    total_high = _sum_blocks(high)
    total_mid = _sum_blocks(mid0 ^ mid1)
    while done < blocks:
        u = load128(a, a_word + 2 * done)
        v = load128(b, b_word + 2 * done)
        total_low ^= clmul(u, v, 0x00)
        total_high ^= clmul(u, v, 0x11)
        total_mid ^= clmul(u, v, 0x01) ^ clmul(u, v, 0x10)
        done += 1
    store128(sums, at, load128(sums, at) ^ total_low)
    store128(sums, at + 2, load128(sums, at + 2) ^ total_high)
    store128(sums, at + 4, load128(sums, at + 4) ^ total_mid)


@inline
def finish(sums, at):
    """The reduced block of the three sums of :func:`accumulate`."""
    middle = load128(sums, at + 4)
    return reduce256(load128(sums, at) ^ half_up(middle), load128(sums, at + 2) ^ half_down(middle))


@kernel
def _multiply_each(a, b, out):
    for i in range(0, out.shape[0], 2):
        store128(out, i, multiply(load128(a, i), load128(b, i)))


@kernel
def _inner(start, stop, a, b):
    sums = np.zeros(6, dtype=np.uint64)
    accumulate(a, 2 * start, b, 2 * start, stop - start, sums, 0)
    total = finish(sums, 0)
    return lane(total, 0), lane(total, 1)


@kernel
def _fold(start, stop, schedule, counter, m):
    sums = np.zeros(6, dtype=np.uint64)
    chi = np.empty(2 * CHUNK, dtype=np.uint64)
    for first in range(start, stop, CHUNK):
        count = min(CHUNK, stop - first)
        prg_into(schedule, 0, counter + first, chi, 0, count)
        accumulate(chi, 0, m, 2 * first, count, sums, 0)
    total = finish(sums, 0)
    return lane(total, 0), lane(total, 1)


@kernel
def _fold_words(start, stop, schedule, counter, m):
    low = zero128()
    high = zero128()
    chi = np.empty(2 * CHUNK, dtype=np.uint64)
    for first in range(start, stop, CHUNK):
        count = min(CHUNK, stop - first)
        prg_into(schedule, 0, counter + first, chi, 0, count)
        for i in range(count):
            x = load128(chi, 2 * i)
            y = set128(m[first + i], np.uint64(0))
            low ^= clmul(x, y, 0x00)
            high ^= clmul(x, y, 0x01)
    total = reduce256(low ^ half_up(high), half_down(high))
    return lane(total, 0), lane(total, 1)


@kernel
def _fold_bits(start, stop, schedule, counter, packed):
    total = zero128()
    chi = np.empty(2 * CHUNK, dtype=np.uint64)
    for first in range(start, stop, CHUNK):
        count = min(CHUNK, stop - first)
        prg_into(schedule, 0, counter + first, chi, 0, count)
        for i in range(count):
            k = np.uint64(first + i)
            bit = (np.uint64(packed[k >> np.uint64(3)]) >> (k & np.uint64(7))) & np.uint64(1)
            total ^= load128(chi, 2 * i) & mask128(bit)
    return lane(total, 0), lane(total, 1)


def flat(blocks: Words) -> Words:
    """A C-contiguous, writable uint64 view (or copy) of an array as one dimension: the form that kernels take."""
    words = np.ascontiguousarray(blocks, dtype=np.uint64).reshape(-1)
    return words if words.flags.writeable and words.flags.aligned else words.copy()


def _blocks(blocks: Words, name: str) -> Words:
    words = np.asarray(blocks)
    if words.ndim != 2 or words.shape[1] != 2:
        raise ValueError(f"{name} must have shape (N, 2), not {words.shape}")
    return flat(words)


def _total(parts: list[tuple[int, int]]) -> Words:
    """XOR of the partial results of slices: uint64 (2,)."""
    total = np.zeros(2, dtype=np.uint64)
    for low, high in parts:
        total ^= np.array([low, high], dtype=np.uint64)
    return total


def mul(a: Words, b: Words) -> Words:
    """Field products, element by element: uint64 (..., 2) with broadcasting -> uint64 (..., 2)."""
    left, right = np.broadcast_arrays(np.asarray(a, dtype=np.uint64), np.asarray(b, dtype=np.uint64))
    if left.ndim == 0 or left.shape[-1] != 2:
        raise ValueError(f"blocks must have 2 words in the last dimension, not shape {left.shape}")
    out = np.empty(left.shape, dtype=np.uint64)
    _multiply_each(flat(left.copy()), flat(right.copy()), out.reshape(-1))
    return out


def inner_product(g: Words, m: Words, workers: Workers = ONE) -> Words:
    """XOR_i g_i * m_i: uint64 (N, 2) twice -> uint64 (2,); zero for N = 0."""
    left, right = _blocks(g, "g"), _blocks(m, "m")
    if left.shape != right.shape:
        raise ValueError("g and m must have the same length")
    return _total(workers.run(_inner, left.shape[0] // 2, left, right, align=64))


def fold(seed: bytes, m: Words, start: int = 0, workers: Workers = ONE) -> Words:
    """XOR_k chi_(start + k) * m_k with chi = PRG(seed): uint64 (N, 2) -> uint64 (2,).

    ``start`` is the place of m_0 in the whole list, so pieces folded apart XOR to the fold of the whole.
    """
    words = _blocks(m, "m")
    return _total(workers.run(_fold, words.shape[0] // 2, key_schedule(seed), start, words, align=CHUNK))


def fold_words(seed: bytes, m: NDArray[np.uint64], start: int = 0, workers: Workers = ONE) -> Words:
    """:func:`fold` of 64-bit elements, extended by zeros: uint64 (N,) -> uint64 (2,)."""
    words = flat(m)
    return _total(workers.run(_fold_words, words.shape[0], key_schedule(seed), start, words, align=CHUNK))


def foldbits(seed: bytes, packed: NDArray[np.uint8], n: int, start: int = 0, workers: Workers = ONE) -> Words:
    """XOR of chi_(start + k) over the bits k < n that are set in ``packed`` (LSB first): uint64 (2,)."""
    raw = np.array(packed, dtype=np.uint8).reshape(-1)
    if raw.shape[0] * 8 < n:
        raise ValueError(f"{raw.shape[0]} bytes do not hold {n} bits")
    return _total(workers.run(_fold_bits, n, key_schedule(seed), start, raw, align=CHUNK))
