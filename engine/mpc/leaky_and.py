"""Leaky authenticated ANDs of one batch (spec: protocol, section 7; WRK17b Figure 8, half-gate form of KRRW18).

From shares <x>, <y>, <r> makes <z> with z = x and y, and a value Q_i per triple whose XOR over the parties is zero if
nobody cheated. Up to one share bit of x per triple may leak, at the risk of an abort: bucketing removes that.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import leaky
from engine.mpc.folding import fold_low
from engine.mpc.session import Session, pack
from engine.mpc.shares import Shares

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
    """One batch. ``shares`` begin with x, y, r, as many of each as the batch has triples.

    ``s`` (later Q): uint64 (N, words); ``g``: the ciphertexts of every peer, uint64 (peers, N, words).
    """

    def __init__(self, session: Session, batch: int, shares: Shares) -> None:
        self.session, self.batch, self.shares = session, batch, shares
        params = session.params
        self.count = params.total_triples
        self.words = params.words
        self.index = np.uint64((batch - 1) * self.count)
        self.s = np.empty((self.count, self.words), np.uint64)

    def garble(self) -> np.ndarray:
        """Steps 1 and 2: the ciphertexts for every peer, and S as far as it depends on no peer."""
        session, me = self.session, self.session.party
        peers = len(session.peers)
        g = np.empty((peers, self.count, self.words), np.uint64)
        tweaks = np.array([tweak_word(DOMAIN, me, peer, 0) for peer in session.peers], np.uint64)
        macs, keys = flat(self.shares.macs), flat(self.shares.keys)
        shape = (macs.size // peers, peers, self.count)
        arrays = (session.delta, macs, keys, *shape, flat(g), flat(self.s), self.words)
        session.workers.run(leaky.garble, self.count, words_of(session.hash_keys[me]), self.index, tweaks, *arrays)
        return g

    def half_gates(self) -> None:
        """Steps 2 and 3: LEAKY_G out and in."""
        session, me = self.session, self.session.party
        for ciphertexts, peer in zip(self.garble(), session.peers):
            session.channel.send(peer, "LEAKY_G", ciphertexts, a=self.batch)
        shape = (self.count, self.words)
        for p, peer in enumerate(session.peers):
            g = session.channel.recv(peer, "LEAKY_G", np.uint64, shape, a=self.batch)
            key = words_of(session.hash_keys[peer])
            tweak = tweak_word(DOMAIN, peer, me, 0)
            arrays = (flat(self.shares.macs[p]), flat(g), flat(self.s), self.words)
            session.workers.run(leaky.evaluate, self.count, key, self.index, tweak, *arrays)
        session.channel.round("LEAKY_G")

    def own_bits(self) -> np.ndarray:
        """s_i = bit 1 of S_i."""
        out = np.empty(self.count, np.uint8)
        self.session.workers.run(leaky.second_bits, self.count, flat(self.s), self.words, out)
        return out

    def corrections(self) -> np.ndarray:
        """Step 4: LEAKY_S; d = xy xor r, uint8 (N,)."""
        session = self.session
        d = self.own_bits()
        session.send_all("LEAKY_S", pack(d), a=self.batch)
        for peer in session.peers:
            packed = session.channel.recv(peer, "LEAKY_S", np.uint8, -(-self.count // 8), a=self.batch)
            d ^= session.unpack(packed, self.count, "LEAKY_S", peer)
        session.channel.round("LEAKY_S")
        return d

    def finish(self, d: np.ndarray) -> None:
        """Step 5: z := r xor d in place ("P_0 flips", section 1), Q := S xor d tr(D)."""
        session, n = self.session, self.count
        run = session.workers.run
        run(leaky.correct, n, d, session.delta, flat(self.s), self.words)
        r = slice(2 * n, 3 * n)
        one = np.array([1, 0], np.uint64)
        if session.party == 0:
            for macs in self.shares.macs:
                run(leaky.add_bits, n, d, one, flat(macs[r]))
        else:
            run(leaky.add_bits, n, d, session.delta ^ one, flat(self.shares.keys[0, r]))

    def folded(self, coin: bytes) -> np.ndarray:
        """Step 6: V_i = fold(coin, Q_i), uint64 (2,)."""
        return fold_low(self.session.workers, coin, self.s)
