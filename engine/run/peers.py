"""Requests to the other parties: ``/version``, ``/run``, ``/probe``, ``/consts``, ``/sync``, ``/abort``."""

from __future__ import annotations

import contextlib
import hashlib
import http
import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from engine.errors import (
    ConsentMismatch,
    MemoryExceeded,
    PeerAborted,
    PeerLost,
    PolytuneError,
    ProtocolAbort,
    RunError,
    SecurityError,
)
from engine.policy import Policy
from engine.run.credentials import open_security
from engine.run.record import Run
from engine.run.terms import summary_differences
from engine.transport.http.adapter import MessageAdapter
from engine.transport.http.client import (
    REFUSED,
    Meter,
    changed_on_the_way,
    json_object,
    new_session,
    peer_headers,
    route,
    transport_reason,
    was_changed,
)
from engine.transport.http.psk import AUTH_HEADER, signer
from engine.transport.http.wire import DIGEST_HEADER, MOST_CHANGED, NOT_TRUSTED, PIECE_TYPE
from engine.transport.security import Security

log = logging.getLogger("polytune")

#: A peer that says we ask too often is asked so many times, with a pause in between.
RATE_ATTEMPTS = 5
RATE_PAUSE = 1.0


class Reply:
    """Status and JSON object of an answer (an empty object when the body is none)."""

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.body = json_object(response)

    @property
    def code(self) -> str:
        """The error code, empty for an answer of something that is no polytune peer."""
        return str(self.body.get("error", ""))[:40]

    @property
    def message(self) -> str:
        """The error text, one line."""
        text = str(self.body.get("message", ""))[:1000]
        return "".join(c if c.isprintable() else " " for c in text)

    @property
    def details(self) -> dict[str, Any]:
        """The error's details."""
        details = self.body.get("details")
        return details if isinstance(details, dict) else {}

    @property
    def status_line(self) -> str:
        """``404 Not Found``."""
        with contextlib.suppress(ValueError):
            return f"{self.status} {http.HTTPStatus(self.status).phrase}"
        return str(self.status)


class Peers:
    """Client of the other parties for one run.

    ``meters`` count the bytes sent to each, ``heard`` is when one last answered (monotonic), ``told`` are those that
    may know of the run.
    """

    def __init__(self, policy: Policy, run_id: str, security: Security | None = None) -> None:
        """``security`` (default: opened from the policy) secures the links."""
        self.policy = policy
        self.security = security or open_security(policy)
        self.run_id = run_id
        self.meters = {peer: Meter() for peer in self.others}
        self.retries = Meter()
        self.heard: dict[int, float] = {}
        self.answered: set[int] = set()
        self.told: set[int] = set()
        timeouts = policy.timeouts
        self._timeout = (timeouts.connect, timeouts.control)

    @property
    def others(self) -> list[int]:
        """Numbers of the other parties."""
        return [p for p in range(len(self.policy.participants)) if p != self.policy.party]

    def sent(self, peer: int | None = None) -> int:
        """Bytes sent to ``peer``, or to all."""
        return sum(meter.sent for number, meter in self.meters.items() if peer in (None, number))

    def url(self, peer: int, path: str = "") -> str:
        """A route of a peer."""
        return route(self.policy.participants[peer], path)

    def get(self, peer: int, path: str) -> Reply:
        """One GET; raises requests.RequestException when there is no answer."""
        return self._request("GET", peer, path, None)

    def post(self, peer: int, path: str, body: dict[str, Any]) -> Reply:
        """One POST; raises requests.RequestException when there is no answer.

        A body that comes with other bytes is sent again; SecurityError when that does not help.
        """
        if path == "run":
            self.told.add(peer)
        for _ in range(MOST_CHANGED):
            reply = self._request("POST", peer, path, body)
            if not was_changed(reply.body):
                return reply
        raise changed_on_the_way(peer)

    @contextlib.contextmanager
    def probing(self, peer: int, seconds: float) -> Iterator[Callable[[bytes], Reply]]:
        """One connection to measure a link: the function posts a body and returns the answer."""
        path, timeout = f"probe/{self.policy.party}", (self._timeout[0], seconds)
        with self._session(peer, seconds) as session:

            def send(body: bytes) -> Reply:
                headers = self._headers(peer, "POST", path, body, PIECE_TYPE)
                options: dict[str, Any] = {"timeout": timeout, "allow_redirects": False, "stream": True}
                return Reply(session.post(self.url(peer, path), data=body, headers=headers, **options))

            yield send

    def _request(self, method: str, peer: int, path: str, body: dict[str, Any] | None) -> Reply:
        data = json.dumps(body).encode() if body is not None else None
        with self._session(peer, self._timeout[1]) as session:
            for attempt in range(RATE_ATTEMPTS):
                response = session.request(
                    method,
                    self.url(peer, path),
                    data=data,
                    headers=self._headers(peer, method, path, data, "application/json"),
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                reply = Reply(response)
                if reply.code != "rate_limited" or attempt == RATE_ATTEMPTS - 1:
                    break
                time.sleep(RATE_PAUSE)
        self.heard[peer] = time.monotonic()
        return reply

    def _session(self, peer: int, seconds: float) -> requests.Session:
        secure = self.security.secure(peer, self.url(peer))
        return new_session(self.meters[peer], seconds, MessageAdapter(self.meters[peer], secure), secure)

    def _headers(self, peer: int, method: str, path: str, body: bytes | None, kind: str) -> dict[str, str]:
        headers = peer_headers(self.run_id, self.policy.party)
        if body is not None:
            headers |= {"Content-Type": kind, DIGEST_HEADER: hashlib.sha256(body).hexdigest()}
        signs = signer(self.security, peer)
        if signs is not None:
            headers[AUTH_HEADER] = signs.header(method, f"/{path}", headers)
        return headers

    def each(self, run: Run, action: Callable[[int], object]) -> None:
        """``action(peer)`` for all peers at once; the first error ends the run, and with it the other actions."""

        def guarded(peer: int) -> None:
            try:
                action(peer)
            except PolytuneError as error:
                run.fail(error)
                raise
            except Exception:
                run.fail(RunError("internal error", code="internal"))
                raise

        with ThreadPoolExecutor(max_workers=len(self.others), thread_name_prefix="peers") as pool:
            list(pool.map(guarded, self.others))

    def ask(self, run: Run, peer: int, path: str, body: dict[str, Any], seconds: float) -> Reply:
        """POST until the answer is 200; other answers end the run, those that may pass are tried for ``seconds``."""
        deadline = time.monotonic() + seconds
        refused: float | None = None
        pause = 0.05
        while True:
            reason = self._try(run, peer, path, body)
            if isinstance(reason, Reply):
                return reason
            refused = (refused or time.monotonic()) if reason == REFUSED else None
            if refused is not None and time.monotonic() - refused >= self.policy.timeouts.refused:
                # All parties listen before a run is proposed, so one that refuses connections has ended.
                raise PeerLost(peer, f"lost party {peer}: connection refused at {self.url(peer)}")
            if time.monotonic() > deadline:
                raise RunError(f"party {peer} did not answer /{path} within {seconds:g} s: {reason}")
            with run.changed:
                run.changed.wait_for(lambda: run.error is not None, pause * random.uniform(0.7, 1.3))
            if run.error is not None:
                raise run.error
            pause = 0.05 if not reason else min(2 * pause, 2.0)

    def _try(self, run: Run, peer: int, path: str, body: dict[str, Any]) -> Reply | str:
        """The final answer, or why it must be tried again (empty: the peer is not there yet)."""
        try:
            reply = self.post(peer, path, body)
        except requests.RequestException as error:
            self.retries.add(1)
            return transport_reason(error)
        if reply.status == 404 and reply.code == "unknown_run":
            if peer in self.answered:
                raise PeerLost(peer, f"party {peer} restarted during the run")
            return "it was not told about the run"
        self.answered.add(peer)
        if reply.status == 200:
            return reply
        if reply.status == 202:
            return ""
        if reply.status >= 500:
            self.retries.add(1)
            return reply.status_line
        raise self._refused(run, peer, path, reply)

    def _refused(self, run: Run, peer: int, path: str, reply: Reply) -> PolytuneError:
        if run.error is not None:
            return run.error
        if reply.code == "consent_mismatch":
            lines = summary_differences(run.summary or {}, reply.details.get("summary"))
            return ConsentMismatch(f"consent mismatch with party {peer}: {'; '.join(lines)}")
        if reply.code in NOT_TRUSTED:
            return SecurityError(f"party {peer} refused /{path}: {reply.message}", code=reply.code)
        if reply.code == "run_over":
            return PeerAborted(peer, "it ended the run")
        if reply.code == "replay_mismatch":
            return SecurityError(f"party {peer} says that other data came before (replay_mismatch)")
        return RunError(f"unexpected answer to /{path} from party {peer}: {reply.status_line} {reply.message}".rstrip())

    def abort(self, error: PolytuneError, peers: list[int] | None = None) -> None:
        """Tell the others, best effort and quickly, that the run is over."""
        body = {"run_id": self.run_id, "code": public_code(error), "message": public_message(error)}

        def tell(peer: int) -> None:
            with contextlib.suppress(requests.RequestException, SecurityError):
                self.post(peer, "abort", body)

        self._timeout = (min(2.0, self._timeout[0]), min(5.0, self._timeout[1]))
        targets = [p for p in (self.others if peers is None else peers) if p in self.others]
        if targets:
            with ThreadPoolExecutor(max_workers=len(targets)) as pool:
                list(pool.map(tell, targets))


def public_code(error: PolytuneError) -> str:
    """What peers are told of an error: data errors are private and have one name."""
    if error.exit_code == 4:
        return "db_error"
    if isinstance(error, PeerAborted) and error.exit_code == SecurityError.exit_code:
        return SecurityError.code  # passed on: it is as serious for those who hear of it second
    return error.code


def public_message(error: PolytuneError) -> str:
    """The text for peers: only of errors about the parties themselves, never of data or local resources."""
    if isinstance(error, ProtocolAbort | ConsentMismatch | PeerAborted | PeerLost | MemoryExceeded):
        return error.message[:400]
    return ""
