"""Kernels of the OT extension of section 6 (SoftSpokenOT, Roy 2022): from leaf seeds to rows.

A stream is a row of blocks. The leaves of a tree are merged like a binary counter counts: two finished halves of size
2^l give one of size 2^(l+1), and the right one is added to plane l, because its leaf numbers have bit l set. Work is
done on SPAN blocks at a time: streams, planes and their transposition stay in the caches, only rows are written out.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.aes import prg_into, two_streams
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
GROUP = 4 * WIDE_BLOCKS  # blocks that are made in registers at a time; divides SPAN


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
def _subtree(schedules, leaf, hole, counter, scratch, planes, plane, fresh, lines):
    """The 16 leaves from number ``leaf`` (of all trees) on, for 4 wide vectors, in registers.

    Adds the leaves with bit b set to line b at word ``plane`` of ``planes`` (sets it if ``fresh``), for b = 0..3; their
    sum goes to the first 4 vectors of ``lines``. ``hole`` = 1 leaves out the first leaf.
    """
    w = WIDE_WORDS
    s0, s1, s2, s3 = zero_wide(), zero_wide(), zero_wide(), zero_wide()
    a0, a1, a2, a3 = zero_wide(), zero_wide(), zero_wide(), zero_wide()
    b0, b1, b2, b3 = zero_wide(), zero_wide(), zero_wide(), zero_wide()
    c0, c1, c2, c3 = zero_wide(), zero_wide(), zero_wide(), zero_wide()
    d0, d1, d2, d3 = zero_wide(), zero_wide(), zero_wide(), zero_wide()
    for pair in range(8):
        at = 22 * (leaf + 2 * pair)
        x0, x1, x2, x3, y0, y1, y2, y3 = two_streams(schedules, at, at + 22, counter, scratch)
        if hole == 1 and pair == 0:
            x0, x1, x2, x3 = zero_wide(), zero_wide(), zero_wide(), zero_wide()
        a0, a1, a2, a3 = a0 ^ y0, a1 ^ y1, a2 ^ y2, a3 ^ y3
        x0, x1, x2, x3 = x0 ^ y0, x1 ^ y1, x2 ^ y2, x3 ^ y3
        s0, s1, s2, s3 = s0 ^ x0, s1 ^ x1, s2 ^ x2, s3 ^ x3
        if pair & 1:
            b0, b1, b2, b3 = b0 ^ x0, b1 ^ x1, b2 ^ x2, b3 ^ x3
        if pair & 2:
            c0, c1, c2, c3 = c0 ^ x0, c1 ^ x1, c2 ^ x2, c3 ^ x3
        if pair & 4:
            d0, d1, d2, d3 = d0 ^ x0, d1 ^ x1, d2 ^ x2, d3 ^ x3
    _add_vectors(planes, plane, fresh, a0, a1, a2, a3)
    _add_vectors(planes, plane + _ROW, fresh, b0, b1, b2, b3)
    _add_vectors(planes, plane + 2 * _ROW, fresh, c0, c1, c2, c3)
    _add_vectors(planes, plane + 3 * _ROW, fresh, d0, d1, d2, d3)
    store_wide(lines, 0, s0)
    store_wide(lines, w, s1)
    store_wide(lines, 2 * w, s2)
    store_wide(lines, 3 * w, s3)


@inline
def _add_vectors(out, at, fresh, v0, v1, v2, v3):
    """Four wide vectors to ``out`` from word ``at``: stored if ``fresh``, else added."""
    w = WIDE_WORDS
    if not fresh:
        v0 ^= load_wide(out, at)
        v1 ^= load_wide(out, at + w)
        v2 ^= load_wide(out, at + 2 * w)
        v3 ^= load_wide(out, at + 3 * w)
    store_wide(out, at, v0)
    store_wide(out, at + w, v1)
    store_wide(out, at + 2 * w, v2)
    store_wide(out, at + 3 * w, v3)


@inline
def _large_tree(schedules, t, k, hole, offset, count, scratch, lines, planes):
    """:func:`_tree` for k >= 4 and ``count`` a multiple of GROUP: subtrees of 16 leaves, whose sums are added to the
    planes of the higher bits."""
    total = k * _ROW
    for group in range(0, count, GROUP):
        at = 2 * group
        for sub in range(1 << (k - 4)):
            leaf = (t << k) + 16 * sub
            plane = t * k * _ROW + at
            _subtree(schedules, leaf, hole if sub == 0 else 0, offset + group, scratch, planes, plane, sub == 0, lines)
            s0, s1 = load_wide(lines, 0), load_wide(lines, WIDE_WORDS)
            s2, s3 = load_wide(lines, 2 * WIDE_WORDS), load_wide(lines, 3 * WIDE_WORDS)
            for b in range(k - 4):
                if (sub >> b) & 1:
                    # the first subtree with this bit has no other bit set
                    _add_vectors(planes, plane + (4 + b) * _ROW, sub == 1 << b, s0, s1, s2, s3)
            _add_vectors(lines, total + at, sub == 0, s0, s1, s2, s3)
    return total


@inline
def _tree(schedules, t, k, hole, offset, count, lines, planes):
    """The planes t * k .. t * k + k - 1 of one tree for ``count`` blocks; returns the line with the sum of all leaves.

    For small trees and odd ends. ``lines`` has k + 2 lines of _ROW words: line l holds a finished left half of size
    2^l, the last what is in hand.
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
def extend(start, stop, schedules, trees, k, hole, offset, x, d, masks, rows, column, last, folding, chi_schedule):
    """Blocks start..stop of the 128 columns of all trees (section 6.1), as rows (6.3).

    ``hole`` = 0, bit holder: all leaves are used, d_t = u_t ^ x is written, and bit 0 of row a becomes bit a of ``x``.
    ``hole`` = 1, key holder: leaf 0 of the relabelled tree is missing, plane e gets ``masks[e]`` & d_t added, and bit
    0 of the rows becomes 0. Column 0 as it was before goes to ``column``; the sacrificial block, the last of
    ``blocks`` = len(column) / 2, has no rows: its 128 columns go to ``last``. Control flow and addresses depend on
    public values only. ``schedules`` uint64 (trees * 2^k * 22,); x and d have ``blocks`` blocks a stream.

    Returns what :func:`fold_rows` gives for these blocks and ``chi_schedule`` if ``folding`` is 1.
    """
    sums = np.zeros(6 * 128, dtype=np.uint64)
    chi = np.empty(_ROW, dtype=np.uint64)
    blocks = column.shape[0] // 2
    lines = np.empty((k + 2) * _ROW, dtype=np.uint64)
    planes = np.empty(128 * _ROW, dtype=np.uint64)
    square = np.zeros(128 * WIDE_WORDS, dtype=np.uint64)
    scratch = np.empty(8 * WIDE_WORDS, dtype=np.uint64)
    for first in range(start, stop, SPAN):
        count = min(SPAN, stop - first)
        for t in range(trees):
            if k >= 4 and count % GROUP == 0:
                total = _large_tree(schedules, t, k, hole, offset + first, count, scratch, lines, planes)
            else:
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
        if folding == 1:
            prg_into(chi_schedule, 0, first, chi, 0, count)
            for e in range(128):
                accumulate(chi, 0, planes, e * _ROW, count, sums, 6 * e)
        if hole == 0:
            _copy(x, 2 * first, planes, 0, count)
        else:
            _clear(planes, 0, count)
        for block in range(0, count, WIDE_BLOCKS):
            part = min(WIDE_BLOCKS, count - block)
            planes_to_rows_at(planes, 2 * block, _ROW, part, square, rows, 256 * (first + block))
    return _finished(sums)


@inline
def _finished(sums):
    """The reduced folds of 128 columns: uint64 (256,)."""
    out = np.empty(256, dtype=np.uint64)
    for e in range(128):
        store128(out, 2 * e, finish(sums, 6 * e))
    return out


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
    return _finished(sums)
