"""One party from start to end: the leader's single run, the contributor's many.

Runs work in their own thread, so that the main thread is free for signals; see :meth:`Party.interrupt`.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from engine.errors import GarblePanic, PeerAborted, PolytuneError, RunError
from engine.events import EventSink, ignore
from engine.resources import give_back_memory, usable_cores
from engine.run import joining, steps
from engine.run.board import Board, Tracker
from engine.run.consent import Pending, as_answers
from engine.run.credentials import open_security
from engine.run.deliver import Outlet, deliver, preflight, report
from engine.run.early import check_own_side
from engine.run.greeting import greet
from engine.run.job import Job
from engine.run.own_input import encode_input
from engine.run.peers import Peers
from engine.run.record import Run
from engine.run.rowterms import hash_key
from engine.run.service import PartyService
from engine.run.terms import proposal
from engine.run.watch import Watch
from engine.transport.http.wire import ApiError
from engine.transport.security import Security

log = logging.getLogger("polytune")
IDLE_LINE = "Listening for connection attempts from other parties"
ON_DEMAND_LINE = "Waiting for a request to start a run"
IDLE_SECONDS = 10.0
#: A run on demand waits so long at least for the others: they may not be through with the one before.
HANDOVER = 5.0


class Interrupted(PolytuneError):
    """A signal ended the run; the exit code is 128 + its number."""

    code = "interrupted"

    def __init__(self, signum: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signum


class Cancelled(RunError):
    """An operator ended the run."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("an operator cancelled the run")


@dataclass(frozen=True)
class _Ended:
    """The thread of a run is through."""

    run_id: str
    error: PolytuneError | None


class Party:
    """A party that follows ``job``; ``service`` answers its peers, ``threads`` (default: all cores) compute.
    ``security`` (default: opened from the policy) secures its links.

    ``state_dir``, ``stdout`` and ``strict``: see :class:`Outlet`.

    Use :meth:`lead` for one run as the leader, :meth:`contribute` to serve many.
    """

    def __init__(
        self,
        job: Job,
        *,
        events: EventSink = ignore,
        state_dir: str = ".",
        program_name: str = "",
        threads: int | None = None,
        stdout: IO[bytes] | None = None,
        strict: bool = False,
        security: Security | None = None,
    ) -> None:
        self.job = job
        self.policy = job.policy
        self.events = events
        self.outlet = Outlet(state_dir, stdout, strict)
        self.threads = threads or usable_cores()
        self._queue: queue.Queue[Run | _Ended | None] = queue.Queue()
        self.security = security or open_security(job.policy)
        self.service = PartyService(
            job.policy, self._queue.put, job.schemas, program_name, state_dir, self.security.own
        )
        self.board = Board()
        self._interrupted: Interrupted | None = None
        #: How long a run that :meth:`start` began keeps asking parties that are not there.
        self.wait_peers = 0.0

    # -- signals ----------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a run is under way (also before the peers were asked)."""
        return bool(self.service.runs)

    def interrupt(self, signum: int) -> bool:
        """End what is under way: runs fail with :class:`Interrupted`, peers are told; an idle party ends.

        Returns True when a run was already writing its result, which then ends at the next batch of rows; a statement
        that takes long can only be cut off by ending the process, see :meth:`keep_results`.
        """
        self.outlet.stop.set()
        self._interrupted = self._interrupted or Interrupted(signum)
        self.service.close()
        self._queue.put(None)
        runs = self.service.runs
        for run in runs:
            if not run.reached("OUTPUT"):
                self._end_early(run, self._interrupted)
        return any(run.reached("OUTPUT") for run in runs)

    def keep_results(self) -> None:
        """Save what is still being written: the process ends now."""
        for keep in list(self.outlet.writing.values()):
            try:
                log.error("%s", keep())
            except PolytuneError as error:
                log.error("%s", error.message)

    def cancel(self, run_id: str) -> None:
        """End one run with :class:`Cancelled`; raises ApiError ``unknown_run``, ``run_over``, or ``wrong_state`` when
        its result is being written."""
        run = self.service.find(run_id)
        if run.reached("OUTPUT"):
            raise ApiError("wrong_state", "the computation is through and its result is being written")
        log.warning("an operator cancels run %s", run_id)
        self._end_early(run, Cancelled())

    def _end_early(self, run: Run, error: PolytuneError) -> None:
        asked = run.reached("ACCEPTED")
        run.fail(error)
        asked |= self.service.gate.withdraw(run)
        if asked:
            # The run's own thread may be deep in a kernel; the peers should not have to wait for it.
            Peers(self.policy, run.run_id, self.security).abort(error)

    # -- approval (``consent.ask``) ---------------------------------------------------------------------------------

    def pending(self) -> list[Pending]:
        """Runs that wait for approval."""
        return self.service.gate.pending()

    def approve(self, run_id: str) -> None:
        """Let a waiting run begin; raises RunError when none has this id."""
        self.service.gate.approve(run_id)

    def deny(self, run_id: str) -> None:
        """Refuse a waiting run; raises RunError when none has this id."""
        self.service.gate.deny(run_id)

    def try_input(self) -> None:
        """Read the own input once and drop it: a warning now is better than a failed run later."""
        if self.policy.input is None or self.busy:
            return
        try:
            from engine.data import read_snapshot

            read_snapshot(self.policy, self.job.declared)
        except PolytuneError as error:
            log.warning("own input cannot be read now: %s", error.message)
        except Exception:  # the run will meet it again and report it
            log.debug("trying the input failed", exc_info=True)

    # -- many runs --------------------------------------------------------------------------------------------------

    def contribute(self, runs: int | None = None) -> PolytuneError | None:
        """Serve runs, also after failed ones, until ``runs`` are over or an interrupt comes; each has its own thread.

        Returns the error of the run that ended last, None when that succeeded; raises :class:`Interrupted` out of a
        run. How many may be under way at the same time is up to ``limits.concurrent_runs``.
        """
        if runs is not None:
            self.service.accept_only(runs)
        over, failed = 0, None
        working: dict[str, threading.Thread] = {}
        while runs is None or over < runs:
            item = self._next(idle=not working)
            if isinstance(item, Run):
                thread = threading.Thread(target=self._work, args=[item], name=f"run-{item.run_id[:8]}", daemon=True)
                working[item.run_id] = thread
                thread.start()
            elif item is not None:
                working.pop(item.run_id).join()
                over, failed = over + 1, item.error
            else:
                self._last(list(working.values()))
                return None
        return failed

    def _last(self, working: list[threading.Thread]) -> None:
        """Wait for the runs that an interrupt ends; raises it unless they were all through before."""
        for thread in working:
            thread.join()
        ends = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        if self._interrupted is not None and any(isinstance(end, _Ended) and end.error for end in ends):
            raise self._interrupted

    def start(self, run_id: str | None = None) -> str:
        """Let :meth:`contribute`, which works in another thread, lead a run now; returns its id, by default a new one.

        Raises ApiError ``busy``, or ``run_over`` when the policy names one run that was.
        """
        with as_answers():
            run = self._propose_run(run_id)
        self._track(run)  # whoever asks for it from now on hears of it
        self._queue.put(run)
        return run.run_id

    def _track(self, run: Run) -> Tracker:
        """What operators see of ``run``, made when it is asked for first."""
        return self.board.track(
            run.run_id, lambda: Tracker(run, Peers(self.policy, run.run_id, self.security), self.events)
        )

    def _next(self, idle: bool) -> Run | _Ended | None:
        while True:
            if idle:
                log.info(ON_DEMAND_LINE if self.policy.is_leader else IDLE_LINE)
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=IDLE_SECONDS)

    def _work(self, run: Run) -> None:
        """What the thread of a run does."""
        error: PolytuneError | None = None
        try:
            if self.policy.is_leader:
                self._lead(run, max(self.wait_peers, HANDOVER))
            else:
                self._contribute(run)
        except PolytuneError as failure:
            error = failure
            if self._interrupted is None:
                log.error("run %s failed: %s", run.run_id, error.message)
                if error.hint:
                    log.error("hint: %s", error.hint)
        except Exception as failure:
            log.error("run %s failed: internal error (%s)", run.run_id, type(failure).__name__)
            log.debug("details", exc_info=True)
            error = RunError(f"internal error ({type(failure).__name__})")
        finally:
            give_back_memory()
            self._queue.put(_Ended(run.run_id, error))

    def _contribute(self, run: Run) -> None:
        tracker = self._track(run)
        peers = tracker.peers
        peers.answered.add(self.policy.leader)  # it knows the run: it proposed it
        peers.told.update(peers.others)
        with self._running(tracker) as context, self._guarded(context):
            for done in (0.0, 0.5, 1.0):  # asked, and the policy fits: what followed was telling the leader
                context.progress("join", done)
            run.enter("LOADING")
            snapshot = self._load(context)
            self._common(context, snapshot)

    # -- leader -----------------------------------------------------------------------------------------------------

    def lead(self, wait_peers: float = 0.0) -> Any:
        """The leader's one run; returns the result (None when it goes to other parties only)."""
        return self._lead(self._propose_run(), wait_peers)

    def _propose_run(self, wanted: str | None = None) -> Run:
        policy = self.policy
        run_id = wanted or policy.computation_id or str(uuid.uuid4())
        self.service.ledger.check(run_id)
        started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        terms = proposal(policy, run_id, started_at, self.job.schema)
        run = Run(run_id, policy.party, len(policy.participants), policy.limits, terms)
        self.service.begin(run)
        return run

    def _lead(self, run: Run, wait_peers: float) -> Any:
        log.info("Acting as leader (party %d)", self.policy.party)
        tracker = self._track(run)
        peers = tracker.peers
        deadline = time.monotonic() + wait_peers
        with self._running(tracker) as context:
            context.progress("join", 0.0)
            self._contact(run, peers, deadline)
            context.progress("join", 0.5)
            run.proposal["identities"] = self.security.in_use()
            snapshot = self._load(context)
            tried = check_own_side(self.job, snapshot, strict=self.outlet.strict)
            run.enter("ACCEPTED")
            with self._guarded(context):
                joining.ask_all(run, peers, deadline, self.job.schemas)
                self.service.gate.enter(run)
                log.info("All participants have accepted the session, starting calculation now...")
                context.progress("join", 1.0)
                run.enter("LOADING")
                return self._common(context, snapshot, tried)

    def _contact(self, run: Run, peers: Peers, deadline: float) -> None:
        """Every peer must answer before own data is read; all are tried, each failure is logged once."""
        patient = time.monotonic() < deadline
        problems: dict[int, str] = {}
        for peer in peers.others:
            log.info("Waiting for confirmation from party %s", peers.url(peer))
            problem = self._greet(peers, peer)
            if problem:
                problems[peer] = problem
                if not patient:
                    log.error("%s", problem)
        while problems and time.monotonic() < deadline:
            if run.error is not None:
                raise run.error
            time.sleep(min(0.5, max(0.0, deadline - time.monotonic())))
            problems = {peer: text for peer in problems if (text := self._greet(peers, peer))}
        if problems:
            for text in problems.values() if patient else ():
                log.error("%s", text)
            raise joining.missing()

    def _greet(self, peers: Peers, peer: int) -> str:
        """What is wrong with a peer that may come right; raises SecurityError for one who is somebody else."""
        greeting = greet(peers, peer)
        if greeting.error is not None:
            raise greeting.error
        return greeting.problem

    # -- both -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _running(self, tracker: Tracker) -> Iterator[steps.Context]:
        """Frees everything of a run on every way out, and tells the peers when it fails."""
        run, peers = tracker.run, tracker.peers
        error: PolytuneError | None = RunError("internal error", code="internal")
        try:
            yield steps.Context(run, self.job, peers, tracker.sink, self.outlet, self.threads)
            error = None
        except GarblePanic as panic:
            error = panic
            raise
        except PolytuneError as failure:
            # The first error is the cause; what a thread meets afterwards is its consequence.
            error = self._interrupted or run.error or failure
            if self._interrupted is not None and run.reached("OUTPUT"):
                log.error("%s", failure.message)
            self._tell(run, peers, error)
            raise error from None
        except BaseException:
            self._tell(run, peers, RunError("internal error", code="internal"))
            raise
        finally:
            if run.link is not None:
                run.link.close()
            # For the peers a run is done when all is computed; what fails afterwards is ours alone.
            run.state = "DONE" if error is None or run.reached("OUTPUT") else "ABORTED"
            code = "ok" if error is None else error.code
            self.service.end(run, "done" if run.state == "DONE" else "aborted", code)
            tracker.finish("" if error is None else error.message)
            self.board.end(tracker, error)
            if error is not None and (run.state != "DONE" or isinstance(error, GarblePanic)):
                report(self.policy, run.run_id, error)

    @contextlib.contextmanager
    def _guarded(self, context: steps.Context) -> Iterator[None]:
        """Watches the peers, which know of the run by now, and the clock."""
        seconds = self.policy.timeouts.run
        late = RunError(f"the run took longer than {seconds:g} s (timeouts.run)" if seconds else "", code="timeout")
        timer = threading.Timer(seconds or 0.0, context.run.fail, [late])
        timer.daemon = True
        if seconds is not None:
            timer.start()
        try:
            with Watch(context.run, context.peers):
                yield
        finally:
            timer.cancel()

    def _load(self, context: steps.Context) -> Any:
        """Read the own input; the peers hear when that takes too long, though the database may still hold us up."""
        seconds = self.policy.timeouts.load
        late = RunError(f"the own input was not read within {seconds:g} s (timeouts.load)", code="timeout")
        timer = threading.Timer(seconds, self._tell, [context.run, context.peers, late])
        timer.daemon = True
        timer.start()
        try:
            return steps.load(self.job, lambda done: context.progress("load", done))
        finally:
            timer.cancel()

    def _tell(self, run: Run, peers: Peers, error: PolytuneError) -> None:
        if run.reached("OUTPUT"):
            return  # the computation is over for the peers; what fails now is ours alone
        source = [error.party] if isinstance(error, PeerAborted) else []
        run.fail(error)
        peers.abort(error, sorted(peers.told - {*source}))

    def _common(self, context: steps.Context, snapshot: Any, outputs_tried: bool = False) -> Any:
        steps.exchange_constants(context, snapshot)
        program = steps.compile_circuit(context)
        plan = steps.plan_protocol(context, program)
        key = hash_key(self.policy, context.run.run_id, steps.row_terms(context.run))
        bits = encode_input(self.job, program, snapshot, key)
        if not outputs_tried:
            preflight(self.policy, program.result_type, strict=self.outlet.strict)
        steps.agree(context, program, plan)
        output = steps.compute(context, program, plan, bits)
        context.run.enter("OUTPUT")
        return None if output is None else deliver(context, program, output)


__all__ = ["Interrupted", "Party"]
