"""What the protocol tests share: parties as threads, recorded and tampered frames, known-answer vectors."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.circuit import Circuit
from engine.kernels.parallel import Workers
from engine.kernels.prg import prg_bytes
from engine.mpc.parameters import Parameters
from engine.mpc.party import Party
from engine.mpc.preprocessing import Preprocessing
from engine.mpc.session import Session
from engine.oracle import MITC, RO
from engine.randomness import Randomness
from engine.transport import Channel, memory_channels
from engine.transport.frame import HEADER_BYTES, Header, pack, unpack

VECTORS = Path(__file__).parents[1] / "vectors" / "protocol.json"


def vector(name: str) -> dict[str, Any]:
    """The known answer called ``name``."""
    entries = json.loads(VECTORS.read_text())["vectors"]
    return next(v for v in entries if v["name"] == name)


def block(text: str) -> np.ndarray:
    """Blocks from hex, uint64 (N, 2), or (2,) for one block."""
    data = np.frombuffer(bytearray.fromhex(text), np.uint64)
    return data if len(data) == 2 else data.reshape(-1, 2)


def macs_of(keys: np.ndarray, bits: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Equation (1)."""
    mask = (np.uint64(0) - bits.astype(np.uint64))[..., None]
    return keys ^ (mask & delta)


class RecordingLink:
    """Passes frames on and keeps (sender, receiver, header, payload) of each."""

    def __init__(self, inner: Any, log: list[tuple[Header, bytes]]) -> None:
        self.inner, self.log = inner, log

    def post(self, to: int, parts: list[Any]) -> None:
        frame = b"".join(parts)
        self.log.append((unpack(frame[:HEADER_BYTES]), frame[HEADER_BYTES:]))
        self.inner.post(to, parts)

    def flush(self) -> None:
        self.inner.flush()

    def close(self) -> None:
        self.inner.close()


#: What becomes of a frame: another payload, None to drop it, or a list of frames in its place.
Tamper = Callable[[Header, bytearray], "bytes | bytearray | list[tuple[Header, bytearray]] | None"]


class TamperingLink:
    """A cheater's link: every frame goes through a :data:`Tamper`."""

    def __init__(self, inner: Any, tamper: Tamper) -> None:
        self.inner, self.tamper = inner, tamper

    def post(self, to: int, parts: list[Any]) -> None:
        frame = bytearray().join(parts)
        header = unpack(frame[:HEADER_BYTES])
        changed = self.tamper(header, frame[HEADER_BYTES:])
        if changed is None:
            return
        frames = changed if isinstance(changed, list) else [(replace(header, length=len(changed)), changed)]
        for other, payload in frames:
            self.inner.post(to, [pack(other), payload])

    def flush(self) -> None:
        self.inner.flush()

    def close(self) -> None:
        self.inner.close()


def recorded(parties: int, *, timeout: float = 60.0) -> tuple[list[Channel], list[tuple[Header, bytes]]]:
    """Connected channels and the log of all their frames."""
    channels = memory_channels(parties, timeout=timeout)
    log: list[tuple[Header, bytes]] = []
    for channel in channels:
        channel.link = RecordingLink(channel.link, log)
    return channels, log


def payload(log: Sequence[tuple[Header, bytes]], label: str, sender: int, receiver: int) -> bytes:
    """The one message ``label`` from ``sender`` to ``receiver``."""
    found = [p for h, p in log if (h.label, h.sender, h.receiver) == (label, sender, receiver)]
    assert len(found) == 1, f"{len(found)} messages {label} from {sender} to {receiver}"
    return found[0]


def small_parameters(parties: int, **fields: int) -> Parameters:
    """Parameters of the vectors, whose batches are smaller than security allows."""
    values = {"rho": 40, "w": 64, "k": 4, "bucket": 2, "layer": 2, "masks": 116, "fiat_shamir": 0} | fields
    params = object.__new__(Parameters)
    for name, value in {"parties": parties, **values}.items():
        object.__setattr__(params, name, value)
    return params


def session_of(channel: Channel, params: Parameters, sid: bytes, delta: np.ndarray) -> Session:
    """A session that stands where HELLO ended."""
    session = Session(
        channel,
        params,
        context=bytes(32),
        identities=[f"party {p}" for p in range(params.parties)],
        randomness=Randomness(),
        workers=Workers(1),
    )
    session.sid = sid
    channel.bind(sid)
    session.hash_keys = [RO(MITC, sid, s)[:16] for s in range(params.parties)]
    session.delta[:] = delta
    return session


def in_threads(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Results of functions that run side by side; the first error is raised."""
    results: list[Any] = [None] * len(works)
    errors: list[BaseException] = []

    def run(i: int) -> None:
        try:
            results[i] = works[i]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def random_circuit(
    rng: np.random.Generator, input_bits: Sequence[int], gates: int, outputs: int, *, window: int = 0
) -> Circuit:
    """Random XOR, AND and NOT gates in normal form; operands come from the last ``window`` wires (0: all)."""
    from engine.circuit import Builder

    builder = Builder(tuple(input_bits))
    wires = [int(lit) for p in range(len(input_bits)) for lit in builder.input(p)]
    for _ in range(gates):
        low = max(0, len(wires) - window) if window else 0
        a, b = (wires[int(i)] for i in rng.integers(low, len(wires), 2))
        kind = int(rng.integers(0, 5))
        if kind < 2:
            wires.append(int(builder.and_(a, b)))
        elif kind < 4:
            wires.append(int(builder.xor(a, b)))
        else:
            wires.append(int(builder.not_(a)))
    late = wires[-(outputs // 2) :]
    picks = late + [wires[int(i)] for i in rng.integers(0, len(wires), outputs - len(late))]
    return builder.finish(np.array(picks, np.int64))


def ideal_pairs(session: Session) -> Any:
    """The set-up of all pairs as an ideal functionality: seeds come from a dealer, not from base OTs.

    For tests of later phases only; the dealer is a hash of the public session id.
    """
    from engine.mpc.correlation import Correlation, _schedules, delta_bits, punctured_points

    p = session.params
    alpha = punctured_points(delta_bits(session.delta), p.k)

    def seeds(i: int, j: int) -> np.ndarray:
        stream = prg_bytes(RO("vec", session.sid, i, j)[:16], 16 * p.trees * p.leaves)
        return np.frombuffer(stream, np.uint8).reshape(p.trees, p.leaves, 16).copy()

    opened = {}
    for peer in session.peers:
        opened[peer] = seeds(session.party, peer)
        opened[peer][np.arange(p.trees), alpha] = 0
    return Correlation(
        bits={peer: _schedules(seeds(peer, session.party)) for peer in session.peers},
        keys={peer: _schedules(s) for peer, s in opened.items()},
        alpha=alpha,
    )


class DealtPreprocessing(Preprocessing):
    """Preprocessing whose pairs were set up by the dealer."""

    def start_pairs(self) -> None:
        self.correlation = ideal_pairs(self.session)


class DealtParty(Party):
    """An honest party for tests that are not about the set-up."""

    def make_preprocessing(self) -> Preprocessing:
        return DealtPreprocessing(self.session)
