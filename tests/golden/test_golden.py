"""Golden programs: every ``*.golden`` file beside this one.

A file holds blocks. A block starts with ``==== title``, then comes the program, then lines with what is expected:

    #> entry NAME                   the function of the following lines (default main)
    #> const PARTY::NAME=VALUE      for the following lines
    #> 1 | 2 => (3, true)           arguments and the result
    #> 1 | 2 => panic Overflow 2:5  reason, line and column, and if wanted the end: 2:5-2:10
    #> 1 | x => input               an input error
    #> error type 2:5 3:9           category and the positions of all diagnostics
    #> at most 94 ands
    #> bits LITERAL = 00000101 1    encoding of a literal of the type of the first parameter
    #> ok                           it compiles
    #| test.garble.rs ...           after an error: every line of the text that the user sees
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

import engine


@dataclass
class Block:
    """One program with its expectations."""

    title: str
    source: str
    expectations: list[str] = field(default_factory=list)
    shown: str = ""


def read_blocks(path: Path) -> list[Block]:
    """The blocks of a file; a block without expectation is a mistake."""
    blocks = []
    for text in path.read_text().split("\n==== ")[1:]:
        title, _, body = text.partition("\n")
        lines = body.split("\n")
        program = "\n".join(line for line in lines if line[:2] not in ("#>", "#|"))
        expected = [line[2:].strip() for line in lines if line.startswith("#>")]
        shown = "\n".join(line[3:] for line in lines if line.startswith("#|"))
        assert expected, f"{path.name}: {title} expects nothing"
        blocks.append(Block(f"{path.stem}: {title}", program, expected, shown))
    return blocks


BLOCKS = [block for path in sorted(Path(__file__).parent.glob("*.golden")) for block in read_blocks(path)]


def squeeze(text: str) -> str:
    """Text without white space, as results are compared."""
    return "".join(text.split())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.title)
def test_program(block: Block) -> None:
    """Every expectation of a block holds."""
    entry = "main"
    consts: dict[str, dict[str, str]] = {}
    for line in block.expectations:
        if line.startswith("entry "):
            entry = line.split()[1]
        elif line.startswith("const "):
            name, _, value = line[6:].partition("=")
            party, _, constant = name.partition("::")
            consts.setdefault(party, {})[constant] = value
        elif line.startswith("error "):
            check_error(block, entry, consts, line)
        else:
            given = tuple((party, name, value) for party in consts for name, value in consts[party].items())
            check_line(compiled_program(block.source, entry, given), line)


@cache
def compiled_program(source: str, entry: str, given: tuple[tuple[str, str, str], ...]) -> engine.Program:
    """Compile once for all lines of a block."""
    consts: dict[str, dict[str, str]] = {}
    for party, name, value in given:
        consts.setdefault(party, {})[name] = value
    return engine.compile_program(source, entry, consts)


def check_line(compiled: engine.Program, line: str) -> None:
    """One expectation on a compiled program."""
    if line == "ok":
        assert compiled.circuit.output_bits >= 161
    elif line.startswith("at most "):
        assert compiled.circuit.and_gates <= int(line.split()[2])
    elif line.startswith("bits "):
        literal, _, bits = line[5:].rpartition("=")
        assert "".join(map(str, compiled.encode(0, literal.strip()))) == squeeze(bits)
    else:
        check_case(compiled, line)


def check_error(block: Block, entry: str, consts: dict, line: str) -> None:
    """``error CATEGORY [line:column ...]``, and the text if the block has it."""
    _, category, *places = line.split()
    with pytest.raises(engine.GarbleError) as caught:
        engine.compile_program(block.source, entry, consts, "test.garble.rs")
    assert caught.value.category == category, str(caught.value)
    found = [f"{at}:{column}" for at, column, _ in caught.value.diagnostics]
    if places:
        assert found == places, str(caught.value)
    assert all(message for _, _, message in caught.value.diagnostics)
    if block.shown:
        assert str(caught.value) == block.shown


def check_case(compiled: engine.Program, line: str) -> None:
    """``arg | arg => result``."""
    given, _, expected = line.rpartition("=>")
    arguments = [text.strip() for text in given.split("|")]
    expected = expected.strip()
    if expected.startswith("panic "):
        _, reason, place = expected.split()
        start, _, end = place.partition("-")
        with pytest.raises(engine.GarblePanic) as panic:
            compiled.evaluate(arguments)
        assert panic.value.reason == reason
        assert f"{panic.value.line}:{panic.value.column}" == start
        if end:
            assert panic_end(compiled, arguments) == end
    elif expected == "input":
        with pytest.raises(engine.GarbleError) as error:
            compiled.evaluate(arguments)
        assert error.value.category == "input"
    else:
        assert squeeze(compiled.evaluate(arguments)) == squeeze(expected)


def panic_end(compiled: engine.Program, arguments: list[str]) -> str:
    """Where the span of a panic ends, from the last two numbers in the header of the output."""
    inputs = [compiled.encode(party, text) for party, text in enumerate(arguments)]
    header = "".join(map(str, compiled.circuit.evaluate(inputs)[:161]))
    return f"{int(header[97:129], 2) + 1}:{int(header[129:161], 2) + 1}"


def test_there_are_enough_cases() -> None:
    """Nobody removed a file by accident."""
    assert sum(len(block.expectations) for block in BLOCKS) >= 1000
