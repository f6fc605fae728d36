"""Every operator on every integer type against Python integers, on boundary and random values."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest

import engine
from engine.values import INT_WIDTHS, IntType, encode_ints

ALL = sorted(INT_WIDTHS)
OPERATORS = ["+", "-", "*", "/", "%", "&", "|", "^", "==", "!=", "<", ">", "<=", ">="]


@cache
def program(source: str) -> engine.Program:
    """Compile once."""
    return engine.compile_program(source)


def samples(type_: IntType, rng: random.Random, count: int) -> list[int]:
    """Boundaries, small and random numbers."""
    edges = [0, 1, 2, 3, type_.maximum, type_.maximum - 1, type_.minimum, type_.minimum + 1, 1 << (type_.bits // 2)]
    edges += [-1, -2, -(1 << (type_.bits // 2))] if type_.signed else []
    return [rng.choice(edges) if rng.random() < 0.5 else small(type_, rng) for _ in range(count)]


def small(type_: IntType, rng: random.Random) -> int:
    """A number with a random number of bits."""
    number = rng.getrandbits(rng.randint(1, type_.bits))
    number = number if number <= type_.maximum else number >> 1
    return -number if type_.signed and rng.random() < 0.5 else number


def outcome(compiled: engine.Program, bits: np.ndarray) -> object:
    """Value or panic reason for output bits."""
    try:
        return compiled.decode(bits).value
    except engine.GarblePanic as panic:
        return panic.reason


def expected(operator: str, x: int, y: int, type_: IntType) -> object:
    """What section 7 says."""
    if operator in ("/", "%"):
        if y == 0:
            return "DivByZero"
        quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        if operator == "%":
            return x - quotient * y
        return type_.minimum if quotient > type_.maximum else quotient
    found = {
        "+": lambda: x + y,
        "-": lambda: x - y,
        "*": lambda: x * y,
        "&": lambda: x & y,
        "|": lambda: x | y,
        "^": lambda: x ^ y,
        "==": lambda: x == y,
        "!=": lambda: x != y,
        "<": lambda: x < y,
        ">": lambda: x > y,
        "<=": lambda: x <= y,
        ">=": lambda: x >= y,
    }[operator]()
    if isinstance(found, bool) or type_.minimum <= found <= type_.maximum:
        return found
    return "Overflow"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("operator", OPERATORS)
def test_binary_operators(name: str, operator: str) -> None:
    """60 pairs of operands for each type and operator."""
    type_, rng = IntType(name), random.Random(f"{name}{operator}")
    result = "bool" if operator in ("==", "!=", "<", ">", "<=", ">=") else name
    compiled = program(f"pub fn main(x: {name}, y: {name}) -> {result} {{ x {operator} y }}")
    xs, ys = samples(type_, rng, 60), samples(type_, rng, 60)
    left = encode_ints(type_, np.array(xs, np.int64 if type_.signed else np.uint64))
    right = encode_ints(type_, np.array(ys, np.int64 if type_.signed else np.uint64))
    for x, y, a, b in zip(xs, ys, left, right):
        assert outcome(compiled, compiled.circuit.evaluate([a, b])) == expected(operator, x, y, type_), (x, y)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "<", ">="])
@pytest.mark.parametrize("constant", [0, 1, 3, 64, 100, -1, -128])
def test_operators_with_a_literal(name: str, operator: str, constant: int) -> None:
    """Known operands fold, with the same meaning, on either side."""
    type_, rng = IntType(name), random.Random(f"{name}{operator}{constant}")
    if constant < type_.minimum:
        with pytest.raises(engine.GarbleError):
            program(f"pub fn main(x: {name}) -> {name} {{ x + {constant} }}")
        return
    result = "bool" if operator in ("<", ">=") else name
    right = program(f"pub fn main(x: {name}) -> {result} {{ x {operator} {constant} }}")
    left = program(f"pub fn main(x: {name}) -> {result} {{ {constant} {operator} x }}")
    for x in samples(type_, rng, 8):
        bits = right.encode(0, str(x))
        assert outcome(right, right.circuit.evaluate([bits])) == expected(operator, x, constant, type_), x
        assert outcome(left, left.circuit.evaluate([bits])) == expected(operator, constant, x, type_), x


@pytest.mark.parametrize("name", ALL)
def test_unary_and_shifts(name: str) -> None:
    """Negation, complement and all shift amounts around the width."""
    type_, rng = IntType(name), random.Random(name)
    mask = (1 << type_.bits) - 1
    wrap = lambda n: (n & mask) - (mask + 1 if type_.signed and n & mask > type_.maximum else 0)  # noqa: E731
    minus = "-x" if type_.signed else "x"
    compiled = program(f"pub fn main(x: {name}) -> ({name}, {name}) {{ (!x, {minus}) }}")
    shifts = {op: program(f"pub fn main(x: {name}, k: u8) -> {name} {{ x {op} k }}") for op in ("<<", ">>")}
    for x in samples(type_, rng, 20):
        bits = compiled.encode(0, x)
        assert outcome(compiled, compiled.circuit.evaluate([bits])) == (
            wrap(~x),
            wrap(-x) if type_.signed else x,
        )
        for amount in (0, 1, rng.randrange(type_.bits), type_.bits - 1, type_.bits, 255):
            for operator, shifted in shifts.items():
                want: object = wrap(x << amount) if operator == "<<" else x >> amount
                if amount >= type_.bits:
                    want = "Overflow"
                given = [shifted.encode(0, x), shifted.encode(1, amount)]
                assert outcome(shifted, shifted.circuit.evaluate(given)) == want, (x, operator, amount)


@pytest.mark.parametrize("source", ["bool", *ALL])
@pytest.mark.parametrize("target", ["bool", *ALL])
def test_casts(source: str, target: str) -> None:
    """Two's complement in every combination, without panic."""
    compiled = program(f"pub fn main(x: {source}) -> {target} {{ x as {target} }}")
    rng = random.Random(source + target)
    values = [False, True] if source == "bool" else samples(IntType(source), rng, 12)
    for value in values:
        found = compiled.decode(compiled.circuit.evaluate([compiled.encode(0, value)])).value
        if target == "bool":
            assert found is bool(int(value) & 1)
        else:
            assert found == wrapped(int(value), IntType(target))


def wrapped(value: int, type_: IntType) -> int:
    """Low bits of a number as the type reads them."""
    value &= (1 << type_.bits) - 1
    return value - (1 << type_.bits) if value > type_.maximum else value


@pytest.mark.parametrize(
    ("narrow", "wide"), [("i8", "i32"), ("i8", "i64"), ("i16", "i64"), ("u8", "u32"), ("u16", "u64"), ("u16", "i64")]
)
@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "<", "=="])
def test_widened_operands(narrow: str, wide: str, operator: str) -> None:
    """Operands that were widened are computed at their own width, with the same result."""
    result = "bool" if operator in ("<", "==") else wide
    text = f"(x as {wide}) {operator} (y as {wide})"
    compiled = program(f"pub fn main(x: {narrow}, y: {narrow}) -> {result} {{ {text} }}")
    type_, rng = IntType(narrow), random.Random(narrow + wide + operator)
    for x, y in zip(samples(type_, rng, 40), samples(type_, rng, 40)):
        given = [compiled.encode(0, x), compiled.encode(1, y)]
        assert outcome(compiled, compiled.circuit.evaluate(given)) == expected(operator, x, y, IntType(wide)), (x, y)
