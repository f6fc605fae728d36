"""Deviations 37 to 57 of the catalogue: execution, frames, silence (spec: protocol, 17.5)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.circuit import Builder
from engine.errors import MalformedMessage, PeerAborted, ProtocolAbort, Timeout
from engine.mpc.evaluator import Evaluator
from engine.mpc.exec_header import ExecHeader, Refused
from engine.mpc.execution import Execution
from engine.mpc.party import Party
from engine.transport.frame import PHASES, Header

from .cheating import change, flip, small_circuit
from .cheating import run as run_whole
from .cheating import run_dealt as run
from .support import DealtParty

GARBLERS = pytest.mark.parametrize(("parties", "cheater"), [(2, 1), (3, 1), (3, 2)])
BOTH = pytest.mark.parametrize(("parties", "cheater"), [(2, 0), (2, 1), (3, 0), (3, 2)])
SIZES = pytest.mark.parametrize("parties", [2, 3])
THREE = pytest.mark.parametrize("cheater", [0, 1, 2])
#: Where wrong labels or rows surface, depending on which garbler they belong to.
EVALUATION = ("LAM", "T")


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


@BOTH
@pytest.mark.parametrize("field", ["digest", "and_gates", "segment"])
def test_37_another_circuit_is_refused(parties, cheater, field):
    """Refused, not aborted: no execution takes place."""
    edit = edit_exec(**{field: bytes(32) if field == "digest" else (lambda n: n + 1)})
    outcome = run(parties, cheater, tamper=change("EXEC", edit), timeout=1.5)
    errors = [outcome.result.errors[p] for p in outcome.honest]
    assert any(isinstance(e, Refused) for e in errors), errors
    assert all(isinstance(e, Refused | PeerAborted | Timeout) for e in errors), errors
    assert not [h for h, _ in outcome.frames if h.label == "INSHARE"]


@THREE
def test_38_exec_equivocated(cheater):
    edit = edit_exec(mask_base=3)
    run(3, cheater, tamper=change("EXEC", edit, to=(cheater + 1) % 3)).detected("EXEC")


@BOTH
def test_39_start_index_rolled(parties, cheater):
    run(parties, cheater, tamper=change("EXEC", edit_exec(triple_base=1))).detected("EXEC")


@BOTH
def test_40_41_resumed_session(parties, cheater):
    """Sessions kept on disk are not offered: who claims one ends the run before any coin or pool is touched."""
    edit = edit_exec(flags=1, triple_base=1 << 40)
    run(parties, cheater, tamper=change("EXEC", edit)).detected("EXEC")


# -- garbled circuit ------------------------------------------------------------------------------------------


def every_row(payload):
    """Change one byte of every own row (and cross row)."""
    payload[::16] = bytes(b ^ 1 for b in payload[::16])


@SIZES
def test_42_rows_replaced_by_the_first_garbler(parties):
    run(parties, 1, tamper=change("ROWS", every_row)).detected(*EVALUATION)


@SIZES
def test_43_decoding_bits_flipped(parties):
    run(parties, 1, tamper=change("ROWS", flip(-1))).detected(*EVALUATION)


@pytest.mark.parametrize("cheater", [1, 2])
def test_44_cross_rows_replaced(cheater):
    circuit, _ = small_circuit(3)
    start = 32 * circuit.and_gates

    def cross(payload):
        payload[start : start + 48 * circuit.and_gates] = bytes(48 * circuit.and_gates)

    run(3, cheater, tamper=change("ROWS", cross)).detected(*EVALUATION)


@GARBLERS
def test_45_one_row_of_one_gate(parties, cheater):
    """Found if and only if the row is used: G0 of gate 0 is used when the masked value of its operand is 1."""
    circuit, inputs = small_circuit(parties)
    expected = circuit.evaluate(inputs)
    seen = set()
    for _ in range(40):
        outcome = run(parties, cheater, tamper=change("ROWS", flip(5)))
        if all(outcome.result.errors[p] is None for p in outcome.honest):
            outcome.completed(expected)
            seen.add("unused")
        else:
            outcome.detected(*EVALUATION)
            seen.add("used")
        if len(seen) == 2:
            break
    assert seen == {"used", "unused"}  # each has probability 1/2: both within 40 runs but for 2^-39


# -- inputs and labels ----------------------------------------------------------------------------------------


@BOTH
def test_46_input_mask_share_flipped(parties, cheater):
    run(parties, cheater, tamper=change("INSHARE", flip(0))).detected("INSHARE")


@THREE
def test_47_masked_inputs_equivocated(cheater):
    to = (cheater + 1) % 3
    run(3, cheater, tamper=change("MASKED", flip(0), to=to)).detected("MASKED")


@GARBLERS
def test_48_wrong_active_labels(parties, cheater):
    """All of them, so that the changed ones are used."""

    def edit(payload):
        payload[1::16] = bytes(b ^ 2 for b in payload[1::16])

    run(parties, cheater, tamper=change("LABELS", edit)).detected(*EVALUATION)


# -- authenticity ---------------------------------------------------------------------------------------------


@SIZES
def test_49_evaluator_lies_about_a_value(parties):
    run(parties, 0, tamper=change("LAM", flip(0))).detected("LAM")


@SIZES
def test_50_evaluator_sends_a_wrong_fold(parties):
    run(parties, 0, tamper=change("LAM", flip(-20))).detected("LAM")


@GARBLERS
def test_51_wrong_t(parties, cheater):
    run(parties, cheater, tamper=change("T", flip(0))).detected("T")


def test_52_different_s0():
    """The evaluator's own check fails: that it cannot gain anything is why nobody else checks s_0."""
    outcome = run(3, 0, tamper=change("LAM", flip(-1), to=2))
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

    run(3, 0, tamper=change("LAM", flip(-1), to=2), party=with_execution(Watching))
    assert checks == [False]
    assert outcome.cheater == 0


@BOTH
@pytest.mark.parametrize("at", [0, -1])
def test_53_output_share_or_digest_changed(parties, cheater, at):
    run(parties, cheater, tamper=change("OUTPUT", flip(at))).detected("OUTPUT")


@SIZES
def test_54_ok_before_the_values_of_all_segments(parties):
    """OK alone makes no garbler reveal its output shares: it waits for the values of every segment."""

    class Hasty(Evaluator):
        def send_values(self, index, lam, labels, s0):
            self.session.send_all("OK", b"", a=self.execution)

    class HastyExecution(Execution):
        def make_evaluator(self):
            made = super().make_evaluator()
            made.__class__ = Hasty
            return made

    outcome = run(parties, 0, party=with_execution(HastyExecution), timeout=2.0)
    assert not [h for h, _ in outcome.frames if h.label in ("OUTPUT", "T") and h.sender in outcome.honest]
    assert all(outcome.result.outputs[p] is None for p in outcome.honest)
    # The hasty evaluator waits for T as the garblers wait for LAM: whose deadline passes first is a matter of chance.
    assert all(isinstance(outcome.result.errors[p], Timeout | PeerAborted) for p in outcome.honest)


# -- frames ---------------------------------------------------------------------------------------------------

#: Every message that occurs with two or three parties.
LABELS = [label for label in PHASES if label != "ABORT"]


def sends(parties: int, cheater: int, label: str) -> bool:
    if label in ("ROWS", "LABELS", "T"):
        return cheater > 0
    if label in ("LAM", "OK"):
        return cheater == 0
    if parties == 2:
        return not label.startswith("DCHK") and label not in ("COIN_ZT", "ZT_COM", "ZT_OPEN")
    return label != "ZT_HASH"


CASES = [
    (parties, cheater, label)
    for parties, cheater in [(2, 0), (2, 1), (3, 0), (3, 1)]
    for label in LABELS
    if sends(parties, cheater, label) and (parties == 2 or label.startswith(("DCHK", "ZT", "COIN_ZT", "ROWS")))
]
BIT_VECTORS = ["LEAKY_S", "OPEN_BUCKET", "OPEN_BEAVER", "MASKED", "LAM", "OUTPUT", "INSHARE"]


def longer(payload):
    return payload + b"\0"


def shorter(payload):
    return payload[:-1] if payload else payload + b"\0"


@pytest.mark.parametrize(("parties", "cheater", "label"), CASES)
@pytest.mark.parametrize("edit", [longer, shorter])
def test_56_wrong_length(parties, cheater, label, edit):
    runner = run_whole if label in ("BASEOT", "GGM") else run
    outcome = runner(parties, cheater, tamper=change(label, edit))
    outcome.detected(label)
    assert any(isinstance(outcome.result.errors[p], MalformedMessage) for p in outcome.honest)


def odd_circuit():
    """Numbers of inputs, AND gates and outputs that leave padding bits everywhere."""
    rng = np.random.default_rng(3)
    builder = Builder((5, 5))
    a, b = builder.input(0), builder.input(1)
    circuit = builder.finish(np.concatenate([builder.and_(a, b), builder.xor(a, b)])[:7])
    return circuit, [rng.integers(0, 2, 5).astype(np.uint8) for _ in range(2)]


@pytest.mark.parametrize("label", BIT_VECTORS)
@pytest.mark.parametrize("cheater", [0, 1])
def test_56_padding_bits(label, cheater):
    if not sends(2, cheater, label):
        pytest.skip("not a message of this party")
    tail = {"LEAKY_S": 0, "MASKED": 0, "LAM": 32, "OUTPUT": 32, "INSHARE": 32}.get(label, 16)

    def edit(payload):
        payload[len(payload) - tail - 1] |= 0x80

    circuit, inputs = odd_circuit()
    run(2, cheater, tamper=change(label, edit), circuit=circuit, inputs=inputs).detected(label)


def edit_frames(label, edit):
    """A tamper that replaces the frames of one message by ``edit(header, payload)``."""
    return lambda header, payload: edit(header, payload) if header.label == label else payload


@BOTH
@pytest.mark.parametrize("label", ["COT_D", "LEAKY_G", "OUTPUT"])
@pytest.mark.parametrize("field", ["sender", "receiver", "tag"])
def test_56_wrong_header(parties, cheater, label, field):
    """Sender, receiver and session tag of a frame must be those of the channel."""

    def edit(header, payload):
        wrong = bytes(8) if field == "tag" else (getattr(header, field) + 1) % 7
        return [(dataclasses.replace(header, **{field: wrong}), payload)]

    run(parties, cheater, tamper=edit_frames(label, edit)).detected(label)


@BOTH
@pytest.mark.parametrize("label", ["COT_X", "LEAKY_S", "OPEN_BEAVER"])
def test_56_doubled_message(parties, cheater, label):
    tamper = edit_frames(label, lambda header, payload: [(header, payload)] * 2)
    run(parties, cheater, tamper=tamper).detected(label)


@BOTH
def test_56_message_of_a_later_batch_does_not_help(parties, cheater):
    """Re-ordered: a message under another number is kept, never processed early."""
    tamper = edit_frames("LEAKY_S", lambda h, p: [(dataclasses.replace(h, a=h.a + 1), p)])
    outcome = run(parties, cheater, tamper=tamper, timeout=2.0)
    errors = [outcome.result.errors[p] for p in outcome.honest]
    assert all(isinstance(e, Timeout | PeerAborted) for e in errors), errors
    assert not [h for h, _ in outcome.frames if h.label in ("ZT_C", "OPEN_BUCKET")]


@BOTH
def test_55_message_of_another_execution(parties, cheater):
    """A frame with another execution number is not the one that is awaited."""
    tamper = edit_frames("INSHARE", lambda h, p: [(dataclasses.replace(h, a=h.a + 1), p)])
    outcome = run(parties, cheater, tamper=tamper, timeout=2.0)
    errors = [outcome.result.errors[p] for p in outcome.honest]
    assert all(isinstance(e, Timeout | PeerAborted) for e in errors), errors
    assert not [h for h, _ in outcome.frames if h.label == "LABELS"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("parties", [2, 3])
def test_57_silence(parties, label):
    """A party that stops answering in any phase: the others end with a timeout that names phase and party."""
    for cheater in (0, 1):
        if not sends(parties, cheater, label):
            continue
        silent = [False]

        def tamper(header: Header, payload, silent=silent):
            silent[0] = silent[0] or header.label == label
            return None if silent[0] else payload

        runner = run_whole if label in ("BASEOT", "GGM") else run
        outcome = runner(parties, cheater, tamper=tamper, timeout=0.7)
        errors = [outcome.result.errors[p] for p in outcome.honest]
        timeouts = [e for e in errors if isinstance(e, Timeout)]
        assert timeouts
        assert all(e.party in range(parties) for e in timeouts)
        assert all(isinstance(e, Timeout | PeerAborted | ProtocolAbort) for e in errors)
        assert all(outcome.result.outputs[p] is None for p in outcome.honest if label != "OUTPUT")
