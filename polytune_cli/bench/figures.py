"""From the counters of one run to the figures that are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polytune_cli.live import human_bytes, human_seconds

#: Figures by stage; the names on the right are those under which channels count time and bytes.
STAGES = {
    "setup": ("setup",),
    "preprocess": ("preprocess",),
    "garble": ("garble",),
    "online": ("online", "evaluate", "output"),
}


@dataclass(frozen=True)
class PartyFigures:
    """What one party measured: wall seconds in total and per phase, bytes it wrote, flights it waited for.

    ``cpu_seconds`` is the processor time of its process, None where parties share one; ``messages``: how many of each
    kind it sent.
    """

    seconds: float
    phases: dict[str, float]
    bytes_sent: int
    rounds: int
    cpu_seconds: float | None = None
    messages: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_stats(cls, stats: Any, bytes_sent: int | None = None) -> PartyFigures:
        """From the ``stats`` of a channel; ``bytes_sent`` replaces its payload counter by bytes on the
        socket."""
        return cls(
            seconds=stats.seconds,
            phases={name: phase.seconds for name, phase in stats.phases.items()},
            bytes_sent=stats.bytes_sent if bytes_sent is None else bytes_sent,
            rounds=stats.rounds,
            messages=dict(stats.sent),
        )


@dataclass(frozen=True)
class Measurement:
    """One run of a case."""

    parties: Sequence[PartyFigures]
    peak_rss: Sequence[int]
    compile_seconds: float
    kernel_seconds: float

    @property
    def total(self) -> float:
        """From the first protocol byte to the output of the slowest party."""
        return max(party.seconds for party in self.parties)

    def stages(self) -> dict[str, float]:
        """Seconds of each stage at the evaluator, who waits for everybody else."""
        phases = self.parties[0].phases
        return {stage: sum(phases.get(name, 0.0) for name in names) for stage, names in STAGES.items()}


@dataclass(frozen=True)
class Figures:
    """The figures of a case; of several runs the one with the median total."""

    case: str
    and_gates: int
    circuit_bytes: int
    measurement: Measurement
    transport: str
    totals: list[float] = field(default_factory=list)

    @classmethod
    def of_runs(
        cls, case: str, and_gates: int, circuit_bytes: int, runs: Sequence[Measurement], transport: str
    ) -> Figures:
        """Choose the median run (the faster of the middle two)."""
        ordered = sorted(runs, key=lambda run: run.total)
        totals = [round(run.total, 6) for run in runs]
        return cls(case, and_gates, circuit_bytes, ordered[(len(ordered) - 1) // 2], transport, totals)

    def to_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        run = self.measurement
        sent = [party.bytes_sent for party in run.parties]
        seconds = {"total": run.total, **run.stages()}
        return {
            "case": self.case,
            "parties": len(run.parties),
            "transport": self.transport,
            "and_gates": self.and_gates,
            "seconds": {name: round(value, 6) for name, value in seconds.items()},
            "bytes_sent": sent,
            "bytes_per_and": round(sum(sent) / max(self.and_gates, 1), 3),
            "messages": dict(sorted(sum((Counter(p.messages) for p in run.parties), Counter()).items())),
            "rounds": max(party.rounds for party in run.parties),
            "ands_per_second": round(self.and_gates / run.total, 1) if run.total else 0.0,
            "cpu_seconds": [party.cpu_seconds for party in run.parties],
            "peak_rss_bytes": list(run.peak_rss),
            "circuit_bytes": self.circuit_bytes,
            "compile_seconds": round(run.compile_seconds, 6),
            "kernel_seconds": round(run.kernel_seconds, 6),
            "totals": self.totals,
        }


def print_figures(figures: Figures, title: str) -> None:
    """A table on stdout."""
    from rich.console import Console
    from rich.table import Table

    record = figures.to_json()
    table = Table(box=None, show_header=False)
    table.add_column("what", no_wrap=True)
    table.add_column("value", justify="right")
    seconds = record["seconds"]
    table.add_row("parties, transport", f"{record['parties']}, {record['transport']}")
    table.add_row("AND gates", f"{record['and_gates']:,}")
    table.add_row("total", human_seconds(seconds["total"]))
    for stage in STAGES:
        table.add_row(f"  {stage}", human_seconds(seconds[stage]))
    table.add_row("AND gates per second", f"{record['ands_per_second']:,.0f}")
    table.add_row("bytes per AND gate, all parties", f"{record['bytes_per_and']:,.1f}")
    table.add_row("sent by each party", ", ".join(human_bytes(count) for count in record["bytes_sent"]))
    table.add_row("rounds", str(record["rounds"]))
    table.add_row("peak memory of each process", ", ".join(human_bytes(c) for c in record["peak_rss_bytes"]))
    table.add_row("of it the circuit", human_bytes(record["circuit_bytes"]))
    table.add_row("not counted: circuit", human_seconds(record["compile_seconds"]))
    table.add_row("not counted: kernels", human_seconds(record["kernel_seconds"]))
    console = Console(highlight=False)
    console.print(title)
    console.print(table)
