"""The sending side of a channel over HTTP: chunks go by ``POST /msg/<party>``, each until the peer has stored it."""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from engine.errors import PeerAborted, PeerLost, PolytuneError, RunError, SecurityError
from engine.transport.http.client import (
    Meter,
    chunk_seconds,
    is_refused,
    json_object,
    new_session,
    peer_headers,
    route,
    transport_reason,
)
from engine.transport.http.outbox import Chunk, Outbox
from engine.transport.http.wire import (
    CHUNK,
    CHUNK_HEADER,
    DIGEST_HEADER,
    LENGTH_HEADER,
    SEQ_HEADER,
    SMALL,
    WINDOW,
)
from engine.transport.inbox import Inbox

LANES = 3
log = logging.getLogger("polytune")


@dataclass(frozen=True)
class Deadlines:
    """Seconds (service, 5.5): for a connection, for a chunk beside its size, and before a peer counts as lost."""

    connect: float = 5.0
    chunk: float = 60.0
    peer_lost: float = 600.0
    refused: float = 5.0


class _Body:
    """A request body of several buffers that are sent as they are."""

    def __init__(self, chunk: Chunk) -> None:
        self._views = chunk.views
        self._size = chunk.size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview]:
        return iter(self._views)


class _Peer:
    """Sends to one peer; threads ("lanes") start when they are needed."""

    def __init__(self, link: HttpLink, number: int, url: str, chunk: int, window: int, deadlines: Deadlines) -> None:
        self.number = number
        self.outbox = Outbox(chunk, window)
        self.meter = Meter()
        self._link = link
        self._url = route(url, f"msg/{link.party}")
        self._deadlines = deadlines
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._starting = threading.Lock()

    def post(self, parts: list[Any]) -> None:
        """Queue one frame."""
        self.outbox.post(parts)
        with self._starting:
            if self._stop.is_set():
                return
            if not self._threads or (self.outbox.crowded and len(self._threads) < LANES):
                name = f"to-{self.number}-{len(self._threads)}"
                thread = threading.Thread(target=self._lane, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Drop what is queued and end the threads."""
        with self._starting:
            self._stop.set()
        self.outbox.close()

    def join(self, deadline: float) -> None:
        """Wait for the threads until ``deadline`` (monotonic); what still waits for an answer ends by itself."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _lane(self) -> None:
        with new_session(self.meter, self._deadlines.chunk) as session:
            while (chunk := self.outbox.take()) is not None:
                try:
                    self._deliver(session, chunk)
                except PolytuneError as error:
                    self._link.fail(error)
                    return
                except Exception as error:  # a fault of ours must end the run, not hang it
                    log.debug("sending failed", exc_info=True)
                    self._link.fail(RunError(f"sending to party {self.number} failed: {type(error).__name__}"))
                    return
                self.outbox.done(chunk)

    # -- one chunk ------------------------------------------------------------------------------------------------

    def _deliver(self, session: requests.Session, chunk: Chunk) -> None:
        """Send ``chunk`` again and again until the peer has it, or it is time to give up."""
        request = session.prepare_request(self._request(chunk))
        timeout = (self._deadlines.connect, chunk_seconds(chunk.size, self._deadlines.chunk))
        failing: float | None = None
        refused: float | None = None
        pause = 0.1
        failures = 0
        while not self.outbox.stopped:
            try:
                reply = session.send(request, timeout=timeout, allow_redirects=False, stream=True)
                body = json_object(reply)
            except requests.RequestException as error:
                now = time.monotonic()
                failing = failing or now
                refused = (refused or now) if is_refused(error) else None
                self._give_up_if_late(error, now, failing, refused)
                failures += 1
                if failures == 2:  # once is nothing: a kept connection may just have been closed as idle
                    log.warning("no answer from party %d (%s), retrying", self.number, transport_reason(error))
            else:
                if reply.status_code == 200 or _is_done(body):
                    return
                refused = None
                if self._answered(reply.status_code, str(body.get("error", ""))):
                    failing = None
                    pause = 0.05
                else:
                    failing = failing or time.monotonic()
                    self._give_up_if_late(None, time.monotonic(), failing, None)
            self._stop.wait(pause * random.uniform(0.7, 1.3))
            pause = min(pause * 2, 5.0 if refused is None else 0.5)

    def _request(self, chunk: Chunk) -> requests.Request:
        headers = peer_headers(self._link.run_id, self._link.party)
        digest = hashlib.sha256()
        body: Any
        if chunk.size <= SMALL:
            body = b"".join(chunk.views)
            digest.update(body)
        else:
            body = _Body(chunk)
            for view in chunk.views:
                digest.update(view)
        headers[SEQ_HEADER] = str(chunk.seq)
        headers[CHUNK_HEADER] = f"{chunk.part}/{chunk.parts}"
        headers[LENGTH_HEADER] = str(chunk.message_length)
        headers[DIGEST_HEADER] = digest.hexdigest()
        headers["Content-Type"] = "application/x-polytune-batch" if chunk.batch else "application/octet-stream"
        return requests.Request("POST", self._url, headers=headers, data=body)

    def _answered(self, status: int, code: str) -> bool:
        """True when the peer lives and the chunk must be sent again, False for a passing fault; else raises."""
        if code in ("backpressure", "out_of_order"):
            return True
        if code == "replay_mismatch":
            raise SecurityError(
                f"party {self.number} says that a chunk came before with other bytes (replay_mismatch)",
                "somebody changes messages on the way",
                code="replay_mismatch",
            )
        if code == "unknown_run":
            raise PeerLost(self.number, f"party {self.number} restarted during the run")
        if code == "run_over":
            raise PeerAborted(self.number, "it ended the run")
        if status >= 500 or code == "bad_request":
            return False
        raise RunError(f"unexpected answer {status} from party {self.number} to a message")

    def _give_up_if_late(self, error: Exception | None, now: float, failing: float, refused: float | None) -> None:
        if refused is not None and now - refused >= self._deadlines.refused:
            raise PeerLost(
                self.number,
                f"lost party {self.number}: connection refused for {self._deadlines.refused:g} s",
                "its process ended; start it again and repeat the run",
            )
        if now - failing >= self._deadlines.peer_lost:
            reason = transport_reason(error) if error is not None else "only errors"
            raise PeerLost(
                self.number,
                f"lost party {self.number} for {self._deadlines.peer_lost:g} s: {reason}",
                "check the network between the parties, then repeat the run",
            )


def _is_done(body: dict[str, Any]) -> bool:
    """Whether the peer has finished the run with success: then it has everything that it wanted."""
    details = body.get("details")
    return body.get("error") == "run_over" and isinstance(details, dict) and details.get("result") == "done"


class HttpLink:
    """Carries frames to the peers at ``urls`` (index = party) within run ``run_id`` (:class:`engine.transport.Link`).

    When a peer is lost or refuses, ``inbox`` fails with the reason, and so does every later ``post``.
    """

    def __init__(
        self,
        party: int,
        urls: Sequence[str],
        run_id: str,
        inbox: Inbox,
        *,
        chunk: int = CHUNK,
        window: int = WINDOW,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.party = party
        self.run_id = run_id
        self._inbox = inbox
        deadlines = deadlines or Deadlines()
        self._peers = {
            number: _Peer(self, number, url, chunk, window, deadlines)
            for number, url in enumerate(urls)
            if number != party
        }
        #: Bytes of our answers to each peer, counted by the server.
        self.answers = {number: Meter() for number in self._peers}

    def post(self, to: int, parts: list[Any]) -> None:
        """Queue one frame for party ``to``; blocks only while more than the window is unsent."""
        self._peers[to].post(parts)

    def flush(self, timeout: float | None = None) -> None:
        """Return when the peers have stored everything; raises RunError after ``timeout`` seconds."""
        for peer in self._peers.values():
            if not peer.outbox.wait_empty(timeout):
                raise RunError(f"party {peer.number} did not take all messages within {timeout:g} s")

    def fail(self, error: PolytuneError) -> None:
        """End this link and everybody who waits for messages of the run."""
        self._inbox.fail(error)
        for peer in self._peers.values():
            peer.outbox.fail(error)

    def close(self) -> None:
        """End all threads and close the connections."""
        for peer in self._peers.values():
            peer.close()
        deadline = time.monotonic() + 1.0
        for peer in self._peers.values():
            peer.join(deadline)

    def bytes_sent(self, to: int | None = None) -> int:
        """Bytes written to sockets for party ``to`` (or all): requests and answers, HTTP headers included."""
        chosen = self._peers if to is None else [to]
        return sum(self._peers[p].meter.sent + self.answers[p].sent for p in chosen)
