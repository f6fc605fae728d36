"""Generated programs: circuit, plain interpreter and the real protocol agree (value, or panic with its position).

Every block is reproducible: its seed is its number. A failure prints the smallest program Hypothesis finds; keep it in
``test_property_interpreter.py``.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.property.agreement import agree, agree_again, agree_with_protocol, explained
from tests.property.programs import Case, cases

BLOCKS = 20
DRAWN = 230  # Hypothesis varies what it drew before: about every second text is a new one
DISTINCT = 105
PROTOCOL_GATES = 1500
KINDS = {
    *("Lit", "RangeLit", "Use", "ConstUse", "CallOf", "Make", "Repeat", "IndexOf", "Part", "UnaryOf", "BinaryOf"),
    *("Logic", "CastTo", "Branch", "MatchOn", "JoinOf", "BlockOf", "AssignTo", "LetBind", "ForEach", "ForJoin"),
    *("PBind", "PBool", "PRange", "PParts", "PVariant", "value", "Overflow", "DivByZero", "OutOfBounds", "open"),
}


def run_block(number: int, drawn: int, distinct: int) -> None:
    """Compare generated programs, then one of them in the real protocol."""
    seen: set[str] = set()
    total: Counter[str] = Counter()
    small: list[Case] = []

    @seed(number)
    @settings(
        max_examples=drawn,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(cases())
    def compare(case: Case) -> None:
        if case.text in seen:
            return
        with explained(case):
            found = agree(case)
        seen.add(case.text)
        total.update(found)
        if 0 < found["and gates"] <= PROTOCOL_GATES and len(case.parties) > 1 and found["value"]:
            small.append(case)

    compare()
    assert len(seen) >= distinct
    panics = total["Overflow"] + total["DivByZero"] + total["OutOfBounds"]
    evaluated = total["value"] + panics + total["open"]
    assert total["value"] > evaluated / 5 and panics > evaluated / 5
    assert set(total) >= KINDS
    agree_with_protocol(small[len(small) // 2])
    for case in small[:5]:
        agree_again(case)


@pytest.mark.timeout(900)  # Hypothesis shrinks a failure for up to five minutes
@pytest.mark.parametrize("block", range(BLOCKS))
def test_circuit_interpreter_and_protocol_agree(block: int) -> None:
    """2,100 different programs with 8 inputs each in all blocks together."""
    assert BLOCKS * DISTINCT >= 2000
    run_block(block, DRAWN, DISTINCT)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_many_more_programs(block: int) -> None:
    """Three times as many, others."""
    run_block(1000 + block, 3 * DRAWN, 3 * DISTINCT)
