"""Deviations 37 to 55 of the catalogue: executions (spec: protocol, 17.5)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.errors import PeerAborted, Timeout
from engine.mpc.evaluator import Evaluator
from engine.mpc.exec_header import ExecHeader, Refused
from engine.mpc.execution import Execution
from engine.mpc.party import Party

from .catalogue import EVALUATION, case
from .cheating import (
    EVALUATOR,
    FIRST_GARBLER,
    GARBLERS,
    OF_THREE,
    ROLES,
    change,
    flip,
    small_circuit,
)
from .cheating import run_dealt as run
from .support import DealtParty


def with_execution(execution: type[Execution]) -> type[Party]:
    """A party whose execution deviates."""

    def make(self, circuit, owners, receivers):
        pool, position = self.pool, self.position
        return execution(self.session, pool, position, circuit, owners, receivers, segment=self.segment)

    return type("Cheater", (DealtParty,), {"make_execution": make})


# -- EXEC -----------------------------------------------------------------------------------------------------


def edit_exec(**changes):
    def edit(payload):
        header = ExecHeader.unpack(bytes(payload))
        fields = {k: (v(getattr(header, k)) if callable(v) else v) for k, v in changes.items()}
        return bytearray(dataclasses.replace(header, **fields).pack())

    return edit


@case(37)
@ROLES
@pytest.mark.parametrize("field", ["digest", "and_gates", "segment"])
def test_37_another_circuit_is_refused(parties, cheater, field):
    """Refused, not aborted: no execution takes place."""
    edit = edit_exec(**{field: bytes(32) if field == "digest" else (lambda n: n + 1)})
    outcome = run(parties, cheater, tamper=change("EXEC", edit), timeout=1.5)
    assert any(isinstance(e, Refused) for e in outcome.errors), outcome.errors
    assert all(isinstance(e, Refused | PeerAborted | Timeout) for e in outcome.errors), outcome.errors
    assert not [h for h, _ in outcome.frames if h.label == "INSHARE"]
    for party in outcome.crew.parties.values():  # no number was used up
        assert (party.position.execution, party.position.triple, party.position.mask) == (0, 0, 0)


@case(38)
@OF_THREE
def test_38_exec_equivocated(parties, cheater):
    edit = edit_exec(mask_base=3)
    run(parties, cheater, tamper=change("EXEC", edit, to=(cheater + 1) % parties)).detected(38)


@case(39)
@ROLES
def test_39_start_index_rolled(parties, cheater):
    run(parties, cheater, tamper=change("EXEC", edit_exec(triple_base=1))).detected(39)


@case(40, 41)
@ROLES
@pytest.mark.parametrize(("number", "start"), [(40, 1 << 40), (41, 0)])
def test_40_41_resumed_session(parties, cheater, number, start):
    """Sessions kept on disk are not offered: who claims one ends the run before its pool is touched."""
    edit = edit_exec(flags=1, triple_base=start)
    run(parties, cheater, tamper=change("EXEC", edit)).detected(number)


# -- garbled circuit ------------------------------------------------------------------------------------------


def every_row(payload):
    """Change every own row (and cross row), each differently: equal changes of two rows that are used cancel."""
    blocks = np.frombuffer(payload, np.uint8)
    blocks[: len(blocks) // 16 * 16 : 16] ^= np.random.default_rng(42).integers(1, 256, len(blocks) // 16, np.uint8)


def wide(parties):
    """So many gates, also in each segment of 40, that some changed row is used, but for 4^-40."""
    circuit = and_chain(130, parties, 3)
    return {"circuit": circuit, "inputs": [np.ones(n, np.uint8) for n in circuit.input_bits]}


@case(42)
@GARBLERS
def test_42_rows_replaced(parties, cheater):
    run(parties, cheater, tamper=change("ROWS", every_row), **wide(parties)).detected(42)


@case(43)
@FIRST_GARBLER
def test_43_decoding_bits_flipped(parties, cheater):
    run(parties, cheater, tamper=change("ROWS", flip(-1))).detected(43)


@case(44)
@pytest.mark.parametrize(("parties", "cheater"), [(3, 1), (3, 2)])
def test_44_cross_rows_replaced(parties, cheater):
    circuit, _ = small_circuit(parties)
    start = 32 * circuit.and_gates

    def cross(payload):
        payload[start : start + 48 * circuit.and_gates] = bytes(48 * circuit.and_gates)

    run(parties, cheater, tamper=change("ROWS", cross)).detected(44)


@case(45)
@GARBLERS
def test_45_one_row_of_one_gate(parties, cheater):
    """Found if and only if the row is used: G0 of gate 0 is used when the masked value of its operand is 1."""
    circuit, inputs = small_circuit(parties)
    expected = circuit.evaluate(inputs)
    seen = set()
    for _ in range(40):
        outcome = run(parties, cheater, tamper=change("ROWS", flip(5)))
        if not any(outcome.errors):
            outcome.completed(expected)
            seen.add("unused")
        else:
            outcome.detected(45)
            seen.add("used")
        if len(seen) == 2:
            break
    assert seen == {"used", "unused"}  # each has probability 1/2: both within 40 runs but for 2^-39


# -- inputs and labels ----------------------------------------------------------------------------------------


@case(46)
@ROLES
def test_46_input_mask_share_flipped(parties, cheater):
    run(parties, cheater, tamper=change("INSHARE", flip(0))).detected(46)


@case(47)
@OF_THREE
def test_47_masked_inputs_equivocated(parties, cheater):
    to = (cheater + 1) % parties
    run(parties, cheater, tamper=change("MASKED", flip(0), to=to)).detected(47)


@case(48)
@GARBLERS
def test_48_wrong_active_labels(parties, cheater):
    """All of them, so that the changed ones are used."""

    def edit(payload):
        payload[1::16] = bytes(b ^ 2 for b in payload[1::16])

    run(parties, cheater, tamper=change("LABELS", edit)).detected(48)


# -- authenticity ---------------------------------------------------------------------------------------------


@case(49)
@EVALUATOR
def test_49_evaluator_lies_about_a_value(parties, cheater):
    run(parties, cheater, tamper=change("LAM", flip(0))).detected(49)


@case(50)
@EVALUATOR
def test_50_evaluator_sends_a_wrong_fold(parties, cheater):
    run(parties, cheater, tamper=change("LAM", flip(-20))).detected(50)


@case(51)
@GARBLERS
def test_51_wrong_t(parties, cheater):
    run(parties, cheater, tamper=change("T", flip(0))).detected(51)


@case(52)
@pytest.mark.parametrize(("parties", "cheater"), [(3, 0)])
def test_52_different_s0(parties, cheater):
    """The evaluator's own check fails: that it cannot gain anything is why nobody else checks s_0."""
    checks: list[bool] = []

    class Watching(Execution):
        def make_evaluator(self):
            made = super().make_evaluator()

            def verify(segment):
                total = np.zeros(2, np.uint64)
                for peer in self.session.peers:
                    total ^= self.session.channel.recv(peer, "T", np.uint64, 2, a=self.number, b=segment.index)
                checks.append(total.tobytes() == segment.expected.tobytes())

            made.verify = verify
            return made

    tamper = change("LAM", flip(-1), to=2)
    outcome = run(parties, cheater, tamper=tamper, party=with_execution(Watching))
    assert checks == [False]
    circuit, inputs = small_circuit(parties)
    outcome.completed(circuit.evaluate(inputs))


@case(53)
@ROLES
@pytest.mark.parametrize("at", [0, -1])
def test_53_output_share_or_digest_changed(parties, cheater, at):
    run(parties, cheater, tamper=change("OUTPUT", flip(at))).detected(53)


@case(54)
@EVALUATOR
@pytest.mark.parametrize("first", [0, 1])
def test_54_ok_before_the_values_of_all_segments(parties, cheater, first):
    """OK alone makes no garbler reveal its output shares: it waits for the values of every segment."""

    class Hasty(Evaluator):
        def send_values(self, index, lam, labels, s0):
            if index < first:
                super().send_values(index, lam, labels, s0)
            elif index == first:
                self.session.send_all("OK", b"", a=self.execution)

    class HastyExecution(Execution):
        def make_evaluator(self):
            made = super().make_evaluator()
            made.__class__ = Hasty
            return made

    outcome = run(parties, cheater, party=with_execution(HastyExecution), timeout=1.5, segment=6)
    # The hasty evaluator waits for T as the garblers wait for LAM: whose deadline passes first is a matter of chance.
    outcome.ended(Timeout)
    assert not [h for h, _ in outcome.frames if h.label == "OUTPUT"]


# -- later segments -------------------------------------------------------------------------------------------


@case(42)
@GARBLERS
def test_42_rows_of_a_later_segment(parties, cheater):
    run(parties, cheater, tamper=change("ROWS", every_row, b=1), segment=40, **wide(parties)).detected(42)


@case(49, 50)
@EVALUATOR
@pytest.mark.parametrize(("number", "at"), [(49, 0), (50, -20)])
def test_49_50_values_of_a_later_segment(parties, cheater, number, at):
    run(parties, cheater, tamper=change("LAM", flip(at), b=1), segment=4).detected(number)


@case(51)
@GARBLERS
def test_51_wrong_t_of_a_later_segment(parties, cheater):
    run(parties, cheater, tamper=change("T", flip(0), b=1), segment=4).detected(51)


# -- replay ---------------------------------------------------------------------------------------------------


class Twice(DealtParty):
    """Runs its circuit twice in one session."""

    def execute(self, circuit, bits, output_parties=(0,)):
        super().execute(circuit, bits, output_parties)
        return super().execute(circuit, bits, output_parties)


def replay_of(label):
    """What was ``label`` of execution 0 is sent again as that of execution 1."""
    first: dict[int, bytearray] = {}

    def tamper(header, payload):
        if header.label != label:
            return payload
        if header.a == 0:
            first[header.receiver] = bytearray(payload)
        return bytearray(first[header.receiver])

    return tamper


@case(55)
@ROLES
@pytest.mark.parametrize("label", ["EXEC", "INSHARE", "OPEN_BEAVER", "OUTPUT"])
def test_55_message_of_an_earlier_execution(parties, cheater, label):
    """MASKED is not among them: other masked values are other inputs, which every party may choose."""
    run(parties, cheater, party=Twice, honest=Twice, tamper=replay_of(label)).detected(55, label)


@case(55)
@GARBLERS
@pytest.mark.parametrize("label", ["ROWS", "LABELS", "T"])
def test_55_message_of_an_earlier_garbling(parties, cheater, label):
    run(parties, cheater, party=Twice, honest=Twice, tamper=replay_of(label)).detected(55, *EVALUATION)


@case(55)
@EVALUATOR
def test_55_values_of_an_earlier_evaluation(parties, cheater):
    run(parties, cheater, party=Twice, honest=Twice, tamper=replay_of("LAM")).detected(55, "LAM")
