"""Linear folding split over threads: fold(seed, m) = XOR_k chi_k * m_k with chi = PRG(seed) (spec: protocol, 2.5)."""

from __future__ import annotations

import numpy as np

from engine.kernels import gf128
from engine.kernels.beaver import fold_selected
from engine.kernels.parallel import Workers

foldbits = gf128.foldbits


def fold(workers: Workers, seed: bytes, blocks: np.ndarray) -> np.ndarray:
    """Fold of uint64 (N, 2) blocks, uint64 (2,); the coefficient of element k is chi_k however the work is split."""
    return gf128.fold(seed, blocks, 0, workers)


def fold_low(workers: Workers, seed: bytes, words: np.ndarray) -> np.ndarray:
    """Fold of blocks of which only the low words are kept: uint64 (N, 1) or (N, 2), zero-extended."""
    if words.shape[1] == 2:
        return fold(workers, seed, words)
    return gf128.fold_words(seed, words, 0, workers)


def fold_expected(workers: Workers, seed: bytes, keys: np.ndarray, bits: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """fold(seed, K xor v D) for public bits v, uint8 (N,): what the MACs or labels of honest parties fold to."""
    return fold_selected(seed, keys, bits, delta, workers)
