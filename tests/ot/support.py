"""Helpers of the OT tests: repeatable secrets and both sides of a set-up."""

from __future__ import annotations

import hashlib

import numpy as np

from engine.kernels.prg import key_schedules
from engine.kernels.transpose import rows_to_planes
from engine.ot import ggm, softspoken

SID = bytes(range(32))


class Secrets:
    """``random(label, n)`` from a seed; a label may be used once, as in production."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.used: set[str] = set()

    def __call__(self, label: str, n: int) -> bytes:
        assert label not in self.used, label
        self.used.add(label)
        return hashlib.shake_256(f"{self.seed}/{label}".encode()).digest(n)


def random_bits(seed: int) -> np.ndarray:
    """128 bits, uint8."""
    return np.random.default_rng(seed).integers(0, 2, 128, dtype=np.uint8)


def alphas(bits: np.ndarray, k: int) -> np.ndarray:
    """alpha_t of the bits of D: uint8 (T,)."""
    return (bits.reshape(-1, k).astype(int) << np.arange(k)).sum(axis=1).astype(np.uint8)


def dealt_keys(seed: int, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base OT results without the OT: k_0, k_1 and the keys chosen by 1 xor bit, uint8 (128, 16) each."""
    k0, k1 = np.random.default_rng(seed).integers(0, 256, (2, 128, 16), dtype=np.uint8)
    return k0, k1, np.where(bits[:, None] == 0, k1, k0)


class Tree:
    """Both sides of the GGM step of the pair (1 -> 0) for depth k."""

    def __init__(self, k: int, seed: int = 1) -> None:
        self.k = k
        self.bits = random_bits(seed)
        self.alpha = alphas(self.bits, k)
        self.k0, self.k1, self.chosen = dealt_keys(seed, self.bits)
        roots = np.random.default_rng(seed + 1).integers(0, 256, (128 // k, 16), dtype=np.uint8)
        self.payload, self.seeds = ggm.build(SID, 1, 0, k, roots, self.k0, self.k1)

    def open(self, payload: bytes) -> np.ndarray:
        """The key holder's seeds from a message."""
        return ggm.open_trees(SID, 1, 0, self.k, self.bits, self.chosen, payload)


class Extension:
    """Schedules of both holders for depth k, dealt without base OTs; the hole holds random words."""

    def __init__(self, k: int, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        trees, leaves = 128 // k, 1 << k
        self.k, self.bits = k, random_bits(seed)
        self.alpha = alphas(self.bits, k)
        self.seeds = random.integers(0, 256, (trees, leaves, 16), dtype=np.uint8)
        self.all = key_schedules(self.seeds.reshape(-1, 16)).reshape(trees, leaves, 22)
        self.punctured = self.all.copy()
        for t, hole in enumerate(self.alpha):
            self.punctured[t, hole] = random.integers(0, 2**64, 22, dtype=np.uint64)

    @property
    def masks(self) -> np.ndarray:
        """0 - (bit e of D): uint64 (128,)."""
        return np.uint64(0) - self.bits.astype(np.uint64)


def planes(extension: softspoken.Extension) -> np.ndarray:
    """All columns of one holder with their sacrificial blocks, as section 6.1 writes them: uint64 (128, nb + 1, 2)."""
    data = rows_to_planes(extension.rows)
    data[0] = extension.column[:-1]
    return np.concatenate([data, extension.last[:, None]], axis=1)
