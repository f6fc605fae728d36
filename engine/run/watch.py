"""Notices that a peer is gone while we only wait for it: asks each peer now and then whether it still knows the run."""

from __future__ import annotations

import threading
import time

import requests

from engine.errors import PeerAborted, PeerLost, SecurityError
from engine.run.peers import Peers, Reply
from engine.run.record import Run
from engine.transport.http.client import is_refused, transport_reason

INTERVAL = 1.0


class Watch:
    """A thread that polls ``GET /msg/<own number>`` of peers from which nothing came lately."""

    def __init__(self, run: Run, peers: Peers) -> None:
        self._run = run
        self._peers = peers
        self._stop = threading.Event()
        self._known = peers.answered
        self._refused: dict[int, float] = {}
        self._failing: dict[int, float] = {}
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.wait(INTERVAL) and not self._run.reached("OUTPUT") and not self._run.over:
            for peer in self._run.others:
                if time.monotonic() - self._run.receiver.last_seen(peer) > INTERVAL and not self._stop.is_set():
                    self._look_at(peer)

    def _look_at(self, peer: int) -> None:
        now = time.monotonic()
        try:
            reply = self._peers.get(peer, f"msg/{self._run.party}")
        except requests.RequestException as error:
            self._no_answer(peer, error, now)
            return
        except SecurityError as error:
            self._run.fail(error)
            return
        self._refused.pop(peer, None)
        self._failing.pop(peer, None)
        if not self._stop.is_set():
            self._judge(peer, reply)

    def _judge(self, peer: int, reply: Reply) -> None:
        if reply.status == 200:
            self._known.add(peer)
        elif reply.code == "unknown_run" and (peer in self._known or self._run.reached("AGREED")):
            self._run.fail(PeerLost(peer, f"party {peer} restarted during the run"))
        elif reply.code == "run_over" and reply.details.get("result") == "aborted":
            self._run.fail(PeerAborted(peer, "it ended the run"))

    def _no_answer(self, peer: int, error: Exception, now: float) -> None:
        timeouts = self._peers.policy.timeouts
        if peer not in self._known and not self._run.reached("AGREED"):
            return
        failing = self._failing.setdefault(peer, now)
        if not is_refused(error):
            self._refused.pop(peer, None)
        elif now - self._refused.setdefault(peer, now) >= timeouts.refused:
            self._run.fail(
                PeerLost(
                    peer,
                    f"lost party {peer}: connection refused for {timeouts.refused:g} s",
                    "its process ended; start it again and repeat the run",
                )
            )
        if now - failing >= timeouts.peer_lost:
            reason = transport_reason(error)
            self._run.fail(
                PeerLost(peer, f"lost party {peer} for {timeouts.peer_lost:g} s: {reason}", "check the network")
            )
