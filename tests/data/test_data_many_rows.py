"""Many rows: memory stays near what the rows themselves need; the benchmark of them works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("sqlite", 100_000),
        pytest.param("postgres", 1_000_000, marks=[pytest.mark.long, pytest.mark.servers]),
        pytest.param("mariadb", 1_000_000, marks=[pytest.mark.long, pytest.mark.servers]),
    ],
)
def test_memory_is_bounded(kind: str, rows: int) -> None:
    command = [sys.executable, "benchmarks/rows.py", "--kind", kind, "--rows", str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == rows and found["input_bits"] == rows * 336
    beside = found["peak_rss_bytes"] - found["process_bytes"] - found["input_bits"]
    # The table (about 50 bytes a row), packed bits (42), keys and order (40), and one batch.
    assert beside < 160 * rows + 40 * MIB
