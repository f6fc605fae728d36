"""Kernels that read and write the gate lines of circuit files (garble specification, section 18.3).

A line is ``<inputs> <outputs> <input wires> <output wire> <NAME>`` in ASCII. Reading handles the usual lines, XOR, AND
and INV without a mistake, and stops at any other one: those are rare, and Python finds the words for a mistake.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel

XOR, AND, INV, EQ = 0, 1, 2, 3
LONGEST_LINE = 4 + 3 * 11 + 4  # "2 1 ", three numbers of up to ten digits with a blank, "XOR" and the end of the line
UNSET = 0xFFFFFFFC  # no literal of a wire: circuits have fewer wires; see MAX_WIRES
DONE, OTHER, FULL = 0, 1, 2
BLANK, TAB, RETURN, NEWLINE, ZERO = 32, 9, 13, 10, 48


@kernel
def number_wires(inputs, a, b, is_output, number, inverse):
    """Numbers of the wires of a circuit in a file, with a wire of its own for each negation that a gate reads.

    is_output uint8 (I+G,): wires that are outputs themselves and get their numbers elsewhere; fills number and inverse
    uint32 (I+G,), both zero on entry but for number[:I], the places of the inputs. inverse stays 0 where no gate reads
    the negation. Returns the next free number.
    """
    for i in range(a.shape[0]):
        if a[i] & 1:
            inverse[a[i] >> 1] = 1
        if b[i] & 1:
            inverse[b[i] >> 1] = 1
    free = np.int64(inputs)
    for w in range(number.shape[0]):
        if w >= inputs and is_output[w] == 0:
            number[w] = free
            free += 1
        if inverse[w] != 0:
            inverse[w] = free
            free += 1
    return free


@kernel
def list_gates(inputs, start, stop, op, a, b, number, inverse, gates):
    """The lines of the wires start..stop-1 (inputs have one if their negation is read) as rows of gates.

    gates uint32 (>= 2 * (stop - start), 4): kind, two wires of the file, result. Returns the number of rows.
    """
    row = 0
    for w in range(start, stop):
        if w >= inputs:
            x = a[w - inputs]
            y = b[w - inputs]
            gates[row, 0] = op[w - inputs]
            gates[row, 1] = inverse[x >> 1] if x & 1 else number[x >> 1]
            gates[row, 2] = inverse[y >> 1] if y & 1 else number[y >> 1]
            gates[row, 3] = number[w]
            row += 1
        if inverse[w] != 0:
            gates[row, 0] = INV
            gates[row, 1] = number[w]
            gates[row, 3] = inverse[w]
            row += 1
    return row


@inline
def put(value, text, at):
    """Writes a number and a blank; returns the place behind."""
    digits = 1
    rest = value // 10
    while rest:
        digits += 1
        rest //= 10
    for k in range(digits - 1, -1, -1):
        text[at + k] = ZERO + value % 10
        value //= 10
    text[at + digits] = BLANK
    return at + digits + 1


@kernel
def write_lines(gates, rows, text):
    """Writes the first rows of gates (as of :func:`list_gates`) as lines; text uint8 (>= rows * LONGEST_LINE,).

    Returns the number of bytes.
    """
    at = 0
    for row in range(rows):
        kind = gates[row, 0]
        at = put(np.int64(2 if kind < INV else 1), text, at)
        at = put(np.int64(1), text, at)
        at = put(np.int64(gates[row, 1]), text, at)
        if kind < INV:
            at = put(np.int64(gates[row, 2]), text, at)
        at = put(np.int64(gates[row, 3]), text, at)
        if kind == XOR:
            text[at], text[at + 1], text[at + 2] = 88, 79, 82
        elif kind == AND:
            text[at], text[at + 1], text[at + 2] = 65, 78, 68
        elif kind == INV:
            text[at], text[at + 1], text[at + 2] = 73, 78, 86
        else:
            text[at], text[at + 1] = 69, 81
            at -= 1
        text[at + 3] = NEWLINE
        at += 4
    return at


@inline
def is_space(c):
    """Between the words of a line."""
    return c in (BLANK, TAB, RETURN)


@inline
def kind_of(x, y, z):
    """The gate of three letters, or -1."""
    if x == 88 and y == 79 and z == 82:
        return XOR
    if x == 65 and y == 78 and z == 68:
        return AND
    if x == 73 and y == 78 and z == 86:
        return INV
    return -1


@kernel
def read_lines(text, state, inputs, literal, op, a, b, fields):
    """Reads gate lines from state[0] on; text uint8 ends with a newline.

    state int64 (4,): place in text, lines read, gate lines among them, gates in op, a, b; at the end that of the first
    line that was not read. literal uint32 (wires of the file,): literal XOR UNSET of each wire, so 0 where no gate
    assigned it; gates go to op uint8, a, b uint32 as a raw circuit. fields int64 (5,): working space.

    Returns DONE at the end of the text, FULL when op has no room, OTHER at a line that is for Python.
    """
    wires = literal.shape[0]
    at = state[0]
    while at < text.shape[0]:
        count = 0
        kind = -2  # no name yet
        while True:
            while is_space(text[at]):
                at += 1
            c = text[at]
            if c == NEWLINE:
                break
            if kind != -2:
                return OTHER
            if ZERO <= c < ZERO + 10:
                value = np.int64(0)
                first = at
                while ZERO <= text[at] < ZERO + 10:
                    value = value * 10 + np.int64(text[at]) - ZERO
                    at += 1
                    if at - first > 10:
                        return OTHER
                if count == 5 or not (is_space(text[at]) or text[at] == NEWLINE):
                    return OTHER
                fields[count] = value
                count += 1
            else:
                if at + 3 >= text.shape[0] or not (is_space(text[at + 3]) or text[at + 3] == NEWLINE):
                    return OTHER
                kind = kind_of(c, text[at + 1], text[at + 2])
                if kind == -1:
                    return OTHER
                at += 3
        if count or kind != -2:
            sources = 1 if kind == INV else 2
            if kind < 0 or count != sources + 3 or fields[0] != sources or fields[1] != 1:
                return OTHER
            x = fields[2]
            y = fields[1 + sources]
            target = fields[2 + sources]
            if x >= wires or y >= wires or target >= wires:
                return OTHER
            if literal[x] == 0 or literal[y] == 0 or literal[target] != 0:
                return OTHER
            if kind == INV:
                literal[target] = literal[x] ^ 1
            else:
                gate = state[3]
                if gate == op.shape[0]:
                    return FULL
                op[gate] = kind
                a[gate] = literal[x] ^ UNSET
                b[gate] = literal[y] ^ UNSET
                literal[target] = (2 * (inputs + gate)) ^ UNSET
                state[3] = gate + 1
            state[2] += 1
        at += 1
        state[0] = at
        state[1] += 1
    return DONE
