"""Kernels of bucketing and of the Beaver step (spec: protocol, sections 8 and 9.3). One-dimensional uint64 arrays."""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel
from engine.kernels.simd import load128, mask128, store128

U = np.uint64


@kernel
def difference_bits(start, stop, y, layer, shift, size, out):
    """Own bits of <y_0[a]> xor <y_q[(a + shift) mod L]>, uint8: what a bucket opens for layer ``layer`` = q."""
    base = layer * size
    for a in range(start, stop):
        at = a + shift
        if at >= size:
            at -= size
        out[a] = np.uint8((y[2 * a] ^ y[2 * (base + at)]) & U(1))


@kernel
def sum_layers(start, stop, x, bucket, shifts, size):
    """x_0 ^= XOR_q x_q over the layers q >= 1, in place; ``shifts`` int64 (bucket,)."""
    for a in range(start, stop):
        total = load128(x, 2 * a)
        for q in range(1, bucket):
            at = a + shifts[q]
            if at >= size:
                at -= size
            total = total ^ load128(x, 2 * (q * size + at))
        store128(x, 2 * a, total)


@kernel
def combine(start, stop, x, z, e, bucket, shifts, size):
    """z_0 ^= XOR_q (z_q xor e_q x_q) over the layers q >= 1, in place; ``e`` uint8, layer after layer."""
    for a in range(start, stop):
        total = load128(z, 2 * a)
        for q in range(1, bucket):
            at = a + shifts[q]
            if at >= size:
                at -= size
            place = 2 * (q * size + at)
            total = total ^ load128(z, place) ^ (mask128(U(e[(q - 1) * size + a])) & load128(x, place))
        store128(z, 2 * a, total)


@kernel
def select_blocks(start, stop, bits, blocks, keys_or_delta, out):
    """out = K xor b * D for uint8 bits: the expected label or MAC of bit b."""
    d = load128(keys_or_delta, 0)
    for i in range(start, stop):
        store128(out, 2 * i, load128(blocks, 2 * i) ^ (mask128(U(bits[i])) & d))
