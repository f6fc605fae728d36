"""Applying a recovery file: the outputs that failed are written with what the policy says now."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data import recovery
from engine.data.delivery import Delivery
from engine.data.output import combined, write_one
from engine.data.recovery import Failure
from engine.errors import DataError, PolytuneError, ResourceError
from engine.outputs import DatabaseOutput, Output


@dataclass(frozen=True)
class Applied:
    """One output that was written: its name, where it is, how many rows."""

    label: str
    target: str
    rows: int


class Resume:
    """A recovery file that is being applied; nobody else applies it meanwhile. Raises DataError.

    ``policy`` is the path of the policy of the run, None when the file does not know it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._head, self.result = recovery.load(path)
        self.policy: str | None = self._head.get("policy")
        self.run_id: str = self._head["run_id"]

    def apply(self, outputs: Sequence[Output], delivery: Delivery, *, force: bool = False) -> list[Applied]:
        """Write what was not written, then remove the file; ``outputs`` are those of the policy.

        After a failure the file stays and knows what is written.
        ``force`` writes also where the connection broke during COMMIT, which may write rows twice (not with a ledger).
        """
        chosen = [(entry, self._output(entry, outputs)) for entry in self._entries()]
        for entry, output in chosen:
            if entry["state"] == "unknown" and not force and not _has_ledger(output):
                raise DataError(
                    f"{output.label}: the connection broke during COMMIT: perhaps the rows are in {output.target}",
                    "look there; then give --force to write them, or delete the file",
                )
        applied: list[Applied] = []
        failures: list[Failure] = []
        for entry, output in chosen:
            try:
                applied.append(Applied(output.label, output.target, write_one(output, self.result, delivery)))
                entry["state"] = "written"
            except PolytuneError as error:
                failures.append(failure := Failure(output, error))
                entry.update(state=failure.state, error=error.message)
            self._remember()
        if failures:
            written = "".join(f"{one.label} was written; " for one in applied)
            raise combined(failures, f"{written}{self.path} stays")
        return applied

    def _entries(self) -> list[dict[str, Any]]:
        return [entry for entry in self._head["outputs"] if entry.get("state") != "written"]

    def _output(self, entry: dict[str, Any], outputs: Sequence[Output]) -> Output:
        for output in outputs:
            if output.label == entry["output"] or (len(outputs) == len(self._head["outputs"]) == 1):
                return output
        known = ", ".join(output.label for output in outputs) or "no output"
        raise DataError(
            f"the result is for {entry['output']} ({entry.get('target')}), but the policy has {known}",
            "give the policy of the run with --config",
        )

    def _remember(self) -> None:
        """Note on disk what is written now: the file is rewritten, and removed when nothing is left to do."""
        try:
            if self._entries():
                recovery.write(self.path, self._head, self.result)
            else:
                self.path.unlink()
        except OSError as error:
            raise ResourceError(
                f"the result was written, but {self.path} cannot be changed: {(error.strerror or 'error').lower()}",
                "delete the file, or it will be applied again",
            ) from None


@contextlib.contextmanager
def resuming(path: Path) -> Iterator[Resume]:
    """Open a recovery file for applying it; no other process applies files of the same folder meanwhile."""
    recovery.load(path)  # a message about the file comes first
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another process is applying a file of {path.absolute().parent}", "wait for it") from None
        yield Resume(path)
    finally:
        os.close(folder)


def _has_ledger(output: Output) -> bool:
    return isinstance(output, DatabaseOutput) and output.ledger
