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


def random_text(rng: random.Random) -> str:
    """Characters of all planes, bytes, or words of the language in any order."""
    length = rng.randrange(120)
    kind = rng.randrange(3)
    if kind == 0:
        ranges = [(0, 0x80), (0, 0x250), (0x2000, 0x2100), (0xE000, 0x110000)]
        return "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(length))
    if kind == 1:
        return bytes(rng.randrange(256) for _ in range(length)).decode("latin-1")
    words = [*PIECES, "pub fn main(x: u8) -> u8 {", "struct S {", "pub", "as", "x", "}", "// ", "/*", "*/", "\n", "é"]
    return " ".join(rng.choice(words) for _ in range(length))


def test_random_texts() -> None:
    """Nothing but the empty program (and comments) is a program, and every rejection has a place and a text."""
    rng = random.Random(3)
    outcomes = {"scan": 0, "parse": 0, "type": 0, "ok": 0}
    for _ in range(1500):
        try:
            check_program(random_text(rng))
            outcomes["ok"] += 1
        except engine.GarbleError as error:
            outcomes[error.category] += 1
            assert str(error).startswith(f"{error.category} error at {error.diagnostics[0][0]}:")
    assert outcomes["scan"] > 300 and outcomes["parse"] > 100, outcomes


def test_every_prefix_of_many_programs() -> None:
    """Scan, parse and type errors only; what is cut off inside a block is reported where the text ends or before."""
    rng = random.Random(4)
    for block in rng.sample(BLOCKS, 25):
        source = block.source[:400]
        for length in range(len(source)):
            try:
                check_program(source[:length])
            except engine.GarbleError as error:
                assert error.category in ("scan", "parse", "type")
                assert error.diagnostics[-1][0] <= source[:length].count("\n") + 1


def test_lines_may_end_with_carriage_returns() -> None:
    """Positions and excerpts are those of the lines without them."""
    source = "pub fn main(x: u8) -> u8 {\n    y\n}\n"
    texts = []
    for text in (source, source.replace("\n", "\r\n")):
        try:
            check_program(text)
        except engine.GarbleError as error:
            assert [item[:2] for item in error.diagnostics] == [(2, 5)]
            texts.append(str(error))
    assert len(texts) == 2 and texts[0] == texts[1]
