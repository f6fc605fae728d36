"""Flights that follow one another (spec: protocol, section 11), counted by logical clocks on every frame.

A frame is one flight later than everything that its sender had taken before. That counts what the implementation really
waits for, whatever the timing.
"""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.mpc import simulate
from engine.transport import Channel, memory_channels
from engine.transport.frame import PART

from .support import DealtParty

#: Flight of each message of an execution by (sender, receiver, label, a, b).
Flights = dict[tuple[int, int, str, int, int], int]


class ReadyParty(DealtParty):
    """An execution begins when all triples are there: section 11, "execution, batches ready"."""

    def make_execution(self, circuit, owners, receivers):
        self.pool.settle()
        return super().make_execution(circuit, owners, receivers)


class Clock:
    """The logical clock of one party, which its execution moves on."""

    def __init__(self, channel: Channel, flights: Flights) -> None:
        self.now, self.channel, self.flights = 0, channel, flights
        self.inner_send, self.inner_recv = channel.send, channel.recv
        channel.send, channel.recv = self.send, self.recv  # type: ignore[method-assign]

    def send(self, to, label, *arrays, a=0, b=0):
        if part(label):
            self.flights[self.channel.party, to, label, a, b] = self.now + 1
        self.inner_send(to, label, *arrays, a=a, b=b)

    def recv(self, from_, label, dtype, shape, a=0, b=0):
        found = self.inner_recv(from_, label, dtype, shape, a=a, b=b)
        if part(label):
            self.now = max(self.now, self.flights[from_, self.channel.party, label, a, b])
        return found


def part(label: str) -> bool:
    """Does the message belong to an execution?"""
    return PART[label.removesuffix("/echo")] in ("garble", "online")


def flights(parties: int, ands: int, segment: int) -> dict[str, int]:
    """Number of the flight with which the last message of every kind came."""
    circuit = and_chain(ands, parties, 3)
    found: Flights = {}
    channels = memory_channels(parties)
    for channel in channels:
        Clock(channel, found)
    inputs = [np.random.default_rng(p).integers(0, 2, n).astype(np.uint8) for p, n in enumerate(circuit.input_bits)]
    make = dict.fromkeys(range(parties), ReadyParty)
    result = simulate(circuit, inputs, channels=channels, segment=segment, make_party=make, timeout=60)
    assert (result.outputs[0] == circuit.evaluate(inputs)).all()
    last: dict[str, int] = {}
    for (_, _, label, _, _), flight in found.items():
        last[label] = max(last.get(label, 0), flight)
    return last


def test_two_parties_as_in_section_11():
    expected = {"EXEC": 1, "INSHARE": 2, "OPEN_BEAVER": 2, "MASKED": 3, "LABELS": 4, "ROWS": 4, "LAM": 5, "T": 6}
    assert flights(2, 100, 100) == expected | {"OK": 7, "OUTPUT": 8}


def test_three_parties_have_two_echoes_more():
    last = flights(3, 100, 100)
    assert (last["EXEC/echo"], last["MASKED/echo"], last["OUTPUT"]) == (2, 5, 10)


@pytest.mark.parametrize("parties", [2, 3])
def test_segments_overlap(parties):
    """One segment alone takes OPEN_BEAVER, ROWS, LAM and T; in a row, each takes one flight more at the most."""
    alone = flights(parties, 90, 90)["OUTPUT"]
    assert flights(parties, 90, 10)["OUTPUT"] <= alone + 8
