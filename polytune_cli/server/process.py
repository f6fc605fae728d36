"""The process of one party: checks in their order, the listener, the run in its thread, signals (service, 1.1-1.3)."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import urlsplit

from engine.errors import PolytuneError, ResourceError
from engine.events import Event, EventSink, Finished
from engine.outputs import PrintedOutput
from engine.policy import Policy, is_loopback
from engine.run.credentials import open_security
from engine.run.deliver import check_urls
from engine.run.job import INSECURE, check_transport, prepare
from engine.run.party import Interrupted, Party
from engine.transport.http.link import LANES
from engine.transport.spool import Spool, is_in_memory
from polytune_cli import console, exits
from polytune_cli.kernels import get_ready
from polytune_cli.live import LiveView, PlainView, RunLines, view
from polytune_cli.policyfile import PolicyFile
from polytune_cli.server.app import create_app
from polytune_cli.server.approval import asking
from polytune_cli.server.desk import Desk, DeskOptions
from polytune_cli.server.guard import Guard
from polytune_cli.server.listener import Listener
from polytune_cli.server.reports import RunAccount, profiling
from polytune_cli.server.tls import Tls

if TYPE_CHECKING:
    from polytune_cli.main import Settings

log = logging.getLogger("polytune")
#: Seconds that a run gets to end by itself after the first signal.
GRACE = 5.0
#: The same when only the result is to be written: what does not stop by then waits for a database.
GRACE_WRITING = 1.5
DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Options:
    """Checked options of ``serve``; ``port`` None means the port of the own URL."""

    policy_file: PolicyFile
    address: str
    port: int | None
    wait_peers: float
    keep_serving: bool
    runs: int | None
    allow_insecure: bool
    state_dir: Path
    threads: int | None
    events_fd: int | None
    desk: DeskOptions | None
    strict: bool
    result: Path | None
    profile: Path | None
    level: int
    settings: Settings


def serve(options: Options) -> int:
    """Run one party; returns the exit code. Errors before the listener is up are raised."""
    settings = options.settings
    handler = console.set_up(options.level, as_json=settings.log_format == "json", to_stderr=settings.json)
    policy = options.policy_file.load()
    printed = prints(policy)
    if printed:
        handler.write = console.to_stream(sys.stderr)
    buffer = io.BytesIO() if printed and settings.json else None
    job = prepare(policy if buffer is None else printed_as_json(policy))
    warnings = list(policy.warnings)
    allowed = options.allow_insecure or policy.allow_insecure
    insecure = check_transport(policy, options.address, allowed) + check_urls(policy, allowed)
    security = open_security(policy)
    warnings += insecure + list(security.warnings)
    for warning in warnings:
        log.warning("%s", warning)
    _check_spool(policy)
    _no_core_dumps()
    # Before the listener is up: whoever is listening answers at once, and no peer waits for a compiler.
    quiet = options.level > logging.INFO or settings.json or settings.log_format == "json"
    screen = sys.stderr if printed else sys.stdout
    get_ready(lambda line: log.info("%s", line), io.StringIO() if quiet else screen)
    outcome = _Outcome()
    with _sinks(options, handler, policy, screen) as sink:
        party = Party(
            job,
            events=sink,
            state_dir=str(options.state_dir),
            program_name=policy.program.filename,
            threads=options.threads,
            stdout=buffer,
            strict=options.strict,
            security=security,
        )
        desk = None
        if options.desk is not None:
            on_demand = options.keep_serving and policy.is_leader
            open_to_all = any(INSECURE in line for line in insecure)
            desk = Desk(options.desk, party, options.state_dir, insecure=open_to_all, on_demand=on_demand)
        account = RunAccount(options.result, policy) if options.result is not None else None
        if account is not None:
            party.board.on_end = account.ended
        stays = options.keep_serving or not policy.is_leader
        with profiling(options.profile, endless=stays and options.runs is None):
            _Process(options, party, outcome, desk).run()
        if account is not None:
            account.never_began(outcome.error)
    return outcome.conclude(settings.json, buffer)


def prints(policy: Policy) -> bool:
    """Whether the result goes to standard output, which then holds nothing else."""
    return policy.receives_output and any(isinstance(output, PrintedOutput) for output in policy.outputs)


def printed_as_json(policy: Policy) -> Policy:
    """The same policy, but what it prints is JSON, to become part of the object of ``--json``."""
    outputs = (replace(out, format="json") if isinstance(out, PrintedOutput) else out for out in policy.outputs)
    return replace(policy, outputs=tuple(outputs))


@contextmanager
def _sinks(options: Options, handler: console.LineHandler, policy: Policy, screen: TextIO) -> Iterator[EventSink]:
    """Where events go: the live table or plain progress lines, and the descriptor of ``--events-fd``."""
    file = _event_file(options.events_fd) if options.events_fd is not None else None
    quiet = options.level > logging.INFO or options.settings.json
    lock = threading.Lock()
    with _view(handler, policy, quiet, options.settings.quiet, screen) as show:

        def sink(event: Event) -> None:
            show(event)
            if file is not None:
                line = console.json_text(event.to_json()) + "\n"
                with lock:
                    _write_line(file, line)

        yield sink


@contextmanager
def _view(
    handler: console.LineHandler, policy: Policy, quiet: bool, final: bool, screen: TextIO
) -> Iterator[EventSink]:
    """The live table or plain lines; when ``quiet``, nothing but (``final``) the end of a run that succeeded."""
    if quiet:
        last = PlainView(1, "", write=handler.say if final else lambda line: None)
        yield lambda event: last.sink(event) if isinstance(event, Finished) and not event.error else None
        return
    if policy.limits.concurrent_runs > 1:
        handler.addFilter(console.name_run)
        yield RunLines(len(policy.participants), lambda line: log.info("%s", line)).sink
        return
    with view(1, "", stream=screen, write=lambda line: log.info("%s", line)) as shown:
        direct = handler.write
        if isinstance(shown, LiveView):
            handler.write = shown.log
        try:
            yield shown.sink
        finally:
            handler.write = direct


def _event_file(descriptor: int) -> int:
    try:
        os.fstat(descriptor)
        os.set_inheritable(descriptor, False)
    except OSError:
        raise ResourceError(f"--events-fd {descriptor}: this descriptor is not open") from None
    return descriptor


def _write_line(descriptor: int, line: str) -> None:
    # Progress is a courtesy: when nobody reads any more, the run goes on.
    try:
        os.write(descriptor, line.encode())
    except OSError:
        return


def own_port(policy: Policy) -> int:
    """The port of the own URL when that is loopback, else 8000."""
    own = policy.participants[policy.party]
    if not is_loopback(own):
        return DEFAULT_PORT
    parts = urlsplit(own)
    return parts.port or (443 if parts.scheme == "https" else 80)


@dataclass
class _Outcome:
    """How the party ended; shown when the live view is gone from the terminal."""

    error: BaseException | None = None
    #: The run's thread could not be stopped; only the end of the process stops it.
    stuck: bool = False

    def conclude(self, as_json: bool, printed: io.BytesIO | None = None) -> int:
        """Print the JSON object if wanted, with the ``printed`` rows; returns 0 or raises what ended the party."""
        error = self.error
        if as_json:
            record: dict[str, Any] = {"ok": error is None}
            if isinstance(error, PolytuneError):
                record["error"] = {"code": error.code, "message": error.message}
            text = console.json_text(record)
            if printed is not None and printed.getvalue():  # rows are printed as they are, whatever they hold
                rows = json.loads(printed.getvalue())
                text = f'{text.removesuffix("}")}, "output": {json.dumps(rows)}}}'
            print(text, flush=True)
        if self.stuck and isinstance(error, PolytuneError):
            # With the process its connections go, and databases roll back what is not committed.
            exits.show(error)
            os._exit(error.exit_code)
        if error is not None:
            raise error
        return 0


class _Process:
    """Listener, worker thread and signals of one party."""

    def __init__(self, options: Options, party: Party, outcome: _Outcome, desk: Desk | None) -> None:
        self._options = options
        self._party = party
        self._outcome = outcome
        port = options.port if options.port is not None else own_port(party.policy)
        self._desk = desk
        lanes = (LANES + 2) * (len(party.policy.participants) - 1)
        parties, limits = len(party.policy.participants), party.policy.limits
        guard = Guard(party.security, parties, limits.connections)
        self._listener = Listener(
            options.address,
            port,
            create_app(party.service, guard),
            threads=lanes * limits.concurrent_runs + guard.door.strangers + 4,
            tls=Tls(party.security) if party.security.credentials is not None else None,
            door=guard.door,
        )
        self._signal: int | None = None
        self._done = threading.Event()

    def run(self) -> None:
        """Listen, work, stop; the outcome says how it went."""
        self._listener.bind()
        try:
            # Operators first: whoever sees that this party answers also finds their listener.
            with self._desk.open() if self._desk is not None else contextlib.nullcontext():
                log.info("listening on %s", self._listener)
                self._listener.start()
                try:
                    with self._approval():
                        self._run()
                finally:
                    self._listener.stop()
        finally:  # its threads are there from bind on, also when the operators' listener cannot be had
            self._listener.stop()

    def _approval(self) -> contextlib.AbstractContextManager[None]:
        policy = self._party.policy
        if not policy.consent.ask or policy.is_leader:
            return contextlib.nullcontext()
        return asking(self._party.service.gate, self._desk is not None)

    def _run(self) -> None:
        restore = self._catch_signals()
        worker = threading.Thread(target=self._work, name="run", daemon=True)
        worker.start()
        try:
            while not self._done.wait(0.5) and self._signal is None:
                pass
            if self._signal is not None:
                self._stop_after_signal(worker)
        finally:
            restore()

    def _work(self) -> None:
        party, options = self._party, self._options
        try:
            _warm_up(party)
            party.wait_peers = options.wait_peers
            if party.policy.is_leader and not options.keep_serving:
                party.lead(options.wait_peers)
            else:
                self._outcome.error = party.contribute(options.runs)
        except BaseException as error:  # reported by the main thread
            self._outcome.error = error
        finally:
            self._done.set()

    # -- signals --------------------------------------------------------------------------------------------------

    def _catch_signals(self) -> Callable[[], None]:
        old = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}

        def restore() -> None:
            for number, handler in old.items():
                signal.signal(number, handler)

        return restore

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            os._exit(128 + number)  # the second signal: at once
        self._signal = number

    def _stop_after_signal(self, worker: threading.Thread) -> None:
        """Tell the peers, let the run end, and leave."""
        number = int(self._signal or signal.SIGTERM)
        writing = self._party.interrupt(number)
        worker.join(GRACE_WRITING if writing else GRACE)
        if worker.is_alive():
            self._party.keep_results()
            self._outcome.error, self._outcome.stuck = Interrupted(number), True
        # Else the run's thread has left its own account: interrupted, or through before the signal could reach it.


def _warm_up(party: Party) -> None:
    """Import what a run needs while the others are waited for; a contributor also tries its own input once."""

    def load() -> None:
        try:
            import engine.mpc  # noqa: F401
        except Exception:  # the run will meet the same error and report it
            log.debug("warm-up failed", exc_info=True)
        if not party.policy.is_leader:
            party.try_input()

    threading.Thread(target=load, name="warm-up", daemon=True).start()


def _check_spool(policy: Policy) -> None:
    if policy.limits.spool_dir is not None:
        Spool(policy.limits.spool_dir).check()
        if is_in_memory(policy.limits.spool_dir):
            log.warning("limits.spool_dir: %s is itself in memory, so it saves none", policy.limits.spool_dir)


def _no_core_dumps() -> None:
    """A core file would hold input rows and keys."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


__all__: list[Any] = ["Options", "serve"]
