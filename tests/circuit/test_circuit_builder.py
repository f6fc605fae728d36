"""The builder: elementwise operations, folding, sharing, finishing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Builder, Circuit, CircuitError, store
from tests.circuit.helpers import assignments, check


def test_example_adder():
    b = Builder((8, 8))
    total, overflow = b.add(b.input(0), b.input(1))
    circuit = b.finish(np.append(total, overflow))
    assert circuit.and_gates == 8
    assert circuit.evaluate([[1] * 8, [0] * 7 + [1]]).tolist() == [0] * 8 + [1]


def test_elementwise_operations_follow_numpy_shapes():
    b = Builder((6, 2))
    table, column = b.input(0).reshape(2, 3), b.input(1).reshape(2, 1)
    for name, plain in (("xor", np.bitwise_xor), ("and_", np.bitwise_and), ("or_", np.bitwise_or)):
        result = getattr(b, name)(table, column)
        assert result.shape == (2, 3)
        circuit = b.finish(result)
        for row in assignments(8):
            left, right = row[:6].reshape(2, 3), row[6:].reshape(2, 1)
            assert (circuit.evaluate([row[:6], row[6:]]).reshape(2, 3) == plain(left, right)).all()
    assert isinstance(b.and_(2, 4), np.int64)
    assert b.and_(np.zeros((0, 3)), 2).shape == (0, 3)


def test_mux_costs_one_and_per_bit_and_swapped_arms_are_shared():
    b = Builder((1, 4, 4))
    s, x, y = b.input(0)[0], b.input(1), b.input(2)
    low, high = b.mux(s, x, y), b.mux(s, y, x)
    circuit = b.finish(np.concatenate((low, high)))
    assert circuit.and_gates == 4
    for row in assignments(9):
        chosen = (row[1:5], row[5:]) if row[0] else (row[5:], row[1:5])
        assert (circuit.evaluate([row[:1], row[1:5], row[5:]]) == np.concatenate(chosen)).all()


def test_constants_and_identities_cost_nothing():
    b = Builder((2,))
    x, y = b.input(0)
    assert (b.and_(x, 0), b.and_(1, x), b.and_(x, x), b.and_(x, x ^ 1)) == (0, x, x, 0)
    assert (b.xor(x, 0), b.xor(1, x), b.xor(x, x), b.xor(x, x ^ 1)) == (x, x ^ 1, 0, 1)
    assert (b.mux(1, x, y), b.mux(0, x, y), b.mux(y, x, x)) == (x, y, x)
    assert (b.or_(x, 1), b.or_(x, 0), b.or_(x, x ^ 1)) == (1, x, 1)
    assert b.position() == 0
    both = b.and_(x, y)
    assert b.and_(y, x) == both
    assert (b.and_(both, x), b.and_(both, x ^ 1), b.and_(both ^ 1, x ^ 1)) == (both, 0, x ^ 1)
    differ = b.xor(x, y)
    assert (b.xor(differ, x), b.xor(differ ^ 1, y)) == (y, x ^ 1)
    assert b.and_(differ, x) == b.and_(x, y ^ 1)
    assert b.known([0, 1]) and not b.known([0, 2])


@pytest.mark.parametrize("seed", range(8))
def test_random_expressions_keep_their_value(seed):
    """All rules of folding and sharing against plain evaluation of the same random expressions."""
    random = np.random.default_rng(seed)
    b = Builder((6,))
    rows = assignments(6).astype(np.int64)
    literals, values = [0, 1, *b.input(0).tolist()], [rows[:, 0] * 0, rows[:, 0] * 0 + 1, *rows.T]
    for _ in range(400):
        i, j, k = random.integers(max(0, len(literals) - 10), len(literals), 3)
        negate = int(random.integers(0, 2))
        kind = random.integers(0, 4)
        x, y = literals[i] ^ negate, literals[j]
        u, v = values[i] ^ negate, values[j]
        if kind == 0:
            literal, value = b.xor(x, y), u ^ v
        elif kind == 1:
            literal, value = b.and_(x, y), u & v
        elif kind == 2:
            literal, value = b.or_(x, y), u | v
        else:
            literal, value = b.mux(literals[k], x, y), np.where(values[k] == 1, u, v)
        literals.append(int(literal))
        values.append(value)
    result = b.finish(literals).evaluate_many(rows.astype(np.uint8))
    assert (result == np.stack(values, axis=1)).all()


def test_all_any_and_parity():
    for width in (0, 1, 2, 3, 5, 8):

        def operation(b: Builder, x: np.ndarray) -> tuple:
            return b.all(x), b.any(x), b.parity(x)

        def expected(x: int, width: int = width) -> tuple[int, int, int]:
            return int(x == (1 << width) - 1), int(x != 0), x.bit_count() & 1

        circuit = check((width,), operation, expected)
        assert circuit.and_gates == 2 * max(width - 1, 0) - width // 2  # first layer: a & b and a | b are one AND
    b = Builder((8,))
    assert b.all(b.input(0).reshape(2, 2, 2)).shape == (2, 2)
    assert b.finish([b.all(b.input(0))]).and_depth == 3


def test_finish_removes_dead_gates_and_is_normal():
    b = Builder((4, 4))
    x, y = b.input(0), b.input(1)
    b.mul(x, y)
    before = b.position()
    assert before > 20
    circuit = b.finish(np.concatenate((b.less(x, y).reshape(1), [0, 1, x[0], y[3] ^ 1])))
    assert circuit.and_gates == 4
    again = Circuit.normalise(circuit.input_bits, circuit.op, circuit.a, circuit.b, circuit.outputs)
    assert (again.a == circuit.a).all() and (again.outputs == circuit.outputs).all()
    assert circuit.outputs.tolist()[1:] == [0xFFFFFFFE, 0xFFFFFFFF, 0, 15]
    more = b.finish(b.and_(x, y))
    assert more.and_gates == 4


def test_refuses_literals_of_another_builder():
    b = Builder((2,))
    for bad in ([6], [-1]):
        with pytest.raises(CircuitError, match="literal"):
            b.finish(bad)
    with pytest.raises(CircuitError, match="negative"):
        Builder((-1,))
    with pytest.raises(ValueError, match="words of 2 and 1 bits"):
        b.add(b.input(0), [0])


def test_gates_survive_growth_and_a_full_table(monkeypatch):
    """With a tiny table sharing is lost, never correctness."""
    monkeypatch.setattr(store, "_MAX_TABLE", 64)
    monkeypatch.setattr(store, "_STEP", 500)
    b = Builder((16, 16))
    b._table = np.zeros(64, np.int64)
    product, overflow = b.mul(b.input(0), b.input(1))
    second, _ = b.mul(b.input(0), b.input(1))
    circuit = b.finish(np.concatenate((product, second, overflow.reshape(1))))
    rows = np.random.default_rng(0).integers(0, 2**16, (200, 2))
    for x, y in rows.tolist():
        bits = [[v >> k & 1 for k in range(15, -1, -1)] for v in (x, y)]
        result = "".join(map(str, circuit.evaluate(bits).tolist()))
        assert int(result[:16], 2) == int(result[16:32], 2) == x * y % 2**16
        assert int(result[32]) == (x * y >= 2**16)


def test_input_order_and_constants():
    b = Builder((2, 0, 3))
    assert [b.input(p).tolist() for p in range(3)] == [[2, 4], [], [6, 8, 10]]
    assert b.constant([[1, 0], [True, False]]).tolist() == [[1, 0], [1, 0]]


def test_all_negations_of_an_and_share_it():
    """a & b, a & !b, !a & b, !a & !b and their OR forms: one AND."""
    b = Builder((2,))
    x, y = b.input(0)
    pairs = [(x ^ i, y ^ j) for i in (0, 1) for j in (0, 1)]
    circuit = b.finish([gate(p, q) for gate in (b.and_, b.or_) for p, q in pairs])
    assert circuit.and_gates == 1
    for p in (0, 1):
        for q in (0, 1):
            values = [(p ^ i, q ^ j) for i in (0, 1) for j in (0, 1)]
            assert circuit.evaluate([[p, q]]).tolist() == [u & v for u, v in values] + [u | v for u, v in values]


def test_conjuncts():
    """What is true whenever a conjunction is."""
    b = Builder((4,))
    w, x, y, z = b.input(0).tolist()
    both = int(b.and_(b.and_(w, x ^ 1), b.or_(y, z)))
    assert b.conjuncts(both) == {both, int(b.and_(w, x ^ 1)), w, x ^ 1, int(b.or_(y, z))}
    assert b.conjuncts(both ^ 1) == {both ^ 1}
    assert b.conjuncts(w) == {w}
