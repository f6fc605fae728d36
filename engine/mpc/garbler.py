"""A garbler's part of an execution: rows, labels, both checks (spec: protocol, sections 9.4, 10.3, 10.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.circuit.slots import ExecutionPlan
from engine.kernels import garbling, triples
from engine.mpc.folding import fold, fold_expected
from engine.mpc.leaky_and import flat, tweak_word, words_of
from engine.mpc.product_masks import SegmentShares
from engine.mpc.session import Session, pack
from engine.oracle import LBLCHK, RO, same

OWN_ROWS = 2
CROSS_ROWS = 3


@dataclass(repr=False)
class Pending:
    """A garbled segment whose masked values have not come back yet."""

    index: int
    first: int
    last: int
    shares: SegmentShares
    zeros: np.ndarray


class Garbler:
    """The labels of P_i, i >= 1, on their way through the circuit."""

    def __init__(
        self, session: Session, plan: ExecutionPlan, inputs: int, execution: int, gate_base: int, segment: int
    ) -> None:
        self.session, self.plan, self.execution = session, plan, execution
        self.gate_base, self.segment = gate_base, segment
        self.key = words_of(session.hash_keys[session.party])
        self.input_labels = session.secret(session.random.blocks(f"labels/{execution}", inputs))
        self.labels = session.secret(np.zeros((plan.slots, 2), np.uint64))
        self.labels[plan.input_slots] = self.input_labels
        self.values = np.zeros(plan.slots, np.uint8)

    # -- inputs -----------------------------------------------------------------------------------------------

    def send_labels(self, lam: np.ndarray) -> None:
        """LABELS: the active label of every input wire, after the echo of MASKED and once only."""
        active = np.empty_like(self.input_labels)
        count = len(lam)
        triples.select_blocks(0, count, lam, flat(self.input_labels), self.session.delta, flat(active))
        self.session.channel.send(0, "LABELS", active, a=self.execution)
        self.values[self.plan.input_slots] = lam

    # -- rows -------------------------------------------------------------------------------------------------

    def garble(self, index: int, first: int, last: int, shares: SegmentShares) -> Pending:
        """ROWS of one segment."""
        session, me, count = self.session, self.session.party, len(shares.keys_a)
        plan, idx = self.plan, np.uint64(self.gate_base + index * self.segment)
        rows, zeros = np.empty((count, 2 * OWN_ROWS), np.uint64), np.empty((count, 2), np.uint64)
        before = self.labels.copy() if session.parties > 2 else self.labels
        halves = np.array([tweak_word(2, me, me, half) for half in (0, 1)], np.uint64)
        gates = (first, last, plan.op, plan.a, plan.b, plan.out)
        own = [flat(self._delta_shares(macs, keys)) for macs, keys in self._pairs(shares)]
        labels, delta = flat(self.labels), session.delta
        garbling.walk_garble(*gates, labels, delta, self.key, idx, halves, *own, flat(rows), flat(zeros))
        parts: list[np.ndarray] = [rows]
        if session.parties > 2:
            parts.append(self._cross_rows(gates, flat(before), flat(zeros), idx, shares, count))
        if me == 1:
            parts.append(pack((zeros[:, 0] & np.uint64(1)).astype(np.uint8)))
        session.channel.send(0, "ROWS", *parts, a=self.execution, b=index)
        return Pending(index, first, last, shares, zeros)

    def _pairs(self, s: SegmentShares) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(s.macs_b[0], s.keys_b), (s.macs_a[0], s.keys_a), (s.macs_s[0], s.keys_s)]

    def _delta_shares(self, macs: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """A_i of equation (2), uint64 (m, 2)."""
        out = np.empty_like(keys)
        args = (flat(np.ascontiguousarray(macs)), flat(keys), self.session.delta, flat(out))
        self.session.workers.run(triples.delta_shares, len(keys), *args)
        return out

    def _cross_rows(
        self, gates: tuple, labels: np.ndarray, zeros: np.ndarray, idx: np.uint64, s: SegmentShares, count: int
    ) -> np.ndarray:
        session, me = self.session, self.session.party
        dests = [p for p in session.peers if p != 0]
        tweaks = np.array([tweak_word(3, me, p, half) for p in dests for half in (0, 1)], np.uint64)
        # The evaluator is the first peer of every garbler: the other garblers follow.
        macs = [flat(np.ascontiguousarray(m[1:])) for m in (s.macs_b, s.macs_a, s.macs_s)]
        rows = np.empty((len(dests), count, 2 * CROSS_ROWS), np.uint64)
        args = (labels, zeros, session.delta, self.key, idx, len(dests), tweaks, *macs, flat(rows), count)
        garbling.walk_cross(*gates, *args)
        return rows

    # -- checks -----------------------------------------------------------------------------------------------

    def verify(self, pending: Pending) -> None:
        """LAM of one segment (10.3), then T (10.4)."""
        self.answer(pending, *self.receive_values(pending))

    def receive_values(self, pending: Pending) -> tuple[np.ndarray, bytes, bytes]:
        """LAM in: packed masked values, the fold U of their labels, s_0."""
        session, size = self.session, -(-len(pending.zeros) // 8)
        payload = session.channel.recv(0, "LAM", np.uint8, size + 32, a=self.execution, b=pending.index)
        session.channel.round("LAM")
        return payload[:size], payload[size : size + 16].tobytes(), payload[size + 16 :].tobytes()

    def answer(self, pending: Pending, packed: np.ndarray, tag: bytes, s0: bytes) -> None:
        """T out: nothing depends on the values before the check of 10.3 passed."""
        lam = self.session.unpack(packed, len(pending.zeros), "LAM", 0)
        self.check_labels(pending, packed, lam, tag)
        la, lb = self.masked_values(pending.first, pending.last, lam)
        answer = self.correctness_tag(pending.shares, la, lb, s0)
        self.session.channel.send(0, "T", answer, a=self.execution, b=pending.index)

    def check_labels(self, pending: Pending, packed: np.ndarray, lam: np.ndarray, tag: bytes) -> None:
        """U_i = fold(seed, L_o0 xor Lam_o D_i)."""
        session = self.session
        seed = RO(LBLCHK, session.sid, self.execution, pending.index, session.party, packed)[:16]
        zeros, count = pending.zeros, len(lam)
        expected = fold_expected(session.workers, seed, zeros, packed, count, session.delta)
        ok = same(expected.tobytes(), tag)
        session.require(ok, "LAM", "the evaluator's values do not fit its labels", 0)

    def masked_values(self, first: int, last: int, lam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Masked values of the operands; the walk's state keeps those of all wires."""
        plan = self.plan
        la, lb = np.empty_like(lam), np.empty_like(lam)
        gates = (first, last, plan.op, plan.a, plan.b, plan.out)
        garbling.walk_values(*gates, self.values, np.ascontiguousarray(lam), la, lb)
        return la, lb

    def correctness_tag(self, s: SegmentShares, la: np.ndarray, lb: np.ndarray, s0: bytes) -> np.ndarray:
        """T_i = fold(s_0, la M_0[lambda_b] xor lb M_0[lambda_a] xor M_0[sigma] xor M_0[lambda_o])."""
        out = np.empty((len(la), 2), np.uint64)
        blocks = [flat(np.ascontiguousarray(m[0])) for m in (s.macs_a, s.macs_b, s.macs_s)]
        self.session.workers.run(triples.product_blocks, len(la), la, lb, *blocks, flat(out))
        return fold(self.session.workers, s0, out)
