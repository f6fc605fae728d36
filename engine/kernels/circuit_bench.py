"""Kernel that draws the circuit of the ``and`` benchmark."""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel

WINDOW = 1024
BLOCK = 128


@kernel
def draw(state, bound):
    """Next number below bound from a xorshift64* generator; state uint64 (1,), never zero."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33)) % bound


@kernel
def and_chain(inputs, ands, state, op, a, b):
    """Fills op, a, b (3*ands,): two XOR gates and the AND of them for each step; see engine/circuit/bench.py."""
    order = np.arange(BLOCK)
    for i in range(ands):
        if i % BLOCK == 0:
            for k in range(BLOCK - 1, 0, -1):
                j = draw(state, k + 1)
                order[k], order[j] = order[j], order[k]
        wires = inputs + 3 * i
        low = max(0, wires - WINDOW)
        first = draw(state, wires - low) + low
        third = draw(state, wires - low) + low
        if i >= BLOCK:
            first = inputs + 3 * ((i // BLOCK - 1) * BLOCK + order[i % BLOCK]) + 2
        if i > 0 and i >= ands - 2 * BLOCK:
            third = wires - 1
        second = first
        while second == first:
            second = draw(state, wires - low) + low
        fourth = third
        while fourth == third or (
            min(first, second) == min(third, fourth) and max(first, second) == max(third, fourth)
        ):
            fourth = draw(state, wires - low) + low
        g = 3 * i
        op[g] = 0
        a[g] = 2 * first
        b[g] = 2 * second
        op[g + 1] = 0
        a[g + 1] = 2 * third
        b[g + 1] = 2 * fourth
        op[g + 2] = 1
        a[g + 2] = 2 * wires
        b[g + 2] = 2 * (wires + 1)
