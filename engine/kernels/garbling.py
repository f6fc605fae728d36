"""Kernels that follow the gates in order: wire masks, garbling, evaluation, masked values (spec: protocol, 9, 10).

A walk covers gates ``first .. last-1`` of an execution plan: ``op`` uint8 (0 XOR, 1 AND), ``a`` and ``b`` uint32
operands 2*slot + negation, ``out`` uint32 slots. Arrays per AND gate are filled in gate order from 0. All block
arrays are one-dimensional uint64 with two words a block. Slots were validated when the plan was made.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel
from engine.kernels.aes import hash1, hash2
from engine.kernels.simd import load128, mask128, store128

U = np.uint64
ONE = np.uint64(1)


@kernel
def walk_masks(first, last, op, a, b, out, peers, state, fresh_m, fresh_k, la_m, la_k, lb_m, lb_k, count):
    """Wire masks (9.2): XOR gates add shares, AND gates take a fresh share and hand out those of their operands.

    ``state`` holds per slot and peer MAC and key (4 words); ``fresh_*`` and the outputs are (peers, count, 2).
    """
    g = 0
    for i in range(first, last):
        sa, sb, so = np.int64(a[i] >> 1), np.int64(b[i] >> 1), np.int64(out[i])
        for p in range(peers):
            at_a, at_b, at_o = 4 * (sa * peers + p), 4 * (sb * peers + p), 4 * (so * peers + p)
            ma, ka = load128(state, at_a), load128(state, at_a + 2)
            mb, kb = load128(state, at_b), load128(state, at_b + 2)
            if op[i] == 0:
                store128(state, at_o, ma ^ mb)
                store128(state, at_o + 2, ka ^ kb)
            else:
                at = 2 * (p * count + g)
                store128(la_m, at, ma)
                store128(la_k, at, ka)
                store128(lb_m, at, mb)
                store128(lb_k, at, kb)
                store128(state, at_o, load128(fresh_m, at))
                store128(state, at_o + 2, load128(fresh_k, at))
        if op[i] != 0:
            g += 1


@kernel
def walk_garble(first, last, op, a, b, out, labels, delta, hk, index, tweaks, share_b, share_a, share_s, rows, zeros):
    """Own rows (9.4): G0, G1 per AND gate into ``rows`` (4 words), the gate's zero-label into ``zeros``.

    ``tweaks``: high tweak words of the two halves; ``share_*``: A(lambda_b), A(lambda_a), A(sigma xor lambda_o).
    """
    d = load128(delta, 0)
    g = 0
    for i in range(first, last):
        la = load128(labels, 2 * np.int64(a[i] >> 1))
        lb = load128(labels, 2 * np.int64(b[i] >> 1))
        if op[i] == 0:
            store128(labels, 2 * np.int64(out[i]), la ^ lb)
            continue
        la = la ^ (mask128(U(a[i] & 1)) & d)
        lb = lb ^ (mask128(U(b[i] & 1)) & d)
        tweak = index + U(g)
        a0, a1 = hash2(hk[0], hk[1], tweak, tweaks[0], la, la ^ d)
        b0, b1 = hash2(hk[0], hk[1], tweak, tweaks[1], lb, lb ^ d)
        store128(rows, 4 * g, a0 ^ a1 ^ load128(share_b, 2 * g))
        store128(rows, 4 * g + 2, b0 ^ b1 ^ load128(share_a, 2 * g) ^ la)
        zero = a0 ^ b0 ^ load128(share_s, 2 * g)
        store128(zeros, 2 * g, zero)
        store128(labels, 2 * np.int64(out[i]), zero)
        g += 1


@kernel
def walk_cross(
    first, last, op, a, b, out, labels, zeros, delta, hk, index, peers, tweaks, macs_b, macs_a, macs_s, rows, count
):
    """Cross rows (9.4, n >= 3): X0, X1, X2 per AND gate and other garbler into ``rows`` (peers, count, 6 words).

    Walks the labels again from the state before the segment; ``zeros`` are the zero-labels that walk_garble made.
    """
    d = load128(delta, 0)
    g = 0
    for i in range(first, last):
        la = load128(labels, 2 * np.int64(a[i] >> 1))
        lb = load128(labels, 2 * np.int64(b[i] >> 1))
        if op[i] == 0:
            store128(labels, 2 * np.int64(out[i]), la ^ lb)
            continue
        la = la ^ (mask128(U(a[i] & 1)) & d)
        lb = lb ^ (mask128(U(b[i] & 1)) & d)
        tweak = index + U(g)
        for p in range(peers):
            at = p * count + g
            a0, a1 = hash2(hk[0], hk[1], tweak, tweaks[2 * p], la, la ^ d)
            b0, b1 = hash2(hk[0], hk[1], tweak, tweaks[2 * p + 1], lb, lb ^ d)
            store128(rows, 6 * at, a0 ^ a1 ^ load128(macs_b, 2 * at))
            store128(rows, 6 * at + 2, b0 ^ b1 ^ load128(macs_a, 2 * at))
            store128(rows, 6 * at + 4, a0 ^ b0 ^ load128(macs_s, 2 * at))
        store128(labels, 2 * np.int64(out[i]), load128(zeros, 2 * g))
        g += 1


@kernel
def walk_evaluate(
    first,
    last,
    op,
    a,
    b,
    out,
    garblers,
    labels,
    lam,
    hks,
    index,
    own_tweaks,
    cross_tweaks,
    rows,
    cross,
    macs_b,
    macs_a,
    macs_s,
    beta,
    lam_a,
    lam_b,
    lam_o,
    out_labels,
    count,
):
    """Evaluation (10.2): active labels (slots, garblers, 2 words) and masked values uint8 (slots).

    ``rows`` (garblers, count, 4), ``cross`` (sender, destination, count, 6) with the sender itself left out of the
    destinations, ``macs_*`` (garblers, count, 2) of the evaluator's own shares. Fills the masked values of operands and
    result and the active labels of the results (garblers, count, 2).
    """
    g = 0
    for i in range(first, last):
        sa, sb, so = np.int64(a[i] >> 1), np.int64(b[i] >> 1), np.int64(out[i])
        if op[i] == 0:
            for p in range(garblers):
                at_a, at_b = 2 * (sa * garblers + p), 2 * (sb * garblers + p)
                store128(labels, 2 * (so * garblers + p), load128(labels, at_a) ^ load128(labels, at_b))
            lam[so] = lam[sa] ^ lam[sb]
            continue
        bit_a = lam[sa] ^ np.uint8(a[i] & 1)
        bit_b = lam[sb] ^ np.uint8(b[i] & 1)
        ma, mb = mask128(U(bit_a)), mask128(U(bit_b))
        tweak = index + U(g)
        for p in range(garblers):
            at = p * count + g
            la = load128(labels, 2 * (sa * garblers + p))
            lb = load128(labels, 2 * (sb * garblers + p))
            ha = hash1(hks[2 * p], hks[2 * p + 1], tweak, own_tweaks[2 * p], la)
            hb = hash1(hks[2 * p], hks[2 * p + 1], tweak, own_tweaks[2 * p + 1], lb)
            v = ha ^ hb ^ load128(macs_s, 2 * at)
            v = v ^ (ma & (load128(rows, 4 * at) ^ load128(macs_b, 2 * at)))
            v = v ^ (mb & (load128(rows, 4 * at + 2) ^ la ^ load128(macs_a, 2 * at)))
            for j in range(garblers):
                if j != p:
                    t = 2 * (j * garblers + p)
                    lja = load128(labels, 2 * (sa * garblers + j))
                    ljb = load128(labels, 2 * (sb * garblers + j))
                    hja = hash1(hks[2 * j], hks[2 * j + 1], tweak, cross_tweaks[t], lja)
                    hjb = hash1(hks[2 * j], hks[2 * j + 1], tweak, cross_tweaks[t + 1], ljb)
                    place = p if p < j else p - 1
                    x = 6 * ((j * (garblers - 1) + place) * count + g)
                    v = v ^ hja ^ hjb ^ load128(cross, x + 4)
                    v = v ^ (ma & load128(cross, x)) ^ (mb & load128(cross, x + 2))
            store128(out_labels, 2 * at, v)
        bit = np.uint8(out_labels[2 * g] & ONE) ^ beta[g]
        for p in range(garblers):
            store128(labels, 2 * (so * garblers + p), load128(out_labels, 2 * (p * count + g)))
        lam[so] = bit
        lam_a[g], lam_b[g], lam_o[g] = bit_a, bit_b, bit
        g += 1


@kernel
def walk_values(first, last, op, a, b, out, lam, lam_o, lam_a, lam_b):
    """A garbler recomputes the masked values of all wires from those of the AND gates (10.3)."""
    g = 0
    for i in range(first, last):
        va, vb = lam[np.int64(a[i] >> 1)], lam[np.int64(b[i] >> 1)]
        if op[i] == 0:
            lam[np.int64(out[i])] = va ^ vb
            continue
        lam_a[g] = va ^ np.uint8(a[i] & 1)
        lam_b[g] = vb ^ np.uint8(b[i] & 1)
        lam[np.int64(out[i])] = lam_o[g]
        g += 1
