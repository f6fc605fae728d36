"""What looks random on the wire, and in shares, is uniform (spec: protocol, section 17.2).

Seeds are fixed, so a test gives the same figures every time. Bounds are those of a false-alarm rate of 6e-5 for the
number of ones (4 standard deviations), and of 1e-4 for the frequencies of bytes and shifts.
"""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.mpc import simulate
from engine.mpc.bucketing import shifts
from engine.mpc.parameters import SEGMENT
from engine.mpc.party import Party

from .rates import assert_rate
from .support import DealtParty, DealtPreprocessing, recorded

#: AND gates: of each kind there are at least as many samples.
SIZES = [60_000, pytest.param(1_050_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
INPUTS = 128


def assert_uniform(counts: np.ndarray) -> None:
    """Pearson's chi-square: above the bound with probability 1e-4 (Wilson and Hilferty's approximation)."""
    expected, freedom = counts.sum() / len(counts), len(counts) - 1
    assert expected >= 5
    chi = float(((counts - expected) ** 2 / expected).sum())
    bound = freedom * (1 - 2 / (9 * freedom) + 3.72 * (2 / (9 * freedom)) ** 0.5) ** 3
    assert chi < bound, f"chi-square {chi:.1f} with {freedom} degrees of freedom"


def assert_random(data: bytes | np.ndarray) -> None:
    """Ones and bytes of ``data``."""
    array = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    assert_rate(int(np.unpackbits(array).sum()), 8 * len(array), 0.5)
    assert_uniform(np.bincount(array, minlength=256))


class Wire:
    """The messages of a run of ``parties`` with ``ands`` AND gates, and the secret bits x of all parties."""

    def __init__(self, parties: int, ands: int) -> None:
        self.ands, self.parties = ands, parties
        secret: dict[int, np.ndarray] = {}

        class Telling(DealtPreprocessing):
            def authenticated_bits(self, batch):
                shares = super().authenticated_bits(batch)
                if batch == 1:
                    secret[self.session.party] = shares.bits()
                return shares

        class TellingParty(Party):
            def make_preprocessing(self):
                return Telling(self.session)

        circuit = and_chain(ands, 2, 64)
        rng = np.random.default_rng(ands)
        inputs = [rng.integers(0, 2, INPUTS, np.uint8) for _ in range(2)] + [np.zeros(0, np.uint8)] * (parties - 2)
        channels, self.log = recorded(parties)
        seeds = [bytes([p, parties]) * 16 for p in range(parties)]
        make = dict.fromkeys(range(parties), TellingParty)
        simulate(circuit, inputs, channels=channels, seeds=seeds, make_party=make)
        self.secret = secret

    def payloads(self, label: str, sender: int | None = None, receiver: int | None = None) -> list[bytes]:
        return [
            payload
            for h, payload in self.log
            if h.label == label and sender in (None, h.sender) and receiver in (None, h.receiver)
        ]

    def opened(self, label: str, tail: int) -> list[np.ndarray]:
        """The XOR of all senders' bits, message by message; ``tail``: bytes behind them."""
        sums: dict[tuple[int, int], np.ndarray] = {}
        for h, payload in self.log:
            if h.label == label and h.receiver == (1 if h.sender == 0 else 0):
                bits = np.unpackbits(np.frombuffer(payload, np.uint8)[: len(payload) - tail], bitorder="little")
                sums[h.a, h.b] = sums.get((h.a, h.b), np.uint8(0)) ^ bits
        return list(sums.values())


def without_padding(bits: list[np.ndarray]) -> np.ndarray:
    """Packed, without the last byte of each piece."""
    return np.concatenate([np.packbits(piece)[: len(piece) // 8 - 1] for piece in bits])


@pytest.fixture(scope="module", params=SIZES)
def wire(request) -> Wire:
    return Wire(2, request.param)


def test_shares_of_bits(wire):
    for bits in wire.secret.values():
        assert len(bits) >= wire.ands
        assert_random(np.packbits(bits))


def test_corrections_of_leaky_gates(wire):
    """The shares s of both parties, and d."""
    for sender in (0, 1):
        data = b"".join(payload[:-1] for payload in wire.payloads("LEAKY_S", sender))
        assert 8 * len(data) >= wire.ands
        assert_random(data)
    assert_random(without_padding(wire.opened("LEAKY_S", 0)))


def test_opened_bits_of_buckets_and_products(wire):
    buckets = without_padding(wire.opened("OPEN_BUCKET", 16))
    assert 8 * len(buckets) >= wire.ands
    assert_random(buckets)
    products = wire.opened("OPEN_BEAVER", 16)
    sizes = [min(SEGMENT, wire.ands - s * SEGMENT) for s in range(len(products))]
    assert_random(without_padding([bits[:m] for bits, m in zip(products, sizes, strict=True)]))  # e
    assert_random(without_padding([bits[m : 2 * m] for bits, m in zip(products, sizes, strict=True)]))  # f


def test_masked_values(wire):
    data = b"".join(payload[: -33 if wire.ands % 8 else -32] for payload in wire.payloads("LAM"))
    assert 8 * len(data) >= wire.ands - 8 * len(wire.payloads("LAM"))
    assert_random(data)


@pytest.mark.parametrize("label", ["COT_D", "LEAKY_G", "ROWS"])
def test_ciphertexts(wire, label):
    for sender in (0, 1):
        data = b"".join(wire.payloads(label, sender))
        if data:
            assert len(data) >= wire.ands
            assert_random(data)


def test_cross_rows():
    wire = Wire(3, 20_000)
    for sender in (1, 2):
        data = b"".join(wire.payloads("ROWS", sender))
        assert_random(data[: 32 * wire.ands])
        assert_random(data[32 * wire.ands : 80 * wire.ands])


def test_shifts():
    """Each shift of a bucket, over the values of the coin, and of a large layer in its leading bits."""
    rng = np.random.default_rng(1)
    found = [shifts(bytes(32), 1, rng.bytes(16), 4, 48) for _ in range(5000)]
    assert {s[0] for s in found} == {0}
    for q in (1, 2, 3):
        assert_uniform(np.bincount([s[q] for s in found], minlength=48))
    assert_uniform(np.bincount([(s[1] - s[2]) % 48 for s in found], minlength=48))
    large = [shifts(bytes(32), 2, rng.bytes(16), 2, 370_728)[1] for _ in range(5000)]
    assert_uniform(np.bincount([s * 64 // 370_728 for s in large], minlength=64))


@pytest.mark.parametrize("parties", [2, 3])
def test_no_ciphertext_occurs_twice(parties):
    """In one run or in two with equal inputs: secrets are fresh, tweaks are used once."""
    circuit = and_chain(400, parties, 3)
    inputs = [np.ones(n, np.uint8) for n in circuit.input_bits]
    sizes = {"COT_D": 16, "LEAKY_G": 8, "ZT_C": 16, "ROWS": 16, "LABELS": 16}
    blocks: dict[int, list[bytes]] = {8: [], 16: []}
    for _ in range(2):
        channels, log = recorded(parties)
        simulate(circuit, inputs, channels=channels, make_party=dict.fromkeys(range(parties), DealtParty))
        for header, payload in log:
            size = sizes.get(header.label)
            if size:
                whole = range(0, len(payload) - size + 1, size)
                blocks[size] += [payload[i : i + size] for i in whole]
    for found in blocks.values():
        assert len(found) > 4000
        assert len(set(found)) == len(found)


def test_the_tests_see_a_bias():
    """A bit that is too often set, and one byte value that is missing."""
    data = np.random.default_rng(3).integers(0, 256, 200_000, np.uint8)
    biased = data.copy()
    biased[::6] |= 1
    with pytest.raises(AssertionError):
        assert_random(biased)
    missing = data[data != 0x5A]
    with pytest.raises(AssertionError):
        assert_uniform(np.bincount(missing, minlength=256))
