"""Coins: public randomness that nobody knew before the messages it challenges (spec: protocol, section 4.5)."""

from __future__ import annotations

from engine.mpc.session import Session
from engine.oracle import COIN, COIN_OUT, COIN_SEED, RO, same

PAGE = 256
INDEX = {"cot": 0, "leaky": 1, "zt": 2}
LABEL = {"cot": "COIN_COT", "leaky": "COIN_LEAKY", "zt": "COIN_ZT"}


class Coins:
    """Commitments of all parties by pages, and the opening of single coins. A coin opens once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._key = session.random.bytes("coin/key", 32)
        self._pages: dict[tuple[int, int], bytes] = {}
        self._opened: set[int] = set()

    def seed(self, r: int) -> bytes:
        """c_{i,r}: derived from the coin key, so that any batch can open its coins in any order."""
        return RO(COIN_SEED, self._key, r)

    def commit(self, page: int) -> None:
        """Broadcast the commitments r = 256 page .. 256 page + 255; before any coin of the page is opened."""
        self.send(page)
        self.receive(page)

    def send(self, page: int) -> None:
        """The first half of :meth:`commit`: nothing has to be known for it but the session id."""
        session = self._session
        numbers = range(PAGE * page, PAGE * (page + 1))
        mine = b"".join(RO(COIN, session.sid, session.party, r, self.seed(r)) for r in numbers)
        self._pages[session.party, page] = mine
        session.send_all("COINPAGE", mine, a=page)

    def receive(self, page: int) -> None:
        """The second half: everybody's commitments, and their echo for n >= 3. A second call does nothing."""
        session = self._session
        if all((peer, page) in self._pages for peer in session.peers):
            return
        views = session.collect("COINPAGE", self._pages[session.party, page], 32 * PAGE, a=page)
        for party, payload in views.items():
            self._pages[party, page] = payload

    def open(self, tag: str, batch: int) -> bytes:
        """The 16-byte value of coin ``tag`` of ``batch``; call only after everything it challenges has arrived."""
        session = self._session
        r = 4 * batch + INDEX[tag]
        if r in self._opened:
            raise RuntimeError("a coin is opened at most once")
        self._opened.add(r)
        seeds = {session.party: self.seed(r)}
        session.send_all(LABEL[tag], seeds[session.party], a=batch)
        for peer in session.peers:
            seeds[peer] = session.recv_bytes(peer, LABEL[tag], 32, a=batch)
            page, at = divmod(r, PAGE)
            commitment = self._pages[peer, page][32 * at : 32 * at + 32]
            opened = RO(COIN, session.sid, peer, r, seeds[peer])
            session.require(same(opened, commitment), LABEL[tag], "coin differs from its commitment", peer)
        session.channel.round(LABEL[tag])
        return coin_value(session.sid, tag, r, [seeds[p] for p in range(session.parties)])


def coin_value(sid: bytes, tag: str, r: int, seeds: list[bytes]) -> bytes:
    """The common value of an opened coin."""
    return RO(COIN_OUT, sid, tag, r, *seeds)[:16]
