"""Kernels are compiled once per processor and version; whoever needs them waits here and sees how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from polytune_cli.live import wants_live

if TYPE_CHECKING:
    from engine.kernels.warm import Warmth

WHAT = "compiling kernels for this processor, once"
#: Seconds between two plain lines.
INTERVAL = 5.0
NOT_KEPT = "the compiled kernels cannot be kept: there is no private, writable cache directory"
CURE = "set POLYTUNE_CACHE_DIR to a directory that only you can write"


def get_ready(write: Callable[[str], None] | None = None, stream: TextIO | None = None) -> Warmth | None:
    """Compile the kernels that are missing; None, at once, when there are none.

    A bar on ``stream`` (stderr by default) if that is a capable terminal, else lines, to ``write`` if that is given.
    """
    from engine.kernels.warm import is_warm

    if is_warm():
        return None
    out = stream or sys.stderr
    warmth = _with_bar(out) if wants_live(out) else _with_lines(write or _printer(out))
    if not warmth.kept:
        (write or _printer(out))(f"{NOT_KEPT}; {CURE}")
    return warmth


def _with_lines(write: Callable[[str], None]) -> Warmth:
    from engine.kernels.warm import warm

    told = time.monotonic()
    write(WHAT)

    def progress(done: int, total: int, name: str) -> None:
        nonlocal told
        if done == total or time.monotonic() - told >= INTERVAL:
            told = time.monotonic()
            write(f"{WHAT}: {done} of {total}")

    return warm(progress)


def _with_bar(stream: TextIO) -> Warmth:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from engine.kernels.warm import warm

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[kernel]}"),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(WHAT, total=None, kernel="")
        return warm(lambda done, total, name: bar.update(task, completed=done, total=total, kernel=name))


def _printer(stream: TextIO) -> Callable[[str], None]:
    return lambda line: print(line, file=stream, flush=True)
