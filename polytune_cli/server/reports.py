"""What ``serve`` leaves behind on request: an account of the run (``--result``), a profile of it (``--profile``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import PolytuneError, ResourceError, UsageError
from engine.files import write_whole
from engine.policy import Policy
from polytune_cli import console


class RunAccount:
    """Writes the account of each run to ``path`` when it ends; the last one stays. Figures only, never values."""

    def __init__(self, path: Path, policy: Policy) -> None:
        _check_place(path, "--result")
        self._path = path
        self._who = {"party": policy.party, "leader": policy.is_leader}
        self._written = False

    def ended(self, record: dict[str, Any]) -> None:
        """A run ended; ``record`` is that of the board."""
        self._write({"ok": record["exit_code"] == 0, **self._who, **record})

    def never_began(self, error: BaseException | None) -> None:
        """The party ended without any run: the account says why."""
        if self._written or not isinstance(error, PolytuneError):
            return
        told = {"exit_code": error.exit_code, "code": error.code, "message": error.message, "hint": error.hint}
        self._write({"ok": False, **self._who, "run_id": None, "result": "failed", **told})

    def _write(self, record: dict[str, Any]) -> None:
        try:
            write_whole(self._path, (console.json_text(record) + "\n").encode(), mode=0o644)
        except OSError as error:
            raise _unwritable(self._path, error) from None
        self._written = True


@contextmanager
def profiling(path: Path | None, *, endless: bool) -> Iterator[None]:
    """Trace what happens inside; at the end the table goes to stderr and the trace to ``path``."""
    if path is None:
        yield
        return
    from engine.trace import tracing
    from polytune_cli.bench.profile import print_table, write_trace

    if endless:
        raise UsageError("--profile is written when the party ends", "say after how many runs, for instance --runs 1")
    _check_place(path, "--profile")
    with tracing() as trace:
        try:
            yield
        finally:
            write_trace(trace, str(path))
            print_table(trace)


def _check_place(path: Path, option: str) -> None:
    """Whether the file can be written at the end is known at the start."""
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        reason = "is a folder" if path.is_dir() else "its folder cannot be written"
        raise ResourceError(f"{option} {path}: {reason}", "name another file")


def _unwritable(path: Path, error: OSError) -> ResourceError:
    return ResourceError(f"cannot write {path}: {(error.strerror or 'error').lower()}", "name another file")
