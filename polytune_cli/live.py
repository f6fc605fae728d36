"""Progress on the screen: a live table on a terminal, plain lines everywhere else.

Both views have the same interface: a context manager with ``sink(event)``, which takes :mod:`engine.events`
from any thread and returns at once, and ``log(line)``, which puts a line above the table. :func:`view`
chooses.

Rich is imported only when a live table is really shown.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from engine.events import PHASES, Event, Finished, Note, Progress

if TYPE_CHECKING:
    from rich.table import Table

#: Seconds between two plain lines of the same phase.
PLAIN_INTERVAL = 10.0
#: Seconds between two frames of the live table, and while it catches up with phases that went by quickly.
FRAME, CATCH_UP = 0.08, 0.012
#: Width of the time window over which the rate is measured.
RATE_WINDOW = 2.0
#: A bar moves at most this far from one frame to the next, so that quick phases can be followed.
SHARE_STEP = 0.25
#: From here a phase counts as nearly done: the view goes on as soon as a later one has begun.
NEARLY = 0.9


def human_bytes(count: float) -> str:
    """``count`` bytes with a decimal unit, at most 8 characters: ``950 B``, ``12.4 MB``."""
    if count < 1000:
        return f"{int(count)} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def human_seconds(seconds: float) -> str:
    """``seconds`` for people: ``0.42 s``, ``12.3 s``, ``3 min 07 s``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


@dataclass
class PartyProgress:
    """What is known about one party, and the phase that is shown of it.

    Steps of the protocol overlap: a later segment is prepared while an earlier one is evaluated. Shown is the first
    phase that is not done yet, and :meth:`move_on` goes to the next one that has begun.
    """

    name: str
    phase: str = ""
    bytes_sent: int = 0
    bytes_received: int = 0
    state: str = "running"
    seconds: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    def apply(self, event: Event, now: float) -> None:
        """Take over what ``event`` tells; an event after the end of a run begins the next one."""
        if isinstance(event, Progress):
            if self.state != "running":
                self._begin_run()
            self.phase = self.phase or event.phase
            self.shares[event.phase] = min(max(event.done, self.shares.get(event.phase, 0.0)), 1.0)
            self.bytes_sent = max(self.bytes_sent, event.bytes_sent)
            self.bytes_received = max(self.bytes_received, event.bytes_received)
            self._sample(now)
        elif isinstance(event, Finished):
            self.state = "failed" if event.error else "done"
            self.seconds = event.seconds
            self.bytes_sent = max(self.bytes_sent, event.bytes_sent)

    def move_on(self) -> bool:
        """Go to the next phase that has begun, if the present one is (nearly) done; True when the phase changed."""
        later = self._later()
        if not later or self.done < NEARLY:
            return False
        self.phase = later[0]
        return True

    @property
    def done(self) -> float:
        """Share of the phase that is shown; a phase is done when a later one is."""
        if self.state == "done" or any(self.shares[name] >= 1.0 for name in self._later()):
            return 1.0
        return self.shares.get(self.phase, 0.0)

    @property
    def rate(self) -> float:
        """Bytes per second in both directions over the last :data:`RATE_WINDOW` seconds."""
        if self.state != "running" or len(self.samples) < 2:
            return 0.0
        (start, first), (end, last) = self.samples[0], self.samples[-1]
        return (last - first) / (end - start) if end > start else 0.0

    @property
    def step(self) -> str:
        """``3/10`` for the third phase; empty for a phase that is not in the list."""
        return f"{PHASES.index(self.phase) + 1}/{len(PHASES)}" if self.phase in PHASES else ""

    def _later(self) -> list[str]:
        """Phases behind the one that is shown that have begun, in order."""
        names = [*PHASES, *(name for name in self.shares if name not in PHASES)]
        behind = names[names.index(self.phase) + 1 :] if self.phase in names else names
        return [name for name in behind if name in self.shares]

    def _begin_run(self) -> None:
        self.state, self.phase, self.bytes_sent, self.bytes_received = "running", "", 0, 0
        self.shares.clear()
        self.samples.clear()

    def _sample(self, now: float) -> None:
        self.samples.append((now, self.bytes_sent + self.bytes_received))
        while len(self.samples) > 2 and self.samples[0][0] < now - RATE_WINDOW:
            self.samples.popleft()


class _Rows:
    """The parties of a view, in order of their numbers; rows of unknown parties are added when they speak."""

    def __init__(self, parties: int, names: Sequence[str] | None) -> None:
        self._names = list(names or ())
        self.rows: dict[int, PartyProgress] = {}
        if parties > 1:
            for number in range(parties):
                self.row(number)

    def row(self, number: int) -> PartyProgress:
        if number not in self.rows:
            name = self._names[number] if 0 <= number < len(self._names) else f"party {number}"
            self.rows[number] = PartyProgress(name)
        return self.rows[number]


class PlainView:
    """One line when a phase begins, when it ends, and every ten seconds in between.

    ``write`` gets each line without its newline; by default the line goes to ``stream`` (stdout).
    """

    def __init__(
        self,
        parties: int,
        title: str,
        names: Sequence[str] | None = None,
        *,
        write: Callable[[str], None] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._rows = _Rows(parties, names)
        self._title = title
        self._stream = stream or sys.stdout
        self._write = write or self._print
        self._lock = threading.Lock()
        self._printed: dict[int, tuple[str, float, bool]] = {}

    def __enter__(self) -> PlainView:
        if self._title:
            self._write(self._title)
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def log(self, line: str) -> None:
        """Print ``line`` as it is."""
        with self._lock:
            self._write(line)

    def sink(self, event: Event) -> None:
        """Take an event from any thread."""
        with self._lock:
            row = self._rows.row(event.party)
            now = time.monotonic()
            row.apply(event, now)
            if isinstance(event, Note) and event.level in ("warning", "error"):
                self._write(f"{row.name}: {event.level}: {event.message}")
            elif isinstance(event, Finished):
                self._printed.pop(event.party, None)
                self._write(_finished_line(row, event))
            elif isinstance(event, Progress):
                self._show(event.party, row, now)
                while row.move_on():
                    self._show(event.party, row, now)

    def _show(self, party: int, row: PartyProgress, now: float) -> None:
        """Print a line when the phase is new, has become done, or was silent for long."""
        phase, printed_at, complete = self._printed.get(party, ("", 0.0, False))
        if row.phase == phase and (complete or (row.done < 1.0 and now - printed_at < PLAIN_INTERVAL)):
            return
        self._printed[party] = (row.phase, now, row.done >= 1.0)
        self._write(_progress_line(row))

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class RunLines:
    """Plain lines of several runs of one party at the same time, each with the beginning of its run's id."""

    def __init__(self, parties: int, write: Callable[[str], None]) -> None:
        self._parties = parties
        self._write = write
        self._views: dict[str, PlainView] = {}
        self._lock = threading.Lock()

    def sink(self, event: Event) -> None:
        """Take an event from any thread."""
        with self._lock:
            shown = self._views.get(event.run)
            if shown is None:
                shown = PlainView(1, "", [f"run {event.run[:8]}"] * self._parties, write=self._write)
                self._views[event.run] = shown
            if isinstance(event, Finished):
                del self._views[event.run]
        shown.sink(event)


def _progress_line(row: PartyProgress) -> str:
    sent = f", {human_bytes(row.bytes_sent)} sent" if row.bytes_sent else ""
    rate = f", {human_bytes(row.rate)}/s" if row.rate else ""
    return f"{row.name}: {row.phase} {row.done:.0%}{sent}{rate}"


def _finished_line(row: PartyProgress, event: Finished) -> str:
    if event.error:
        return f"{row.name}: failed: {event.error}"
    return f"{row.name}: finished after {human_seconds(event.seconds)}, {human_bytes(row.bytes_sent)} sent"


class _Bar:
    """What the table shows of one party: the bar follows what is known in steps, and never runs ahead of it."""

    def __init__(self, progress: PartyProgress) -> None:
        self.progress = progress
        self.queue: deque[Event] = deque()
        self.share = 0.0
        self.ended = False

    def advance(self, now: float) -> bool:
        """Move to the next frame; True when there is more to show."""
        progress = self.progress
        while self.queue:
            fresh = progress.state != "running" or not progress.phase
            progress.apply(self.queue.popleft(), now)
            if fresh and progress.state == "running":
                self.share, self.ended = 0.0, False
                return True
        if progress.state == "failed":
            self.ended = True
        elif self.share < progress.done:
            self.share = min(self.share + SHARE_STEP, progress.done)
            return True
        elif progress.move_on():
            self.share = 0.0
            return True
        else:
            self.ended = progress.state == "done"
        return False


class LiveView:
    """A table with one row a party: phase, bar, percent, bytes and rate, drawn by a thread of its own.

    Events are queued by :meth:`sink` and shown frame by frame; no phase is skipped, so phases that last milliseconds
    are seen too. When events wait, frames follow each other faster.
    """

    def __init__(
        self,
        parties: int,
        title: str,
        names: Sequence[str] | None = None,
        *,
        stream: TextIO | None = None,
        no_color: bool = False,
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._rows = _Rows(parties, names)
        self._bars: dict[int, _Bar] = {}
        self._title = title
        self._queue: deque[Event | str] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._console = Console(file=stream or sys.stdout, highlight=False, no_color=no_color)
        self._live = Live(self._table(), console=self._console, auto_refresh=False, transient=False)
        self._thread = threading.Thread(target=self._draw, name="live-view", daemon=True)

    def __enter__(self) -> LiveView:
        self._live.start(refresh=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._queue.clear()  # nobody waits for the end of an animation when something went wrong
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._live.stop()

    def sink(self, event: Event) -> None:
        """Queue an event from any thread."""
        self._queue.append(event)
        self._wake.set()

    def log(self, line: str) -> None:
        """Queue a line that is printed above the table."""
        self._queue.append(line)
        self._wake.set()

    def _draw(self) -> None:
        while True:
            self._wake.wait(0.5)
            self._wake.clear()
            self._take()
            now = time.monotonic()
            more = sum(bar.advance(now) for bar in self._bars.values()) > 0
            self._live.update(self._table(), refresh=True)
            if self._stopping and not more and not self._queue:
                return
            time.sleep(CATCH_UP if more or self._stopping else FRAME)
            if more:
                self._wake.set()

    def _take(self) -> None:
        """Print lines, and give every party its events."""
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, str):
                self._console.print(item, markup=False)
            elif isinstance(item, Note):
                if item.level in ("warning", "error"):
                    name = self._rows.row(item.party).name
                    self._console.print(f"{name}: {item.level}: {item.message}", markup=False)
            else:
                row = self._rows.row(item.party)
                self._bars.setdefault(item.party, _Bar(row)).queue.append(item)

    def _table(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self._title or None, title_justify="left", box=None, pad_edge=False, expand=False)
        for header, justify in (("party", "left"), ("phase", "left"), ("", "left"), ("done", "right")):
            table.add_column(header, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for header in ("sent", "received", "rate"):
            table.add_column(header, justify="right", no_wrap=True)
        for number, row in sorted(self._rows.rows.items()):
            bar = self._bars.get(number)
            share = bar.share if bar else 0.0
            table.add_row(
                Text(row.name),
                _phase_text(row, bar is not None and bar.ended),
                ProgressBar(total=1.0, completed=share, width=18),
                f"{share:.0%}",
                human_bytes(row.bytes_sent),
                human_bytes(row.bytes_received),
                f"{human_bytes(row.rate)}/s" if row.rate else "",
            )
        return table


def _phase_text(row: PartyProgress, ended: bool) -> Any:
    from rich.text import Text

    if ended and row.state == "done":
        return Text(f"done {human_seconds(row.seconds)}", style="green")
    if ended:
        return Text("failed", style="red")
    return Text(f"{row.phase or 'waiting'} {row.step}".rstrip())


View = LiveView | PlainView


def wants_live(stream: TextIO) -> bool:
    """True when ``stream`` is a terminal that can redraw and nobody asked for plain output."""
    if os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM", "") in ("dumb", ""):
        return False
    return stream.isatty()


def view(
    parties: int,
    title: str = "",
    names: Sequence[str] | None = None,
    *,
    stream: TextIO | None = None,
    write: Callable[[str], None] | None = None,
) -> View:
    """A :class:`LiveView` when ``stream`` (stdout by default) is a capable terminal, else a
    :class:`PlainView`.

    ``write`` replaces the printing of plain lines, for instance by a logger.
    """
    out = stream or sys.stdout
    if wants_live(out):
        return LiveView(parties, title, names, stream=out)
    return PlainView(parties, title, names, write=write, stream=out)
