"""Honest parties opposite one cheater that skips its own checks (spec: protocol, section 17.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.circuit import Circuit
from engine.errors import PeerAborted, PolytuneError, ProtocolAbort
from engine.mpc import SimulationResult, simulate
from engine.mpc.party import Party
from engine.mpc.session import Session
from engine.transport import memory_channels
from engine.transport.frame import Header

from .support import DealtParty, Tamper, TamperingLink, random_circuit


class LenientSession(Session):
    """The cheater's session: no check of its own ever fails, so that the honest party has to find the deviation."""

    def require(self, ok: bool, phase: str, check: str, party: int = -1) -> None:
        return

    def require_form(self, ok: bool, phase: str, check: str, party: int = -1) -> None:
        return


def lenient(party_class: Callable[..., Party] = Party) -> Callable[..., Party]:
    """A factory for :func:`simulate` that makes the cheating party."""

    def make(session: Session, **options: Any) -> Party:
        session.__class__ = LenientSession
        return party_class(session, **options)

    return make


@dataclass
class Outcome:
    """What came of a run with a cheater."""

    result: SimulationResult
    cheater: int
    frames: list[tuple[Header, bytes]] = field(default_factory=list)

    @property
    def honest(self) -> list[int]:
        return [p for p in range(len(self.result.outputs)) if p != self.cheater]

    def detected(self, *phases: str) -> None:
        """An honest party aborted by itself in one of ``phases``; nobody honest has a result or still runs."""
        errors = [self.result.errors[p] for p in self.honest]
        own = [e for e in errors if isinstance(e, ProtocolAbort)]
        assert own, f"no honest party found the deviation: {errors!r}"
        assert {e.phase for e in own} <= set(phases), [(e.phase, e.check) for e in own]
        assert all(isinstance(e, ProtocolAbort | PeerAborted) for e in errors), errors
        assert all(self.result.outputs[p] is None for p in self.honest)
        told = [h for h, _ in self.frames if h.label == "ABORT" and h.sender in self.honest]
        assert told, "peers were not told"

    def completed(self, expected: np.ndarray) -> None:
        """The deviation had no effect: everybody honest ended well."""
        assert all(self.result.errors[p] is None for p in self.honest), self.result.errors
        outputs = [self.result.outputs[p] for p in self.honest if self.result.outputs[p] is not None]
        assert all((o == expected).all() for o in outputs)


def small_circuit(parties: int, *, gates: int = 60, seed: int = 5) -> tuple[Circuit, list[np.ndarray]]:
    """A random circuit with 8 input bits per party, and inputs."""
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, [8] * parties, gates, 12)
    return circuit, [rng.integers(0, 2, 8).astype(np.uint8) for _ in range(parties)]


def run(
    parties: int,
    cheater: int,
    *,
    tamper: Tamper | None = None,
    party: Callable[..., Party] = Party,
    circuit: Circuit | None = None,
    inputs: list[np.ndarray] | None = None,
    timeout: float = 30.0,
    honest: Callable[..., Party] = Party,
    **options: Any,
) -> Outcome:
    """One run; all parties receive the output, so that a missing abort would show as a result.

    The challenge of 6.2 comes from a coin, unless a test asks for fs = 1.
    """
    options.setdefault("fiat_shamir", 0)
    if circuit is None:
        circuit, inputs = small_circuit(parties)
    assert inputs is not None
    channels = memory_channels(parties, timeout=timeout)
    frames: list[tuple[Header, bytes]] = []

    def log(header: Header, payload: bytearray) -> bytearray:
        frames.append((header, bytes(payload[:64])))
        return payload

    for p, channel in enumerate(channels):
        if p == cheater and tamper is not None:
            channel.link = TamperingLink(channel.link, tamper)
        elif p != cheater:
            channel.link = TamperingLink(channel.link, log)
    result = simulate(
        circuit,
        inputs,
        output_parties=tuple(range(parties)),
        channels=channels,
        make_party={p: lenient(party) if p == cheater else honest for p in range(parties)},
        return_errors=True,
        **options,
    )
    return Outcome(result, cheater, frames)


def run_dealt(parties: int, cheater: int, *, party: Callable[..., Party] = DealtParty, **options: Any) -> Outcome:
    """The same with pairs set up by the tests' dealer: for deviations after the set-up."""
    return run(parties, cheater, party=party, honest=DealtParty, **options)


def change(label: str, edit: Callable[[bytearray], Any], to: int | None = None, a: int | None = None) -> Tamper:
    """Edit the payload of every message ``label`` (to one receiver, of one batch), leave the others alone.

    ``edit`` changes the payload in place or returns another one.
    """

    def tamper(header: Header, payload: bytearray) -> bytes | bytearray:
        wanted = header.label == label and to in (None, header.receiver) and a in (None, header.a)
        if wanted:
            other = edit(payload)
            return payload if other is None else other
        return payload

    return tamper


def flip(at: int = 0, mask: int = 1) -> Callable[[bytearray], None]:
    """Flip bits of the byte ``at`` (negative: from the end)."""

    def edit(payload: bytearray) -> None:
        payload[at] ^= mask

    return edit


def error_names(outcome: Outcome) -> list[str]:
    """For messages of failing assertions."""
    return [e.message if isinstance(e, PolytuneError) else repr(e) for e in outcome.result.errors if e is not None]
