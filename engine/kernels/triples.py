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
def beaver(start, stop, x, y, z, e, f, out):
    """sigma = z xor e y xor f x (before the public constant e f)."""
    for i in range(start, stop):
        v = load128(z, 2 * i)
        v = v ^ (mask128(U(e[i])) & load128(y, 2 * i))
        v = v ^ (mask128(U(f[i])) & load128(x, 2 * i))
        store128(out, 2 * i, v)


@kernel
def delta_shares(start, stop, macs, sums, delta, out):
    """A_i(v) = v * D_i xor XOR_j K_i[v^j], equation (2): v the LSB of ``macs``, ``sums`` the XOR of the keys."""
    d = load128(delta, 0)
    for i in range(start, stop):
        store128(out, 2 * i, (mask128(macs[2 * i] & U(1)) & d) ^ load128(sums, 2 * i))


@kernel
def select_blocks(start, stop, bits, blocks, keys_or_delta, out):
    """out = K xor b * D for uint8 bits: the expected label or MAC of bit b."""
    d = load128(keys_or_delta, 0)
    for i in range(start, stop):
        store128(out, 2 * i, load128(blocks, 2 * i) ^ (mask128(U(bits[i])) & d))


@kernel
def product_blocks(start, stop, la, lb, of_a, of_b, of_s, out):
    """out = la * B xor lb * A xor S: the terms of 10.4 from blocks of lambda_a, lambda_b, sigma xor lambda_o."""
    for i in range(start, stop):
        v = load128(of_s, 2 * i)
        v = v ^ (mask128(U(la[i])) & load128(of_b, 2 * i))
        v = v ^ (mask128(U(lb[i])) & load128(of_a, 2 * i))
        store128(out, 2 * i, v)
