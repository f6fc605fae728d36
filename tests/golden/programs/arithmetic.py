"""Models: statistics, fixed point, matrices, bits, hashes, number theory, dates."""

from __future__ import annotations

import binascii
import datetime
import math
import random
from collections.abc import Callable
from typing import Any

from tests.golden.programs.model import Panicked, at, checked, program, quotient, struct

Case = tuple[list[Any], Callable[[], Any]]


@program(P={"N": 5, "COUNT": 5})
def mean_variance(rng: random.Random) -> Case:
    values = [rng.randint(-1000, 1000) for _ in range(5)]
    if rng.random() < 0.15:
        values[rng.randrange(5)] = -(1 << 31)
    weight = rng.choice([1, -1, 3, -128])

    def result() -> tuple[int, int]:
        scaled = [value * weight for value in values]
        mean = quotient(sum(scaled) * 100, 5)
        squares = 0
        for value in scaled:
            distance = value * 100 - mean
            squares += quotient(checked(distance * distance, 64, signed=True), 100)
        return (mean, quotient(squares, 5))

    return [values, weight], result


@program()
def median(rng: random.Random) -> Case:
    values = [rng.choice([0, 7, 65535, rng.getrandbits(16)]) for _ in range(9)]
    shift = rng.choice([0, 1, 30000])

    def result() -> Any:
        a = sorted(values)
        return (checked(a[4] + shift, 16), (a[2], a[6]), a[8] - a[0], a)

    return [values, shift], result


@program(P={"BUCKETS": 5})
def histogram(rng: random.Random) -> Case:
    values = [rng.randrange(60) for _ in range(12)]
    width, clamp = rng.choice([0, 10, 12, 12, 13]), rng.random() < 0.5

    def result() -> Any:
        if width == 0:
            raise Panicked("DivByZero")
        counts = [0] * 5
        for value in values:
            bucket = value // width
            bucket = min(bucket, 4) if clamp else bucket
            counts[bucket] = at(counts, bucket) + 1
        return (counts, counts.index(max(counts)))

    return [values, width, clamp], result


@program()
def nearest_neighbour(rng: random.Random) -> Case:
    spread = rng.choice([3, 1000, 32767])
    points = [(rng.randint(-spread, spread), rng.randint(-spread, spread), rng.randrange(1, 4)) for _ in range(6)]
    x, y = rng.randint(-spread, spread), rng.randint(-spread, spread)

    def square(a: int, b: int) -> int:
        return checked((a - b) ** 2, 32, signed=True)

    def result() -> Any:
        rows = sorted(
            ((square(px, x) // 2 + square(py, y) // 2, label) for px, py, label in points), key=lambda row: row[0]
        )
        labels = [label for _, label in rows[:3]]
        chosen = labels[1] if labels[1] == labels[2] else labels[0]
        return (chosen, [distance for distance, _ in rows[:3]])

    return [[struct("Point", x=px, y=py, label=label) for px, py, label in points], x, y], result


@program()
def neural_network(rng: random.Random) -> Case:
    size = rng.choice([300, 300, 32767])
    numbers = lambda count: [rng.randint(-size, size) for _ in range(count)]  # noqa: E731
    weights, bias = [numbers(4) for _ in range(3)], numbers(3)
    output, given = [numbers(3) for _ in range(2)], numbers(4)

    def result() -> Any:
        hidden = []
        for row, start in zip(weights, bias):
            total = start * 256
            for weight, value in zip(row, given):
                total = checked(total + weight * value, 32, signed=True)
            hidden.append(max(total >> 8, 0))
        scores = []
        for row in output:
            total = 0
            for weight, value in zip(row, hidden):
                total = checked(total + (weight * value >> 8), 32, signed=True)
            scores.append(total)
        return (int(scores[1] > scores[0]), scores)

    return [struct("Layer", weights=weights, bias=bias), output, given], result


@program()
def matrices(rng: random.Random) -> Case:
    size = rng.choice([10, 500, 5000])
    a, b = ([[rng.randint(-size, size) for _ in range(3)] for _ in range(3)] for _ in range(2))

    def multiply(left: list[list[int]], right: list[list[int]]) -> list[list[int]]:
        product = [[0] * 3 for _ in range(3)]
        for i in range(3):
            for j in range(3):
                for k in range(3):
                    term = checked(left[i][k] * right[k][j], 32, signed=True)
                    product[i][j] = checked(product[i][j] + term, 32, signed=True)
        return product

    def result() -> Any:
        cube = multiply(a, multiply(a, a))
        trace = 0
        for i in range(3):
            trace = checked(trace - cube[i][i], 32, signed=True)
        return (multiply(a, b), [list(row) for row in zip(*b)], trace)

    return [a, b], result


@program()
def bit_tricks(rng: random.Random) -> Case:
    x, k = rng.choice([0, 1, 1 << 31, rng.getrandbits(32), rng.getrandbits(7)]), rng.randrange(256)

    def result() -> Any:
        text = f"{x:032b}"
        turn = k % 32
        rotated = int(text[turn:] + text[:turn], 2)
        highest = 1 << (x.bit_length() - 1) if x else 0
        ones = text.count("1")
        return (ones, int(text[::-1], 2), 32 - x.bit_length(), ones % 2 == 1, x ^ (x >> 1), rotated, highest)

    return [x, k], result


@program()
def crc(rng: random.Random) -> Case:
    message, start = [rng.randrange(256) for _ in range(6)], rng.choice([0, rng.randrange(256)])

    def result() -> tuple[int, int]:
        remainder = start
        for byte in message:
            remainder ^= byte
            for _ in range(8):
                remainder = remainder << 1 ^ (0x107 if remainder >> 7 & 1 else 0)
        return (binascii.crc32(bytes(message)), remainder)

    return [message, start], result


@program()
def hash_rounds(rng: random.Random) -> Case:
    text, state = [rng.randrange(256) for _ in range(5)], [rng.getrandbits(32) for _ in range(4)]

    def rotate(x: int, k: int) -> int:
        return (x << k | x >> (32 - k)) & 0xFFFFFFFF

    def quarter(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
        """RFC 8439, section 2.1."""
        a = (a + b) & 0xFFFFFFFF
        d = rotate(d ^ a, 16)
        c = (c + d) & 0xFFFFFFFF
        b = rotate(b ^ c, 12)
        a = (a + b) & 0xFFFFFFFF
        d = rotate(d ^ a, 8)
        c = (c + d) & 0xFFFFFFFF
        b = rotate(b ^ c, 7)
        return a, b, c, d

    def result() -> Any:
        value = 0x811C9DC5
        for byte in text:
            value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
        return (value, list(quarter(*quarter(*state))))

    assert quarter(0x11111111, 0x01020304, 0x9B8D6F43, 0x01234567) == (0xEA2A92F4, 0xCB1CF8CE, 0x4581472E, 0x5881C4BB)
    return [text, state], result


@program()
def calendar(rng: random.Random) -> Case:
    def date() -> datetime.date:
        year = rng.choice([1900, 2000, 2023, 2024, rng.randrange(1, 9999)])
        return datetime.date(year, 1, 1) + datetime.timedelta(rng.randrange(365))

    first, second = date(), date()

    def result() -> tuple[int, int]:
        return ((second - first).days, second.weekday())

    return [struct("Date", year=d.year, month=d.month, day=d.day) for d in (first, second)], result


@program()
def number_theory(rng: random.Random) -> Case:
    a, b = rng.choice([0, 12, 46368, rng.getrandbits(16)]), rng.choice([0, 1, 28657, rng.getrandbits(16)])
    e = rng.randrange(256)

    def result() -> tuple[int, int, int]:
        if b == 0:
            raise Panicked("DivByZero")
        return (math.gcd(a, b), pow(a, e, b), math.isqrt(a * b))

    return [a, b, e], result
