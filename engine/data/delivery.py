"""What writing a result needs beside the result and the outputs."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from engine.data.result import Result
from engine.errors import DataError

#: Pauses before the second, third and fourth attempt, in seconds.
PAUSES = (0.2, 1.0, 3.0)


def _nothing(done: float) -> None:
    return


@dataclass
class Journal:
    """How far writing is, for whoever must save the result from another thread: labels of the outputs that are
    ``written``, and whether the present one may be ``committing``.
    """

    written: set[str] = field(default_factory=set)
    committing: bool = False


@dataclass
class Delivery:
    """One run's way out: where the result is kept when writing fails, and what may be told or asked on the way.

    ``policy`` is noted in the recovery file; ``stdout`` is what an output ``"-"`` writes to (default: the process's
    own); ``progress`` hears the share (0..1) that is written; once ``stop`` is set, writing ends at the next batch
    and is rolled back.
    """

    run_id: str
    state_dir: str | Path
    policy: str = ""
    stdout: IO[bytes] | None = None
    progress: Callable[[float], None] = _nothing
    stop: threading.Event = field(default_factory=threading.Event)
    journal: Journal = field(default_factory=Journal)

    def batches(self, result: Result) -> Iterator[list[Any]]:
        """The elements of the result in batches; raises :class:`Stopped`."""
        written = 0
        for values in result.batches():
            self.check()
            yield values
            written += len(values)
            self.progress(written / max(1, len(result)))

    @contextmanager
    def open_stdout(self) -> Iterator[IO[bytes]]:
        """Where to print; an OSError comes here and not when the process ends."""
        if self.stdout is not None:
            yield self.stdout
            return
        if sys.stdout is None:  # descriptor 1 is something else by now
            raise OSError(errno.EBADF, "it is closed")
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as file:
            yield file

    def attempts(self) -> Iterator[float | None]:
        """For every attempt the pause after it; None for the last."""
        yield from (*PAUSES, None)

    def check(self) -> None:
        """Raise :class:`Stopped` once ``stop`` is set."""
        if self.stop.is_set():
            raise Stopped("interrupted while the result was written")

    def pause(self, seconds: float) -> None:
        """Wait; raises :class:`Stopped` when ``stop`` is set meanwhile."""
        self.stop.wait(seconds)
        self.check()


class Stopped(DataError):
    """Writing was called off; nothing of it remains."""

    code = "interrupted"
