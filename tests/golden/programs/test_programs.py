"""Larger programs against plain Python models, on random inputs; about one in ten of them panics."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest

import engine
from tests.golden.programs import arithmetic, markets, tables
from tests.golden.programs.model import MODELS, Panicked

HERE = Path(__file__).parent
MODULES = (markets, arithmetic, tables)  # importing them fills MODELS


@cache
def compiled(name: str) -> engine.Program:
    """Compile once."""
    return engine.compile_program((HERE / f"{name}.garble.rs").read_text(), consts=MODELS[name][1])


@pytest.mark.parametrize("name", sorted(MODELS))
def test_program(name: str) -> None:
    """Values and the reasons of panics."""
    program, rng = compiled(name), random.Random(name)
    for _ in range(25):
        arguments, result = MODELS[name][0](rng)
        bits = program.circuit.evaluate([program.encode(party, value) for party, value in enumerate(arguments)])
        try:
            expected = result()
        except Panicked as panic:
            with pytest.raises(engine.GarblePanic) as caught:
                program.decode(bits)
            assert caught.value.reason == str(panic), arguments
            continue
        assert program.decode(bits).value == expected, arguments


def test_every_program_has_a_model() -> None:
    """No file is left out."""
    assert {path.name.removesuffix(".garble.rs") for path in HERE.glob("*.garble.rs")} == set(MODELS)
    assert len(MODELS) >= 25
