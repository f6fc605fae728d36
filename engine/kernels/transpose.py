"""Transposition between 128 bit planes and rows of 128 bits.

``planes[c]`` is a stream of blocks; bit a of plane c (bit a mod 128 of block a div 128) is bit c of row a.
Butterflies exchange sub-blocks of 64, 32, ..., 1 bits; several 128 x 128 squares lie side by side in wide vectors.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.gf128 import flat
from engine.kernels.parallel import ONE, Workers
from engine.kernels.prg import Words
from engine.kernels.simd import (
    WIDE_BLOCKS,
    WIDE_WORDS,
    high_halves,
    load128,
    load_wide,
    low_halves,
    store128,
    store_wide,
)


@inline
def _exchange(x, y, shift, mask):
    """Exchange the high bit groups of x with the low ones of y."""
    t = ((x >> shift) ^ y) & mask
    return x ^ (t << shift), y ^ t


@inline
def _stage(square, word, distance, shift, mask):
    """One butterfly of two rows of the scratch, ``distance`` rows apart."""
    x = load_wide(square, word)
    y = load_wide(square, word + distance * WIDE_WORDS)
    x, y = _exchange(x, y, shift, mask)
    store_wide(square, word, x)
    store_wide(square, word + distance * WIDE_WORDS, y)


@inline
def transpose_square(square):
    """Transpose in place WIDE_BLOCKS squares of 128 x 128 bits; row r is at word r * WIDE_WORDS."""
    u = np.uint64
    for r in range(16):  # distances 64, 32, 16
        w = r * WIDE_WORDS
        d = 16 * WIDE_WORDS
        x0, x4 = load_wide(square, w), load_wide(square, w + 4 * d)
        x1, x5 = load_wide(square, w + d), load_wide(square, w + 5 * d)
        x2, x6 = load_wide(square, w + 2 * d), load_wide(square, w + 6 * d)
        x3, x7 = load_wide(square, w + 3 * d), load_wide(square, w + 7 * d)
        x0, x4 = low_halves(x0, x4), high_halves(x0, x4)
        x1, x5 = low_halves(x1, x5), high_halves(x1, x5)
        x2, x6 = low_halves(x2, x6), high_halves(x2, x6)
        x3, x7 = low_halves(x3, x7), high_halves(x3, x7)
        x0, x2 = _exchange(x0, x2, u(32), u(0x00000000FFFFFFFF))
        x1, x3 = _exchange(x1, x3, u(32), u(0x00000000FFFFFFFF))
        x4, x6 = _exchange(x4, x6, u(32), u(0x00000000FFFFFFFF))
        x5, x7 = _exchange(x5, x7, u(32), u(0x00000000FFFFFFFF))
        x0, x1 = _exchange(x0, x1, u(16), u(0x0000FFFF0000FFFF))
        x2, x3 = _exchange(x2, x3, u(16), u(0x0000FFFF0000FFFF))
        x4, x5 = _exchange(x4, x5, u(16), u(0x0000FFFF0000FFFF))
        x6, x7 = _exchange(x6, x7, u(16), u(0x0000FFFF0000FFFF))
        store_wide(square, w, x0)
        store_wide(square, w + d, x1)
        store_wide(square, w + 2 * d, x2)
        store_wide(square, w + 3 * d, x3)
        store_wide(square, w + 4 * d, x4)
        store_wide(square, w + 5 * d, x5)
        store_wide(square, w + 6 * d, x6)
        store_wide(square, w + 7 * d, x7)
    for r in range(16):  # distances 8, 4, 2, 1
        first = 8 * r * WIDE_WORDS
        if r % 2 == 0:
            for i in range(8):
                _stage(square, first + i * WIDE_WORDS, 8, u(8), u(0x00FF00FF00FF00FF))
        w = first
        d = WIDE_WORDS
        x0, x4 = load_wide(square, w), load_wide(square, w + 4 * d)
        x1, x5 = load_wide(square, w + d), load_wide(square, w + 5 * d)
        x2, x6 = load_wide(square, w + 2 * d), load_wide(square, w + 6 * d)
        x3, x7 = load_wide(square, w + 3 * d), load_wide(square, w + 7 * d)
        x0, x4 = _exchange(x0, x4, u(4), u(0x0F0F0F0F0F0F0F0F))
        x1, x5 = _exchange(x1, x5, u(4), u(0x0F0F0F0F0F0F0F0F))
        x2, x6 = _exchange(x2, x6, u(4), u(0x0F0F0F0F0F0F0F0F))
        x3, x7 = _exchange(x3, x7, u(4), u(0x0F0F0F0F0F0F0F0F))
        x0, x2 = _exchange(x0, x2, u(2), u(0x3333333333333333))
        x1, x3 = _exchange(x1, x3, u(2), u(0x3333333333333333))
        x4, x6 = _exchange(x4, x6, u(2), u(0x3333333333333333))
        x5, x7 = _exchange(x5, x7, u(2), u(0x3333333333333333))
        x0, x1 = _exchange(x0, x1, u(1), u(0x5555555555555555))
        x2, x3 = _exchange(x2, x3, u(1), u(0x5555555555555555))
        x4, x5 = _exchange(x4, x5, u(1), u(0x5555555555555555))
        x6, x7 = _exchange(x6, x7, u(1), u(0x5555555555555555))
        store_wide(square, w, x0)
        store_wide(square, w + d, x1)
        store_wide(square, w + 2 * d, x2)
        store_wide(square, w + 3 * d, x3)
        store_wide(square, w + 4 * d, x4)
        store_wide(square, w + 5 * d, x5)
        store_wide(square, w + 6 * d, x6)
        store_wide(square, w + 7 * d, x7)


@inline
def planes_to_rows_at(planes, plane, stride, blocks, square, rows, row):
    """Rows of ``blocks`` <= WIDE_BLOCKS blocks of 128 planes.

    ``plane`` is the word of the first block of plane 0 and ``stride`` the words from one plane to the next; ``row`` is
    the word of the first row. ``square`` is scratch for 128 * WIDE_WORDS words.
    """
    if blocks == WIDE_BLOCKS:
        for c in range(128):
            store_wide(square, c * WIDE_WORDS, load_wide(planes, plane + c * stride))
    else:
        for c in range(128):
            for v in range(blocks):
                store128(square, c * WIDE_WORDS + 2 * v, load128(planes, plane + c * stride + 2 * v))
    transpose_square(square)
    for v in range(blocks):
        for a in range(128):
            store128(rows, row + 2 * (128 * v + a), load128(square, a * WIDE_WORDS + 2 * v))


@inline
def rows_to_planes_at(rows, row, blocks, square, planes, plane, stride):
    """The inverse of :func:`planes_to_rows_at`, with the same arguments."""
    for v in range(blocks):
        for a in range(128):
            store128(square, a * WIDE_WORDS + 2 * v, load128(rows, row + 2 * (128 * v + a)))
    transpose_square(square)
    for c in range(128):
        if blocks == WIDE_BLOCKS:
            store_wide(planes, plane + c * stride, load_wide(square, c * WIDE_WORDS))
        else:
            for v in range(blocks):
                store128(planes, plane + c * stride + 2 * v, load128(square, c * WIDE_WORDS + 2 * v))


@kernel
def _planes_to_rows(start, stop, planes, stride, rows):
    square = np.zeros(128 * WIDE_WORDS, dtype=np.uint64)
    for block in range(start, stop, WIDE_BLOCKS):
        blocks = min(WIDE_BLOCKS, stop - block)
        planes_to_rows_at(planes, 2 * block, 2 * stride, blocks, square, rows, 256 * block)


@kernel
def _rows_to_planes(start, stop, rows, planes, stride):
    square = np.zeros(128 * WIDE_WORDS, dtype=np.uint64)
    for block in range(start, stop, WIDE_BLOCKS):
        blocks = min(WIDE_BLOCKS, stop - block)
        rows_to_planes_at(rows, 256 * block, blocks, square, planes, 2 * block, 2 * stride)


def planes_to_rows(planes: Words, blocks: int | None = None, workers: Workers = ONE) -> Words:
    """uint64 (128, nb, 2) -> uint64 (128 * blocks, 2) of the first ``blocks`` blocks (all by default)."""
    if planes.ndim != 3 or planes.shape[0] != 128 or planes.shape[2] != 2:
        raise ValueError(f"planes must have shape (128, nb, 2), not {planes.shape}")
    stride = planes.shape[1]
    used = stride if blocks is None else blocks
    if used > stride:
        raise ValueError(f"{used} blocks of {stride}")
    rows = np.empty((128 * used, 2), dtype=np.uint64)
    workers.run(_planes_to_rows, used, flat(planes), stride, rows.reshape(-1), align=WIDE_BLOCKS)
    return rows


def rows_to_planes(rows: Words, workers: Workers = ONE) -> Words:
    """uint64 (128 * nb, 2) -> uint64 (128, nb, 2)."""
    if rows.ndim != 2 or rows.shape[1] != 2 or rows.shape[0] % 128:
        raise ValueError(f"rows must have shape (128 * nb, 2), not {rows.shape}")
    blocks = rows.shape[0] // 128
    planes = np.empty((128, blocks, 2), dtype=np.uint64)
    workers.run(_rows_to_planes, blocks, flat(rows), planes.reshape(-1), blocks, align=WIDE_BLOCKS)
    return planes
