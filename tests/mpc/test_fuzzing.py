"""A random bit of a random message is flipped: the run aborts, is refused or right (spec: protocol, 17.6)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from engine.circuit import Builder, Circuit
from engine.errors import PolytuneError
from engine.mpc import simulate
from engine.mpc.party import Party
from engine.transport import memory_channels
from engine.transport.frame import HEADER_BYTES, Header, unpack

from .ordering import Crew, watched
from .support import DealtParty, recorded

#: (parties, whether pairs are set up by base transfers): the set-up is long and its messages are few.
KINDS = [(2, False), (2, False), (3, False), (2, False), (2, True), (2, False)]
OPTIONS = {"segment": 5, "batch": 9, "fiat_shamir": 0}


class FlippingLink:
    """Flips one bit of one frame; ``message`` is (label, receiver, a, b)."""

    def __init__(self, inner: Any, message: tuple[str, int, int, int], bit: int) -> None:
        self.inner, self.message, self.bit, self.done = inner, message, bit, False

    def post(self, to: int, parts: list[Any]) -> None:
        frame = bytearray().join(parts)
        h = unpack(frame[:HEADER_BYTES])
        if (h.label, h.receiver, h.a, h.b) == self.message:
            frame[self.bit // 8] ^= 1 << self.bit % 8
            self.done = True
        self.inner.post(to, [frame])

    def flush(self) -> None:
        self.inner.flush()

    def close(self) -> None:
        self.inner.close()


@functools.cache
def job(parties: int) -> tuple[Circuit, list[np.ndarray]]:
    """Every input feeds an AND gate that is an output, so no masked value may differ between two parties."""
    builder = Builder((6,) * parties)
    wires = [builder.input(p) for p in range(parties)]
    first = [builder.and_(wires[p], wires[(p + 1) % parties]) for p in range(parties)]
    second = builder.and_(builder.xor(first[0], wires[1]), builder.not_(first[-1]))
    outputs = np.concatenate([*first, second, builder.xor(second, wires[0]), np.array([1], second.dtype)])
    rng = np.random.default_rng(parties)
    return builder.finish(outputs), [rng.integers(0, 2, 6, np.uint8) for _ in range(parties)]


@functools.cache
def messages(parties: int, whole: bool) -> dict[str, list[Header]]:
    """The messages of an honest run by label."""
    circuit, inputs = job(parties)
    channels, log = recorded(parties)
    make = dict.fromkeys(range(parties), Party if whole else DealtParty)
    simulate(circuit, inputs, tuple(range(parties)), channels=channels, make_party=make, **OPTIONS)
    found: dict[str, list[Header]] = {}
    for header, _ in log:
        found.setdefault(header.label, []).append(header)
    return dict(sorted(found.items()))


def play(seed: int) -> str:
    """One run; returns how it ended."""
    rng = np.random.default_rng(seed)
    parties, whole = KINDS[seed % len(KINDS)]
    circuit, inputs = job(parties)
    offered = messages(parties, whole)
    labels = ["HELLO", "BASEOT", "GGM", "COINPAGE"] if whole else list(offered)
    among = sorted(offered[labels[rng.integers(len(labels))]], key=lambda h: (h.sender, h.receiver, h.a, h.b))
    target = among[rng.integers(len(among))]
    in_header = target.length == 0 or rng.integers(6) == 0
    low, high = (0, 8 * HEADER_BYTES) if in_header else (8 * HEADER_BYTES, 8 * (HEADER_BYTES + target.length))
    bit = int(rng.integers(low, high))
    what = f"seed {seed}: bit {bit} of {target}"

    crew = Crew()
    channels = memory_channels(parties, timeout=2.0 if in_header else 20.0)
    message = (target.label, target.receiver, target.a, target.b)
    flipping = FlippingLink(channels[target.sender].link, message, bit)
    channels[target.sender].link = flipping
    make = {p: watched(Party if whole else DealtParty, crew) for p in range(parties)}
    everybody = tuple(range(parties))
    result = simulate(circuit, inputs, everybody, channels=channels, make_party=make, return_errors=True, **OPTIONS)
    assert flipping.done, what
    expected = circuit.evaluate(inputs)
    for p in everybody:
        output, error = result.outputs[p], result.errors[p]
        assert error is None or isinstance(error, PolytuneError), f"{what}: party {p} crashed: {error!r}"
        assert (output is None) == (error is not None), what
        assert output is None or (output == expected).all(), f"{what}: party {p} has a wrong output"
        if error is not None:
            assert not crew.parties[p].session.delta.any(), what
    crew.in_order()
    return "right" if not any(result.errors) else "ended"


@pytest.mark.parametrize("block", range(6))
def test_flipped_bits(block):
    endings = {play(seed) for seed in range(10 * block, 10 * block + 10)}
    assert "ended" in endings


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", range(20))
def test_many_flipped_bits(block):
    endings = {play(seed) for seed in range(1000 + 100 * block, 1100 + 100 * block)}
    assert endings == {"ended", "right"}  # a flip in a row that is not used is harmless
