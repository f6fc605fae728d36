"""The tweakable hash of section 2.4 on arrays; kernels inline ``hash1`` and ``hash2`` of :mod:`engine.kernels.aes`."""

from __future__ import annotations

import numpy as np

from engine.kernels import inline, kernel
from engine.kernels.aes import hash1, hash1x2, hash2x2
from engine.kernels.gf128 import flat
from engine.kernels.prg import Words
from engine.kernels.simd import load128, store128

DOM_LEAKY_AND = 1
DOM_OWN_ROWS = 2
DOM_CROSS_ROWS = 3
DOM_ZERO_TEST = 4


@inline
def tweak_word(dom, sender, dest, half):
    """Bits 64..127 of the tweak as uint64 (the low word is the index)."""
    return (
        np.uint64(dom)
        | (np.uint64(sender) << np.uint64(8))
        | (np.uint64(dest) << np.uint64(24))
        | (np.uint64(half) << np.uint64(40))
    )


def tweak_high(dom: int, sender: int, dest: int, half: int) -> np.uint64:
    """:func:`tweak_word` for Python callers."""
    return np.uint64(dom | sender << 8 | dest << 24 | half << 40)


def key_words(hk: bytes) -> tuple[np.uint64, np.uint64]:
    """The 16-byte hash key as (low, high) words."""
    if len(hk) != 16:
        raise ValueError(f"a hash key has 16 bytes, not {len(hk)}")
    return np.uint64(int.from_bytes(hk[:8], "little")), np.uint64(int.from_bytes(hk[8:], "little"))


@kernel
def _hash_all(hk_low, hk_high, index, step, high, x, out):
    count = x.shape[0] // 2
    for i in range(0, count - 1, 2):
        second = index + step
        a, b = load128(x, 2 * i), load128(x, 2 * i + 2)
        ha, hb = hash1x2(hk_low, hk_high, index, high, second, high, a, b)
        store128(out, 2 * i, ha)
        store128(out, 2 * i + 2, hb)
        index = second + step
    if count % 2:
        store128(out, 2 * count - 2, hash1(hk_low, hk_high, index, high, load128(x, 2 * count - 2)))


@kernel
def _hash_pairs(hk_low, hk_high, index, high_a, high_b, delta, a, b, out):
    """Both labels of two wires per gate: H(a), H(a ^ delta) and H(b), H(b ^ delta), 8 words per gate."""
    d = load128(delta, 0)
    for i in range(a.shape[0] // 2):
        x, y = load128(a, 2 * i), load128(b, 2 * i)
        a0, a1, b0, b1 = hash2x2(hk_low, hk_high, index, high_a, index, high_b, x, x ^ d, y, y ^ d)
        store128(out, 8 * i, a0)
        store128(out, 8 * i + 2, a1)
        store128(out, 8 * i + 4, b0)
        store128(out, 8 * i + 6, b1)
        index += np.uint64(1)


def mitccrh_pairs(hk: bytes, idx0: int, dom: int, s: int, d: int, delta: Words, a: Words, b: Words) -> Words:
    """The four hashes of each AND gate (halves 0 and 1): uint64 (N, 2) twice -> uint64 (N, 4, 2), for tests."""
    low, high = key_words(hk)
    out = np.empty((len(a), 4, 2), dtype=np.uint64)
    halves = (tweak_high(dom, s, d, 0), tweak_high(dom, s, d, 1))
    _hash_pairs(low, high, np.uint64(idx0), *halves, flat(delta), flat(a), flat(b), out.reshape(-1))
    return out


def mitccrh(hk: bytes, idx0: int, dom: int, s: int, d: int, half: int, x: Words, step: int = 1) -> Words:
    """H_s(x_i, tweak(idx0 + i * step, dom, s, d, half)) for each block: uint64 (N, 2) -> uint64 (N, 2)."""
    low, high = key_words(hk)
    out = np.empty((len(x), 2), dtype=np.uint64)
    _hash_all(low, high, np.uint64(idx0), np.uint64(step), tweak_high(dom, s, d, half), flat(x), out.reshape(-1))
    return out
