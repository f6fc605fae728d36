"""Kernels that follow the gates in order: wire masks, garbling, evaluation, masked values (spec: protocol, 9, 10).

A walk covers the gates of one segment: ``gates`` uint32, three words a gate: both operands as 2*slot + negation, and
2*slot + 1 of the result of an AND gate, 2*slot of an XOR gate. Arrays per AND gate are filled in gate order from 0.
All block arrays are one-dimensional uint64 with two words a block; where they hold several peers, ``stride`` is the
number of words from one peer's first block to the next peer's. Slots were validated when the plan was made.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.aes import hash1x2, hash2x2
from engine.kernels.simd import high128, join128, load128, load256, low128, mask128, store128, store256

# Indices are unsigned: numba would test signed ones for counting from the end.
U = np.uint64
ZERO, ONE, TWO, FOUR = U(0), U(1), U(2), U(4)


@inline
def _hand_out(state, at_a, at_b, at_o, fresh_m, fresh_k, source, macs_a, keys_a, macs_b, keys_b, to):
    """An AND gate and one peer; the result may take the slot of an operand, so both are read first."""
    of_a, of_b = load256(state, at_a), load256(state, at_b)
    store256(state, at_o, join128(load128(fresh_m, source), load128(fresh_k, source)))
    store128(macs_a, to, low128(of_a))
    store128(keys_a, to, high128(of_a))
    store128(macs_b, to, low128(of_b))
    store128(keys_b, to, high128(of_b))


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
    end, n, room = U(gates.shape[0]), U(4 * peers), U(stride)
    g, k, i = U(0), U(first), U(3 * gate)
    while i < end:
        a, b, out = U(gates[i]), U(gates[i + ONE]), U(gates[i + TWO])
        at_a, at_b, at_o = n * (a >> ONE), n * (b >> ONE), n * (out >> ONE)
        if out & ONE == ZERO:
            store256(state, at_o, load256(state, at_a) ^ load256(state, at_b))
            p = FOUR  # the first peer apart: with two parties a loop costs as much as the work in it
            while p < n:
                store256(state, at_o + p, load256(state, at_a + p) ^ load256(state, at_b + p))
                p += FOUR
        else:
            if g == U(count):
                break
            opened[k] = np.uint8((state[at_a] ^ x_m[TWO * g]) & ONE)
            opened[U(total) + k] = np.uint8((state[at_b] ^ y_m[TWO * g]) & ONE)
            to, source, p = TWO * k, TWO * g, FOUR
            _hand_out(state, at_a, at_b, at_o, fresh_m, fresh_k, source, macs_a, keys_a, macs_b, keys_b, to)
            while p < n:
                at_a, at_b, at_o = at_a + FOUR, at_b + FOUR, at_o + FOUR
                to, source, p = to + room, source + U(fresh_stride), p + FOUR
                _hand_out(state, at_a, at_b, at_o, fresh_m, fresh_k, source, macs_a, keys_a, macs_b, keys_b, to)
            g += ONE
            k += ONE
        i += U(3)
    return np.int64(i) // 3


@kernel
def walk_garble(
    gates, labels, delta, hk, index, tweaks, macs_a, macs_b, macs_s, keys_a, keys_b, keys_s, rows, operands
):
    """Own rows (9.4): G0, G1 per AND gate into ``rows`` (4 words); its zero-label takes the place of its ``keys_s``.

    ``tweaks``: high tweak words of the two halves; ``macs_*``, ``keys_*``: own MACs (for their bits) and sums of keys
    of lambda_a, lambda_b, sigma xor lambda_o: together A_i of equation (2). Unless it is empty, ``operands`` (4 words)
    gets the zero-labels of both operands.
    """
    d = load128(delta, 0)
    keep = operands.shape[0] > 0
    at = ZERO
    for i in range(ZERO, U(gates.shape[0]), U(3)):
        a, b, out = U(gates[i]), U(gates[i + ONE]), U(gates[i + TWO])
        la = load128(labels, a & ~ONE)
        lb = load128(labels, b & ~ONE)
        if out & ONE == ZERO:
            store128(labels, out, la ^ lb)
            continue
        la = la ^ (mask128(a & ONE) & d)
        lb = lb ^ (mask128(b & ONE) & d)
        tweak = index + (at >> ONE)
        a0, a1, b0, b1 = hash2x2(hk[0], hk[1], tweak, tweaks[0], tweak, tweaks[1], la, la ^ d, lb, lb ^ d)
        share_a = load128(keys_a, at) ^ (mask128(macs_a[at] & ONE) & d)
        share_b = load128(keys_b, at) ^ (mask128(macs_b[at] & ONE) & d)
        share_s = load128(keys_s, at) ^ (mask128(macs_s[at] & ONE) & d)
        store128(rows, TWO * at, a0 ^ a1 ^ share_b)
        store128(rows, TWO * at + TWO, b0 ^ b1 ^ share_a ^ la)
        zero = a0 ^ b0 ^ share_s
        store128(keys_s, at, zero)
        store128(labels, out & ~ONE, zero)
        if keep:
            store128(operands, TWO * at, la)
            store128(operands, TWO * at + TWO, lb)
        at += TWO


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
    n, room = U(2 * garblers), U(2 * count)
    g = ZERO
    for i in range(ZERO, U(gates.shape[0]), U(3)):
        a, b, out = U(gates[i]), U(gates[i + ONE]), U(gates[i + TWO])
        sa, sb, so = a >> ONE, b >> ONE, out >> ONE
        at_a, at_b, at_o = n * sa, n * sb, n * so
        if out & ONE == ZERO:
            store128(labels, at_o, load128(labels, at_a) ^ load128(labels, at_b))
            p = TWO
            while p < n:
                store128(labels, at_o + p, load128(labels, at_a + p) ^ load128(labels, at_b + p))
                p += TWO
            lam[so] = lam[sa] ^ lam[sb]
            continue
        bit_a = U(lam[sa]) ^ (a & ONE)
        bit_b = U(lam[sb]) ^ (b & ONE)
        ma, mb = mask128(bit_a), mask128(bit_b)
        own = TWO * g
        bit_s = (bit_a & macs_b[own]) ^ (bit_b & macs_a[own]) ^ macs_s[own]
        tweak = index + g
        p, at = ZERO, own
        while True:
            la, lb = load128(labels, at_a + p), load128(labels, at_b + p)
            ha, hb = hash1x2(hks[p], hks[p + ONE], tweak, own_tweaks[p], tweak, own_tweaks[p + ONE], la, lb)
            v = ha ^ hb ^ load128(macs_s, at)
            v = v ^ (ma & (load128(rows, TWO * at) ^ load128(macs_b, at)))
            v = v ^ (mb & (load128(rows, TWO * at + TWO) ^ la ^ load128(macs_a, at)))
            j = ZERO
            while j < n:
                if j != p:
                    t = j * (n >> ONE) + p
                    lja, ljb = load128(labels, at_a + j), load128(labels, at_b + j)
                    low, high = cross_tweaks[t], cross_tweaks[t + ONE]
                    hja, hjb = hash1x2(hks[j], hks[j + ONE], tweak, low, tweak, high, lja, ljb)
                    place = p >> ONE if p < j else (p >> ONE) - ONE
                    x = U(6) * (((j >> ONE) * ((n >> ONE) - ONE) + place) * U(count) + g)
                    v = v ^ hja ^ hjb ^ load128(cross, x + FOUR)
                    v = v ^ (ma & load128(cross, x)) ^ (mb & load128(cross, x + TWO))
                j += TWO
            store128(macs_s, at, v)
            p += TWO
            if p == n:
                break
            at += room
        # The result may take the slot of an operand: all operands first.
        p, at = ZERO, own
        while True:
            store128(labels, at_o + p, load128(macs_s, at))
            p += TWO
            if p == n:
                break
            at += room
        bit = (macs_s[own] & ONE) ^ U(beta[g])
        t_bit = (bit_s & ONE) ^ (bit_a & bit_b) ^ bit
        term = load128(keys_s, own) ^ (ma & load128(keys_b, own)) ^ (mb & load128(keys_a, own))
        store128(keys_s, own, term ^ (mask128(t_bit) & d))
        lam[so] = np.uint8(bit)
        lam_o[g] = np.uint8(bit)
        g += ONE


@kernel
def walk_values(gates, lam, lam_o, macs_a, macs_b, macs_s):
    """A garbler recomputes the masked values of all wires from those of the AND gates (10.3).

    The terms of T (10.4), la M_0[lambda_b] xor lb M_0[lambda_a] xor M_0[sigma xor lambda_o], take the place of
    ``macs_s``; without AND gates the arrays per gate may be empty.
    """
    g = ZERO
    for i in range(ZERO, U(gates.shape[0]), U(3)):
        a, b, out = U(gates[i]), U(gates[i + ONE]), U(gates[i + TWO])
        va, vb = lam[a >> ONE], lam[b >> ONE]
        if out & ONE == ZERO:
            lam[out >> ONE] = va ^ vb
            continue
        at = TWO * g
        of_a = mask128(U(va) ^ (a & ONE)) & load128(macs_b, at)
        of_b = mask128(U(vb) ^ (b & ONE)) & load128(macs_a, at)
        store128(macs_s, at, load128(macs_s, at) ^ of_a ^ of_b)
        lam[out >> ONE] = lam_o[g]
        g += ONE
