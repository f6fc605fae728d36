"""Asks the person at the terminal whether this party takes part in a run (``consent.ask`` of the policy)."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sys
import threading
from collections.abc import Iterator

from engine.errors import PolytuneError
from engine.run.consent import Gate, Pending

log = logging.getLogger("polytune")

#: Seconds between two looks whether there is a run to ask about, or whether it still waits.
PAUSE = 0.3
ANSWERS = {"y": True, "yes": True, "n": False, "no": False}


@contextlib.contextmanager
def asking(gate: Gate, elsewhere: bool) -> Iterator[None]:
    """Ask about every run that waits meanwhile, if there is somebody to ask; ``elsewhere``: others can approve, too."""
    if not sys.stdin.isatty():
        if not elsewhere:
            log.warning("consent.ask: without a terminal or --admin-port nobody can approve a run; all will be refused")
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_ask_on, args=(gate, sys.stdin.fileno(), over), name="approval", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _ask_on(gate: Gate, terminal: int, over: threading.Event) -> None:
    while not over.is_set():
        waiting = gate.wait_pending(PAUSE)
        if waiting and _in_foreground(terminal):
            _decide(gate, waiting[0], terminal, over)
        elif waiting:
            over.wait(PAUSE)


def _in_foreground(terminal: int) -> bool:
    """Whether this process may read from the terminal; one in the background would be stopped for trying."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # not the terminal that controls this process: nobody is stopped for reading from it
        return True


def _decide(gate: Gate, run: Pending, terminal: int, over: threading.Event) -> None:
    log.warning("party %d asks this party to take part in run %s: yes or no?", run.leader, run.run_id)
    while run in gate.pending() and not over.is_set():
        line = _line(terminal)
        if line is None:
            continue
        answer = ANSWERS.get(line.strip().lower())
        if answer is None:
            log.warning("yes or no?")
            continue
        try:
            (gate.approve if answer else gate.deny)(run.run_id)
        except PolytuneError as error:
            log.error("%s", error.message)
        return
    if not over.is_set():
        log.warning("run %s waits no longer", run.run_id)


def _line(terminal: int) -> str | None:
    """A line that somebody typed, None if nobody has for a moment."""
    readable, _, _ = select.select([terminal], [], [], PAUSE)
    if not readable or not _in_foreground(terminal):
        return None
    # A terminal gives whole lines. At its end there is nothing to read for ever: that is no answer.
    return os.read(terminal, 1024).decode(errors="replace") or None
