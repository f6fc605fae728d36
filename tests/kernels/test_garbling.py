"""The walks over gates against a plain reading of sections 9.2, 9.4, 10.2 to 10.4, gate by gate in Python integers."""

from __future__ import annotations

from functools import reduce
from operator import xor

import numpy as np
import pytest

from engine.kernels import garbling
from engine.mpc.leaky_and import tweak_word
from tests.kernels.reference import integers, random_blocks, tweak, tweaked_hash

SLOTS, BASE = 12, 1 << 33


def random_gates(rng: np.random.Generator, gates: int) -> np.ndarray:
    """XOR and AND gates over few slots: results often take the slot of an operand, operands are often equal."""
    ops = rng.integers(0, 2, gates)
    a, b = (2 * rng.integers(0, SLOTS, gates) + (rng.integers(0, 2, gates) & ops) for _ in range(2))
    return np.stack([a, b, 2 * rng.integers(0, SLOTS, gates) + ops], axis=1).astype(np.uint32).reshape(-1)


class Segment:
    """A segment of random gates with random shares: the kernels' side, for parties 0 (evaluator) .. n-1.

    The shares are not consistent with each other; the kernels do not care.
    """

    def __init__(self, parties: int, gates: int = 60, seed: int = 1) -> None:
        self.n, self.rng = parties, np.random.default_rng(seed)
        self.gates = random_gates(self.rng, gates)
        self.triples = self.gates.reshape(-1, 3).tolist()
        self.count = int((self.gates[2::3] & 1).sum())
        self.keys = [bytes([p]) * 16 for p in range(parties)]
        self.delta = random_blocks(seed + 1, 2) | np.array([1, 0], np.uint64)

    def shares(self, seed: int) -> list[np.ndarray]:
        """macs_a, macs_b, macs_s (n-1, m, 2), keys_a, keys_b, keys_s (m, 2)."""
        macs = [random_blocks(seed + t, self.n - 1, self.count, 2) for t in range(3)]
        return macs + [random_blocks(seed + 3 + t, self.count, 2) for t in range(3)]

    def words(self, party: int) -> np.ndarray:
        return np.frombuffer(self.keys[party], np.uint64)

    def garble(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Party 1: own rows, zero-labels, cross rows for party 2 (or none)."""
        labels, shares = random_blocks(50, SLOTS, 2), self.shares(60)
        rows, two = np.zeros((self.count, 4), np.uint64), self.n > 2
        operands = np.zeros(4 * self.count if two else 0, np.uint64)
        halves = np.array([tweak_word(2, 1, 1, h) for h in (0, 1)], np.uint64)
        of_p0 = [m[0].reshape(-1) for m in shares[:3]] + [k.reshape(-1) for k in shares[3:]]
        constants = (self.delta, self.words(1), np.uint64(BASE))
        garbling.walk_garble(self.gates, labels.reshape(-1), *constants, halves, *of_p0, rows.reshape(-1), operands)
        cross = np.zeros((self.count, 6), np.uint64)
        if two:
            halves = np.array([tweak_word(3, 1, 2, h) for h in (0, 1)], np.uint64)
            for part in ((0, 7), (7, self.count)):
                macs = [m[1].reshape(-1) for m in shares[:3]]
                garbling.cross_rows(*part, operands, *constants, halves, *macs, cross.reshape(-1))
        return rows, shares[5], cross

    def evaluate(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Party 0 with these rows of every garbler: masked values, result labels, terms of 10.4, labels of slots."""
        g = self.n - 1
        labels, lam = random_blocks(70, SLOTS, g, 2), self.rng.integers(0, 2, SLOTS, dtype=np.uint8)
        self.lam, shares = lam.copy(), self.shares(80)
        own = [tweak_word(2, i, i, h) for i in range(1, self.n) for h in (0, 1)]
        cross = [tweak_word(3, j, i, h) for j in range(1, self.n) for i in range(1, self.n) for h in (0, 1)]
        lam_o, beta = np.zeros(self.count, np.uint8), self.rng.integers(0, 2, self.count, dtype=np.uint8)
        self.beta = beta
        self.cross = random_blocks(90, g, max(g - 1, 0), self.count, 6)
        garbling.walk_evaluate(
            self.gates,
            g,
            self.count,
            labels.reshape(-1),
            lam,
            np.concatenate([self.words(i) for i in range(1, self.n)]),
            np.uint64(BASE),
            np.array(own, np.uint64),
            np.array(cross, np.uint64),
            np.concatenate([rows.reshape(-1)] * g),
            self.cross.reshape(-1),
            *(array.reshape(-1) for array in shares),
            self.delta,
            beta,
            lam_o,
        )
        return lam_o, shares[2], shares[5], labels


def number(block: np.ndarray) -> int:
    return integers(block)[0]


@pytest.mark.parametrize("parties", [2, 3])
def test_garbling(parties):
    s = Segment(parties)
    rows, zeros, cross = s.garble()
    labels, d = integers(random_blocks(50, SLOTS, 2)), number(s.delta)
    macs_a, macs_b, macs_s, *keys = (integers(v) for v in s.shares(60))
    keys_a, keys_b, keys_s = keys
    g = 0
    for a, b, out in s.triples:
        la, lb = labels[a >> 1] ^ (a & 1) * d, labels[b >> 1] ^ (b & 1) * d
        if out & 1 == 0:
            labels[out >> 1] = la ^ lb
            continue

        def h(x, half, domain, to, g=g):
            return tweaked_hash(s.keys[1], tweak(BASE + g, domain, 1, to, half), x)

        share_a, share_b, share_s = (
            k[g] ^ (m[g] & 1) * d for k, m in ((keys_a, macs_a), (keys_b, macs_b), (keys_s, macs_s))
        )
        row = [h(la, 0, 2, 1) ^ h(la ^ d, 0, 2, 1) ^ share_b, h(lb, 1, 2, 1) ^ h(lb ^ d, 1, 2, 1) ^ share_a ^ la]
        labels[out >> 1] = h(la, 0, 2, 1) ^ h(lb, 1, 2, 1) ^ share_s
        assert integers(rows[g]) == row
        assert number(zeros[g]) == labels[out >> 1]
        if parties == 3:
            at = s.count + g
            x0 = h(la, 0, 3, 2) ^ h(la ^ d, 0, 3, 2) ^ macs_b[at]
            x1 = h(lb, 1, 3, 2) ^ h(lb ^ d, 1, 3, 2) ^ macs_a[at]
            assert integers(cross[g]) == [x0, x1, h(la, 0, 3, 2) ^ h(lb, 1, 3, 2) ^ macs_s[at]]
        g += 1
    assert g == s.count > 20


@pytest.mark.parametrize("parties", [2, 3, 4])
def test_evaluation(parties):
    s = Segment(parties)
    rows = random_blocks(40, s.count, 4)
    lam_o, results, terms, end = s.evaluate(rows)
    garblers, d = range(1, parties), number(s.delta)
    labels = [integers(block) for block in random_blocks(70, SLOTS, parties - 1, 2)]
    lam, row = s.lam.tolist(), [integers(r) for r in rows]
    macs_a, macs_b, macs_s = ([integers(p) for p in v] for v in s.shares(80)[:3])
    keys_a, keys_b, keys_s = ([number(np.array(k)) for k in v] for v in s.shares(80)[3:])
    g = 0
    for a, b, out in s.triples:
        one, two = labels[a >> 1], labels[b >> 1]
        la, lb = lam[a >> 1] ^ a & 1, lam[b >> 1] ^ b & 1
        if out & 1 == 0:
            lam[out >> 1], labels[out >> 1] = la ^ lb, [x ^ y for x, y in zip(one, two)]
            continue

        def hashes(j, i, domain, one=one, two=two, g=g):
            pairs = ((one, 0), (two, 1))
            return reduce(xor, (tweaked_hash(s.keys[j], tweak(BASE + g, domain, j, i, h), x[j - 1]) for x, h in pairs))

        made = []
        for i in garblers:
            p = i - 1
            v = hashes(i, i, 2) ^ macs_s[p][g] ^ la * (row[g][0] ^ macs_b[p][g])
            v ^= lb * (row[g][1] ^ one[p] ^ macs_a[p][g])
            for j in garblers:
                if j != i:
                    x = integers(s.cross[j - 1, [q for q in garblers if q != j].index(i), g])
                    v ^= hashes(j, i, 3) ^ la * x[0] ^ lb * x[1] ^ x[2]
            made.append(v)
        assert [number(results[p, g]) for p in range(parties - 1)] == made
        bit = made[0] & 1 ^ int(s.beta[g])
        tau = la * (macs_b[0][g] & 1) ^ lb * (macs_a[0][g] & 1) ^ macs_s[0][g] & 1
        expected = la * keys_b[g] ^ lb * keys_a[g] ^ keys_s[g] ^ (tau ^ la * lb ^ bit) * d
        assert number(terms[g]) == expected
        assert lam_o[g] == bit
        lam[out >> 1], labels[out >> 1] = bit, made
        g += 1
    assert [integers(block) for block in end] == labels


def test_masked_values():
    s = Segment(2)
    lam, lam_o = s.rng.integers(0, 2, SLOTS, dtype=np.uint8), s.rng.integers(0, 2, s.count, dtype=np.uint8)
    macs = [random_blocks(t, s.count, 2) for t in range(3)]
    of_a, of_b, of_s = (integers(m) for m in macs)
    values, g = lam.tolist(), 0
    garbling.walk_values(s.gates, lam, lam_o, *(m.reshape(-1) for m in macs))
    for a, b, out in s.triples:
        va, vb = values[a >> 1] ^ a & 1, values[b >> 1] ^ b & 1
        values[out >> 1] = int(lam_o[g]) if out & 1 else va ^ vb
        if out & 1:
            assert number(macs[2][g]) == of_s[g] ^ va * of_b[g] ^ vb * of_a[g]
            g += 1
    assert lam.tolist() == values


@pytest.mark.parametrize("peers", [1, 2, 3])
@pytest.mark.parametrize("cuts", [[], [1], [4, 5, 20]])
def test_wire_masks(peers, cuts):
    """Any cut into pieces, as batches end, gives the same: each piece stops before the AND gate that follows it."""
    s = Segment(2)
    m = s.count
    state = random_blocks(1, SLOTS, peers, 4)
    plain = state.copy()
    fresh_m, fresh_k, x, y = (random_blocks(t, peers, m + 3, 2) for t in range(2, 6))
    found = [np.zeros((peers, m, 2), np.uint64) for _ in range(4)]
    opened, gate = np.zeros(2 * m, np.uint8), 0
    for first, stop in zip([0, *cuts], [*cuts, m]):
        parts = [v.reshape(-1)[2 * first :] for v in (fresh_m, fresh_k)]
        triples = [v[0, first:].reshape(-1) for v in (x, y)]
        out = (*(v.reshape(-1) for v in found), 2 * m, opened)
        counts = (gate, first, stop - first, m, peers)
        gate = garbling.walk_masks(s.gates, *counts, state.reshape(-1), *parts, 2 * (m + 3), *triples, *out)
        assert gate == len(s.triples) or s.triples[gate][2] & 1
    assert gate == len(s.triples)
    g = 0
    for a, b, o in s.triples:
        one, two = plain[a >> 1].copy(), plain[b >> 1].copy()
        if o & 1:
            for kind, part in enumerate((one[:, :2], one[:, 2:], two[:, :2], two[:, 2:])):
                assert np.array_equal(found[kind][:, g], part)
            assert opened[g] == (one[0, 0] ^ x[0, g, 0]) & np.uint64(1)
            assert opened[m + g] == (two[0, 0] ^ y[0, g, 0]) & np.uint64(1)
            plain[o >> 1, :, :2], plain[o >> 1, :, 2:] = fresh_m[:, g], fresh_k[:, g]
            g += 1
        else:
            plain[o >> 1] = one ^ two
    assert np.array_equal(state, plain)
