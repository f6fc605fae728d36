"""What operators may know of this party's runs: where each one is, how the last ones ended, and totals for metrics.

Counts, names, times and states only: never rows, results or the values of constants.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from engine.errors import PolytuneError
from engine.events import PHASES, CircuitReady, Event, EventSink, Finished, Progress
from engine.run.peers import Peers
from engine.run.record import Run

#: Ended runs that are remembered.
HISTORY = 100
#: A peer that was heard of so lately counts as reachable, in seconds.
FRESH = 10.0
#: Codes of errors that are a result of their own; others mean that the run failed.
ENDS = {"cancelled": "cancelled", "interrupted": "interrupted"}


@dataclass
class Totals:
    """Counters that only grow. Bytes are keyed by (peer, "sent" or "received"), seconds by phase."""

    bytes: Counter[tuple[int, str]] = field(default_factory=Counter)
    messages: int = 0
    retries: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Totals) -> Totals:
        self.messages += other.messages
        self.retries += other.retries
        for name in ("bytes", "seconds", "phases", "runs"):
            getattr(self, name).update(getattr(other, name))
        return self


class Tracker:
    """One run as operators see it; :meth:`sink` takes its events and hands them on with the run's id."""

    def __init__(self, run: Run, peers: Peers, forward: EventSink) -> None:
        self.run = run
        self.peers = peers
        self._forward = forward
        self._began = datetime.datetime.now(datetime.UTC)
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._shares: dict[str, float] = {}
        self._times: dict[str, tuple[float, float]] = {}
        self._circuit: CircuitReady | None = None

    def sink(self, event: Event) -> None:
        """Take an event from any thread."""
        with self._lock:
            if isinstance(event, Progress):
                now = time.monotonic()
                self._shares[event.phase] = min(max(event.done, self._shares.get(event.phase, 0.0)), 1.0)
                self._times[event.phase] = (self._times.get(event.phase, (now, now))[0], now)
            elif isinstance(event, CircuitReady):
                self._circuit = event
        self._forward(replace(event, run=self.run.run_id))

    @property
    def seconds(self) -> float:
        """Time since the run began."""
        return time.monotonic() - self._start

    def finish(self, error: str) -> None:
        """Tell the sinks that the run is over; ``error`` is empty after success."""
        self.sink(Finished(self.run.party, self.seconds, self._sent(), error))

    def status(self) -> dict[str, Any]:
        """The run's part of ``GET /status``."""
        run = self.run
        phase, done, eta = self._position()
        return {
            "run_id": run.run_id,
            "state": run.state,
            "phase": phase,
            "done": round(done, 4),
            "eta_s": None if eta is None else round(eta, 1),
            "started_at": self._began.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "peers": [self._peer(peer) for peer in run.others],
            "circuit": self._size(),
            "constants": {f"PARTY_{p}": sorted(run.constants[p]) for p in sorted(run.constants)},
        }

    def record(self, result: str, error: PolytuneError | None) -> dict[str, Any]:
        """What is remembered of the run when it is over."""
        totals = self.totals()
        return {
            "run_id": self.run.run_id,
            "result": result,
            "exit_code": error.exit_code if error is not None else 0,
            "code": error.code if error is not None else "",
            "message": error.message if error is not None else "",
            "hint": error.hint if error is not None else "",
            "started_at": self._began.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "sent": sum(count for (_, way), count in totals.bytes.items() if way == "sent"),
            "received": sum(count for (_, way), count in totals.bytes.items() if way == "received"),
            "circuit": self._size(),
        }

    def account(self) -> dict[str, Any]:
        """Where time and bytes went: seconds of each phase, and the counters of each part of the protocol."""
        stats = self.run.stats
        parts = stats.phases if stats is not None else {}
        return {
            "phases": {name: round(seconds, 4) for name, seconds in self.totals().seconds.items()},
            "protocol": {name: {**asdict(part), "seconds": round(part.seconds, 4)} for name, part in parts.items()},
        }

    def totals(self) -> Totals:
        """The counters of this run so far."""
        run, link = self.run, self.run.link
        with self._lock:
            seconds = {phase: end - start for phase, (start, end) in self._times.items()}
        totals = Totals(seconds=Counter(seconds), phases=Counter(list(seconds)), retries=self.peers.retries.sent)
        for peer in run.others:
            totals.bytes[peer, "sent"] = self._sent(peer)
            totals.bytes[peer, "received"] = run.inbox.received_from(peer)
        if link is not None:
            totals.retries += link.retries.sent
        if run.stats is not None:
            totals.messages = run.stats.messages
        return totals

    def _sent(self, peer: int | None = None) -> int:
        link = self.run.link
        return self.peers.sent(peer) + (link.bytes_sent(peer) if link is not None else 0)

    def _size(self) -> dict[str, int] | None:
        circuit = self._circuit
        return None if circuit is None else {"ands": circuit.and_gates, "instructions": circuit.gates}

    def _peer(self, peer: int) -> dict[str, Any]:
        seen = max(self.run.receiver.last_seen(peer), self.peers.heard.get(peer, 0.0))
        silence = time.monotonic() - seen if seen else None
        return {
            "party": peer,
            "reachable": None if silence is None else silence < FRESH,
            "last_seen_s": None if silence is None else round(silence, 1),
            "sent": self._sent(peer),
            "received": self.run.inbox.received_from(peer),
        }

    def _position(self) -> tuple[str, float, float | None]:
        """The first phase that is under way, how much of it is done, and the seconds that it still takes at its rate.

        Steps of the protocol overlap; a phase also counts as done when a later one is.
        """
        with self._lock:
            begun = [name for name in PHASES if name in self._shares]
            complete = [place for place, name in enumerate(begun) if self._shares[name] >= 1.0]
            under_way = begun[max(complete, default=-1) + 1 :]
            if not under_way:
                return (begun[-1], 1.0, None) if begun else ("", 0.0, None)
            name = under_way[0]
            done, start = self._shares[name], self._times[name][0]
        spent = time.monotonic() - start
        return name, done, spent * (1 - done) / done if done > 0 and spent > 0.5 else None


class Board:
    """The runs of a party, under way and ended. Thread-safe."""

    def __init__(self) -> None:
        #: Called with the record and the account of each run that ended.
        self.on_end: Callable[[dict[str, Any]], None] = lambda record: None
        self._lock = threading.Lock()
        self._running: dict[str, Tracker] = {}
        self._history: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self._totals = Totals()

    def track(self, run_id: str, make: Callable[[], Tracker]) -> Tracker:
        """The tracker of a run; it is made, and the run begins, when it is asked for first."""
        with self._lock:
            if run_id not in self._running:
                self._running[run_id] = make()
            return self._running[run_id]

    def end(self, tracker: Tracker, error: PolytuneError | None) -> None:
        """It is over."""
        result = "done" if error is None else ENDS.get(error.code, "failed")
        record, totals = tracker.record(result, error), tracker.totals()
        totals.runs[result] += 1
        with self._lock:
            self._running.pop(tracker.run.run_id, None)
            self._history.appendleft(record)
            self._totals += totals
        self.on_end({**record, **tracker.account()})

    @property
    def running(self) -> list[Tracker]:
        """Runs under way, the oldest first."""
        with self._lock:
            return list(self._running.values())

    @property
    def history(self) -> list[dict[str, Any]]:
        """Records of the runs that ended last, the latest first."""
        with self._lock:
            return list(self._history)

    def find(self, run_id: str) -> dict[str, Any] | None:
        """Status of a run under way (``result`` None), or the record of one that ended; None if neither is known."""
        with self._lock:
            tracker = self._running.get(run_id)
            ended = next((record for record in self._history if record["run_id"] == run_id), None)
        if tracker is not None:
            return {**tracker.status(), "result": None}
        return ended

    def totals(self) -> Totals:
        """All counters: ended runs and those under way."""
        with self._lock:
            running = list(self._running.values())
            total = Totals()
            total += self._totals
        for tracker in running:
            total += tracker.totals()
        return total
