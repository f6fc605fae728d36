"""AND gates stay at or below the tables of section 21, and programs of the specification give what they should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import engine

EXAMPLES = Path(__file__).parents[3] / "shared" / "spec" / "examples"
REFERENCE = {
    "u8": (22, 29, 223, 154, 155, 41, 49, 7, 68, 68, None, 48, 49),
    "u16": (46, 61, 959, 570, 571, 89, 105, 15, 131, 131, None, 224, 105),
    "u32": (94, 125, 3967, 2170, 2171, 185, 217, 31, 258, 258, None, 960, 217),
    "u64": (190, 253, 16127, 8442, 8443, 377, 441, 63, 513, 513, None, 3968, 441),
    "i8": (22, 29, 270, 193, 194, 41, 49, 7, 68, 60, 6, 74, 49),
    "i16": (46, 61, 1062, 657, 658, 89, 105, 15, 131, 123, 14, 282, 105),
    "i32": (94, 125, 4182, 2353, 2354, 185, 217, 31, 258, 250, 30, 1082, 217),
    "i64": (190, 253, 16566, 8817, 8818, 377, 441, 63, 513, 505, 62, 4218, 441),
}
BODIES = ("x + y", "x - y", "x * y", "x / y", "x % y", "x < y", "x <= y", "x == y", "x << k", "x >> k", "-x", "x / 3")
BODIES += ("if x < y { x } else { y }",)


def ands(source: str) -> int:
    """AND gates of a program."""
    return engine.compile_program(source).circuit.and_gates


@pytest.mark.parametrize("name", REFERENCE)
def test_operators(name: str) -> None:
    """The first table."""
    for body, limit in zip(BODIES, REFERENCE[name]):
        if limit is None:
            continue
        result = "bool" if any(op in body for op in ("< y", "<= y", "==")) and "if" not in body else name
        count = ands(f"pub fn main(x: {name}, y: {name}, k: u8) -> {result} {{ {body} }}")
        assert count <= limit, body


@pytest.mark.parametrize(
    ("element", "size", "read", "write", "change"),
    [("u8", 16, 380, 4132, 4476), ("u32", 16, 1412, 16420, 17796), ("u8", 64, 752, 16424, 17136)],
)
def test_arrays(element: str, size: int, read: int, write: int, change: int) -> None:
    """The table of secret indices, and the better counts of section 20.2."""
    array = f"[{element}; {size}]"
    width = int(element[1:])
    assert ands(f"pub fn main(a: {array}, i: usize) -> {element} {{ a[i] }}") <= min(read, (size - 1) * width + 34)
    head = f"pub fn main(a: {array}, i: usize, v: {element}) -> {array} {{ let mut b = a; b[i]"
    assert ands(f"{head} = v; b }}") <= min(write, size * width + size + 34)
    assert ands(f"{head} ^= v; b }}") <= min(change, size * width + size + 34)


@pytest.mark.parametrize(("rows", "key", "total", "count"), [(10, 8, 8097, 6736), (50, 20, 129840, 120552)])
def test_join_loops(rows: int, key: int, total: int, count: int) -> None:
    """Two entries of the join table."""
    table = f"[([u8; {key}], u8); {rows}]"
    head = f"pub fn main(a: {table}, b: {table})"
    body = "for ((_, x), (_, y)) in join_iter(a, b) { s += (x as u32) + (y as u32); } s"
    assert ands(f"{head} -> u32 {{ let mut s = 0u32; {body} }}") <= total
    assert ands(f"{head} -> u16 {{ let mut s = 0u16; for _ in join_iter(a, b) {{ s += 1; }} s }}") <= count


def test_guards_are_not_paid_twice() -> None:
    """A counter three branches deep costs its increment and the conditions, not three multiplexers."""
    body = "if p { if q { if r { n += 1; } } }"
    assert ands(f"pub fn main(x: u16, p: bool, q: bool, r: bool) -> u16 {{ let mut n = x; {body} n }}") <= 2 + 16 + 1


def test_exchange_costs_one_comparison_and_one_select() -> None:
    """Section 20.5: both selections share their differences."""
    body = "if a > b { (b, a) } else { (a, b) }"
    assert ands(f"pub fn main(a: u16, b: u16) -> (u16, u16) {{ {body} }}") == 32


def test_constant_indices_are_free() -> None:
    """Loops over ranges and constant arrays resolve their indices."""
    source = "pub fn main(a: [u8; 8], z: u8) -> [u8; 8] { let mut b = a; for i in 0usize..8 { b[7 - i] = a[i]; } b }"
    assert ands(source) == 0


def test_bounds_on_one_word_share_its_high_bits() -> None:
    """Four comparisons with numbers: one OR over the bits that none of them has."""
    chain = "if x < 100 { 1 } else if x < 1000 { 2 } else if x < 5000 { 3 } else if x < 10000 { 4 } else { 5 }"
    assert ands(f"pub fn main(x: u32) -> u32 {{ {chain} }}") <= 60
    assert ands(f"pub fn main(x: i32) -> i32 {{ {chain} }}") <= 64


@pytest.mark.parametrize(
    "body",
    [
        "if c { if c { x } else { x * y } } else { if c { x / y } else { y } }",
        "if c && d { if d { x } else { x * y } } else { y }",
        "match (c, d) { (true, true) => if c && d { x } else { x - y }, _ => y }",
        "if c { if !c && x / y > 3 { x } else { x } } else { y }",
    ],
)
def test_conditions_around_decide_those_inside(body: str) -> None:
    """One choice, one AND for the conjunction."""
    assert ands(f"pub fn main(x: u32, y: u32, c: bool, d: bool) -> u32 {{ {body} }}") <= 33


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the specification's examples are not here")
def test_examples_of_the_specification() -> None:
    """Results, errors and counts of expected.json."""
    for name, entry in json.loads((EXAMPLES / "expected.json").read_text()).items():
        source = (EXAMPLES / name).read_text()
        for case in entry["cases"]:
            want = case["expected"]
            try:
                program = engine.compile_program(source, entry["function"], entry["consts"], name)
                found = {"ok": program.evaluate(case["args"])}
                limit = entry.get("and_gates_sound") or entry["and_gates_reference"]
                assert program.circuit.and_gates <= limit, name
            except engine.GarblePanic as panic:
                found = {"panic": panic.reason}
            except engine.GarbleError as error:
                found = {"error": error.category}
            squeezed = {key: "".join(str(value).split()) for key, value in found.items()}
            assert squeezed == {key: "".join(str(value).split()) for key, value in want.items()}, (name, case)
