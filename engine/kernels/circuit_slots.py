"""Kernels that map the wires of a circuit to few reusable slots (garble specification, section 18.2)."""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel

FALSE = 0xFFFFFFFE
NEVER = 0xFFFFFFFF


@kernel
def last_uses(inputs, op, a, b, outputs, last):
    """Fills last uint32 (I+G,) with the gate that reads a wire last, plus 1; 0 if none does; NEVER for outputs."""
    for w in range(last.shape[0]):
        last[w] = 0
    for i in range(op.shape[0]):
        last[a[i] >> 1] = i + 1
        last[b[i] >> 1] = i + 1
    for k in range(outputs.shape[0]):
        if outputs[k] < FALSE:
            last[outputs[k] >> 1] = NEVER


@kernel
def assign_slots(inputs, op, a, b, last, slot, free, sa, sb, out, positions):
    """Assigns slots in gate order with a stack of free slots.

    last from :func:`last_uses`; slot uint32 (I+G,) and free uint32 (I+G,) are working space; fills sa, sb uint32 (G,)
    (2*slot+neg), out uint32 (G,), positions int64 (A+1,) (gate index of AND gate g, then G). Inputs get slots 0..I-1.
    Returns the number of slots.
    """
    top = 0
    used = inputs
    for w in range(inputs):
        slot[w] = w
    for w in range(inputs - 1, -1, -1):
        if last[w] == 0:
            free[top] = w
            top += 1
    ands = 0
    for i in range(op.shape[0]):
        x = np.int64(a[i])
        y = np.int64(b[i])
        sx = np.int64(slot[x >> 1])
        sy = np.int64(slot[y >> 1])
        sa[i] = 2 * sx | (x & 1)
        sb[i] = 2 * sy | (y & 1)
        if last[x >> 1] == i + 1:
            free[top] = sx
            top += 1
        if last[y >> 1] == i + 1 and x >> 1 != y >> 1:
            free[top] = sy
            top += 1
        if top > 0:
            top -= 1
            here = np.int64(free[top])
        else:
            here = used
            used += 1
        slot[inputs + i] = here
        out[i] = here
        if op[i] == 1:
            positions[ands] = i
            ands += 1
    positions[ands] = op.shape[0]
    return used


@kernel
def map_outputs(outputs, slot, out):
    """Literals of outputs in slots: 2*slot+neg, constants kept."""
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        out[k] = o if o >= FALSE else 2 * np.int64(slot[o >> 1]) | (o & 1)


@kernel
def evaluate_slots(op, a, b, out, outputs, state, result):
    """Evaluates a plan; state uint8 (slots,) holds the inputs on entry (tests, plain evaluation in little memory)."""
    for i in range(op.shape[0]):
        x = np.int64(a[i])
        y = np.int64(b[i])
        u = np.int64(state[x >> 1]) ^ (x & 1)
        v = np.int64(state[y >> 1]) ^ (y & 1)
        state[out[i]] = u ^ v if op[i] == 0 else u & v
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        bit = np.int64(0) if o >= FALSE else np.int64(state[o >> 1])
        result[k] = bit ^ (o & 1)
