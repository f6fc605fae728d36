"""Measuring the links to the peers before a run: small requests and some hundred kilobytes, in well under a second.

The bytes take the way of protocol messages (the same server, hashed there), so what is measured is what a run gets.
On a link with long round trips the figure is low, because a connection starts slowly; so do the messages of a run.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from engine.run.offers import Link
from engine.run.peers import Peers, Reply
from engine.run.record import Run
from engine.transport.http.wire import MAX_PROBE

log = logging.getLogger("polytune")

#: Bytes of the first body. On a fast link two of the largest size follow, and the quicker of them counts.
FIRST = 32 << 10
#: Seconds that the first body may take for the others to be sent.
QUICK = 0.02
#: Requests without a body, of which the quickest counts as round trip.
GREETINGS = 3
#: Seconds to wait for a peer that the leader has not told about the run yet, and for one answer.
PATIENCE = 3.0
ANSWER = 10.0
#: At least this part of a request is taken for sending its body: below, the difference to a round trip is noise.
LEAST_PART = 4


class _NotMeasured(Exception):
    """The peer does not answer as it should."""


def measure(run: Run, peers: Peers) -> dict[int, Link]:
    """The links to all peers, measured at the same time; those that cannot be measured are left out."""

    def one(peer: int) -> Link | None:
        try:
            with peers.probing(peer, ANSWER) as send:
                return _measure(run, send)
        except (requests.RequestException, _NotMeasured) as error:
            log.debug("the link to party %d was not measured: %s", peer, type(error).__name__)
            return None

    with ThreadPoolExecutor(max_workers=len(run.others), thread_name_prefix="probe") as pool:
        found = dict(zip(run.others, pool.map(one, run.others)))
    links = {peer: link for peer, link in found.items() if link is not None}
    for peer, link in links.items():
        log.debug("link to party %d: round trip %.1f ms, %.1f MB/s", peer, link.round_trip / 1e3, link.rate / 1e6)
    return links


def _measure(run: Run, send: Callable[[bytes], Reply]) -> Link:
    _wait_until_known(run, send)
    round_trip = min(_seconds(send, 0) for _ in range(GREETINGS))
    size, spent = FIRST, _seconds(send, FIRST)
    if spent - round_trip <= QUICK:
        size, spent = MAX_PROBE, min(_seconds(send, MAX_PROBE) for _ in range(2))
    return link_of(round_trip, size, spent)


def link_of(round_trip: float, size: int, spent: float) -> Link:
    """From seconds of an empty request, and of one with ``size`` bytes."""
    sending = max(spent - round_trip, spent / LEAST_PART, 1e-6)
    return Link(max(0, round(1e6 * round_trip)), max(1, round(size / sending)))


def _wait_until_known(run: Run, send: Callable[[bytes], Reply]) -> None:
    """With more than two parties, a peer may be asked before the leader has told it about the run."""
    deadline = time.monotonic() + PATIENCE
    while True:
        reply = send(b"")
        if reply.status == 200:
            return
        if reply.code != "unknown_run" or time.monotonic() >= deadline or run.error is not None:
            raise _NotMeasured
        time.sleep(0.05)


def _seconds(send: Callable[[bytes], Reply], size: int) -> float:
    body = os.urandom(size)
    begin = time.perf_counter()
    if send(body).status != 200:
        raise _NotMeasured
    return time.perf_counter() - begin
