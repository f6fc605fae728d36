"""One execution of a circuit in a session (spec: protocol, sections 9 and 10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.circuit import Circuit
from engine.kernels.garbling import walk_values
from engine.mpc import exec_header, inputs
from engine.mpc.evaluator import Evaluated, Evaluator
from engine.mpc.exec_header import ExecHeader
from engine.mpc.garbler import Garbler, Pending
from engine.mpc.parameters import SEGMENT
from engine.mpc.pool import Pool
from engine.mpc.product_masks import BeaverOpening, SegmentShares, WireMasks
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.oracle import OUTMAC

CONSTANTS = 0xFFFFFFFE


class Position:
    """First unused triple, mask and gate index of a session."""

    def __init__(self) -> None:
        self.triple = self.mask = self.gate = 0
        self.execution = self.attempt = 0


class Execution:
    """Runs ``circuit`` once. ``owners``: protocol number per input wire; ``receivers``: protocol numbers, ascending."""

    def __init__(
        self,
        session: Session,
        pool: Pool,
        position: Position,
        circuit: Circuit,
        owners: np.ndarray,
        receivers: Sequence[int],
        *,
        segment: int = SEGMENT,
    ) -> None:
        self.session, self.pool, self.circuit = session, pool, circuit
        self.owners, self.receivers, self.segment = owners, tuple(receivers), segment
        self.plan = circuit.plan()
        self.position = position
        self.number = position.execution
        self.triple_base, self.mask_base, self.gate_base = position.triple, position.mask, position.gate
        self.inputs, self.ands = circuit.inputs, circuit.and_gates
        self.segments = -(-self.ands // segment)

    def run(self, values: np.ndarray) -> np.ndarray | None:
        """``values``: own input bits in wire order. Returns the output bits if this party is a receiver."""
        session = self.session
        self.agree()
        masks = self.pool.masks(self.mask_base, self.inputs)
        session.channel.enter("online")
        lam = inputs.mask_inputs(session, self.number, self.owners, masks, values)
        self.walk = WireMasks(session, self.plan, masks, self.number)
        self.party = self.make_evaluator() if session.party == 0 else self.make_garbler()
        if isinstance(self.party, Evaluator):
            self.evaluate(self.party, lam)
        else:
            self.garble(self.party, lam)
        return self.reveal(self.party.values)

    def agree(self) -> None:
        """EXEC; the material of this execution counts as used from here on."""
        position = self.position
        header = ExecHeader(
            self.number,
            self.ands,
            self.inputs,
            self.segment,
            self.triple_base,
            self.mask_base,
            self.gate_base,
            0,
            0,
            self.circuit.digest(self.owners, self.receivers),
        )
        position.attempt += 1
        exec_header.exchange(self.session, header, position.attempt - 1)
        # Only now: a party that was refused must not begin a batch that the others do not make.
        self.pool.reserve(self.triple_base + self.ands, self.mask_base + self.inputs + self.ands)
        position.execution += 1
        position.triple += self.ands
        position.mask += self.inputs + self.ands
        position.gate += self.ands

    def make_garbler(self) -> Garbler:
        """The state of P_i, i >= 1."""
        return Garbler(self.session, self.plan, self.inputs, self.number, self.gate_base, self.segment)

    def make_evaluator(self) -> Evaluator:
        """The state of P_0."""
        return Evaluator(self.session, self.plan, self.inputs, self.number, self.gate_base, self.segment)

    # -- segments ---------------------------------------------------------------------------------------------

    def gates(self, index: int) -> tuple[int, int, int]:
        """First and last gate and number of AND gates of a segment."""
        first, last = self.plan.segment(index, self.segment)
        return first, last, min(self.segment, self.ands - index * self.segment)

    def product_masks(self, index: int) -> SegmentShares:
        """9.2 and 9.3 of one segment."""
        first, last, count = self.gates(index)
        start = index * self.segment
        self.session.channel.enter("preprocess")
        material = self.pool.triples(self.triple_base + start, count)
        fresh = self.pool.masks(self.mask_base + self.inputs + start, count)
        self.session.channel.enter("garble")
        a, b = self.walk.walk(first, last, fresh)
        beaver = BeaverOpening(self.walk, index, a, b, fresh, material)
        self.tell("garble", index, 0.3)
        beaver.send()
        shares = beaver.receive()
        done = start + count
        self.pool.release(self.triple_base + done, self.mask_base + self.inputs + done)
        self.tell("garble", index, 0.6)
        return shares

    def garble(self, garbler: Garbler, lam: np.ndarray) -> None:
        """The garbler's order: rows of segment s go out before the values of s-1 are awaited."""
        garbler.send_labels(lam)
        pending: Pending | None = None
        for index in range(self.segments):
            first, last, _ = self.gates(index)
            shares = self.product_masks(index)
            following = garbler.garble(index, first, last, shares)
            self.tell("garble", index, 1.0)
            self.session.channel.enter("online")
            if pending is not None:
                self.verify(garbler, pending)
            pending = following
        if pending is not None:
            self.verify(garbler, pending)
        if not self.segments:
            self.walk_linear()
            self.linear_values(garbler.values)
        self.session.channel.recv(0, "OK", np.uint8, 0, a=self.number)
        self.session.channel.round("OK")

    def verify(self, garbler: Garbler, pending: Pending) -> None:
        """LAM and T of one segment."""
        self.tell("evaluate", pending.index, 0.2)
        packed, tag, s0 = garbler.receive_values(pending)
        self.tell("evaluate", pending.index, 0.6)
        garbler.answer(pending, packed, tag, s0)
        self.tell("evaluate", pending.index, 1.0)

    def evaluate(self, evaluator: Evaluator, lam: np.ndarray) -> None:
        """The evaluator's order; OK only after the T of every segment fitted."""
        waiting: list[Evaluated] = []
        for index in range(self.segments):
            first, last, _ = self.gates(index)
            shares = self.product_masks(index)
            self.tell("garble", index, 1.0)
            self.session.channel.enter("online")
            if index == 0:
                evaluator.receive_labels(lam)
            self.tell("evaluate", index, 0.2)
            waiting.append(evaluator.evaluate(index, first, last, shares))
            self.tell("evaluate", index, 0.7)
        if not self.segments:
            evaluator.receive_labels(lam)
            self.walk_linear()
            self.linear_values(evaluator.values)
        for segment in waiting:
            evaluator.verify(segment)
            self.tell("evaluate", segment.index, 1.0)
        self.session.send_all("OK", b"", a=self.number)

    def walk_linear(self) -> None:
        """Without AND gates there are no segments, but the masks of XOR wires are due."""
        self.walk.walk(0, self.plan.gates, Shares.empty(len(self.session.peers), 0))

    def linear_values(self, values: np.ndarray) -> None:
        """The same for the masked values."""
        plan, nothing = self.plan, np.zeros(0, np.uint8)
        gates = (0, plan.gates, plan.op, plan.a, plan.b, plan.out)
        walk_values(*gates, values, nothing, nothing, nothing)

    # -- outputs ----------------------------------------------------------------------------------------------

    def reveal(self, lam: np.ndarray) -> np.ndarray | None:
        """10.5: mask shares of the outputs to every receiver, after both checks passed for all segments."""
        session = self.session
        session.progress("output", 0.0)
        outputs = self.plan.outputs
        wires = outputs[outputs < CONSTANTS]
        slots = (wires >> 1).astype(np.int64)
        masks = self.walk.outputs(slots)
        if not len(wires):
            return (outputs & 1).astype(np.uint8) if session.party in self.receivers else None
        for receiver in self.receivers:
            if receiver != session.party:
                macs = masks.macs[session.peers.index(receiver)]
                inputs.reveal_shares(session, "OUTPUT", OUTMAC, self.number, receiver, macs, masks.bits())
        session.progress("output", 0.3)
        if session.party not in self.receivers:
            return None
        bits = inputs.collect_shares(session, "OUTPUT", OUTMAC, self.number, masks)
        result = (outputs & 1).astype(np.uint8)
        result[outputs < CONSTANTS] = bits ^ lam[slots] ^ (wires & 1).astype(np.uint8)
        return result

    def tell(self, phase: str, index: int, part: float) -> None:
        """Progress within a phase that goes over segments."""
        self.session.progress(phase, (index + part) / self.segments)
