"""Word operations against Python numbers, with the AND counts of the language specification, section 20."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit import Builder
from tests.circuit.helpers import bits_of, check, evaluated, number_of, signed

WIDTHS = [1, 2, 3, 4, 5, 8]
BOTH = [False, True]


def wrapped(value: int, width: int, is_signed: bool) -> tuple[int, int]:
    """Low bits, and whether the value does not fit."""
    low = -(1 << (width - 1)) if is_signed else 0
    return value & ((1 << width) - 1), int(not low <= value < low + (1 << width))


def read(value: int, width: int, is_signed: bool) -> int:
    return signed(value, width) if is_signed else value


@pytest.mark.parametrize("is_signed", BOTH)
@pytest.mark.parametrize("n", WIDTHS)
def test_add_and_sub(n, is_signed):
    def added(x: int, y: int) -> tuple[int, int]:
        return wrapped(read(x, n, is_signed) + read(y, n, is_signed), n, is_signed)

    def subtracted(x: int, y: int) -> tuple[int, int]:
        return wrapped(read(x, n, is_signed) - read(y, n, is_signed), n, is_signed)

    assert check((n, n), lambda b, x, y: b.add(x, y, is_signed), added).and_gates == n
    assert check((n, n), lambda b, x, y: b.sub(x, y, is_signed), subtracted).and_gates == n


@pytest.mark.parametrize("is_signed", BOTH)
@pytest.mark.parametrize("n", WIDTHS)
def test_less_equal_and_neg(n, is_signed):
    def less(x: int, y: int) -> tuple[int]:
        return (int(read(x, n, is_signed) < read(y, n, is_signed)),)

    assert check((n, n), lambda b, x, y: (b.less(x, y, is_signed),), less).and_gates == n
    assert check((n, n), lambda b, x, y: (b.equal(x, y),), lambda x, y: (int(x == y),)).and_gates == n - 1
    negated = check((n,), lambda b, x: (b.neg(x),), lambda x: (-x % 2**n,))
    assert negated.and_gates == max(n - 2, 0)


@pytest.mark.parametrize("is_signed", BOTH)
@pytest.mark.parametrize("n", WIDTHS)
def test_mul(n, is_signed):
    def product(x: int, y: int) -> tuple[int, int]:
        return wrapped(read(x, n, is_signed) * read(y, n, is_signed), n, is_signed)

    circuit = check((n, n), lambda b, x, y: b.mul(x, y, is_signed), product)
    if n > 1:
        assert circuit.and_gates <= n * n + (6 * n - 5 if is_signed else 3 * n - 4)
    square = check((n,), lambda b, x: b.mul(x, x, is_signed), lambda x: product(x, x))
    assert square.and_gates <= circuit.and_gates


@pytest.mark.parametrize("is_signed", BOTH)
@pytest.mark.parametrize("n", WIDTHS)
def test_divmod(n, is_signed):
    def divided(x: int, y: int) -> tuple[int | None, int | None, int]:
        if y == 0:
            return None, None, 1
        a, d = read(x, n, is_signed), read(y, n, is_signed)
        quotient = abs(a) // abs(d) * (-1 if (a < 0) != (d < 0) else 1)
        return quotient % 2**n, (a - quotient * d) % 2**n, 0

    circuit = check((n, n), lambda b, x, y: b.divmod(x, y, is_signed), divided)
    assert circuit.and_gates <= (n * n + 9 * n) // 2 + (4 * n - 6 if is_signed else -2)


@pytest.mark.parametrize("n", [8, 16, 32, 64])
def test_counts_of_the_specification(n):
    b = Builder((n, n))
    x, y = b.input(0), b.input(1)

    def ands(*words: object) -> int:
        return b.finish(np.concatenate([np.atleast_1d(w) for w in words])).and_gates

    assert ands(*b.mul(x, y)) == n * n + 3 * n - 4
    quotient, remainder, zero = b.divmod(x, y)
    assert ands(quotient, zero) == (n * n + 5 * n) // 2 - 2
    assert ands(quotient, remainder, zero) == (n * n + 9 * n) // 2 - 3
    three = b.constant(bits_of(3, n))
    assert ands(b.divmod(x, three)[0]) <= 2 * n
    assert ands(*b.mul(x, b.constant(bits_of(8, n)))) == 2  # the overflow test
    log = n.bit_length() - 1
    for word, overflow in (b.shl(x, y[:8]), b.shr(x, y[:8]), b.shr(x, y[:8], True)):
        assert ands(word, overflow) <= n * log + 7 - log


@pytest.mark.parametrize("n", [32, 64])
@pytest.mark.parametrize("is_signed", BOTH)
def test_wide_words(n, is_signed):
    def operation(b: Builder, x: np.ndarray, y: np.ndarray) -> tuple:
        return (*b.mul(x, y, is_signed), *b.divmod(x, y, is_signed))

    def expected(x: int, y: int) -> tuple:
        a, d = read(x, n, is_signed), read(y, n, is_signed)
        product = wrapped(a * d, n, is_signed)
        if d == 0:
            return *product, None, None, 1
        quotient = abs(a) // abs(d) * (-1 if (a < 0) != (d < 0) else 1)
        return *product, quotient % 2**n, (a - quotient * d) % 2**n, 0

    check((n, n), operation, expected)


@pytest.mark.parametrize("divisor", [1, 2, 3, 5, 7, 10, 31, 128, 255])
def test_constant_operands(divisor):
    def operation(b: Builder, x: np.ndarray) -> tuple:
        word = b.constant(bits_of(divisor, 8))
        return (*b.divmod(x, word)[:2], *b.mul(x, word), *b.mul(word, x), *b.add(x, word), b.less(x, word))

    def expected(x: int) -> tuple:
        product = wrapped(x * divisor, 8, False)
        sums = wrapped(x + divisor, 8, False)
        return x // divisor, x % divisor, *product, *product, *sums, int(x < divisor)

    check((8,), operation, expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_signed_division_by_every_number(n):
    for divisor in range(1, 1 << n):
        d = signed(divisor, n)

        def divided(x: int, d: int = d) -> tuple[int, int]:
            a = signed(x, n)
            quotient = abs(a) // abs(d) * (-1 if (a < 0) != (d < 0) else 1)
            return quotient % 2**n, (a - quotient * d) % 2**n

        word = np.array(bits_of(divisor, n))
        circuit = check((n,), lambda b, x, word=word: b.divmod(x, word, True)[:2], divided)
        if divisor & (divisor - 1) == 0 and divisor < 1 << (n - 1):
            assert circuit.and_gates <= 3 * n


@pytest.mark.parametrize(("m", "n"), [(3, 6), (6, 3), (5, 4), (1, 5), (5, 1)])
def test_division_of_short_words(m, n):
    """Known zeros in front of either operand save gates."""
    zeros = np.zeros(6, np.int64)

    def operation(b: Builder, x: np.ndarray, y: np.ndarray) -> tuple:
        return b.divmod(np.append(zeros[m:], x), np.append(zeros[n:], y))

    def expected(x: int, y: int) -> tuple:
        return (x // y, x % y, 0) if y else (None, None, 1)

    assert check((m, n), operation, expected).and_gates <= m * min(m, n) + 6 * 3


@pytest.mark.parametrize("n", [1, 3, 4, 5, 8])
def test_shifts(n):
    mask = (1 << n) - 1

    def left(x: int, s: int) -> tuple[int | None, int]:
        return (x << s & mask, 0) if s < n else (None, 1)

    def right(x: int, s: int) -> tuple[int | None, int]:
        return (x >> s, 0) if s < n else (None, 1)

    def arithmetic(x: int, s: int) -> tuple[int | None, int]:
        return (signed(x, n) >> s & mask, 0) if s < n else (None, 1)

    check((n, 4), lambda b, x, s: b.shl(x, s), left)
    check((n, 4), lambda b, x, s: b.shr(x, s), right)
    check((n, 4), lambda b, x, s: b.shr(x, s, True), arithmetic)


def test_batches_give_the_same_gates_as_single_words():
    b = Builder((12, 12))
    x, y = b.input(0).reshape(3, 4), b.input(1).reshape(3, 4)
    for name in ("add", "sub", "mul", "divmod"):
        for is_signed in BOTH:
            batch = getattr(b, name)(x, y, is_signed)
            for r in range(3):
                for whole, one in zip(batch, getattr(b, name)(x[r], y[r], is_signed)):
                    assert (whole[r] == one).all()
    assert b.less(x, y).shape == (3,)
    assert b.equal(x[:, None, :], y[None, :, :]).shape == (3, 3)
    assert (b.less(x, y[0])[2], b.neg(x)[1].tolist()) == (b.less(x[2], y[0]), b.neg(x[1]).tolist())
    assert b.shl(x, y[0])[0].shape == (3, 4)
    assert (b.shl(x, y[0])[0][2] == b.shl(x[2], y[0])[0]).all()


def test_at_least():
    for bound in (0, 1, 2, 5, 7, 8, 9):
        check((3,), lambda b, x, bound=bound: (b.at_least(x, bound),), lambda x, bound=bound: (int(x >= bound),))


def test_known_words_stay_known():
    b = Builder((1,))
    x, y = b.constant(bits_of(200, 8)), b.constant(bits_of(13, 8))
    words = (*b.add(x, y), *b.sub(y, x), *b.mul(x, y), *b.divmod(x, y), b.less(x, y), *b.shl(x, y), b.neg(x))
    assert b.position() == 0
    values = [number_of(np.atleast_1d(w)) for w in words[:7]]
    assert values == [213, 0, 69, 1, 200 * 13 % 256, 1, 200 // 13]


def test_helpers_see_all_assignments():
    """The checker itself: every pair of 3-bit numbers is visited."""
    b = Builder((3, 3))
    circuit = b.finish(np.concatenate((b.input(0), b.input(1))))
    seen = {(x, y) for (x, y), result in evaluated(circuit, [3, 3]) if result == [x, y]}
    assert len(seen) == 64
