"""Progress events: what the engine tells while it works.

An :data:`EventSink` is called from any thread with one frozen event. Events carry counts and names, never data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

#: Phases of a run in the order in which a progress view shows them.
PHASES = ("join", "load", "constants", "compile", "agree", "setup", "preprocess", "garble", "evaluate", "output")


@dataclass(frozen=True)
class Event:
    """Base class; ``party`` is the application's party number of the process that speaks, ``run`` the id of the run
    that it speaks of (empty outside a service)."""

    party: int
    run: str = field(default="", kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """The event as a flat JSON object; ``event`` names its class."""
        return {"event": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Progress(Event):
    """``done`` (0..1) of ``phase`` is finished; byte counters are totals of this party's run so far."""

    phase: str
    done: float
    bytes_sent: int = 0
    bytes_received: int = 0


@dataclass(frozen=True)
class CircuitReady(Event):
    """The circuit of the run is compiled."""

    and_gates: int
    gates: int


@dataclass(frozen=True)
class Finished(Event):
    """The run of this party ended; ``error`` is empty after success."""

    seconds: float
    bytes_sent: int
    error: str = ""


@dataclass(frozen=True)
class Note(Event):
    """A line for people (level: debug, info, warning, error)."""

    level: str
    message: str


EventSink = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The sink that drops everything."""


_CLASSES = {cls.__name__: cls for cls in (Progress, CircuitReady, Finished, Note)}


def from_json(record: dict[str, Any]) -> Event:
    """The inverse of :meth:`Event.to_json`; raises KeyError or TypeError on anything else."""
    fields = dict(record)
    return _CLASSES[fields.pop("event")](**fields)
