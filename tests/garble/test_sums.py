"""Counters and totals that are added up late: random programs of increments, branches and reads; and their counts."""

from __future__ import annotations

import random

import pytest

import engine
from engine.garble import check_program
from engine.garble.constants import Constants
from engine.garble.diagnostics import Reporter
from tests.property.inputs import value
from tests.property.interpreter import Interpreter, Panic, as_tuples
from tests.property.shapes import BOOL, INTS

HEAD = "pub fn main(a: u8, b: i8, c: bool, d: u8, i: usize) -> (u16, i16, (u8, i32), [u16; 3], [[u8; 2]; 2]) {"
PARTIES = (INTS["u8"], INTS["i8"], BOOL, INTS["u8"])
TARGETS = {"n": "u16", "z": "i16", "p.0": "u8", "p.1": "i32"}


class Increments:
    """Random statements that mostly add."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def program(self) -> str:
        """A whole program; its result shows every variable."""
        lets = "let mut n = 0u16; let mut z = 5i16; let mut p = (d & 3, -7i32); let mut t = [0u16, 900, d as u16];"
        body = "".join(self.statement(3) for _ in range(8))
        return f"{HEAD} {lets} let mut g = [[0u8; 2]; 2]; {body} (n, z, p, t, g) }}"

    def number(self, type_: str) -> str:
        """An operand."""
        signed = type_[0] == "i"
        choices = ["a", "c", "(d & 7)", "(a >> 5)"] + (["b", "b"] if signed else [])
        if self.rng.random() < 0.3:
            return str(self.rng.randrange(-9 if signed else 0, 12))
        if self.rng.random() < 0.1:
            return next(name for name, found in TARGETS.items() if found == type_) + " % 5"
        return f"({self.rng.choice(choices)} as {type_})"

    def place(self) -> tuple[str, str]:
        """Something to add to, and its type."""
        if self.rng.random() < 0.4:
            index = self.rng.choice(["0", "1", "i % 3", "i & 1", "(a & 1) as usize", "i"])
            return f"t[{index}]", "u16"
        if self.rng.random() < 0.3:
            return f"g[{self.rng.choice(['0', 'i & 1'])}][{self.rng.choice(['1', '(d & 1) as usize'])}]", "u8"
        name = self.rng.choice(list(TARGETS))
        return name, TARGETS[name]

    def condition(self) -> str:
        """A bool."""
        return self.rng.choice(["c", "a < d", "b > 3", "n < 40", "t[1] > 901", "z < 9 && c", "p.0 == 2", "d & 1 == 1"])

    def block(self, depth: int) -> str:
        """Some statements that have the value ()."""
        return "{ " + "".join(self.statement(depth) for _ in range(self.rng.randrange(1, 4))) + "}"

    def statement(self, depth: int) -> str:
        """One statement."""
        place, type_ = self.place()
        kind = self.rng.random()
        if depth and kind < 0.2:
            return f"if {self.condition()} {self.block(depth - 1)} else {self.block(depth - 1)} "
        if depth and kind < 0.4:
            return f"if {self.condition()} {self.block(depth - 1)} "
        if depth and kind < 0.5:
            return f"for k in 0u8..3 {self.block(depth - 1)} "
        if depth and kind < 0.55:
            return f"match d {{ 0..9 => {self.block(depth - 1)}, 9 => (), _ => {self.block(depth - 1)} }} "
        if kind < 0.62:
            return f"{place} = {self.number(type_)}; "
        if kind < 0.66:
            return f"n = n + {self.number('u16')}; "
        return f"{place} {self.rng.choice(['+=', '+=', '+=', '-=', '^='])} {self.number(type_)}; "


def compare(seed: int) -> int:
    """Circuit and interpreter on one program; the number of inputs without panic."""
    source = Increments(seed).program()
    typed = check_program(source)
    program = typed.compile()
    constants = Constants(typed.definitions, {}, Reporter(source))
    rng = random.Random(seed)
    values = 0
    for _ in range(12):
        given = [value(rng, shape) for shape in PARTIES] + [rng.choice([0, 1, 2, 3])]
        bits = program.circuit.evaluate([program.encode(party, number) for party, number in enumerate(given)])
        try:
            expected = Interpreter(typed.functions, constants).call("main", given)
        except Panic as panic:
            with pytest.raises(engine.GarblePanic) as caught:
                program.decode(bits)
            found = (caught.value.reason, caught.value.line, caught.value.column)
            assert found == (panic.reason, panic.span.start_line + 1, panic.span.start_column + 1), (source, given)
            continue
        literal = program.decode(bits)
        assert as_tuples(literal.value) == expected, (seed, source, given)
        values += 1
    return values


@pytest.mark.parametrize("block", range(8))
def test_increments_agree_with_interpreter(block: int) -> None:
    """25 programs a block; values must not be rare, or the comparison would show little."""
    assert sum(compare(seed) for seed in range(25 * block, 25 * block + 25)) > 40


def ands(source: str) -> int:
    """AND gates of a program."""
    return engine.compile_program(source).circuit.and_gates


@pytest.mark.parametrize(
    "body",
    [
        "if x { n += 1; }",
        "if x { n = n + 1; }",
        "n += x as T;",
        "n = n + (x as T);",
        "match x { true => n += 1, false => {} }",
        "if x { if !x { n += 5; } else { n += 1; } }",
    ],
)
@pytest.mark.parametrize("type_", ["u8", "usize", "i16", "i64"])
def test_a_counted_bit_costs_one_gate(body: str, type_: str) -> None:
    """64 bits: 63 AND gates, as in a tree of full adders."""
    body = body.replace("T", type_)
    source = f"pub fn main(a: [bool; 64], z: u8) -> {type_} {{ let mut n = 0{type_}; for x in a {{ {body} }} n }}"
    assert ands(source) == 63


@pytest.mark.parametrize(("term", "total"), [("u8", "u16"), ("u8", "u64"), ("i8", "i16"), ("i8", "i64"), ("u8", "i32")])
def test_a_term_costs_its_own_width(term: str, total: str) -> None:
    """64 terms of 8 bits; a ripple adder would take 13 bits for most of them."""
    loop = f"for x in a {{ s += x as {total}; }}"
    assert ands(f"pub fn main(a: [{term}; 64], z: u8) -> {total} {{ let mut s = 0{total}; {loop} s }}") <= 64 * 8
    minus = loop.replace("+=", "-=")
    if total[0] == "i":
        assert ands(f"pub fn main(a: [{term}; 64], z: u8) -> {total} {{ let mut s = 0{total}; {minus} s }}") <= 64 * 8


def test_a_histogram_neither_reads_nor_writes() -> None:
    """Each vote: decoding the index, and one AND for each counter."""
    head = "pub fn main(a: [u8; 32], z: u8) -> [u32; 8] { let mut t = [0u32; 8];"
    assert ands(f"{head} for v in a {{ t[(v & 7) as usize] += 1; }} t }}") <= 32 * (5 + 8)
    assert ands(f"{head} for v in a {{ if v < 8 {{ t[v as usize] += 1; }} }} t }}") <= 32 * 19


def test_totals_that_are_looked_at_cost_no_more() -> None:
    """Running totals: one adder for each."""
    body = "let mut r = [0u16; 16]; let mut s = 0u16; for i in 0usize..16 { s += a[i] as u16; r[i] = s; } r"
    assert ands(f"pub fn main(a: [u8; 16], z: u8) -> [u16; 16] {{ {body} }}") <= 16 * 11
