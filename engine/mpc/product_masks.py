"""Wire masks and product masks of one segment (spec: protocol, sections 9.2 and 9.3; Beaver)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.circuit.slots import ExecutionPlan
from engine.kernels import garbling, triples
from engine.mpc import opening
from engine.mpc.leaky_and import flat
from engine.mpc.pool import Triples
from engine.mpc.session import Session
from engine.mpc.shares import Shares, add_public


@dataclass(frozen=True, repr=False)
class SegmentShares:
    """Per AND gate of a segment: the own MACs of lambda_a, lambda_b and sigma xor lambda_o, uint64 (peers, m, 2), and
    the XOR over the peers of the keys, uint64 (m, 2)."""

    macs_a: np.ndarray
    macs_b: np.ndarray
    macs_s: np.ndarray
    keys_a: np.ndarray
    keys_b: np.ndarray
    keys_s: np.ndarray


class WireMasks:
    """The walk of one party's mask shares through the circuit, segment after segment."""

    def __init__(self, session: Session, plan: ExecutionPlan, inputs: Shares, execution: int) -> None:
        self.session, self.plan, self.execution = session, plan, execution
        self.peers = len(session.peers)
        self.state = np.zeros((plan.slots, self.peers, 4), np.uint64)
        slots = plan.input_slots.astype(np.int64)
        self.state[slots, :, 0:2] = inputs.macs.transpose(1, 0, 2)
        self.state[slots, :, 2:4] = inputs.keys.transpose(1, 0, 2)

    def walk(self, first: int, last: int, fresh: Shares) -> tuple[Shares, Shares]:
        """Shares of both operand masks of the AND gates among gates first .. last-1."""
        plan, count = self.plan, len(fresh)
        a, b = Shares.empty(self.peers, count), Shares.empty(self.peers, count)
        garbling.walk_masks(
            first,
            last,
            plan.op,
            plan.a,
            plan.b,
            plan.out,
            self.peers,
            flat(self.state),
            _flat(fresh.macs),
            _flat(fresh.keys),
            flat(a.macs),
            flat(a.keys),
            flat(b.macs),
            flat(b.keys),
            count,
        )
        return a, b

    def outputs(self, slots: np.ndarray) -> Shares:
        """Mask shares of output wires after the last segment."""
        picked = self.state[slots]
        macs = np.ascontiguousarray(picked[:, :, 0:2].transpose(1, 0, 2))
        return Shares(macs, np.ascontiguousarray(picked[:, :, 2:4].transpose(1, 0, 2)))


class BeaverOpening:
    """Section 9.3 for one segment: e = lambda_a xor x, f = lambda_b xor y are opened, sigma computed."""

    def __init__(self, masks: WireMasks, index: int, a: Shares, b: Shares, fresh: Shares, material: Triples) -> None:
        self.session, self.execution, self.index = masks.session, masks.execution, index
        self.a, self.b, self.fresh, self.material = a, b, fresh, material
        self.count = len(fresh)
        self.operation = ("beaver", self.execution, index)
        self.opened = Shares.empty(masks.peers, 2 * self.count)
        for part, x in ((slice(0, self.count), (a, material.x)), (slice(self.count, None), (b, material.y))):
            np.bitwise_xor(x[0].macs, x[1].macs, out=self.opened.macs[:, part])
            np.bitwise_xor(x[0].keys, x[1].keys, out=self.opened.keys[:, part])

    def send(self) -> None:
        """OPEN_BEAVER out."""
        self.own = opening.send(
            self.session, "OPEN_BEAVER", self.operation, self.opened, a=self.execution, b=self.index
        )

    def receive(self) -> SegmentShares:
        """OPEN_BEAVER in, verified; sigma of every gate."""
        session = self.session
        bits = opening.receive(
            session, "OPEN_BEAVER", self.operation, self.opened, self.own, a=self.execution, b=self.index
        )
        e, f = np.ascontiguousarray(bits[: self.count]), np.ascontiguousarray(bits[self.count :])
        sigma = self.combine(e, f)
        add_public(sigma, e & f, session.party, session.delta)
        return SegmentShares(
            self.a.macs,
            self.b.macs,
            sigma.macs ^ self.fresh.macs,
            np.bitwise_xor.reduce(self.a.keys, axis=0),
            np.bitwise_xor.reduce(self.b.keys, axis=0),
            np.bitwise_xor.reduce(sigma.keys ^ self.fresh.keys, axis=0),
        )

    def combine(self, e: np.ndarray, f: np.ndarray) -> Shares:
        """z xor e y xor f x."""
        m = self.material
        out = Shares.empty(self.a.macs.shape[0], self.count)
        sides = ((m.x.macs, m.y.macs, m.z.macs, out.macs), (m.x.keys, m.y.keys, m.z.keys, out.keys))
        for x, y, z, target in sides:
            for p in range(target.shape[0]):
                args = (_flat(x[p]), _flat(y[p]), _flat(z[p]), e, f, flat(target[p]))
                self.session.workers.run(triples.beaver, self.count, *args)
        return out


def _flat(array: np.ndarray) -> np.ndarray:
    """One-dimensional and contiguous; copies only views of several peers' slices."""
    return np.ascontiguousarray(array).reshape(-1)
