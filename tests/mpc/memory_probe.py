"""One party as a process of its own that tells how far its memory grew: ``python -m tests.mpc.memory_probe TASK``."""

from __future__ import annotations

import json
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from engine import run_mpc
from engine.circuit.bench import and_chain
from engine.mpc.memory import CircuitSize
from engine.resources import peak_memory, resident_memory
from polytune_cli.bench.local import warm_kernels
from polytune_cli.server.local import serve_channel


def main(task: dict[str, Any]) -> None:
    party, parties = task["party"], task["parties"]
    warm_kernels(parties, {"k": task["options"].get("k", 4)})
    circuit = and_chain(task["ands"], parties, 7)
    size = CircuitSize.of(circuit)
    bits = np.zeros(circuit.input_bits[party], np.uint8)
    print("ready", flush=True)
    sys.stdin.readline()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = resident_memory()
    with serve_channel(party=party, ports=task["ports"], run_id="memory") as channel:
        run_mpc(channel, circuit, bits, party=party, parties=parties, threads=1, **task["options"])
    print(json.dumps({"grown": peak_memory() - before, "size": astuple(size)}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
