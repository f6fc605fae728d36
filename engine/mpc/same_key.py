"""Every party uses one global key with everybody (spec: protocol, section 4.6; n >= 3, once per session).

Consumes the 128 shares of batch 0. The order of the three broadcasts carries the security: keys are opened only after
the MACs of all bits, on which the choice of the opened value depends, were verified.
"""

from __future__ import annotations

import numpy as np

from engine.mpc.parameters import KEY_CHECK_SHARES
from engine.mpc.session import Session, pack
from engine.mpc.shares import Shares
from engine.oracle import DCHK, DCHKM, RO, same

COUNT = KEY_CHECK_SHARES
BITS = COUNT // 8
SALT = 32


class SameKeyCheck:
    """The state of one party in 4.6."""

    def __init__(self, session: Session, shares: Shares) -> None:
        self.session = session
        self.shares = shares
        self.bits = shares.bits()
        self.d = self.key_sums()
        self.salts = [session.random.bytes(f"dchk/salt/{n}", SALT) for n in range(2 * COUNT + 1)]
        macs = b"".join(shares.macs[p].tobytes() for p in range(len(session.peers)))
        self.message = pack(self.bits).tobytes() + macs

    def key_sums(self) -> np.ndarray:
        """d0_r = XOR_j K_i[x^j_r] and d1_r = d0_r xor D_i, uint64 (2, 128, 2)."""
        d0 = np.bitwise_xor.reduce(self.shares.keys, axis=0)
        return np.stack([d0, d0 ^ self.session.delta[None, :]])

    def commit(self) -> dict[int, bytes]:
        """DCHK1."""
        session = self.session
        commitments = [
            RO(DCHK, session.sid, session.party, r, v, self.d[v, r], self.salts[2 * r + v])
            for r in range(COUNT)
            for v in (0, 1)
        ]
        commitments.append(RO(DCHKM, session.sid, session.party, self.message, self.salts[-1]))
        return session.broadcast("DCHK1", b"".join(commitments), 32 * (2 * COUNT + 1))

    def open_bits(self, commitments: dict[int, bytes]) -> dict[int, bytes]:
        """DCHK2: all bits with their MACs; everybody checks commitments and the MACs under the own key."""
        session = self.session
        length = len(self.message) + SALT
        opened = session.broadcast("DCHK2", self.message + self.salts[-1], length)
        for index, peer in enumerate(session.peers):
            message, salt = opened[peer][:-SALT], opened[peer][-SALT:]
            ok = same(RO(DCHKM, session.sid, peer, message, salt), commitments[peer][-32:])
            session.require(ok, "DCHK2", "opening differs from its commitment", peer)
            bits, macs = self.parse(peer, message)
            mask = (np.uint64(0) - bits.astype(np.uint64))[:, None]
            expected = self.shares.keys[index] ^ (mask & session.delta[None, :])
            ok = same(macs[session.party].tobytes(), expected.tobytes())
            session.require(ok, "DCHK2", "the MACs of the opened bits are wrong", peer)
        return {party: payload[:-SALT] for party, payload in opened.items()}

    def parse(self, party: int, message: bytes) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Bits of ``party`` and its MACs by verifier."""
        bits = np.unpackbits(np.frombuffer(message[:BITS], np.uint8), bitorder="little")
        verifiers = [p for p in range(self.session.parties) if p != party]
        blocks = np.frombuffer(message[BITS:], np.uint64).reshape(len(verifiers), COUNT, 2)
        return bits, dict(zip(verifiers, blocks, strict=True))

    def open_keys(self, commitments: dict[int, bytes], messages: dict[int, bytes]) -> None:
        """DCHK3: for each share the key sum for its bit; it must be the XOR of the MACs."""
        session = self.session
        parsed = {p: self.parse(p, m) for p, m in messages.items()}
        total = np.bitwise_xor.reduce(np.stack([bits for bits, _ in parsed.values()]), axis=0)
        choice = total ^ self.bits
        mine = b"".join(self.d[choice[r], r].tobytes() + self.salts[2 * r + choice[r]] for r in range(COUNT))
        opened = session.broadcast("DCHK3", mine, (16 + SALT) * COUNT)
        for peer in session.peers:
            choice = total ^ parsed[peer][0]
            sums = np.bitwise_xor.reduce(
                np.stack([parsed[j][1][peer] for j in range(session.parties) if j != peer]), axis=0
            )
            self._check_opening(peer, opened[peer], commitments[peer], choice, sums)

    def _check_opening(
        self, peer: int, opened: bytes, commitments: bytes, choice: np.ndarray, sums: np.ndarray
    ) -> None:
        session, size = self.session, 16 + SALT
        values, ok = [], True
        for r in range(COUNT):
            d, salt = opened[size * r : size * r + 16], opened[size * r + 16 : size * (r + 1)]
            at = 32 * (2 * r + int(choice[r]))
            digest = RO(DCHK, session.sid, peer, r, int(choice[r]), d, salt)
            ok &= same(digest, commitments[at : at + 32])
            values.append(d)
        session.require(ok, "DCHK3", "opening differs from its commitment", peer)
        ok = same(b"".join(values), np.ascontiguousarray(sums).tobytes())
        session.require(ok, "DCHK3", "another global key towards another party", peer)


def run(session: Session, shares: Shares) -> None:
    """The whole check; the shares must not be used for anything else."""
    check = SameKeyCheck(session, shares)
    commitments = check.commit()
    messages = check.open_bits(commitments)
    check.open_keys(commitments, messages)
