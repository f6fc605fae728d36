"""Random programs: the circuit and a direct interpreter agree on value, panic reason and position."""

from __future__ import annotations

import random

import pytest

import engine
from engine.garble import check_program
from engine.garble.constants import Constants
from engine.garble.diagnostics import Reporter
from tests.garble.generator import Generator, random_value
from tests.garble.interpreter import Interpreter, Panic, plain


def compare(seed: int, inputs: int) -> int:
    """Compare one program on random inputs; the number of inputs without panic."""
    source = Generator(seed).program()
    typed = check_program(source)
    program = typed.compile()
    constants = Constants(typed.definitions, {}, Reporter(source))
    rng = random.Random(seed)
    values = 0
    for _ in range(inputs):
        given = [random_value(type_, rng) for type_ in program.parameter_types]
        arguments = [plain(type_, value) for type_, value in zip(program.parameter_types, given)]
        bits = [program.encode(party, value) for party, value in enumerate(given)]
        context = f"seed {seed}\n{source}\n{given}"
        try:
            expected = Interpreter(typed.functions, constants).call("main", arguments)
        except Panic as panic:
            with pytest.raises(engine.GarblePanic) as caught:
                program.decode(program.circuit.evaluate(bits))
            found = (caught.value.reason, caught.value.line, caught.value.column)
            assert found == (panic.reason, panic.span.start_line + 1, panic.span.start_column + 1), context
            continue
        try:
            literal = program.decode(program.circuit.evaluate(bits))
        except engine.GarblePanic as panic:
            raise AssertionError(f"{panic}\n{context}\nexpected {expected}") from panic
        assert plain(literal.type, literal.value) == expected, context
        values += 1
    return values


@pytest.mark.parametrize("block", range(6))
def test_circuit_agrees_with_interpreter(block: int) -> None:
    """Ten programs a block; most must give values, or the comparison would show little."""
    values = sum(compare(seed, 12) for seed in range(10 * block, 10 * block + 10))
    assert values > 10
