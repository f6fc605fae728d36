"""Products with a literal: exact for boundary and random numbers, and never dearer than repeated addition."""

from __future__ import annotations

import random

import numpy as np
import pytest

import engine
from engine.circuit import Builder
from engine.garble.products import _Multiples, times
from engine.values import IntType, encode_ints
from tests.circuit.helpers import check
from tests.circuit.helpers import signed as as_signed

FACTORS = [*range(48), 60, 85, 99, 100, 127, 128, 129, 200, 255, 256, 300, 365, 1000, 3600, 86400, 10**9 + 7]


def operands(type_: IntType, factor: int, rng: random.Random) -> list[int]:
    """Where the product begins to overflow, the ends of the type, and random numbers."""
    found = [
        0,
        1,
        type_.minimum,
        type_.maximum,
        type_.maximum - 1,
        rng.randrange(type_.maximum) >> rng.randrange(type_.bits),
    ]
    for end in (type_.minimum, type_.maximum) if factor else ():
        found += [end // factor + step for step in (-1, 0, 1)]
    return [x for x in found if type_.minimum <= x <= type_.maximum]


@pytest.mark.parametrize("name", ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"])
def test_products_with_literals(name: str) -> None:
    """Values, overflow and counts; the reference needs |c| - 1 additions of 3n - 2 ANDs for small literals."""
    type_, rng = IntType(name), random.Random(name)
    factors = [c for c in FACTORS if c <= type_.maximum]
    if type_.signed:
        factors += [-c for c in factors] + [type_.minimum]
    for factor in factors:
        program = engine.compile_program(f"pub fn main(x: {name}) -> {name} {{ x * {factor} }}")
        if 0 <= factor < type_.bits:
            assert program.circuit.and_gates <= max(0, factor - 1) * (3 * type_.bits - 2) // 2
        assert program.circuit.and_gates <= 16 * type_.bits
        xs = operands(type_, factor, rng)
        rows = encode_ints(type_, np.array(xs, np.int64 if type_.signed else np.uint64))
        for x, bits in zip(xs, program.circuit.evaluate_many(rows)):
            if type_.minimum <= x * factor <= type_.maximum:
                assert program.decode(bits).value == x * factor, (x, factor)
            else:
                with pytest.raises(engine.GarblePanic, match="Overflow"):
                    program.decode(bits)


@pytest.mark.parametrize("is_signed", [False, True])
def test_every_small_product(is_signed: bool) -> None:
    """All words of 5 bits times all factors of 5 bits."""
    ends = (-16, 15) if is_signed else (0, 31)
    for factor in range(ends[0], ends[1] + 1):

        def product(x: int, factor: int = factor) -> tuple[int, int]:
            exact = (as_signed(x, 5) if is_signed else x) * factor
            return exact % 32, int(not ends[0] <= exact <= ends[1])

        check((5,), lambda b, x, factor=factor: times(b, x, factor, is_signed, ends), product)


@pytest.mark.parametrize(("factor", "additions"), [(7, 1), (15, 1), (255, 1), (45, 2), (100, 2), (365, 3), (-3, 1)])
def test_few_additions(factor: int, additions: int) -> None:
    """Signed digits and factors 2^k + 1."""
    b = Builder((32,))
    low, high = sorted((0, factor * (2**32 - 1)))
    product = _Multiples(b, b.input(0), (0, 2**32 - 1), max(-low, high).bit_length() + 1).of(factor)
    assert b.finish(product).and_gates <= additions * (32 + abs(factor).bit_length())
