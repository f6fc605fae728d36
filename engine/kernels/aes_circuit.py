"""AES-128 as a circuit of word operations: the bitsliced form behind :mod:`engine.kernels.aes_portable`.

The layout is that of T. Pornin's BearSSL ``aes_ct64``: eight words hold bit 0..7 of 64 bytes, that is four blocks; in a
word, a group of 16 bits is a row, 4 bits in it a column, one bit in these a block. The S-box is the circuit of Boyar
and Peralta (2011). There is no table and no branch.

A word is anything with ``^ & |`` between words or with an int and ``<< >>`` by an int on 64 bits: numpy's uint64 and
arrays of it, or the values from which :mod:`engine.kernels.aes_portable` emits LLVM code. Eight words are a tuple.
"""

from __future__ import annotations

from typing import Any

Word = Any
Planes = tuple[Any, ...]


def sub_bytes(q: Planes) -> Planes:
    """SubBytes on eight bit planes (plane i holds bit i of every byte)."""
    q0, q1, q2, q3, q4, q5, q6, q7 = q
    x0, x1, x2, x3, x4, x5, x6, x7 = q7, q6, q5, q4, q3, q2, q1, q0
    y14 = x3 ^ x5
    y13 = x0 ^ x6
    y9 = x0 ^ x3
    y8 = x0 ^ x5
    t0 = x1 ^ x2
    y1 = t0 ^ x7
    y4 = y1 ^ x3
    y12 = y13 ^ y14
    y2 = y1 ^ x0
    y5 = y1 ^ x6
    y3 = y5 ^ y8
    t1 = x4 ^ y12
    y15 = t1 ^ x5
    y20 = t1 ^ x1
    y6 = y15 ^ x7
    y10 = y15 ^ t0
    y11 = y20 ^ y9
    y7 = x7 ^ y11
    y17 = y10 ^ y11
    y19 = y10 ^ y8
    y16 = t0 ^ y11
    y21 = y13 ^ y16
    y18 = x0 ^ y16
    t2 = y12 & y15
    t4 = (y3 & y6) ^ t2
    t6 = (y4 & x7) ^ t2
    t7 = y13 & y16
    t9 = (y5 & y1) ^ t7
    t11 = (y2 & y7) ^ t7
    t12 = y9 & y11
    t14 = (y14 & y17) ^ t12
    t16 = (y8 & y10) ^ t12
    t21 = t4 ^ t14 ^ y20
    t22 = t6 ^ t16 ^ y19
    t23 = t9 ^ t14 ^ y21
    t24 = t11 ^ t16 ^ y18
    t25 = t21 ^ t22
    t26 = t21 & t23
    t27 = t24 ^ t26
    t29 = (t25 & t27) ^ t22
    t30 = t23 ^ t24
    t31 = t22 ^ t26
    t33 = (t31 & t30) ^ t24
    t34 = t23 ^ t33
    t35 = t27 ^ t33
    t36 = t24 & t35
    t37 = t36 ^ t34
    t38 = t27 ^ t36
    t40 = t25 ^ (t29 & t38)
    t41 = t40 ^ t37
    t42 = t29 ^ t33
    t43 = t29 ^ t40
    t44 = t33 ^ t37
    t45 = t42 ^ t41
    z0 = t44 & y15
    z1 = t37 & y6
    z2 = t33 & x7
    z3 = t43 & y16
    z4 = t40 & y1
    z5 = t29 & y7
    z6 = t42 & y11
    z7 = t45 & y17
    z8 = t41 & y10
    z9 = t44 & y12
    z10 = t37 & y3
    z11 = t33 & y4
    z12 = t43 & y13
    z13 = t40 & y5
    z14 = t29 & y2
    z15 = t42 & y9
    z16 = t45 & y14
    z17 = t41 & y8
    t46 = z15 ^ z16
    t48 = z5 ^ z13
    t50 = z2 ^ z12
    t53 = z0 ^ z3
    t54 = z6 ^ z7
    t57 = t50 ^ t53
    t58 = z4 ^ t46
    t59 = z3 ^ t54
    t60 = t46 ^ t57
    t61 = z14 ^ t57
    t62 = z7 ^ z8 ^ t58
    t63 = z9 ^ z10 ^ t58
    t64 = z4 ^ t59
    t65 = t61 ^ t62
    t66 = z1 ^ t63
    t67 = t64 ^ t65
    ones = 0xFFFFFFFFFFFFFFFF
    s3 = t53 ^ t66
    return (
        t48 ^ t60 ^ ones,  # bit 0
        z12 ^ t48 ^ t62 ^ ones,
        z10 ^ z11 ^ t65,
        z2 ^ z5 ^ t66,
        s3,
        z16 ^ z17 ^ t67 ^ ones,
        t64 ^ s3 ^ ones,
        t59 ^ t63,  # bit 7
    )


def _shift_rows_plane(x):
    return (
        (x & 0x000000000000FFFF)
        | ((x & 0x00000000FFF00000) >> 4)
        | ((x & 0x00000000000F0000) << 12)
        | ((x & 0x0000FF0000000000) >> 8)
        | ((x & 0x000000FF00000000) << 8)
        | ((x & 0xF000000000000000) >> 12)
        | ((x & 0x0FFF000000000000) << 4)
    )


def shift_rows(q: Planes) -> Planes:
    """ShiftRows."""
    return tuple(_shift_rows_plane(plane) for plane in q)


def _next_row(x):
    return (x >> 16) | (x << 48)


def _opposite_row(x):
    return (x >> 32) | (x << 32)


def mix_columns(q: Planes) -> Planes:
    q0, q1, q2, q3, q4, q5, q6, q7 = q
    r0, r1, r2, r3, r4, r5, r6, r7 = (_next_row(plane) for plane in q)
    top = q7 ^ r7
    return (
        top ^ r0 ^ _opposite_row(q0 ^ r0),
        q0 ^ r0 ^ top ^ r1 ^ _opposite_row(q1 ^ r1),
        q1 ^ r1 ^ r2 ^ _opposite_row(q2 ^ r2),
        q2 ^ r2 ^ top ^ r3 ^ _opposite_row(q3 ^ r3),
        q3 ^ r3 ^ top ^ r4 ^ _opposite_row(q4 ^ r4),
        q4 ^ r4 ^ r5 ^ _opposite_row(q5 ^ r5),
        q5 ^ r5 ^ r6 ^ _opposite_row(q6 ^ r6),
        q6 ^ r6 ^ r7 ^ _opposite_row(q7 ^ r7),
    )


def xor(a: Planes, b: Planes) -> Planes:
    """AddRoundKey, plane by plane."""
    return tuple(x ^ y for x, y in zip(a, b))


def _swap(a, b, low, high, shift):
    """Exchange the ``high`` bits of ``a`` with the ``low`` bits of ``b``."""
    return (a & low) | ((b & low) << shift), ((a & high) >> shift) | (b & high)


def ortho(q: Planes) -> Planes:
    """Transpose 8 planes between byte order and bit planes (its own inverse)."""
    a0, a1, a2, a3, a4, a5, a6, a7 = q
    low, high, shift = 0x5555555555555555, 0xAAAAAAAAAAAAAAAA, 1
    a0, a1 = _swap(a0, a1, low, high, shift)
    a2, a3 = _swap(a2, a3, low, high, shift)
    a4, a5 = _swap(a4, a5, low, high, shift)
    a6, a7 = _swap(a6, a7, low, high, shift)
    low, high, shift = 0x3333333333333333, 0xCCCCCCCCCCCCCCCC, 2
    a0, a2 = _swap(a0, a2, low, high, shift)
    a1, a3 = _swap(a1, a3, low, high, shift)
    a4, a6 = _swap(a4, a6, low, high, shift)
    a5, a7 = _swap(a5, a7, low, high, shift)
    low, high, shift = 0x0F0F0F0F0F0F0F0F, 0xF0F0F0F0F0F0F0F0, 4
    a0, a4 = _swap(a0, a4, low, high, shift)
    a1, a5 = _swap(a1, a5, low, high, shift)
    a2, a6 = _swap(a2, a6, low, high, shift)
    a3, a7 = _swap(a3, a7, low, high, shift)
    return a0, a1, a2, a3, a4, a5, a6, a7


def _spread(x):
    """Bytes 0..3 to the even bytes."""
    x = x & 0xFFFFFFFF
    x = (x | (x << 16)) & 0x0000FFFF0000FFFF
    return (x | (x << 8)) & 0x00FF00FF00FF00FF


def _gather(x):
    """Even bytes to the bytes 0..3."""
    x = x & 0x00FF00FF00FF00FF
    x = (x | (x >> 8)) & 0x0000FFFF0000FFFF
    return (x | (x >> 16)) & 0xFFFFFFFF


def interleave(low, high):
    """A block as two words of the byte order that :func:`ortho` takes."""
    return _spread(low) | (_spread(high) << 8), _spread(low >> 32) | (_spread(high >> 32) << 8)


def deinterleave(a, b):
    """Inverse of :func:`interleave`: (low, high)."""
    low = _gather(a) | (_gather(b) << 32)
    return low, _gather(a >> 8) | (_gather(b >> 8) << 32)


def slice4(words: Planes) -> Planes:
    """Bit planes of four blocks (low 0, high 0, low 1, high 1, ...)."""
    pairs = [interleave(words[2 * block], words[2 * block + 1]) for block in range(4)]
    return ortho(tuple(a for a, _ in pairs) + tuple(b for _, b in pairs))


def unslice4(q: Planes) -> Planes:
    """Inverse of :func:`slice4`."""
    q = ortho(q)
    words = ()
    for block in range(4):
        words += deinterleave(q[block], q[block + 4])
    return words


def _key_plane(key, substituted, constant, bit):
    """One bit plane of the next round keys from the keys and their SubBytes."""
    word = (substituted & 0xF000F000F000F000) >> 12  # last column to column 0
    flag = (constant >> bit) & 1
    flag = flag | (flag << 1)
    word = _next_row(word) ^ (flag | (flag << 2))  # RotWord, round constant in row 0
    key = key ^ word
    key = key ^ ((key << 4) & 0xFFF0FFF0FFF0FFF0)
    return key ^ ((key << 8) & 0xFF00FF00FF00FF00)


def next_keys(keys, substituted, constant):
    """The next round keys of four schedules from the keys, their SubBytes and the round constant."""
    return tuple(_key_plane(keys[bit], substituted[bit], constant, bit) for bit in range(8))


def substitute_and_shift(state: Planes) -> Planes:
    """SubBytes and ShiftRows: the part that all rounds have."""
    return shift_rows(sub_bytes(state))


# Hash form: the places 0 and 1 hold data, place 3 the key, so that one S-box serves data and key schedule.


def spread_key(keys):
    """The key of place 3 in the places 0 and 1."""
    return tuple(((k & 0x8888888888888888) >> 3) | ((k & 0x8888888888888888) >> 2) for k in keys)


def start_with_key(planes):
    """First AddRoundKey: the data with the key of place 3."""
    return xor(planes, spread_key(planes))


def substitute_with_key(state, keys):
    """SubBytes of the data in the places 0 and 1 and of the key in place 3."""
    return sub_bytes(tuple((s & 0x3333333333333333) | (k & 0x8888888888888888) for s, k in zip(state, keys)))
