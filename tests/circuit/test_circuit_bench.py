"""The circuit of the ``and`` benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Circuit
from engine.circuit.bench import and_chain


@pytest.mark.parametrize("ands", [0, 1, 5, 127, 128, 129, 255, 256, 257, 1000])
@pytest.mark.parametrize("parties", [1, 2, 9])
def test_no_gate_folds_away(ands, parties):
    circuit = and_chain(ands, parties, seed=3)
    assert circuit.input_bits == (128,) * parties
    assert (circuit.and_gates, circuit.xor_gates, circuit.output_bits) == (ands, 2 * ands, 128)
    again = Circuit.normalise(circuit.input_bits, circuit.op, circuit.a, circuit.b, circuit.outputs)
    assert again.gates == circuit.gates


def test_operands_are_local_and_steps_have_the_shape_of_the_bench():
    circuit = and_chain(2000, 2, seed=5)
    wire = circuit.inputs + np.arange(circuit.gates)
    for operand in (circuit.a, circuit.b):
        assert (wire - (operand >> 1) <= 1026).all()
    assert circuit.op.reshape(-1, 3).tolist() == [[0, 0, 1]] * 2000
    assert (circuit.a.reshape(-1, 3)[:, 2] >> 1 == wire.reshape(-1, 3)[:, 0]).all()
    assert (circuit.outputs >> 1).tolist() == wire[-128:].tolist()


def test_the_seed_decides():
    same = [and_chain(300, 2, seed=s).digest([0] * 256, [0]) for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_refuses_nonsense():
    with pytest.raises(ValueError, match="negative"):
        and_chain(-1)
