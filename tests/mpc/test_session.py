"""One session, several executions; what a refusal and an error leave behind (spec: protocol, 9.1 and 12)."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.errors import PolytuneError
from engine.kernels.parallel import Workers
from engine.mpc.exec_header import Refused
from engine.mpc.parameters import parameters_for
from engine.mpc.party import Party
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.randomness import Randomness
from engine.transport import memory_channels

from .support import DealtParty, in_threads


def parties(count: int, gates: int, inputs: int, *, party=DealtParty, timeout: float = 20.0) -> list[Party]:
    """Parties of one session whose batches hold ``gates`` triples."""
    params = parameters_for(count, gates, inputs)
    channels = memory_channels(count, timeout=timeout)
    made = []
    for channel in channels:
        session = Session(
            channel,
            params,
            context=bytes(32),
            identities=[f"party {p}" for p in range(count)],
            randomness=Randomness(),
            workers=Workers(1),
        )
        made.append(party(session))
    return made


@pytest.mark.parametrize("count", [2, 3])
def test_several_executions_of_one_session(count):
    """Triples, masks and tweaks go on where the execution before ended, over the border of batches."""
    rng = np.random.default_rng(2)
    circuits = [and_chain(n, count, n) for n in (130, 200, 150, 130)]
    crew = parties(count, 200, 128 * count)
    in_threads([lambda p=p: p.setup(circuits[0]) for p in crew])
    for number, circuit in enumerate(circuits):
        inputs = [rng.integers(0, 2, 128).astype(np.uint8) for _ in range(count)]
        works = [lambda p=p, i=i, c=circuit: p.execute(c, i, (0, 1)) for p, i in zip(crew, inputs, strict=True)]
        outputs = in_threads(works)
        expected = circuit.evaluate(inputs)
        assert (outputs[0] == expected).all()
        assert (outputs[1] == expected).all()
        assert crew[0].position.execution == number + 1
    for party in crew:
        party.close()


def test_a_refused_execution_leaves_the_session_alive():
    # The other circuit needs a second batch, which must not be begun by one party alone.
    small, other = and_chain(130, 2, 1), and_chain(400, 2, 1)
    inputs = [np.ones(128, np.uint8), np.zeros(128, np.uint8)]
    crew = parties(2, 200, 256)
    in_threads([lambda p=p: p.setup(small) for p in crew])
    with pytest.raises(Refused):
        in_threads([lambda: crew[0].execute(small, inputs[0]), lambda: crew[1].execute(other, inputs[1])])
    assert [p.position.execution for p in crew] == [0, 0]
    outputs = in_threads([lambda p=p, i=i: p.execute(small, i) for p, i in zip(crew, inputs, strict=True)])
    assert (outputs[0] == small.evaluate(inputs)).all()


def test_after_an_error_a_session_is_dead_and_wiped():
    circuit = and_chain(130, 2, 1)
    crew = parties(2, 200, 256)
    in_threads([lambda p=p: p.setup(circuit) for p in crew])
    with pytest.raises(PolytuneError) as first, crew[0].session.living():
        crew[0].session.require(False, "LAM", "a test", 1)
    assert not crew[0].session.delta.any()
    with pytest.raises(PolytuneError) as second:
        crew[0].execute(circuit, np.zeros(128, np.uint8))
    assert second.value is first.value
    with pytest.raises(PolytuneError):
        crew[1].execute(circuit, np.zeros(128, np.uint8))


def test_after_closing_nothing_is_sent_from_wiped_secrets():
    """A zero key would turn the ciphertexts of the zero test into the values that they hide."""
    circuit = and_chain(130, 2, 1)
    crew = parties(2, 200, 256)
    in_threads([lambda p=p: p.setup(circuit) for p in crew])
    crew[0].pool.reserve(600, 600)  # its producer waits for a batch that the other one does not make
    crew[0].close()
    assert not crew[0].session.delta.any()
    with pytest.raises(PolytuneError):
        crew[0].session.channel.send(1, "ZT_C", bytes(16))
    assert crew[0].pool._thread is not None
    assert not crew[0].pool._thread.is_alive()
    crew[1].close()


def test_closing_tells_the_others_nothing_that_could_overtake_the_reason():
    circuit = and_chain(130, 2, 1)
    crew = parties(2, 200, 256)
    in_threads([lambda p=p: p.setup(circuit) for p in crew])
    crew[0].pool.reserve(600, 600)
    crew[0].close()  # its producer ends in the middle of a batch
    assert crew[1].session.channel.inbox.error is None
    crew[1].close()


def test_labels_of_an_execution_are_wiped_and_forgotten_with_it():
    circuit = and_chain(130, 2, 1)
    crew = parties(2, 400, 256)
    in_threads([lambda p=p: p.setup(circuit) for p in crew])
    registered = [len(p.session._wipe) for p in crew]
    seen = []
    for party in crew:
        party.session.secret = lambda a, inner=party.session.secret: seen.append(a) or inner(a)
    for _ in range(2):
        in_threads([lambda p=p: p.execute(circuit, np.ones(128, np.uint8)) for p in crew])
    assert [len(p.session._wipe) for p in crew] == registered
    assert len(seen) >= 4
    assert not any(array.any() for array in seen)
    for party in crew:
        assert party.session.delta.any()
        party.close()


def test_nothing_secret_is_printed():
    crew = parties(2, 200, 256)
    shares = Shares(np.ones((1, 3, 2), np.uint64), np.ones((1, 3, 2), np.uint64))
    assert repr(crew[0].session) == "Session(party 0 of 2, ***)"
    assert repr(shares) == "Shares(3 bits, ***)"
    assert repr(Randomness(bytes(32))) == "Randomness(***)"


def test_a_label_of_randomness_serves_once():
    random = Randomness()
    assert random.bytes("x", 16) != random.bytes("y", 16)
    with pytest.raises(RuntimeError):
        random.bytes("x", 16)
