"""Kernels that turn the builder's gates into a finished circuit: which gates are needed, their new numbers, the arrays.

Marks are one bit per wire and ranks one number per 64 wires, so that both stay in the processor's caches while
hundreds of millions of gates are renumbered. G: state of the builder, see engine/kernels/circuit_emit.py.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.circuit_emit import LEFT, LOW

ONE = np.uint64(1)


@inline
def _mark(wire, marks):
    marks[wire >> 6] |= ONE << np.uint64(wire & 63)


@inline
def _is_marked(wire, marks):
    return (marks[wire >> 6] >> np.uint64(wire & 63)) & ONE != 0


@inline
def _ones(word):
    """Number of ones of a uint64."""
    word = word - ((word >> ONE) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inline
def _rank(wire, marks, ranks):
    """Number of marked wires below this one: its number in the finished circuit."""
    below = marks[wire >> 6] & ((ONE << np.uint64(wire & 63)) - ONE)
    return np.int64(ranks[wire >> 6]) + _ones(below)


@kernel
def mark_live(inputs, outputs, G, marks, ranks):
    """Marks the inputs and what the outputs need, and counts.

    outputs int64 (O,) literals; marks uint64 (W,) with W = ceil(wires / 64), zero on entry: bit w & 63 of word w >> 6
    is set if wire w stays. ranks uint32 (W,): marked wires before each word. Wire 0, the constant, is not marked.
    Returns the number of marked wires.
    """
    for k in range(outputs.shape[0]):
        _mark(outputs[k] >> 1, marks)
    for w in range(1, inputs + 1):
        _mark(w, marks)
    for w in range(G[0] - 1, inputs, -1):
        if _is_marked(w, marks):
            g = G[w]
            _mark((g >> 33) & (LEFT >> 1), marks)
            _mark((g & LOW) >> 1, marks)
    marks[0] &= ~ONE
    total = 0
    for i in range(marks.shape[0]):
        ranks[i] = total
        total += _ones(marks[i])
    return total


@kernel
def gather(start, stop, inputs, G, marks, ranks, op, a, b):
    """Writes the marked gates among wires start..stop-1 to their places: op uint8, a, b uint32, with final literals."""
    j = _rank(start, marks, ranks) - inputs
    for w in range(start, stop):
        if _is_marked(w, marks):
            g = G[w]
            x = (g >> 32) & LEFT
            y = g & LOW
            op[j] = 1 if g < 0 else 0
            a[j] = 2 * _rank(x >> 1, marks, ranks) | (x & 1)
            b[j] = 2 * _rank(y >> 1, marks, ranks) | (y & 1)
            j += 1


@kernel
def number_outputs(literals, marks, ranks, out):
    """Final literals of the outputs: literals int64 (O,), out uint32 (O,). Constants: 0xFFFFFFFE and 0xFFFFFFFF."""
    for k in range(literals.shape[0]):
        wire = literals[k] >> 1
        number = _rank(wire, marks, ranks) if wire else np.int64(-1)
        out[k] = (2 * number | (literals[k] & 1)) & LOW
