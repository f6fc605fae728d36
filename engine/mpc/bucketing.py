"""From leaky to full triples: buckets with cyclic shifts (spec: protocol, section 8).

Bucket a holds element (a + sh_q) mod L of each layer q; the shifts come from a coin that was opened after all leaky
triples were fixed.
"""

from __future__ import annotations

import numpy as np

from engine.kernels import triples as kernels
from engine.kernels.beaver import fold_sums
from engine.kernels.prg import key_schedule
from engine.mpc import opening
from engine.mpc.leaky_and import flat
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.oracle import RO, SHIFT


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

    def folded(self, seed: bytes, y: np.ndarray, bits: np.ndarray, delta: np.ndarray) -> np.ndarray:
        """Fold of the MACs or keys of all e, xor bit * delta; ``y`` uint64 (B*L, 2) are those of one peer."""
        size, workers = self.layer, self.session.workers
        schedule, total = key_schedule(seed), np.zeros(2, np.uint64)
        for q in range(1, self.bucket):
            layer, split, first = y[q * size : (q + 1) * size], size - self.shifts[q], (q - 1) * size
            own, middle = bits[first : first + size], first + split
            total ^= fold_sums(schedule, first, own[:split], delta, y[:split], layer[size - split :], workers)
            total ^= fold_sums(schedule, middle, own[split:], delta, y[split:size], layer[: size - split], workers)
        return total

    def open(self) -> np.ndarray:
        """OPEN_BUCKET both ways (section 8.2), verified; the opened bits uint8 ((B-1) L,)."""
        session, own, nobody = self.session, self.own_bits(), np.zeros(2, np.uint64)

        def macs(seed: bytes, p: int) -> np.ndarray:
            return self.folded(seed, self.y.macs[p], own, nobody)

        def keys(seed: bytes, p: int, bits: np.ndarray) -> np.ndarray:
            return self.folded(seed, self.y.keys[p], bits, session.delta)

        opening.send(session, "OPEN_BUCKET", self.operation, own, macs, a=self.batch)
        opened = opening.receive(session, "OPEN_BUCKET", self.operation, own, keys, a=self.batch)
        session.channel.round("OPEN_BUCKET")
        return opened

    def results(self, e: np.ndarray) -> Shares:
        """z = XOR z_q xor XOR_{q >= 1} e_q x_q; after :meth:`operands` and :meth:`open`."""
        size, places = self.layer, np.array(self.shifts, np.int64)
        for x, z in ((self.x.macs, self.z.macs), (self.x.keys, self.z.keys)):
            for p in range(len(self.session.peers)):
                arrays = (flat(x[p]), flat(z[p]), e, self.bucket, places, size)
                self.session.workers.run(kernels.combine, size, *arrays)
        return self.z[:size]
