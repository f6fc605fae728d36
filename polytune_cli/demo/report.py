"""What a demo prints at the end: the result beside the plain answer, time and traffic; or one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polytune_cli.live import human_bytes, human_seconds


@dataclass(frozen=True)
class Report:
    """The outcome of one demo run; ``rows`` came out of the secure computation, ``expected`` of a plain
    loop."""

    rows: Sequence[int]
    expected: Sequence[int]
    names: Sequence[str]
    and_gates: int
    seconds: float
    bytes_sent: Sequence[int]
    phases: dict[str, float]

    @property
    def match(self) -> bool:
        """True when both answers are the same."""
        return list(self.rows) == list(self.expected)

    def to_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "ok": self.match,
            "match": self.match,
            "rows": list(self.rows),
            "expected": list(self.expected),
            "parties": len(self.names),
            "and_gates": self.and_gates,
            "seconds": round(self.seconds, 4),
            "bytes_sent": list(self.bytes_sent),
            "phases": self.phases,
        }


def print_report(report: Report, *, no_color: bool = False) -> None:
    """Two tables and a verdict on stdout."""
    from rich.console import Console

    console = Console(highlight=False, no_color=no_color)
    console.print("\nMatched people with a high care level, per area:")
    console.print(_result_table(report))
    console.print(f"\n{report.and_gates:,} AND gates in {human_seconds(report.seconds)}:")
    console.print(_cost_table(report))
    console.print()
    if report.match:
        console.print("The secure result equals the plain answer.", style="green")
    else:
        console.print("The secure result DIFFERS from the plain answer.", style="bold red")


def _result_table(report: Report) -> Any:
    from rich.table import Table

    table = Table(box=None)
    for header in ("area", "secure result", "plain Python", ""):
        table.add_column(header, justify="right", no_wrap=True)
    for area in range(max(len(report.rows), len(report.expected))):
        got = report.rows[area] if area < len(report.rows) else None
        want = report.expected[area] if area < len(report.expected) else None
        table.add_row(str(area), _number(got), _number(want), "=" if got == want else "≠")
    return table


def _cost_table(report: Report) -> Any:
    from rich.table import Table

    table = Table(box=None)
    table.add_column("phase of the leader")
    table.add_column("time", justify="right", no_wrap=True)
    for phase, seconds in report.phases.items():
        table.add_row(phase, human_seconds(seconds))
    for name, sent in zip(report.names, report.bytes_sent):
        table.add_row(f"sent by {name}", human_bytes(sent))
    return table


def _number(value: int | None) -> str:
    return "missing" if value is None else str(value)
