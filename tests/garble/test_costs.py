"""Where AND gates come from: exact places, sums, and a circuit that does not change when it is asked for."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import engine
from engine.garble.costs import Costs
from tests.property.programs import Case, cases


def costs(source: str, **options: object) -> Costs:
    """The costs of a program, after the checks that hold for every program."""
    plain = engine.compile_program(source, **options)  # type: ignore[arg-type]
    program = engine.compile_program(source, costs=True, **options)  # type: ignore[arg-type]
    assert plain.costs is None and program.costs is not None
    for array in ("op", "a", "b", "outputs"):
        assert np.array_equal(getattr(program.circuit, array), getattr(plain.circuit, array))
    for column in (program.costs.functions, program.costs.lines):
        counts = [count for _, count in column]
        assert sum(counts) == program.circuit.and_gates
        assert counts == sorted(counts, reverse=True) and 0 not in counts
    return program.costs


def test_example() -> None:
    """A callee counts for itself, however often it is called; a merge counts at its ``if``."""
    found = costs(
        """pub fn main(a: u8, b: u8) -> u8 {
            let low = smaller(a, b) ^ smaller(a, 7);
            let mut sum = a & b;
            if sum == 3 {
                sum = b;
            }
            sum ^ low
        }
        fn smaller(x: u8, y: u8) -> u8 {
            if x < y { x } else { y }
        }"""
    )
    lines = dict(found.lines)
    assert set(lines) == {3, 4, 10}
    assert (lines[3], lines[4]) == (7, 7 + 8)  # 3: one is part of a < b; 4: equality and choice
    assert found.functions == (("smaller", lines[10]), ("main", 22))
    assert found.lines[0] == (10, lines[10])


def test_shared_and_dead_gates() -> None:
    """What occurs twice counts where it is first, what is not used does not count."""
    found = costs(
        """pub fn main(a: u16, b: u16, c: u16) -> (u16, u16) {
            let dead = a | c;
            let first = a & b;
            (first,
             a & b)
        }"""
    )
    assert found == Costs((("main", 16),), ((3, 16),))


def test_panics_count_at_their_operator() -> None:
    """Overflow flags and the chain that finds the first panic belong to the operators."""
    found = costs("pub fn main(a: u8, b: u8) -> u8 {\n let s = a + b;\n let t = s + 1;\n t\n}")
    assert set(dict(found.lines)) == {2, 3}
    with_chain = dict(costs("pub fn main(a: u8, b: u8, c: u8) -> (u8, u8) {\n(\na + b,\na + c\n)\n}").lines)
    assert with_chain == {3: 8, 4: 8 + 1}


def test_patterns_and_arms() -> None:
    """The condition of an arm counts at the pattern, the choice between arms at the ``match``."""
    found = costs(
        """pub fn main(a: u8) -> bool {
            match a {
                3..=9 => true,
                200 => true,
                _ => false,
            }
        }"""
    )
    assert set(dict(found.lines)) <= {2, 3, 4} and {3, 4} <= set(dict(found.lines))


def test_networks_count_at_the_join_and_indices_at_the_access() -> None:
    """Merging two tables is the cost of the loop's head; the body counts for itself."""
    rows = "[(u8, u8); 4]"
    found = costs(
        f"""pub fn main(a: {rows}, b: {rows}, i: usize) -> u16 {{
            let mut sum = 0u16;
            for ((_, x), (_, y)) in join_iter(a, b) {{
                sum += x as u16;
            }}
            let pair =
                a[i];
            sum ^ (pair.1 as u16)
        }}"""
    )
    assert found.lines[0][0] == 3
    assert set(dict(found.lines)) == {3, 4, 7, 8}  # 8: the sum is added up where it is used


def test_a_circuit_without_ands_has_no_costs() -> None:
    """Nothing to list."""
    assert costs("pub fn main(a: u8, b: u8) -> u8 { a ^ b }") == Costs((), ())


def test_functions_on_one_line() -> None:
    """The function is found by column."""
    found = costs("fn f(a: u8) -> u8 { a & 3 } pub fn main(a: u8, b: u8) -> u8 { f(a) & b } ")
    assert found.functions == (("main", 2),)


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(cases(inputs=0))
def test_generated_programs(case: Case) -> None:
    """Sums and circuits of all kinds of programs."""
    costs(case.text, consts=case.consts)
