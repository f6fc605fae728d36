"""Prints a digest of the results of every kind of kernel; run by ``test_portable.py`` under other processors."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from engine.kernels import NATIVE, beaver, bits, gf128, hashes, prg, transpose
from engine.ot import softspoken
from tests.kernels.reference import random_blocks

SEED = bytes(range(40, 56))


def extension(k: int) -> list[np.ndarray]:
    """A small batch of both holders."""
    trees, leaves = 128 // k, 1 << k
    seeds = np.random.default_rng(k).integers(0, 256, (trees, leaves, 16), dtype=np.uint8)
    schedules = prg.key_schedules(seeds.reshape(-1, 16)).reshape(trees, leaves, 22)
    alpha = np.random.default_rng(k + 1).integers(0, leaves, trees).astype(np.uint8)
    x = random_blocks(k, 70, 2)
    d, v = softspoken.extend_bits(schedules, x, 5)
    w, _ = softspoken.extend_keys(schedules, alpha, d, 5)
    return [d, v.rows, v.column, v.last, w.rows, w.column, w.last, softspoken.fold(SEED, v), softspoken.fold(SEED, w)]


def segment() -> list[np.ndarray]:
    """Product masks, garbling and evaluation of one small segment."""
    from tests.kernels.test_beaver import product
    from tests.kernels.test_garbling import Segment

    chosen = Segment(3, gates=90)
    rows, zeros, _ = chosen.garble()
    return [*product(3, 61), rows, zeros, *chosen.evaluate(rows)]


def results() -> dict[str, list[np.ndarray]]:
    """Arrays by name of the kernel family."""
    m = random_blocks(1, 777, 2)
    packed = bits.pack(m[:, 1].astype(np.uint8) & 1)
    planes = random_blocks(2, 128, 5, 2)
    return {
        "prg": [prg.prg(SEED, n, off) for n, off in ((1, 0), (37, 9), (300, 2**41))],
        "encrypt": [prg.encrypt(prg.key_schedule(SEED), m)],
        "hash": [
            hashes.mitccrh(SEED, 2**50, 2, 3, 4, 1, m),
            hashes.mitccrh_pairs(SEED, 2**50, 2, 3, 4, m[0], m, m[::-1]),
        ],
        "gf128": [gf128.mul(m, m[::-1]), gf128.inner_product(m, m[::-1])],
        "fold": [gf128.fold(SEED, m, 3), gf128.fold_words(SEED, m[:, 0].copy()), gf128.foldbits(SEED, packed, 777)],
        "transpose": [transpose.planes_to_rows(planes), bits.pack_low_bits(m)],
        "fold of sums": [
            beaver.fold_selected(SEED, m, bits.unpack(packed, 777), m[5]),
            beaver.fold_sums(prg.key_schedule(SEED), 3, bits.unpack(packed, 777), m[5], m, m[::-1].copy()),
        ],
        "segment": segment(),
        "softspoken": extension(2) + extension(4),
    }


def digests() -> dict[str, str]:
    """SHA-256 per kernel family."""
    return {
        name: hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()
        for name, arrays in results().items()
    }


if __name__ == "__main__":
    print(json.dumps({"native": NATIVE, **digests()}))
