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
from typing import Any

from engine.errors import GarblePanic, PeerAborted, PolytuneError, RunError
from engine.events import EventSink, Finished, Progress, ignore
from engine.resources import usable_cores
from engine.run import joining, steps
from engine.run.greeting import greet
from engine.run.job import Job
from engine.run.peers import Peers
from engine.run.record import Run
from engine.run.service import PartyService
from engine.run.terms import proposal
from engine.run.watch import Watch

log = logging.getLogger("polytune")
IDLE_LINE = "Listening for connection attempts from other parties"
IDLE_SECONDS = 10.0


class Interrupted(PolytuneError):
    """A signal ended the run; the exit code is 128 + its number."""

    code = "interrupted"

    def __init__(self, signum: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + signum


class Party:
    """A party that follows ``job``; ``service`` answers its peers, ``threads`` (default: all cores) compute.

    Use :meth:`lead` or :meth:`contribute`.
    """

    def __init__(
        self,
        job: Job,
        *,
        events: EventSink = ignore,
        state_dir: str = ".",
        program_name: str = "",
        threads: int | None = None,
    ) -> None:
        self.job = job
        self.policy = job.policy
        self.events = events
        self.state_dir = state_dir
        self.threads = threads or usable_cores()
        self.service = PartyService(job.policy, self._accepted, job.schemas, program_name)
        self._proposed: queue.Queue[Run | None] = queue.Queue()
        self._interrupted: Interrupted | None = None
        self._active = False

    # -- signals ----------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a run is under way (also before the peers were asked)."""
        return self._active

    def interrupt(self, signum: int) -> bool:
        """End what is under way: the run fails with :class:`Interrupted`, peers are told; an idle party ends.

        Returns True when the run was already writing its result: that can only be cut off by ending the process.
        """
        self._interrupted = self._interrupted or Interrupted(signum)
        self.service.close()
        self._proposed.put(None)
        run = self.service.current
        if run is None:
            return False
        if run.reached("OUTPUT"):
            return True
        run.fail(self._interrupted)
        # The run's own thread may be deep in a kernel; the peers should not have to wait for it.
        Peers(self.policy, run.run_id).abort(self._interrupted)
        return False

    def _check_interrupt(self) -> None:
        if self._interrupted is not None:
            raise self._interrupted

    # -- contributor ------------------------------------------------------------------------------------------------

    def _accepted(self, run: Run) -> None:
        self._active = True
        self._proposed.put(run)

    def try_input(self) -> None:
        """Read the own input once and drop it: a warning now is better than a failed run later."""
        if self.policy.input is None or self._active:
            return
        try:
            from engine.data import read_snapshot

            read_snapshot(self.policy, self.job.declared)
        except PolytuneError as error:
            log.warning("own input cannot be read now: %s", error.message)
        except Exception:  # the run will meet it again and report it
            log.debug("trying the input failed", exc_info=True)

    def contribute(self, runs: int | None = None) -> PolytuneError | None:
        """Serve runs one after the other, also after failed ones, until ``runs`` are over or an interrupt comes.

        Returns the error of the last run, None when that succeeded; raises :class:`Interrupted` out of a run.
        """
        served, failed = 0, None
        while runs is None or served < runs:
            run = self._next_run()
            if run is None:
                return None
            served += 1
            failed = self._serve(run)
        return failed

    def _serve(self, run: Run) -> PolytuneError | None:
        try:
            self._contribute_once(run)
        except PolytuneError as error:
            if self._interrupted is not None:
                raise self._interrupted from None
            log.error("run %s failed: %s", run.run_id, error.message)
            if error.hint:
                log.error("hint: %s", error.hint)
            return error
        except Exception as error:
            log.error("run %s failed: internal error (%s)", run.run_id, type(error).__name__)
            log.debug("details", exc_info=True)
            return RunError(f"internal error ({type(error).__name__})")
        finally:
            self._active = False
        return None

    def _next_run(self) -> Run | None:
        while True:
            log.info(IDLE_LINE)
            with contextlib.suppress(queue.Empty):
                return self._proposed.get(timeout=IDLE_SECONDS)

    def _contribute_once(self, run: Run) -> None:
        peers = Peers(self.policy, run.run_id)
        peers.answered.add(self.policy.leader)  # it knows the run: it proposed it
        for done in (0.0, 0.5):  # asked, and the policy fits: what follows is telling the leader
            self._progress("join", done)
        with self._running(run, peers) as context:
            context.progress("join", 1.0)
            run.enter("LOADING")
            snapshot = steps.load(self.job, lambda done: context.progress("load", done))
            self._common(context, snapshot)

    # -- leader -----------------------------------------------------------------------------------------------------

    def lead(self, wait_peers: float = 0.0) -> Any:
        """The leader's one run; returns the result (None when it goes to other parties only)."""
        self._active = True
        policy = self.policy
        log.info("Acting as leader (party %d)", policy.party)
        run_id = policy.computation_id or str(uuid.uuid4())
        peers = Peers(policy, run_id)
        started, deadline = time.monotonic(), time.monotonic() + wait_peers
        try:
            self._progress("join", 0.0)
            self._contact(peers, deadline)
            self._progress("join", 0.5)
            snapshot = steps.load(self.job, lambda done: self._progress("load", done))
            self._check_interrupt()
        except PolytuneError as error:
            self.events(Finished(policy.party, time.monotonic() - started, peers.meter.sent, error.message))
            raise
        started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        terms = proposal(policy, run_id, started_at, self.job.schema)
        run = Run(run_id, policy.party, len(policy.participants), policy.limits, terms)
        self.service.begin(run)
        with self._running(run, peers) as context:
            run.enter("ACCEPTED")
            joining.ask_all(run, peers, deadline, self.job.schemas)
            log.info("All participants have accepted the session, starting calculation now...")
            self._progress("join", 1.0)
            run.enter("LOADING")
            return self._common(context, snapshot)

    def _progress(self, phase: str, done: float) -> None:
        self.events(Progress(self.policy.party, phase, done))

    def _contact(self, peers: Peers, deadline: float) -> None:
        """Every peer must answer before own data is read; all are tried, each failure is logged once."""
        patient = time.monotonic() < deadline
        problems: dict[int, str] = {}
        for peer in peers.others:
            log.info("Waiting for confirmation from party %s", peers.url(peer))
            problem = greet(peers, peer).problem
            if problem:
                problems[peer] = problem
                if not patient:
                    log.error("%s", problem)
        while problems and time.monotonic() < deadline:
            self._check_interrupt()
            time.sleep(min(0.5, max(0.0, deadline - time.monotonic())))
            problems = {peer: text for peer in problems if (text := greet(peers, peer).problem)}
        self._check_interrupt()
        if problems:
            for text in problems.values() if patient else ():
                log.error("%s", text)
            raise joining.missing()

    # -- both -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _running(self, run: Run, peers: Peers) -> Iterator[steps.Context]:
        """Frees everything of ``run`` on every way out, and tells the peers when it fails."""
        context = steps.Context(run, self.job, peers, self.events, self.state_dir, self.threads)
        started = time.monotonic()
        timer = self._run_timer(run)
        result, text = "aborted", "internal error"
        try:
            with Watch(run, peers):
                yield context
            result, text = "done", ""
        except GarblePanic as error:
            result, text = "done", error.message
            raise
        except PolytuneError as error:
            # The first error is the cause; what a thread meets afterwards is its consequence.
            error = self._interrupted or run.error or error
            text = error.message
            if run.reached("OUTPUT"):
                result = "done"  # for the peers; what failed now is ours alone
            self._tell(run, peers, error)
            raise error from None
        except BaseException:
            self._tell(run, peers, RunError("internal error", code="internal"))
            raise
        finally:
            if timer is not None:
                timer.cancel()
            sent = peers.meter.sent
            if run.link is not None:
                run.link.close()
                sent += run.link.bytes_sent()
            run.state = "DONE" if result == "done" else "ABORTED"
            self.service.end(run, result)
            self.events(Finished(run.party, time.monotonic() - started, sent, text))

    def _tell(self, run: Run, peers: Peers, error: PolytuneError) -> None:
        if run.reached("OUTPUT"):
            return  # the computation is over for the peers; what fails now is ours alone
        source = [error.party] if isinstance(error, PeerAborted) else []
        run.fail(error)
        peers.abort(error, [p for p in peers.others if p not in source])

    def _run_timer(self, run: Run) -> threading.Timer | None:
        seconds = self.policy.timeouts.run
        if seconds is None:
            return None
        late = RunError(f"the run took longer than {seconds:g} s (timeouts.run)", code="timeout")
        timer = threading.Timer(seconds, run.fail, [late])
        timer.daemon = True
        timer.start()
        return timer

    def _common(self, context: steps.Context, snapshot: Any) -> Any:
        steps.exchange_constants(context, snapshot.constants)
        program = steps.compile_circuit(context)
        plan = steps.plan_protocol(context, program)
        bits = steps.encode_input(self.job, program, snapshot)
        steps.preflight(self.job, program)
        steps.agree(context, program, plan)
        output = steps.compute(context, program, plan, bits)
        context.run.enter("OUTPUT")
        return None if output is None else steps.deliver(context, program, output)


__all__ = ["Interrupted", "Party"]
