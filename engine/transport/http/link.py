"""The sending side of a channel over HTTP: chunks go by ``POST /msg/<party>``, each until the peer has stored it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from engine.errors import PeerAborted, PeerLost, PolytuneError, ProtocolAbort, RunError, SecurityError
from engine.transport.frame import is_abort
from engine.transport.http.adapter import Body, MessageAdapter
from engine.transport.http.client import (
    Meter,
    changed_on_the_way,
    chunk_seconds,
    is_refused,
    json_object,
    new_session,
    peer_headers,
    route,
    transport_reason,
    was_changed,
)
from engine.transport.http.outbox import Chunk, Outbox
from engine.transport.http.psk import AUTH_HEADER, signer
from engine.transport.http.wire import (
    ABORT_TYPE,
    BATCH_TYPE,
    CHUNK,
    CHUNK_HEADER,
    DIGEST_HEADER,
    LENGTH_HEADER,
    MOST_CHANGED,
    NOT_TRUSTED,
    PIECE_TYPE,
    SEQ_HEADER,
    SMALL,
    WINDOW,
)
from engine.transport.inbox import Inbox
from engine.transport.security import Security

LANES = 3
#: An ABORT gets so long for its connection and its answer.
ABORT_SECONDS = 2.0
log = logging.getLogger("polytune")


@dataclass(frozen=True)
class Deadlines:
    """Seconds (service, 5.5): for a connection, for a chunk beside its size, before a peer counts as lost, and before
    one counts as stuck that is there but takes nothing (the same as for a message that does not come)."""

    connect: float = 5.0
    chunk: float = 60.0
    peer_lost: float = 600.0
    refused: float = 5.0
    idle: float = 1800.0


class _Peer:
    """Sends to one peer; threads ("lanes") start when they are needed."""

    def __init__(
        self, link: HttpLink, number: int, url: str, chunk: int, window: int, deadlines: Deadlines, security: Security
    ) -> None:
        self.number = number
        self.outbox = Outbox(chunk, window)
        self.meter = Meter()
        self._link = link
        self._path = f"/msg/{link.party}"
        self._url = route(url, self._path)
        self._secure = security.secure(number, url)
        self._signer = signer(security, number)
        self._deadlines = deadlines
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._starting = threading.Lock()

    def post(self, parts: list[Any]) -> None:
        """Queue one frame."""
        if self.outbox.post(parts) and len(self._threads) < LANES:
            with self._starting:
                if not self._stop.is_set():
                    self._start(self._lane, f"to-{self.number}-{len(self._threads)}")

    def abort(self, parts: list[Any]) -> None:
        """Send an ABORT past everything that waits, which is dropped; returns at once."""
        with self._starting:
            self._stop.set()
            self.outbox.close()
            self._start(lambda: self._tell(b"".join(parts)), f"abort-{self.number}")

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

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _session(self) -> requests.Session:
        adapter = MessageAdapter(self.meter, self._secure)
        return new_session(self.meter, self._deadlines.chunk, adapter, self._secure)

    def _tell(self, frame: bytes) -> None:
        timeout = (min(ABORT_SECONDS, self._deadlines.connect), ABORT_SECONDS)
        with self._session() as session, contextlib.suppress(requests.RequestException, SecurityError):
            request = self._request(session)
            request.headers.update({"Content-Type": ABORT_TYPE, "Content-Length": str(len(frame))})
            request.headers[DIGEST_HEADER] = hashlib.sha256(frame).hexdigest()
            self._sign(request)
            request.body = Body([memoryview(frame)], len(frame))  # type: ignore[assignment]
            session.send(request, timeout=timeout, allow_redirects=False, stream=True)

    def _lane(self) -> None:
        with self._session() as session:
            request = self._request(session)
            while (chunk := self.outbox.take()) is not None:
                try:
                    self._fill(request, chunk)
                    self._deliver(session, request, chunk)
                except PolytuneError as error:
                    self._link.fail(error)
                    return
                except Exception as error:  # a fault of ours must end the run, not hang it
                    log.debug("sending failed", exc_info=True)
                    self._link.fail(RunError(f"sending to party {self.number} failed: {type(error).__name__}"))
                    return
                self.outbox.done(chunk)

    # -- one chunk ------------------------------------------------------------------------------------------------

    def _deliver(self, session: requests.Session, request: requests.PreparedRequest, chunk: Chunk) -> None:
        """Send ``chunk`` again and again until the peer has it, or it is time to give up."""
        timeout = (self._deadlines.connect, chunk_seconds(chunk.size, self._deadlines.chunk))
        failing: float | None = None
        refused: float | None = None
        full: float | None = None
        pause = 0.1
        failures = changed = 0
        while not self.outbox.stopped:
            try:
                reply = session.send(request, timeout=timeout, allow_redirects=False, stream=True)
                if reply.status_code == 200:
                    return
                body = json_object(reply)
            except requests.RequestException as error:
                now = time.monotonic()
                failing = failing or now
                refused = (refused or now) if is_refused(error) else None
                self._give_up_if_late(error, now, failing, refused)
                failures += 1
                if failures == 2:  # once is nothing: a kept connection may just have been closed as idle
                    log.warning("no answer from party %d (%s), retrying", self.number, transport_reason(error))
                self._link.retries.add(1)
            else:
                if _is_done(body):
                    return
                changed = changed + 1 if was_changed(body) else 0
                if changed == MOST_CHANGED:
                    raise changed_on_the_way(self.number)
                now = time.monotonic()
                refused = None
                if self._answered(reply.status_code, str(body.get("error", ""))):
                    failing = None
                    full = full or now
                    self._give_up_if_stuck(now - full)
                    pause = 0.05
                else:
                    failing = failing or now
                    self._give_up_if_late(None, now, failing, None)
                    self._link.retries.add(1)
            self._stop.wait(pause * random.uniform(0.7, 1.3))
            pause = min(pause * 2, 5.0 if refused is None else 0.5)

    def _request(self, session: requests.Session) -> requests.PreparedRequest:
        """A request to which only what differs from chunk to chunk is to be added."""
        headers = peer_headers(self._link.run_id, self._link.party)
        return session.prepare_request(requests.Request("POST", self._url, headers=headers))

    def _fill(self, request: requests.PreparedRequest, chunk: Chunk) -> None:
        views: list[memoryview] = chunk.views
        if len(views) > 1 and chunk.size <= SMALL:
            views = [memoryview(b"".join(views))]
        digest = hashlib.sha256()
        for view in views:
            digest.update(view)
        request.headers.update(
            {
                SEQ_HEADER: str(chunk.seq),
                CHUNK_HEADER: f"{chunk.part}/{chunk.parts}",
                LENGTH_HEADER: str(chunk.message_length),
                DIGEST_HEADER: digest.hexdigest(),
                "Content-Type": BATCH_TYPE if chunk.batch else PIECE_TYPE,
                "Content-Length": str(chunk.size),
            }
        )
        request.body = Body(views, chunk.size)  # type: ignore[assignment]
        self._sign(request)

    def _sign(self, request: requests.PreparedRequest) -> None:
        if self._signer is not None:
            request.headers[AUTH_HEADER] = self._signer.header("POST", self._path, request.headers)

    def _answered(self, status: int, code: str) -> bool:
        """True when the peer lives and the chunk must be sent again, False for a passing fault; else raises."""
        if code in ("backpressure", "out_of_order", "rate_limited"):
            return True
        if code == "replay_mismatch":
            raise SecurityError(
                f"party {self.number} says that a chunk came before with other bytes (replay_mismatch)",
                "somebody changes messages on the way",
                code="replay_mismatch",
            )
        if code in NOT_TRUSTED:
            raise SecurityError(
                f"party {self.number} refused a message: {code}", "see its log for the reason", code=code
            )
        if code == "unknown_run":
            raise PeerLost(self.number, f"party {self.number} restarted during the run")
        if code == "run_over":
            raise PeerAborted(self.number, "it ended the run")
        if status >= 500 or code == "bad_request":
            return False
        raise RunError(f"unexpected answer {status} from party {self.number} to a message")

    def _give_up_if_stuck(self, seconds: float) -> None:
        if seconds >= self._deadlines.idle:
            raise PeerLost(
                self.number,
                f"party {self.number} took no message for {self._deadlines.idle:g} s (backpressure)",
                "see in its log why it does not go on, or raise timeouts.idle on all sides",
            )

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

    ``security`` says how connections are made. When a peer is lost or refuses, ``inbox`` fails with the reason, and so
    does every later ``post``. With ``owner_tells`` the peers hear of such an end from the owner, in words; then the
    protocol's ABORT, which could only say "local error", stays away.
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
        owner_tells: bool = False,
        security: Security | None = None,
    ) -> None:
        self.party = party
        self.run_id = run_id
        self._inbox = inbox
        self._owner_tells = owner_tells
        deadlines = deadlines or Deadlines()
        security = security or Security(party)
        self._peers = {
            number: _Peer(self, number, url, chunk, window, deadlines, security)
            for number, url in enumerate(urls)
            if number != party
        }
        #: Requests that had to be repeated.
        self.retries = Meter()
        #: Bytes of our answers to each peer, counted by the server.
        self.answers = {number: Meter() for number in self._peers}

    def post(self, to: int, parts: list[Any]) -> None:
        """Queue one frame for party ``to``; blocks only while more than the window is unsent, never for an ABORT."""
        if not is_abort(parts[0]):
            self._peers[to].post(parts)
        elif not (self._owner_tells and self._ended_outside()):
            self._peers[to].abort(parts)

    def _ended_outside(self) -> bool:
        """Whether something else than the protocol ended the run."""
        return self._inbox.error is not None and not isinstance(self._inbox.error, ProtocolAbort)

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
