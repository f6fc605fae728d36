"""The state of one run at one party (spec: service, section 5.3). Routes and the run's thread meet here.

Waiting is by condition, every wait has a deadline, and nothing is held while one waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from engine.errors import ConsentMismatch, PolytuneError, RunError, SecurityError
from engine.policy import Limits
from engine.run.offers import Offer
from engine.run.terms import shown_summary, summary_differences, summary_digest
from engine.transport import Inbox
from engine.transport.channel import Stats
from engine.transport.http.receiver import Receiver
from engine.transport.http.wire import MAX_PROBES, MOST
from engine.transport.spool import Spool

STATES = (
    "PROPOSED",
    "ACCEPTED",
    "LOADING",
    "CONSTS",
    "COMPILED",
    "AGREED",
    "READY",
    "RUNNING",
    "OUTPUT",
    "DONE",
    "ABORTED",
)
_RANK = {name: rank for rank, name in enumerate(STATES)}
Constants = dict[str, dict[str, Any]]


class Run:
    """One run: its state, what the other parties sent, its inbox. Thread-safe."""

    def __init__(self, run_id: str, party: int, parties: int, limits: Limits, proposal: dict[str, Any]) -> None:
        self.run_id = run_id
        self.party = party
        self.parties = parties
        self.proposal = proposal
        self.state = "PROPOSED"
        self.inbox = Inbox(parties)
        most = min(MOST, limits.memory // max(1, parties - 1))
        spool = None if limits.spool_dir is None else Spool(limits.spool_dir)
        self.receiver = Receiver(parties, self.inbox, limits.window, most, spool)
        self.link: Any = None
        self.stats: Stats | None = None
        self.constants: dict[int, Constants] = {}
        self.offers: dict[int, Offer] = {}
        self.probes: dict[int, int] = {}
        self.agreements: dict[int, tuple[str, Any]] = {}
        self.ready: set[int] = set()
        self.error: PolytuneError | None = None
        self.summary: dict[str, Any] | None = None
        self.digest = b""
        #: Whether this party takes part (its list of runs says so), and whether others learned anything of its data.
        self.joined = False
        self.disclosed = False
        self.started = time.monotonic()
        self.changed = threading.Condition()

    @property
    def others(self) -> list[int]:
        """Numbers of the other parties."""
        return [p for p in range(self.parties) if p != self.party]

    def enter(self, state: str) -> None:
        """Go on to ``state``; raises the error of a run that has ended meanwhile."""
        with self.changed:
            if self.error is not None:
                raise self.error
            self.state = state
            self.changed.notify_all()

    def reached(self, state: str) -> bool:
        """Whether the run is alive and in ``state`` or further."""
        return self.state != "ABORTED" and _RANK[self.state] >= _RANK[state]

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.state in ("DONE", "ABORTED")

    def fail(self, error: PolytuneError) -> None:
        """End the run; the first error stays. Everybody who waits gets it."""
        with self.changed:
            if self.over:
                return
            if self.error is None:
                self.error = error
            self.state = "ABORTED"
            self.changed.notify_all()
        self.inbox.fail(error)
        if self.link is not None:
            self.link.fail(error)

    def wait(self, ready: Callable[[], bool], seconds: float, late: Callable[[], str]) -> None:
        """Wait until ``ready()``; raises the run's error, or RunError with the text ``late()`` after ``seconds``."""
        with self.changed:
            self.changed.wait_for(lambda: self.error is not None or ready(), seconds)
            if self.error is not None:
                raise self.error
            if not ready():
                raise RunError(late(), "look at that party's log, or raise the timeouts in the policies")

    def hold(self, ready: Callable[[], bool], seconds: float) -> bool:
        """For routes: wait a little until ``ready()`` or the run's end; whether it is ready."""
        with self.changed:
            self.changed.wait_for(lambda: self.error is not None or ready(), seconds)
            return self.error is None and ready()

    # -- what comes from others -----------------------------------------------------------------------------------

    def count_probe(self, sender: int) -> bool:
        """Whether ``sender`` may measure its link once more."""
        with self.changed:
            self.probes[sender] = self.probes.get(sender, 0) + 1
            return self.probes[sender] <= MAX_PROBES

    def put_constants(self, sender: int, constants: Constants, offer: Offer) -> bool:
        """Take a party's constants and offer; False (and the run fails) when it sent other ones before."""
        with self.changed:
            known = self.offers.setdefault(sender, offer), self.constants.setdefault(sender, constants)
            self.changed.notify_all()
        if known == (offer, constants):
            return True
        self.fail(
            SecurityError(
                f"party {sender} sent two different sets of constants (replay_mismatch); aborting",
                code="replay_mismatch",
            )
        )
        return False

    def set_summary(self, summary: dict[str, Any]) -> None:
        """Fix our own view and compare with what came before; what is kept of it is what the others are shown."""
        with self.changed:
            self.summary = shown_summary(summary)
            self.digest = summary_digest(summary)
            self.changed.notify_all()
        for sender in list(self.agreements):
            self.compare(sender)

    def put_agreement(self, sender: int, digest: str, summary: Any) -> bool:
        """Take a party's digest; False (and the run fails) when it sent another one before."""
        with self.changed:
            known = self.agreements.setdefault(sender, (digest, summary))
            self.changed.notify_all()
        if known[0] != digest:
            self.fail(ConsentMismatch(f"consent mismatch with party {sender}: it sent two different digests"))
            return False
        return True

    def compare(self, sender: int) -> bool:
        """Compare a party's digest with ours; on a mismatch the run fails and the result is False."""
        digest, summary = self.agreements[sender]
        if self.summary is None or digest == self.own_digest:
            return True
        lines = "; ".join(summary_differences(self.summary, summary))
        self.fail(
            ConsentMismatch(
                f"consent mismatch with party {sender}: {lines}",
                "all parties must see the same program, constants and settings; nothing was computed",
            )
        )
        return False

    @property
    def own_digest(self) -> str:
        """Our digest as it travels."""
        return f"sha256:{self.digest.hex()}"

    def put_ready(self, sender: int) -> None:
        """Party ``sender`` has agreed with everybody."""
        with self.changed:
            self.ready.add(sender)
            self.changed.notify_all()
