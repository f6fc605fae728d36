"""Kernels of bucketing and of the Beaver step (spec: protocol, sections 8 and 9.3). One-dimensional uint64 arrays."""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel
from engine.kernels.simd import load128, mask128, store128

U = np.uint64


@kernel
def difference(start, stop, y, layer, shift, size, out):
    """out_a = y_0[a] xor y_q[(a + shift) mod L]: what a bucket opens for layer ``layer``; a in start..stop."""
    base = layer * size
    for a in range(start, stop):
        at = a + shift
        if at >= size:
            at -= size
        store128(out, 2 * a, load128(y, 2 * a) ^ load128(y, 2 * (base + at)))


@kernel
def combine(start, stop, x, z, e, layer, shift, size, x_out, z_out):
    """x ^= x_q, z ^= z_q xor e_q * x_q for layer ``layer``; ``e`` uint8 bits of this layer."""
    base = layer * size
    for a in range(start, stop):
        at = a + shift
        if at >= size:
            at -= size
        xq = load128(x, 2 * (base + at))
        zq = load128(z, 2 * (base + at))
        store128(x_out, 2 * a, load128(x_out, 2 * a) ^ xq)
        store128(z_out, 2 * a, load128(z_out, 2 * a) ^ zq ^ (mask128(U(e[a])) & xq))


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
