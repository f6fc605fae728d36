"""Kernels of the leaky AND (spec: protocol, section 7; WRK17b Figure 8 in the half-gate form of KRRW18).

All arrays are one-dimensional uint64. Blocks take two words each. Quantities of the relation (C, G, S, Q) keep
``words`` (1 or 2) low words of each block. ``start`` and ``stop`` bound the slice of triples, so that threads can
share the work.

The shares of a batch are ``macs`` and ``keys``: per peer ``stride`` words, in which x, y, r of ``count`` triples each
come first.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import NATIVE, inline, kernel
from engine.kernels.aes import hash1, hash1x2, hash2, hash2x2
from engine.kernels.simd import (
    WIDE_BLOCKS,
    block_of,
    broadcast_wide,
    hidden,
    lane,
    load128,
    load_wide,
    mask128,
    set128,
    store128,
    store_wide,
    swap_halves,
)

U = np.uint64
ONE = np.uint64(1)


@inline
def _product_share(d, macs, keys, stride, peers, at):
    """A_i(v) xor XOR_j M_j[v^i] of the share at word ``at``: the XOR over the parties is v * D."""
    total = mask128(macs[at] & ONE) & d
    for p in range(peers):
        total = total ^ load128(macs, p * stride + at) ^ load128(keys, p * stride + at)
    return total


@inline
def _mask(word):
    """All ones if the LSB is set, else zero."""
    return U(0) - hidden(word & ONE)


@inline
def _put(out, at, value, words):
    """The low words of a block."""
    out[at] = lane(value, 0)
    if words == 2:
        out[at + 1] = lane(value, 1)


@inline
def _terms(d, macs, keys, stride, peers, count, i):
    """(C, the part of S without hashes) of triple i."""
    c = _product_share(d, macs, keys, stride, peers, 2 * (count + i))
    s = _product_share(d, macs, keys, stride, peers, 2 * (2 * count + i))
    return c, s ^ (mask128(macs[2 * i] & ONE) & c)


if NATIVE and WIDE_BLOCKS > 1:
    from engine.kernels.aes_native import hash1_wide, hash2_wide

    @inline
    def _wide_mask(rows):
        """All ones in the blocks whose LSB is set, zeros in the others."""
        ones = broadcast_wide(set128(~U(0), U(0)))
        low = ((rows & broadcast_wide(set128(ONE, U(0)))) + ones) ^ ones
        return low | swap_halves(low)

    @inline
    def _wide_product_share(d, macs, keys, stride, peers, at):
        total = _wide_mask(load_wide(macs, at)) & d
        for p in range(peers):
            total = total ^ load_wide(macs, p * stride + at) ^ load_wide(keys, p * stride + at)
        return total

    @inline
    def _put_wide(out, at, value, words):
        if words == 2:
            store_wide(out, 2 * at, value)
        else:
            for j in range(WIDE_BLOCKS):
                out[at + j] = lane(block_of(value, j), 0)

    @inline
    def _garble_wide(i, stop, hk, index, tweaks, delta, macs, keys, stride, peers, count, g, s, words):
        """The triples from i on, as many as fill wide vectors; returns the first that is left."""
        d = broadcast_wide(load128(delta, 0))
        while i + WIDE_BLOCKS <= stop:
            c = _wide_product_share(d, macs, keys, stride, peers, 2 * (count + i))
            total = _wide_product_share(d, macs, keys, stride, peers, 2 * (2 * count + i))
            total = total ^ (_wide_mask(load_wide(macs, 2 * i)) & c)
            for p in range(peers):
                x = load_wide(keys, p * stride + 2 * i)
                h0, h1 = hash2_wide(hk[0], hk[1], index + U(i), tweaks[p], x, x ^ d)
                _put_wide(g, p * count + i, h0 ^ h1 ^ c, words)
                total = total ^ h0
            _put_wide(s, i, total, words)
            i += WIDE_BLOCKS
        return i

    @inline
    def _evaluate_wide(i, stop, hk, index, tweak, macs, g, s, words):
        """The triples from i on, as many as fill wide vectors; returns the first that is left."""
        while i + WIDE_BLOCKS <= stop:
            x = load_wide(macs, 2 * i)
            h = hash1_wide(hk[0], hk[1], index + U(i), tweak, x)
            if words == 2:
                masked = _wide_mask(x) & load_wide(g, 2 * i)
                store_wide(s, 2 * i, load_wide(s, 2 * i) ^ h ^ masked)
            else:
                for j in range(WIDE_BLOCKS):
                    mask = _mask(lane(block_of(x, j), 0))
                    s[i + j] ^= lane(block_of(h, j), 0) ^ (mask & g[i + j])
            i += WIDE_BLOCKS
        return i

else:

    @inline
    def _garble_wide(i, stop, hk, index, tweaks, delta, macs, keys, stride, peers, count, g, s, words):
        """There are no wide vectors here."""
        return i

    @inline
    def _evaluate_wide(i, stop, hk, index, tweak, macs, g, s, words):
        """There are no wide vectors here."""
        return i


@kernel
def garble(start, stop, hk, index, tweaks, delta, macs, keys, stride, peers, count, g, s, words):
    """Steps 1 to 3 up to what depends on peers: G of every peer, uint64 (peers * count * words,), and S.

    C = tr(A(y) xor XOR M(y)); G_p = tr(H(K_p) xor H(K_p xor D)) xor C; S = tr(A(r) xor XOR M(r)) xor x C xor
    XOR_p tr(H(K_p)). ``hk`` two words, ``index`` number of triple 0 of the batch, ``tweaks`` high tweak words by peer.
    """
    d = load128(delta, 0)
    i = _garble_wide(start, stop, hk, index, tweaks, delta, macs, keys, stride, peers, count, g, s, words)
    while i + 1 < stop:
        c0, s0 = _terms(d, macs, keys, stride, peers, count, i)
        c1, s1 = _terms(d, macs, keys, stride, peers, count, i + 1)
        for p in range(peers):
            x0 = load128(keys, p * stride + 2 * i)
            x1 = load128(keys, p * stride + 2 * i + 2)
            low, tweak = index + U(i), tweaks[p]
            a0, a1, b0, b1 = hash2x2(hk[0], hk[1], low, tweak, low + ONE, tweak, x0, x0 ^ d, x1, x1 ^ d)
            _put(g, (p * count + i) * words, a0 ^ a1 ^ c0, words)
            _put(g, (p * count + i + 1) * words, b0 ^ b1 ^ c1, words)
            s0 = s0 ^ a0
            s1 = s1 ^ b0
        _put(s, i * words, s0, words)
        _put(s, (i + 1) * words, s1, words)
        i += 2
    if i < stop:
        c, total = _terms(d, macs, keys, stride, peers, count, i)
        for p in range(peers):
            x = load128(keys, p * stride + 2 * i)
            h0, h1 = hash2(hk[0], hk[1], index + U(i), tweaks[p], x, x ^ d)
            _put(g, (p * count + i) * words, h0 ^ h1 ^ c, words)
            total = total ^ h0
        _put(s, i * words, total, words)


@kernel
def evaluate(start, stop, hk, index, tweak, macs, g, s, words):
    """Step 3, a peer's part: S ^= tr(H(M)) xor x * G; ``macs`` are those of this peer."""
    i = _evaluate_wide(start, stop, hk, index, tweak, macs, g, s, words)
    while i + 1 < stop:
        low = index + U(i)
        h0, h1 = hash1x2(hk[0], hk[1], low, tweak, low + ONE, tweak, load128(macs, 2 * i), load128(macs, 2 * i + 2))
        m0, m1 = _mask(macs[2 * i]), _mask(macs[2 * i + 2])
        at = i * words
        s[at] ^= lane(h0, 0) ^ (m0 & g[at])
        s[at + words] ^= lane(h1, 0) ^ (m1 & g[at + words])
        if words == 2:
            s[at + 1] ^= lane(h0, 1) ^ (m0 & g[at + 1])
            s[at + 3] ^= lane(h1, 1) ^ (m1 & g[at + 3])
        i += 2
    if i < stop:
        h = hash1(hk[0], hk[1], index + U(i), tweak, load128(macs, 2 * i))
        mask = _mask(macs[2 * i])
        s[i * words] ^= lane(h, 0) ^ (mask & g[i * words])
        if words == 2:
            s[i * words + 1] ^= lane(h, 1) ^ (mask & g[i * words + 1])


@kernel
def second_bits(start, stop, s, words, out):
    """Step 4: bit 1 of each S as uint8."""
    for i in range(start, stop):
        out[i] = np.uint8((s[i * words] >> ONE) & ONE)


@kernel
def correct(start, stop, d, delta, s, words):
    """Step 5: Q = S xor d * tr(D), in place; ``d`` uint8 bits."""
    for i in range(start, stop):
        mask = U(0) - U(d[i])
        for t in range(words):
            s[i * words + t] ^= mask & delta[t]


@kernel
def add_bits(start, stop, bits, block, rows):
    """rows ^= bit * block: public constants (section 1); ``bits`` uint8, ``block`` two words."""
    b = set128(block[0], block[1])
    for i in range(start, stop):
        store128(rows, 2 * i, load128(rows, 2 * i) ^ (mask128(U(bits[i])) & b))
