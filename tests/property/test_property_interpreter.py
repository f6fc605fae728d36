"""The meaning of programs by hand: interpreter and circuit against results worked out from sections 6 to 15.

What both share (the typed tree) is checked here. The smallest program of a failure of ``test_property_programs.py``
belongs into ``CASES``, with the result that the specification asks for.
"""

from __future__ import annotations

from typing import Any

import pytest

import engine
from engine.garble import check_program
from engine.garble.constants import Constants
from engine.garble.diagnostics import Reporter
from tests.property.interpreter import Interpreter, Panic, Unspecified, as_tuples

# name: (program, arguments, value or (reason, line, column from 1))
CASES: dict[str, tuple[str, list[Any], Any]] = {
    "operands are read from left to right": (
        "pub fn main(x: u8) -> u8 { let mut v = x; v - { v = 1; 2 } }",
        [5],
        3,
    ),
    "the left operand panics first": (
        "pub fn main(x: u8) -> u8 {\n(x - 1) + (x / 0) }",
        [0],
        ("Overflow", 2, 2),
    ),
    "fields are evaluated alphabetically": (
        "struct S { z: u8, a: u8 }\npub fn main(x: u8) -> u8 {\nS { z: x / 0, a: x - 1 }.a }",
        [0],
        ("Overflow", 3, 18),
    ),
    "fields assign alphabetically": (
        "struct S { z: u8, a: u8 }\npub fn main(x: u8) -> S { let mut v = x; S { z: v, a: { v = 7; 1 } } }",
        [0],
        (1, 7),
    ),
    "indices of a place come before the value": (
        "pub fn main(x: usize) -> u8 {\nlet mut v = [[0u8; 2]; 2];\nv[x][0] = 1 / 0; v[0][0] }",
        [2],
        ("OutOfBounds", 3, 1),
    ),
    "indices of a place go from left to right": (
        "pub fn main(x: usize) -> [u8; 2] { let mut k = 0usize; let mut v = [[0u8; 2]; 2];\n"
        "v[{ k = k + 1; k }][k] = 9; v[x] }",
        [1],
        (0, 9),
    ),
    "a total that is added up late is read before it is changed": (
        "pub fn main(a: u16, b: u16) -> u16 { let mut v = a; v += b; v - { v |= 8; b } }",
        [5, 1],
        5,
    ),
    "compound assignment reads the place before the value": (
        "pub fn main(x: u8) -> u8 { let mut v = x; v += { v = 100; 1 }; v }",
        [5],
        6,
    ),
    "its position is the whole assignment": (
        "pub fn main(x: u8) -> u8 {\nlet mut v = x;\n  v += 1; v }",
        [255],
        ("Overflow", 3, 3),
    ),
    "an index is read before its array is changed": (
        "pub fn main(x: u8) -> u8 { let mut v = [x, 2]; v[{ v = [7, 8]; 1 }] }",
        [5],
        2,
    ),
    "aggregates are copied": (
        "pub fn main(x: u8) -> ([u8; 2], [u8; 2]) { let mut v = [x, 2]; let w = v; v[0] = 9; (v, w) }",
        [5],
        ((9, 2), (5, 2)),
    ),
    "the right side of && counts only if it is evaluated": (
        "pub fn main(x: bool) -> (bool, u8) { let mut v = 0u8; let r = x && { v = 1; 1 / v == 1 }; (r, v) }",
        [False],
        (False, 0),
    ),
    "|| is decided by true": (
        "pub fn main(x: bool) -> (bool, u8) { let mut v = 0u8; let r = x || { v = 1; 1 / v == 1 }; (r, v) }",
        [True],
        (True, 0),
    ),
    "& evaluates both sides": ("pub fn main(x: bool) -> bool {\nx & (1 / 0u8 == 1) }", [False], ("DivByZero", 2, 6)),
    "only the selected branch panics": ("pub fn main(x: u8) -> u8 { if x > 3 { x - 4 } else { x } }", [3], 3),
    "the first arm that matches": (
        "pub fn main(x: i8) -> u8 { match x { -128..=-5 => 1, -7..3 => 2, _ => 3 } }",
        [-5],
        1,
    ),
    "an exclusive range": ("pub fn main(x: i8) -> u8 { match x { -7..3 => 2, _ => 3 } }", [3], 3),
    "negation wraps": ("pub fn main(x: i8) -> i8 { -x }", [-128], -128),
    "MIN / -1": ("pub fn main(x: i64) -> (i64, i64) { (x / -1, x % -1) }", [-(1 << 63)], (-(1 << 63), 0)),
    "division truncates": ("pub fn main(x: i8) -> (i8, i8) { (x / 2, x % 2) }", [-7], (-3, -1)),
    "product +128": ("pub fn main(x: i8) -> i8 { x * -2 }", [64], -128),
    "product that does not fit": ("pub fn main(x: i8) -> i8 {\n  x * 2 }", [64], ("Overflow", 2, 3)),
    "shift amount": ("pub fn main(x: u8) -> u8 {\nx << 8 }", [1], ("Overflow", 2, 1)),
    "shifts lose bits": ("pub fn main(x: i8) -> (i8, i8) { (x << 1, x >> 7) }", [-64 - 1], (126, -1)),
    "casts": (
        "pub fn main(x: i8) -> (u16, u64, i8, bool, u8) { (x as u16, x as u64, 200u8 as i8, 2 as bool, 300 as u8) }",
        [-2],
        (65534, (1 << 64) - 2, -56, False, 44),
    ),
    "cast of a cast": ("pub fn main(x: i16) -> u32 { x as u8 as i8 as i16 as u32 }", [-1], 4294967295),
    "bare numbers take a type at every use": (
        "pub fn main(x: u64) -> (u64, i8, usize) { let k = 3; (x + k, k, [0, 7][k - 2] + k) }",
        [1 << 40],
        ((1 << 40) + 3, 3, 10),
    ),
    "a mutable bare number is i32": ("pub fn main(x: i32) -> i32 { let mut s = -1; s += x; s }", [-5], -6),
    "blocks have the value of their last expression": ("pub fn main(x: u8) -> u8 { { x; } }", [5], 5),
    "scopes": (
        "const K: u8 = 9u8;\nfn f(x: u8) -> u8 { x + K }\n"
        "pub fn main(x: u8) -> u8 { let K = x; { let x = 1u8; f(K + x) } }",
        [4],
        14,
    ),
    "loop bodies begin anew": (
        "pub fn main(x: u8) -> u8 { let a = x; let mut s = 0u8; for i in 0u8..3 { s += a; let a = i; s += a; } s }",
        [10],
        33,
    ),
    "constants wrap": ("const A: u8 = 250u8 + 10u8;\npub fn main(x: u8) -> u8 { A + x }", [1], 5),
    "join_iter in ascending order of the encodings": (
        "pub fn main(a: [(i8, u8); 3], b: [(i8, u8); 3]) -> u32 { let mut s = 0u32;\n"
        "for ((k, x), (_, y)) in join_iter(a, b) { s = s * 1000 + ((x + y) as u32); } s }",
        [((1, 1), (5, 2), (-1, 3)), ((1, 10), (4, 20), (-1, 30))],
        11033,
    ),
    "a duplicate that the other side does not hold is no match": (
        "pub fn main(a: [(u8, u8); 2], b: [(u8, u8); 1]) -> u8 { let mut s = 0u8;\n"
        "for (_, _) in join_iter(a, b) { s += 1; } s }",
        [((5, 1), (5, 2)), ((6, 1),)],
        0,
    ),
    "join puts matches last": (
        "pub fn main(a: [u8; 2], b: [u8; 2]) -> [(bool, u8); const { 2usize + 2usize - 1usize }] { join(a, b) }",
        [(3, 9), (9, 10)],
        ((False, 0), (False, 0), (True, 9)),
    ),
    "rows without match do not panic": (
        "pub fn main(a: [(u8, u8); 1], b: [(u8, u8); 1]) -> u8 { let mut s = 0u8;\n"
        "for ((_, x), _) in join_iter(a, b) { s = 1 / x; } s }",
        [((1, 0),), ((2, 0),)],
        0,
    ),
}


def interpret(source: str, arguments: list[Any]) -> Any:
    """The value, or reason and position of the panic."""
    typed = check_program(source)
    constants = Constants(typed.definitions, {}, Reporter(source))
    try:
        return Interpreter(typed.functions, constants).call("main", arguments)
    except Panic as panic:
        return (panic.reason, panic.span.start_line + 1, panic.span.start_column + 1)


def evaluate(source: str, arguments: list[Any]) -> Any:
    """The same of the circuit."""
    program = engine.compile_program(source)
    bits = [program.encode(party, value) for party, value in enumerate(arguments)]
    try:
        return as_tuples(program.decode(program.circuit.evaluate(bits)).value)
    except engine.GarblePanic as panic:
        return (panic.reason, panic.line, panic.column)


@pytest.mark.parametrize("name", CASES)
def test_meaning(name: str) -> None:
    """One rule of the specification each."""
    source, arguments, expected = CASES[name]
    assert interpret(source, arguments) == expected
    assert evaluate(source, arguments) == expected


def test_open_joins_are_open() -> None:
    """A key twice on one side and once on the other, and unsorted tables: the language does not say which rows."""
    source = "pub fn main(a: [u8; 2], b: [u8; 1]) -> bool { join(a, b)[0].0 }"
    for tables in [((5, 5), (5,)), ((6, 5), (5,))]:
        with pytest.raises(Unspecified):
            interpret(source, list(tables))


def test_interpreter_uses_no_lowering() -> None:
    """Its module imports types, constants and positions only."""
    from tests.property import interpreter

    names = {value.__module__ for value in vars(interpreter).values() if hasattr(value, "__module__")}
    assert not any(name.startswith(("engine.circuit", "engine.garble.low", "engine.garble.words")) for name in names)
    assert engine.__name__ not in names
