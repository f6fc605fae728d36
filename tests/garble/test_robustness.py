"""Damaged programs and literals: always a GarbleError with positions, never another exception."""

from __future__ import annotations

import random
import re

import engine
from engine.garble import check_program
from tests.golden.test_golden import BLOCKS

WORDS = "x y 0 1 -1 3u8 256 usize u8 i8 bool true false join join_iter main _ E::A S"
SYMBOLS = "[ ] ( ) { } , ; : :: . .. ..= = == + - * / % & | ^ ! < > << >> && || -> => +="
PIECES = [
    *WORDS.split(),
    *SYMBOLS.split(),
    "as",
    "const",
    "else",
    "enum",
    "fn",
    "for",
    "if",
    "in",
    "let",
    "match",
    "mut",
]
KEEP = {"fn", "pub", "let", "if", "match", "for", "in", "enum", "struct", "const", "mut", "else"}


def damaged(source: str, rng: random.Random) -> str:
    """A few tokens removed, doubled, or replaced; mostly names and numbers, so that many programs still parse."""
    tokens = re.findall(r"//[^\n]*|\w+|\s+|[^\w\s]+", source) or [" "]
    for _ in range(rng.randint(1, 3)):
        words = [i for i, token in enumerate(tokens) if re.fullmatch(r"\w+", token) and token not in KEEP]
        place = rng.randrange(len(tokens))
        kind = rng.randrange(10)
        if kind == 0:
            tokens[place] = " "
        elif kind == 1:
            tokens.insert(place, f" {rng.choice(PIECES)} ")
        elif kind == 2:
            tokens.insert(place, rng.choice(tokens))
        elif words:
            source_word = tokens[rng.choice(words)] if rng.random() < 0.7 else rng.choice(WORDS.split())
            tokens[rng.choice(words)] = source_word
    return "".join(tokens)


def test_damaged_programs() -> None:
    """All error categories occur, and some programs survive."""
    rng = random.Random(1)
    outcomes: dict[str, int] = {}
    for _ in range(1500):
        source = damaged(rng.choice(BLOCKS).source, rng)
        if "P::N" in source:
            continue
        try:
            check_program(source)
            outcome = "ok"
        except engine.GarbleError as error:
            outcome = error.category
            assert error.diagnostics and str(error)
            assert all(line >= 1 and column >= 1 for line, column, _ in error.diagnostics), source
            assert error.diagnostics == sorted(error.diagnostics, key=lambda item: item[:2])
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert min(outcomes.get(name, 0) for name in ("ok", "scan", "parse", "type")) > 10, outcomes


def test_every_prefix_of_a_program() -> None:
    """A text that stops anywhere."""
    source = "enum E { A, B(u8) } struct S { a: [u8; 2] }\nfn f(e: E) -> u8 { match e { E::A => 1, E::B(x) => x } }\n"
    source += "pub fn main(s: S, e: E) -> S { let mut t = s; for i in 0..2 { t.a[i] += f(e); } S { a: t.a } }"
    assert engine.compile_program(source).evaluate(["S {a: [1, 2]}", "E::B(5)"]) == "S {a: [6, 7]}"
    complete = {source[:length] for length in (19, 20, 43, 44, len(source))}
    for length in range(len(source)):
        try:
            check_program(source[:length])
        except engine.GarbleError:
            continue
        assert source[:length].strip() in {text.strip() for text in complete} | {""}


def test_damaged_literals() -> None:
    """Input errors only."""
    program = engine.compile_program(
        "enum E { A, B(u8, bool) } struct S { a: [u8; 2], e: E }\npub fn main(s: [(S, i8); 2], y: u8) -> u8 { y }"
    )
    text = "[(S { a: [1, 2], e: E::B(5, true) }, -4), (S { e: E::A, a: [3; 2] }, 7i8)]"
    assert program.evaluate([text, "1"]) == "1"
    rng = random.Random(2)
    rejected = 0
    for _ in range(600):
        try:
            program.encode(0, damaged(text, rng))
        except engine.GarbleError as error:
            assert error.category == "input"
            rejected += 1
    assert rejected > 200
