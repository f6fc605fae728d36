"""Honest parties opposite one cheater that skips its own checks (spec: protocol, section 17.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from engine.circuit import Circuit
from engine.errors import PeerAborted, PolytuneError, ProtocolAbort, Timeout
from engine.mpc import SimulationResult, simulate
from engine.mpc.party import Party
from engine.mpc.session import Session
from engine.transport import memory_channels
from engine.transport.frame import Header

from .catalogue import ROWS
from .ordering import Crew, watched
from .support import DealtParty, Tamper, TamperingLink, random_circuit

#: Parameters ``parties`` and ``cheater`` of tests; 0 evaluates, 1 is the first garbler. Where garblers do not differ
#: (up to the triples), the first of three is left to the long suite.
ROLES = pytest.mark.parametrize(("parties", "cheater"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
_FIRST = pytest.param(3, 1, marks=pytest.mark.long)
ALIKE = pytest.mark.parametrize(("parties", "cheater"), [(2, 0), (2, 1), (3, 0), _FIRST, (3, 2)])
OF_TWO = pytest.mark.parametrize(("parties", "cheater"), [(2, 0), (2, 1)])
OF_THREE = pytest.mark.parametrize(("parties", "cheater"), [(3, 0), (3, 1), (3, 2)])
GARBLERS = pytest.mark.parametrize(("parties", "cheater"), [(2, 1), (3, 1), (3, 2)])
FIRST_GARBLER = pytest.mark.parametrize(("parties", "cheater"), [(2, 1), (3, 1)])
EVALUATOR = pytest.mark.parametrize(("parties", "cheater"), [(2, 0), (3, 0)])


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
    """What came of a run with a cheater. ``honest``: the watched honest parties by protocol number."""

    result: SimulationResult
    cheater: int
    circuit: Circuit
    frames: list[tuple[Header, bytes]]
    crew: Crew

    @property
    def honest(self) -> list[int]:
        return [p for p in range(len(self.result.outputs)) if p != self.cheater]

    @property
    def errors(self) -> list[BaseException | None]:
        """What ended the honest parties."""
        return [self.result.errors[p] for p in self.honest]

    def detected(self, number: int, *phases: str) -> None:
        """An honest party aborted by itself in one of ``phases`` (all of the catalogue's row), and nothing leaked."""
        row = ROWS[number]
        assert set(phases) <= set(row.phases) or not row.phases, "a phase that the catalogue does not name"
        own = {p: e for p in self.honest if isinstance(e := self.result.errors[p], ProtocolAbort)}
        assert own, f"no honest party found the deviation: {self.errors!r}"
        found = {e.phase for e in own.values()}
        assert found <= set(phases or row.phases or found), [(e.phase, e.check) for e in own.values()]
        assert own.keys() <= row.finders(len(self.result.outputs), self.cheater), own
        assert {e.party for e in own.values()} <= {self.cheater, -1}, "an honest party is blamed"
        assert all(isinstance(e, ProtocolAbort | PeerAborted) for e in self.errors), self.errors
        told = {(h.sender, h.receiver) for h, _ in self.frames if h.label == "ABORT"}
        assert all((p, q) in told for p in own for q in range(len(self.result.outputs)) if q != p), (
            "peers were not told"
        )
        self.nothing_revealed()

    def ended(self, *kinds: type[BaseException]) -> None:
        """All honest parties ended without a result, by errors of ``kinds`` or because another one told them."""
        expected = (*(kinds or (Timeout,)), PeerAborted)
        assert all(isinstance(e, expected) for e in self.errors), self.errors
        self.nothing_revealed()

    def nothing_revealed(self) -> None:
        """No honest party has a result, sent anything that depends on what was not verified, or still lives."""
        assert all(self.result.outputs[p] is None for p in self.honest)
        for p, watch in self.crew.watches().items():
            assert watch.failed is not None, f"party {p} ended before it waited for anything"
            assert not watch.revealed(), f"party {p} failed at {watch.failed} and sent {watch.revealed()}"
            assert not watch.after_abort(), f"party {p} went on after its abort: {watch.after_abort()}"
            self.dead(p)
        self.crew.in_order()

    def dead(self, p: int) -> None:
        """Later calls raise the same error, secrets are overwritten."""
        party, error = self.crew.parties[p], self.result.errors[p]
        for _ in range(2):
            with pytest.raises(PolytuneError) as later:
                party.execute(self.circuit, np.zeros(self.circuit.input_bits[p], np.uint8))
            assert later.value is error
        assert not party.session.delta.any()
        assert not any(array.any() for array in party.session._wipe)

    def completed(self, expected: np.ndarray) -> None:
        """The deviation had no effect: everybody honest ended well."""
        assert all(e is None for e in self.errors), self.errors
        assert all((self.result.outputs[p] == expected).all() for p in self.honest)
        self.crew.in_order()


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
    honest: type[Party] = Party,
    **options: Any,
) -> Outcome:
    """One run; all parties receive the output, so that a missing abort would show as a result.

    Honest parties are watched (:mod:`.ordering`). The challenge of 6.2 comes from a coin, unless a test asks for
    fs = 1.
    """
    options.setdefault("fiat_shamir", 0)
    if circuit is None:
        circuit, inputs = small_circuit(parties)
    assert inputs is not None
    before = set(threading.enumerate())
    channels = memory_channels(parties, timeout=timeout)
    crew = Crew()
    frames: list[tuple[Header, bytes]] = []

    def log(header: Header, payload: bytearray) -> bytearray:
        frames.append((header, bytes(payload)))
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
        make_party={p: lenient(party) if p == cheater else watched(honest, crew) for p in range(parties)},
        return_errors=True,
        **options,
    )
    left = set(threading.enumerate()) - before
    assert not left, f"threads left behind: {left}"
    return Outcome(result, cheater, circuit, frames, crew)


def run_dealt(parties: int, cheater: int, *, party: Callable[..., Party] = DealtParty, **options: Any) -> Outcome:
    """The same with pairs set up by the tests' dealer: for deviations after the set-up."""
    return run(parties, cheater, party=party, **{"honest": DealtParty} | options)


def change(
    label: str, edit: Callable[[bytearray], Any], to: int | None = None, a: int | None = None, b: int | None = None
) -> Tamper:
    """Edit the payload of every message ``label`` (to one receiver, of one batch or segment), leave the others alone.

    ``edit`` changes the payload in place or returns another one.
    """

    def tamper(header: Header, payload: bytearray) -> bytes | bytearray:
        place = to in (None, header.receiver) and a in (None, header.a) and b in (None, header.b)
        if header.label == label and place:
            other = edit(payload)
            return payload if other is None else other
        return payload

    return tamper


def flip(at: int = 0, mask: int = 1) -> Callable[[bytearray], None]:
    """Flip bits of the byte ``at`` (negative: from the end)."""

    def edit(payload: bytearray) -> None:
        payload[at] ^= mask

    return edit
