"""A party that is run again alone on recorded messages does the same; and what a trace of it tells."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import engine
from engine import trace
from engine.circuit.bench import and_chain
from engine.errors import PolytuneError
from engine.kernels import leaky
from engine.kernels.parallel import Workers
from engine.randomness import Randomness
from engine.transport import memory_channels
from engine.transport.replay import Recording, record

SEEDS = [bytes([number]) * 32 for number in range(3)]
CIRCUIT = and_chain(600, 3, 5)
INPUTS = [np.random.default_rng(p).integers(0, 2, bits, dtype=np.uint8) for p, bits in enumerate(CIRCUIT.input_bits)]


def recorded(party: int) -> tuple[Recording, np.ndarray | None]:
    channels = memory_channels(3)
    recording = record(channels[party])
    result = engine.simulate(CIRCUIT, INPUTS, (0, 2), evaluator=1, channels=channels, seeds=SEEDS)
    return recording, result.outputs[party]


def replay(recording: Recording, party: int, seed: bytes, inputs: np.ndarray | None = None) -> np.ndarray | None:
    bits = INPUTS[party] if inputs is None else inputs
    return engine.run_mpc(
        recording.channel(), CIRCUIT, bits, party, 3, 1, (0, 2), threads=1, randomness=Randomness(seed)
    )


@pytest.mark.parametrize("party", [0, 1, 2])
def test_replayed_party_gets_the_same_output(party):
    """A garbler with output, the evaluator without one, the other garbler."""
    recording, output = recorded(party)
    again = replay(recording, party, SEEDS[party])
    if party == 1:
        assert output is None and again is None
    else:
        assert np.array_equal(again, output)
        assert np.array_equal(again, CIRCUIT.evaluate(INPUTS))
    assert np.array_equal(replay(recording, party, SEEDS[party]), again) or again is None  # as often as one likes


def test_other_seed_or_other_input_is_noticed():
    recording, _ = recorded(0)
    with pytest.raises(PolytuneError):
        replay(recording, 0, b"another seed")
    with pytest.raises(PolytuneError, match="sends other messages"):
        replay(recording, 0, SEEDS[0], 1 - INPUTS[0])


def test_trace_of_one_party():
    recording, _ = recorded(2)
    with trace.tracing() as taken:
        replay(recording, 2, SEEDS[2])
    assert trace.active is None
    kinds = {kind: [span for span in taken.spans if span.kind == kind] for kind in ("phase", "kernel", "wait", "send")}
    assert {span.name for span in kinds["phase"]} == {"setup", "preprocess", "garble", "online"}
    names = {span.name for span in kinds["kernel"]}
    assert {"leaky.garble", "extension.extend", "garbling.walk_garble", "garbling.cross_rows"} <= names
    assert {"COT_D", "ROWS"} <= {span.name for span in kinds["send"]}
    assert {"COT_D", "LEAKY_G"} <= {span.name for span in kinds["wait"]}
    assert {span.party for span in taken.spans} == {2}
    assert all(span.wall >= 0 and span.cpu >= 0 for span in taken.spans)
    sent = sum(span.size for span in kinds["send"])
    received = sum(span.size for span in kinds["wait"])
    assert sent > 0
    assert received <= sum(len(stream) for stream in recording.received.values())


def test_spans_of_a_thread_are_nested_or_apart():
    """Viewers need that: no two spans of a thread overlap in part."""
    with trace.tracing() as taken:
        engine.simulate(CIRCUIT, INPUTS)
    for thread in taken.threads:
        ends: list[int] = []
        mine = [span for span in taken.spans if span.thread == thread]
        for span in sorted(mine, key=lambda span: (span.start, -span.wall)):
            while ends and ends[-1] <= span.start:
                ends.pop()
            assert not ends or span.start + span.wall <= ends[-1]
            ends.append(span.start + span.wall)
    for span in taken.spans:
        name = taken.threads[span.thread]
        assert name == "preprocessing" or name == f"party {span.party}"


def test_nothing_is_wrapped_when_nothing_is_traced():
    assert trace.timed(leaky.garble, 0) is leaky.garble
    with trace.tracing():
        assert trace.timed(leaky.garble, 0) is not leaky.garble
        with pytest.raises(RuntimeError), trace.tracing():
            pass
    assert trace.timed(leaky.garble, 0) is leaky.garble


def test_kernels_of_several_threads_belong_to_their_owner():
    def double(start: int, stop: int, values: np.ndarray) -> str:
        values[start:stop] *= 2
        return threading.current_thread().name

    values = np.arange(100)
    with trace.tracing() as taken, Workers(3, owner=7) as workers:
        workers.run(double, 100, values)
        workers.call(double, 0, 100, values)
    assert np.array_equal(values, np.arange(100) * 4)
    assert [(span.party, span.kind) for span in taken.spans] == [(7, "kernel")] * 4
