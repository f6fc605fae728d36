"""Joins of sorted tables against plain Python, compaction, and the AND counts."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from engine.circuit import Builder, Circuit
from engine.circuit.joins import Joined
from engine.circuit.network import comparators, merge_network
from tests.circuit.helpers import assignments, bits_of, number_of, table_bits

Row = tuple[int, int]
SHAPES = [
    # rows left, rows right, key bits, payload left, payload right
    (0, 0, 3, 1, 1),
    (0, 2, 3, 1, 0),
    (1, 1, 3, 2, 1),
    (1, 5, 4, 1, 2),
    (5, 1, 4, 0, 2),
    (2, 2, 4, 2, 2),
    (3, 3, 4, 0, 0),
    (5, 4, 5, 2, 0),
    (7, 12, 6, 1, 2),
    (12, 7, 6, 2, 1),
    (16, 16, 6, 2, 2),
    (33, 20, 8, 1, 2),
]


@cache
def circuits(shape: tuple[int, ...]) -> tuple[tuple[Circuit, int], tuple[Circuit, int]]:
    """The circuits of join_rows and join for this shape, each with its number of result rows."""
    n, m, key, first, second = shape
    builder = Builder((n * (key + first), m * (key + second)))
    left = builder.input(0).reshape(n, key + first)
    right = builder.input(1).reshape(m, key + second)

    def finished(found: Joined) -> tuple[Circuit, int]:
        return builder.finish(np.concatenate([part.reshape(-1) for part in found])), len(found.match)

    return finished(builder.join_rows(left, right, key)), finished(builder.join(left, right, key))


def results(which: int, shape: tuple[int, ...], tables: list[tuple[list[Row], list[Row]]]):
    """For each pair of tables the list of (match, left row, right row) that the circuit gives."""
    _, _, key, first, second = shape
    circuit, count = circuits(shape)[which]
    given = [table_bits(a, key, first) + table_bits(b, key, second) for a, b in tables]
    for bits in circuit.evaluate_many(np.array(given, np.uint8).reshape(len(given), circuit.inputs)):
        left = bits[count : count * (1 + key + first)].reshape(count, key + first)
        right = bits[count * (1 + key + first) :].reshape(count, key + second)
        yield [(bool(bits[i]), row_of(left[i], key), row_of(right[i], key)) for i in range(count)]


def row_of(bits: np.ndarray, key: int) -> Row:
    return number_of(bits[:key]), number_of(bits[key:])


def random_tables(shape: tuple[int, ...], kind: str, count: int = 60) -> list[tuple[list[Row], list[Row]]]:
    """kind: "promise" (sorted, no key twice), "repeated" (sorted), "unsorted"."""
    n, m, key, first, second = shape
    random = np.random.default_rng([n, m, key, len(kind)])
    tables = []
    for _ in range(count):
        pair = []
        for size, payload in ((n, first), (m, second)):
            keys = random.choice(1 << key, size, replace=kind != "promise").tolist()
            keys = keys if kind == "unsorted" else sorted(keys)
            pair.append([(k, int(random.integers(0, 1 << payload))) for k in keys])
        tables.append((pair[0], pair[1]))
    return tables


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("which", [0, 1], ids=["join_rows", "join"])
@pytest.mark.parametrize("kind", ["promise", "repeated", "unsorted"])
def test_join(shape, which, kind):
    tables = random_tables(shape, kind)
    for (a, b), got in zip(tables, results(which, shape, tables), strict=True):
        pairs = [(left, right) for match, left, right in got if match]
        for left, right in pairs:  # always real rows of the right table, with equal keys
            assert left in a and right in b and left[0] == right[0]
        if kind != "unsorted":  # each common key once, in ascending order
            common = sorted({k for k, _ in a} & {k for k, _ in b})
            assert [left[0] for left, _ in pairs] == common
        if which == 1:
            assert [match for match, _, _ in got] == sorted(match for match, _, _ in got)
            assert all(left == (0, 0) == right for match, left, right in got if not match)
            assert len(got) == max(len(a) + len(b) - 1, 0)


def test_few_candidates():
    """Half as many bodies as neighbouring pairs; never more than the smaller table when it is tiny."""
    b = Builder((64 * 40,))
    rows = b.input(0).reshape(64, 40)
    for n, m, most in ((20, 20, 20), (20, 21, 20), (31, 33, 32), (1, 63, 1), (60, 2, 2), (0, 9, 0)):
        assert len(b.join_rows(rows[:n], rows[n : n + m], 32).match) <= most


@pytest.mark.parametrize(
    ("rows", "key", "most"), [(10, 64, 6046), (50, 64, 45942), (100, 64, 105610), (100, 160, 253930)]
)
def test_counts_of_the_specification(rows, key, most):
    """Section 20.3: odd-even merge, tag in the comparison, equality of neighbours; ours also pairs candidates up."""
    b = Builder((rows * (key + 8), rows * (key + 8)))
    tables = [b.input(p).reshape(rows, key + 8) for p in range(2)]
    found = b.join_rows(*tables, key)
    circuit = b.finish(np.concatenate([part.reshape(-1) for part in found]))
    pairing = 17 * rows
    assert circuit.and_gates <= most + pairing
    # nothing but matching: the payload is not swapped
    bare = b.finish(b.join_rows(*tables, key).match)
    assert bare.and_gates <= most - 8 * comparators(rows, rows) + rows


@pytest.mark.parametrize(("rows", "reference"), [(10, 23760), (50, 236088), (100, 594662)])
def test_join_with_rows_is_far_below_the_reference(rows, reference):
    b = Builder((rows * 72, rows * 72))
    found = b.join(b.input(0).reshape(rows, 72), b.input(1).reshape(rows, 72), 64)
    circuit = b.finish(np.concatenate([part.reshape(-1) for part in found]))
    assert circuit.and_gates < reference / 2.5


@pytest.mark.parametrize("n", range(7))
@pytest.mark.parametrize("m", range(7))
def test_network_merges_all_sorted_lists(n, m):
    """The 0-1 principle: all sorted lists of zeros and ones; and the count of the recurrence."""
    first, second, order = merge_network(n, m)
    assert len(first) == comparators(n, m)
    assert sorted(order.tolist()) == list(range(n + m))
    for zeros in range(n + 1):
        for others in range(m + 1):
            places = [0] * zeros + [1] * (n - zeros) + [0] * others + [1] * (m - others)
            for f, s in zip(first, second):
                places[f], places[s] = min(places[f], places[s]), max(places[f], places[s])
            assert [places[p] for p in order] == sorted(places)
    if n and m:  # what the matching relies on: ranks 2i + 1, 2i + 2 are compared last
        last = list(zip(first.tolist(), second.tolist()))
        for i in range((n + m - 1) // 2):
            pair = (int(order[2 * i + 1]), int(order[2 * i + 2]))
            touching = [c for c in last if set(c) & set(pair)]
            assert touching[-1] == pair


def test_comparator_counts_of_the_specification():
    assert [comparators(n, n) for n in (10, 50, 100, 500, 1000)] == [35, 287, 673, 4489, 9977]


def test_merge_sorted_shape_and_content():
    b = Builder((2 * 3, 3 * 5))
    rows = b.merge_sorted(b.input(0).reshape(2, 3), b.input(1).reshape(3, 5), 2)
    assert rows.shape == (5, 2 + 1 + 3)
    circuit = b.finish(rows.reshape(-1))
    left, right = [(1, 1), (2, 0)], [(0, 5), (1, 6), (3, 7)]
    bits = table_bits(left, 2, 1), table_bits(right, 2, 3)
    merged = circuit.evaluate(bits).reshape(5, 6)
    assert [(number_of(r[:2]), int(r[2]), number_of(r[3:])) for r in merged] == [
        (0, 1, 5),
        (1, 0, 4),
        (1, 1, 6),
        (2, 0, 0),
        (3, 1, 7),
    ]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12])
def test_compact(size):
    b = Builder((size, 3 * size))
    flags, rows = b.compact(b.input(0), b.input(1).reshape(size, 3))
    circuit = b.finish(np.concatenate((flags, rows.reshape(-1))))
    marks = assignments(size)
    labels = np.array([i % 7 + 1 for i in range(size)])  # never zero, so that zeroed rows show
    data = np.array([bit for label in labels for bit in bits_of(int(label), 3)], np.uint8)
    given = np.concatenate((marks, np.broadcast_to(data, (len(marks), len(data)))), axis=1)
    for mark, result in zip(marks, circuit.evaluate_many(given)):
        kept = labels[mark == 1].tolist()
        wanted = [0] * (size - len(kept)) + kept
        assert [number_of(r) for r in result[size:].reshape(size, 3)] == wanted
        assert result[:size].tolist() == [int(label > 0) for label in wanted]


def test_compact_counts():
    b = Builder((64, 64 * 20))
    flags, rows = b.compact(b.input(0), b.input(1).reshape(64, 20))
    circuit = b.finish(np.concatenate((flags, rows.reshape(-1))))
    assert circuit.and_gates <= 32 * 6 * 21 + 64 * 20 + 3 * 64


@pytest.mark.parametrize(("rows", "key"), [(0, 3), (1, 4), (2, 3), (3, 2), (4, 3), (2, 0), (1, 0), (5, 6)])
def test_ascending(rows, key):
    builder = Builder((rows * (key + 1),))
    table = builder.input(0).reshape(rows, key + 1)
    circuit = builder.finish([builder.ascending(table, key)])
    assert circuit.and_gates == (max((rows - 1) * (key + 1) - 1, 0) if key else 0)
    for bits in assignments(circuit.inputs):
        keys = [number_of(row[:key]) for row in bits.reshape(rows, key + 1)]
        assert circuit.evaluate([bits])[0] == all(one < two for one, two in pairwise(keys))


def test_ascending_is_asked_once_and_known_rows_fold():
    builder = Builder((40,))
    table = builder.input(0).reshape(5, 8)
    first = builder.ascending(table, 8)
    gates = builder.position()
    assert (builder.ascending(table.copy(), 8), builder.position()) == (first, gates)
    assert builder.ascending(np.array([[0, 1], [1, 0], [1, 1]]), 2) == 1
    assert builder.ascending(np.array([[0, 1], [1, 1], [1, 1]]), 2) == 0
    assert builder.position() == gates
