"""Masked zero test: is XOR_i V_i = 0? (spec: protocol, section 7.1; own derivation, see SECURITY.md)

Never opens V_i or anything that determines it: only R * XOR_i V_i for a secret random R comes out (n >= 3), or its
equality with zero (n = 2).
"""

from __future__ import annotations

import numpy as np

from engine.kernels.gf128 import inner_product, mul
from engine.kernels.hashes import mitccrh
from engine.kernels.prg import prg
from engine.mpc.coins import Coins
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.oracle import RO, ZT, same

DOMAIN = 4
TWEAKS_PER_BATCH = 384


class ZeroTest:
    """The test of one batch; ``rho`` are its z fresh shares, ``v`` the own value uint64 (2,)."""

    def __init__(self, session: Session, coins: Coins, batch: int, rho: Shares, v: np.ndarray) -> None:
        self.session, self.coins, self.batch = session, coins, batch
        self.rho, self.v = rho, v
        self.count = session.params.zero_test_shares
        self.index = TWEAKS_PER_BATCH * batch
        self.pads: dict[int, np.ndarray] = {}

    def hash(self, sender: int, dest: int, x: np.ndarray) -> np.ndarray:
        """H_sender of z blocks under the tweaks of this batch."""
        key = self.session.hash_keys[sender]
        return mitccrh(key, self.index, DOMAIN, sender, dest, 0, np.ascontiguousarray(x))

    def value_for(self, peer: int) -> np.ndarray:
        """V_i as used towards ``peer``: honest parties use one for all."""
        return self.v

    def send_ciphertexts(self) -> None:
        """Step 1: ZT_C."""
        session, me = self.session, self.session.party
        for p, peer in enumerate(session.peers):
            keys = self.rho.keys[p]
            pad = self.hash(me, peer, keys)
            other = self.hash(me, peer, keys ^ session.delta[None, :])
            self.pads[peer] = pad
            session.channel.send(peer, "ZT_C", pad ^ other ^ self.value_for(peer)[None, :], a=self.batch)

    def receive_ciphertexts(self) -> dict[int, np.ndarray]:
        """Everybody's ZT_C."""
        session = self.session
        received = {p: session.channel.recv(p, "ZT_C", np.uint64, (self.count, 2), a=self.batch) for p in session.peers}
        session.channel.round("ZT_C")
        return received

    def coefficients(self) -> np.ndarray:
        """Step 2: g_b = X^b for n = 2; from the coin "zt", opened after all ciphertexts arrived, for n >= 3."""
        if self.session.parties > 2:
            return prg(self.coins.open("zt", self.batch), self.count)
        return powers(self.count)

    def product_share(self, g: np.ndarray, received: dict[int, np.ndarray]) -> np.ndarray:
        """Step 3: Pi_i; the XOR over the parties is R * XOR_i V_i."""
        session, me = self.session, self.session.party
        bits = self.rho.bits().astype(np.uint64)
        mask = (np.uint64(0) - bits)[:, None]
        r = np.bitwise_xor.reduce(g & mask, axis=0)
        total = mul(r, self.v)
        for p, peer in enumerate(session.peers):
            opened = self.hash(peer, me, self.rho.macs[p])
            terms = self.pads[peer] ^ opened ^ (mask & received[peer])
            total = total ^ inner_product(g, np.ascontiguousarray(terms))
        return total

    def accept(self, share: np.ndarray) -> None:
        """Step 4: compare hashes (n = 2), or commit, open and sum (n >= 3)."""
        if self.session.parties == 2:
            self.compare(share)
        else:
            self.open_sum(share)

    def compare(self, share: np.ndarray) -> None:
        """ZT_HASH; the sender's index inside the hash prevents reflection."""
        session, me, peer = self.session, self.session.party, self.session.peers[0]
        session.send_all("ZT_HASH", RO(ZT, session.sid, self.batch, me, share), a=self.batch)
        theirs = session.recv_bytes(peer, "ZT_HASH", 32, a=self.batch)
        session.channel.round("ZT_HASH")
        ok = same(theirs, RO(ZT, session.sid, self.batch, peer, share))
        session.require(ok, "ZT_HASH", "the check of the AND triples failed", peer)

    def open_sum(self, share: np.ndarray) -> None:
        """ZT_COM, ZT_OPEN; the commitment keeps a rushing party from cancelling the sum."""
        session, me = self.session, self.session.party
        salt = session.random.bytes(f"zt/{self.batch}", 32)
        session.send_all("ZT_COM", RO(ZT, session.sid, self.batch, me, share, salt), a=self.batch)
        commitments = {p: session.recv_bytes(p, "ZT_COM", 32, a=self.batch) for p in session.peers}
        session.channel.round("ZT_COM")
        session.send_all("ZT_OPEN", share.tobytes() + salt, a=self.batch)
        total = share.copy()
        for peer in session.peers:
            payload = session.recv_bytes(peer, "ZT_OPEN", 48, a=self.batch)
            digest = RO(ZT, session.sid, self.batch, peer, payload[:16], payload[16:])
            ok = same(digest, commitments[peer])
            session.require(ok, "ZT_OPEN", "opening differs from its commitment", peer)
            total ^= np.frombuffer(payload[:16], np.uint64)
        session.channel.round("ZT_OPEN")
        session.require(same(total.tobytes(), bytes(16)), "ZT_OPEN", "the check of the AND triples failed")


def powers(count: int) -> np.ndarray:
    """X^0 .. X^(count-1) for count <= 128, uint64 (count, 2)."""
    blocks = np.zeros((count, 2), np.uint64)
    for b in range(count):
        blocks[b, b // 64] = np.uint64(1) << np.uint64(b % 64)
    return blocks


def run(session: Session, coins: Coins, batch: int, rho: Shares, v: np.ndarray) -> None:
    """The whole test; raises CheatingDetected unless the sum of all V is zero."""
    test = ZeroTest(session, coins, batch, rho, v)
    test.send_ciphertexts()
    received = test.receive_ciphertexts()
    test.accept(test.product_share(test.coefficients(), received))
