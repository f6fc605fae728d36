"""Kernels of the leaky AND (spec: protocol, section 7; WRK17b Figure 8 in the half-gate form of KRRW18).

All arrays are one-dimensional uint64. Blocks take two words each. Quantities of the relation (C, G, S, Q) keep
``words`` (1 or 2) low words of each block. ``start`` and ``stop`` bound the slice of triples, so that threads can
share the work.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel
from engine.kernels.aes import hash1, hash2
from engine.kernels.simd import lane, load128

U = np.uint64
ONE = np.uint64(1)


@kernel
def product_share(start, stop, keys, macs, out, words):
    """out ^= tr(K xor M) for one peer: adds the peer's terms of XOR_j K_i[y^j] xor XOR_j M_j[y^i]."""
    for i in range(start, stop):
        for t in range(words):
            out[i * words + t] ^= keys[2 * i + t] ^ macs[2 * i + t]


@kernel
def own_share(start, stop, delta, macs, out, words):
    """out ^= tr(v * D) where v is the LSB of the MAC: the own term of A_i(v), equation (2)."""
    for i in range(start, stop):
        mask = U(0) - (macs[2 * i] & ONE)
        for t in range(words):
            out[i * words + t] ^= mask & delta[t]


@kernel
def garble(start, stop, hk, index, tweak, delta, keys, c, g, s, words):
    """Step 2: G = tr(H(K) xor H(K xor D)) xor C, and S ^= tr(H(K)).

    ``hk`` two words, ``index`` number of triple 0 of the batch, ``tweak`` the high tweak word of the pair.
    """
    d = load128(delta, 0)
    for i in range(start, stop):
        x = load128(keys, 2 * i)
        h0, h1 = hash2(hk[0], hk[1], index + U(i), tweak, x, x ^ d)
        both = h0 ^ h1
        g[i * words] = lane(both, 0) ^ c[i * words]
        s[i * words] ^= lane(h0, 0)
        if words == 2:
            g[i * words + 1] = lane(both, 1) ^ c[i * words + 1]
            s[i * words + 1] ^= lane(h0, 1)


@kernel
def evaluate(start, stop, hk, index, tweak, macs, g, s, words):
    """Step 3, the peer's part: S ^= tr(H(M)) xor x * G."""
    for i in range(start, stop):
        x = load128(macs, 2 * i)
        h = hash1(hk[0], hk[1], index + U(i), tweak, x)
        mask = U(0) - (macs[2 * i] & ONE)
        s[i * words] ^= lane(h, 0) ^ (mask & g[i * words])
        if words == 2:
            s[i * words + 1] ^= lane(h, 1) ^ (mask & g[i * words + 1])


@kernel
def select(start, stop, macs, c, s, words):
    """Step 3, the own part: S ^= x * C, x being the LSB of the MAC."""
    for i in range(start, stop):
        mask = U(0) - (macs[2 * i] & ONE)
        for t in range(words):
            s[i * words + t] ^= mask & c[i * words + t]


@kernel
def correct(start, stop, d, delta, s, words):
    """Step 5: Q = S xor d * tr(D), in place; ``d`` uint8 bits."""
    for i in range(start, stop):
        mask = U(0) - U(d[i])
        for t in range(words):
            s[i * words + t] ^= mask & delta[t]
