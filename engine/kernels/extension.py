"""Kernels of the OT extension of section 6 (SoftSpokenOT, Roy 2022): from leaf seeds to bit planes.

A stream is a row of blocks. The leaves of a tree are merged like a binary counter counts: two finished halves of size
2^l give one of size 2^(l+1), and the right one is added to plane l, because its leaf numbers have bit l set. Work is
done on SPAN blocks at a time, so that all rows stay in the first cache.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.aes import prg_into
from engine.kernels.gf128 import CHUNK, accumulate, finish
from engine.kernels.simd import (
    WIDE_BLOCKS,
    load128,
    load_wide,
    splat128,
    splat_wide,
    store128,
    store_wide,
    zero128,
    zero_wide,
)

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


@kernel
def extend(start, stop, schedules, trees, k, hole, offset, x, d, masks, planes, stride):
    """Blocks start..stop of the 128 planes of all trees (section 6.1).

    ``hole`` = 0, bit holder: all leaves are used and d_t = u_t ^ x is written. ``hole`` = 1, key holder: leaf 0 of the
    relabelled tree is missing and plane e gets ``masks[e]`` & d_t added; control flow and addresses depend on public
    values only. ``schedules`` uint64 (trees * 2^k * 22,); planes and d are ``stride`` blocks long.
    """
    leaves = 1 << k
    # Row l holds a finished left half of size 2^l, the last row what is in hand.
    rows = np.empty((k + 2) * _ROW, dtype=np.uint64)
    hand = (k + 1) * _ROW
    for first in range(start, stop, SPAN):
        count = min(SPAN, stop - first)
        for t in range(trees):
            plane = 2 * (t * k * stride + first)
            for b in range(k):
                _clear(planes, plane + 2 * b * stride, count)
            for leaf in range(leaves):
                fresh = hand if leaf & 1 else 0
                if leaf == 0 and hole == 1:
                    _clear(rows, fresh, count)
                else:
                    prg_into(schedules, 22 * (t * leaves + leaf), offset + first, rows, fresh, count)
                level = 0
                while (leaf >> level) & 1:
                    last = (leaf >> (level + 1)) & 1 == 0
                    result = (level + 1) * _ROW if last else hand
                    _merge(rows, hand, level * _ROW, result, planes, plane + 2 * level * stride, count)
                    level += 1
            total = k * _ROW
            correction = 2 * (t * stride + first)
            if hole == 0:
                _xor_into(rows, total, x, 2 * first, d, correction, count)
            else:
                for b in range(k):
                    _add_masked(masks[t * k + b], d, correction, planes, plane + 2 * b * stride, count)


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
def fold_planes(start, stop, schedule, planes, count, stride):
    """XOR over the blocks start..stop of f_l * plane[l] for each of ``count`` planes: uint64 (2 * count,)."""
    sums = np.zeros(6 * count, dtype=np.uint64)
    chi = np.empty(2 * CHUNK, dtype=np.uint64)
    for first in range(start, stop, CHUNK):
        blocks = min(CHUNK, stop - first)
        prg_into(schedule, 0, first, chi, 0, blocks)
        for e in range(count):
            accumulate(chi, 0, planes, 2 * (e * stride + first), blocks, sums, 6 * e)
    out = np.empty(2 * count, dtype=np.uint64)
    for e in range(count):
        store128(out, 2 * e, finish(sums, 6 * e))
    return out
