"""Cures for what newcomers write: words of other languages, numbers without suffix, functions that are not public."""

from __future__ import annotations

import pytest

import engine
from engine import GarbleError

BODIES = [
    ("if a > b and a > 2 { a } else { b }", "`and` does not exist; use `&&`"),
    ("let c = a > b or b > 2; a", "`or` does not exist; use `||`"),
    ("not a", "`not` does not exist; use `!`"),
    ("if a > b { 1 } elif a < b { 2 } else { 3 }", "`elif` does not exist; use `else if`"),
    ("while a > b { } a", "`while` does not exist; use for"),
    ("return a;", "`return` does not exist; use the last expression of the block"),
    ("a > b ? a : b", "`?` does not exist; choose with `if c { a } else { b }`"),
    ("# the sum\n    a", "attributes do not exist; a comment begins with `//`"),
    ("let c = True; a", "write `true`"),
    ("for i in range(3) { } a", "a range is written `0..3`"),
    ("let mut s = 0; s += a; b", "a number without suffix in `let mut` is an i32; give it a suffix there, as in `0u8`"),
    ("let mut s = 0; s = a; b", "a number without suffix in `let mut` is an i32; give it a suffix there, as in `0u8`"),
    (
        "let mut s = [0; 3]; s[0] + a",
        "a number without suffix in `let mut` is an i32; give it a suffix there, as in `0u8`",
    ),
    ("if 1 < a < b { 1 } else { 2 }", "comparisons do not chain; join two with `&&`"),
    ("a += 1; a", "declare it `mut`, or copy it: `let mut a = a;`"),
    ("let mut s = 0i32; s + a", "there are no implicit conversions; cast one with `as`"),
    ("let mut s: i32 = 0; s += a; b", "there are no implicit conversions; cast one with `as`"),
]


@pytest.mark.parametrize(("body", "hint"), BODIES)
def test_bodies(body: str, hint: str) -> None:
    with pytest.raises(GarbleError) as caught:
        engine.compile_program(f"pub fn main(a: u8, b: u8) -> u8 {{\n    {body}\n}}\n")
    assert f"  help: {hint}" in str(caught.value).splitlines()


PROGRAMS = [
    ("fn main(a: u8, b: u8) -> u8 { a + b }", "declare it `pub fn`"),
    ("def main(a: u8, b: u8) -> u8 { a + b }", "`def` does not exist; use `fn`"),
    (
        "const N: u8 = PARTY_0::N;\npub fn main(a: u8) -> u8 { a + N }",
        "supply it: `--const PARTY_0::N=...` of a command, `constants` of a policy",
    ),
]


@pytest.mark.parametrize(("source", "hint"), PROGRAMS)
def test_programs(source: str, hint: str) -> None:
    with pytest.raises(GarbleError) as caught:
        engine.compile_program(source)
    assert f"  help: {hint}" in str(caught.value).splitlines()


def test_a_missing_argument_is_named_with_its_type() -> None:
    program = engine.compile_program("pub fn main(wages: [u16; 2], limit: u16) -> bool { wages[0] < limit }")
    with pytest.raises(GarbleError, match=r"`main` has 2 parties, 1 given: .*wages: \[u16; 2\], limit: u16") as caught:
        program.evaluate(["[1, 2]"])
    assert caught.value.category == "input"


def test_many_parties_are_not_all_named() -> None:
    program = engine.compile_program("pub fn main(bids: [u8; 20]) -> u8 { bids[0] }")
    with pytest.raises(GarbleError) as caught:
        program.evaluate(["1"])
    assert str(caught.value).count(": u8") == 8
    assert str(caught.value).endswith(", ...)")


def test_the_end_of_a_file_is_no_line() -> None:
    with pytest.raises(GarbleError) as caught:
        engine.compile_program("pub fn main(a: u8) -> u8 {\n    b\n}\n\n")
    assert [line[:1] for line in str(caught.value).splitlines()[2:6]] == ["1", "2", " ", "3"]
    with pytest.raises(GarbleError) as caught:
        engine.compile_program("pub fn main(a: u8) -> u8 {\n    a\n")
    assert "3 |" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("S {a: 1, a: 2}", "field `a` of S is given twice"), ("S {b: 1}", "unknown field `b` of S; its fields are a")],
)
def test_fields_of_literals(text: str, problem: str) -> None:
    program = engine.compile_program("struct S { a: u8 }\npub fn main(s: S, x: u8) -> u8 { s.a + x }")
    with pytest.raises(GarbleError) as caught:
        program.evaluate([text, "1"])
    assert caught.value.diagnostics[0][2].endswith(problem)
