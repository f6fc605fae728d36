"""From leaky to full triples: buckets with cyclic shifts (spec: protocol, section 8).

Bucket a holds element (a + sh_q) mod L of each layer q; the shifts come from a coin that was opened after all leaky
triples were fixed.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import triples as kernels
from engine.kernels.gf128 import fold_pairs, foldbits, mul
from engine.mpc import opening
from engine.mpc.leaky_and import flat
from engine.mpc.session import Session, pack
from engine.mpc.shares import Shares
from engine.oracle import RO, SHIFT, same


def shifts(sid: bytes, batch: int, coin: bytes, bucket: int, layer: int) -> list[int]:
    """sh_0 = 0, sh_q = RO("shift", ...) mod L."""
    rest = [int.from_bytes(RO(SHIFT, sid, batch, coin, q), "little") % layer for q in range(1, bucket)]
    return [0, *rest]


class Bucketing:
    """One batch, in place: layer 0 of the shares <x>, <y>, <z> becomes the triples.

    ``shares`` begin with x, y, z of B*L leaky triples, layer after layer. What is opened, <e_q> = <y_0> xor <y_q> with
    bit number (q-1)L + a, is never written down: bits and folds are taken from both layers at once.
    """

    def __init__(self, session: Session, batch: int, coin: bytes, shares: Shares) -> None:
        self.session, self.batch = session, batch
        self.bucket, self.layer = session.params.bucket, session.params.layer
        n = self.bucket * self.layer
        self.x, self.y, self.z = shares[:n], shares[n : 2 * n], shares[2 * n : 3 * n]
        self.shifts = shifts(session.sid, batch, coin, self.bucket, self.layer)
        self.operation = ("bucket", batch, 0)

    def operands(self) -> tuple[Shares, Shares]:
        """x = XOR x_q and y = y_0: known before anything is opened."""
        size, places = self.layer, np.array(self.shifts, np.int64)
        for x in (*self.x.macs, *self.x.keys):
            self.session.workers.run(kernels.sum_layers, size, flat(x), self.bucket, places, size)
        return self.x[:size], self.y[:size]

    def own_bits(self) -> np.ndarray:
        """The own bits of all e, uint8 ((B-1) L,)."""
        size = self.layer
        out = np.empty((self.bucket - 1, size), np.uint8)
        y = flat(self.y.macs[0])
        for q in range(1, self.bucket):
            self.session.workers.run(kernels.difference_bits, size, y, q, self.shifts[q], size, out[q - 1])
        return out.reshape(-1)

    def folded(self, seed: bytes, y: np.ndarray) -> np.ndarray:
        """fold(seed, ...) of the MACs or keys of all e; ``y`` uint64 (B*L, 2) are those of one peer."""
        size, workers = self.layer, self.session.workers
        total = np.zeros(2, np.uint64)
        for q in range(1, self.bucket):
            layer, shift, first = y[q * size : (q + 1) * size], self.shifts[q], (q - 1) * size
            total ^= fold_pairs(seed, y[: size - shift], layer[shift:], first, workers)
            total ^= fold_pairs(seed, y[size - shift : size], layer[:shift], first + size - shift, workers)
        return total

    def open(self) -> np.ndarray:
        """OPEN_BUCKET both ways (section 8.2), verified; the opened bits uint8 ((B-1) L,)."""
        session = self.session
        opened = self.own_bits()
        packed = pack(opened)
        seed = opening.coefficients(session, session.party, self.operation, packed)
        for place, peer in enumerate(session.peers):
            session.channel.send(peer, "OPEN_BUCKET", packed, self.folded(seed, self.y.macs[place]), a=self.batch)
        for place, peer in enumerate(session.peers):
            payload = session.channel.recv(peer, "OPEN_BUCKET", np.uint8, packed.size + 16, a=self.batch)
            opened ^= self.verified(peer, payload[: packed.size], payload[packed.size :], self.y.keys[place])
        session.channel.round("OPEN_BUCKET")
        return opened

    def verified(self, peer: int, packed: np.ndarray, tag: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A peer's bits, authenticated by the own keys ``y``."""
        session, count = self.session, (self.bucket - 1) * self.layer
        bits = session.unpack(packed, count, "OPEN_BUCKET", peer)
        seed = opening.coefficients(session, peer, self.operation, packed)
        expected = self.folded(seed, y) ^ mul(foldbits(seed, packed, count, 0, session.workers), session.delta)
        ok = same(expected.tobytes(), tag.tobytes())
        session.require(ok, "OPEN_BUCKET", "the MACs of the opened bits are wrong", peer)
        return bits

    def results(self, e: np.ndarray) -> Shares:
        """z = XOR z_q xor XOR_{q >= 1} e_q x_q; after :meth:`operands` and :meth:`open`."""
        size, places = self.layer, np.array(self.shifts, np.int64)
        for x, z in ((self.x.macs, self.z.macs), (self.x.keys, self.z.keys)):
            for p in range(len(self.session.peers)):
                arrays = (flat(x[p]), flat(z[p]), e, self.bucket, places, size)
                self.session.workers.run(kernels.combine, size, *arrays)
        return self.z[:size]
