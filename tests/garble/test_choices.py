"""Choices that cost less than a multiplexer a bit: a word or its negative, one of some numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import engine


def exhaustive(source: str, expected: Callable[..., object]) -> int:
    """Compares with a Python function for all values of two 8-bit numbers (every third); the AND gates."""
    program = engine.compile_program(source)
    signed = "x: i8" in source
    numbers = range(-128, 128, 3) if signed else range(0, 256, 3)
    for x in numbers:
        for y in (*numbers, 255 - 128 * signed):
            given = [program.encode(party, value) for party, value in enumerate((x, y)[: program.parties])]
            try:
                found: object = program.decode(program.circuit.evaluate(given)).value
            except engine.GarblePanic as panic:
                found = panic.reason
            assert found == expected(*(x, y)[: program.parties]), (x, y)
            if program.parties == 1:
                break
    return program.circuit.and_gates


def test_differences() -> None:
    """|x - y|: one comparison, one conditional negation, no panic."""
    body = "if x > y { x - y } else { y - x }"
    assert exhaustive(f"pub fn main(x: u8, y: u8) -> u8 {{ {body} }}", lambda x, y: abs(x - y)) <= 15
    let = "let x = x as u32; let y = y as u32;"
    assert exhaustive(f"pub fn main(x: u8, y: u8) -> u32 {{ {let} {body} }}", lambda x, y: abs(x - y)) <= 15
    body = "if x <= y { y - x } else { x - y }"
    assert exhaustive(f"pub fn main(x: u8, y: u8) -> u8 {{ {body} }}", lambda x, y: abs(x - y)) <= 15
    half = "let y = y >> 4; let x = x as u16; let y = y as u16; if x > y { x - y } else { y - x }"
    assert exhaustive(f"pub fn main(x: u8, y: u8) -> u16 {{ {half} }}", lambda x, y: abs(x - (y >> 4))) <= 25


def test_wrong_branches_still_panic() -> None:
    """What no condition excludes is checked."""

    def expected(x: int, y: int) -> object:
        difference = y - x if x > y else x - y
        return difference if difference >= 0 else "Overflow"

    exhaustive("pub fn main(x: u8, y: u8) -> u8 { if x > y { y - x } else { x - y } }", expected)
    exhaustive(
        "pub fn main(x: u8, y: u8) -> u8 { let d = x > y; let s = x - y; if d { s } else { y - x } }",
        lambda x, y: x - y if x >= y else "Overflow",
    )
    exhaustive(
        "pub fn main(x: i8, y: i8) -> i8 { if x > y { x - y } else { y - x } }",
        lambda x, y: abs(x - y) if abs(x - y) < 128 else "Overflow",
    )


@pytest.mark.parametrize(
    "body",
    ["if x < 0 { -x } else { x }", "if x >= 0 { x } else { -x }", "let mut v = x; if v < 0 { v = -v; } v"],
)
def test_absolute_values(body: str) -> None:
    """n - 1 ANDs; -128 stays."""
    source = f"pub fn main(x: i8) -> i8 {{ {body} }}"
    assert exhaustive(source, lambda x: -128 if x == -128 else abs(x)) <= 7


def test_tables_by_match() -> None:
    """Decoding; the numbers cost nothing."""
    numbers = [i * i * i * 7919 % 100003 for i in range(16)]
    arms = " ".join(f"{i} => {number}," for i, number in enumerate(numbers))
    source = f"pub fn main(x: u8) -> u32 {{ match x {{ {arms} _ => 77 }} }}"
    assert exhaustive(source, lambda x: numbers[x] if x < 16 else 77) <= 40
    source = (
        "pub fn main(x: i8) -> i8 { match x { -5 => 9, 0..=9 => -1, 10..50 => { 7 }, -128..=-100 => 3, _ => 100 } }"
    )

    def expected(x: int) -> int:
        return 9 if x == -5 else -1 if 0 <= x < 10 else 7 if 10 <= x < 50 else 3 if x <= -100 else 100

    assert exhaustive(source, expected) <= 30
    overlapping = "pub fn main(x: u8) -> u8 { match x { 0..9 => 1, 5..30 => 2, 7 => 3, _ => 4 } }"
    exhaustive(overlapping, lambda x: 1 if x < 9 else 2 if x < 30 else 4)


def test_enums_to_numbers() -> None:
    """Three tag bits have four products."""
    variants = [f"V{i}" for i in range(6)]
    arms = ", ".join(f"E::{name} => {7 * i + 3}" for i, name in enumerate(variants))
    program = engine.compile_program(
        f"enum E {{ {', '.join(variants)} }} pub fn main(e: E, z: u8) -> u64 {{ match e {{ {arms} }} }}"
    )
    assert program.circuit.and_gates <= 4
    for i, name in enumerate(variants):
        assert program.evaluate([f"E::{name}", "0"]) == str(7 * i + 3)
