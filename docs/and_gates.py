"""Write docs/and-gates.md: AND gates of every line of the specification's table and of further programs.

The tables of the reference compiler are in docs/and_gates_lines.py, the own programs in docs/and_gates_programs.py.
With --check only compare (exit code 1: differs); --quick leaves joins of more than 100 rows as they are on the page.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

from and_gates_lines import Line, tables
from generated import ROOT, write_or_check

PAGE = ROOT / "docs" / "and-gates.md"
HEAD = """# AND gates

Made by `python docs/and_gates.py`; do not edit by hand. Traffic and time of a computation are proportional to the AND
gates of its circuit; XOR and NOT are free.

*Reference* is what the language specification measured with the reference compiler (the count after repairing lost
panics where it gives two, or computed from its formulas); *ours* is `polytune stats`. Panic logic is included.
"""
LARGE = 100  # joins of more rows are large


def ands(line: Line) -> int:
    """AND gates of the program of a line."""
    import engine

    return engine.compile_program(line.source, line.function, line.consts).circuit.and_gates


def page(count: Callable[[Line], int] = ands) -> str:
    """The whole page."""
    parts, summary, everything = [HEAD], ["## Summary\n", "| table | lines | geometric mean | largest ratio |"], []
    summary.append("|---|---|---|---|")
    for title, lines in tables().items():
        counts = [count(line) for line in lines]
        ratios = [ours / line.reference for ours, line in zip(counts, lines) if line.reference]
        everything += ratios
        summary.append(f"| {title} | {len(lines)} | {mean(ratios)} | {largest(ratios)} |")
        parts.append(f"\n## {title}\n\n| program | reference | ours | ratio |\n|---|---|---|---|")
        parts += [row(line, ours) for line, ours in zip(lines, counts)]
    summary.append(f"| **all** | {len(everything)} | {mean(everything)} | {largest(everything)} |")
    return "\n".join([parts[0], *summary, *parts[1:], ""])


def row(line: Line, ours: int) -> str:
    """A line of a table."""
    ratio = f"{ours / line.reference:.2f}" if line.reference else ""
    reference = f"{line.reference:,}" if line.reference is not None else ""
    return f"| {line.label} | {reference} | {ours:,} | {ratio} |"


def mean(ratios: list[float]) -> str:
    """Geometric mean. A line without any AND gate counts as one hundredth."""
    if not ratios:
        return ""
    return f"{math.exp(sum(math.log(max(ratio, 0.01)) for ratio in ratios) / len(ratios)):.3f}"


def largest(ratios: list[float]) -> str:
    """The worst line."""
    return f"{max(ratios):.2f}" if ratios else ""


def committed() -> dict[str, list[tuple[str, int | None, int]]]:
    """What the page says: table -> (label, reference, ours)."""
    found: dict[str, list[tuple[str, int | None, int]]] = {}
    title = ""
    for text in PAGE.read_text(encoding="utf-8").splitlines():
        if text.startswith("## "):
            title = text[3:]
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if title != "Summary" and len(cells) == 4 and cells[2].replace(",", "").isdigit():
            reference = int(cells[1].replace(",", "")) if cells[1] else None
            found.setdefault(title, []).append((cells[0], reference, int(cells[2].replace(",", ""))))
    return found


def quick() -> Callable[[Line], int]:
    """Counts that take those of large joins from the page."""
    known = {label: ours for rows in committed().values() for label, _, ours in rows}
    return lambda line: known.get(line.label, 0) if line.rows > LARGE else ands(line)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page(quick() if "--quick" in sys.argv[1:] else ands)))
