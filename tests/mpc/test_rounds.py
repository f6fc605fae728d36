"""Flights that follow one another (spec: protocol, section 11), counted by logical clocks on every frame.

A frame is one flight later than everything that its sender had taken before. That counts what the implementation really
waits for, whatever the timing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.mpc import simulate
from engine.mpc.party import Party
from engine.mpc.pool import Pool
from engine.mpc.preprocessing import Preprocessing, Stage
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
    """The logical clocks of the threads of one party; only messages that ``counted`` accepts move them."""

    def __init__(self, channel: Channel, flights: Flights, counted: Callable[[str], bool]) -> None:
        self.channel, self.flights, self.counted = channel, flights, counted
        self.threads: dict[int, int] = {}
        self.inner_send, self.inner_recv = channel.send, channel.recv
        channel.send, channel.recv = self.send, self.recv  # type: ignore[method-assign]

    @property
    def now(self) -> int:
        return self.threads.get(threading.get_ident(), 0)

    def reach(self, flight: int) -> None:
        """What the present thread does next depends on something that came with that flight."""
        self.threads[threading.get_ident()] = max(self.now, flight)

    def send(self, to, label, *arrays, a=0, b=0):
        if self.counted(label):
            self.flights[self.channel.party, to, label, a, b] = self.now + 1
        self.inner_send(to, label, *arrays, a=a, b=b)

    def recv(self, from_, label, dtype, shape, a=0, b=0):
        found = self.inner_recv(from_, label, dtype, shape, a=a, b=b)
        if self.counted(label):
            self.reach(self.flights[from_, self.channel.party, label, a, b])
        return found


class ClockedPreprocessing(Preprocessing):
    """Hands the clock on from the thread of 4.6 to the one that makes batches, and from there to who waits for them."""

    def __init__(self, session, clock: Clock) -> None:
        super().__init__(session)
        self.clock, self.accepted, self.started = clock, 0, 0
        self.reached: dict[tuple[int, Stage], int] = {}

    def same_key_check(self):
        super().same_key_check()
        self.accepted = self.clock.now

    def wait_for_keys(self):
        super().wait_for_keys()
        self.clock.reach(self.accepted)

    def produce(self, number, batch, announce, progress=(0, 1)):
        def tell(stage):
            self.reached[number, stage] = self.clock.now
            announce(stage)

        self.clock.reach(self.started)
        super().produce(number, batch, tell, progress)


class ClockedPool(Pool):
    """Whoever waits for a stage of a batch is as late as that."""

    _make: ClockedPreprocessing

    def reserve(self, triples, masks):
        if self._thread is None:
            self._make.started = self._make.clock.now
        super().reserve(triples, masks)

    def ready(self, triples, masks):
        return False  # a thread that comes late, on a busy machine, would make other messages late too

    def wait(self, triples, masks):
        super().wait(triples, masks)
        self.take(self._batches_of(triples, 0), Stage.TESTED)
        self.take(self._batches_of(0, masks), Stage.BITS)

    def _batch(self, c, stage):
        found = super()._batch(c, stage)
        self.take(c, stage)
        return found

    def take(self, c, stage):
        reached = self._make.reached
        self._make.clock.reach(max(reached[b, s] for b, s in reached if b < c or (b == c and s <= stage)))


class ClockedParty(Party):
    """An honest party whose every flight counts, from HELLO on."""

    clocks: dict[Channel, Clock]

    def __init__(self, session, *, segment):
        super().__init__(session, segment=segment)
        self.pool = ClockedPool(self.preprocessing)

    def make_preprocessing(self):
        return ClockedPreprocessing(self.session, self.clocks[self.session.channel])


def part(label: str) -> bool:
    """Does the message belong to an execution?"""
    return PART[label.removesuffix("/echo")] in ("garble", "online")


def flights(parties: int, ands: int, segment: int) -> dict[str, int]:
    """Number of the flight with which the last message of every kind came."""
    circuit = and_chain(ands, parties, 3)
    found: Flights = {}
    channels = memory_channels(parties)
    for channel in channels:
        Clock(channel, found, part)
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


def cold_start(parties: int, ands: int, fiat_shamir: int) -> tuple[dict[str, int], int]:
    """As :func:`flights`, but of a whole session from HELLO to OUTPUT; and the rounds that the statistics tell."""
    circuit = and_chain(ands, parties, 3)
    found: Flights = {}
    channels = memory_channels(parties)
    party = type("Party", (ClockedParty,), {"clocks": {c: Clock(c, found, lambda label: True) for c in channels}})
    inputs = [np.random.default_rng(p).integers(0, 2, n).astype(np.uint8) for p, n in enumerate(circuit.input_bits)]
    make = dict.fromkeys(range(parties), party)
    result = simulate(circuit, inputs, channels=channels, make_party=make, fiat_shamir=fiat_shamir, timeout=60)
    assert (result.outputs[0] == circuit.evaluate(inputs)).all()
    last: dict[str, int] = {}
    for (_, _, label, _, _), flight in found.items():
        last[label] = max(last.get(label, 0), flight)
    return last, result.stats[0].rounds


@pytest.mark.parametrize(("parties", "fiat_shamir", "rounds"), [(2, 1, 15), (2, 0, 17), (3, 0, 27), (4, 0, 27)])
def test_cold_start_to_output_as_in_section_11(parties, fiat_shamir, rounds):
    """EXEC, INSHARE and MASKED travel beside the batch, OPEN_BEAVER with its OPEN."""
    last, told = cold_start(parties, 100, fiat_shamir)
    assert (last["OUTPUT"], told) == (rounds, rounds)


def test_rounds_do_not_grow_with_the_circuit():
    """Later batches are made, and later segments evaluated, beside those before."""
    circuits = [and_chain(ands, 2, 3) for ands in (300, 3_000)]
    results = [simulate(c, [np.zeros(128, np.uint8)] * 2, batch=400, segment=200) for c in circuits]
    assert [result.stats[0].rounds for result in results] == [15, 15]
