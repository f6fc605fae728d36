"""Tables and picture of docs/benchmarks.md from the JSON lines of the series: python benchmarks/report.py FILE"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- figures of the series -->", "<!-- end of the figures -->"
HEAD = (
    "| Case | Parties | AND gates | Seconds | set-up | preprocess | garble | online | ANDs per second | Bytes per AND "
    "| Rounds | CPU seconds of a process | Memory of a process | of it circuit |\n" + "| --- " * 14 + "|"
)
Record = dict[str, Any]


def row(record: Record) -> str:
    """One line of the table."""
    seconds = record["seconds"]
    stages = [f"{seconds[name]:.2f}" for name in ("total", "setup", "preprocess", "garble", "online")]
    cells = [
        record["label"],
        str(record["parties"]),
        f"{record['and_gates']:,}",
        *stages,
        f"{record['ands_per_second']:,.0f}",
        f"{record['bytes_per_and']:,.1f}",
        str(record["rounds"]),
        f"{max(record['cpu_seconds']):.2f}",
        f"{max(record['peak_rss_bytes']) / 1e6:,.0f} MB",
        f"{record.get('circuit_bytes', 0) / 1e6:,.0f} MB",
    ]
    return "| " + " | ".join(cells) + " |"


def targets(records: Sequence[Record]) -> list[tuple[str, str, float, float, bool]]:
    """(what, unit, target, measured, whether more is better)."""

    def find(label: str, parties: int, ands: int = 0) -> Record | None:
        found = [
            r for r in records if (r["label"], r.get("parties")) == (label, parties) and ands in (0, r["and_gates"])
        ]
        return found[0] if found else None

    wanted = [
        ("speed, 2 parties, 4 million", "ANDs/s", 1e6, find("and", 2, 4_000_000), "ands_per_second", True),
        ("speed, 3 parties, 4 million", "ANDs/s", 4e5, find("and", 3, 4_000_000), "ands_per_second", True),
        ("speed, 5 parties, 4 million", "ANDs/s", 1e5, find("and", 5, 4_000_000), "ands_per_second", True),
        ("traffic, 2 parties, k = 4", "bytes/AND", 168, find("and", 2, 4_000_000), "bytes_per_and", False),
        ("traffic, 2 parties, k = 8", "bytes/AND", 128, find("and --k 8", 2), "bytes_per_and", False),
        ("traffic, 3 parties, k = 4", "bytes/AND", 560, find("and", 3, 4_000_000), "bytes_per_and", False),
        ("traffic, 3 parties, k = 8", "bytes/AND", 440, find("and --k 8", 3), "bytes_per_and", False),
    ]
    lines = [(what, unit, target, r[field], more) for what, unit, target, r, field, more in wanted if r is not None]
    large = find("and", 2, 4_000_000)
    if large:
        lines.append(("memory, 2 parties, 4 million", "MB", 700, max(large["peak_rss_bytes"]) / 1e6, False))
    sizes = [find("and", 2, n) for n in (1_000_000, 4_000_000, 16_000_000)]
    if all(sizes):
        rest = [(max(r["peak_rss_bytes"]) - r["circuit_bytes"]) / 1e6 for r in sizes if r]
        lines.append(
            (
                "memory beside the circuit, largest over smallest of 1, 4, 16 million",
                "",
                1.2,
                max(rest) / min(rest),
                False,
            )
        )
    small = next((r for r in records if r["label"].startswith("join, 10 rows")), None)
    if small:
        lines.append(("join of 10 and 10 rows", "s", 0.5, small["seconds"]["total"], False))
    slow = next((r for r in records if "--rtt" in r["label"]), None)
    if slow:
        bound = 1.3 * max(slow["bytes_sent"]) / 12.5e6 + slow["rounds"] * 0.04
        lines.append(
            (
                "300,000 ANDs at 40 ms and 100 Mbit/s: 1.3 bytes/bandwidth + rounds",
                "s",
                bound,
                slow["seconds"]["total"],
                False,
            )
        )
    job = next((r for r in records if r["label"] == "example job"), None)
    if job:
        lines.append(("example job, 50 and 50 rows, leader's start to exit", "s", 3, job["median_seconds"], False))
    warm = next((r for r in records if r["label"] == "warm-up"), None)
    if warm:
        lines.append(("all kernels compiled, empty cache", "s", 20, warm["seconds"], False))
    return lines


def target_table(records: Sequence[Record]) -> str:
    """The targets beside what was measured."""
    lines = ["| Target | | Wanted | Measured | |", "| --- | --- | --- | --- | --- |"]
    for what, unit, target, measured, more in targets(records):
        sign, met = ("≥", measured >= target) if more else ("≤", measured <= target)
        digits = 2 if target < 100 else 0
        lines.append(
            f"| {what} | {unit} | {sign} {target:,.{digits}f} | {measured:,.{digits}f} | {'met' if met else 'missed'} |"
        )
    return "\n".join(lines)


def picture(records: Sequence[Record]) -> str:
    """ANDs per second over AND gates, one line a number of parties; both axes logarithmic."""
    width, height, left, bottom = 640, 400, 70, 50
    series: dict[int, list[tuple[int, float]]] = {}
    for record in records:
        if record["label"] == "and":
            series.setdefault(record["parties"], []).append((record["and_gates"], record["ands_per_second"]))
    points = [point for line in series.values() for point in line]
    low_x, high_x = (math.log10(f(x for x, _ in points)) for f in (min, max))
    low_y, high_y = math.floor(math.log10(min(y for _, y in points))), math.ceil(math.log10(max(y for _, y in points)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low_x) / max(high_x - low_x, 1e-9)
        up = (math.log10(y) - low_y) / (high_y - low_y)
        return left + across * (width - left - 110), height - bottom - up * (height - bottom - 20)

    size = f'width="{width}" height="{height}"'
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    out.append(f'<rect width="{width}" height="{height}" fill="white"/>')
    for power in range(low_y, high_y + 1):
        _, y = at(10**low_x, 10**power)
        out.append(f'<line x1="{left}" x2="{width - 110}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    for x in sorted({x for x, _ in points}):
        across, _ = at(x, 10**low_y)
        name = f"{x // 1_000_000} M" if x >= 1_000_000 else f"{x // 1000} k"
        out.append(f'<text x="{across:.1f}" y="{height - bottom + 18}" text-anchor="middle">{name}</text>')
    for (parties, line), colour in zip(sorted(series.items()), ("#1b6ca8", "#c4511a", "#3a7d34", "#7a3b8f")):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in sorted(line)))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = at(*max(line))
        out.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{parties} parties</text>')
    out.append(
        f'<text x="{(width - 40) / 2}" y="{height - 10}" text-anchor="middle">AND gates (ANDs per second above)</text>'
    )
    return "\n".join([*out, "</svg>", ""])


def main() -> int:
    """Rewrite the page and the picture."""
    records = []
    for line in Path(sys.argv[1]).read_text().splitlines():
        records.append(json.loads(line))
    page = DOCS / "benchmarks.md"
    text = page.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    table = "\n".join([HEAD, *(row(record) for record in records if "and_gates" in record)])
    body = f"{target_table(records)}\n\n![ANDs per second](benchmarks.svg)\n\n{table}\n"
    page.write_text(f"{before}{BEGIN}\n\n{body}\n{after}")
    (DOCS / "benchmarks.svg").write_text(picture(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
