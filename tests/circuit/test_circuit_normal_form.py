"""The circuit itself: normal form, digest, evaluation, figures, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.circuit import FALSE, TRUE, Circuit, CircuitError, circuit_digest
from tests.circuit.helpers import assignments, evaluate_raw, random_raw

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "protocol.json"
CODES = {"XOR": 0, "AND": 1, "NOT": 2}


def test_example_majority():
    # majority of three: c ^ ((a ^ c) & (b ^ c))
    circuit = Circuit.normalise((1, 1, 1), [0, 0, 1, 0], [0, 2, 6, 4], [4, 4, 8, 10], [12])
    assert (circuit.and_gates, circuit.xor_gates, circuit.and_depth, circuit.output_bits) == (1, 3, 1, 1)
    rows = assignments(3)
    assert (circuit.evaluate_many(rows)[:, 0] == (rows.sum(axis=1) >= 2)).all()
    assert circuit.evaluate([[1], [0], [1]]).tolist() == [1]


def raw_literal(word: str | int) -> int:
    """A wire or constant of the vector file as a literal."""
    if isinstance(word, str) and word.startswith("const"):
        return TRUE if word.endswith("1") else FALSE
    return 2 * int(word)


def lists_of(outputs: dict) -> list:
    """The expected outputs of all receivers, one after the other."""
    return [entry for entries in outputs["outputs_as_literals"].values() for entry in entries]


def test_vector_normal_form_and_digest():
    vectors = json.loads(VECTORS.read_text())["vectors"]
    vector = next(v for v in vectors if v["name"] == "circuit normal form and digest")
    given, wanted = vector["inputs"], vector["outputs"]
    op, a, b = [], [], []
    for line in given["raw_gates"]:
        _, name, *operands = line.replace("=", " ").split()
        op.append(CODES[name])
        a.append(raw_literal(operands[0]))
        b.append(raw_literal(operands[-1]))
    lists = {int(r): [raw_literal(w) for w in outs] for r, outs in given["outputs"].items()}
    circuit = Circuit.normalise((given["I"],), op, a, b, [o for r in sorted(lists) for o in lists[r]])
    nodes = [
        {"wire": given["I"] + i, "op": ("XOR", "AND")[o], "literal_a": x, "literal_b": y}
        for i, (o, x, y) in enumerate(zip(circuit.op.tolist(), circuit.a.tolist(), circuit.b.tolist()))
    ]
    assert nodes == wanted["nodes"]
    entries = [FALSE + int(o[-1]) if isinstance(o, str) else o for o in lists_of(wanted)]
    assert circuit.outputs.tolist() == entries
    first = len(lists[0])
    outs = [(0, circuit.outputs[:first]), (1, circuit.outputs[first:])]
    assert circuit_digest(circuit, given["owners"], outs).hex() == wanted["cdig"]


@pytest.mark.parametrize("seed", range(20))
def test_random_circuits_keep_their_function(seed):
    inputs = 1 + seed % 7
    op, a, b, outputs = random_raw(seed, inputs, 60)
    circuit = Circuit.normalise((inputs,), op, a, b, outputs)
    rows = assignments(inputs)
    assert (circuit.evaluate_many(rows) == evaluate_raw(op, a, b, outputs, rows)).all()
    for row in rows[:3]:
        assert (circuit.evaluate([row]) == circuit.evaluate_many(row[None])[0]).all()


@pytest.mark.parametrize("seed", range(5))
def test_normal_form_is_idempotent(seed):
    once = Circuit.normalise((4,), *random_raw(seed, 4, 80))
    twice = Circuit.normalise(once.input_bits, once.op, once.a, once.b, once.outputs)
    for name in ("op", "a", "b", "outputs"):
        assert (getattr(once, name) == getattr(twice, name)).all()


def test_rules_of_folding():
    # x ^ !x, x & x, x & !x, x & 1, 1 & x, x ^ 1, 0 ^ x: no gate stays
    op = [0, 1, 1, 1, 1, 0, 0]
    circuit = Circuit.normalise(
        (1,), op, [0, 0, 0, 0, TRUE, 0, FALSE], [1, 0, 1, TRUE, 1, TRUE, 0], [2, 4, 6, 8, 10, 12, 14]
    )
    assert circuit.gates == 0
    assert circuit.outputs.tolist() == [TRUE, 0, FALSE, 0, 1, 1, 0]


def test_equal_gates_stay_and_operand_order_is_kept():
    circuit = Circuit.normalise((2,), [1, 1], [2, 3], [1, 1], [4, 6, 7])
    assert (circuit.a.tolist(), circuit.b.tolist()) == ([2, 3], [1, 1])
    twins = Circuit.normalise((2,), [1, 1], [0, 0], [2, 2], [4, 6])
    assert twins.gates == 2


def test_digest_depends_on_everything():
    def digest(outputs=(4,), owners=(0, 1), receivers=(0,), a=(0,)):
        return Circuit.normalise((1, 1), [1], a, [2], outputs).digest(owners, receivers)

    others = [
        digest(outputs=(5,)),
        digest(outputs=(4, 4)),
        digest(owners=(1, 0)),
        digest(receivers=(1,)),
        digest(receivers=(0, 1)),
        digest(a=(1,)),
    ]
    assert len({digest(), *others}) == 7
    assert digest(receivers=(1, 0)) == digest(receivers=(0, 1))


def test_no_inputs_no_gates():
    circuit = Circuit.normalise((0, 0), [], [], [], [TRUE, FALSE])
    assert circuit.evaluate([[], []]).tolist() == [1, 0]
    assert circuit.and_depth == 0
    assert circuit.plan().slots == 0


@pytest.mark.parametrize(
    ("op", "a", "b", "outputs"),
    [
        ([1], [0], [4], [4]),  # reads itself
        ([3], [0], [2], [4]),  # no such gate
        ([1], [0], [2], [6]),  # output out of range
        ([1], [0], [2, 2], [4]),  # lengths
        ([1], [-1], [2], [4]),  # not a uint32
        ([[1]], [0], [2], [4]),  # dimensions
    ],
)
def test_bad_raw_circuits_are_refused(op, a, b, outputs):
    with pytest.raises(CircuitError):
        Circuit.normalise((2,), op, a, b, outputs)


@pytest.mark.parametrize(
    ("op", "a", "b", "outputs"),
    [
        ([0], [1], [2], [4]),  # negated operand of XOR
        ([0], [0], [0], [4]),  # both operands one wire
        ([1], [0], [TRUE], [4]),  # constant operand
        ([2], [0], [2], [4]),  # NOT
        ([1], [0], [2], [2]),  # dead gate
        ([1], [0], [4], [4]),
        ([1], [0], [2], [6]),
    ],
)
def test_constructor_accepts_only_the_normal_form(op, a, b, outputs):
    with pytest.raises(CircuitError):
        Circuit((2,), op, a, b, outputs)


def test_negative_input_bits_are_refused():
    with pytest.raises(CircuitError):
        Circuit((-1, 1), [], [], [], [])


def test_wrong_inputs_are_refused():
    circuit = Circuit.normalise((2, 1), [1], [0], [4], [6])
    with pytest.raises(CircuitError, match="parties"):
        circuit.evaluate([[1, 0, 1]])
    with pytest.raises(CircuitError, match="party 1"):
        circuit.evaluate([[1, 0], [1, 1]])
    with pytest.raises(CircuitError, match="0 and 1"):
        circuit.evaluate([[1, 2], [1]])
    with pytest.raises(CircuitError):
        circuit.evaluate_many(np.zeros((4, 2), np.uint8))
    with pytest.raises(CircuitError):
        circuit.digest([0, 1], [0])


def test_arrays_are_frozen():
    circuit = Circuit.normalise((2,), [1], [0], [2], [4])
    with pytest.raises(ValueError, match="read-only"):
        circuit.a[0] = 2
    with pytest.raises(AttributeError):
        circuit.op = circuit.a
