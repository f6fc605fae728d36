"""One execution of a circuit in a session (spec: protocol, sections 9 and 10)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np

from engine.circuit import Circuit
from engine.mpc import exec_header, inputs
from engine.mpc.evaluator import Evaluated, Evaluator
from engine.mpc.exec_header import ExecHeader
from engine.mpc.garbler import Garbler, Pending
from engine.mpc.parameters import SEGMENT
from engine.mpc.pool import Pool
from engine.mpc.product_masks import BeaverOpening, Place, SegmentShares, WireMasks
from engine.mpc.scratch import Scratch
from engine.mpc.session import Session
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
        self.slots = self.plan.walk()
        self.scratch = Scratch()
        self.opened: dict[int, BeaverOpening] = {}
        self.position = position
        self.number = position.execution
        self.triple_base, self.mask_base, self.gate_base = position.triple, position.mask, position.gate
        self.inputs, self.ands = circuit.inputs, circuit.and_gates
        self.segments = -(-self.ands // segment)

    def run(self, values: np.ndarray) -> np.ndarray | None:
        """``values``: own input bits in wire order. Returns the output bits if this party is a receiver."""
        with self._beside_first_batch():
            self.agree()
        try:
            return self._run(values)
        finally:
            self.scratch.wipe()

    def _run(self, values: np.ndarray) -> np.ndarray | None:
        session = self.session
        masks = self.pool.masks(self.mask_base, self.inputs)
        session.channel.enter("online")
        inputs.share_masks(session, self.number, self.owners, masks)
        self.masks = WireMasks(session, self.pool, self.scratch, self.plan.slots, masks, self.number)
        if self.segments and self.pool.ready(*self.end_of(0)):  # in the same round as INSHARE
            self.open(0)
        session.channel.enter("online")
        with self._beside_first_batch():
            lam = inputs.mask_inputs(session, self.number, self.owners, masks, values)
        self.party = self.make_evaluator() if session.party == 0 else self.make_garbler()
        if isinstance(self.party, Evaluator):
            self.evaluate(self.party, lam)
        else:
            self.garble(self.party, lam)
        self.count_rounds()
        return self.reveal(self.party.values)

    def _beside_first_batch(self) -> AbstractContextManager[None]:
        """EXEC, INSHARE and MASKED of a session's first execution travel while its first batch is made."""
        return self.session.channel.beside(self.number == 0)

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
        return Garbler(self.session, self.plan.slots, self.inputs, self.number, self.gate_base, self.segment)

    def make_evaluator(self) -> Evaluator:
        """The state of P_0."""
        return Evaluator(self.session, self.plan.slots, self.inputs, self.number, self.gate_base, self.segment)

    # -- segments ---------------------------------------------------------------------------------------------

    def end_of(self, index: int) -> tuple[int, int]:
        """Numbers of the first triple and of the first mask that segments up to ``index`` do not use."""
        done = min((index + 1) * self.segment, self.ands)
        return self.triple_base + done, self.mask_base + self.inputs + done

    def open(self, index: int) -> None:
        """9.2 and OPEN_BEAVER out: neither depends on anything but triples and masks."""
        start = index * self.segment
        count = min(self.segment, self.ands - start)
        self.session.channel.enter("preprocess")
        self.pool.wait(*self.end_of(index))
        self.session.channel.enter("garble")
        gates = self.slots.segment(count, self.scratch.words)
        place = Place(index, count, gates, self.triple_base + start, self.mask_base + self.inputs + start)
        self.opened[index] = opening = BeaverOpening(self.masks, place)
        opening.send()

    def product_masks(self, index: int) -> tuple[np.ndarray, SegmentShares]:
        """9.2 and 9.3 of one segment: its gates and shares.

        The next segment is opened before anything is waited for, so that its flights overlap those of this one; but
        not if its triples are not there yet, for that would hold up this one.
        """
        if index not in self.opened:
            self.open(index)
        if index + 1 < self.segments:
            self.pool.announce(*self.end_of(index + 1))
            if self.pool.ready(*self.end_of(index + 1)):
                self.open(index + 1)
        self.session.channel.enter("garble")
        self.tell("garble", index, 0.3)
        opening = self.opened.pop(index)
        shares = opening.receive()
        self.pool.release(*self.end_of(index))
        self.tell("garble", index, 0.6)
        return opening.place.gates, shares

    def garble(self, garbler: Garbler, lam: np.ndarray) -> None:
        """The garbler's order: rows of segment s go out before the values of s-1 are awaited."""
        garbler.send_labels(lam)
        pending: Pending | None = None
        for index in range(self.segments):
            gates, shares = self.product_masks(index)
            following = garbler.garble(index, gates, shares)
            self.scratch.give(shares.keys_a, shares.keys_b)
            self.tell("garble", index, 1.0)
            self.session.channel.enter("online")
            if pending is not None:
                self.verify(garbler, pending)
            pending = following
        if pending is not None:
            self.verify(garbler, pending)
        else:
            self.linear(garbler)
        self.session.channel.recv(0, "OK", np.uint8, 0, a=self.number)

    def verify(self, garbler: Garbler, pending: Pending) -> None:
        """LAM and T of one segment."""
        self.tell("evaluate", pending.index, 0.2)
        packed, tag, s0 = garbler.receive_values(pending)
        self.tell("evaluate", pending.index, 0.6)
        garbler.answer(pending, packed, tag, s0)
        shares = pending.shares
        self.scratch.give(pending.gates, shares.macs_a, shares.macs_b, shares.macs_s, shares.keys_s)
        self.tell("evaluate", pending.index, 1.0)

    def evaluate(self, evaluator: Evaluator, lam: np.ndarray) -> None:
        """The evaluator's order; OK only after the T of every segment fitted."""
        waiting: list[Evaluated] = []
        for index in range(self.segments):
            gates, shares = self.product_masks(index)
            self.tell("garble", index, 1.0)
            self.session.channel.enter("online")
            if index == 0:
                evaluator.receive_labels(lam)
            self.tell("evaluate", index, 0.2)
            waiting.append(evaluator.evaluate(index, gates, shares))
            self.scratch.give(gates, *shares.all())
            self.tell("evaluate", index, 0.7)
        if not self.segments:
            evaluator.receive_labels(lam)
            self.linear(evaluator)
        for segment in waiting:
            evaluator.verify(segment)
            self.tell("evaluate", segment.index, 1.0)
        self.session.send_all("OK", b"", a=self.number)

    def linear(self, party: Garbler | Evaluator) -> None:
        """Without AND gates there are no segments, but masks and masked values of XOR wires are due."""
        gates = self.slots.segment(0, self.scratch.words)
        self.masks.linear(gates)
        party.linear_values(gates)

    def count_rounds(self) -> None:
        """The flights of section 11 that follow one another, whoever sends them; those of segments overlap.

        OPEN_BEAVER goes with INSHARE, ROWS with LABELS.
        """
        for label in ("LABELS", *(("LAM", "T") if self.segments else ()), "OK"):
            self.session.channel.round(label)

    # -- outputs ----------------------------------------------------------------------------------------------

    def reveal(self, lam: np.ndarray) -> np.ndarray | None:
        """10.5: mask shares of the outputs to every receiver, after both checks passed for all segments."""
        session = self.session
        session.progress("output", 0.0)
        outputs = self.slots.outputs()
        wires = outputs[outputs < CONSTANTS]
        slots = (wires >> 1).astype(np.int64)
        masks = self.masks.outputs(slots)
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
