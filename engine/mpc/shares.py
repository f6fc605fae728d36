"""Authenticated shares as arrays (spec: protocol, section 1).

For a vector of N shared bits, a party holds per peer the MACs of its own share bits under that peer's key, and the keys
that authenticate the peer's share bits:

    M_j[b] = K_j[b] xor b * D_j        LSB(D) = 1, LSB(K) = 0, hence LSB(M) = b

so share bits are not stored separately.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.pages import Pages


@dataclass(frozen=True)
class Shares:
    """``macs[p]`` and ``keys[p]`` are uint64 (N, 2) for the p-th other party, ascending by protocol number."""

    macs: np.ndarray
    keys: np.ndarray
    pages: Pages | None = None

    @staticmethod
    def empty(peers: int, count: int) -> Shares:
        """Uninitialised room for ``count`` shares."""
        return Shares(np.empty((peers, count, 2), np.uint64), np.empty((peers, count, 2), np.uint64))

    @staticmethod
    def in_pages(peers: int, count: int) -> Shares:
        """Room for ``count`` shares of which parts can be given back before the whole."""
        pages = Pages(4 * peers * count)
        both = pages.words.reshape(2, peers, count, 2)
        return Shares(both[0], both[1], pages)

    def give_back(self, start: int, stop: int) -> None:
        """Forget the shares start .. stop-1 and return their memory; for vectors made by :meth:`in_pages`."""
        assert self.pages is not None
        peers, count, _ = self.macs.shape
        for row in range(2 * peers):
            self.pages.release(2 * (row * count + start), 2 * (row * count + stop))

    def __len__(self) -> int:
        return self.macs.shape[1]

    def __getitem__(self, index: slice | np.ndarray) -> Shares:
        """A view (slice) or a copy (index array) of some of the shares."""
        return Shares(self.macs[:, index], self.keys[:, index])

    def __xor__(self, other: Shares) -> Shares:
        """Share-wise XOR, local."""
        return Shares(self.macs ^ other.macs, self.keys ^ other.keys)

    def copy(self) -> Shares:
        """Contiguous memory of its own, so that the batch it came from can be freed."""
        return Shares(self.macs.copy(), self.keys.copy())

    def bits(self) -> np.ndarray:
        """Own share bits, uint8 (N,) of 0/1."""
        return (self.macs[0, :, 0] & np.uint64(1)).astype(np.uint8)

    def wipe(self) -> None:
        """Overwrite with zeros (as far as Python lets us: copies made by numpy are gone already)."""
        for array in (self.macs, self.keys):
            if array.flags.writeable:
                array.fill(0)

    @staticmethod
    def concatenate(parts: list[Shares]) -> Shares:
        """One vector from several; a single contiguous part is returned as it is."""
        if len(parts) == 1:
            return parts[0]
        return Shares(np.concatenate([p.macs for p in parts], axis=1), np.concatenate([p.keys for p in parts], axis=1))

    def __repr__(self) -> str:
        return f"Shares({len(self)} bits, ***)"


def add_public(shares: Shares, bits: np.ndarray, party: int, delta: np.ndarray) -> None:
    """Add public bits (uint8 (N,)) in place: "P_0 flips" (section 1).

    P_0 flips the LSB of its MACs; every other party adds ``bit * (D xor 1)`` to its key of P_0's share, which is its
    first peer. The only place where a constant enters.
    """
    if party == 0:
        shares.macs[:, :, 0] ^= bits.astype(np.uint64)
        return
    mask = np.uint64(0) - bits.astype(np.uint64)
    shares.keys[0, :, 0] ^= mask & (delta[0] ^ np.uint64(1))
    shares.keys[0, :, 1] ^= mask & delta[1]
