"""The estimate of a party's memory: how it grows, and that real processes need about what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.circuit.bench import and_chain
from engine.mpc.memory import FIXED, CircuitSize, party_bytes
from engine.mpc.parameters import SEGMENT, parameters_for
from polytune_cli.demo.ports import ReservedPorts

ROOT = Path(__file__).resolve().parents[2]
SIZE = CircuitSize(stored=36_000_000, gates=4_000_000, and_gates=1_000_000, inputs=1000, slots=5000)


def estimate(size: CircuitSize = SIZE, parties: int = 2, *, evaluator: bool = True, segment: int = SEGMENT, **options):
    params = parameters_for(parties, size.and_gates, size.inputs, **options)
    return party_bytes(params, size, segment, evaluator=evaluator)


def test_what_one_batch_of_two_parties_takes():
    """A million AND gates: one batch of 10 million shares of 32 bytes, corrections and ciphertexts beside them."""
    batch = SIZE.and_gates
    shares = 32 * parameters_for(2, SIZE.and_gates, SIZE.inputs, batch=batch).shares(1)
    assert FIXED + SIZE.stored + shares < estimate(batch=batch) < FIXED + SIZE.stored + 1.6 * shares


def test_it_grows_with_everything_that_makes_a_run_larger():
    base = estimate()
    assert estimate(parties=3) > 1.5 * base
    assert estimate(replace(SIZE, slots=10**7)) > base + 500_000_000
    assert estimate(replace(SIZE, inputs=10**6)) > base + 90_000_000
    assert estimate(replace(SIZE, stored=10**9)) == base + 10**9 - SIZE.stored
    assert estimate(w=128) > base > estimate(k=8)
    assert estimate(parties=4) > estimate(parties=4, evaluator=False)
    large = replace(SIZE, and_gates=10**8, gates=4 * 10**8)
    assert estimate(large, segment=1 << 18) > estimate(large, segment=1 << 12)


def test_batches_bound_it_however_large_the_circuit_is():
    sizes = [replace(SIZE, and_gates=n, gates=4 * n, stored=0) for n in (10**7, 10**8, 10**9)]
    small = [estimate(size, batch=1 << 16, segment=1 << 15) for size in sizes]
    assert max(small) - min(small) < 20_000_000
    assert max(small) < min(estimate(size) for size in sizes) / 3


def test_a_circuit_without_and_gates_has_an_estimate():
    assert estimate(replace(SIZE, and_gates=0)) > FIXED + SIZE.stored


def test_size_of_a_circuit():
    circuit = and_chain(1000, 2, 7)
    size = CircuitSize.of(circuit)
    assert (size.stored, size.gates, size.and_gates, size.inputs) == (
        circuit.circuit_bytes,
        circuit.gates,
        circuit.and_gates,
        circuit.inputs,
    )
    assert circuit.inputs <= size.slots < circuit.gates


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a part of a run")
@pytest.mark.parametrize(
    ("parties", "ands", "options"),
    [(2, 1_000_000, {}), (2, 1_000_000, {"batch": 1 << 17, "segment": 1 << 16, "k": 8}), (3, 400_000, {})],
)
def test_processes_need_what_was_estimated(parties: int, ands: int, options: dict[str, int]):
    """Without the fixed part: here kernels are loaded before."""
    for party, told in enumerate(_run(parties, ands, options)):
        size = CircuitSize(*told["size"])
        shape = {name: value for name, value in options.items() if name != "segment"}
        expected = estimate(size, parties, evaluator=party == 0, segment=options.get("segment", SEGMENT), **shape) - (
            FIXED + size.stored
        )
        assert 0.65 * expected < told["grown"] < 1.35 * expected, f"party {party}: {told['grown']} ~ {expected}"


def _run(parties: int, ands: int, options: dict[str, int]) -> list[dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    crew = []
    with ReservedPorts(parties) as ports:
        for party in range(parties):
            task = {"party": party, "parties": parties, "ands": ands, "ports": ports.numbers, "options": options}
            command = [sys.executable, "-m", "tests.mpc.memory_probe", json.dumps(task)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            crew.append(subprocess.Popen(command, text=True, cwd=ROOT, env=environment, **pipes))
        try:
            for process in crew:
                assert process.stdout.readline() == "ready\n"
            for process in crew:
                process.stdin.write("go\n")
                process.stdin.flush()
            return [json.loads(process.stdout.readline()) for process in crew]
        finally:
            for process in crew:
                process.communicate(timeout=60)
