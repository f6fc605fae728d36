"""Slots: evaluation by slots is evaluation by wires; few slots; segments cover the gates."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Builder, Circuit
from engine.circuit.bench import and_chain
from engine.kernels import circuit_slots as kernels
from tests.circuit.helpers import random_raw


def run_plan(circuit: Circuit, bits: np.ndarray, size: int = 7) -> np.ndarray:
    """Outputs by way of the slots, in segments of ``size`` AND gates."""
    plan = circuit.plan()
    walk = plan.walk()
    state = np.zeros(plan.slots, np.uint8)
    state[: circuit.inputs] = bits
    while walk.gate < circuit.gates:
        gates = walk.segment(size)
        assert gates.max(initial=0) < 2 * plan.slots
        kernels.evaluate_slots(gates, state)
    outputs = walk.outputs()
    constant = outputs >= kernels.FALSE
    return np.where(constant, 0, state[np.where(constant, 0, outputs >> 1)]) ^ (outputs & 1)


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
    assert (run_plan(circuit, bits, 3000) == circuit.evaluate([bits[:128], bits[128:]])).all()
    plan = circuit.plan()
    assert plan.slots < 1100
    assert plan is circuit.plan()


def shuffled(seed: int) -> Circuit:
    """Many blocks of wires that end in another order than they began: long-lived inputs, gates and outputs."""
    rng = np.random.default_rng(seed)
    builder = Builder((5000, 5000))
    wires = np.concatenate([builder.input(0), builder.input(1)])
    levels = []
    for _ in range(6):
        other = wires[rng.permutation(len(wires))]
        wires = builder.xor(builder.and_(wires, other), wires[::-1])
        levels.append(wires[rng.integers(0, len(wires), 40)])
    early, late = levels[0], levels[-1]
    return builder.finish(np.concatenate([builder.and_(early, late), *levels, wires, builder.input(0)[:3], [0, 1]]))


@pytest.mark.parametrize("size", [999, 10_000, 10**6])
def test_blocks_of_wires_are_reused(size):
    circuit = shuffled(4)
    bits = np.random.default_rng(1).integers(0, 2, 10_000, dtype=np.uint8)
    assert (run_plan(circuit, bits, size) == circuit.evaluate([bits[:5000], bits[5000:]])).all()
    assert circuit.gates > 20 * kernels.BLOCK


def test_memory_of_a_walk_follows_the_live_wires():
    """Of the map from wires to slots only the blocks of live wires are touched, not one entry per wire."""
    circuit = and_chain(60_000, 2, seed=1)
    walk = circuit.plan().walk()
    most = 0
    while walk.gate < circuit.gates:
        walk.segment(5000)
        most = max(most, len(walk._blocks) - int(walk._counters[kernels.FREE_BLOCKS]))
    assert most <= 3 < len(walk._blocks) // 10  # the window of 1,024 wires, the block being filled, and inputs
    assert circuit.plan().last.nbytes == -(-circuit.gates // 4)


def test_slots_of_inputs_that_are_not_used_are_reused():
    builder = Builder((8, 8))
    circuit = builder.finish(builder.add(builder.input(0)[:4], builder.input(0)[4:])[0])
    assert circuit.plan().slots == 16
    assert int(circuit.plan().used[0]) & 0xFFFF == 0xFF
    written = [word >> 1 for word in circuit.plan().walk().segment(100)[2::3].tolist()]
    assert min(written) < 16 and max(written) < 16


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_segments_cover_all_gates_in_order(size):
    circuit = and_chain(20, 1, seed=2)
    walk, ops = circuit.plan().walk(), []
    for start in range(0, 20, size):
        ops.append(walk.segment(size)[2::3] & 1)
        assert np.count_nonzero(ops[-1]) == min(20, start + size) - start
        assert walk.gate == circuit.gates or ops[-1][-1] == 1
    assert walk.gate == circuit.gates
    assert (np.concatenate(ops) == circuit.op).all()


def test_a_segment_longer_than_a_step_of_the_search():
    """The search for the end of a segment goes over many gates at a time; the end is exact all the same."""
    circuit = and_chain(3000, 1, seed=2)
    ands = np.flatnonzero(circuit.op)
    for first, size in ((1, 1), (100, 85), (700, 86), (1500, 1000)):
        walk = circuit.plan().walk()
        walk.segment(first)
        walk.segment(size)
        assert walk.gate == ands[first + size - 1] + 1


def test_segments_without_and_gates_and_trailing_xor_gates():
    builder = Builder((2,))
    x = builder.input(0)
    walk = builder.finish([builder.xor(x[0], x[1])]).plan().walk()
    assert len(walk.segment(0)) == 3
    both = builder.and_(x[0], x[1])
    walk = builder.finish([builder.xor(both, x[0])]).plan().walk()
    assert (walk.segment(5)[2::3] & 1).tolist() == [1, 0]
    assert walk.gate == 2


def test_the_room_of_a_segment_is_the_callers():
    circuit = and_chain(50, 1, seed=2)
    room = np.zeros(3 * circuit.gates, np.uint32)
    gates = circuit.plan().walk().segment(50, lambda words: room[:words])
    assert gates.base is room
    assert (gates == circuit.plan().walk().segment(50)).all()
