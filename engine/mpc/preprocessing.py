"""Preprocessing: set-up of a session, and batches of triples and wire masks (spec: protocol, sections 4-8).

Producing a batch is a function of (session, batch number) alone, so batches can be made in any order and concurrently.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.mpc import authenticated_bits, bucketing, correlation, hello, same_key, zero_test
from engine.mpc.bucketing import Triples
from engine.mpc.coins import Coins
from engine.mpc.leaky_and import LeakyAnd
from engine.mpc.session import Session
from engine.mpc.shares import Shares

#: Progress within one batch after each of its steps.
_STEPS = {"bits": 0.35, "gates": 0.6, "tested": 0.75, "opened": 1.0}


@dataclass(frozen=True)
class Batch:
    """L triples and mw fresh wire masks."""

    triples: Triples
    masks: Shares


class Preprocessing:
    """F_pre of section 1.1 for one party: ``setup`` once, then ``produce`` for batches 1, 2, ..."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.coins: Coins
        self.correlation: correlation.Correlation

    def setup(self) -> None:
        """Sections 4.1 to 4.6."""
        session = self.session
        session.progress("setup", 0.0)
        hello.run(session)
        session.progress("setup", 0.1)
        self.coins = Coins(session)
        self.start_pairs()
        self.coins.commit(0)
        session.progress("setup", 0.8)
        if session.parties > 2:
            self.same_key_check()
        session.progress("setup", 1.0)

    def start_pairs(self) -> None:
        """Base OTs and trees with every peer."""
        self.correlation = correlation.run(self.session)

    def same_key_check(self) -> None:
        """4.6, on the shares of batch 0."""
        same_key.run(self.session, self.authenticated_bits(0))

    def authenticated_bits(self, batch: int) -> Shares:
        """Section 6."""
        return authenticated_bits.run(self.session, self.correlation, self.coins, batch)

    def produce(self, batch: int, progress: tuple[int, int] = (0, 1)) -> Batch:
        """Batch ``batch`` >= 1; ``progress`` = (finished batches, all batches) for the progress view."""
        if batch % 64 == 32:
            self.coins.commit((batch + 32) // 64)
        params = self.session.params
        n = params.total_triples
        shares = self.authenticated_bits(batch)
        coin = self.leaky_ands(batch, shares, progress)
        masks = slice(3 * n, 3 * n + params.masks)
        x, y, z = shares[:n], shares[n : 2 * n], shares[2 * n : 3 * n]
        triples = bucketing.run(self.session, batch, coin, x, y, z)
        for start in (0, n, 2 * n):  # of each layer but the first nothing is needed any more
            shares.give_back(start + params.layer, start + n)
        self._tell("opened", progress)
        return Batch(triples, shares[masks])

    def leaky_ands(self, batch: int, shares: Shares, progress: tuple[int, int]) -> bytes:
        """Section 7: turns <r> into <z> in place; returns the value of the batch's coin "leaky"."""
        leaky = self.leaky_and(batch, shares)
        leaky.half_gates()
        self._tell("gates", progress)
        d = leaky.corrections()
        coin = self.coins.open("leaky", batch)
        leaky.finish(d)
        params = self.session.params
        rho = shares[3 * params.total_triples + params.masks :]
        self.zero_test(batch, rho, leaky, coin)
        self._tell("tested", progress)
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
