"""Random programs: the circuit and a direct interpreter agree on value, panic reason and position."""

from __future__ import annotations

import random
from collections import Counter

import pytest

import engine
from engine.garble import check_program
from engine.garble.constants import Constants
from engine.garble.diagnostics import Reporter
from tests.garble.generator import Generator, random_value
from tests.garble.interpreter import Interpreter, Panic, plain


def compare(seed: int, inputs: int, *, check_joins: bool = False) -> Counter[str]:
    """Compare one program on random inputs; how often each panic, or none, came out.

    With ``check_joins`` some tables are not sorted.
    """
    source = Generator(seed).program()
    typed = check_program(source)
    program = typed.compile(check_joins=check_joins)
    constants = Constants(typed.definitions, {}, Reporter(source))
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    disorder = 0.3 if check_joins else 0.0
    for _ in range(inputs):
        given = [random_value(type_, rng, disorder) for type_ in program.parameter_types]
        arguments = [plain(type_, value) for type_, value in zip(program.parameter_types, given)]
        bits = [program.encode(party, value) for party, value in enumerate(given)]
        context = f"seed {seed}\n{source}\n{given}"
        try:
            expected = Interpreter(typed.functions, constants, check_joins=check_joins).call("main", arguments)
        except Panic as panic:
            with pytest.raises(engine.GarblePanic) as caught:
                program.decode(program.circuit.evaluate(bits))
            found = (caught.value.reason, caught.value.line, caught.value.column)
            assert found == (panic.reason, panic.span.start_line + 1, panic.span.start_column + 1), context
            outcomes[panic.reason] += 1
            continue
        try:
            literal = program.decode(program.circuit.evaluate(bits))
        except engine.GarblePanic as panic:
            raise AssertionError(f"{panic}\n{context}\nexpected {expected}") from panic
        assert plain(literal.type, literal.value) == expected, context
        outcomes["value"] += 1
    return outcomes


@pytest.mark.parametrize("block", range(6))
def test_circuit_agrees_with_interpreter(block: int) -> None:
    """Ten programs a block; most must give values, or the comparison would show little."""
    assert sum(compare(seed, 12)["value"] for seed in range(10 * block, 10 * block + 10)) > 10


def test_checked_joins_agree_with_interpreter() -> None:
    """The same with tables that are out of order now and then: in branches, loops and other joins."""
    outcomes = sum((compare(seed, 12, check_joins=True) for seed in range(100, 130)), Counter[str]())
    assert min(outcomes["value"], outcomes["JoinOrder"], outcomes["Overflow"]) > 10, outcomes
