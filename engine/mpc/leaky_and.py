"""Leaky authenticated ANDs of one batch (spec: protocol, section 7; WRK17b Figure 8, half-gate form of KRRW18).

From shares <x>, <y>, <r> makes <z> with z = x and y, and a value Q_i per triple whose XOR over the parties is zero if
nobody cheated. Up to one share bit of x per triple may leak, at the risk of an abort: bucketing removes that.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import leaky
from engine.mpc.folding import fold_low
from engine.mpc.session import Session, pack
from engine.mpc.shares import Shares, add_public

DOMAIN = 1
HASH_WORD = np.uint64


def tweak_word(domain: int, sender: int, dest: int, half: int) -> np.uint64:
    """High word of the tweak block of section 2.4: dom | sender | dest | half."""
    return np.uint64(domain | sender << 8 | dest << 24 | half << 40)


def words_of(key: bytes) -> np.ndarray:
    """A 16-byte key as two words."""
    return np.frombuffer(key, np.uint64)


def flat(array: np.ndarray) -> np.ndarray:
    """The one-dimensional view that kernels take; the array must be contiguous."""
    view = array.reshape(-1)
    assert view.base is not None or view is array
    return view


class LeakyAnd:
    """One batch. ``c``, ``s`` (later Q): uint64 (N, words); ``pads`` of step 2 are folded into ``s`` at once."""

    def __init__(self, session: Session, batch: int, x: Shares, y: Shares, r: Shares) -> None:
        self.session, self.batch = session, batch
        self.x, self.y, self.r = x, y, r
        params = session.params
        self.count = params.total_triples
        self.words = params.words
        self.index = np.uint64((batch - 1) * self.count)
        self.c = self.product_shares(y)
        self.s = self.product_shares(r)

    def product_shares(self, v: Shares) -> np.ndarray:
        """tr( A_i(v) xor XOR_j M_j[v^i] ): the XOR over the parties is tr(v * D)."""
        out = np.zeros((self.count, self.words), np.uint64)
        run, delta = self.session.workers.run, self.session.delta
        run(leaky.own_share, self.count, delta, flat(v.macs[0]), flat(out), self.words)
        for p in range(len(self.session.peers)):
            run(leaky.product_share, self.count, flat(v.keys[p]), flat(v.macs[p]), flat(out), self.words)
        return out

    def half_gates(self) -> None:
        """Steps 2 and 3: LEAKY_G out and in."""
        session, me = self.session, self.session.party
        hk = words_of(session.hash_keys[me])
        run = session.workers.run
        for p, peer in enumerate(session.peers):
            g = np.empty((self.count, self.words), np.uint64)
            tweak = tweak_word(DOMAIN, me, peer, 0)
            keys, c = flat(self.x.keys[p]), flat(self.c)
            args = (hk, self.index, tweak, session.delta, keys, c, flat(g), flat(self.s), self.words)
            run(leaky.garble, self.count, *args)
            session.channel.send(peer, "LEAKY_G", g, a=self.batch)
        run(leaky.select, self.count, flat(self.x.macs[0]), flat(self.c), flat(self.s), self.words)
        for p, peer in enumerate(session.peers):
            shape = (self.count, self.words)
            g = session.channel.recv(peer, "LEAKY_G", np.uint64, shape, a=self.batch)
            key = words_of(session.hash_keys[peer])
            tweak = tweak_word(DOMAIN, peer, me, 0)
            macs = flat(self.x.macs[p])
            run(leaky.evaluate, self.count, key, self.index, tweak, macs, flat(g), flat(self.s), self.words)
        session.channel.round("LEAKY_G")

    def own_bits(self) -> np.ndarray:
        """s_i = bit 1 of S_i."""
        return ((self.s[:, 0] >> np.uint64(1)) & np.uint64(1)).astype(np.uint8)

    def corrections(self) -> np.ndarray:
        """Step 4: LEAKY_S; d = xy xor r, uint8 (N,)."""
        session = self.session
        d = self.own_bits()
        session.send_all("LEAKY_S", pack(d), a=self.batch)
        for peer in session.peers:
            packed = session.channel.recv(peer, "LEAKY_S", np.uint8, -(-self.count // 8), a=self.batch)
            d = d ^ session.unpack(packed, self.count, "LEAKY_S", peer)
        session.channel.round("LEAKY_S")
        return d

    def finish(self, d: np.ndarray) -> Shares:
        """Step 5: z := r xor d in place, Q := S xor d tr(D)."""
        session = self.session
        add_public(self.r, d, session.party, session.delta)
        session.workers.run(leaky.correct, self.count, d, session.delta, flat(self.s), self.words)
        return self.r

    def folded(self, coin: bytes) -> np.ndarray:
        """Step 6: V_i = fold(coin, Q_i), uint64 (2,)."""
        return fold_low(self.session.workers, coin, self.s)
