"""Which runs a party took part in, in a file of its state directory: no id is used twice, and runs can be counted.

All processes of one party (the same participants, the same number) share the file; a lock makes reading, deciding and
writing one step, so two of them together cannot exceed a limit either. Only the newest runs are kept; the number of
those that count is kept for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ResourceError, RunError
from engine.files import private_folder, write_whole
from engine.policy import Policy
from engine.policy.consent import Consent
from engine.run.statefiles import locked, unwritable

#: Ids that are remembered.
REMEMBERED = 10_000
NEW_ID = "a computation_id is good for one run, give all parties a new one"


@dataclass
class Entry:
    """One run: since when (seconds since 1970), how it ended (None: it has not, or the process died), and whether
    anything of this party became known to others in it, which is what limits count."""

    at: float
    result: str | None = None
    counts: bool = True


class QuotaUsed(RunError):
    """The runs that the policy allows are used up."""

    code = "not_allowed"


class IdUsed(RunError):
    """A run with this id was before."""

    code = "run_over"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"a run with the id {run_id} was before", NEW_ID)


class Ledger:
    """The runs of the party of ``policy``; the file is ``<state_dir>/runs/<name of the party>.json``."""

    def __init__(self, policy: Policy, state_dir: str, clock: Callable[[], float] = time.time) -> None:
        parts = [list(policy.participants), policy.party]
        name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
        self.path = Path(state_dir) / "runs" / f"{name}.json"
        self.consent = policy.consent
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[str, Entry] = {}
        self._counted = 0

    def result(self, run_id: str) -> str | None:
        """How a run ended that this party took part in; None for other ids, and when its process died meanwhile."""
        with self._lock:
            entry = self._runs.get(run_id)
            return None if entry is None else entry.result

    def refresh(self) -> None:
        """Learn what is on disk; raises ResourceError when that cannot be read, or nothing can be written beside it."""
        with self._lock, self._held():
            self._read()

    def check(self, run_id: str) -> None:
        """Raise what :meth:`enter` would raise now, without taking part."""
        with self._lock:
            self._read()
            self._check(run_id)

    def enter(self, run_id: str) -> None:
        """Take part in a run: on disk before this returns. Raises QuotaUsed, IdUsed or ResourceError."""
        with self._lock:
            self._change(lambda: self._enter(run_id))

    def leave(self, run_id: str, result: str, counts: bool) -> None:
        """The run is over; it does not count when nothing became known in it. Raises ResourceError."""
        with self._lock:
            self._change(lambda: self._leave(run_id, result, counts))

    def _enter(self, run_id: str) -> None:
        self._check(run_id)
        self._runs[run_id] = Entry(self._clock())
        self._counted += 1
        while len(self._runs) > REMEMBERED:
            del self._runs[next(iter(self._runs))]

    def _leave(self, run_id: str, result: str, counts: bool) -> None:
        entry = self._runs.setdefault(run_id, Entry(self._clock(), counts=counts))
        entry.result = result
        if entry.counts and not counts:
            entry.counts = False
            self._counted -= 1

    def _check(self, run_id: str) -> None:
        if run_id in self._runs:
            raise IdUsed(run_id)
        consent = self.consent
        if consent.max_runs is not None and self._used(consent) >= consent.max_runs:
            raise QuotaUsed(f"this party takes part in at most {consent.allowance} (consent.max_runs)")

    def _used(self, consent: Consent) -> int:
        if consent.seconds is None:
            return self._counted
        # A clock that was set back must not make room: entries of the future count.
        since = self._clock() - consent.seconds
        return sum(entry.counts and entry.at > since for entry in self._runs.values())

    # -- the file -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Nobody else changes the file meanwhile; what is wrong with it is a ResourceError."""
        try:
            private_folder(self.path.parent)
            with locked(self.path.with_suffix(".lock")):
                yield
        except OSError as error:
            raise unwritable(self.path, error) from None

    def _change(self, change: Callable[[], None]) -> None:
        with self._held():
            self._read()
            change()
            runs = {run_id: vars(entry) for run_id, entry in self._runs.items()}
            content = {"version": 1, "counted": self._counted, "runs": runs}
            write_whole(self.path, json.dumps(content, separators=(",", ":")).encode())

    def _read(self) -> None:
        try:
            content = json.loads(self.path.read_bytes())
            runs = {str(run_id): Entry(**entry) for run_id, entry in content["runs"].items()}
            self._runs, self._counted = runs, int(content["counted"])
        except FileNotFoundError:
            return
        except OSError as error:
            raise ResourceError(f"cannot read {self.path}: {(error.strerror or 'error').lower()}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ResourceError(
                f"{self.path} is damaged: the runs of this party cannot be counted",
                "restore the file, or move it away to begin with an empty list",
            ) from None
