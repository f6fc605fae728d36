"""Kernels of the OT extension of section 6 (SoftSpokenOT, Roy 2022): from leaf seeds to rows.

A stream is a row of blocks. The leaves of a tree are merged like a binary counter counts: two finished halves of size
2^l give one of size 2^(l+1), and the right one is added to plane l, because its leaf numbers have bit l set. Work is
done on SPAN blocks at a time: streams, planes and their transposition stay in the caches, only rows are written out.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.aes import prg_into
from engine.kernels.gf128 import accumulate, finish
from engine.kernels.simd import (
    WIDE_BLOCKS,
    WIDE_WORDS,
    load128,
    load_wide,
    splat128,
    splat_wide,
    store128,
    store_wide,
    zero128,
    zero_wide,
)
from engine.kernels.transpose import planes_to_rows_at, rows_to_planes_at

SPAN = 64  # blocks of each stream made at a time
_ROW = 2 * SPAN  # words of one scratch row


@inline
def _clear(out, at, blocks):
    """Blocks of zeros from word ``at``."""
    done = 0
    while done + WIDE_BLOCKS <= blocks:
        store_wide(out, at + 2 * done, zero_wide())
        done += WIDE_BLOCKS
    while done < blocks:
        store128(out, at + 2 * done, zero128())
        done += 1


@inline
def _merge(rows, right, left, result, planes, plane, blocks):
    """plane ^= right; result = left ^ right. Rows are words of ``rows``; ``plane`` is a word of ``planes``."""
    done = 0
    while done + WIDE_BLOCKS <= blocks:
        w = 2 * done
        value = load_wide(rows, right + w)
        store_wide(planes, plane + w, load_wide(planes, plane + w) ^ value)
        store_wide(rows, result + w, load_wide(rows, left + w) ^ value)
        done += WIDE_BLOCKS
    while done < blocks:
        w = 2 * done
        block = load128(rows, right + w)
        store128(planes, plane + w, load128(planes, plane + w) ^ block)
        store128(rows, result + w, load128(rows, left + w) ^ block)
        done += 1


@inline
def _xor_into(a, a_at, b, b_at, out, out_at, blocks):
    """out = a ^ b."""
    done = 0
    while done + WIDE_BLOCKS <= blocks:
        w = 2 * done
        store_wide(out, out_at + w, load_wide(a, a_at + w) ^ load_wide(b, b_at + w))
        done += WIDE_BLOCKS
    while done < blocks:
        w = 2 * done
        store128(out, out_at + w, load128(a, a_at + w) ^ load128(b, b_at + w))
        done += 1


@inline
def _add_masked(mask, a, a_at, out, out_at, blocks):
    """out ^= mask & a, the mask word in every lane."""
    wide = splat_wide(mask)
    done = 0
    while done + WIDE_BLOCKS <= blocks:
        w = 2 * done
        store_wide(out, out_at + w, load_wide(out, out_at + w) ^ (load_wide(a, a_at + w) & wide))
        done += WIDE_BLOCKS
    while done < blocks:
        w = 2 * done
        store128(out, out_at + w, load128(out, out_at + w) ^ (load128(a, a_at + w) & splat128(mask)))
        done += 1


@inline
def _copy(a, a_at, out, out_at, blocks):
    """out = a."""
    for i in range(blocks):
        store128(out, out_at + 2 * i, load128(a, a_at + 2 * i))


@inline
def _tree(schedules, t, k, hole, offset, count, lines, planes):
    """The planes t * k .. t * k + k - 1 of one tree for ``count`` blocks; returns the line with the sum of all leaves.

    ``lines`` has k + 2 lines of _ROW words: line l holds a finished left half of size 2^l, the last what is in hand.
    """
    leaves = 1 << k
    hand = (k + 1) * _ROW
    for b in range(k):
        _clear(planes, (t * k + b) * _ROW, count)
    for leaf in range(leaves):
        fresh = hand if leaf & 1 else 0
        if leaf == 0 and hole == 1:
            _clear(lines, fresh, count)
        else:
            prg_into(schedules, 22 * (t * leaves + leaf), offset, lines, fresh, count)
        level = 0
        while (leaf >> level) & 1:
            last = (leaf >> (level + 1)) & 1 == 0
            result = (level + 1) * _ROW if last else hand
            _merge(lines, hand, level * _ROW, result, planes, (t * k + level) * _ROW, count)
            level += 1
    return k * _ROW


@kernel
def extend(start, stop, schedules, trees, k, hole, offset, x, d, masks, rows, column, last):
    """Blocks start..stop of the 128 columns of all trees (section 6.1), as rows (6.3).

    ``hole`` = 0, bit holder: all leaves are used, d_t = u_t ^ x is written, and bit 0 of row a becomes bit a of ``x``.
    ``hole`` = 1, key holder: leaf 0 of the relabelled tree is missing, plane e gets ``masks[e]`` & d_t added, and bit
    0 of the rows becomes 0. Column 0 as it was before goes to ``column``; the sacrificial block, the last of
    ``blocks`` = len(column) / 2, has no rows: its 128 columns go to ``last``. Control flow and addresses depend on
    public values only. ``schedules`` uint64 (trees * 2^k * 22,); x and d have ``blocks`` blocks a stream.
    """
    blocks = column.shape[0] // 2
    lines = np.empty((k + 2) * _ROW, dtype=np.uint64)
    planes = np.empty(128 * _ROW, dtype=np.uint64)
    square = np.zeros(128 * WIDE_WORDS, dtype=np.uint64)
    for first in range(start, stop, SPAN):
        count = min(SPAN, stop - first)
        for t in range(trees):
            total = _tree(schedules, t, k, hole, offset + first, count, lines, planes)
            correction = 2 * (t * blocks + first)
            if hole == 0:
                _xor_into(lines, total, x, 2 * first, d, correction, count)
            else:
                for b in range(k):
                    _add_masked(masks[t * k + b], d, correction, planes, (t * k + b) * _ROW, count)
        _copy(planes, 0, column, 2 * first, count)
        if first + count == blocks:
            count -= 1
            for e in range(128):
                _copy(planes, e * _ROW + 2 * count, last, 2 * e, 1)
        if hole == 0:
            _copy(x, 2 * first, planes, 0, count)
        else:
            _clear(planes, 0, count)
        for block in range(0, count, WIDE_BLOCKS):
            part = min(WIDE_BLOCKS, count - block)
            planes_to_rows_at(planes, 2 * block, _ROW, part, square, rows, 256 * (first + block))


@kernel
def relabel(schedules, trees, k, masks):
    """Move leaf y of tree t to place y ^ alpha_t in place; ``masks[t * k + b]`` is 0 - (bit b of alpha_t).

    Every pair of leaves that differ in one bit is exchanged under a mask: the accesses do not depend on alpha.
    """
    leaves = 1 << k
    for t in range(trees):
        for b in range(k):
            mask = masks[t * k + b]
            for leaf in range(leaves):
                if (leaf >> b) & 1 == 0:
                    p = 22 * (t * leaves + leaf)
                    q = p + (22 << b)
                    for w in range(22):
                        difference = (schedules[p + w] ^ schedules[q + w]) & mask
                        schedules[p + w] ^= difference
                        schedules[q + w] ^= difference


@kernel
def fold_rows(start, stop, schedule, rows, column):
    """XOR over the data blocks start..stop of f_l * column_e[l] for e = 0..127: uint64 (256,), from the rows and from
    column 0 as it was before its bits were replaced."""
    sums = np.zeros(6 * 128, dtype=np.uint64)
    chi = np.empty(_ROW, dtype=np.uint64)
    planes = np.empty(128 * _ROW, dtype=np.uint64)
    square = np.zeros(128 * WIDE_WORDS, dtype=np.uint64)
    for first in range(start, stop, SPAN):
        count = min(SPAN, stop - first)
        prg_into(schedule, 0, first, chi, 0, count)
        for block in range(0, count, WIDE_BLOCKS):
            part = min(WIDE_BLOCKS, count - block)
            rows_to_planes_at(rows, 256 * (first + block), part, square, planes, 2 * block, _ROW)
        _copy(column, 2 * first, planes, 0, count)
        for e in range(128):
            accumulate(chi, 0, planes, e * _ROW, count, sums, 6 * e)
    out = np.empty(256, dtype=np.uint64)
    for e in range(128):
        store128(out, 2 * e, finish(sums, 6 * e))
    return out
