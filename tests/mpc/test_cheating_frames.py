"""Deviations 56 and 57 of the catalogue: frames that must not exist, and silence (spec: protocol, 17.5)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engine.circuit import Builder
from engine.errors import MalformedMessage, PeerAborted, ProtocolAbort, Timeout
from engine.transport.frame import BROADCAST, PHASES, Header

from .catalogue import case
from .cheating import Outcome, change, flip, small_circuit
from .cheating import run as run_whole
from .cheating import run_dealt as run

#: Every message that occurs, and with three parties the echoes too.
LABELS = [label for label in PHASES if label != "ABORT"]
ECHOES = [f"{label}/echo" for label in BROADCAST]
OF_THREE_ONLY = ("DCHK1", "DCHK2", "DCHK3", "COIN_ZT", "ZT_COM", "ZT_OPEN")
SETUP = ("BASEOT", "GGM")


def sends(parties: int, cheater: int, label: str) -> bool:
    """Whether this party sends that message."""
    if label in ("ROWS", "LABELS", "T"):
        return cheater > 0
    if label in ("LAM", "OK"):
        return cheater == 0
    if parties == 2:
        return label not in OF_THREE_ONLY and not label.endswith("/echo")
    return label != "ZT_HASH"


def messages(*roles: tuple[int, int]) -> pytest.MarkDecorator:
    """All messages of these roles; of the roles of three parties in the short suite only what two do not have."""
    cases = []
    for parties, cheater in roles:
        for label in LABELS + ECHOES:
            if sends(parties, cheater, label):
                new = parties == 2 or label in (*OF_THREE_ONLY, *ECHOES, "ROWS", "LABELS", "LAM", "T", "OK")
                cases.append(pytest.param(parties, cheater, label, marks=[] if new else pytest.mark.long))
    return pytest.mark.parametrize(("parties", "cheater", "label"), cases)


def play(parties: int, cheater: int, label: str, **options) -> Outcome:
    """A run that has the message: only messages of the set-up need base transfers."""
    return (run_whole if label in SETUP else run)(parties, cheater, **options)


def phase_of(label: str) -> str:
    return label.removesuffix("/echo")


def malformed(outcome: Outcome, label: str) -> None:
    """The run ended because of a malformed message in the phase of ``label``, or in its echo."""
    outcome.detected(56)
    own = [e for e in outcome.errors if isinstance(e, ProtocolAbort)]
    assert all(isinstance(e, MalformedMessage) and phase_of(e.phase) == phase_of(label) for e in own), own


# -- form -----------------------------------------------------------------------------------------------------


def longer(payload):
    return payload + b"\0"


def shorter(payload):
    return payload[:-1] if payload else payload + b"\0"


@case(56)
@messages((2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
@pytest.mark.parametrize("edit", [longer, shorter])
def test_56_wrong_length(parties, cheater, label, edit):
    malformed(play(parties, cheater, label, tamper=change(label, edit)), label)


def frames_of(label, edit):
    """A tamper that replaces the frames of one message by ``edit(header, payload)``."""
    return lambda header, payload: edit(header, payload) if header.label == label else payload


@case(56)
@messages((2, 0), (2, 1), (3, 0), (3, 1))
def test_56_message_of_another_session(parties, cheater, label):
    """The tag is that of the session (of HELLO: none)."""
    wrong = b"sessions"
    edit = frames_of(label, lambda header, payload: [(dataclasses.replace(header, tag=wrong), payload)])
    malformed(play(parties, cheater, label, tamper=edit), label)


@case(56)
@messages((2, 0), (2, 1))
@pytest.mark.parametrize("field", ["sender", "receiver"])
def test_56_wrong_sender_or_receiver(parties, cheater, label, field):
    def edit(header, payload):
        return [(dataclasses.replace(header, **{field: (getattr(header, field) + 1) % 7}), payload)]

    malformed(play(parties, cheater, label, tamper=frames_of(label, edit)), label)


@case(56)
@messages((2, 0), (2, 1), (3, 0), (3, 1))
def test_56_doubled_message(parties, cheater, label):
    """The last message may come twice to a party that is done: then nothing happens."""
    tamper = frames_of(label, lambda header, payload: [(header, payload)] * 2)
    outcome = play(parties, cheater, label, tamper=tamper)
    if label == "OUTPUT" and None in outcome.errors:
        circuit, inputs = small_circuit(parties)
        expected = circuit.evaluate(inputs)
        assert all(e is None or isinstance(e, ProtocolAbort | PeerAborted) for e in outcome.errors), outcome.errors
        assert all(o is None or (o == expected).all() for o in outcome.result.outputs)
    else:
        malformed(outcome, label)


@case(56)
@pytest.mark.parametrize(("parties", "cheater", "label"), [(3, p, label) for p in (0, 1) for label in ECHOES])
def test_56_echo_that_differs(parties, cheater, label):
    """An echo of something else than the others received ends the run in the phase of the broadcast."""
    outcome = run(parties, cheater, tamper=change(label, flip(1)))
    outcome.detected(56)
    assert {e.phase for e in outcome.errors if isinstance(e, ProtocolAbort)} == {phase_of(label)}


# -- padding --------------------------------------------------------------------------------------------------

#: Messages that begin with packed bits, and the bytes behind these.
BIT_VECTORS = {"LEAKY_S": 0, "MASKED": 0, "ROWS": 0, "OPEN_BUCKET": 16, "OPEN_BEAVER": 16}
BIT_VECTORS |= {"LAM": 32, "OUTPUT": 32, "INSHARE": 32}
PADDED = [(2, p, label) for label in BIT_VECTORS for p in (0, 1) if sends(2, p, label)]


def odd_circuit():
    """Numbers of inputs, AND gates and outputs that leave padding bits everywhere."""
    rng = np.random.default_rng(3)
    builder = Builder((5, 5))
    a, b = builder.input(0), builder.input(1)
    circuit = builder.finish(np.concatenate([builder.and_(a, b), builder.xor(a, b)])[:7])
    return circuit, [rng.integers(0, 2, 5).astype(np.uint8) for _ in range(2)]


@case(56)
@pytest.mark.parametrize(("parties", "cheater", "label"), PADDED)
def test_56_padding_bits(parties, cheater, label):
    def edit(payload):
        payload[len(payload) - BIT_VECTORS[label] - 1] |= 0x80

    circuit, inputs = odd_circuit()
    malformed(run(parties, cheater, tamper=change(label, edit), circuit=circuit, inputs=inputs), label)


# -- order ----------------------------------------------------------------------------------------------------


@case(56)
@messages((2, 0), (2, 1))
def test_56_reordered_messages(parties, cheater, label):
    """A message that comes after the one that should follow it: kept and used in its turn, or awaited in vain."""
    held: list[tuple[Header, bytearray]] = []

    def behind_the_next(header, payload):
        if header.label == label:
            held.append((header, payload))
            return None
        late, held[:] = held[:], []
        return [(header, payload), *late]

    circuit, inputs = small_circuit(parties)
    outcome = play(parties, cheater, label, tamper=behind_the_next, timeout=1.0)
    if any(outcome.errors):
        outcome.ended(Timeout)
    else:
        outcome.completed(circuit.evaluate(inputs))


@case(56)
@messages((2, 0), (2, 1))
def test_56_message_under_another_number(parties, cheater, label):
    """A message of another batch, page or execution is kept, never taken for the one that is awaited."""
    tamper = frames_of(label, lambda h, p: [(dataclasses.replace(h, a=h.a + 7), p)])
    outcome = play(parties, cheater, label, tamper=tamper, timeout=0.7)
    outcome.ended(Timeout)


# -- silence --------------------------------------------------------------------------------------------------


@case(57)
@messages((2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
def test_57_silence(parties, cheater, label):
    """A party that says nothing more, from this message on: the deadline names a phase and the party."""
    silent = [False]

    def tamper(header: Header, payload):
        silent[0] = silent[0] or header.label == label
        return None if silent[0] else payload

    outcome = play(parties, cheater, label, tamper=tamper, timeout=0.7)
    outcome.ended(Timeout)
    timeouts = [e for e in outcome.errors if isinstance(e, Timeout)]
    assert timeouts
    assert all(e.party in range(parties) and e.phase in (*LABELS, *ECHOES) for e in timeouts)
    if parties == 2:
        assert [e.party for e in timeouts] == [cheater]
