"""AES-128 in counter mode as pseudorandom generator (section 2.3).

Counter blocks are 128-bit little-endian numbers; offsets stay below 2^63. Arrays are uint64, a block is two words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernels import kernel
from engine.kernels.aes import encrypt_block, expand_into, prg_into
from engine.kernels.simd import load128, store128

Words = NDArray[np.uint64]


@kernel
def _expand_all(keys, schedules):
    for s in range(keys.shape[0] // 2):
        expand_into(load128(keys, 2 * s), schedules, 22 * s)


@kernel
def _stream(schedule, counter, out, start, stop):
    prg_into(schedule, 0, counter + start, out, 2 * start, stop - start)


@kernel
def _encrypt(schedule, blocks):
    for i in range(blocks.shape[0] // 2):
        store128(blocks, 2 * i, encrypt_block(schedule, 0, load128(blocks, 2 * i)))


def key_schedules(seeds: NDArray[np.uint8]) -> Words:
    """Round keys of S seeds: uint8 (S, 16) -> uint64 (S, 22)."""
    raw = np.ascontiguousarray(seeds, dtype=np.uint8)
    if raw.ndim != 2 or raw.shape[1] != 16:
        raise ValueError(f"seeds must have shape (S, 16), not {raw.shape}")
    keys = np.frombuffer(bytearray(raw.tobytes()), dtype="<u8")
    schedules = np.empty((raw.shape[0], 22), dtype=np.uint64)
    _expand_all(keys, schedules.reshape(-1))
    return schedules


def key_schedule(seed: bytes | NDArray[np.uint8]) -> Words:
    """Round keys of one 16-byte seed: uint64 (22,)."""
    raw = np.frombuffer(bytes(seed), dtype=np.uint8)
    return key_schedules(raw.reshape(1, -1))[0]


def encrypt(schedule: Words, blocks: Words) -> Words:
    """AES of each block: uint64 (22,), uint64 (N, 2) -> uint64 (N, 2)."""
    out = np.array(blocks, dtype=np.uint64, order="C")
    _encrypt(schedule, out.reshape(-1))
    return out


def prg(seed: bytes | NDArray[np.uint8], blocks: int, offset: int = 0) -> Words:
    """PRG(seed, blocks, offset): key stream for the counters offset .. offset + blocks - 1, uint64 (blocks, 2)."""
    return prg_scheduled(key_schedule(seed), blocks, offset)


def prg_scheduled(schedule: Words, blocks: int, offset: int = 0) -> Words:
    """:func:`prg` with round keys (22,) made before."""
    if blocks < 0 or offset < 0 or offset + blocks >= 1 << 63:
        raise ValueError(f"no key stream of {blocks} blocks at offset {offset}")
    out = np.empty((blocks, 2), dtype=np.uint64)
    _stream(schedule, offset, out.reshape(-1), 0, blocks)
    return out


def prg_bytes(seed: bytes, size: int, offset: int = 0) -> bytes:
    """The first ``size`` bytes of the key stream from block ``offset``."""
    return prg(seed, (size + 15) // 16, offset).tobytes()[:size]
