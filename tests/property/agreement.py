"""One case through compiler, circuit and interpreter; everything that has to agree."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import engine
from engine.garble import Program, check_program, parse_json_literal
from engine.garble import typed as t
from engine.garble.constants import Constants
from engine.garble.diagnostics import Reporter
from engine.garble.program import TypedProgram
from engine.values import Literal, to_json
from tests.property.interpreter import Interpreter, Panic, Unspecified
from tests.property.programs import Case
from tests.property.shapes import WIDTHS, Shape, encoded, json_form, written

REASONS = {"Overflow": 1, "DivByZero": 2, "OutOfBounds": 3, "JoinOrder": 4}
PANIC_BITS = 161
Outcome = str | Panic | None  # bits of the value, the panic, or None where the language leaves it open


def compiled(case: Case) -> tuple[TypedProgram, Program, Constants]:
    """A case checked and compiled."""
    typed = check_program(case.text)
    program = typed.compile("main", case.consts)
    return typed, program, Constants(typed.definitions, case.consts, Reporter(case.text))


def agree(case: Case) -> Counter[str]:
    """Compare everything about a case; what happened is counted."""
    typed, program, constants = compiled(case)
    assert constants.values == case.constants
    assert [type_.bits for type_ in program.parameter_types] == [len(bits) for bits in input_bits(case)[0]]
    check_marks(case, typed, constants)
    seen = Counter(type(node).__name__ for function in typed.functions.values() for node in t.walk(function.body))
    seen["programs"] += 1
    seen["and gates"] += program.circuit.and_gates
    for given, bits in zip(case.inputs, evaluated(case, program)):
        outcome = interpreted(typed, constants, case.result, given)
        compare(outcome, bits, program)
        kind = "value" if isinstance(outcome, str) else outcome.reason if outcome else "open"
        seen[kind] += 1
        if seen[kind] == 1 and not isinstance(outcome, Panic):
            round_trips(case, program, given, bits)
    if seen["ForJoin"] or seen["JoinOf"]:
        agree_on_checked_joins(case, typed, constants)
    return seen


def evaluated(case: Case, program: Program) -> np.ndarray:
    """The outputs of the circuit for all inputs, a row each."""
    rows = [list(map(int, "".join(row))) for row in input_bits(case)]
    return program.circuit.evaluate_many(np.array(rows, np.uint8))


def agree_on_checked_joins(case: Case, typed: TypedProgram, constants: Constants) -> None:
    """The same where a broken promise of a join is a panic: nothing is left open."""
    program = typed.compile("main", case.consts, check_joins=True)
    for given, bits in zip(case.inputs, evaluated(case, program)):
        outcome = interpreted(typed, constants, case.result, given, check_joins=True)
        assert outcome is not None
        compare(outcome, bits, program)


@contextmanager
def explained(case: Case) -> Iterator[None]:
    """Shows the program and the inputs of a failure as texts."""
    try:
        yield
    except Exception as error:
        inputs = [[written(shape, value) for shape, value in zip(case.parties, given)] for given in case.inputs]
        raise AssertionError(f"{error}\n{case.text}constants: {case.consts}\ninputs: {inputs}") from error


def agree_with_protocol(case: Case) -> None:
    """The real protocol on the first inputs of a case, bit for bit; every party gets the output."""
    program = compiled(case)[1]
    bits = [np.array(list(map(int, row)), np.uint8) for row in input_bits(case)[0]]
    parties = range(len(bits))
    result = engine.simulate(program.circuit, bits, tuple(parties), evaluator=len(bits) - 1)
    expected = program.circuit.evaluate(bits)
    for party in parties:
        assert (result.outputs[party] == expected).all()


def agree_again(case: Case) -> None:
    """Checking and compiling once more changes nothing: neither what is said nor the circuit."""
    typed, program, _ = compiled(case)
    for again in (typed.compile("main", case.consts), compiled(case)[1]):
        for array in ("op", "a", "b", "outputs"):
            assert np.array_equal(getattr(program.circuit, array), getattr(again.circuit, array))


def input_bits(case: Case) -> list[list[str]]:
    """The encodings of all inputs, party by party."""
    return [[encoded(shape, value) for shape, value in zip(case.parties, given)] for given in case.inputs]


def interpreted(
    typed: TypedProgram, constants: Constants, result: Shape, given: Sequence[Any], *, check_joins: bool = False
) -> Outcome:
    """What the interpreter says: the bits of the value, a panic, or None where the language leaves it open."""
    main = typed.functions["main"]
    arguments = given if len(main.parameters) == len(given) and not is_spread(main) else [tuple(given)]
    try:
        interpreter = Interpreter(typed.functions, constants, check_joins=check_joins)
        return encoded(result, interpreter.call("main", arguments))
    except Panic as panic:
        return panic
    except Unspecified:
        return None


def is_spread(main: t.TypedFunction) -> bool:
    """Whether every element of the one parameter is an input of its own (section 14)."""
    type_ = main.parameters[0].type
    return len(main.parameters) == 1 and hasattr(type_, "size") and type_.size[0] != "const"


def compare(outcome: Outcome, bits: np.ndarray, program: Program) -> None:
    """The output of the circuit against the interpreter."""
    found = "".join(map(str, bits.tolist()))
    head, value = found[:PANIC_BITS], found[PANIC_BITS:]
    if isinstance(outcome, Panic):
        numbers = [int(head[start : start + 32], 2) for start in range(1, PANIC_BITS, 32)]
        assert (head[0], *numbers) == ("1", REASONS[outcome.reason], *outcome.span)
    elif outcome is not None:
        assert head[0] == "0", f"panic {program.decode(bits)}, expected a value"
        assert value == outcome
    elif head[0] == "0":
        program.decode(bits)  # open, but a value of its type


def check_marks(case: Case, typed: TypedProgram, constants: Constants) -> None:
    """Bare numbers have the types that were meant (section 6), operations their positions (section 15)."""
    sites, literals = set(), {}
    for function in typed.functions.values():
        for node in t.walk(function.body):
            if isinstance(node, t.BinaryOf | t.IndexOf | t.AssignTo):
                sites.add(tuple(node.span))
            elif isinstance(node, t.Lit | t.Use | t.RangeLit):
                literals[node.span[:2]] = node
    assert sites == case.marked.sites
    for position, meant in case.marked.literals.items():
        found: Any = constants.resolve(literals[position].type)
        found = found.element if isinstance(literals[position], t.RangeLit) else found
        assert str(found) == meant or (meant == "32" and WIDTHS[str(found)] == 32), f"{found} at {position}"


def round_trips(case: Case, program: Program, given: Sequence[Any], bits: np.ndarray) -> None:
    """Texts and JSON of inputs and of the result."""
    pairs = list(zip(case.parties, given))
    for party, (shape, value) in enumerate(pairs):
        type_, text = program.parameter_types[party], written(shape, value)
        expected = encoded(shape, value)
        assert joined(program.encode(party, text)) == expected
        form = json.loads(json.dumps(json_form(shape, value)))
        read = parse_json_literal(form, type_)
        assert str(read) == text and to_json(type_, read.value) == form
        assert joined(program.encode(party, read)) == expected
    try:
        result = program.decode(bits)
    except engine.GarblePanic:
        return
    assert parse_json_literal(engine.to_json_literal(result), program.result_type) == Literal(
        program.result_type, result.value
    )


def joined(bits: np.ndarray) -> str:
    """Bits as a text."""
    return "".join(map(str, bits.tolist()))
