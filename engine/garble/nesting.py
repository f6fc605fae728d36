"""What a stage raises when a program is too large for this machine, as an error of that stage."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from engine.circuit.errors import CircuitError
from engine.garble.diagnostics import NOWHERE, Diagnostic, Reporter, make_error

RECURSION = 100_000  # calls inside each other; pure Python calls need no room on the machine's stack


class Stage:
    """Which error category belongs to what is done now."""

    def __init__(self, category: str) -> None:
        self.category = category


@contextmanager
def large_programs(stage: Stage, reporter: Reporter) -> Iterator[None]:
    """Allow deep trees; a program that is still too deep, or too large for the memory, becomes a GarbleError."""
    _DEPTH.enter()
    try:
        yield
    except RecursionError:
        item = Diagnostic(
            NOWHERE, "the program is nested too deeply", "split its longest expressions and chains of calls"
        )
    except (MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOMEM:
            raise
        item = Diagnostic(NOWHERE, "the program is too large for the memory", "use fewer rows, or split the program")
    except CircuitError as error:
        item = Diagnostic(NOWHERE, error.message, error.hint)
    else:
        return
    finally:
        _DEPTH.leave()
    raise make_error(stage.category, [item], reporter.source, reporter.filename)


class _Depth:
    """Raises the interpreter's recursion limit while some thread compiles."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.users = 0
        self.before = 0

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self.before, RECURSION))
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                sys.setrecursionlimit(self.before)


_DEPTH = _Depth()
