"""The compile benchmark runs, and memory stays in proportion to the gates."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "compile.py"


def lines(*arguments: str) -> list[dict]:
    """The JSON lines of the script."""
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_quick_series() -> None:
    """Every line has all figures."""
    found = lines("--quick")
    assert [(line["case"], line["size"]) for line in found] == [
        ("join", 20),
        ("join", 200),
        ("sum", 100),
        ("sum", 1000),
        ("choice", 100),
        ("choice", 1000),
    ]
    assert all(line["gates"] > line["and_gates"] > 0 and line["gates_per_second"] > 0 for line in found)
    sums = [line["and_gates"] for line in found if line["case"] == "sum"]
    assert sums[1] < 11 * sums[0]


def test_a_join_of_1000_rows_takes_little_memory_per_gate() -> None:
    """The finished circuit has 9 bytes a gate; the gates under construction are not beside it."""
    (line,) = lines("join", "1000")
    assert line["bytes_per_gate"] < 20


@pytest.mark.long
def test_a_join_of_10000_rows_fits_in_4_gigabytes() -> None:
    """About 6 * 10^7 AND gates."""
    (line,) = lines("join", "10000")
    assert 50_000_000 < line["and_gates"] < 60_000_000
    assert line["peak_rss_bytes"] < 4 * 2**30
    assert line["bytes_per_gate"] < 14
