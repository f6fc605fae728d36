"""Joins in programs against plain Python, for all small sizes and several kinds of keys (section 12)."""

from __future__ import annotations

import random
from typing import Any

import pytest

import engine
from engine.values import StructValue

KEYS: dict[str, Any] = {
    "u8": lambda rng: rng.randrange(256),
    "[u8; 2]": lambda rng: [rng.randrange(3), rng.randrange(256)],
    "(bool, u8)": lambda rng: (rng.random() < 0.5, rng.randrange(20)),
    "bool": lambda rng: rng.random() < 0.5,
}
SIZES = [(0, 1), (1, 0), (1, 1), (1, 4), (5, 1), (2, 3), (3, 3), (4, 7), (8, 8), (13, 5)]


def table(rng: random.Random, pool: list[Any], rows: int) -> list[tuple[Any, int]]:
    """Rows with distinct keys in ascending order."""
    keys = sorted(rng.sample(pool, rows))
    return [(key, rng.randrange(200)) for key in keys]


def key_pool(key: str, rng: random.Random) -> list[Any]:
    """Distinct keys, few enough that tables share some."""
    make = KEYS[key]
    pool: list[Any] = []
    while len(pool) < (2 if key == "bool" else 20):
        candidate = make(rng)
        if candidate not in pool:
            pool.append(candidate)
    return pool


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_join_iter_and_join(key: str, n: int, m: int) -> None:
    """Order of visits, sums, matched rows, dummies."""
    if key == "bool" and max(n, m) > 2:
        n, m = min(n, 2), min(m, 2)
    row = f"({key}, u8)"
    size = f"const {{ {n}usize + {m}usize - 1usize }}"
    source = f"""pub fn main(a: [{row}; {n}], b: [{row}; {m}]) -> (u64, u32) {{
        let mut order = 1u64; let mut sum = 0u32;
        for ((k, x), (_, y)) in join_iter(a, b) {{ order = order * 31 % 1000003 + (x as u64); sum += y as u32; }}
        (order, sum)
    }}
    pub fn rows(a: [{row}; {n}], b: [{row}; {m}]) -> [(bool, {row}, {row}); {size}] {{ join(a, b) }}
    struct Key {{ k: {key} }}
    pub fn keys(a: [Key; {n}], b: [Key; {m}]) -> [(bool, Key); {size}] {{ join(a, b) }}"""
    visit, rows, keys = (engine.compile_program(source, name) for name in ("main", "rows", "keys"))
    rng = random.Random(f"{key}{n}{m}")
    for _ in range(6):
        pool = key_pool(key, rng)
        a, b = table(rng, pool, n), table(rng, pool, m)
        matches = [(x, y) for x in a for y in b if x[0] == y[0]]
        order = 1
        for x, _ in matches:
            order = order * 31 % 1000003 + x[1]
        assert run(visit, a, b) == (order, sum(y[1] for _, y in matches))
        joined = run(rows, a, b)
        dummies = n + m - 1 - len(matches)
        assert [entry[0] for entry in joined] == [False] * dummies + [True] * len(matches)
        assert [entry[1:] for entry in joined[dummies:]] == matches
        assert all(set(bits(entry)) <= {0} for entry in joined[:dummies])
        found = run(keys, *([StructValue("Key", {"k": x[0]}) for x in side] for side in (a, b)))
        assert found[dummies:] == [(True, StructValue("Key", {"k": x[0]})) for x, _ in matches]
        assert all(set(bits(entry)) <= {0} for entry in found[:dummies])


def bits(value: Any) -> list[int]:
    """All numbers inside a value."""
    if isinstance(value, StructValue):
        value = tuple(value.fields.values())
    return [number for part in value for number in bits(part)] if isinstance(value, (list, tuple)) else [int(value)]


def run(program: engine.Program, *arguments: Any) -> Any:
    """Value of a program."""
    given = [program.encode(party, argument) for party, argument in enumerate(arguments)]
    return program.decode(program.circuit.evaluate(given)).value


def test_broken_promises_give_some_value() -> None:
    """Unsorted tables and repeated keys: no crash, a key of one table alone never matches, at most one match a key."""
    source = """pub fn main(a: [(u8, u8); 6], b: [(u8, u8); 5]) -> (u8, u8) {
        let mut n = 0u8; let mut bad = 0u8;
        for ((k, _), (l, _)) in join_iter(a, b) { n += 1; if k != l { bad += 1; } }
        (n, bad)
    }"""
    program = engine.compile_program(source)
    rng = random.Random(5)
    for ordered in (True, False):
        for _ in range(40):
            a, b = ([(rng.randrange(5), 0) for _ in range(size)] for size in (6, 5))
            if ordered:
                a, b = sorted(a), sorted(b)
            common = {x[0] for x in a} & {y[0] for y in b}
            count, bad = run(program, a, b)
            assert bad == 0
            assert count == len(common) if ordered else count <= 5


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_loops_that_only_look_at_hits(n: int, m: int) -> None:
    """`for (hit, ...) in join(a, b) { if hit ... }` gives what join_iter gives, panics included, for the same gates."""
    head = f"(a: [(u8, u8); {n}], b: [(u8, u8); {m}]) -> (u64, u8) {{ let mut order = 1u64; let mut sum = 0u8;"
    step = "{ order = order * 31 % 1000003 + (x as u64); sum += y; }"
    source = f"""pub fn iter{head} for ((_, x), (_, y)) in join_iter(a, b) {{ if x < 150 {step} }} (order, sum) }}
    pub fn hits{head} for (hit, (_, x), (_, y)) in join(a, b) {{ if hit && x < 150 {step} }} (order, sum) }}
    pub fn rows{head} let rows = join(a, b); for (hit, (_, x), (_, y)) in rows {{ if hit && x < 150 {step} }}
        (order, sum) }}"""
    programs = [engine.compile_program(source, name) for name in ("iter", "hits", "rows")]
    assert programs[0].circuit.and_gates == programs[1].circuit.and_gates
    rng = random.Random(f"{n} {m}")
    for _ in range(10):
        pool = list(range(20))
        found = []
        for program in programs:
            rng.seed(f"{n} {m} {_}")
            try:
                found.append(run(program, table(rng, pool, n), table(rng, pool, m)))
            except engine.GarblePanic as panic:
                found.append(panic.reason)
        assert found[0] == found[1] == found[2]
