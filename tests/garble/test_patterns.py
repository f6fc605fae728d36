"""Exhaustiveness against brute force: the checker accepts a match exactly if every value has an arm."""

from __future__ import annotations

import random
import re

import pytest

import engine
from engine.garble import check_program

HEAD = "enum E { A, B(bool), C(bool, E2) }\nenum E2 { X, Y }\nstruct S { p: bool, q: E2 }\n"
DOMAINS = {
    "bool": ["true", "false"],
    "E2": ["E2::X", "E2::Y"],
    "E": ["E::A", "E::B(true)", "E::B(false)"]
    + [f"E::C({p}, {q})" for p in ("true", "false") for q in ("E2::X", "E2::Y")],
    "S": [f"S {{ p: {p}, q: {q} }}" for p in ("true", "false") for q in ("E2::X", "E2::Y")],
    "i8": ["-128", "-1", "0", "5", "127"],
    "u8": ["0", "1", "7", "254", "255"],
}
PATTERNS = {
    "bool": ["true", "false", "_"],
    "E2": ["E2::X", "E2::Y", "_"],
    "E": ["E::A", "E::B({bool})", "E::C({bool}, {E2})", "_"],
    "S": ["S {{ p: {bool}, q: {E2} }}", "S {{ q: {E2}, .. }}", "S {{ p: {bool}, .. }}", "S {{ .. }}"],
    "i8": ["-128..=-2", "-1..0", "0..=4", "5", "6..=127", "-128..=127", "-128..5"],
    "u8": ["0", "1..=6", "7..254", "7..=255", "254..=255", "2..8", "0..=0"],
}


def pattern(type_: str, rng: random.Random) -> str:
    """A random pattern of a type."""
    text = rng.choice(PATTERNS[type_])
    while found := re.search(r"\{(bool|E2)\}", text):
        text = text[: found.start()] + pattern(found.group(1), rng) + text[found.end() :]
    return text.replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize("types", [("E",), ("S", "bool"), ("i8", "bool"), ("u8", "E2"), ("E", "E2"), ("u8",)])
def test_accepts_exactly_the_exhaustive_matches(types: tuple[str, ...]) -> None:
    """A rejected match has a witness that is really not covered; an accepted one has an arm for each value."""
    rng = random.Random("".join(types))
    outcomes = set()
    for _ in range(60):
        patterns = []
        for _ in range(rng.randint(1, 7)):
            parts = ", ".join(pattern(type_, rng) for type_ in types)
            patterns.append(f"({parts},)" if len(types) == 1 else f"({parts})")
        arms = ", ".join(f"{text} => {number}" for number, text in enumerate(patterns))
        source = f"{HEAD}pub fn main(x: ({', '.join(types)}), y: u8) -> u8 {{ match x {{ {arms} }} }}"
        fallback = source.replace(" } }", ", _ => 99 } }")
        total = engine.compile_program(fallback)
        uncovered = [value for value in values(types) if total.evaluate([value, "0"]) == "99"]
        try:
            check_program(source)
            assert not uncovered, f"{source}\naccepted, but {uncovered[0]} has no arm"
            outcomes.add("accepted")
        except engine.GarbleError as error:
            witness = re.search(r"exhaustive: `(.*?)`", error.diagnostics[0][2])
            assert witness, error
            assert total.evaluate([instance(witness.group(1), types), "0"]) == "99", f"{source}\n{witness.group(1)}"
            outcomes.add("rejected")
    assert outcomes == {"accepted", "rejected"}


def values(types: tuple[str, ...]) -> list[str]:
    """Sample values of a tuple type."""
    found = [""]
    for type_ in types:
        found = [f"{before}{value}, " for before in found for value in DOMAINS[type_]]
    return [f"({text})" for text in found]


def instance(witness: str, types: tuple[str, ...]) -> str:
    """A value that a witness pattern matches."""
    text = re.sub(r"(-?\d+)[ui]8\.\.=-?\d+[ui]8", r"\1", witness)
    text = text.replace("q: _", "q: E2::X").replace("p: _", "p: true").replace("E::B(_)", "E::B(true)")
    text = re.sub(r"E::C\(_", "E::C(true", text)
    text = re.sub(r"(E::C\(\w+, )_", r"\1E2::X", text)
    if text == "_":
        text = f"({', '.join('_' for _ in types)})"
    parts = re.split(r", (?![^{(]*[})])", text[1:-1])
    filled = [DOMAINS[type_][0] if part == "_" else part for part, type_ in zip(parts, types)]
    return f"({', '.join(filled)},)"
