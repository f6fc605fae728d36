"""The interface of checked and compiled programs."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import engine
from engine.garble import check_program
from engine.values import ArrayType, IntType, Literal, TupleType

JOIN = """// People in both tables.
const ROWS_0: usize = PARTY_0::ROWS;
const ROWS_1: usize = PARTY_1::ROWS;
const LIMIT: u16 = max(BANK::LIMIT, 3u16);

pub fn main(left: [(u32, u8); ROWS_0], right: [(u32, u8); ROWS_1], extra: [(u32, u8); 2]) -> u16 {
    let mut n = 0u16;
    let mut copy = extra;
    for _ in join_iter(left, right) { n += 1; }
    for _ in join_iter(copy, extra) { n += 1; }
    if n > LIMIT { LIMIT } else { n }
}

pub fn one(parties: [u8; ROWS_0]) -> u8 { parties[0] }
pub fn three(parties: [u8; 3]) -> u8 { parties[0] }
fn hidden(x: u8) -> u8 { x }
pub fn uses(x: u8, mut t: [(u8, u8); 2], u: [(u8, u8); 2]) -> u8 {
    t[0].0 = hidden(x);
    let j = join(t, u);
    x
}
"""
CONSTS: dict[str, dict[str, Any]] = {"PARTY_0": {"ROWS": 2}, "PARTY_1": {"ROWS": "1"}, "BANK": {"LIMIT": 1}}


def test_a_checked_program_needs_no_constants() -> None:
    """What it says before compilation."""
    typed = check_program(JOIN, "join.garble.rs")
    assert typed.external_constants == {
        ("PARTY_0", "ROWS"): IntType("usize"),
        ("PARTY_1", "ROWS"): IntType("usize"),
        ("BANK", "LIMIT"): IntType("u16"),
    }
    assert [item.name for item in typed.function("main").parameters] == ["left", "right", "extra"]
    assert (typed.parties("main"), typed.parties("one"), typed.parties("three")) == (3, None, 3)


def test_join_parameters_are_passed_directly_and_never_assigned() -> None:
    """Copies do not count, nor do parameters that the program changes."""
    typed = check_program(JOIN)
    assert typed.join_parameters("main") == {0, 1, 2}
    assert typed.join_parameters("uses") == {2}
    assert typed.join_parameters("one") == set()


def test_a_compiled_program() -> None:
    """Names, types, constants, bits."""
    program = check_program(JOIN).compile("main", CONSTS)
    assert program.parties == 3
    assert program.parameter_names == ("left", "right", "extra")
    row = TupleType((IntType("u32"), IntType("u8")))
    assert program.parameter_types == (ArrayType(row, 2), ArrayType(row, 1), ArrayType(row, 2))
    assert program.result_type == IntType("u16")
    assert program.constants == {"PARTY_0::ROWS": 2, "PARTY_1::ROWS": 1, "BANK::LIMIT": 1}
    assert program.circuit.input_bits == (80, 40, 80)
    assert program.circuit.output_bits == 161 + 16
    assert program.evaluate(["[(1, 0), (5, 0)]", "[(5, 9)]", "[(7, 0), (8, 0)]"]) == "3"


def test_one_array_is_one_party_per_element() -> None:
    """Section 14."""
    program = engine.compile_program(JOIN, "one", CONSTS)
    assert program.parties == 2
    assert program.parameter_names == ("parties[0]", "parties[1]")
    assert program.circuit.input_bits == (8, 8)
    assert program.evaluate(["4", "5"]) == "4"


def test_encode_takes_text_literals_and_plain_values() -> None:
    """All give the same bits."""
    program = engine.compile_program("pub fn main(t: [(u8, bool); 2], x: u8) -> (u8, bool) { t[1] }")
    value = [(1, True), (2, False)]
    bits = program.encode(0, "[(1, true), (2, false)]")
    assert bits.dtype == np.uint8
    assert bits.tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert program.encode(0, value).tolist() == bits.tolist()
    assert program.encode(0, Literal(program.parameter_types[0], value)).tolist() == bits.tolist()
    out = program.circuit.evaluate([bits, program.encode(1, 3)])
    literal = program.decode(out)
    assert (literal.value, str(literal), literal.type) == ((2, False), "(2, false)", program.result_type)
    assert program.decode(list(out)).value == (2, False)


@pytest.mark.parametrize("literal", [256, -1, "x", "", (1,), None, True, Literal(IntType("u16"), 3)])
def test_encode_rejects_what_is_not_of_the_type(literal: Any) -> None:
    """Always a GarbleError of category input that names the parameter."""
    program = engine.compile_program("pub fn main(first: u8, second: u8) -> u8 { second }")
    with pytest.raises(engine.GarbleError) as caught:
        program.encode(1, literal)
    assert caught.value.category == "input"
    assert "second" in str(caught.value)


def test_encode_of_a_party_that_does_not_exist() -> None:
    """Input error."""
    program = engine.compile_program("pub fn main(first: u8, second: u8) -> u8 { second }")
    for party in (-1, 2):
        with pytest.raises(engine.GarbleError, match="2 parties"):
            program.encode(party, "1")


def test_decode_wants_all_bits() -> None:
    """A wrong number of bits is a programming mistake."""
    program = engine.compile_program("pub fn main(x: u8, y: u8) -> u8 { x }")
    with pytest.raises(ValueError, match="169"):
        program.decode([0] * 8)


def test_panic_header() -> None:
    """Section 15: flag, reason, and the span counted from 0 in 32-bit numbers."""
    program = engine.compile_program("pub fn main(x: u8, y: u8) -> u8 {\n    x %\n  y\n}")
    bits = program.circuit.evaluate([program.encode(0, 4), program.encode(1, 0)])
    numbers = [int("".join(map(str, bits[1 + 32 * i : 33 + 32 * i])), 2) for i in range(5)]
    assert bits[0] == 1
    assert numbers == [2, 1, 4, 2, 3]
    with pytest.raises(engine.GarblePanic, match="Division By Zero at line 2, column 5") as caught:
        program.decode(bits)
    assert (caught.value.reason, caught.value.line, caught.value.column) == ("DivByZero", 2, 5)
    assert "x %" in str(caught.value) and "^^^" in str(caught.value)


def test_constants_as_python_values() -> None:
    """int, bool and text; anything else is a compile error."""
    source = "const A: i8 = P::A;\nconst B: bool = P::B;\npub fn main(x: u8, y: u8) -> (i8, bool) { (A, B) }"
    for values in ({"A": -5, "B": True}, {"A": "-5", "B": "true"}, {"A": "-5i8", "B": True}):
        assert engine.compile_program(source, consts={"P": values}).evaluate(["1", "1"]) == "(-5, true)"
    for values in (
        {"A": 128, "B": True},
        {"A": True, "B": True},
        {"A": 1, "B": 1},
        {"A": 1.0, "B": True},
        {"A": "5u8", "B": True},
        {"A": 1},
    ):
        with pytest.raises(engine.GarbleError) as caught:
            engine.compile_program(source, consts={"P": values})
        assert caught.value.category == "compile"


def test_one_external_value_at_two_types() -> None:
    """Its type is that of the constant it is used in."""
    source = "const A: u8 = P::A;\nconst B: u16 = P::A;\npub fn main(x: u8, y: u8) -> (u8, u16) { (A, B) }"
    assert engine.compile_program(source, consts={"P": {"A": 7}}).evaluate(["1", "1"]) == "(7, 7)"
    with pytest.raises(engine.GarbleError) as caught:
        engine.compile_program(source, consts={"P": {"A": 300}})
    assert caught.value.category == "compile"


def test_rendered_errors_show_source_and_cure() -> None:
    """Category, place, excerpt with two lines of context, underline, hint."""
    source = "struct Point { across: u8 }\n\npub fn main(p: Point) -> u8 {\n    p.acros\n}\n"
    with pytest.raises(engine.GarbleError) as caught:
        engine.compile_program(source, filename="p.garble.rs")
    expected = (
        "type error at p.garble.rs:4:7: unknown field `acros` of struct `Point`\n"
        "  |\n2 |\n3 | pub fn main(p: Point) -> u8 {\n4 |     p.acros\n  |       ^^^^^\n5 | }\n"
        "  help: did you mean `across`?"
    )
    assert str(caught.value) == expected
    assert caught.value.diagnostics == [(4, 7, "unknown field `acros` of struct `Point`; did you mean `across`?")]
    assert caught.value.exit_code == 3


def test_deep_programs() -> None:
    """Long sums, deep brackets and long chains compile, also in several threads at once."""
    sources = [
        f"pub fn main(x: u8) -> u8 {{ {' ^ '.join(['x'] * 2001)} }}",
        f"pub fn main(x: u8) -> u8 {{ {'(' * 800}x{')' * 800} }}",
        "pub fn main(x: u8) -> u8 { "
        + "".join(f"if x == {i % 256} {{ {i % 256} }} else " for i in range(400))
        + "{ 0 } }",
    ]
    found: list[str] = []
    work = [
        threading.Thread(target=lambda s=s: found.append(engine.compile_program(s).evaluate(["9"]))) for s in sources
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert found == ["9", "9", "9"]


def test_a_circuit_that_is_too_large_is_an_error_of_the_program() -> None:
    """No traceback, no exhausted memory."""
    source = "pub fn main(x: [u8; 30000000], y: u8) -> [u8; 60000000] { [y; 60000000] }"
    with pytest.raises(engine.GarbleError) as caught:
        engine.compile_program(source)
    assert caught.value.category == "compile"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            "pub fn main(x: u8, y: u8) -> u8 {\n\t/* äö 漢字 e\u0301 */\tx\t- 1\n}",
            "2 |     /* äö 漢字 e\u0301 */    x    - 1\n  |                        ^^^^^^^^",
        ),
        (
            "pub fn main(x: u8, y: u8) -> u8 {\r\n    x\r\n  - 1\r\n}\r\n",
            "2 |     x\n  |     ^\n3 |   - 1\n  |   ^^^\n4 | }",
        ),
        (
            "pub fn main(x: u8, y: u8) -> u8 { /* \x1b[1m\u202e */ x - 1 }",
            "/* \ufffd[1m\ufffd */ x - 1 }\n  |" + " " * 47 + "^^^^^",
        ),
        (
            "pub fn main(x: u8, y: u8) -> u8 {\n  x\n  " + "+ y\n  " * 20 + "- 1 }",
            " 3 |   + y\n   |   ^^^\n   | ...\n23 |   - 1 }\n   |   ^^^",
        ),
    ],
)
def test_panics_underline_the_source(source: str, shown: str) -> None:
    """Tabs, wide characters, accents, control characters, Windows line ends, long spans."""
    program = engine.compile_program(source)
    with pytest.raises(engine.GarblePanic) as caught:
        program.evaluate(["0", "0"])
    assert caught.value.reason == "Overflow"
    assert shown in str(caught.value)


TAGS = """enum E { A, B(u8), C }
pub fn main(e: E, x: u8) -> (E, u8) { (e, match e { E::A => 1, E::B(n) => n, E::C => 3 }) }
pub fn inside(e: E, x: u8) -> u8 { match e { E::A => 1, E::B(n) => n, E::C => 3 } }
pub fn rows(e: [(E, bool); 2], x: u8) -> [(E, bool); 2] { e }
"""


def test_a_tag_without_variant() -> None:
    """A party that makes its own bits can send tag 3 of three variants: the value is refused where it is decoded."""
    program = engine.compile_program(TAGS)
    outputs = program.circuit.evaluate([np.array([1, 1] + [0] * 8), program.encode(1, 0)])
    with pytest.raises(engine.GarbleError) as caught:
        program.decode(outputs)
    assert caught.value.category == "input"
    assert "tag without variant in a value of type E" in str(caught.value)
    inside = engine.compile_program(TAGS, "inside")
    found = inside.decode(inside.circuit.evaluate([np.array([1, 1] + [0] * 8), inside.encode(1, 0)]))
    assert found.value in range(256)
    rows = engine.compile_program(TAGS, "rows")
    bits = rows.encode(0, "[(E::B(7), true), (E::C, false)]")
    bits[11:13] = 1
    with pytest.raises(engine.GarbleError):
        rows.decode(rows.circuit.evaluate([bits, rows.encode(1, 0)]))


def test_a_panic_hides_a_value_that_cannot_be_decoded() -> None:
    """The value part of the output has no meaning after a panic."""
    program = engine.compile_program("enum E { A, B, C }\npub fn main(e: E, x: u8) -> E { 1 / x; e }")
    outputs = program.circuit.evaluate([np.array([1, 1]), program.encode(1, 0)])
    with pytest.raises(engine.GarblePanic):
        program.decode(outputs)
