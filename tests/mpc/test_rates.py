"""Guesses that a cheater may make survive at the rates that the analysis says (spec: protocol, sections 12, 15, 17.5).

Each test asserts a count within 4 standard deviations, i.e. with a false-alarm rate of 6e-5 (see :mod:`.rates`).
"""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Builder
from engine.errors import CheatingDetected
from engine.kernels.gf128 import mul
from engine.mpc import zero_test
from engine.mpc.authenticated_bits import BitExtension
from engine.mpc.leaky_and import LeakyAnd
from engine.mpc.parameters import parameters_for
from engine.mpc.zero_test import ZeroTest, powers
from engine.ot import ggm, softspoken
from engine.randomness import Randomness
from engine.transport import memory_channels

from .catalogue import EVALUATION, case
from .rates import SID, DealtCoins, Judge, assert_rate, deal, judges, repeat, tiny
from .support import DealtParty, TamperingLink, ideal_pairs, in_threads, session_of

#: Factor on the number of runs: once by default, ten times in the long suite.
LENGTH = pytest.mark.parametrize("factor", [1, pytest.param(10, marks=pytest.mark.long)])


# -- trees (4.4) ----------------------------------------------------------------------------------------------


@case(5, roles={(2, 0), (2, 1)})
@LENGTH
@pytest.mark.parametrize("guessed", [1, 2, 3])
def test_corrections_of_one_side(guessed, factor):
    """A change on one side of b trees goes unseen if it is the side that the key holder walks: 2^-b."""
    rng, runs, k = np.random.default_rng(guessed), 250 * factor, 1
    roots, k0, k1 = (rng.integers(0, 256, (128, 16), np.uint8) for _ in range(3))
    payload, seeds = ggm.build(SID, 0, 1, k, roots, k0, k1)
    survived = 0
    for _ in range(runs):
        bits = rng.integers(0, 2, 128, np.uint8)
        chosen = np.where(bits[:, None] == 1, k0, k1)  # the complement of the path bit
        changed = bytearray(payload)
        sides = rng.integers(0, 2, guessed)
        trees = rng.choice(128, guessed, replace=False)
        for tree, side in zip(trees, sides, strict=True):
            changed[32 * tree + 16 * side] ^= 1
        try:
            opened = ggm.open_trees(SID, 0, 1, k, bits, chosen, bytes(changed))
        except CheatingDetected:
            assert (bits[trees] != sides).any()
        else:
            assert (bits[trees] == sides).all()
            others = np.arange(128)
            assert (opened[others, 1 - bits] == seeds[others, 1 - bits]).all()
            survived += 1
    assert_rate(survived, runs, 2.0**-guessed)


# -- extension (6.2) ------------------------------------------------------------------------------------------


class Guessing(BitExtension):
    """Changes the corrections of some trees and adapts v to a guess of the bits of the key there."""

    def __init__(self, *args, trees, guess, error):
        super().__init__(*args)
        self.trees, self.guess, self.error = trees, guess, error

    def corrections(self):
        channel = self.session.channel
        send = channel.send

        def changed(to, label, d, **numbers):
            d = d.copy()
            d[self.trees, 0] ^= self.error
            send(to, label, d, **numbers)

        channel.send = changed
        try:
            super().corrections()
        finally:
            channel.send = send

    def digest(self, i, j, folded):
        if j == self.session.party:  # the own v, not what is expected of the peer
            stream = np.zeros((self.blocks + 1, 2), np.uint64)
            stream[0] = self.error
            shift = softspoken.fold_stream(self.coins.open("cot", self.batch), stream)
            k = self.session.params.k
            for tree, bits in zip(self.trees, self.guess, strict=True):
                for b in range(k):
                    folded[tree * k + b] ^= shift * np.uint64(bits >> b & 1)
        return super().digest(i, j, folded)


@case(15, roles={(2, 1)})
@LENGTH
@pytest.mark.parametrize(("k", "trees"), [(1, 1), (1, 2), (1, 3), (2, 1), (4, 1)])
def test_guesses_of_key_bits(k, trees, factor):
    """Wrong corrections in some trees survive if all k bits of the key in each of them were guessed: 2^-(k trees)."""
    runs = 400 * factor
    rng = np.random.default_rng(10 * k + trees)
    sessions = judges(tiny(2, k=k), rng)
    pairs = {s.party: ideal_pairs(s) for s in sessions}
    plans = [  # tree 0 holds the two bits of the key that everybody knows
        (rng.choice(np.arange(2, 128 // k), trees, replace=False), rng.integers(0, 1 << k, trees)) for _ in range(runs)
    ]
    error = rng.integers(1, 1 << 63, 2, np.uint64)

    def work(session, batch):
        args = (session, pairs[session.party], DealtCoins(session), batch)
        at, guess = plans[batch - 1]
        step = Guessing(*args, trees=at, guess=guess, error=error) if session.party == 1 else BitExtension(*args)
        step.corrections()
        step.check()
        return session.verdict()

    verdicts = repeat(sessions, runs, work)[0]
    right = [bool((pairs[0].alpha[at] == guess).all()) for at, guess in plans]
    assert [not v for v in verdicts] == right
    assert {phase for v in verdicts for phase in v} <= {"COT_V"}
    assert_rate(sum(right), runs, 2.0 ** -(k * trees))


# -- leaky AND (7) --------------------------------------------------------------------------------------------


class Probing(LeakyAnd):
    """Changes the ciphertexts towards the first peer, or the own C, in the first ``probes`` triples."""

    probes, other_y = 0, False

    def garble(self):
        if self.other_y:
            honest = self.shares
            self.shares = honest.copy()
            y = slice(self.count, self.count + self.probes)
            self.shares.macs[0, y, 0] ^= np.uint64(0x5500)  # bit 1, which becomes d, stays
            try:
                return super().garble()
            finally:
                self.shares = honest
        g = super().garble()
        g[0, : self.probes, 0] ^= np.uint64(0x5500)
        return g


@case(21, roles={(2, 0), (3, 0)})
@case(22, roles={(2, 0), (3, 0)})
@LENGTH
@pytest.mark.parametrize(
    ("parties", "probes", "other_y"),
    [(2, 1, False), (2, 2, False), (2, 4, False), (3, 1, False), (2, 1, True), (2, 3, True), (3, 1, True)],
)
def test_leaks_of_x(parties, probes, other_y, factor):
    """One bit of x leaks per triple, and survives if it is 0: 2^-t for t triples.

    With changed ciphertexts it is the share of the party that got them, with another y the sum of all shares.
    """
    runs = (400 if parties == 2 else 200) * factor
    rng = np.random.default_rng(100 * parties + 10 * probes + other_y)
    params = tiny(parties)
    sessions = judges(params, rng)
    dealt = [deal(sessions, params.shares(1), rng) for _ in range(runs)]
    leaked = []
    for shares in dealt:
        bits = np.stack([s.bits()[:probes] for s in shares])
        leaked.append(np.bitwise_xor.reduce(bits) if other_y else bits[1])

    def work(session, batch):
        shares = dealt[batch - 1][session.party]
        leaky = LeakyAnd(session, batch, shares)
        if session.party == 0:
            leaky.__class__ = Probing
            leaky.probes, leaky.other_y = probes, other_y
        leaky.half_gates()
        leaky.finish(leaky.corrections())
        coins = DealtCoins(session)
        rho = shares[3 * params.total_triples + params.masks :]
        zero_test.run(session, coins, batch, rho, leaky.folded(coins.open("leaky", batch)))
        return session.verdict()

    verdicts = repeat(sessions, runs, work)[1]
    right = [not bits.any() for bits in leaked]
    assert [not v for v in verdicts] == right
    assert {phase for v in verdicts for phase in v} <= {"ZT_HASH", "ZT_OPEN"}
    assert_rate(sum(right), runs, 2.0**-probes)


def trace(block: np.ndarray) -> int:
    """Tr of an element of GF(2^128): the sum of its 128 conjugates, 0 or 1."""
    total, power = block.copy(), block.copy()
    for _ in range(127):
        power = mul(power, power)
        total ^= power
    assert total[1] == 0
    assert total[0] in (0, 1)
    return int(total[0])


def inverse(block: np.ndarray) -> np.ndarray:
    """1 / block = block^(2^128 - 2)."""
    result, power = np.array([1, 0], np.uint64), block
    for _ in range(127):
        power = mul(power, power)
        result = mul(result, power)
    return result


@case(32, roles={(3, 0)})
@LENGTH
@pytest.mark.parametrize("fixed", [False, True])
def test_opened_sum_tells_nothing(fixed, factor):
    """The attack R E + R^2 of 7.1: with coefficients fixed in advance Tr(sum / E^2) = 0 for an honest party's part.

    With coefficients from the coin, drawn after the errors, this bit is uniform; so is every other bit of the sum.
    """
    runs = 100 * factor
    rng = np.random.default_rng(32)
    params = tiny(3)
    sessions = judges(params, rng)
    e = rng.integers(1, 1 << 63, 2, np.uint64)
    traces, lows = [], []
    scale = inverse(mul(e, e))
    for batch in range(1, runs + 1):
        shares = deal(sessions, params.zero_test_shares, rng)
        # All V are zero but the honest party's, which is E; errors X^b in what the others send it.
        steps = [ZeroTest(s, DealtCoins(s), batch, x, np.zeros(2, np.uint64)) for s, x in zip(sessions, shares)]
        steps[1].v = e
        for step in steps:
            step.send_ciphertexts()
        received = [step.receive_ciphertexts() for step in steps]
        received[1][0][:128] ^= powers(128)
        g = steps[1].coefficients()
        if fixed:
            g = np.zeros((params.zero_test_shares, 2), np.uint64)
            g[:128] = powers(128)
        total = np.zeros(2, np.uint64)
        for step, mine in zip(steps, received, strict=True):
            total ^= step.product_share(g, mine)
        # What the cheaters know of it: R of their own shares times E.
        known = np.zeros(2, np.uint64)
        for p in (0, 2):
            mask = (np.uint64(0) - shares[p].bits().astype(np.uint64))[:, None]
            known ^= mul(np.bitwise_xor.reduce(g & mask, axis=0), e)
        honest = total ^ known
        traces.append(trace(mul(honest, scale)))
        lows.append(honest)
    if fixed:
        assert not any(traces)  # this is why they are not fixed
        return
    assert_rate(sum(traces), runs, 0.5)
    bits = np.unpackbits(np.stack(lows).view(np.uint8))
    assert_rate(int(bits.sum()), len(bits), 0.5)


# -- rows (9.4) -----------------------------------------------------------------------------------------------


def two_gates(parties: int):
    """x AND y AND z, with x and z of the evaluator, y of the first garbler."""
    builder = Builder((2, 1, *[0] * (parties - 2)))
    (x, z), y = builder.input(0), builder.input(1)
    return builder.finish(builder.and_(builder.and_(x, y), z))


#: Rows of the first gate in a garbler's message: the first byte, and which masked value uses it (2: always).
ROWS = {"G0": (0, 0), "G1": (16, 1), "X0": (64, 0), "X1": (80, 1), "X2": (96, 2)}


@case(45, roles={(2, 1), (3, 1), (3, 2)})
@LENGTH
@pytest.mark.parametrize(
    ("parties", "cheater", "row"),
    [(2, 1, "G0"), (2, 1, "G1"), (3, 1, "G1"), (3, 2, "G0"), (3, 1, "X0"), (3, 2, "X1"), (3, 2, "X2")],
)
def test_one_row_of_one_gate(parties, cheater, row, factor):
    """A changed row is found if and only if it is used: when the masked value of its operand is 1 (X2: always).

    Own rows of a garbler that sends no decoding bits spoil its labels, and through them the cross rows of the next
    gate; without a next gate they change nothing but its own check.
    """
    runs = (120 if parties == 2 else 60) * factor
    rng = np.random.default_rng(45)
    at, operand = ROWS[row]
    circuit = two_gates(parties)
    params = parameters_for(parties, 2 * runs, 3 * runs)
    masked = np.zeros((runs, 2), np.uint8)

    def log(header, payload):
        if header.label == "MASKED" and header.sender < 2:
            masked[header.a, header.sender] = payload[0] & 1
        return payload

    def corrupt(header, payload):
        if header.label == "ROWS":
            payload[at] ^= 1
        return log(header, payload)

    crew = []
    for p, channel in enumerate(memory_channels(parties, timeout=60)):
        channel.link = TamperingLink(channel.link, corrupt if p == cheater else log)
        session = session_of(channel, params, bytes(32), np.zeros(2, np.uint64))
        session.random = Randomness(bytes([45, p, *[0] * 30]))
        session.__class__ = Judge
        session.failed = []
        crew.append(DealtParty(session))
    in_threads([lambda p=p: p.setup(circuit) for p in crew])
    inputs = rng.integers(0, 2, (runs, 3), np.uint8)

    def work(p):
        party, found = crew[p], []
        for values in inputs:
            mine = (values[::2], values[1:2], values[:0])[p]
            out = party.execute(circuit, mine, (0,))
            found.append((party.session.verdict(), out))
        return found

    results = in_threads([lambda p=p: work(p) for p in range(parties)])
    for party in crew:
        party.close()
    used = masked[:, operand] == 1 if operand < 2 else np.ones(runs, bool)
    phases = [set().union(*(results[p][e][0] for p in range(parties) if p != cheater)) for e in range(runs)]
    assert [bool(found) for found in phases] == used.tolist()
    assert set().union(*phases) <= set(EVALUATION)
    for e in np.flatnonzero(~used):
        assert results[0][e][1][0] == inputs[e].all()
    if operand < 2:
        assert_rate(int(used.sum()), runs, 0.5)
