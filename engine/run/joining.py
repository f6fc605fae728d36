"""The leader asks the others to join (service, 5.4 stage 1): all are asked, each refusal is told, field by field."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from engine.errors import PolytuneError, RunError, SecurityError
from engine.run.peers import Peers, Reply
from engine.run.record import Run
from engine.run.terms import SAME_VERSION, Difference, printable
from engine.transport.http.client import transport_reason

log = logging.getLogger("polytune")

#: Seconds between two attempts with a party that is not there, busy, or asks its operator.
PAUSE = 0.5


def ask_all(run: Run, peers: Peers, deadline: float, schemas: tuple[str, ...]) -> None:
    """Ask everybody to join ``run``; raises when one does not: RunError if it cannot, SecurityError if it will not.

    Until ``deadline`` parties that are away or busy are asked again; one that asks its operator is waited for unless
    another one does not join. ``schemas``: the type of each parameter.
    """
    hopeless = threading.Event()
    with ThreadPoolExecutor(max_workers=len(peers.others), thread_name_prefix="join") as pool:
        answers = pool.map(lambda peer: _ask(run, peers, peer, deadline, hopeless), peers.others)
        replies: dict[int, Reply | str] = dict(zip(peers.others, answers))
    if run.error is not None:
        raise run.error
    accepted = [p for p, r in replies.items() if isinstance(r, Reply) and r.status == 200]
    peers.answered.update(accepted)
    undecided = {p for p, r in replies.items() if hopeless.is_set() and isinstance(r, Reply) and r.status == 202}
    told = {p: r for p, r in replies.items() if p not in undecided}
    refused = [_report(peers, peer, reply, schemas[peer]) for peer, reply in told.items()]
    if any(isinstance(error, RunError) for error in refused):
        raise missing()
    if any(refused):
        raise SecurityError("Some participants refused the policy, aborting...", code="refused")


def missing() -> PolytuneError:
    """The end of a run that not all parties can join."""
    return RunError("Some participants are missing, aborting...", code="participants_missing")


def _ask(run: Run, peers: Peers, peer: int, deadline: float, hopeless: threading.Event) -> Reply | str:
    patience = peers.policy.timeouts.join
    until: float | None = None
    while True:
        answer: Reply | str
        try:
            answer = peers.post(peer, "run", {**run.proposal, "to": peer})
        except requests.RequestException as error:
            answer = transport_reason(error)
        now = time.monotonic()
        waits = isinstance(answer, Reply) and answer.status == 202
        if waits and until is None:
            until = now + patience
            log.info("party %d asks its operator; waiting up to %g s (timeouts.join)", peer, patience)
        passing = isinstance(answer, str) or answer.status in (202, 503)
        end = max(deadline, until or 0.0)
        if waits and hopeless.is_set():
            return answer
        if not passing or now >= end or run.error is not None:
            if not isinstance(answer, Reply) or answer.status not in (200, 202):
                hopeless.set()
            return answer
        with run.changed:
            run.changed.wait_for(lambda: run.error is not None, min(PAUSE, end - now))


def _report(peers: Peers, peer: int, reply: Reply | str, schema: str) -> PolytuneError | None:
    """Log why a peer did not join: SecurityError when it refused our terms, RunError when it just cannot now."""
    if isinstance(reply, str):
        log.error("Could not reach %s: %s", peers.url(peer, "run"), reply)
        return missing()
    if reply.status == 200:
        return _other_type(peer, reply, schema)
    if reply.status == 202:
        log.error("party %d did not decide within %g s (timeouts.join)", peer, peers.policy.timeouts.join)
        return missing()
    if reply.status in (401, 403, 409, 410):
        return _refusal(peer, reply)
    if reply.status == 426:
        log.error("party %d refused: %s", peer, reply.message or reply.status_line)
        log.error("hint: %s", SAME_VERSION)
        return missing()
    log.error(
        "Unexpected response while trying to start execution for %s: %s%s",
        peers.url(peer, "run"),
        reply.status_line,
        f" ({reply.message})" if reply.code else " (not a polytune peer)",
    )
    return missing()


def _refusal(peer: int, reply: Reply) -> PolytuneError:
    reported = reply.details.get("differences")
    entries = reported[:20] if isinstance(reported, list) else [reply.details]
    differences = [found for entry in entries if (found := Difference.from_reply(entry, reply.code))]
    for text in map(str, differences) if differences else [reply.message or reply.status_line]:
        log.error("party %d refused: %s", peer, text)
    hints = [difference.hint for difference in differences] or [str(reply.details.get("hint") or "")[:300]]
    for hint in dict.fromkeys(filter(None, map(printable, hints))):
        log.error("hint: %s", hint)
    return SecurityError("refused", code="refused")


def _other_type(peer: int, reply: Reply, schema: str) -> PolytuneError | None:
    theirs = reply.body.get("schema")
    if theirs == schema:
        return None
    difference = Difference("schema", schema, theirs)
    log.error("party %d sees its parameter otherwise: %s", peer, difference)
    log.error("hint: %s", SAME_VERSION)
    return SecurityError("refused", code="refused")
