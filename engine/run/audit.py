"""``audit.jsonl`` in the state directory: one JSON object for each run that a party took part in or refused.

Append-only, mode 0600, flushed to disk line by line; never rows, results or error texts that may hold them. Other
parties cannot fill the disk with it: refusals have a rate, and what is beyond it is counted in the next line.
"""

from __future__ import annotations

import datetime
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.files import private_folder
from engine.policy import Policy
from engine.run.record import Run
from engine.run.statefiles import append_private
from engine.run.terms import printable

log = logging.getLogger("polytune")

NAME = "audit.jsonl"
#: Refusals that may be written at once, and seconds until one more may.
BURST, REFILL = 20, 60.0
#: Characters of a text of another party.
MOST = 300


class Audit:
    """The audit log of the party of ``policy``; several processes may write to the same file."""

    def __init__(self, policy: Policy, state_dir: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = Path(state_dir) / NAME
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        self._left, self._since, self._dropped = float(BURST), clock(), 0

    def ended(self, run: Run, result: str, code: str) -> None:
        """A run is over: ``result`` done or aborted, ``code`` ok or that of the error."""
        constants = {
            f"PARTY_{party}": {name: item["value"] for name, item in table.items()}
            for party, table in sorted(run.constants.items())
        }
        self._write(run.run_id, self._policy.leader, constants, {"result": result, "code": code})

    def refused(self, run_id: str, sender: int, code: str, reason: str) -> None:
        """This party refused a run that ``sender`` proposed."""
        with self._lock:
            now = self._clock()
            self._left = min(BURST, self._left + (now - self._since) / REFILL)
            self._since = now
            if self._left < 1:
                self._dropped += 1
                return
            self._left -= 1
            dropped, self._dropped = self._dropped, 0
        outcome: dict[str, Any] = {"result": "refused", "code": code, "reason": printable(reason[:MOST])}
        if dropped:
            outcome["unlisted"] = dropped
        self._write(printable(run_id[:64]), sender, {}, outcome)

    def _write(self, run_id: str, leader: int, constants: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        policy = self._policy
        entry = {
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "run_id": run_id,
            "party": policy.party,
            "leader": leader,
            "peers": [url for number, url in enumerate(policy.participants) if number != policy.party],
            "program_hash": f"sha256:{policy.program.sha256}",
            "output_parties": sorted(policy.output_parties),
            "constants": constants,
            **outcome,
        }
        try:
            private_folder(self.path.parent)
            append_private(self.path, json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            log.error("cannot write %s: %s", self.path, (error.strerror or "error").lower())
