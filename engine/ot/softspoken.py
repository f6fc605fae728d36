"""OT extension of section 6: authenticated bits from punctured PRFs (L. Roy, SoftSpokenOT, CRYPTO 2022).

For an ordered pair (i -> j), P_j is the bit holder (knows all leaves, chooses the bits x) and P_i the key holder (knows
all leaves but alpha_t of each tree; the alphas are its global key D). Everything is a function of the arguments: a
batch needs the schedules of the leaf seeds, its stream offset and its shape, and keeps no state.

There are nb data blocks and one sacrificial block. For each of the 128 columns e, V_e = W_e xor (bit e of D) x; columns
are transposed at once, so that row a is an authenticated bit: M_a = K_a xor x_a D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.kernels import extension, gf128
from engine.kernels.gf128 import flat
from engine.kernels.parallel import ONE, Workers
from engine.kernels.prg import key_schedule

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


@dataclass(frozen=True, repr=False)
class Extension:
    """One holder's outcome: ``rows`` (128 * nb, 2) with the LSB convention of 6.3, M of bit holders, K of key holders.

    What the check of 6.2 needs besides: ``column`` (nb + 1, 2), column 0 before its bits were replaced, and ``last``
    (128, 2), the sacrificial block of every column.
    """

    rows: Words
    column: Words
    last: Words


def extend_bits(
    schedules: Words, x: Words, offset: int, workers: Workers = ONE, rows: Words | None = None
) -> tuple[Words, Extension]:
    """Bit holder: uint64 (T, q, 22) and x (nb + 1, 2) -> corrections d (T, nb + 1, 2) and M.

    The LSB of row a is bit a of x. With ``rows`` (128 * nb, 2) these are written there.
    """
    trees, k = _shape(schedules)
    blocks = x.shape[0]
    d = np.empty((trees, blocks, 2), dtype=np.uint64)
    unused = np.zeros(COLUMNS, dtype=np.uint64)
    out = _extension(blocks, rows)
    _run(workers, blocks, (flat(schedules), trees, k, 0, offset, flat(x), d.reshape(-1), unused), out, None)
    return d, out


def extend_keys(
    schedules: Words,
    alpha: NDArray[np.uint8],
    d: Words,
    offset: int,
    workers: Workers = ONE,
    rows: Words | None = None,
    chi: bytes | None = None,
) -> tuple[Extension, Words]:
    """Key holder: uint64 (T, q, 22), alpha uint8 (T,), d (T, nb + 1, 2) -> K, whose LSBs are 0, and its :func:`fold`.

    The entry of leaf alpha_t is never used, whatever it holds. With ``rows`` (128 * nb, 2) these are written there.
    Without ``chi`` the fold is zero.
    """
    trees, k = _shape(schedules)
    if d.ndim != 3 or d.shape[0] != trees or alpha.shape != (trees,):
        raise ValueError(f"d {d.shape} and alpha {alpha.shape} do not fit {trees} trees")
    blocks = d.shape[1]
    masks = alpha_masks(alpha, k)
    moved = np.array(schedules, dtype=np.uint64, order="C").reshape(-1)
    out = _extension(blocks, rows)
    try:
        workers.call(extension.relabel, moved, trees, k, masks)
        arguments = (moved, trees, k, 1, offset, np.zeros(2, np.uint64), flat(d), masks)
        folds = _run(workers, blocks, arguments, out, chi)
    finally:
        moved[:] = 0
        masks[:] = 0
    return out, folds


def fold(chi: bytes, columns: Extension, workers: Workers = ONE) -> Words:
    """F of each of the 128 columns (section 6.2): uint64 (128, 2)."""
    blocks = len(columns.column) - 1
    arrays = (flat(columns.rows), flat(columns.column))
    total = columns.last.copy()
    for part in workers.run(extension.fold_rows, blocks, key_schedule(chi), *arrays, align=extension.SPAN):
        total ^= part.reshape(COLUMNS, 2)
    return total


def fold_stream(chi: bytes, stream: Words, workers: Workers = ONE) -> Words:
    """F of one stream: uint64 (nb + 1, 2) -> uint64 (2,)."""
    if stream.ndim != 2 or len(stream) < 1 or stream.shape[1] != 2:
        raise ValueError(f"a stream must have shape (nb + 1, 2), not {stream.shape}")
    return gf128.fold(chi, stream[:-1], 0, workers) ^ stream[-1]


def _extension(blocks: int, rows: Words | None) -> Extension:
    if blocks < 1:
        raise ValueError("there is no sacrificial block")
    shape = (COLUMNS * (blocks - 1), 2)
    target = np.empty(shape, dtype=np.uint64) if rows is None else rows
    if target.shape != shape or target.dtype != np.uint64 or not target.flags.c_contiguous:
        raise ValueError(f"rows must be a contiguous uint64 array {shape}, not {target.shape}")
    return Extension(target, np.empty((blocks, 2), dtype=np.uint64), np.empty((COLUMNS, 2), dtype=np.uint64))


def _run(workers: Workers, blocks: int, arguments: tuple[Any, ...], out: Extension, chi: bytes | None) -> Words:
    arrays = (out.rows.reshape(-1), out.column.reshape(-1), out.last.reshape(-1))
    folding = (0, np.zeros(22, np.uint64)) if chi is None else (1, key_schedule(chi))
    parts = workers.run(extension.extend, blocks, *arguments, *arrays, *folding, align=extension.SPAN)
    total = np.zeros((COLUMNS, 2), np.uint64) if chi is None else out.last.copy()
    for part in parts:
        total ^= part.reshape(COLUMNS, 2)
    return total
