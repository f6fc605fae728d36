"""`polytune bench --profile`: one run with a trace, as a file for trace viewers and as a table."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from engine.errors import ResourceError, UsageError
from engine.trace import KERNEL, PHASE, SEND, WAIT, Span, Trace, tracing
from polytune_cli.bench.cases import Case, CaseSpec
from polytune_cli.bench.local import compare, prepare

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = {PHASE: "phase", KERNEL: "kernel", WAIT: "waiting for", SEND: "sending"}


def take(spec: CaseSpec, options: dict[str, Any], alone: int | None) -> Trace:
    """A trace of one run of the case in memory; ``alone``: of one party, which is replayed after the run."""
    import engine

    case, _ = prepare(spec)
    if alone is not None:
        return _take_alone(case, options, alone)
    with tracing() as trace:
        result = engine.simulate(case.circuit, case.inputs, **options)
    compare(result.outputs[0], case.evaluate())
    return trace


def _take_alone(case: Case, options: dict[str, Any], party: int) -> Trace:
    import engine
    from engine.randomness import Randomness
    from engine.transport import memory_channels
    from engine.transport.replay import record

    if party >= case.parties:
        raise UsageError(f"--alone {party}: the parties are 0 to {case.parties - 1}")
    channels = memory_channels(case.parties)
    recording = record(channels[party])
    # Nobody chooses these seeds; they only let the party draw the same numbers once more.
    seeds = [os.urandom(32) for _ in range(case.parties)]
    result = engine.simulate(case.circuit, case.inputs, channels=channels, seeds=seeds, **options)
    compare(result.outputs[0], case.evaluate())
    with tracing() as trace:
        engine.run_mpc(
            recording.channel(),
            case.circuit,
            case.inputs[party],
            party,
            case.parties,
            randomness=Randomness(seeds[party]),
            **{"threads": 1, **options},
        )
    return trace


# -- the file --------------------------------------------------------------------------------------------------------


def write_trace(trace: Trace, path: str) -> None:
    """Chrome's trace event format: https://ui.perfetto.dev and chrome://tracing open it."""
    record = {"traceEvents": list(_events(trace)), "displayTimeUnit": "ms"}
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(record, file, separators=(",", ":"))
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}", "name another file after --profile") from error


def _events(trace: Trace) -> Iterator[dict[str, Any]]:
    """Parties are the viewer's processes; phases have a thread of their own."""
    first = min((span.start for span in trace.spans), default=0)
    for party in sorted({span.party for span in trace.spans}):
        yield _label("process_name", party, 0, f"party {party}")
        yield _label("thread_name", party, 0, "phases")
    for party, thread in sorted({(span.party, span.thread) for span in trace.spans}):
        yield _label("thread_name", party, thread, trace.threads[thread])
    for span in trace.spans:
        args: dict[str, Any] = {"cpu_ms": span.cpu / 1e6}
        if span.size:
            args["bytes"] = span.size
        yield {
            "name": span.name,
            "cat": span.kind,
            "ph": "X",
            "ts": (span.start - first) / 1000,
            "dur": span.wall / 1000,
            "pid": span.party,
            "tid": 0 if span.kind == PHASE else span.thread,
            "args": args,
        }


def _label(kind: str, party: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": party, "tid": thread, "args": {"name": name}}


# -- the table -------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    """Sums over all spans of one name; ``cpu`` and ``wall`` in seconds."""

    calls: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    size: int = 0


@dataclass
class Summary:
    """Rows by kind and name, the longest first."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)

    @classmethod
    def of(cls, trace: Trace) -> Summary:
        """All parties together. Phases get the kernels and bytes of all threads that ran meanwhile."""
        summary = cls()
        phases = [span for span in trace.spans if span.kind == PHASE]
        main = {(phase.party, phase.thread) for phase in phases}
        for span in trace.spans:
            summary._add(span.kind, span.name, span, 1)
            if span.kind not in (KERNEL, SEND):
                continue
            phase = _phase_of(span, phases)
            if phase is not None:
                row = summary.rows.setdefault((PHASE, phase.name), Row())
                row.size += span.size
                if (span.party, span.thread) not in main:
                    row.cpu += span.cpu / 1e9
        order = list(HEADINGS)
        ranked = sorted(summary.rows.items(), key=lambda item: (order.index(item[0][0]), -item[1].wall))
        return cls(dict(ranked))

    def _add(self, kind: str, name: str, span: Span, calls: int) -> None:
        row = self.rows.setdefault((kind, name), Row())
        row.calls += calls
        row.cpu += span.cpu / 1e9
        row.wall += span.wall / 1e9
        row.size += span.size


def _phase_of(span: Span, phases: list[Span]) -> Span | None:
    """The phase of its party in which a span began."""
    for phase in phases:
        if phase.party == span.party and phase.start <= span.start < phase.start + phase.wall:
            return phase
    return None


def print_table(trace: Trace, stream: TextIO | None = None) -> None:
    """One row per phase, kernel, message waited for and message sent."""
    from rich.console import Console

    Console(file=stream or sys.stderr, width=100).print(_table(Summary.of(trace)))


def _table(summary: Summary) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE)
    for heading in ("", "name"):
        table.add_column(heading)
    for heading in ("calls", "cpu s", "wall s", "bytes"):
        table.add_column(heading, justify="right")
    last = ""
    for (kind, name), row in summary.rows.items():
        if last and kind != last:
            table.add_section()
        shown = "" if kind == last else HEADINGS[kind]
        last = kind
        size = f"{row.size:,}" if row.size else ""
        table.add_row(shown, name, str(row.calls), f"{row.cpu:.3f}", f"{row.wall:.3f}", size)
    return table
