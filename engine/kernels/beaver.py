"""Kernels of the Beaver step on whole segments (spec: protocol, sections 8.2 and 9.3), several blocks at a time.

Block arrays are one-dimensional uint64 with two words a block; bits are uint8 of 0 or 1. Arrays of several peers have
a ``stride``: the number of words from one peer's first block to the next peer's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernels import inline, kernel
from engine.kernels.aes import prg_into
from engine.kernels.gf128 import CHUNK, accumulate, finish
from engine.kernels.parallel import ONE, Workers
from engine.kernels.prg import Words, key_schedule
from engine.kernels.simd import (
    WIDE_BLOCKS,
    broadcast_wide,
    lane,
    load128,
    load_masks,
    load_wide,
    mask128,
    store128,
    store_wide,
)

Bits = NDArray[np.uint8]
U = np.uint64


@inline
def _add_selected(out, m, at, bits, bits_at, delta, blocks):
    """out = m xor bit * D for ``blocks`` blocks."""
    d = load128(delta, 0)
    wide = broadcast_wide(d)
    done = 0
    while done + WIDE_BLOCKS <= blocks:
        store_wide(out, 2 * done, load_wide(m, at + 2 * done) ^ (load_masks(bits, bits_at + done) & wide))
        done += WIDE_BLOCKS
    while done < blocks:
        store128(out, 2 * done, load128(m, at + 2 * done) ^ (mask128(U(bits[bits_at + done])) & d))
        done += 1


@inline
def _add_into(out, m, at, blocks):
    done = 0
    while done + WIDE_BLOCKS <= blocks:
        store_wide(out, 2 * done, load_wide(out, 2 * done) ^ load_wide(m, at + 2 * done))
        done += WIDE_BLOCKS
    while done < blocks:
        store128(out, 2 * done, load128(out, 2 * done) ^ load128(m, at + 2 * done))
        done += 1


@kernel
def _fold_selected(start, stop, schedule, counter, bits, bits_at, delta, m, m_at, n, n_at, pairs):
    """Fold of m xor bit * D, and with ``pairs`` of n xor m xor bit * D; coefficients from ``counter`` + start."""
    sums = np.zeros(6, dtype=np.uint64)
    chi = np.empty(2 * CHUNK, dtype=np.uint64)
    terms = np.empty(2 * CHUNK, dtype=np.uint64)
    for first in range(start, stop, CHUNK):
        count = min(CHUNK, stop - first)
        prg_into(schedule, 0, counter + first, chi, 0, count)
        _add_selected(terms, m, m_at + 2 * first, bits, bits_at + first, delta, count)
        if pairs:
            _add_into(terms, n, n_at + 2 * first, count)
        accumulate(chi, 0, terms, 0, count, sums, 0)
    total = finish(sums, 0)
    return lane(total, 0), lane(total, 1)


def fold_selected(seed: bytes, m: Words, bits: Bits, delta: Words, workers: Workers = ONE) -> Words:
    """XOR_k chi_k (m_k xor bit_k D) with chi = PRG(seed): uint64 (N, 2), uint8 (N,), uint64 (2,) -> uint64 (2,)."""
    blocks = m.reshape(-1)
    args = (key_schedule(seed), 0, bits, 0, delta, blocks, 0, blocks, 0, False)
    return _total(workers.run(_fold_selected, len(m), *args, align=CHUNK))


def fold_sums(
    schedule: Words, counter: int, bits: Bits, delta: Words, m: Words, n: Words, workers: Workers = ONE
) -> Words:
    """XOR_k chi_(counter + k) (m_k xor n_k xor bit_k D): uint64 (N, 2) twice, uint8 (N,) -> uint64 (2,).

    ``schedule``: the round keys of the seed.
    """
    args = (schedule, counter, bits, 0, delta, m.reshape(-1), 0, n.reshape(-1), 0, True)
    return _total(workers.run(_fold_selected, len(m), *args, align=CHUNK))


def _total(parts: list[tuple[int, int]]) -> Words:
    total = np.zeros(2, dtype=np.uint64)
    for low, high in parts:
        total ^= np.array([low, high], dtype=np.uint64)
    return total


@inline
def _product(start, stop, first, e, f, x, y, z, at, fresh, fresh_at, public, out, out_at, add):
    """out = z xor e y xor f x xor e f * public xor fresh for the blocks start .. stop-1; ``add``: out ^= instead."""
    c = load128(public, 0)
    wide = broadcast_wide(c)
    k = start
    while k + WIDE_BLOCKS <= stop:
        place = at + 2 * k
        of_e, of_f = load_masks(e, first + k), load_masks(f, first + k)
        v = load_wide(z, place) ^ (of_e & load_wide(y, place)) ^ (of_f & (load_wide(x, place) ^ (of_e & wide)))
        v = v ^ load_wide(fresh, fresh_at + 2 * k)
        if add:
            v = v ^ load_wide(out, out_at + 2 * k)
        store_wide(out, out_at + 2 * k, v)
        k += WIDE_BLOCKS
    while k < stop:
        place = at + 2 * k
        of_e1, of_f1 = mask128(U(e[first + k])), mask128(U(f[first + k]))
        v1 = load128(z, place) ^ (of_e1 & load128(y, place)) ^ (of_f1 & (load128(x, place) ^ (of_e1 & c)))
        v1 = v1 ^ load128(fresh, fresh_at + 2 * k)
        if add:
            v1 = v1 ^ load128(out, out_at + 2 * k)
        store128(out, out_at + 2 * k, v1)
        k += 1


@kernel
def product_masks(
    start,
    stop,
    first,
    peers,
    e,
    f,
    x_m,
    y_m,
    z_m,
    x_k,
    y_k,
    z_k,
    stride,
    fresh_m,
    fresh_k,
    fresh_stride,
    public_m,
    public_k,
    macs,
    macs_stride,
    keys,
):
    """sigma xor lambda_o = z xor e y xor f x xor (public) e f xor lambda_o of the gates ``first`` + start .. .

    ``x_*``, ``y_*``, ``z_*`` and ``fresh_*`` count from gate ``first``, the bits ``e``, ``f`` and the results from
    gate 0. ``macs`` (peers, ...) gets the own MACs, ``keys`` the XOR of the keys over the peers. ``public_m`` is added
    to every MAC and ``public_k`` to the keys where e f = 1 (section 1, "P_0 flips").
    """
    nothing = np.zeros(2, np.uint64)
    for p in range(peers):
        at, fresh_at = p * stride, p * fresh_stride
        out_at = p * macs_stride + 2 * first
        _product(start, stop, first, e, f, x_m, y_m, z_m, at, fresh_m, fresh_at, public_m, macs, out_at, False)
        public = public_k if p == 0 else nothing
        _product(start, stop, first, e, f, x_k, y_k, z_k, at, fresh_k, fresh_at, public, keys, 2 * first, p > 0)


@kernel
def sum_peers(start, stop, peers, stride, blocks):
    """The blocks of the first peer become the XOR over all peers, in place."""
    for p in range(1, peers):
        for k in range(start, stop):
            at = 2 * k
            store128(blocks, at, load128(blocks, at) ^ load128(blocks, at + p * stride))
