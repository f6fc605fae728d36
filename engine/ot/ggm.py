"""Punctured pseudorandom functions from base OTs (section 4.4): GGM trees with the consistency check of SoftSpokenOT.

For a pair (i -> j), P_j builds T = 128 / k trees with 2^k leaves and knows them all; P_i learns all leaves but number
alpha_t, which is bits tk .. tk+k-1 of its global key. The receiving side hashes every node and selects by masks: what
it does and touches does not depend on alpha.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np
from numpy.typing import NDArray

from engine.errors import CheatingDetected, MalformedMessage
from engine.oracle import GGM, PPRF, RO, SS_CHK, SS_SEED, same

Bytes = NDArray[np.uint8]

COLUMNS = 128
BLOCK = 16
DIGEST = 32


def trees(k: int) -> int:
    """Number of trees for depth k (1, 2, 4 or 8)."""
    if k not in (1, 2, 4, 8):
        raise ValueError(f"k must be 1, 2, 4 or 8, not {k}")
    return COLUMNS // k


def payload_size(k: int) -> int:
    """Bytes of a GGM message: corrections, t_hat, g."""
    return COLUMNS * 2 * BLOCK + trees(k) * 2 * DIGEST


class _Oracle:
    """RO(label, sid, i, j, integers..., block) with the common beginning hashed once."""

    def __init__(self, label: str, sid: bytes, i: int, j: int) -> None:
        start = struct.pack("<Q", len(sid)) + bytes(sid) + struct.pack("<4Q", 8, i, 8, j)
        self._start = hashlib.sha256(label.encode("ascii") + b"\0" + start)

    def __call__(self, numbers: bytes, block: bytes) -> bytes:
        """``numbers``: the integer parts as packed by :func:`_parts`; ``block``: the last part, 16 bytes."""
        digest = self._start.copy()
        digest.update(numbers + b"\x10\0\0\0\0\0\0\0" + block)
        return digest.digest()


def _parts(*integers: int) -> bytes:
    return b"".join(struct.pack("<2Q", 8, value) for value in integers)


def _children(sid: bytes, i: int, j: int, depth: int, nodes: Bytes) -> Bytes:
    """uint8 (T, 2^depth, 16) -> (T, 2^depth, 2, 16): left and right child of every node."""
    oracle = _Oracle(GGM, sid, i, j)
    count, width, _ = nodes.shape
    raw = nodes.tobytes()
    out = bytearray()
    at = 0
    for t in range(count):
        for p in range(width):
            out += oracle(_parts(t, depth, p), raw[at : at + BLOCK])
            at += BLOCK
    return np.frombuffer(out, dtype=np.uint8).reshape(count, width, 2, BLOCK)


def _leaf_hashes(label: str, sid: bytes, i: int, j: int, leaves: Bytes) -> Bytes:
    """uint8 (T, q, 16) -> (T, q, 32): RO(label, sid, i, j, t, y, leaf)."""
    oracle = _Oracle(label, sid, i, j)
    count, width, _ = leaves.shape
    raw = leaves.tobytes()
    out = bytearray()
    at = 0
    for t in range(count):
        for y in range(width):
            out += oracle(_parts(t, y), raw[at : at + BLOCK])
            at += BLOCK
    return np.frombuffer(out, dtype=np.uint8).reshape(count, width, DIGEST)


def _tree_digests(sid: bytes, i: int, j: int, checks: Bytes) -> bytes:
    """g_t of all trees, one after the other."""
    return b"".join(RO(PPRF, sid, i, j, t, checks[t].tobytes()) for t in range(len(checks)))


def _level_keys(keys: Bytes, k: int, depth: int) -> Bytes:
    """The base OT keys of one level, uint8 (T, 16): number tk + (k - 1 - depth) for tree t."""
    return keys[k - 1 - depth :: k]


def build(sid: bytes, i: int, j: int, k: int, roots: Bytes, k0: Bytes, k1: Bytes) -> tuple[bytes, Bytes]:
    """Bit holder P_j: message for P_i and all leaf seeds.

    ``roots`` uint8 (T, 16) fresh secrets, ``k0`` and ``k1`` uint8 (128, 16) the base OT keys of the pair. Returns
    (corrections, t_hat, g) as bytes and the seeds uint8 (T, q, 16).
    """
    count = trees(k)
    if roots.shape != (count, BLOCK) or k0.shape != (COLUMNS, BLOCK) or k1.shape != (COLUMNS, BLOCK):
        raise ValueError(f"wrong shapes: roots {roots.shape}, keys {k0.shape} and {k1.shape}")
    nodes = roots.reshape(count, 1, BLOCK)
    corrections = np.empty((count, k, 2, BLOCK), dtype=np.uint8)
    for depth in range(k):
        children = _children(sid, i, j, depth, nodes)
        sums = np.bitwise_xor.reduce(children, axis=1)
        corrections[:, depth, 0] = sums[:, 0] ^ _level_keys(k0, k, depth)
        corrections[:, depth, 1] = sums[:, 1] ^ _level_keys(k1, k, depth)
        nodes = children.reshape(count, 2 << depth, BLOCK)
    checks = _leaf_hashes(SS_CHK, sid, i, j, nodes)
    totals = np.bitwise_xor.reduce(checks, axis=1)
    payload = corrections.tobytes() + totals.tobytes() + _tree_digests(sid, i, j, checks)
    return payload, _seeds(sid, i, j, nodes)


def open_trees(sid: bytes, i: int, j: int, k: int, delta_bits: Bytes, keys: Bytes, payload: bytes) -> Bytes:
    """Key holder P_i: the leaf seeds uint8 (T, q, 16), zero at alpha_t.

    ``delta_bits`` uint8 (128,) the bits of D_i, ``keys`` uint8 (128, 16) the chosen base OT keys. Raises
    CheatingDetected if a tree is not consistent and MalformedMessage for a wrong length.
    """
    count = trees(k)
    raw = np.frombuffer(bytes(payload), dtype=np.uint8)
    if raw.size != payload_size(k):
        raise MalformedMessage("GGM", "the message has a wrong length")
    corrections = raw[: COLUMNS * 2 * BLOCK].reshape(count, k, 2, BLOCK)
    totals = raw[COLUMNS * 2 * BLOCK :][: count * DIGEST].reshape(count, DIGEST)
    digests = raw[COLUMNS * 2 * BLOCK + count * DIGEST :]

    bits = np.array(delta_bits, dtype=np.uint8).reshape(count, k)
    nodes = np.zeros((count, 1, BLOCK), dtype=np.uint8)
    path = np.zeros(count, dtype=np.int64)  # position of the unknown node
    for depth in range(k):
        bit = bits[:, k - 1 - depth]
        opened = _children(sid, i, j, depth, nodes)
        opened = opened & ~_one_hot(path, 1 << depth)[:, :, None, None]
        # The side that is not walked: its sum is known from the base OT, so the path's sibling is too.
        side = (np.uint8(0) - bit)[:, None]
        sums = np.bitwise_xor.reduce(opened, axis=1) ^ corrections[:, depth]
        sibling = sums[:, 1] ^ ((sums[:, 0] ^ sums[:, 1]) & side) ^ _level_keys(keys, k, depth)
        path = 2 * path + bit
        nodes = opened.reshape(count, 2 << depth, BLOCK)
        nodes = nodes ^ (_one_hot(path ^ 1, 2 << depth)[:, :, None] & sibling[:, None, :])

    hole = _one_hot(path, 1 << k)[:, :, None]
    checks = _leaf_hashes(SS_CHK, sid, i, j, nodes) & ~hole
    missing = np.bitwise_xor.reduce(checks, axis=1) ^ totals
    checks = checks ^ (hole & missing[:, None, :])
    if not same(_tree_digests(sid, i, j, checks), digests.tobytes()):
        raise CheatingDetected("GGM", "the trees are not consistent")
    return _seeds(sid, i, j, nodes) & ~hole


def _one_hot(position: NDArray[np.int64], width: int) -> Bytes:
    """uint8 (T, width): 255 at ``position`` of each row and 0 elsewhere, computed the same way everywhere."""
    difference = np.arange(width, dtype=np.int64)[None, :] ^ position[:, None]
    return (np.int64(0) - (difference == 0).astype(np.int64)).astype(np.uint8)


def _seeds(sid: bytes, i: int, j: int, leaves: Bytes) -> Bytes:
    return np.ascontiguousarray(_leaf_hashes(SS_SEED, sid, i, j, leaves)[:, :, :BLOCK])
