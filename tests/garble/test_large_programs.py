"""No program exhausts memory, stack or patience: the cases of :mod:`tests.garble.large_programs`, in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from tests.garble.large_programs import cases, program

EXPECTED = {name: (outcome, word) for name, _, outcome, word in cases()}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str, str, int]]:
    """What became of every case."""
    command = [sys.executable, "-m", "tests.garble.large_programs"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
    found = {
        name: (outcome, message, length) for name, outcome, message, length in map(json.loads, done.stdout.splitlines())
    }
    assert done.returncode == 0, f"after {list(found)[-1:]}: {done.stderr[-2000:]}"
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_outcome(name: str, outcomes: dict[str, tuple[str, str, int]]) -> None:
    """It compiles, or there is one clear error that says what is too large."""
    outcome, word = EXPECTED[name]
    assert name in outcomes
    found, message, length = outcomes[name]
    assert found == outcome, message
    assert word in message
    assert length < 40_000  # what is shown does not grow with the program


@pytest.mark.parametrize("terms", [10, 1000, 10_000])
def test_long_sums_are_right(terms: int) -> None:
    """Sums, and which term of a sum overflows."""
    compiled = engine.compile_program(program(" + ".join(["x"] * terms), parameters="x: u16", result="u16"))
    assert compiled.evaluate(["3"]) == str(3 * terms)
    with pytest.raises(engine.GarblePanic) as panic:
        compiled.evaluate([str(65535 // terms + 1)])
    assert panic.value.reason == "Overflow"
    mixed = " ".join(f"{'+-^'[i % 3]} {i % 5}" for i in range(terms))
    compiled = engine.compile_program(program(f"x {mixed}", parameters="x: i64", result="i64"))
    expected = python_sum(mixed.split()[::2], [int(part) for part in mixed.split()[1::2]])
    assert compiled.evaluate(["0"]) == str(expected)


def python_sum(operators: list[str], numbers: list[int]) -> int:
    """The value of ``0 op n op n ...`` where ``^`` binds looser than ``+`` and ``-``."""
    parts, current = [], 0
    for operator, number in zip(operators, numbers):
        if operator == "^":
            parts.append(current)
            current = number
        else:
            current += number if operator == "+" else -number
    result = 0
    for part in [*parts, current]:
        result ^= part
    return result
