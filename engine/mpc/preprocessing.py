"""Preprocessing: set-up of a session, and batches of triples and wire masks (spec: protocol, sections 4-8).

Producing a batch is a function of (session, batch number) alone, so batches can be made in any order and concurrently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from engine.mpc import authenticated_bits, correlation, hello, same_key, zero_test
from engine.mpc.bucketing import Bucketing
from engine.mpc.coins import Coins
from engine.mpc.leaky_and import LeakyAnd
from engine.mpc.session import Session
from engine.mpc.shares import Shares

#: Progress within one batch after each of its steps.
_STEPS = {"bits": 0.35, "gates": 0.6, "tested": 0.75, "opened": 1.0}


class Stage(IntEnum):
    """How far a batch is: its mask shares, then x and y of its triples, then z may be used (table 5.1)."""

    NOTHING = 0
    BITS = 1
    TESTED = 2
    OPENED = 3


@dataclass(repr=False)
class Batch:
    """L triples and mw fresh wire masks; what a stage does not allow yet is None."""

    masks: Shares | None = None
    x: Shares | None = None
    y: Shares | None = None
    z: Shares | None = None

    def wipe(self) -> None:
        """Overwrite all shares."""
        for shares in (self.masks, self.x, self.y, self.z):
            if shares is not None:
                shares.wipe()


#: Called when a batch has reached a stage.
Announce = Callable[[Stage], None]


class Preprocessing:
    """F_pre of section 1.1 for one party: ``setup`` and ``check_keys`` once, ``produce`` for batches 1, 2, ...

    Batches may begin to be made between the two: their first messages then travel beside those of 4.6.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._accepted = threading.Event()
        self.coins: Coins
        self.correlation: correlation.Correlation

    def setup(self) -> None:
        """Sections 4.1 to 4.5."""
        session = self.session
        session.progress("setup", 0.0)
        hello.run(session)
        session.progress("setup", 0.1)
        self.coins = Coins(session)
        self.coins.send(0)
        self.start_pairs()
        self.coins.receive(0)
        session.progress("setup", 0.8)

    def check_keys(self) -> None:
        """Section 4.6, which ends the set-up."""
        if self.session.parties > 2:
            self.same_key_check()
        self._accepted.set()
        self.session.progress("setup", 1.0)

    def start_pairs(self) -> None:
        """Base OTs and trees with every peer; the first page of coins arrives beside them."""
        self.correlation = correlation.run(self.session, self.first_coins)

    def first_coins(self) -> None:
        """COINPAGE 0 travels with BASEOT, its echo with GGM."""
        with self.session.channel.beside():
            self.coins.receive(0)

    def same_key_check(self) -> None:
        """4.6, on the shares of batch 0."""
        same_key.run(self.session, self.authenticated_bits(0))

    def authenticated_bits(self, batch: int) -> Shares:
        """Section 6."""
        return authenticated_bits.run(self.session, self.correlation, self.coins, batch)

    def produce(self, number: int, batch: Batch, announce: Announce, progress: tuple[int, int] = (0, 1)) -> None:
        """Fill batch ``number`` >= 1; ``progress`` = (finished batches, all batches) for the progress view."""
        with self.session.channel.beside(number > 1):  # later ones are made while those before are used
            self._produce(number, batch, announce, progress)

    def _produce(self, number: int, batch: Batch, announce: Announce, progress: tuple[int, int]) -> None:
        if number % 64 == 32:
            self.coins.commit((number + 32) // 64)
        params = self.session.params
        n, layer = params.total_triples, params.layer
        with self.session.channel.beside(self.session.parties > 2):  # those of batch 0
            shares = self.authenticated_bits(number)
        batch.masks = shares[3 * n : 3 * n + params.masks]
        self._tell("bits", progress)
        announce(Stage.BITS)
        self.wait_for_keys()
        coin = self.leaky_ands(number, shares, progress)
        bucketing = Bucketing(self.session, number, coin, shares)
        batch.x, batch.y = bucketing.operands()
        self._tell("tested", progress)
        announce(Stage.TESTED)
        batch.z = bucketing.results(bucketing.open())
        for start in (0, n, 2 * n):  # of the layers behind the first nothing is needed any more
            shares.give_back(start + layer, start + n)
        self._tell("opened", progress)
        announce(Stage.OPENED)

    def wait_for_keys(self) -> None:
        """No message of section 7, of any batch, before 4.6 was accepted."""
        while not self._accepted.wait(0.1):
            if self.session.dead is not None:
                raise self.session.dead

    def leaky_ands(self, number: int, shares: Shares, progress: tuple[int, int]) -> bytes:
        """Section 7: turns <r> into <z> in place; returns the value of the batch's coin "leaky"."""
        leaky = self.leaky_and(number, shares)
        leaky.half_gates()
        self._tell("gates", progress)
        d = leaky.corrections()
        coin = self.coins.open("leaky", number)
        leaky.finish(d)
        params = self.session.params
        rho = shares[3 * params.total_triples + params.masks :]
        self.zero_test(number, rho, leaky, coin)
        return coin

    def leaky_and(self, batch: int, shares: Shares) -> LeakyAnd:
        """The state of section 7."""
        return LeakyAnd(self.session, batch, shares)

    def zero_test(self, batch: int, rho: Shares, leaky: LeakyAnd, coin: bytes) -> None:
        """Section 7.1 on the folded check values."""
        zero_test.run(self.session, self.coins, batch, rho, leaky.folded(coin))

    def _tell(self, step: str, progress: tuple[int, int]) -> None:
        done, total = progress
        self.session.progress("preprocess", (done + _STEPS[step]) / total)
