"""Kernels that map the wires of a circuit to few reusable slots (garble specification, section 18.2).

Last uses come from one pass backwards; slots are then given segment by segment, with memory for live wires only: the
map from wires to slots is made of blocks of 4,096 wires, whose places are used again after the last use of a block.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel

FALSE = 0xFFFFFFFE
BLOCK_BITS = 12
BLOCK = 1 << BLOCK_BITS
LOW = BLOCK - 1
U, ONE = np.uint64, np.uint64(1)
NEVER = 0xFFFFFFFF
#: Places in the counters of a walk.
FREE_SLOTS, USED_SLOTS, FREE_BLOCKS, COUNTERS = 0, 1, 2, 3


@kernel
def last_uses(inputs, a, b, outputs, used, last, ends):
    """Fills ``last`` uint8 (ceil(G/4),) with two bits a gate: it reads its operand a (1), b (2) for the last time.

    ``used`` uint64 (I+G bits,), zero on entry, gets a bit for every wire that a gate or output reads. ``ends`` uint32,
    one per block of wires, gets the block of the last gate that reads one of them, NEVER for outputs. Returns the
    number of slots needed: the most wires that live at one time, at least I.
    """
    for k in range(ends.shape[0]):
        ends[k] = k
    live = 0
    for k in range(outputs.shape[0]):
        if outputs[k] < FALSE:
            w = np.uint64(outputs[k] >> 1)
            bit = (used[w >> np.uint64(6)] >> (w & np.uint64(63))) & np.uint64(1)
            used[w >> np.uint64(6)] |= np.uint64(1) << (w & np.uint64(63))
            live += 1 - np.int64(bit)
            ends[w >> np.uint64(BLOCK_BITS)] = NEVER
    most = max(inputs, live)
    dead = 0
    packed = np.uint64(0)
    for i in range(a.shape[0] - 1, -1, -1):
        w = np.uint64(inputs + i)
        bit = np.int64((used[w >> np.uint64(6)] >> (w & np.uint64(63))) & np.uint64(1))
        dead += 1 - bit  # never read: keeps its slot
        most = max(most, live)
        live -= bit
        x, y = np.uint64(a[i] >> 1), np.uint64(b[i] >> 1)
        first_x = ((used[x >> np.uint64(6)] >> (x & np.uint64(63))) & np.uint64(1)) ^ np.uint64(1)
        used[x >> np.uint64(6)] |= np.uint64(1) << (x & np.uint64(63))
        first_y = ((used[y >> np.uint64(6)] >> (y & np.uint64(63))) & np.uint64(1)) ^ np.uint64(1)
        used[y >> np.uint64(6)] |= np.uint64(1) << (y & np.uint64(63))
        live += np.int64(first_x + first_y)
        block = np.uint32(np.int64(w) >> BLOCK_BITS)
        ends[x >> np.uint64(BLOCK_BITS)] = max(ends[x >> np.uint64(BLOCK_BITS)], block)
        ends[y >> np.uint64(BLOCK_BITS)] = max(ends[y >> np.uint64(BLOCK_BITS)], block)
        packed = packed << np.uint64(2) | first_x | first_y << np.uint64(1)
        if i & 3 == 0:
            last[i >> 2] = np.uint8(packed & np.uint64(255))
    return most + dead


@kernel
def gates_until(op, start, ands):
    """The gate after the AND gate number ``ands`` (counted from 1) that follows ``start``; all gates if there are
    fewer."""
    i = start
    left = ands
    while i + 256 <= op.shape[0]:
        found = 0
        for k in range(i, i + 256):
            found += op[k]
        if found >= left:
            break
        left -= found
        i += 256
    while i < op.shape[0] and left > 0:
        left -= np.int64(op[i])
        i += 1
    return i


@kernel
def _open_block(block, table, ended, following, blocks, counters):
    """A block of wires begins: the places of those that ended with the block before are free, it takes one."""
    top = counters[FREE_BLOCKS]
    if block > 0:
        old = ended[block - 1]
        while old >= 0:
            blocks[top] = table[old]
            top += 1
            old = following[old]
    top -= 1
    table[block] = blocks[top]
    counters[FREE_BLOCKS] = top


@kernel
def begin_slots(inputs, used, ends, table, pool, ended, following, blocks, free, counters):
    """State before the first gate: inputs have the slots 0..I-1; those of inputs that nothing reads are free.

    ``ended`` and ``following`` int32 become the lists of blocks of wires by the block with which they end.
    """
    count = ends.shape[0]
    for k in range(count):
        blocks[k] = count - 1 - k
        ended[k] = -1
    for k in range(count):
        if ends[k] != NEVER:
            following[k] = ended[ends[k]]
            ended[ends[k]] = k
    counters[FREE_BLOCKS] = count
    counters[USED_SLOTS] = inputs
    for w in range(inputs):
        if w & LOW == 0:
            _open_block(w >> BLOCK_BITS, table, ended, following, blocks, counters)
        pool[np.int64(table[w >> BLOCK_BITS]) << BLOCK_BITS | (w & LOW)] = w
    top = 0
    for w in range(inputs - 1, -1, -1):
        if (used[w >> 6] >> np.uint64(w & 63)) & np.uint64(1) == 0:
            free[top] = w
            top += 1
    counters[FREE_SLOTS] = top


@kernel
def assign_slots(start, stop, inputs, op, a, b, last, table, pool, ended, following, blocks, free, counters, gates):
    """Gives slots to the gates start .. stop-1 in order, with a stack of free slots.

    ``table`` uint32: place of each block of wires in ``pool`` uint32 (wire -> slot); ``ended``, ``following`` as
    :func:`begin_slots` left them; ``blocks`` and ``free`` uint32: stacks of free places and slots; ``counters``:
    int64 (3,). Fills ``gates`` uint32 (3 words a gate): 2*slot + neg of both operands, 2*slot + op of the result.
    """
    # Unsigned numbers throughout: numba would test signed indices for counting from the end.
    top, used = U(counters[FREE_SLOTS]), U(counters[USED_SLOTS])
    wire, at = U(inputs + start), U(0)
    for i in range(U(start), U(stop)):
        x, y = U(a[i]), U(b[i])
        sx = U(pool[U(table[x >> U(BLOCK_BITS + 1)]) << U(BLOCK_BITS) | (x >> ONE & U(LOW))])
        sy = U(pool[U(table[y >> U(BLOCK_BITS + 1)]) << U(BLOCK_BITS) | (y >> ONE & U(LOW))])
        flags = U(last[i >> U(2)]) >> (U(2) * (i & U(3)))
        # Without branches: whether a wire ends here is as good as random.
        free[top] = sx
        top += flags & ONE
        free[top] = sy
        top += flags >> ONE & ONE
        if top > U(0):
            top -= ONE
            here = U(free[top])
        else:
            here = used
            used += ONE
        if wire & U(LOW) == U(0):
            _open_block(np.int64(wire >> U(BLOCK_BITS)), table, ended, following, blocks, counters)
        pool[U(table[wire >> U(BLOCK_BITS)]) << U(BLOCK_BITS) | (wire & U(LOW))] = here
        gates[at] = sx << ONE | (x & ONE)
        gates[at + ONE] = sy << ONE | (y & ONE)
        gates[at + U(2)] = here << ONE | U(op[i])
        wire += ONE
        at += U(3)
    counters[FREE_SLOTS], counters[USED_SLOTS] = top, used


@kernel
def map_outputs(outputs, table, pool, out):
    """Literals of outputs in slots: 2*slot+neg, constants kept."""
    for k in range(outputs.shape[0]):
        o = np.int64(outputs[k])
        if o >= FALSE:
            out[k] = o
        else:
            slot = np.int64(pool[np.int64(table[o >> (BLOCK_BITS + 1)]) << BLOCK_BITS | (o >> 1 & LOW)])
            out[k] = 2 * slot | (o & 1)


@kernel
def evaluate_slots(gates, state):
    """Evaluates the gates of a segment in ``state`` uint8 (slots,), which holds the inputs before the first one."""
    for i in range(gates.shape[0] // 3):
        x, y, out = np.int64(gates[3 * i]), np.int64(gates[3 * i + 1]), np.int64(gates[3 * i + 2])
        u = np.int64(state[x >> 1]) ^ (x & 1)
        v = np.int64(state[y >> 1]) ^ (y & 1)
        state[out >> 1] = u & v if out & 1 else u ^ v
