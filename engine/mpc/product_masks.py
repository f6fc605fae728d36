"""Wire masks and product masks of one segment (spec: protocol, sections 9.2 and 9.3; Beaver).

The opened bits e = lambda_a xor x and f = lambda_b xor y are the only trace of these sums: their MACs and keys are
folded from both sources at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.kernels import beaver, garbling
from engine.kernels.prg import key_schedule
from engine.mpc import opening
from engine.mpc.leaky_and import flat
from engine.mpc.pool import Material, Pool
from engine.mpc.scratch import Scratch
from engine.mpc.session import Session
from engine.mpc.shares import Shares

LABEL = "OPEN_BEAVER"


@dataclass(frozen=True, repr=False)
class SegmentShares:
    """Per AND gate of a segment: the own MACs of lambda_a, lambda_b and sigma xor lambda_o, uint64 (peers, m, 2), and
    the XOR over the peers of the keys, uint64 (m, 2). Garbling and evaluation write their results over them."""

    macs_a: np.ndarray
    macs_b: np.ndarray
    macs_s: np.ndarray
    keys_a: np.ndarray
    keys_b: np.ndarray
    keys_s: np.ndarray

    def __len__(self) -> int:
        return len(self.keys_s)

    def all(self) -> tuple[np.ndarray, ...]:
        """The six arrays."""
        return self.macs_a, self.macs_b, self.macs_s, self.keys_a, self.keys_b, self.keys_s


@dataclass(frozen=True)
class Place:
    """A segment: ``index`` in the execution, ``count`` AND gates, ``gates`` as :class:`engine.circuit.slots.SlotWalk`
    makes them, and the session-wide numbers of its first triple and of its first mask."""

    index: int
    count: int
    gates: np.ndarray
    triple: int
    mask: int


class WireMasks:
    """The walk of one party's mask shares through the circuit, segment after segment."""

    def __init__(
        self, session: Session, pool: Pool, scratch: Scratch, slots: int, inputs: Shares, execution: int
    ) -> None:
        self.session, self.pool, self.scratch, self.execution = session, pool, scratch, execution
        self.peers = len(session.peers)
        self.state = scratch.blocks(slots, 2 * self.peers).reshape(slots, self.peers, 4)
        self.state[: len(inputs), :, 0:2] = inputs.macs.transpose(1, 0, 2)
        self.state[: len(inputs), :, 2:4] = inputs.keys.transpose(1, 0, 2)

    def linear(self, gates: np.ndarray) -> None:
        """All gates of a circuit without AND gates."""
        nothing = np.zeros(0, np.uint64)
        state = flat(self.state)
        rest = (nothing, nothing, nothing, nothing, 0, np.zeros(0, np.uint8))
        start = (gates, 0, 0, 0, 0, self.peers, state, nothing, nothing, 0, nothing, nothing)
        self.session.workers.call(garbling.walk_masks, *start, *rest)

    def outputs(self, slots: np.ndarray) -> Shares:
        """Mask shares of output wires after the last segment."""
        picked = self.state[slots]
        macs = np.ascontiguousarray(picked[:, :, 0:2].transpose(1, 0, 2))
        return Shares(macs, np.ascontiguousarray(picked[:, :, 2:4].transpose(1, 0, 2)))


class BeaverOpening:
    """Section 9.3 for one segment: e = lambda_a xor x, f = lambda_b xor y are opened, sigma computed."""

    def __init__(self, masks: WireMasks, place: Place) -> None:
        self.session, self.pool, self.scratch = masks.session, masks.pool, masks.scratch
        self.execution, self.place, self.peers = masks.execution, place, masks.peers
        self.operation = ("beaver", masks.execution, place.index)
        rooms = (self.scratch.blocks(self.peers, place.count) for _ in range(4))
        self.macs_a, self.keys_a, self.macs_b, self.keys_b = rooms
        self.own = np.empty(2 * place.count, np.uint8)
        self.walk(masks)

    def pieces(self, *, results: bool = False) -> Iterator[tuple[int, Material]]:
        """Triples and fresh masks of the segment, cut where batches end."""
        return self.pool.pieces(self.place.triple, self.place.mask, self.place.count, results=results)

    def walk(self, masks: WireMasks) -> None:
        """9.2, with the own bits of e and f."""
        count, gate = self.place.count, 0
        stride = 2 * count
        out = (flat(self.macs_a), flat(self.keys_a), flat(self.macs_b), flat(self.keys_b), stride, self.own)
        for first, t in self.pieces():
            fresh_m, fresh_stride = strided(t.masks.macs)
            fresh_k, _ = strided(t.masks.keys)
            sources = (fresh_m, fresh_k, fresh_stride, flat(t.x.macs[0]), flat(t.y.macs[0]))
            gate = self.session.workers.call(
                garbling.walk_masks,
                self.place.gates,
                gate,
                first,
                len(t),
                count,
                self.peers,
                flat(masks.state),
                *sources,
                *out,
            )
        assert 3 * gate == len(self.place.gates)

    def folded(self, seed: bytes, p: int, bits: np.ndarray, delta: np.ndarray, *, keys: bool = False) -> np.ndarray:
        """Fold of the MACs or keys of peer number ``p`` for all e, then all f, xor bit * delta."""
        schedule, total = key_schedule(seed), np.zeros(2, np.uint64)
        for first, t in self.pieces():
            of_e = (self.keys_a, t.x.keys) if keys else (self.macs_a, t.x.macs)
            of_f = (self.keys_b, t.y.keys) if keys else (self.macs_b, t.y.macs)
            for half, (masks, others) in enumerate((of_e, of_f)):
                at, stop = half * self.place.count + first, first + len(t)
                part = (bits[at : at + len(t)], delta, masks[p, first:stop], others[p])
                total ^= beaver.fold_sums(schedule, at, *part, self.session.workers)
        return total

    def send(self) -> None:
        """OPEN_BEAVER out."""
        nobody = np.zeros(2, np.uint64)

        def macs(seed: bytes, p: int) -> np.ndarray:
            return self.folded(seed, p, self.own, nobody)

        opening.send(self.session, LABEL, self.operation, self.own, macs, a=self.execution, b=self.place.index)

    def receive(self) -> SegmentShares:
        """OPEN_BEAVER in, verified; sigma of every gate."""

        def keys(seed: bytes, p: int, bits: np.ndarray) -> np.ndarray:
            return self.folded(seed, p, bits, self.session.delta, keys=True)

        numbers = {"a": self.execution, "b": self.place.index}
        bits = opening.receive(self.session, LABEL, self.operation, self.own, keys, **numbers)
        return self.combine(bits[: self.place.count], bits[self.place.count :])

    def combine(self, e: np.ndarray, f: np.ndarray) -> SegmentShares:
        """z xor e y xor f x xor (public) e f xor lambda_o; keys summed over the peers."""
        workers, count, peers = self.session.workers, self.place.count, self.peers
        macs_s, keys_s = self.scratch.blocks(peers, count), self.scratch.blocks(1, count)[0]
        public = self.public_constant()
        for first, t in self.pieces(results=True):
            assert t.z is not None
            (x_m, stride), (y_m, _), (z_m, _) = (strided(v.macs) for v in (t.x, t.y, t.z))
            x_k, y_k, z_k = (strided(v.keys)[0] for v in (t.x, t.y, t.z))
            (fresh_m, fresh_stride), (fresh_k, _) = strided(t.masks.macs), strided(t.masks.keys)
            material = (x_m, y_m, z_m, x_k, y_k, z_k, stride, fresh_m, fresh_k, fresh_stride)
            out = (flat(macs_s), 2 * count, flat(keys_s))
            workers.run(beaver.product_masks, len(t), first, peers, e, f, *material, *public, *out)
        for keys in (self.keys_a, self.keys_b):
            if peers > 1:
                workers.run(beaver.sum_peers, count, peers, 2 * count, flat(keys))
        return SegmentShares(self.macs_a, self.macs_b, macs_s, self.keys_a[0], self.keys_b[0], keys_s)

    def public_constant(self) -> tuple[np.ndarray, np.ndarray]:
        """What adding the public bit 1 adds to the own MACs and to the key of P_0's share (section 1, "P_0 flips")."""
        one = np.array([1, 0], np.uint64)
        nothing = np.zeros(2, np.uint64)
        return (one, nothing) if self.session.party == 0 else (nothing, self.session.delta ^ one)


def strided(blocks: np.ndarray) -> tuple[np.ndarray, int]:
    """(peers, count, 2) blocks as one dimension that begins at the first one, and the words from peer to peer.

    The blocks may be a slice of longer vectors: the words between belong to them too.
    """
    peers, count, _ = blocks.shape
    stride = blocks.strides[0] // 8
    if peers == 1:
        return flat(blocks), stride
    assert blocks.strides[1:] == (16, 8)
    return np.lib.stride_tricks.as_strided(blocks, ((peers - 1) * stride + 2 * count,), (8,)), stride
