"""Joins that prove the order of their inputs: `check_joins` and the panic JoinOrder, against plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.values import EnumValue, StructValue
from tests.garble.test_joins import run

HEAD = "struct P { y: u8, x: i8 } enum E { A, B(u8), C(i8, bool) } "
Make = Callable[[random.Random], Any]
#: type -> (a random key, its place in the order: numbers and tuples that Python compares)
KEYS: dict[str, tuple[Make, Callable[[Any], Any]]] = {
    "u8": (lambda rng: rng.randrange(256), lambda key: key),
    "bool": (lambda rng: rng.random() < 0.5, int),
    "i8": (lambda rng: rng.randrange(-128, 128), lambda key: key % 256),
    "(i8, bool)": (lambda rng: (rng.randrange(-2, 2), rng.random() < 0.5), lambda key: (key[0] % 256, key[1])),
    "[i8; 2]": (lambda rng: [rng.randrange(-2, 2) for _ in "ab"], lambda key: [part % 256 for part in key]),
    "P": (
        lambda rng: StructValue("P", {"y": rng.randrange(4), "x": rng.randrange(-2, 2)}),
        lambda key: (key.fields["x"] % 256, key.fields["y"]),
    ),
    "E": (
        lambda rng: rng.choice(
            [
                EnumValue("E", "A", None),
                EnumValue("E", "B", (rng.randrange(256),)),
                EnumValue("E", "C", (rng.randrange(-2, 2), rng.random() < 0.5)),
            ]
        ),
        lambda key: ("ABC".index(key.variant), [part % 256 for part in key.payload or ()]),
    ),
}


def ascending(rows: list[Any], rank: Callable[[Any], Any], key: Callable[[Any], Any] = lambda row: row[0]) -> bool:
    """Strictly ascending keys."""
    ranks = [rank(key(row)) for row in rows]
    return all(one < two for one, two in pairwise(ranks))


def panic_of(program: engine.Program, *arguments: Any) -> engine.GarblePanic | None:
    """The panic of a program, None for a value."""
    try:
        run(program, *arguments)
    except engine.GarblePanic as panic:
        return panic
    return None


def checked(source: str, function: str = "main", **options: Any) -> engine.Program:
    """A program with checked joins."""
    return engine.compile_program(source, function, filename="join.garble.rs", check_joins=True, **options)


def extra(source: str, function: str = "main") -> int:
    """AND gates that the checks of a program cost."""
    plain = engine.compile_program(source, function).circuit.and_gates
    return checked(source, function).circuit.and_gates - plain


def digest(program: engine.Program) -> bytes:
    """Equal for equal circuits."""
    return program.circuit.digest(np.zeros(sum(program.circuit.input_bits), np.uint16), [0])


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("function", ["visits", "rows", "keys"])
def test_random_tables_of_every_kind_of_key(key: str, function: str) -> None:
    """A panic exactly if a side is not strictly ascending, at the first such side; else the value without the check."""
    make, rank = KEYS[key]
    n, m = (2, 2) if key == "bool" else (4, 3)
    head, size = f"(a: [({key}, u8); {n}], b: [({key}, u8); {m}])", f"const {{ {n}usize + {m}usize - 1usize }}"
    source = f"""{HEAD}pub fn visits{head} -> u8 {{ let mut n = 0u8; for _ in join_iter(a, b) {{ n += 1; }} n }}
        pub fn rows{head} -> [(bool, ({key}, u8), ({key}, u8)); {size}] {{ join(a, b) }}
        struct K {{ k: {key} }}
        pub fn keys(a: [K; {n}], b: [K; {m}]) -> [(bool, K); {size}] {{ join(a, b) }}"""
    program, plain = checked(source, function), engine.compile_program(source, function)
    rng, seen = random.Random(f"{key} {function}"), set()
    for number in range(60):
        tables = []
        for rows in (n, m):
            table = [(make(rng), rng.randrange(256)) for _ in range(rows)]
            if number % 4:
                table.sort(key=lambda row: rank(row[0]))
            tables.append(table)
        orders = tuple(ascending(table, rank) for table in tables)
        seen.add(orders)
        if function == "keys":
            tables = [[StructValue("K", {"k": row[0]}) for row in table] for table in tables]
        panic = panic_of(program, *tables)
        if all(orders):
            assert panic is None, tables
            assert run(program, *tables) == run(plain, *tables)
        else:
            assert panic is not None, tables
            side = "a" if not orders[0] else "b"
            assert panic.reason == "JoinOrder" and f"(parameter `{side}`)" in panic.message, tables
    assert len(seen) == 4


def test_equal_neighbours_and_each_place_of_a_descent() -> None:
    """Exhaustive: each neighbour of both sides, equal or descending."""
    source = "pub fn main(a: [(u8, u8); 5], b: [(u8, u8); 5]) -> u8 { for _ in join_iter(a, b) {} 7u8 }"
    program, left = checked(source), source.index("a, b)") + 1
    good = [(10 * i, 0) for i in range(1, 6)]
    assert run(program, good, good) == 7
    for place in range(4):
        for key in (good[place][0], good[place][0] - 1, 0):
            bad = [*good[: place + 1], (key, 1), *good[place + 2 :]]
            for sides in ((bad, good), (good, bad), (bad, bad)):
                panic = panic_of(program, *sides)
                assert panic is not None and panic.reason == "JoinOrder"
                assert panic.column == (left if sides[0] is bad else left + 3)


def test_negative_keys_come_after_the_others() -> None:
    """The order is that of the encodings."""
    program = checked("pub fn main(a: [(i8, u8); 3], b: [(i8, u8); 1]) -> u8 { for _ in join_iter(a, b) {} 7u8 }")
    assert run(program, [(0, 0), (5, 0), (-3, 0)], [(1, 0)]) == 7
    assert panic_of(program, [(-3, 0), (0, 0), (5, 0)], [(1, 0)]) is not None


def test_keys_without_bits_are_all_equal() -> None:
    """Two rows whose key is `()` break the promise whatever they hold; one row does not."""
    source = "pub fn main(a: [((), u8); {n}], b: [((), u8); 1]) -> u8 {{ for _ in join_iter(a, b) {{}} 7u8 }}"
    assert run(checked(source.format(n=1)), [((), 1)], [((), 2)]) == 7
    assert panic_of(checked(source.format(n=2)), [((), 1), ((), 2)], [((), 2)]) is not None


# -- paths and order ---------------------------------------------------------------------------------------------------


def test_a_join_in_a_branch_that_is_not_taken_does_not_count() -> None:
    """`if`, `match`, `&&`, and a row of another join."""
    source = """pub fn main(a: [(u8, u8); 2], b: [(u8, u8); 2], mode: u8) -> u8 {
        let mut n = 0u8;
        if mode == 1 { for _ in join_iter(a, b) { n += 1; } }
        match mode { 2 => { for (hit, _, _) in join(b, a) { if hit { n += 1; } } } _ => {} }
        if mode == 3 && matches(a, b) { n += 1; }
        for ((k, _), _) in join_iter([(3u8, ())], [(mode, ())]) { for _ in join_iter(a, b) { n += k; } }
        n
    }
    fn matches(x: [(u8, u8); 2], y: [(u8, u8); 2]) -> bool {
        let mut any = false;
        for _ in join_iter(x, y) { any = true; }
        any
    }"""
    program = checked(source)
    good, bad = [(1, 0), (2, 0)], [(2, 0), (2, 1)]
    assert [run(program, good, good, mode) for mode in range(5)] == [0, 2, 2, 1 + 6, 0]
    assert [run(program, bad, bad, mode) for mode in (0, 4)] == [0, 0]
    lines = {(mode, side): panic_of(program, *side_of(side, good, bad), mode) for mode in (1, 2, 3) for side in "ab"}
    found = {case: (panic.line, panic.column) for case, panic in lines.items() if panic}
    assert found == {
        (1, "a"): (3, 43),
        (1, "b"): (3, 46),
        (2, "a"): (4, 56),
        (2, "b"): (4, 53),
        (3, "a"): (11, 28),
        (3, "b"): (11, 31),
    }


def side_of(side: str, good: Any, bad: Any) -> tuple[Any, Any]:
    """Two tables, the one of ``side`` bad."""
    return (bad, good) if side == "a" else (good, bad)


def test_the_first_panic_wins() -> None:
    """Operands before the checks, the left side before the right one, the checks before the body; loops in order."""
    source = """pub fn main(a: [(u8, u8); 2], b: [(u8, u8); 2], x: u8) -> u8 {
        let mut n = 100u8;
        for _ in join_iter(a, [(b[0].0, b[0].1 / x), b[1]]) { n += 100; }
        n / x
    }
    pub fn tables(t: [[(u8, u8); 2]; const { 3usize }], b: [(u8, u8); 2]) -> u8 {
        let mut n = 0u8;
        for rows in t { for ((_, v), _) in join_iter(rows, b) { n += 256u16 as u8 + 100 / v; } }
        n
    }"""
    good, bad = [(1, 0), (2, 0)], [(1, 0), (1, 1)]
    program = checked(source)

    def reason(*arguments: Any) -> tuple[str, int, int]:
        panic = panic_of(program, *arguments)
        assert panic is not None
        return panic.reason, panic.line, panic.column

    assert reason(bad, bad, 0) == ("DivByZero", 3, 41)
    assert reason(bad, bad, 1) == ("JoinOrder", 3, 28)
    assert reason(good, bad, 1) == ("JoinOrder", 3, 31)
    assert reason(good, good, 1)[0] == "Overflow"
    assert reason([(7, 0), (7, 0)], good, 1) == ("JoinOrder", 3, 28)
    program = checked(source, "tables")
    fine = [(1, 1), (2, 1)]
    assert run(program, [[(1, 100), (5, 0)]] * 3, good) == 3
    assert reason([fine, bad, fine], good) == ("JoinOrder", 8, 54)
    assert reason([good, bad, fine], good) == ("DivByZero", 8, 85)
    assert reason([fine, fine, fine], bad) == ("JoinOrder", 8, 60)


# -- what is named -----------------------------------------------------------------------------------------------------


def test_the_message_names_the_parameter_and_the_place() -> None:
    """Text, underlined operand, cure."""
    head = "// joins\n\npub fn main(a: [(u8, u8); 2], b: [(u8, u8); 2]) -> u8 {\n"
    source = head + "    for _ in join_iter(a, b) {}\n    1u8\n}"
    panic = panic_of(checked(source), [(1, 0), (2, 0)], [(2, 0), (1, 0)])
    assert panic is not None and (panic.reason, panic.line, panic.column) == ("JoinOrder", 4, 27)
    lines = panic.message.split("\n")
    assert (
        lines[0]
        == "program panicked: Join Input Not Strictly Ascending (parameter `b`) at line 4 (join.garble.rs:4:27)"
    )
    assert "  |                           ^" in lines
    assert lines[-1] == ("  help: these rows must be sorted by key, each key once; negative keys come after the others")


SUBJECTS = {
    "for _ in join_iter(a, b) {}": "(parameter `a`)",
    "let x = a; let mut y = x; for _ in join_iter(b, { y }) {}": "(parameter `a`)",
    "helper(b, a);": "(parameter `a`)",
    "helper(b, b); helper(b, a);": "(parameter `b` or parameter `a`)",
    "helper(a, b); helper(flip(a), b);": "(parameter `a` or `x`, from parameter `a`)",
    "for _ in join_iter(flip(a), b) {}": "(`flip(a)`, from parameter `a`)",
    "let mut rows = a; rows[0].1 = 3; for _ in join_iter(rows, b) {}": "(`rows`, from parameter `a`)",
    "let mut rows = a; rows[0].1 += 3; for _ in join_iter(rows, b) {}": "(`rows`, from parameter `a`)",
    "let mut rows = a; rows[0].0 ^= rows[1].0; for _ in join_iter(rows, b) {}": "(`rows`)",
    "let mut rows = a; rows[0].0 = b[0].0; for _ in join_iter(rows, b) {}": "(`rows`)",
    "let mut rows = a; rows[1].0 = 0; for _ in join_iter(rows, b) {}": "(`rows`, from parameter `a`)",
    "for _ in join_iter([a[0], (0, 1), (0, 2)], b) {}": "(`[a[0], (0, 1), (0, 2)]`, from parameter `a`)",
    "for _ in join_iter([(0u8, 1u8), (0u8, 2u8)], b) {}": "(`[(0u8, 1u8), (0u8, 2u8)]`)",
    "for _ in join_iter([a[0],\n   a[1]], b) {}": "(parameter `a`)",
    "for _ in join_iter([(a[0].0, 1u8),\n   a[1]], b) {}": "(`[(a[0].0, 1u8),...`, from parameter `a`)",
    "for _ in join_iter([(a[0].0, a[0].1 + 00000001), a[1]], b) {}": (
        "(`[(a[0].0, a[0].1 + 00000001), a[1]]`, from parameter `a`)"
    ),
    "for _ in join_iter([(a[0].0, a[0].1 + 0000000000000001), a[1]], b) {}": (
        "(`[(a[0].0, a[0].1 + 0000000000000001), a[...`, from parameter `a`)"
    ),
}


@pytest.mark.parametrize("body", SUBJECTS)
def test_what_a_message_calls_the_rows(body: str) -> None:
    """The parameter itself, an expression on the keys of one parameter, any other expression."""
    source = f"""pub fn main(a: [(u8, u8); 2], b: [(u8, u8); 2]) -> u8 {{ {body} 1u8 }}
        pub fn others(a: [(u8, u8); 2], b: [(u8, u8); 2]) -> [(u8, u8); 2] {{ helper(a, b); flip(a) }}
        fn helper(x: [(u8, u8); 2], y: [(u8, u8); 2]) -> () {{ for _ in join_iter(y, x) {{}} }}
        fn flip(x: [(u8, u8); 2]) -> [(u8, u8); 2] {{ [(x[0].1, x[0].0), (x[1].1, x[1].0)] }}"""
    panic = panic_of(checked(source), [(2, 2), (1, 1)], [(3, 0), (4, 0)])
    assert panic is not None and panic.reason == "JoinOrder"
    assert f"Join Input Not Strictly Ascending {SUBJECTS[body]} at" in panic.message


def test_parties_of_one_array_parameter_are_named_by_number() -> None:
    """`[T; n]`: every element is a party's input."""
    source = """pub fn main(tables: [[(u8, u8); 2]; 3]) -> u8 {
        let mut n = 0u8;
        for _ in join_iter(tables[0], tables[1]) { n += 1; }
        for i in 1usize..3 { for _ in join_iter(tables[0], tables[i]) { n += 1; } }
        n
    }"""
    program, good, bad = checked(source), [(1, 0), (2, 0)], [(2, 0), (1, 0)]
    texts = [panic_of(program, *[bad if p == i else good for p in range(3)]) for i in range(3)]
    assert [str(text).split(" at ")[0].split("Ascending ")[1] for text in texts] == [
        "(parameter `tables[0]`)",
        "(parameter `tables[1]`)",
        "(parameter `tables[2]`)",
    ]


# -- cost --------------------------------------------------------------------------------------------------------------


def counter(n: int, m: int, key: str) -> str:
    """A program that counts matches."""
    head = f"a: [({key}, u8); {n}], b: [({key}, u8); {m}]"
    return f"pub fn main({head}) -> u16 {{ let mut s = 0u16; for _ in join_iter(a, b) {{ s += 1; }} s }}"


@pytest.mark.parametrize(
    ("n", "m", "key", "bits"),
    [(2, 2, "u8", 8), (10, 10, "u64", 64), (50, 3, "[u8; 20]", 160), (100, 100, "(u32, u32)", 64), (7, 1, "bool", 1)],
)
def test_cost_is_one_comparison_for_each_neighbour(n: int, m: int, key: str, bits: int) -> None:
    """(rows - 1)(bits + 1) a side, and one for each panic."""
    sides = [(rows - 1) * (bits + 1) for rows in (n, m) if rows > 1]
    assert sum(sides) - 4 <= extra(counter(n, m, key)) <= sum(sides) + 2
    assert all(cost <= (rows - 1) * bits + rows for cost, rows in zip(sides, (n, m)))


def test_what_is_known_costs_nothing() -> None:
    """Fewer than two rows, keys that are constants, programs without joins: the same circuit."""
    table = ", ".join(f"({i}u8, x)" for i in (0, 3, 7))
    sources = [
        counter(1, 1, "u64"),
        "pub fn main(a: [(u8, u8); 0], b: [(u8, u8); 1]) -> u8 { for _ in join_iter(a, b) {} 7u8 }",
        f"pub fn main(x: u8, y: u8) -> u8 {{ let mut n = y; for _ in join_iter([{table}], [(y, x)]) {{ n = x; }} n }}",
        "pub fn main(x: u8, y: u8) -> u8 { x / y }",
    ]
    for source in sources:
        assert digest(checked(source)) == digest(engine.compile_program(source))
    certain = sources[2].replace("0u8", "3u8")
    assert extra(certain) <= 0
    assert panic_of(checked(certain), 1, 2) is not None
    known_in_part = (
        "pub fn main(x: u8, y: u8) -> u8 { for _ in join_iter([(1u8, y), (2u8, y), (x, y)], [(y, x)]) {} 1u8 }"
    )
    assert extra(known_in_part) <= 8


def test_a_table_is_checked_once() -> None:
    """Joined again, with itself, through a function, with another payload."""
    once = extra(counter(10, 10, "u64"))
    source = """fn pairs(x: [(u64, u8); 10], y: [(u64, u8); 10]) -> u16 {
            let mut s = 0u16; for _ in join_iter(x, y) { s += 1; } s }
        pub fn main(a: [(u64, u8); 10], b: [(u64, u8); 10]) -> u16 {
            let mut other = a;
            for i in 0usize..10 { other[i].1 = b[i].1; }
            pairs(a, b) + pairs(b, a) + pairs(other, b) + pairs(a, a) }"""
    assert extra(source) == once
    branches = """pub fn main(a: [(u64, u8); 10], b: [(u64, u8); 10], c: bool) -> u16 { let mut s = 0u16;
        if c { for _ in join_iter(a, b) { s += 1; } } else { for _ in join_iter(a, b) { s += 2; } } s }"""
    assert extra(branches) <= once + 8


def test_costs_by_line_name_the_join() -> None:
    """The comparisons count at the join, the columns add up."""
    source = counter(10, 10, "u64").replace("for _", "\nfor _").replace(" s }", "\ns }")
    plain, program = engine.compile_program(source, costs=True), checked(source, costs=True)
    assert plain.costs is not None and program.costs is not None
    assert sum(count for _, count in program.costs.lines) == program.circuit.and_gates
    assert dict(program.costs.lines)[2] - dict(plain.costs.lines)[2] >= 2 * 9 * 65 - 2


TABLE = re.findall(
    r"^\| (\d+) \| (\d+) \| ([\d,]+) \| ([\d,]+) \|$",
    (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize(("rows", "bits", "join", "proof"), TABLE)
def test_the_table_of_costs_in_the_documents(rows: str, bits: str, join: str, proof: str) -> None:
    """Counted again."""
    row = f"([u8; {int(bits) // 8}], u8)"
    source = f"""pub fn main(a: [{row}; {rows}], b: [{row}; {rows}]) -> u32 {{ let mut s = 0u32;
        for ((_, x), (_, y)) in join_iter(a, b) {{ s += (x as u32) + (y as u32); }} s }}"""
    plain = engine.compile_program(source).circuit.and_gates
    assert (f"{plain:,}", f"{checked(source).circuit.and_gates - plain:,}") == (join, proof)


def test_the_table_has_all_sizes() -> None:
    """10, 100 and 1000 rows, keys of 64 and 160 bits."""
    assert [(rows, bits) for rows, bits, _, _ in TABLE] == [
        (n, k) for k in ("64", "160") for n in ("10", "100", "1000")
    ]


# -- the protocol ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[(1, 1), (2, 2), (3, 3)], [(1, 1), (3, 3), (2, 2)]])
def test_the_protocol_gives_the_panic(rows: list[tuple[int, int]]) -> None:
    """Two parties with the real protocol."""
    program = checked("pub fn main(a: [(u8, u8); 3], b: [(u8, u8); 3]) -> u8 { let mut n = 0u8; "
                      "for ((_, x), _) in join_iter(a, b) { n += x; } n }")  # fmt: skip
    inputs = [program.encode(0, [(1, 1), (2, 2), (4, 4)]), program.encode(1, rows)]
    output = engine.simulate(program.circuit, inputs).outputs[0]
    if rows == sorted(rows):
        assert program.decode(output).value == 3
    else:
        with pytest.raises(engine.GarblePanic, match="parameter `b`") as caught:
            program.decode(output)
        assert caught.value.reason == "JoinOrder"
