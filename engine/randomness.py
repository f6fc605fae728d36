"""Where every secret of a run comes from.

One :class:`Randomness` per run. In production it reads the operating system's generator for every request. Tests may
construct it with a seed to make a run repeatable (and so compare the bytes on the wire); no flag, environment variable
or policy key reaches that constructor argument.
"""

from __future__ import annotations

import os

import numpy as np
from Crypto.Cipher import AES

from engine.oracle import RO, WORKER


class Randomness:
    """A tree of generators with one label per use.

    ``bytes(label, n)`` returns ``n`` secret bytes. Without a seed they are ``os.urandom``'s, or for bulk an AES-128-CTR
    stream under a fresh key from it (section 2.1). With a seed they depend on the seed, the label and nothing else,
    so a label must be used once: a second request raises.
    """

    #: From this length on, bytes are expanded by AES-CTR from a fresh key instead of read one by one.
    BULK = 4096

    def __init__(self, seed: bytes | None = None) -> None:
        self._seed = seed
        self._used: set[str] = set()

    def bytes(self, label: str, n: int) -> bytes:
        """``n`` fresh secret bytes for the use ``label``; raises RuntimeError when a label is used twice."""
        if label in self._used:
            raise RuntimeError(f"randomness label used twice: {label}")
        self._used.add(label)
        if self._seed is None and n < self.BULK:
            return os.urandom(n)
        key = os.urandom(16) if self._seed is None else RO(WORKER, self._seed, label)[:16]
        return AES.new(key, AES.MODE_CTR, nonce=b"").encrypt(bytes(n))

    def blocks(self, label: str, n: int) -> np.ndarray:
        """``n`` fresh secret blocks, uint64 (n, 2)."""
        return np.frombuffer(bytearray(self.bytes(label, 16 * n)), dtype=np.uint64).reshape(n, 2)

    def __repr__(self) -> str:
        return "Randomness(***)"
