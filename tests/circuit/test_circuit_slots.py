"""Slots: evaluation by slots is evaluation by wires; few slots; segments cover the gates."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Builder, Circuit
from engine.circuit.bench import and_chain
from engine.kernels import circuit_slots as kernels
from tests.circuit.helpers import random_raw


def run_plan(circuit: Circuit, bits: np.ndarray) -> np.ndarray:
    """Outputs by way of the plan."""
    plan = circuit.plan()
    state = np.zeros(plan.slots, np.uint8)
    state[plan.input_slots] = bits
    result = np.empty(circuit.output_bits, np.uint8)
    kernels.evaluate_slots(plan.op, plan.a, plan.b, plan.out, plan.outputs, state, result)
    return result


def live_wires(circuit: Circuit) -> int:
    """Largest number of live wires, counted the plain way (all inputs are live at the start)."""
    reads = {}
    for i, (x, y) in enumerate(zip(circuit.a.tolist(), circuit.b.tolist())):
        reads[x >> 1] = reads[y >> 1] = i
    for literal in circuit.outputs.tolist():
        if literal < 0xFFFFFFFE:
            reads[literal >> 1] = circuit.gates
    most = circuit.inputs
    live = {w for w in range(circuit.inputs) if w in reads}
    for i in range(circuit.gates):
        live = {w for w in live if reads[w] > i} | {circuit.inputs + i}
        most = max(most, len(live))
    return most


@pytest.mark.parametrize("seed", range(10))
def test_slots_and_wires_agree(seed):
    circuit = Circuit.normalise((3, 4), *random_raw(seed, 7, 200))
    for bits in np.random.default_rng(seed).integers(0, 2, (20, 7), dtype=np.uint8):
        assert (run_plan(circuit, bits) == circuit.evaluate([bits[:3], bits[3:]])).all()
    assert circuit.plan().slots == live_wires(circuit)


def test_slots_of_a_large_circuit():
    circuit = and_chain(20_000, 2, seed=1)
    bits = np.random.default_rng(0).integers(0, 2, 256, dtype=np.uint8)
    assert (run_plan(circuit, bits) == circuit.evaluate([bits[:128], bits[128:]])).all()
    plan = circuit.plan()
    assert plan.slots < 1100
    assert plan is circuit.plan()


def test_slots_of_inputs_that_are_not_used_are_reused():
    builder = Builder((8, 8))
    circuit = builder.finish(builder.add(builder.input(0)[:4], builder.input(0)[4:])[0])
    assert circuit.plan().slots == 16
    assert circuit.plan().input_slots.tolist() == list(range(16))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_segments_cover_all_gates_in_order(size):
    circuit = and_chain(20, 1, seed=2)
    plan = circuit.plan()
    assert plan.and_gates == 20
    assert plan.segments(size) == -(-20 // size)
    end = 0
    for s in range(plan.segments(size)):
        start, stop = plan.segment(s, size)
        assert start == end
        assert np.count_nonzero(plan.op[start:stop]) == min(20, (s + 1) * size) - s * size
        end = stop
    assert end == plan.gates
    with pytest.raises(IndexError):
        plan.segment(plan.segments(size), size)


def test_segments_without_and_gates_and_trailing_xor_gates():
    builder = Builder((2,))
    x = builder.input(0)
    plan = builder.finish([builder.xor(x[0], x[1])]).plan()
    assert plan.segments(5) == 0
    assert plan.segment(0, 5) == (0, 1)
    both = builder.and_(x[0], x[1])
    plan = builder.finish([builder.xor(both, x[0])]).plan()
    assert plan.segment(0, 5) == (0, 2)
    assert plan.and_positions.tolist() == [0, 2]
