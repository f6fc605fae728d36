"""The imitated network: what is sent arrives whole and in order, never before its time, and a run over it is a run."""

from __future__ import annotations

import time

import numpy as np
import pytest

from engine import simulate
from engine.circuit.bench import and_chain
from engine.transport import memory_channels
from engine.transport.slow import PIECE, SlowLink, Wire, slow_down


class Recorder:
    """A link that notes what arrives and when."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, bytes, float]] = []

    def post(self, to: int, parts: list) -> None:
        self.pieces.append((to, b"".join(bytes(p) for p in parts), time.monotonic()))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_bytes_arrive_in_order_and_not_early():
    inner = Recorder()
    wire = Wire(rtt=0.02, rate=10_000_000)
    link = SlowLink(inner, {1: wire, 2: Wire()})
    data = np.random.default_rng(1).integers(0, 256, 3 * PIECE + 5, dtype=np.uint8)
    begin = time.monotonic()
    link.post(1, [b"head", data])
    link.post(1, [b"second"])
    link.post(2, [b"other"])
    link.flush()
    link.close()
    arrived = [(payload, at) for to, payload, at in inner.pieces if to == 1]
    assert b"".join(payload for payload, _ in arrived) == b"head" + data.tobytes() + b"second"
    sent = 0
    for payload, at in arrived:
        sent += len(payload)
        assert at - begin >= sent / wire.rate + wire.rtt / 2
    assert [payload for to, payload, _ in inner.pieces if to == 2] == [b"other"]


def test_units_of_the_command_line():
    assert Wire.of(40, 100) == Wire(rtt=0.04, rate=12_500_000)


@pytest.mark.parametrize("parties", [2, 3])
def test_a_run_with_slow_and_fast_peers(parties):
    """One of the lines is much slower than the others: the result is the same."""
    circuit = and_chain(300, parties, 5)
    inputs = [np.random.default_rng(p).integers(0, 2, n).astype(np.uint8) for p, n in enumerate(circuit.input_bits)]
    channels = memory_channels(parties, timeout=60)
    pairs = [(a, b) for a in range(parties) for b in range(parties) if a != b]
    wires = dict.fromkeys(pairs, Wire(rtt=0.001)) | {(parties - 1, 0): Wire(rtt=0.01, rate=2_000_000)}
    result = simulate(circuit, inputs, channels=slow_down(channels, wires))
    for channel in channels:
        channel.link.close()
    assert (result.outputs[0] == circuit.evaluate(inputs)).all()
