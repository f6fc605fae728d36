"""The transport that holds every message against table 5.1: it sees messages that leave too early (17.4)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import PolytuneError
from engine.mpc import simulate
from engine.mpc.authenticated_bits import BitExtension
from engine.mpc.coins import Coins
from engine.mpc.evaluator import Evaluator
from engine.mpc.execution import Execution
from engine.mpc.parameters import parameters_for
from engine.mpc.party import Party
from engine.mpc.same_key import SameKeyCheck
from engine.transport import memory_channels
from engine.transport.frame import HEADER_BYTES, PHASES

from .catalogue import case
from .cheating import small_circuit
from .ordering import TABLE, Crew, Job, Watch, WatchedChannel, watched
from .support import DealtParty, DealtPreprocessing


def run_watched(party: type[Party], who: int, parties: int, **options) -> Crew:
    """A run in which ``party`` plays number ``who``; all are watched."""
    crew = Crew()
    circuit, inputs = small_circuit(parties)
    make = {p: watched(party if p == who else DealtParty, crew) for p in range(parties)}
    channels = memory_channels(parties, timeout=1.5)
    simulate(circuit, inputs, (0, 1), channels=channels, make_party=make, return_errors=True, fiat_shamir=0, **options)
    return crew


def early(crew: Crew, who: int) -> set[str]:
    """Labels that left too early; of all others nothing did."""
    watches = crew.watches()
    assert not [w.early for p, w in watches.items() if p != who and w.early]
    return {message[0] for message, _ in watches[who].early}


def preprocessing_with(**methods) -> type[Party]:
    made = type("Early", (DealtPreprocessing,), methods)
    return type("Early", (Party,), {"make_preprocessing": lambda self: made(self.session)})


PARTIES = pytest.mark.parametrize("parties", [2, 3])


@case(9, roles={(2, 0), (3, 0)})
@PARTIES
def test_a_coin_before_the_corrections_is_seen(parties):
    def authenticated_bits(self, batch):
        step = BitExtension(self.session, self.correlation, self.coins, batch)
        receive = self.session.channel.recv
        opened = []

        def first_the_coin(from_, label, *args, **numbers):
            if label == "COT_D" and not opened:
                opened.append(step.coins.seed(4 * batch))
                self.session.send_all("COIN_COT", opened[0], a=batch)
            return receive(from_, label, *args, **numbers)

        self.session.channel.recv = first_the_coin
        step.corrections()
        self.session.channel.recv = receive
        raise PolytuneError("enough seen")

    crew = run_watched(preprocessing_with(authenticated_bits=authenticated_bits), 0, parties)
    assert early(crew, 0) == {"COIN_COT"}


@PARTIES
def test_a_page_of_coins_that_was_not_awaited_is_seen(parties):
    class Impatient(Coins):
        def receive(self, page):
            self.late = page

        def open(self, tag, batch):
            if hasattr(self, "late"):
                super().receive(self.late)
                del self.late
            return super().open(tag, batch)

    def start_pairs(self):
        DealtPreprocessing.start_pairs(self)
        self.coins.__class__ = Impatient

    assert "COT_D" in early(run_watched(preprocessing_with(start_pairs=start_pairs), 1, parties), 1)


def test_a_key_that_is_opened_before_the_bits_is_seen():
    class Hasty(SameKeyCheck):
        def open_bits(self, commitments):
            self.session.send_all("DCHK3", bytes(6144))
            raise PolytuneError("enough seen")

    def same_key_check(self):
        check = Hasty(self.session, self.authenticated_bits(0))
        check.open_bits(check.commit())

    assert early(run_watched(preprocessing_with(same_key_check=same_key_check), 2, 3), 2) == {"DCHK3"}


def test_and_gates_before_the_key_check_are_seen():
    def same_key_check(self):
        DealtPreprocessing.same_key_check(self)
        watch = self.session.channel.watch  # as if the last message had not come
        watch.taken = {entry for entry in watch.taken if entry[1][0] != "DCHK3"}

    assert early(run_watched(preprocessing_with(same_key_check=same_key_check), 2, 3), 2) == {"LEAKY_G"}


def execution_with(**methods) -> type[Party]:
    made = type("Early", (Execution,), methods)

    def make(self, circuit, owners, receivers):
        return made(self.session, self.pool, self.position, circuit, owners, receivers, segment=self.segment)

    return type("Early", (DealtParty,), {"make_execution": make})


@case(54, roles={(2, 0), (3, 0)})
@PARTIES
def test_ok_before_the_values_is_seen(parties):
    class Hasty(Evaluator):
        def send_values(self, index, lam, labels, s0):
            if index == 0:
                self.session.send_all("OK", b"", a=self.execution)
            super().send_values(index, lam, labels, s0)

    def make_evaluator(self):
        made = Execution.make_evaluator(self)
        made.__class__ = Hasty
        return made

    crew = run_watched(execution_with(make_evaluator=make_evaluator), 0, parties, segment=6)
    assert early(crew, 0) == {"OK"}


@PARTIES
def test_outputs_before_ok_are_seen(parties):
    def reveal(self, lam):
        self.session.channel.watch.taken.discard((0, ("OK", 0, 0)))  # as if it had not come
        return Execution.reveal(self, lam)

    crew = run_watched(execution_with(reveal=reveal), 1, parties)
    assert early(crew, 1) == {"OUTPUT"}


class Kept:
    """A link that keeps the last frame."""

    def post(self, to, parts):
        self.frame = b"".join(parts)


def test_a_message_in_pieces_counts_when_its_last_row_is_here():
    here, there = memory_channels(2, timeout=1.0)
    here.__class__ = WatchedChannel
    here.watch = watch = Watch(parameters_for(2, 60, 24, fiat_shamir=0), 0, dealt=True)
    rows = np.arange(8, dtype=np.uint64).reshape(4, 2)
    there.link = Kept()
    there.send(0, "LEAKY_G", rows, a=1)
    incoming = here.open(1, "LEAKY_G", np.uint64, (4, 2), a=1)
    here.inbox.feed(1, there.link.frame[: HEADER_BYTES + 32])
    assert incoming.wait(1) == 2
    assert not watch.taken
    here.inbox.feed(1, there.link.frame[HEADER_BYTES + 32 :])
    assert incoming.wait(4) == 4
    assert (incoming.array == rows).all()
    assert watch.taken == {(1, ("LEAKY_G", 1, 0))}


def test_the_table_has_every_message():
    assert TABLE.keys() == PHASES.keys()


@pytest.mark.parametrize("parties", [2, 3])
def test_the_table_has_no_cycle_and_one_beginning(parties):
    """Everything depends on HELLO, and outputs on every check there is."""
    watch = Watch(parameters_for(parties, 60, 24, fiat_shamir=0), 1, dealt=False)
    watch.jobs[0] = Job(attempt=0, ands=60, inputs=24, segment=25, triple=0, mask=0)
    only_three = {"DCHK1", "DCHK2", "DCHK3", "COIN_ZT", "ZT_COM", "ZT_OPEN"}
    labels = TABLE.keys() - ({"ZT_HASH"} if parties == 3 else only_three) - {"ABORT"}
    closure = {m[0].removesuffix("/echo") for m in watch.closure(("OUTPUT", 0, 0))}
    assert closure == labels - {"OUTPUT"}
    for label in labels - {"HELLO"}:
        where = {"LEAKY_G": (1, 0)}.get(label, (1, 0) if label.startswith(("COT", "COIN_", "LEAKY", "ZT")) else (0, 0))
        assert ("HELLO", 0, 0) in watch.closure((label, *where))
    assert {b for label, _, b in watch.closure(("OUTPUT", 0, 0)) if label == "T"} == {0, 1, 2}
