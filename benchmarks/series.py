"""The series of measurements behind docs/benchmarks.md; prints one JSON object a line.

scripts/bench >series.jsonl                 runs it (a quarter of an hour on two cores)
python benchmarks/series.py --quick         small sizes, to see that everything works
python benchmarks/report.py series.jsonl    writes the tables and the picture of docs/benchmarks.md from it
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

PROCESSES = ["--transport", "http", "--processes"]


def chain(ands: int, parties: int, *options: str) -> list[str]:
    """The ``and`` case between processes."""
    return ["and", "--ands", str(ands), "--parties", str(parties), *PROCESSES, *options]


def join(rows: int) -> list[str]:
    """The ``join`` case with keys of 20 bytes between two processes."""
    return ["join", "--rows", str(rows), "--key-bytes", "20", "--parties", "2", *PROCESSES]


FULL = [
    *(chain(ands, parties) for parties in (2, 3, 5) for ands in (15_000, 100_000, 1_000_000, 4_000_000, 16_000_000)),
    *(chain(4_000_000, parties, "--k", "8") for parties in (2, 3)),
    chain(300_000, 2, "--rtt", "40", "--mbit", "100"),
    *(join(rows) for rows in (10, 100, 1_000, 10_000)),
]
QUICK = [
    ["and", "--ands", "10000", "--parties", "2"],
    chain(10_000, 2),
    ["join", "--rows", "20", "--key-bytes", "8", "--parties", "3"],
]


def run(name: str, command: list[str], **environment: str) -> None:
    """Print the JSON line of one command; ends the series when it fails."""
    print("$ " + " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(done.returncode)
    print(json.dumps({"label": name, **json.loads(done.stdout)}), flush=True)


def main() -> None:
    """Run each line of the series; the exit code is that of the first that fails."""
    polytune = [sys.executable, "-m", "polytune_cli.main"]
    quick = "--quick" in sys.argv[1:]
    for arguments in QUICK if quick else FULL:
        run(label(arguments), [*polytune, "bench", *arguments, "--json"])
    if not quick:
        run("example job", [sys.executable, str(Path(__file__).with_name("example_job.py"))])
        with tempfile.TemporaryDirectory() as empty:
            run("warm-up", [*polytune, "warmup", "--json"], POLYTUNE_CACHE_DIR=empty)


def label(arguments: list[str]) -> str:
    """How the tables name a case: without its size and what all of them have in common."""
    if arguments[0] == "join":
        rows, key = (arguments[arguments.index(option) + 1] for option in ("--rows", "--key-bytes"))
        return f"join, {int(rows):,} rows, keys of {key} bytes"
    known = {"--ands", "--parties", "--transport"}
    options = [f"{a} {b}" for a, b in pairwise(arguments) if a.startswith("--") and a not in known]
    return " ".join(["and", *(option for option in options if not option.startswith("--processes"))])


if __name__ == "__main__":
    main()
