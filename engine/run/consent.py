"""What a party allows of the runs that fit its policy (spec: service, 6.6): how many, with whom, and who approves.

A run that waits for approval is known (its id gets messages) but nothing of this party has been read or sent yet.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import PolytuneError, ResourceError, RunError
from engine.policy import Policy
from engine.run.audit import Audit
from engine.run.ledger import IdUsed, Ledger, QuotaUsed
from engine.run.record import Run
from engine.transport.http.wire import ApiError

log = logging.getLogger("polytune")

#: Refused runs whose leader may still ask what became of them.
_ANSWERS = 100
WAITING_LINE = "run %s of party %d waits for approval (at most %g s): polytune approve %s"


@dataclass(frozen=True)
class Pending:
    """A run that waits for approval; ``since`` and ``until`` are seconds of :func:`time.time`."""

    run_id: str
    leader: int
    since: float
    until: float


class TooFewRows(RunError):
    """The own input is smaller than the policy allows."""

    code = "not_allowed"


@contextlib.contextmanager
def as_answers() -> Iterator[None]:
    """What keeps a run from beginning, as the answer to whoever asked for it."""
    try:
        yield
    except QuotaUsed as error:
        raise ApiError("not_allowed", error.message, limit="consent.max_runs") from None
    except IdUsed as error:
        raise ApiError("run_over", error.message, result="aborted", hint=error.hint) from None
    except ResourceError as error:
        log.error("%s", error.message)
        raise ApiError("internal", "this party cannot keep its list of runs; see its log") from None
    except PolytuneError as error:
        raise ApiError("busy", error.message) from None


class Gate:
    """Lets runs in: ``start(run)`` begins one, ``drop(run)`` frees its place when it never began."""

    def __init__(
        self,
        policy: Policy,
        ledger: Ledger,
        audit: Audit,
        start: Callable[[Run], None],
        drop: Callable[[Run], None],
    ) -> None:
        self._policy = policy
        self._consent = policy.consent
        self._ledger = ledger
        self._audit = audit
        self._start = start
        self._drop = drop
        self._changed = threading.Condition()
        self._waiting: dict[str, tuple[Run, Pending, threading.Timer]] = {}
        self._refusals: OrderedDict[str, tuple[Any, str]] = OrderedDict()

    # -- what the leader's request meets ---------------------------------------------------------------------------

    def check_leader(self, sender: int) -> None:
        """Raise ApiError when ``sender`` may not start runs with this party."""
        allowed = self._consent.leaders
        if allowed is not None and sender not in allowed:
            text = f"party {sender} may not start runs with this party (consent.leaders)"
            raise ApiError("not_allowed", text, limit="consent.leaders")

    def check_refused(self, run_id: str, body: dict[str, Any]) -> None:
        """Raise ApiError when this very proposal was declined before."""
        with self._changed:
            proposal, reason = self._refusals.get(run_id, (None, ""))
        if proposal == body:
            raise ApiError("not_allowed", reason, limit="consent.ask")

    def arrive(self, run: Run) -> None:
        """A run that fits: it begins, or it waits for approval. Raises ApiError when it must not begin."""
        if not self._consent.ask:
            with as_answers():
                self._begin(run)
            return
        with as_answers():
            self._ledger.check(run.run_id)
        seconds = self._policy.timeouts.join
        now = time.time()
        pending = Pending(run.run_id, self._policy.leader, now, now + seconds)
        late = f"nobody approved the run within {seconds:g} s (consent.ask, timeouts.join)"
        timer = threading.Timer(seconds, self._decline, [run.run_id, late])
        timer.daemon = True
        with self._changed:
            self._waiting[run.run_id] = run, pending, timer
            self._changed.notify_all()
        log.warning(WAITING_LINE, run.run_id, self._policy.leader, seconds, run.run_id)
        timer.start()

    def answer(self, run: Run, body: dict[str, Any], seconds: float) -> bool:
        """Whether the run has begun; False: still open after ``seconds``. Raises ApiError if it will not begin."""
        if run.reached("ACCEPTED") or run.hold(lambda: run.reached("ACCEPTED"), seconds):
            return True
        self.check_refused(run.run_id, body)
        if run.error is not None:
            raise ApiError("run_over", "that run is over", result="aborted")
        return False

    def withdraw(self, run: Run) -> bool:
        """The run has failed (its leader gave up, or this party ends); whether it was still waiting."""
        waiting = self._take(run.run_id) is not None
        if waiting:
            # A proposal that was delayed on its way must not ask again.
            reason = "the run ended before it was approved"
            self._remember(run, reason)
            self._audit.refused(run.run_id, self._policy.leader, "withdrawn", reason)
            self._drop(run)
        return waiting

    # -- what the operator does ------------------------------------------------------------------------------------

    def pending(self) -> list[Pending]:
        """Runs that wait for approval, the oldest first."""
        with self._changed:
            return [pending for _, pending, _ in self._waiting.values()]

    def wait_pending(self, seconds: float) -> list[Pending]:
        """The same, as soon as there is one or ``seconds`` are over."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), seconds)
            return [pending for _, pending, _ in self._waiting.values()]

    def approve(self, run_id: str) -> None:
        """Let a waiting run begin; raises RunError when there is none with this id, or it must not begin any more."""
        run = self._take(run_id)
        if run is None:
            raise RunError(f"no run {run_id} waits for approval", "it may have been decided, or have waited too long")
        try:
            self._begin(run)
        except PolytuneError as error:
            self._refuse(run, error.message if isinstance(error, QuotaUsed) else "this party cannot take part now")
            raise

    def deny(self, run_id: str) -> None:
        """Refuse a waiting run; raises RunError when there is none with this id."""
        if not self._decline(run_id, "the operator of this party declined"):
            raise RunError(f"no run {run_id} waits for approval", "it may have been decided, or have waited too long")

    # -- inside ------------------------------------------------------------------------------------------------------

    def enter(self, run: Run) -> None:
        """Note on disk that this party takes part in ``run``. Raises QuotaUsed, IdUsed or ResourceError."""
        self._ledger.enter(run.run_id)
        run.joined = True

    def _begin(self, run: Run) -> None:
        self.enter(run)
        try:
            run.enter("ACCEPTED")
        except PolytuneError:  # interrupted or cancelled in this moment
            self._ledger.leave(run.run_id, "aborted", False)
            raise
        self._start(run)

    def _take(self, run_id: str) -> Run | None:
        with self._changed:
            found = self._waiting.pop(run_id, None)
            self._changed.notify_all()
        if found is None:
            return None
        run, _, timer = found
        timer.cancel()
        return run

    def _decline(self, run_id: str, reason: str) -> bool:
        run = self._take(run_id)
        if run is not None:
            self._refuse(run, reason)
        return run is not None

    def _refuse(self, run: Run, reason: str) -> None:
        log.warning("run %s refused: %s", run.run_id, reason)
        self._remember(run, reason)
        self._audit.refused(run.run_id, self._policy.leader, "not_allowed", reason)
        run.fail(RunError(reason, code="not_allowed"))
        self._drop(run)

    def _remember(self, run: Run, reason: str) -> None:
        with self._changed:
            self._refusals[run.run_id] = run.proposal, reason
            while len(self._refusals) > _ANSWERS:
                self._refusals.popitem(last=False)


def check_rows(policy: Policy, rows: int) -> None:
    """Raise TooFewRows when the own input is too small to hide in; peers are not told how small."""
    least = policy.consent.min_rows
    if policy.input is not None and rows < least:
        raise TooFewRows(
            f"the own input has {rows} rows, fewer than consent.min_rows ({least}): this party takes no part",
            "the smaller the input, the more a result says about each row",
        )
