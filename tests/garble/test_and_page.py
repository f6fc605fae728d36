"""docs/and-gates.md: what the script prints, no line above the reference, and the mean that was aimed for."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "and_gates.py"
EXAMPLES = ROOT.parent / "shared" / "spec" / "examples"
needs_examples = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the specification's examples are not here")


def check(*options: str) -> None:
    """The page is current."""
    done = subprocess.run([sys.executable, SCRIPT, "--check", *options], timeout=280, check=False)
    assert done.returncode == 0, "run: python docs/and_gates.py"


@needs_examples
def test_page_is_current() -> None:
    """All lines but joins of 500 and 1000 rows are counted again."""
    check("--quick")


@needs_examples
@pytest.mark.long
def test_page_is_current_with_large_joins() -> None:
    """Every line is counted again."""
    check()


def ratios(rows: Sequence[str]) -> list[float]:
    """ours / reference of the lines that have both."""
    found = []
    for text in rows:
        cells = [cell.strip().replace(",", "") for cell in text.strip("|").split("|")]
        if len(cells) == 4 and cells[1].isdigit() and cells[2].isdigit() and int(cells[1]):
            found.append(max(int(cells[2]), 1) / int(cells[1]))
    return found


def test_page_meets_the_goal() -> None:
    """No line costs more than with the reference; at most 0.6 of it in the geometric mean."""
    tables = (ROOT / "docs" / "and-gates.md").read_text(encoding="utf-8").split("\n## ")
    everything = []
    for text in tables[2:]:
        found = ratios(text.splitlines())
        assert max(found, default=0) <= 1.0, text.splitlines()[0]
        everything += found
    assert len(everything) > 200
    assert math.exp(sum(map(math.log, everything)) / len(everything)) <= 0.35
