"""From leaky to full triples: buckets with cyclic shifts (spec: protocol, section 8).

Bucket a holds element (a + sh_q) mod L of each layer q; the shifts come from a coin that was opened after all leaky
triples were fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.kernels import triples as kernels
from engine.mpc import opening
from engine.mpc.leaky_and import flat
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.oracle import RO, SHIFT


@dataclass(frozen=True)
class Triples:
    """Authenticated triples: <x>, <y>, <z> with z = x and y."""

    x: Shares
    y: Shares
    z: Shares

    def __getitem__(self, index: slice) -> Triples:
        return Triples(self.x[index], self.y[index], self.z[index])

    def __len__(self) -> int:
        return len(self.x)


def shifts(sid: bytes, batch: int, coin: bytes, bucket: int, layer: int) -> list[int]:
    """sh_0 = 0, sh_q = RO("shift", ...) mod L."""
    rest = [int.from_bytes(RO(SHIFT, sid, batch, coin, q), "little") % layer for q in range(1, bucket)]
    return [0, *rest]


class Bucketing:
    """One batch: ``x``, ``y``, ``z`` are the B*L leaky triples, layer after layer."""

    def __init__(self, session: Session, batch: int, coin: bytes, x: Shares, y: Shares, z: Shares) -> None:
        self.session, self.batch = session, batch
        self.bucket, self.layer = session.params.bucket, session.params.layer
        self.x, self.y, self.z = x, y, z
        self.shifts = shifts(session.sid, batch, coin, self.bucket, self.layer)
        self.operation = ("bucket", batch, 0)

    def differences(self) -> Shares:
        """<e_q> = <y_0> xor <y_q>, bit number (q-1)L + a."""
        size = self.layer
        out = Shares.empty(len(self.session.peers), (self.bucket - 1) * size)
        for source, target in ((self.y.macs, out.macs), (self.y.keys, out.keys)):
            for p in range(len(self.session.peers)):
                for q in range(1, self.bucket):
                    part = flat(target[p, (q - 1) * size : q * size])
                    args = (flat(source[p]), q, self.shifts[q], size, part)
                    self.session.workers.run(kernels.difference, size, *args)
        return out

    def open(self) -> np.ndarray:
        """OPEN_BUCKET both ways; the opened bits uint8 (B-1, L)."""
        shares = self.differences()
        own = opening.send(self.session, "OPEN_BUCKET", self.operation, shares, a=self.batch)
        opened = opening.receive(self.session, "OPEN_BUCKET", self.operation, shares, own, a=self.batch)
        return opened.reshape(self.bucket - 1, self.layer)

    def combine(self, e: np.ndarray) -> Triples:
        """x = XOR x_q, y = y_0, z = XOR z_q xor XOR e_q x_q, in memory of their own."""
        size = self.layer
        x, y, z = self.x[:size].copy(), self.y[:size].copy(), self.z[:size].copy()
        pairs = (
            (self.x.macs, self.z.macs, x.macs, z.macs),
            (self.x.keys, self.z.keys, x.keys, z.keys),
        )
        for xs, zs, x_out, z_out in pairs:
            for p in range(len(self.session.peers)):
                for q in range(1, self.bucket):
                    args = (flat(xs[p]), flat(zs[p]), e[q - 1], q, self.shifts[q], size)
                    self.session.workers.run(kernels.combine, size, *args, flat(x_out[p]), flat(z_out[p]))
        return Triples(x, y, z)


def run(session: Session, batch: int, coin: bytes, x: Shares, y: Shares, z: Shares) -> Triples:
    """L triples from B*L leaky ones."""
    bucketing = Bucketing(session, batch, coin, x, y, z)
    return bucketing.combine(bucketing.open())
