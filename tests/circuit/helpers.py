"""Small helpers of the circuit tests: numbers and bits, all or random assignments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.circuit import Builder, Circuit

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "bristol"


def bristol_file(name: str) -> Path:
    """A public circuit; skips the test where the data is not there."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"public circuit {name} is not in ../shared/data/bristol")
    return path


def bits_of(number: int, width: int) -> list[int]:
    """Most significant bit first."""
    return [number >> k & 1 for k in range(width - 1, -1, -1)]


def table_bits(rows: Sequence[tuple[int, int]], key: int, payload: int) -> list[int]:
    """The bits of rows (key, payload)."""
    return [bit for k, p in rows for bit in bits_of(k, key) + bits_of(p, payload)]


def number_of(bits: Sequence[int]) -> int:
    """Inverse of bits_of."""
    value = 0
    for bit in bits:
        value = 2 * value + int(bit)
    return value


def signed(number: int, width: int) -> int:
    """Two's complement reading."""
    return number - (1 << width) if width and number >> (width - 1) else number


def assignments(inputs: int, most: int = 1500) -> np.ndarray:
    """All assignments of up to 12 inputs, else random ones, with rows of zeros and of ones; uint8 (N, inputs)."""
    if inputs <= 12:
        numbers = np.arange(1 << inputs)[:, None]
        return ((numbers >> np.arange(inputs - 1, -1, -1)) & 1).astype(np.uint8)
    rows = np.random.default_rng(inputs).integers(0, 2, (most, inputs), dtype=np.uint8)
    rows[0], rows[1] = 0, 1
    return rows


def built(widths: Sequence[int], operation: Callable[..., Sequence[object]]) -> tuple[Circuit, list[int]]:
    """The circuit of operation(builder, *words) and the widths of its results."""
    builder = Builder(widths)
    results = [np.atleast_1d(r).reshape(-1) for r in operation(builder, *map(builder.input, range(len(widths))))]
    return builder.finish(np.concatenate(results)), [len(r) for r in results]


def evaluated(circuit: Circuit, sizes: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """(input numbers, output numbers) for each assignment."""
    rows = assignments(circuit.inputs)
    cuts_in = np.cumsum((0, *circuit.input_bits))
    cuts_out = np.cumsum((0, *sizes))
    for given, result in zip(rows.tolist(), circuit.evaluate_many(rows).tolist()):
        yield (
            [number_of(given[s:e]) for s, e in pairwise(cuts_in)],
            [number_of(result[s:e]) for s, e in pairwise(cuts_out)],
        )


def check(
    widths: Sequence[int],
    operation: Callable[..., Sequence[object]],
    expected: Callable[..., Sequence[int | None]],
) -> Circuit:
    """Compares a word operation with Python numbers on all (or random) inputs; None: the value does not matter."""
    circuit, sizes = built(widths, operation)
    for given, result in evaluated(circuit, sizes):
        for value, wanted in zip(result, expected(*given), strict=True):
            assert wanted is None or value == wanted, f"inputs {given}: {result}"
    return circuit


def random_raw(seed: int, inputs: int, gates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A raw circuit with XOR, AND, NOT, negated operands and constants: op, a, b, outputs."""
    random = np.random.default_rng(seed)
    op = random.integers(0, 3, gates).astype(np.uint8)
    operands = np.empty((2, gates), np.uint32)
    for i in range(gates):
        low = max(0, inputs + i - 12)
        operands[:, i] = random.integers(2 * low, 2 * (inputs + i), 2)
    operands[random.random((2, gates)) < 0.05] = 0xFFFFFFFE
    operands[random.random((2, gates)) < 0.05] = 0xFFFFFFFF
    outputs = random.integers(0, 2 * (inputs + gates), 12).astype(np.uint32)
    outputs[3] = 0xFFFFFFFF
    return op, operands[0], operands[1], outputs


def evaluate_raw(op: np.ndarray, a: np.ndarray, b: np.ndarray, outputs: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Plain twin of the normal form and evaluation kernels: rows (N, I) -> (N, O)."""
    wires = list(rows.T.astype(np.int64))

    def value(literal: int) -> np.ndarray:
        if literal >= 0xFFFFFFFE:
            return np.full(len(rows), literal & 1, np.int64)
        return wires[literal >> 1] ^ (literal & 1)

    for kind, x, y in zip(op.tolist(), a.tolist(), b.tolist()):
        if kind == 2:
            wires.append(value(x) ^ 1)
        else:
            wires.append(value(x) ^ value(y) if kind == 0 else value(x) & value(y))
    return np.stack([value(o) for o in outputs.tolist()], axis=1)
