"""Channels between processes of one machine or lab, without a policy: for benchmarks and tests.

Every process calls :func:`serve_channel` with the same addresses and the same run id; it returns when all parties are
there::

    from polytune_cli.server.local import serve_channel

    with serve_channel(party=0, ports=[7000, 7001], run_id="bench") as channel:
        engine.run_mpc(channel, circuit, bits, party=0, parties=2)
        channel.link.bytes_sent()       # bytes on sockets, HTTP headers included

There is no consent and no authentication here; a real run goes through ``polytune serve``.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests

from engine.errors import PeerAborted, RunError
from engine.transport import Channel, Inbox
from engine.transport.http import HttpLink, Receiver
from engine.transport.http.client import Meter, new_session, peer_headers, route
from engine.transport.http.link import LANES, Deadlines
from engine.transport.http.wire import CHUNK, WINDOW, ApiError
from engine.transport.security import Security
from polytune_cli.server.app import Answer, create_app
from polytune_cli.server.guard import Guard
from polytune_cli.server.listener import Listener


class LocalService:
    """One run without a policy: only messages and aborts."""

    def __init__(self, party: int, parties: int, run_id: str, window: int = WINDOW) -> None:
        self.parties = parties
        self.run_id = run_id
        self.inbox = Inbox(parties)
        self.link: HttpLink | None = None
        self._party = party
        self._receiver = Receiver(parties, self.inbox, window)
        self._instance = uuid.uuid4().hex

    def version(self) -> dict[str, Any]:
        """Number of this party and of this process start."""
        return {"protocol": [1], "party": self._party, "instance": self._instance}

    def receiver(self, run_id: str, sender: int) -> Receiver:
        """The receiver of the only run."""
        if run_id != self.run_id:
            raise ApiError("unknown_run", "this process takes part in another run")
        return self._receiver

    def answer_meter(self, run_id: str, sender: int) -> Callable[[int], None] | None:
        """Counts into the link."""
        if self.link is None or sender not in self.link.answers:
            return None
        return self.link.answers[sender].add

    def probe(self, run_id: str, sender: int) -> None:
        """There is nothing to agree on here."""
        raise ApiError("not_allowed", "this is a run without a policy")

    def control(self, name: str, run_id: str, sender: int, body: dict[str, Any]) -> Answer:
        """Only ``abort`` means something here."""
        if name != "abort":
            raise ApiError("not_allowed", "this is a run without a policy")
        self.inbox.fail(PeerAborted(sender, str(body.get("code", "unknown"))[:40]))
        return 200, {}


@contextlib.contextmanager
def serve_channel(
    party: int,
    ports: Sequence[int] = (),
    run_id: str = "local",
    *,
    urls: Sequence[str] | None = None,
    host: str = "127.0.0.1",
    chunk: int = CHUNK,
    window: int = WINDOW,
    timeout: float = 600.0,
    join: float = 60.0,
    deadlines: Deadlines | None = None,
    security: Security | None = None,
) -> Iterator[Channel]:
    """Join ``len(ports)`` processes: bind ``ports[party]``, wait up to ``join`` seconds for the others, give a Channel.

    ``urls`` (index = party) replaces the addresses at which the others are reached, e.g. those of proxies. With
    ``security`` the links are mutual TLS. ``timeout`` is how long a message may be waited for. On leaving, everything
    queued is delivered, then the server stops. Raises ResourceError when the port is taken, RunError when a party does
    not come.
    """
    parties = len(ports)
    scheme = "http" if security is None else "https"
    urls = list(urls) if urls is not None else [f"{scheme}://{host}:{port}/" for port in ports]
    service = LocalService(party, parties, run_id, window)
    link = HttpLink(
        party,
        urls,
        run_id,
        service.inbox,
        chunk=chunk,
        window=window,
        deadlines=deadlines or Deadlines(peer_lost=30),
        security=security,
    )
    service.link = link
    listener = _listener(service, host, ports[party], LANES * (parties - 1) + 4, security)
    listener.bind()
    listener.start()
    try:
        for peer in range(parties):
            if peer != party:
                _wait_for(peer, party, urls[peer], run_id, join, security)
        yield Channel(party, parties, link, service.inbox, timeout=timeout)
        link.flush(timeout=30)
    finally:
        link.close()
        # Answers to the peers' last messages are still on their way when the protocol is through.
        time.sleep(0.05)
        listener.stop()


def _listener(service: LocalService, host: str, port: int, threads: int, security: Security | None) -> Listener:
    if security is None:
        return Listener(host, port, create_app(service), threads=threads)
    from polytune_cli.server.tls import Tls

    guard = Guard(security, service.parties)
    return Listener(host, port, create_app(service, guard), threads=threads, tls=Tls(security), door=guard.door)


def _wait_for(peer: int, party: int, url: str, run_id: str, seconds: float, security: Security | None) -> None:
    deadline = time.monotonic() + seconds
    with new_session(Meter(), secure=security.secure(peer, url) if security is not None else None) as session:
        while True:
            with contextlib.suppress(requests.RequestException):
                reply = session.get(route(url, f"msg/{party}"), headers=peer_headers(run_id, party), timeout=(2, 10))
                if reply.status_code == 200:
                    return
            if time.monotonic() > deadline:
                raise RunError(f"party {peer} did not come to {url} within {seconds:g} s")
            time.sleep(0.05)
