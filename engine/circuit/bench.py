"""Circuits for benchmarks."""

from __future__ import annotations

import numpy as np

from engine.circuit.ir import Circuit
from engine.kernels import circuit_bench as kernels

INPUT_BITS = 128
OUTPUT_BITS = 128


def and_chain(ands: int, parties: int = 2, seed: int = 0) -> Circuit:
    """The ``and`` case: ``ands`` AND gates, each of two XORs of wires drawn from the last 1,024 wires.

    128 input bits per party; the last 128 wires are the outputs. So that no gate is without use, one operand of each
    step is an AND of the block of 128 steps before (a random permutation), and in the last 256 steps another one is
    the AND just before. The same (ands, parties, seed) give the same circuit everywhere.
    """
    if ands < 0 or parties < 1:
        raise ValueError("ands must not be negative and there must be a party")
    inputs = INPUT_BITS * parties
    op, a, b = np.empty(3 * ands, np.uint8), np.empty(3 * ands, np.uint32), np.empty(3 * ands, np.uint32)
    state = np.array([(seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) % 2**64 | 1], np.uint64)
    kernels.and_chain(inputs, ands, state, op, a, b)
    wires = inputs + 3 * ands
    outputs = 2 * np.arange(wires - OUTPUT_BITS, wires, dtype=np.uint32)
    return Circuit((INPUT_BITS,) * parties, op, a, b, outputs)
