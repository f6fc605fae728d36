"""Bit vectors: packed least significant bit first, as on the wire (section 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernels import kernel

Bytes = NDArray[np.uint8]


def pack(bits: Bytes) -> Bytes:
    """0/1 bytes (n,) -> uint8 (ceil(n / 8),); the unused bits of the last byte are zero."""
    return np.packbits(np.asarray(bits, dtype=np.uint8), bitorder="little")


def unpack(packed: Bytes, n: int) -> Bytes:
    """uint8 (ceil(n / 8) or more,) -> 0/1 bytes (n,)."""
    return np.unpackbits(np.asarray(packed, dtype=np.uint8), count=n, bitorder="little")


def packed_size(n: int) -> int:
    """Bytes that hold n bits."""
    return (n + 7) // 8


def padding_is_zero(packed: Bytes, n: int) -> bool:
    """True if ``packed`` has exactly the bytes for n bits and its unused bits are zero."""
    raw = np.asarray(packed, dtype=np.uint8)
    if raw.size != packed_size(n):
        return False
    return n % 8 == 0 or int(raw[-1]) >> (n % 8) == 0


@kernel
def _low_bits(words, out, n):
    for i in range(n):
        out[i] = np.uint8(words[2 * i] & np.uint64(1))


@kernel
def _pack_low_bits(words, out, n):
    for byte in range(out.shape[0]):
        value = np.uint64(0)
        for i in range(8 * byte, min(n, 8 * byte + 8)):
            value |= (words[2 * i] & np.uint64(1)) << np.uint64(i - 8 * byte)
        out[byte] = np.uint8(value)


def low_bits(blocks: NDArray[np.uint64]) -> Bytes:
    """LSB of each block: uint64 (N, 2) -> 0/1 bytes (N,)."""
    out = np.empty(len(blocks), dtype=np.uint8)
    _low_bits(np.ascontiguousarray(blocks).reshape(-1), out, len(blocks))
    return out


def pack_low_bits(blocks: NDArray[np.uint64]) -> Bytes:
    """LSB of each block, packed: uint64 (N, 2) -> uint8 (ceil(N / 8),)."""
    out = np.empty(packed_size(len(blocks)), dtype=np.uint8)
    _pack_low_bits(np.ascontiguousarray(blocks).reshape(-1), out, len(blocks))
    return out
