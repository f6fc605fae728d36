"""Kernels that follow the gates in order: wire masks, garbling, evaluation, masked values (spec: protocol, 9, 10).

A walk covers the gates of one segment: ``gates`` uint32, three words a gate: both operands as 2*slot + negation, and
2*slot + 1 of the result of an AND gate, 2*slot of an XOR gate. Arrays per AND gate are filled in gate order from 0.
All block arrays are one-dimensional uint64 with two words a block; where they hold several peers, ``stride`` is the
number of words from one peer's first block to the next peer's. Slots were validated when the plan was made.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel
from engine.kernels.aes import hash1x2, hash2x2
from engine.kernels.simd import load128, mask128, store128

U = np.uint64
ONE = np.uint64(1)


@kernel
def walk_masks(
    gates,
    gate,
    first,
    count,
    total,
    peers,
    state,
    fresh_m,
    fresh_k,
    fresh_stride,
    x_m,
    y_m,
    macs_a,
    keys_a,
    macs_b,
    keys_b,
    stride,
    opened,
):
    """Wire masks (9.2) from gate number ``gate`` on, for the AND gates ``first`` .. ``first + count - 1``.

    XOR gates add shares, AND gates take a fresh share and hand out those of their operands. ``state`` holds per slot
    and peer MAC and key (4 words). ``fresh_*``, ``x_m`` and ``y_m`` count from AND gate ``first``, everything else from
    0. ``opened`` uint8 (2 * total,) gets the own bits of e and, after all e, those of f (9.3). Returns the number of
    the next gate: the AND gate that follows, or the end.
    """
    g = 0
    end = gates.shape[0] // 3
    i = gate
    while i < end:
        a, b, out = np.int64(gates[3 * i]), np.int64(gates[3 * i + 1]), np.int64(gates[3 * i + 2])
        at_a, at_b, at_o = 4 * peers * (a >> 1), 4 * peers * (b >> 1), 4 * peers * (out >> 1)
        if out & 1 == 0:
            for p in range(0, 4 * peers, 4):
                mac = load128(state, at_a + p) ^ load128(state, at_b + p)
                key = load128(state, at_a + p + 2) ^ load128(state, at_b + p + 2)
                store128(state, at_o + p, mac)
                store128(state, at_o + p + 2, key)
        else:
            if g == count:
                break
            k = first + g
            opened[k] = np.uint8((state[at_a] ^ x_m[2 * g]) & ONE)
            opened[total + k] = np.uint8((state[at_b] ^ y_m[2 * g]) & ONE)
            for p in range(peers):
                to = p * stride + 2 * k
                store128(macs_a, to, load128(state, at_a + 4 * p))
                store128(keys_a, to, load128(state, at_a + 4 * p + 2))
                store128(macs_b, to, load128(state, at_b + 4 * p))
                store128(keys_b, to, load128(state, at_b + 4 * p + 2))
            # The result may take the slot of an operand: all operands first.
            for p in range(peers):
                source = p * fresh_stride + 2 * g
                store128(state, at_o + 4 * p, load128(fresh_m, source))
                store128(state, at_o + 4 * p + 2, load128(fresh_k, source))
            g += 1
        i += 1
    return i


@kernel
def walk_garble(gates, labels, delta, hk, index, tweaks, macs_a, macs_b, macs_s, keys_a, keys_b, keys_s, rows, operands):
    """Own rows (9.4): G0, G1 per AND gate into ``rows`` (4 words); its zero-label takes the place of its ``keys_s``.

    ``tweaks``: high tweak words of the two halves; ``macs_*``, ``keys_*``: own MACs (for their bits) and sums of keys
    of lambda_a, lambda_b, sigma xor lambda_o: together A_i of equation (2). Unless it is empty, ``operands`` (4 words)
    gets the zero-labels of both operands.
    """
    d = load128(delta, 0)
    keep = operands.shape[0] > 0
    g = 0
    for i in range(gates.shape[0] // 3):
        a, b, out = np.int64(gates[3 * i]), np.int64(gates[3 * i + 1]), np.int64(gates[3 * i + 2])
        la = load128(labels, a & ~1)
        lb = load128(labels, b & ~1)
        if out & 1 == 0:
            store128(labels, out, la ^ lb)
            continue
        la = la ^ (mask128(U(a & 1)) & d)
        lb = lb ^ (mask128(U(b & 1)) & d)
        tweak = index + U(g)
        a0, a1, b0, b1 = hash2x2(hk[0], hk[1], tweak, tweaks[0], tweak, tweaks[1], la, la ^ d, lb, lb ^ d)
        at = 2 * g
        share_a = load128(keys_a, at) ^ (mask128(macs_a[at] & ONE) & d)
        share_b = load128(keys_b, at) ^ (mask128(macs_b[at] & ONE) & d)
        share_s = load128(keys_s, at) ^ (mask128(macs_s[at] & ONE) & d)
        store128(rows, 4 * g, a0 ^ a1 ^ share_b)
        store128(rows, 4 * g + 2, b0 ^ b1 ^ share_a ^ la)
        zero = a0 ^ b0 ^ share_s
        store128(keys_s, at, zero)
        store128(labels, out & ~1, zero)
        if keep:
            store128(operands, 4 * g, la)
            store128(operands, 4 * g + 2, lb)
        g += 1


@kernel
def cross_rows(start, stop, operands, delta, hk, index, tweaks, macs_a, macs_b, macs_s, rows):
    """Cross rows (9.4, n >= 3) for one other garbler: X0, X1, X2 of the AND gates start .. stop-1 (6 words).

    ``operands`` from :func:`walk_garble`; ``macs_*``: own MACs under that garbler's key.
    """
    d = load128(delta, 0)
    for g in range(start, stop):
        la, lb = load128(operands, 4 * g), load128(operands, 4 * g + 2)
        tweak = index + U(g)
        a0, a1, b0, b1 = hash2x2(hk[0], hk[1], tweak, tweaks[0], tweak, tweaks[1], la, la ^ d, lb, lb ^ d)
        store128(rows, 6 * g, a0 ^ a1 ^ load128(macs_b, 2 * g))
        store128(rows, 6 * g + 2, b0 ^ b1 ^ load128(macs_a, 2 * g))
        store128(rows, 6 * g + 4, a0 ^ b0 ^ load128(macs_s, 2 * g))


@kernel
def walk_evaluate(
    gates,
    garblers,
    count,
    labels,
    lam,
    hks,
    index,
    own_tweaks,
    cross_tweaks,
    rows,
    cross,
    macs_a,
    macs_b,
    macs_s,
    keys_a,
    keys_b,
    keys_s,
    delta,
    beta,
    lam_o,
):
    """Evaluation (10.2): active labels (slots, garblers, 2 words) and masked values uint8 (slots).

    ``rows`` (garblers, count, 4), ``cross`` (sender, destination, count, 6) with the sender itself left out of the
    destinations, ``macs_*`` (garblers, count, 2) of the evaluator's own shares, ``keys_*`` the sums of its keys. The
    active labels of the results take the place of ``macs_s``, the evaluator's side of 10.4 (the sum of keys plus
    t * D) that of ``keys_s``.
    """
    d = load128(delta, 0)
    g = 0
    for i in range(gates.shape[0] // 3):
        a, b, out = np.int64(gates[3 * i]), np.int64(gates[3 * i + 1]), np.int64(gates[3 * i + 2])
        sa, sb, so = a >> 1, b >> 1, out >> 1
        at_a, at_b, at_o = 2 * garblers * sa, 2 * garblers * sb, 2 * garblers * so
        if out & 1 == 0:
            for p in range(0, 2 * garblers, 2):
                store128(labels, at_o + p, load128(labels, at_a + p) ^ load128(labels, at_b + p))
            lam[so] = lam[sa] ^ lam[sb]
            continue
        bit_a = U(lam[sa]) ^ U(a & 1)
        bit_b = U(lam[sb]) ^ U(b & 1)
        ma, mb = mask128(bit_a), mask128(bit_b)
        own_a, own_b, own_s = macs_a[2 * g] & ONE, macs_b[2 * g] & ONE, macs_s[2 * g] & ONE
        tweak = index + U(g)
        for p in range(garblers):
            at = 2 * (p * count + g)
            la, lb = load128(labels, at_a + 2 * p), load128(labels, at_b + 2 * p)
            low, high = own_tweaks[2 * p], own_tweaks[2 * p + 1]
            ha, hb = hash1x2(hks[2 * p], hks[2 * p + 1], tweak, low, tweak, high, la, lb)
            v = ha ^ hb ^ load128(macs_s, at)
            v = v ^ (ma & (load128(rows, 2 * at) ^ load128(macs_b, at)))
            v = v ^ (mb & (load128(rows, 2 * at + 2) ^ la ^ load128(macs_a, at)))
            for j in range(garblers):
                if j != p:
                    t = 2 * (j * garblers + p)
                    lja, ljb = load128(labels, at_a + 2 * j), load128(labels, at_b + 2 * j)
                    low, high = cross_tweaks[t], cross_tweaks[t + 1]
                    hja, hjb = hash1x2(hks[2 * j], hks[2 * j + 1], tweak, low, tweak, high, lja, ljb)
                    place = p if p < j else p - 1
                    x = 6 * ((j * (garblers - 1) + place) * count + g)
                    v = v ^ hja ^ hjb ^ load128(cross, x + 4)
                    v = v ^ (ma & load128(cross, x)) ^ (mb & load128(cross, x + 2))
            store128(macs_s, at, v)
        # The result may take the slot of an operand: all operands first.
        for p in range(garblers):
            store128(labels, at_o + 2 * p, load128(macs_s, 2 * (p * count + g)))
        bit = (macs_s[2 * g] & ONE) ^ U(beta[g])
        t_bit = (bit_a & own_b) ^ (bit_b & own_a) ^ own_s ^ (bit_a & bit_b) ^ bit
        term = load128(keys_s, 2 * g) ^ (ma & load128(keys_b, 2 * g)) ^ (mb & load128(keys_a, 2 * g))
        store128(keys_s, 2 * g, term ^ (mask128(t_bit) & d))
        lam[so] = np.uint8(bit)
        lam_o[g] = np.uint8(bit)
        g += 1


@kernel
def walk_values(gates, lam, lam_o, macs_a, macs_b, macs_s):
    """A garbler recomputes the masked values of all wires from those of the AND gates (10.3).

    The terms of T (10.4), la M_0[lambda_b] xor lb M_0[lambda_a] xor M_0[sigma xor lambda_o], take the place of
    ``macs_s``; without AND gates the arrays per gate may be empty.
    """
    g = 0
    for i in range(gates.shape[0] // 3):
        a, b, out = np.int64(gates[3 * i]), np.int64(gates[3 * i + 1]), np.int64(gates[3 * i + 2])
        va, vb = lam[a >> 1], lam[b >> 1]
        if out & 1 == 0:
            lam[out >> 1] = va ^ vb
            continue
        of_a = mask128(U(va) ^ U(a & 1)) & load128(macs_b, 2 * g)
        of_b = mask128(U(vb) ^ U(b & 1)) & load128(macs_a, 2 * g)
        store128(macs_s, 2 * g, load128(macs_s, 2 * g) ^ of_a ^ of_b)
        lam[out >> 1] = lam_o[g]
        g += 1
