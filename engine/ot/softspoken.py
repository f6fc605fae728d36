"""OT extension of section 6: authenticated bits from punctured PRFs (L. Roy, SoftSpokenOT, CRYPTO 2022).

For an ordered pair (i -> j), P_j is the bit holder (knows all leaves, chooses the bits x) and P_i the key holder (knows
all leaves but alpha_t of each tree; the alphas are its global key D). Everything is a function of the arguments: a
batch needs the schedules of the leaf seeds, its stream offset and its shape, and keeps no state.

Planes are uint64 (128, nb + 1, 2): nb data blocks and one sacrificial block. Afterwards, for each column e,

    V_e = W_e xor (bit e of D) x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernels import extension
from engine.kernels.gf128 import flat
from engine.kernels.parallel import ONE, Workers
from engine.kernels.prg import key_schedule
from engine.kernels.transpose import planes_to_rows_into

Words = NDArray[np.uint64]

COLUMNS = 128
TREE_DEPTHS = (1, 2, 4, 8)


def _shape(schedules: Words) -> tuple[int, int]:
    """(trees, depth k) of the schedules (T, q, 22)."""
    if schedules.ndim != 3 or schedules.shape[2] != 22:
        raise ValueError(f"schedules must have shape (T, q, 22), not {schedules.shape}")
    trees, leaves, _ = schedules.shape
    k = leaves.bit_length() - 1
    if k not in TREE_DEPTHS or leaves != 1 << k or trees * k != COLUMNS:
        raise ValueError(f"{trees} trees with {leaves} leaves are not 128 columns of depth 1, 2, 4 or 8")
    return trees, k


def alpha_masks(alpha: NDArray[np.uint8], k: int) -> Words:
    """All ones for each set bit of D: uint8 (T,) -> uint64 (128,), bit b of alpha_t at place t * k + b."""
    bits = (np.asarray(alpha, dtype=np.uint64)[:, None] >> np.arange(k, dtype=np.uint64)) & np.uint64(1)
    return np.ascontiguousarray(np.uint64(0) - bits.reshape(-1))


def extend_bits(schedules: Words, x: Words, offset: int, workers: Workers = ONE) -> tuple[Words, Words]:
    """Bit holder: uint64 (T, q, 22) and x (nb + 1, 2) -> corrections d (T, nb + 1, 2), planes V (128, nb + 1, 2)."""
    trees, k = _shape(schedules)
    blocks = x.shape[0]
    d = np.empty((trees, blocks, 2), dtype=np.uint64)
    planes = np.empty((COLUMNS, blocks, 2), dtype=np.uint64)
    unused = np.zeros(COLUMNS, dtype=np.uint64)
    arrays = (flat(x), d.reshape(-1), unused, planes.reshape(-1))
    workers.run(extension.extend, blocks, flat(schedules), trees, k, 0, offset, *arrays, blocks, align=extension.SPAN)
    return d, planes


def extend_keys(schedules: Words, alpha: NDArray[np.uint8], d: Words, offset: int, workers: Workers = ONE) -> Words:
    """Key holder: uint64 (T, q, 22), alpha uint8 (T,), d (T, nb + 1, 2) -> planes W (128, nb + 1, 2).

    The entry of leaf alpha_t is never used, whatever it holds.
    """
    trees, k = _shape(schedules)
    if d.ndim != 3 or d.shape[0] != trees or alpha.shape != (trees,):
        raise ValueError(f"d {d.shape} and alpha {alpha.shape} do not fit {trees} trees")
    blocks = d.shape[1]
    masks = alpha_masks(alpha, k)
    moved = np.array(schedules, dtype=np.uint64, order="C").reshape(-1)
    planes = np.empty((COLUMNS, blocks, 2), dtype=np.uint64)
    arrays = (np.zeros(2, dtype=np.uint64), flat(d), masks, planes.reshape(-1))
    try:
        extension.relabel(moved, trees, k, masks)
        workers.run(extension.extend, blocks, moved, trees, k, 1, offset, *arrays, blocks, align=extension.SPAN)
    finally:
        moved[:] = 0
        masks[:] = 0
    return planes


def fold_planes(chi: bytes, planes: Words, workers: Workers = ONE) -> Words:
    """F of each stream (section 6.2): uint64 (P, nb + 1, 2) -> uint64 (P, 2)."""
    if planes.ndim != 3 or planes.shape[1] < 1 or planes.shape[2] != 2:
        raise ValueError(f"planes must have shape (P, nb + 1, 2), not {planes.shape}")
    count, blocks, _ = planes.shape
    parts = workers.run(
        extension.fold_planes,
        blocks - 1,
        key_schedule(chi),
        flat(planes),
        count,
        blocks,
        align=extension.CHUNK,
    )
    total = planes[:, -1, :].copy()
    for part in parts:
        total ^= part.reshape(count, 2)
    return total


def rows(planes: Words, bits: Words | None, out: Words | None = None, workers: Workers = ONE) -> Words:
    """Section 6.3: planes uint64 (128, nb + 1, 2) -> rows (128 * nb, 2) without the sacrificial block.

    The LSB of row a becomes bit a of ``bits`` (uint64 (nb or nb + 1, 2), bit holder) or 0 (None, key holder). With
    ``out`` the rows are written there.
    """
    blocks = planes.shape[1] - 1
    if out is None:
        out = np.empty((128 * blocks, 2), dtype=np.uint64)
    lows = np.zeros((blocks, 2), dtype=np.uint64) if bits is None else bits[:blocks]
    planes_to_rows_into(planes, lows, out, workers)
    return out
