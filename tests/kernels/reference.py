"""Slow, independent implementations that the kernels are held against."""

from __future__ import annotations

import numpy as np
from Crypto.Cipher import AES

MASK = (1 << 64) - 1


def integers(blocks: np.ndarray) -> list[int]:
    """Blocks uint64 (N, 2) as Python integers."""
    return [int(low) | int(high) << 64 for low, high in np.asarray(blocks).reshape(-1, 2)]


def from_integers(values: list[int]) -> np.ndarray:
    """Python integers as blocks uint64 (N, 2)."""
    return np.array([[v & MASK, v >> 64] for v in values], dtype=np.uint64).reshape(-1, 2)


def random_blocks(seed: int, *shape: int) -> np.ndarray:
    """Repeatable uint64 array of the given shape."""
    return np.random.default_rng(seed).integers(0, 2**64, shape, dtype=np.uint64)


def aes(key: bytes, block: bytes) -> bytes:
    """One AES-128 block of the library."""
    return AES.new(key, AES.MODE_ECB).encrypt(block)


def key_stream(seed: bytes, blocks: int, offset: int) -> bytes:
    """The PRG by the library: counter blocks in little-endian order."""
    counters = b"".join((offset + i).to_bytes(16, "little") for i in range(blocks))
    return aes(seed, counters) if blocks else b""


def sigma(x: int) -> int:
    """(high ^ low, high)."""
    low, high = x & MASK, x >> 64
    return high | (high ^ low) << 64


def tweak(idx: int, dom: int, s: int, d: int, half: int) -> int:
    """The tweak block of section 2.4 as an integer."""
    return idx | dom << 64 | s << 72 | d << 88 | half << 104


def tweaked_hash(hk: bytes, place: int, x: int) -> int:
    """H of section 2.4."""
    key = (int.from_bytes(hk, "little") ^ place).to_bytes(16, "little")
    s = sigma(x)
    return int.from_bytes(aes(key, s.to_bytes(16, "little")), "little") ^ s


def gf_mul(a: int, b: int) -> int:
    """Bit-serial product modulo X^128 + X^7 + X^2 + X + 1."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        b >>= 1
        a <<= 1
        if a >> 128:
            a ^= (1 << 128) | 0x87
    return result


def transpose(planes: np.ndarray) -> np.ndarray:
    """uint64 (128, nb, 2) -> (128 * nb, 2) by numpy's bit packing."""
    matrix = np.unpackbits(planes.view(np.uint8).reshape(128, -1), axis=1, bitorder="little")
    return np.packbits(matrix.T, axis=1, bitorder="little").copy().view(np.uint64)
