"""Honest runs agree with plain evaluation (spec: protocol, 17.3), and cost what section 11 says (17.4)."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.circuit import Builder, Circuit
from engine.circuit.bench import and_chain
from engine.errors import UsageError
from engine.mpc import simulate
from engine.mpc.parameters import parameters_for
from engine.mpc.party import Party
from engine.transport import memory_channels
from engine.transport.frame import part_of

from .ordering import Crew, watched
from .support import DealtParty, random_circuit, recorded

WIRE = Path(__file__).with_name("wire.json")


def inputs_for(circuit: Circuit, rng: np.random.Generator, parties: int) -> list[np.ndarray]:
    counts = [*circuit.input_bits, *[0] * (parties - len(circuit.input_bits))]
    return [rng.integers(0, 2, n).astype(np.uint8) for n in counts]


def check(circuit: Circuit, inputs, *, dealt: bool = True, output_parties=(0,), **options) -> None:
    """Outputs of all receivers equal plain evaluation, all others get nothing; every message follows table 5.1."""
    parties, crew = len(inputs), Crew()
    make = dict.fromkeys(range(parties), watched(DealtParty if dealt else Party, crew))
    result = simulate(circuit, inputs, output_parties=output_parties, make_party=make, timeout=60, **options)
    expected = circuit.evaluate(inputs[: len(circuit.input_bits)])
    for p, bits in enumerate(result.outputs):
        if p in output_parties:
            assert bits is not None
            assert (bits == expected).all(), f"party {p}"
        else:
            assert bits is None
    assert len(crew.parties) == parties
    crew.in_order()


@pytest.mark.parametrize("parties", [2, 3, 4])
@pytest.mark.parametrize("seed", range(6))
def test_random_circuits(parties, seed):
    """Depth, fan-out, NOT, repeated inputs, constants, inputs of every party; a window of 3 makes deep chains."""
    rng = np.random.default_rng(100 * parties + seed)
    bits = [int(n) for n in rng.integers(1, 12, parties)]
    circuit = random_circuit(rng, bits, int(rng.integers(20, 400)), 20, window=3 if seed == 5 else 0)
    check(circuit, inputs_for(circuit, rng, parties))


@pytest.mark.parametrize("parties", [2, 3])
def test_whole_protocol_from_base_ots(parties):
    rng = np.random.default_rng(parties)
    circuit = random_circuit(rng, [9] * parties, 200, 15)
    check(circuit, inputs_for(circuit, rng, parties), dealt=False)


@pytest.mark.parametrize(("parties", "evaluator"), [(n, v) for n in (2, 3, 4) for v in range(n)])
def test_every_evaluator_and_all_subsets_of_receivers(parties, evaluator):
    rng = np.random.default_rng(evaluator)
    circuit = random_circuit(rng, [5] * parties, 80, 9)
    inputs = inputs_for(circuit, rng, parties)
    for size in range(1, parties + 1):
        for receivers in itertools.combinations(range(parties), size):
            check(circuit, inputs, evaluator=evaluator, output_parties=receivers)


@pytest.mark.parametrize("fiat_shamir", [0, 1])
def test_challenge_from_a_coin_or_a_hash(fiat_shamir):
    rng = np.random.default_rng(3)
    circuit = random_circuit(rng, [6, 6], 60, 8)
    check(circuit, inputs_for(circuit, rng, 2), fiat_shamir=fiat_shamir, batch=30)


@pytest.mark.parametrize("k", [1, 2, 4, 8])
@pytest.mark.parametrize(("rho", "w"), [(40, 64), (40, 128), (64, 128)])
def test_security_parameters(k, rho, w):
    rng = np.random.default_rng(k)
    circuit = random_circuit(rng, [6, 6], 60, 8)
    check(circuit, inputs_for(circuit, rng, 2), k=k, rho=rho, w=w)


def built(bits, make) -> Circuit:
    builder = Builder(bits)
    return builder.finish(np.asarray(make(builder), np.int64))


SPECIAL = {
    "no gate, outputs are inputs": built((3, 2), lambda b: [*b.input(0), *b.input(1), b.input(0)[1]]),
    "constant outputs": built((2, 2), lambda b: [0, 1, 0, 1]),
    "constants and values": built((2, 2), lambda b: [0, b.input(0)[0], 1, b.and_(b.input(0)[0], b.input(1)[0])]),
    "XOR only": built((4, 4), lambda b: b.xor(b.input(0), b.input(1))),
    "NOT only": built((4, 0), lambda b: b.not_(b.input(0))),
    "one AND": built((1, 1), lambda b: b.and_(b.input(0), b.input(1))),
    "one output twice": built((1, 1), lambda b: [b.and_(b.input(0), b.input(1))[0]] * 3),
    "a wire with itself": built((2, 2), lambda b: b.and_(b.input(0), b.not_(b.input(0)))),
    "a party without inputs": built((4, 0), lambda b: b.and_(b.input(0)[:2], b.input(0)[2:])),
    "negated operands": built((2, 2), lambda b: b.and_(b.not_(b.input(0)), b.not_(b.input(1)))),
}


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("parties", [2, 3])
def test_special_circuits(name, parties):
    circuit = SPECIAL[name]
    rng = np.random.default_rng(1)
    check(circuit, inputs_for(circuit, rng, parties), output_parties=(0, parties - 1))


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("segment", [1, 7, 64])
@pytest.mark.parametrize("batch", [16, 50])
def test_segments_and_batches(parties, segment, batch):
    """Many segments and batches in one execution."""
    rng = np.random.default_rng(7)
    circuit = and_chain(110, parties, 3)
    check(circuit, inputs_for(circuit, rng, parties), segment=segment, batch=batch)


@pytest.mark.parametrize("parties", [2, 3])
def test_more_batches_than_a_page_of_coins_serves(parties):
    """Batch 64 opens the first coin of the second page, whose commitments went out with batch 32."""
    circuit = and_chain(140, parties, 2)
    check(circuit, inputs_for(circuit, np.random.default_rng(2), parties), batch=2, fiat_shamir=0)


def test_wrong_inputs_are_a_usage_error():
    circuit = SPECIAL["one AND"]
    with pytest.raises(UsageError):
        simulate(circuit, [np.zeros(2, np.uint8), np.zeros(1, np.uint8)], timeout=5)


# -- bytes and rounds -----------------------------------------------------------------------------------------


def predicted(parties: int, ands: int, inputs: list[int], outputs: int) -> list[int]:
    """Bytes that each party sends, frames included: section 11 and the table of 3.2; party 0 evaluates and receives."""
    p, n = parameters_for(parties, ands, sum(inputs)), parties
    peers, frame = n - 1, 40
    echo = frame + 32 * (n - 2) if n > 2 else 0

    def up(bits: int) -> int:
        return -(-bits // 8)

    def pair(*payloads: int) -> int:
        return sum(frame + size for size in payloads)

    setup = pair(64, 24_960, 4_096 + 64 * p.trees, 8_192) + 2 * echo
    if n > 2:
        setup += pair(16 * p.trees * 2, 32, 16, 32) + echo
        setup += pair(8_224, 48 + 2_048 * peers, 6_144) + 3 * echo
    t = p.total_triples
    coin = [] if p.fiat_shamir else [32]
    batch = pair(16 * p.trees * (p.blocks(1) + 1), *coin, 16, 32) + echo
    batch += pair(t * p.w // 8, up(t), 32, 16 * p.zero_test_shares)
    batch += pair(32) if n == 2 else pair(32, 32, 48)
    batch += pair(up((p.bucket - 1) * p.layer) + 16)
    everyone = peers * (setup + batch + pair(104, up(2 * ands) + 16) + 2 * echo)
    sent = []
    for party in range(n):
        mine = everyone + peers * pair(up(inputs[party]))
        mine += sum(pair(up(inputs[o]) + 32) for o in range(n) if o != party)
        if party == 0:
            mine += peers * pair(up(ands) + 32, 0)
        else:
            beta = up(ands) if party == 1 else 0
            mine += pair(ands * (32 + 48 * (n - 2)) + beta, 16 * sum(inputs), 16, up(outputs) + 32)
        sent.append(mine)
    return sent


@pytest.mark.parametrize(("parties", "ands"), [(2, 1000), (2, 20_000), (3, 1000), (4, 500)])
def test_bytes_follow_the_formulas(parties, ands):
    circuit = and_chain(ands, parties, 2)
    rng = np.random.default_rng(0)
    inputs = inputs_for(circuit, rng, parties)
    result = simulate(circuit, inputs, timeout=60)
    outputs = int((circuit.outputs < 0xFFFFFFFE).sum())
    expected = predicted(parties, ands, list(circuit.input_bits), outputs)
    assert [s.bytes_sent for s in result.stats] == expected


def test_bytes_per_and_gate_of_the_default():
    """162 bytes per AND for two parties (section 11), without the set-up that does not grow."""
    ands = 400_000
    total = sum(predicted(2, ands, [128, 128], 128)) / ands
    assert 161.5 < total < 163.5
    assert 549 < sum(predicted(3, ands, [128] * 3, 128)) / ands < 553


# -- determinism ----------------------------------------------------------------------------------------------


def wire_hashes(parties: int, threads: int) -> list[str]:
    """One hash per party over the frames that it sends, ordered by message and number."""
    rng = np.random.default_rng(12)
    circuit = and_chain(700, parties, 3)
    inputs = inputs_for(circuit, rng, parties)
    channels, log = recorded(parties)
    seeds = [bytes([p]) * 32 for p in range(parties)]
    simulate(circuit, inputs, channels=channels, seeds=seeds, segment=300, batch=256, threads=threads)
    hashes = []
    for p in range(parties):
        frames = sorted((h.label, h.receiver, h.a, h.b, payload) for h, payload in log if h.sender == p)
        digest = hashlib.sha256()
        for label, receiver, a, b, payload in frames:
            digest.update(f"{label} {receiver} {a} {b} {len(payload)} ".encode() + payload)
        hashes.append(digest.hexdigest())
    return hashes


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("threads", [1, 4])
def test_bytes_on_the_wire_are_the_committed_ones(parties, threads):
    """A change here means that the protocol's bytes changed: commit the new hashes with the reason."""
    assert wire_hashes(parties, threads) == json.loads(WIRE.read_text())[str(parties)]


def test_two_runs_share_no_bytes():
    """Without seeds every secret is fresh: no 16-byte ciphertext occurs twice, in one run or in two."""
    circuit = and_chain(500, 2, 3)
    rng = np.random.default_rng(1)
    inputs = inputs_for(circuit, rng, 2)
    blocks: list[bytes] = []
    for _ in range(2):
        channels, log = recorded(2)
        simulate(circuit, inputs, channels=channels)
        for header, payload in log:
            if header.label in ("COT_D", "ROWS", "LABELS"):
                blocks += [payload[i : i + 16] for i in range(0, len(payload) - 15, 16)]
    assert len(blocks) > 4000
    assert len(set(blocks)) == len(blocks)


def test_statistics_name_every_part():
    circuit = and_chain(200, 2, 3)
    rng = np.random.default_rng(1)
    channels = memory_channels(2)
    result = simulate(circuit, inputs_for(circuit, rng, 2), channels=channels)
    for stats in result.stats:
        assert {"setup", "preprocess", "garble", "online"} <= set(stats.phases)
        assert sum(p.bytes_sent for p in stats.phases.values()) == stats.bytes_sent
        assert sum(p.messages for p in stats.phases.values()) == stats.messages
        assert sum(p.rounds for p in stats.phases.values()) == stats.rounds
    assert part_of("MASKED/echo") == "online"


def test_portable_kernels_give_the_same_bytes():
    """A processor without AES instructions: the whole run, byte for byte, with the bit-sliced kernels."""
    portable = {
        "POLYTUNE_PORTABLE_KERNELS": "1",
        "NUMBA_CPU_NAME": "x86-64-v2",
        "NUMBA_CPU_FEATURES": "+ssse3,+sse4.2",
    }
    script = "import json; from tests.mpc.test_honest_runs import wire_hashes; print(json.dumps(wire_hashes(2, 1)))"
    env = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")} | portable
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(WIRE.read_text())["2"]
