"""Honest runs of five to eight parties: roles, receivers and circuits of every kind (spec: protocol, 17.3)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from .support import random_circuit
from .test_honest_runs import SPECIAL, built, check, inputs_for

LONG = pytest.mark.long


@pytest.mark.parametrize("parties", [5, 6, 7, 8])
def test_inputs_from_every_party(parties):
    """Another evaluator each, receivers chosen at random."""
    rng = np.random.default_rng(parties)
    circuit = random_circuit(rng, [int(n) for n in rng.integers(1, 5, parties)], 40, 9)
    receivers = tuple(int(p) for p in np.flatnonzero(rng.integers(0, 2, parties)))
    check(circuit, inputs_for(circuit, rng, parties), evaluator=parties - 3, output_parties=receivers or (1,))


@pytest.mark.parametrize(
    ("parties", "evaluator"),
    [(5, v) for v in range(5)] + [pytest.param(n, v, marks=LONG) for n in (6, 7, 8) for v in range(n)],
)
def test_every_evaluator(parties, evaluator):
    """The receivers are the parties behind it: with and without the evaluator and the first garbler."""
    rng = np.random.default_rng(evaluator)
    circuit = random_circuit(rng, [3] * parties, 25, 7)
    receivers = tuple((evaluator + d) % parties for d in (0, 2, 3)[evaluator % 2 :])
    check(circuit, inputs_for(circuit, rng, parties), evaluator=evaluator, output_parties=receivers)


SUBSETS = [c for size in range(1, 6) for c in itertools.combinations(range(5), size)]


@pytest.mark.parametrize("receivers", [pytest.param(c, marks=LONG if i % 5 else []) for i, c in enumerate(SUBSETS)])
def test_receivers(receivers):
    rng = np.random.default_rng(len(receivers))
    circuit = random_circuit(rng, [3] * 5, 20, 6)
    check(circuit, inputs_for(circuit, rng, 5), evaluator=2, output_parties=receivers)


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("parties", [pytest.param(5, marks=LONG), 6, pytest.param(8, marks=LONG)])
def test_special_circuits(name, parties):
    """Two parties have inputs, the others only take part or receive."""
    circuit = SPECIAL[name]
    inputs = inputs_for(circuit, np.random.default_rng(1), parties)
    check(circuit, inputs, evaluator=parties - 1, output_parties=(0, parties - 2))


@pytest.mark.parametrize("parties", [5, 7, 8])
@pytest.mark.parametrize("ands", [False, True])
def test_outputs_of_every_kind(parties, ands):
    """Inputs of the first, middle and last party alone; outputs that are inputs, repeated, negated and constant."""
    owners = (0, parties // 2, parties - 1)

    def make(builder):
        x, y, z = (builder.input(p) for p in owners)
        product = builder.and_(x, y) if ands else builder.xor(x, y)
        mixed = builder.xor(product, builder.not_(z))
        return [*mixed, mixed[0], *x, int(builder.not_(z[:1])[0]), 0, 1, x[0], mixed[0]]

    circuit = built(tuple(3 if p in owners else 0 for p in range(parties)), make)
    inputs = inputs_for(circuit, np.random.default_rng(parties), parties)
    check(circuit, inputs, evaluator=1, output_parties=(0, 1, parties - 1))


@pytest.mark.parametrize("parties", [5, pytest.param(8, marks=LONG)])
def test_segments_and_batches(parties):
    rng = np.random.default_rng(7)
    circuit = random_circuit(rng, [2] * parties, 150, 8)
    check(circuit, inputs_for(circuit, rng, parties), segment=7, batch=30, output_parties=range(parties))


@pytest.mark.parametrize("parties", [4, pytest.param(6, marks=LONG), pytest.param(8, marks=LONG)])
def test_whole_protocol_from_base_ots(parties):
    rng = np.random.default_rng(parties)
    circuit = random_circuit(rng, [3] * parties, 40, 8)
    check(circuit, inputs_for(circuit, rng, parties), dealt=False, output_parties=range(parties))
