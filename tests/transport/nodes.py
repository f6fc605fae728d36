"""Parties for transport tests: a real server on a free loopback port and a real link, in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from engine.transport import Channel
from engine.transport.http import HttpLink
from engine.transport.http.link import Deadlines
from engine.transport.http.wire import CHUNK, WINDOW
from engine.transport.security import Security
from polytune_cli.server.app import create_app
from polytune_cli.server.guard import Guard
from polytune_cli.server.listener import Listener
from polytune_cli.server.local import LocalService
from polytune_cli.server.tls import Tls

QUICK = Deadlines(connect=2.0, chunk=10.0, peer_lost=10.0, refused=0.3)


class Node:
    """One party; ``channel`` exists after :func:`connect`."""

    def __init__(
        self, party: int, parties: int, run_id: str, window: int = WINDOW, security: Security | None = None
    ) -> None:
        self.service = LocalService(party, parties, run_id, window)
        self.security = security or Security(party)
        self.guard = Guard(self.security, parties) if security is not None else None
        self.listener = Listener(
            "127.0.0.1",
            0,
            create_app(self.service, self.guard),
            tls=Tls(self.security) if self.security.credentials is not None else None,
            door=self.guard.door if self.guard is not None else None,
        )
        self.listener.bind()
        self.listener.start()
        self.party = party
        self.parties = parties
        self.link: HttpLink
        self.channel: Channel

    @property
    def url(self) -> str:
        return f"{'https' if self.security.credentials is not None else 'http'}://{self.listener}/"

    def connect(self, urls: Sequence[str], chunk: int, window: int, deadlines: Deadlines) -> None:
        inbox = self.service.inbox
        self.link = HttpLink(
            self.party,
            urls,
            self.service.run_id,
            inbox,
            chunk=chunk,
            window=window,
            deadlines=deadlines,
            security=self.security,
        )
        self.service.link = self.link
        self.channel = Channel(self.party, self.parties, self.link, inbox, timeout=20)


@contextlib.contextmanager
def nodes(
    parties: int = 2,
    *,
    proxies: Sequence[object] = (),
    chunk: int = CHUNK,
    window: int = WINDOW,
    deadlines: Deadlines = QUICK,
    securities: Sequence[Security | None] = (),
) -> Iterator[list[Node]]:
    """Connected parties; ``proxies[p]``, if given, stands before party p (it has ``start(target url) -> url``)."""
    securities = securities or [None] * parties
    made = [Node(p, parties, "test-run", window, securities[p]) for p in range(parties)]
    try:
        urls = [node.url for node in made]
        for p, proxy in enumerate(proxies):
            urls[p] = proxy.start(urls[p])  # type: ignore[attr-defined]
        for node in made:
            node.connect(urls, chunk, window, deadlines)
        yield made
    finally:
        for node in made:
            node.link.close()
            node.listener.stop()
        for proxy in proxies:
            proxy.stop()  # type: ignore[attr-defined]
