"""Kernels on circuits in arrays: normal form, validation, evaluation, depth, packing.

Literals are uint32: 2*wire + neg; 0xFFFFFFFE and 0xFFFFFFFF are the constants 0 and 1 (so ``literal ^ 1`` negates in
every case). Inputs are wires 0..I-1, gate i drives wire I + i. Source: protocol specification, section 9.1.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel

FALSE = 0xFFFFFFFE
TRUE = 0xFFFFFFFF
XOR, AND, NOT = 0, 1, 2


@kernel
def fold(inputs, op, a, b, lit, na, nb):
    """Step 1 of the normal form: constants and NOT fold into literals.

    op uint8 (G,), a, b uint32 (G,) raw literals; fills lit uint32 (I+G,) with the literal (in raw wire numbers) or
    constant that each raw wire stands for, na, nb uint32 (G,) with the operands of the gates that stay. A gate stays
    iff ``lit[I+i] >> 1 == I+i``. Returns -1, or the index of the first gate with a bad operand or operation.
    """
    for w in range(inputs):
        lit[w] = 2 * w
    for i in range(op.shape[0]):
        here = 2 * (inputs + i)
        x = np.int64(a[i])
        y = np.int64(b[i])
        kind = op[i]
        if kind == NOT:
            y = x
        if kind > NOT or (x < FALSE and x >= here) or (y < FALSE and y >= here):
            return i
        if x < FALSE:
            x = np.int64(lit[x >> 1]) ^ (x & 1)
        if y < FALSE:
            y = np.int64(lit[y >> 1]) ^ (y & 1)
        if kind == NOT:
            out = x ^ 1
        elif kind == XOR:
            if x >= FALSE:
                out = y ^ (x & 1)
            elif y >= FALSE:
                out = x ^ (y & 1)
            elif x >> 1 == y >> 1:
                out = FALSE | ((x ^ y) & 1)
            else:
                na[i] = x & ~1
                nb[i] = y & ~1
                out = here | ((x ^ y) & 1)
        else:
            if x == FALSE or y == FALSE or x == y ^ 1:
                out = FALSE
            elif x == TRUE or y == x:
                out = y
            elif y == TRUE:
                out = x
            else:
                na[i] = x
                nb[i] = y
                out = here
        lit[inputs + i] = out
    return -1


@kernel
def number_live(inputs, lit, na, nb, outputs, number):
    """Steps 2 and 3: marks the gates from which an output can be reached and numbers them in order.

    lit, na, nb from :func:`fold`; outputs uint32 (O,) raw literals, replaced in place by final literals; number
    uint32 (I+G,), zero on entry, holds afterwards the new wire number plus 1 of each wire that stays (else 0).
    Returns the number of gates that stay, or -1 if an output is out of range.
    """
    wires = lit.shape[0]
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        if o < FALSE:
            if o >= 2 * wires:
                return -1
            o = np.int64(lit[o >> 1]) ^ (o & 1)
            outputs[k] = o
            if o < FALSE:
                number[o >> 1] = 1
    for i in range(wires - inputs - 1, -1, -1):
        if number[inputs + i] != 0:
            number[na[i] >> 1] = 1
            number[nb[i] >> 1] = 1
    for w in range(inputs):
        number[w] = w + 1
    count = 0
    for w in range(inputs, wires):
        if number[w] != 0:
            count += 1
            number[w] = inputs + count
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        if o < FALSE:
            outputs[k] = 2 * (np.int64(number[o >> 1]) - 1) | (o & 1)
    return count


@kernel
def gather_live(inputs, op, na, nb, number, new_op, new_a, new_b):
    """Copies the gates that :func:`number_live` kept, with renumbered operands."""
    for i in range(op.shape[0]):
        w = np.int64(number[inputs + i])
        if w != 0:
            j = w - 1 - inputs
            x = np.int64(na[i])
            y = np.int64(nb[i])
            new_op[j] = op[i]
            new_a[j] = 2 * (np.int64(number[x >> 1]) - 1) | (x & 1)
            new_b[j] = 2 * (np.int64(number[y >> 1]) - 1) | (y & 1)


@kernel
def check_normal(inputs, op, a, b, outputs, used):
    """Checks every rule of the normal form; used uint8 (I+G,), zero on entry.

    Returns -1 if all is well, the index of a bad gate, or G + k for the bad output k.
    """
    gates = op.shape[0]
    for i in range(gates):
        here = 2 * (inputs + i)
        x = np.int64(a[i])
        y = np.int64(b[i])
        if op[i] > AND or x >= here or y >= here or x >> 1 == y >> 1:
            return i
        if op[i] == XOR and (x | y) & 1:
            return i
        used[x >> 1] = 1
        used[y >> 1] = 1
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        if o < FALSE:
            if o >= 2 * (inputs + gates):
                return gates + k
            used[o >> 1] = 1
    for i in range(gates):
        if used[inputs + i] == 0:
            return i
    return -1


@kernel
def evaluate_words(inputs, op, a, b, outputs, wires, out):
    """Evaluates 64 assignments at once: wires uint64 (I+G,) with the inputs filled in, out uint64 (O,)."""
    ones = ~np.uint64(0)
    for i in range(op.shape[0]):
        x = wires[a[i] >> 1]
        y = wires[b[i] >> 1]
        if op[i] == XOR:
            wires[inputs + i] = x ^ y
        else:
            if a[i] & 1:
                x = x ^ ones
            if b[i] & 1:
                y = y ^ ones
            wires[inputs + i] = x & y
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        v = np.uint64(0) if o >= FALSE else wires[o >> 1]
        out[k] = v ^ ones if o & 1 else v


@kernel
def evaluate_bits(inputs, op, a, b, outputs, wires, out):
    """Evaluates one assignment: wires uint8 (I+G,) of 0/1 with the inputs filled in, out uint8 (O,)."""
    for i in range(op.shape[0]):
        x = np.int64(a[i])
        y = np.int64(b[i])
        u = np.int64(wires[x >> 1]) ^ (x & 1)
        v = np.int64(wires[y >> 1]) ^ (y & 1)
        wires[inputs + i] = u ^ v if op[i] == XOR else u & v
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        bit = np.int64(0) if o >= FALSE else np.int64(wires[o >> 1])
        out[k] = bit ^ (o & 1)


@kernel
def and_depth(inputs, op, a, b, outputs, depth):
    """Largest number of AND gates on a path to an output; depth uint32 (I+G,), zero on entry."""
    for i in range(op.shape[0]):
        d = max(np.int64(depth[a[i] >> 1]), np.int64(depth[b[i] >> 1]))
        depth[inputs + i] = d + np.int64(op[i])
    best = np.int64(0)
    for k in range(outputs.shape[0]):
        if outputs[k] < FALSE:
            best = max(best, np.int64(depth[outputs[k] >> 1]))
    return best


@inline
def _pack_group(op, a, b, first, count, out, word):
    """Eight gates fill nine words; after ``count`` of them the last is repeated."""
    carry = np.uint64(0)
    for k in range(8):
        i = np.uint64(first + min(k, count - 1))
        value = np.uint64(op[i]) | np.uint64(a[i]) << np.uint64(8) | np.uint64(b[i]) << np.uint64(40)
        up = np.uint64(8 * k)
        out[np.uint64(word + k)] = carry | value << up
        carry = value >> np.uint64(1) >> (np.uint64(63) - up) | np.uint64(b[i]) >> np.uint64(24) << up
    out[np.uint64(word + 8)] = carry


@kernel
def pack_gates(op, a, b, out):
    """The 9 bytes of each gate in the circuit digest: op, a and b little-endian; out uint64 (9 * ceil(G/8),)."""
    whole = op.shape[0] // 8
    for group in range(whole):
        _pack_group(op, a, b, 8 * group, 8, out, 9 * group)
    if op.shape[0] > 8 * whole:
        _pack_group(op, a, b, 8 * whole, op.shape[0] - 8 * whole, out, 9 * whole)
