"""Authenticated bits of one batch: extension, consistency check, output (spec: protocol, section 6; Roy22).

A batch is a function of the session and its number alone: stream offsets, coins and random labels derive from it.
"""

from __future__ import annotations

import numpy as np

from engine.mpc.coins import Coins
from engine.mpc.correlation import Correlation
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.oracle import COTFS, COTV, RO, same
from engine.ot import softspoken
from engine.ot.softspoken import Extension


class BitExtension:
    """Sections 6.1 to 6.3 for one batch and all peers."""

    def __init__(self, session: Session, correlation: Correlation, coins: Coins, batch: int) -> None:
        self.session, self.correlation, self.coins, self.batch = session, correlation, coins, batch
        params = session.params
        self.count = params.shares(batch)
        self.blocks = params.blocks(batch)
        self.offset = params.stream_offset(batch)
        self.shape = (params.trees, self.blocks + 1, 2)
        #: nb data blocks and one sacrificial block, the same towards everybody
        self.x = session.random.blocks(f"bits/{batch}", self.blocks + 1)
        self.shares = Shares.in_pages(len(session.peers), self.count)
        self.columns_v: dict[int, Extension] = {}
        self.received: dict[int, np.ndarray] = {}
        self.challenge_out: dict[int, bytes] = {}
        self.challenge_in: dict[int, bytes] = {}
        self.x_fold = b""

    def bits_for(self, peer: int) -> np.ndarray:
        """The bit string used towards ``peer``: honest parties use one for all."""
        return self.x

    def corrections(self) -> None:
        """COT_D: the own MACs; the corrections out and in."""
        session, batch = self.session, self.batch
        for place, peer in enumerate(session.peers):
            d, self.columns_v[peer] = softspoken.extend_bits(
                self.correlation.bits[peer],
                self.bits_for(peer),
                self.offset,
                session.workers,
                self.shares.macs[place],
            )
            session.channel.send(peer, "COT_D", d, a=batch)
            self._challenge(self.challenge_out, peer, session.party, d, peer)
        if session.params.fiat_shamir:
            self.prove(self.challenge_out)
        for peer in session.peers:
            self.received[peer] = session.channel.recv(peer, "COT_D", np.uint64, self.shape, a=batch)
            self._challenge(self.challenge_in, session.party, peer, self.received[peer], peer)
        if not session.params.fiat_shamir:  # else the proofs came with the corrections, in one flight
            session.channel.round("COT_D")

    def _challenge(self, table: dict[int, bytes], i: int, j: int, d: np.ndarray, peer: int) -> None:
        if self.session.params.fiat_shamir:
            table[peer] = RO(COTFS, self.session.sid, self.batch, i, j, d)[:16]

    def prove(self, challenges: dict[int, bytes]) -> None:
        """6.2 step 3: COT_V, and COT_X with one X^j for everybody."""
        session = self.session
        own = softspoken.fold_stream(challenges[session.peers[0]], self.x, session.workers)
        for peer in session.peers:
            folded = softspoken.fold(challenges[peer], self.columns_v[peer], session.workers)
            session.channel.send(peer, "COT_V", self.digest(peer, session.party, folded), a=self.batch)
        self.x_fold = own.tobytes()
        session.send_all("COT_X", self.x_fold, a=self.batch)

    def check(self) -> None:
        """6.2: every peer used one bit string with everybody and the right correlation, before any use."""
        session, batch = self.session, self.batch
        received = self.challenge_in
        if not session.params.fiat_shamir:
            received = dict.fromkeys(session.peers, self.coins.open("cot", batch))
            self.prove(received)
        folds = {peer: self.keys(peer, received[peer]) for peer in session.peers}
        x_folds = session.collect("COT_X", self.x_fold, 16, a=batch)
        for peer in session.peers:
            theirs = session.recv_bytes(peer, "COT_V", 32, a=batch)
            expected = self._expected(folds[peer], np.frombuffer(x_folds[peer], np.uint64))
            ok = same(theirs, self.digest(session.party, peer, expected))
            session.require(ok, "COT_V", "the extension's consistency check failed", peer)

    def alpha_for(self, peer: int) -> np.ndarray:
        """The own punctured points in the pair with ``peer``: honest parties have one global key for all."""
        return self.correlation.alpha

    def keys(self, peer: int, challenge: bytes) -> np.ndarray:
        """K of the pair from the peer's corrections; returns F of its columns W, folded in the same pass."""
        place = self.session.peers.index(peer)
        _, folds = softspoken.extend_keys(
            self.correlation.keys[peer],
            self.alpha_for(peer),
            self.received.pop(peer),
            self.offset,
            self.session.workers,
            self.shares.keys[place],
            challenge,
        )
        return folds

    def _expected(self, folds: np.ndarray, x_fold: np.ndarray) -> np.ndarray:
        """E_e = F(W_e) xor (bit e of D) X."""
        bits = np.unpackbits(self.session.delta.view(np.uint8), bitorder="little").astype(np.uint64)
        mask = (np.uint64(0) - bits)[:, None]
        return folds ^ (mask & x_fold[None, :])

    def digest(self, i: int, j: int, folded: np.ndarray) -> bytes:
        """v_{i,j} from the 128 folds."""
        return RO(COTV, self.session.sid, self.batch, i, j, np.ascontiguousarray(folded))

    def output(self) -> Shares:
        """6.3: the checked shares."""
        return self.shares


def run(session: Session, correlation: Correlation, coins: Coins, batch: int) -> Shares:
    """The authenticated shares of ``batch`` in the order of section 6, checked."""
    extension = BitExtension(session, correlation, coins, batch)
    extension.corrections()
    extension.check()
    return extension.output()
