"""Secret indices."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Builder
from tests.circuit.helpers import bits_of, check


def split(x: int, size: int, width: int) -> list[int]:
    """Elements of an array that was read as one number."""
    return [x >> (width * (size - 1 - i)) & ((1 << width) - 1) for i in range(size)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8])
def test_read(size):
    width = 2 if size < 5 else 1

    def expected(x: int, i: int) -> tuple[int | None, int]:
        return (split(x, size, width)[i], 0) if i < size else (None, 1)

    check((size * width, 4), lambda b, x, i: b.array_read(x.reshape(size, width), i), expected)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
def test_write_with_guard(size):
    def operation(b: Builder, x: np.ndarray, i: np.ndarray, v: np.ndarray, guard: np.ndarray) -> tuple:
        return b.array_write(x.reshape(size, 2), i, v, guard[0])

    def expected(x: int, i: int, v: int, guard: int) -> tuple[int | None, int]:
        if i >= size:
            return None, 1
        elements = split(x, size, 2)
        if guard:
            elements[i] = v
        return sum(e << 2 * (size - 1 - k) for k, e in enumerate(elements)), 0

    check((2 * size, 3, 2, 1), operation, expected)


@pytest.mark.parametrize(("size", "width"), [(16, 8), (16, 32), (64, 8), (100, 8)])
def test_counts(size, width):
    b = Builder((size * width, 32, width))
    elements, index, value = b.input(0).reshape(size, width), b.input(1), b.input(2)
    word, outside = b.array_read(elements, index)
    assert b.finish(np.append(word, outside)).and_gates <= (size - 1) * width + 32
    changed, outside = b.array_write(elements, index, value)
    assert b.finish(np.append(changed, outside)).and_gates <= size * width + size - 1 + 32
    assert b.finish(b.decode(index, size)).and_gates <= size - 1


def test_known_index_costs_nothing():
    b = Builder((12, 4))
    elements = b.input(0).reshape(3, 4)
    word, outside = b.array_read(elements, b.constant(bits_of(2, 32)))
    assert (word == elements[2]).all() and outside == 0
    changed, outside = b.array_write(elements, b.constant(bits_of(1, 32)), b.input(1))
    assert (changed == np.stack((elements[0], b.input(1), elements[2]))).all() and outside == 0
    for index in (3, 2**31):
        assert b.array_read(elements, b.constant(bits_of(index, 32)))[1] == 1
        changed, outside = b.array_write(elements, b.constant(bits_of(index, 32)), b.input(1))
        assert (changed == elements).all() and outside == 1
    assert b.position() == 0


def test_short_index_needs_no_bounds_check():
    b = Builder((16, 2))
    padded = np.concatenate((np.zeros(30, np.int64), b.input(1)))
    word, outside = b.array_read(b.input(0).reshape(4, 4), padded)
    assert outside == 0
    assert b.finish(word).and_gates == 12
