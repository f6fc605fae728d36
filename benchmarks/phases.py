"""Where the time of the `and` case goes, and how far from its kernels: a table in Markdown on standard output.

    python benchmarks/phases.py [--ands N] [--parties P]

The timed run goes over HTTP between processes. Then every party is replayed by itself on what it received: nothing else
computes and nothing is waited for, so what its kernels take there is what no transport could make shorter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict

from engine.trace import KERNEL, PHASE, Trace
from polytune_cli.bench.cases import CaseSpec
from polytune_cli.bench.figures import STAGES
from polytune_cli.bench.profile import take


def timed(ands: int, parties: int) -> dict[str, float]:
    """Seconds of the stages of a run over HTTP, at the evaluator."""
    command = ["bench", "and", "--ands", str(ands), "--parties", str(parties), "--transport", "http", "--processes"]
    done = subprocess.run(
        [sys.executable, "-m", "polytune_cli.main", *command, "--json"], check=True, stdout=subprocess.PIPE
    )
    seconds: dict[str, float] = json.loads(done.stdout)["seconds"]
    return seconds


def kernels(trace: Trace) -> dict[str, float]:
    """Processor seconds of every kernel."""
    found: dict[str, float] = defaultdict(float)
    for span in trace.spans:
        if span.kind == KERNEL:
            found[span.name] += span.cpu / 1e9
    return dict(found)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ands", type=int, default=4_000_000)
    parser.add_argument("--parties", type=int, default=2)
    given = parser.parse_args()
    seconds = timed(given.ands, given.parties)
    spec = CaseSpec("and", ands=given.ands, parties=given.parties)
    evaluator = take(spec, {}, alone=0)
    garbler = take(spec, {}, alone=1)
    alone = {
        name: sum(span.wall for span in trace.spans if span.kind == PHASE) / 1e9
        for name, trace in (("evaluator", evaluator), ("garbler", garbler))
    }
    found = {"evaluator": kernels(evaluator), "garbler": kernels(garbler)}
    print("| Stage | Seconds in the timed run | Share |\n| --- | --- | --- |")
    for stage in STAGES:
        print(f"| {stage} | {seconds[stage]:.2f} | {seconds[stage] / seconds['total']:.0%} |")
    print(f"| all | {seconds['total']:.2f} | |\n")
    print("| Kernel | Evaluator, s | Garbler, s | ANDs per second of one core |\n| --- | --- | --- | --- |")
    names = sorted(
        {name for table in found.values() for name in table},
        key=lambda name: -max(table.get(name, 0.0) for table in found.values()),
    )
    for name in names:
        spent = [found[role].get(name, 0.0) for role in ("evaluator", "garbler")]
        if max(spent) > 0.005 * seconds["total"]:
            print(f"| `{name}` | {spent[0]:.3f} | {spent[1]:.3f} | {given.ands / max(spent):,.0f} |")
    sums = [sum(found[role].values()) for role in ("evaluator", "garbler")]
    print(f"| all kernels | {sums[0]:.2f} | {sums[1]:.2f} | {given.ands / max(sums):,.0f} |")
    print(f"| the party alone | {alone['evaluator']:.2f} | {alone['garbler']:.2f} | |")
    print(f"\nThe timed run takes {seconds['total'] / max(sums):.2f} times the kernels of its busier party.")


if __name__ == "__main__":
    main()
