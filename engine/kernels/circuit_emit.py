"""Kernels that emit gates: folding, sharing (hash-consing) and elementwise operations of the builder.

State of a builder, passed to every kernel:

* G int64: gate words by wire, ``(op << 63) | (a << 32) | b`` with op 1 for AND (so an AND word is negative) and
  literals a, b = 2*wire + neg (XOR: neg 0). Wire 0 is the constant (literal 0 false, 1 true); G[0] holds the number of
  the next free wire; inputs hold the word of "AND 0 0", which no gate has.
* H int64: table from gate word to wire, buckets of eight entries (one cache line), 0 = empty. An entry is the wire in
  the low 30 bits and bits of the mixed gate word above, so that G is looked at only for a likely match. If a bucket is
  full an entry is overwritten: that only loses sharing. The caller provides enough room in G. The hash leaves out
  negations: a & b, a & !b, !a & b and !a & !b are one AND, the others are made of it by XOR.

Rules: constants, x^x, x&x, x&!x, and those two-level ones that never cost an AND (garble specification, section 19).
"""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel

AND_BIT = -(2**63)
INPUT_WORD = AND_BIT
LOW = 0xFFFFFFFF
LEFT = 0x7FFFFFFF
WIRE_BITS = 30
WIRE = 2**WIRE_BITS - 1
PLAIN = ~(2**32 + 1)  # a gate word without the negations
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@inline
def mix(word):
    """Hash of a gate word, not negative. In uint64: overflow of a signed product is undefined in machine code."""
    return np.int64((np.uint64(word) * GOLDEN) >> np.uint64(1))


@inline
def first_slot(mixed, H):
    """First entry of the bucket of a mixed gate word."""
    return ((mixed >> 29) ^ (mixed >> 46)) & (H.shape[0] - 8)


@inline
def emit(word, G, H):
    """The literal of the gate with this word: an earlier one that is equal but for negations, or a new one."""
    plain = word & PLAIN
    mixed = mix(plain)
    slot = first_slot(mixed, H)
    end = slot + 8
    wire = G[0]
    while slot < end:
        entry = H[slot]
        if entry == 0:
            break
        if (entry ^ mixed) >> WIRE_BITS == 0 and G[entry & WIRE] & PLAIN == plain:
            return 2 * (entry & WIRE)
        slot += 1
    if slot == end:
        slot -= 8 - (wire & 7)
    H[slot] = (mixed & ~WIRE) | wire
    G[wire] = word
    G[0] = wire + 1
    return 2 * wire


@kernel
def gate_xor(a, b, G, H):
    """Literal of a ^ b; at most one new gate."""
    neg = (a ^ b) & 1
    a &= ~1
    b &= ~1
    while True:
        if a == b:
            return neg
        if a == 0:
            return b | neg
        if b == 0:
            return a | neg
        ga = G[a >> 1]
        gb = G[b >> 1]
        if ga >= 0:
            p = ga >> 32
            q = ga & LOW
            if p == b:
                return q | neg
            if q == b:
                return p | neg
            if gb >= 0:
                r = gb >> 32
                s = gb & LOW
                if p == r:
                    a, b = q, s
                    continue
                if p == s:
                    a, b = q, r
                    continue
                if q == r:
                    a, b = p, s
                    continue
                if q == s:
                    a, b = p, r
                    continue
        if gb >= 0:
            r = gb >> 32
            s = gb & LOW
            if r == a:
                return s | neg
            if s == a:
                return r | neg
        break
    if a > b:
        a, b = b, a
    return emit((a << 32) | b, G, H) | neg


@kernel
def gate_and(a, b, G, H):
    """Literal of a & b; at most one new gate."""
    while True:
        if a == 0 or b == 0 or a == b ^ 1:
            return np.int64(0)
        if a == 1 or a == b:
            return b
        if b == 1:
            return a
        if a < b:
            a, b = b, a
        # a is the younger operand: look whether it is made of b
        g = G[a >> 1]
        p = (g >> 32) & LEFT
        q = g & LOW
        if g >= 0:
            if p == b & ~1:
                a = q ^ (b & 1) ^ 1 ^ (a & 1)
                continue
            if q == b & ~1:
                a = p ^ (b & 1) ^ 1 ^ (a & 1)
                continue
        elif a & 1:
            if p == b:
                a = q ^ 1
                continue
            if q == b:
                a = p ^ 1
                continue
            if p == b ^ 1 or q == b ^ 1:
                return b
        else:
            if p == b or q == b:
                return a
            if p == b ^ 1 or q == b ^ 1:
                return np.int64(0)
        break
    found = emit(AND_BIT | (b << 32) | a, G, H)
    word = G[found >> 1]
    p = ((word >> 32) & 1) ^ (b & 1)
    q = (word & 1) ^ (a & 1)
    if p == 0 and q == 0:
        return found
    if p == 0:
        return gate_xor(b, found, G, H)
    if q == 0:
        return gate_xor(a, found, G, H)
    return gate_xor(gate_xor(a, b, G, H), found, G, H) ^ 1


@kernel
def gate_or(a, b, G, H):
    """Literal of a | b."""
    return gate_and(a ^ 1, b ^ 1, G, H) ^ 1


@kernel
def gate_mux(s, x, y, G, H):
    """Literal of s ? x : y as y ^ (s & (x ^ y)); at most three new gates."""
    if s == 1 or x == y:
        return x
    if s == 0:
        return y
    return gate_xor(y, gate_and(s, gate_xor(x, y, G, H), G, H), G, H)


@kernel
def gate_majority(a, b, c, G, H):
    """Literal of the majority of three as c ^ ((a ^ c) & (b ^ c)); with a constant operand AND or OR."""
    if b >> 1 == 0:
        b, c = c, b
    if a >> 1 == 0:
        a, c = c, a
    if c == 0:
        return gate_and(a, b, G, H)
    if c == 1:
        return gate_or(a, b, G, H)
    if a == b:
        return a
    return gate_xor(c, gate_and(gate_xor(a, c, G, H), gate_xor(b, c, G, H), G, H), G, H)


@inline
def new_xor(a, b, G):
    """Literal of a ^ b as a gate of its own, neither looked up nor remembered: for networks that repeat nothing."""
    neg = (a ^ b) & 1
    a &= ~1
    b &= ~1
    if a == b:
        return neg
    if a == 0 or b == 0:
        return a | b | neg
    wire = G[0]
    G[wire] = (min(a, b) << 32) | max(a, b)
    G[0] = wire + 1
    return 2 * wire | neg


@inline
def new_and(a, b, G):
    """Literal of a & b as a gate of its own, neither looked up nor remembered."""
    if a == 0 or b == 0 or a == b ^ 1:
        return np.int64(0)
    if a == 1 or a == b:
        return b
    if b == 1:
        return a
    wire = G[0]
    G[wire] = AND_BIT | (min(a, b) << 32) | max(a, b)
    G[0] = wire + 1
    return 2 * wire


@inline
def new_majority(a, b, c, G):
    """Literal of the majority of three, as :func:`gate_majority`, of gates of its own."""
    if b >> 1 == 0:
        b, c = c, b
    if a >> 1 == 0:
        a, c = c, a
    if c == 0:
        return new_and(a, b, G)
    if c == 1:
        return new_and(a ^ 1, b ^ 1, G) ^ 1
    if a == b:
        return a
    return new_xor(c, new_and(new_xor(a, c, G), new_xor(b, c, G), G), G)


@kernel
def xor_all(x, y, out, G, H):
    """out[i] = x[i] ^ y[i]; int64 (N,) each."""
    for i in range(x.shape[0]):
        out[i] = gate_xor(x[i], y[i], G, H)


@kernel
def and_all(x, y, out, G, H):
    """out[i] = x[i] & y[i]; int64 (N,) each."""
    for i in range(x.shape[0]):
        out[i] = gate_and(x[i], y[i], G, H)


@kernel
def mux_all(s, x, y, out, G, H):
    """out[i] = s[i] ? x[i] : y[i]; int64 (N,) each."""
    for i in range(x.shape[0]):
        out[i] = gate_mux(s[i], x[i], y[i], G, H)


@kernel
def conjunction(x, out, G, H):
    """out[r] = AND over the row x[r] (balanced tree); x int64 (R, n) is used as working space."""
    for r in range(x.shape[0]):
        n = x.shape[1]
        while n > 1:
            half = n >> 1
            for i in range(half):
                x[r, i] = gate_and(x[r, 2 * i], x[r, 2 * i + 1], G, H)
            if n & 1:
                x[r, half] = x[r, n - 1]
            n = half + (n & 1)
        out[r] = x[r, 0] if n == 1 else 1


@kernel
def parity(x, out, G, H):
    """out[r] = XOR over the row x[r]; int64 (R, n) and (R,)."""
    for r in range(x.shape[0]):
        v = np.int64(0)
        for i in range(x.shape[1]):
            v = gate_xor(v, x[r, i], G, H)
        out[r] = v


@kernel
def rehash(start, G, H):
    """Enters the gates from wire start on into an empty table."""
    for w in range(start, G[0]):
        mixed = mix(G[w] & PLAIN)
        bucket = first_slot(mixed, H)
        slot = bucket + (w & 7)
        for k in range(8):
            if H[bucket + k] == 0:
                slot = bucket + k
                break
        H[slot] = (mixed & ~WIRE) | w
