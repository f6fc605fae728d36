"""The two ways into the protocol: one party over a channel, or all parties as threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.circuit import Circuit
from engine.errors import PeerAborted, PolytuneError, ProtocolAbort
from engine.events import EventSink, Progress, ignore
from engine.kernels.parallel import Workers
from engine.mpc.lengths import longest_messages
from engine.mpc.parameters import BATCH, SEGMENT, parameters_for
from engine.mpc.party import Party, places_of
from engine.mpc.session import Session
from engine.randomness import Randomness
from engine.resources import usable_cores
from engine.transport import Channel, Stats, memory_channels


def default_width(rho: int) -> int:
    """w of section 1: 64 bits for rho = 40, the whole block above."""
    return 64 if rho <= 40 else 128


def run_mpc(
    channel: Channel,
    circuit: Circuit,
    bits: np.ndarray,
    party: int = 0,
    parties: int = 2,
    evaluator: int = 0,
    output_parties: Sequence[int] = (0,),
    session: bytes = bytes(32),
    *,
    rho: int = 40,
    w: int | None = None,
    k: int = 4,
    fiat_shamir: int | None = None,
    segment: int = SEGMENT,
    batch: int = BATCH,
    threads: int | None = None,
    identities: Sequence[str] | None = None,
    randomness: Randomness | None = None,
    events: EventSink = ignore,
    make_party: Callable[..., Party] = Party,
) -> np.ndarray | None:
    """One party's run of ``circuit``; returns the output bits uint8 (O,), or None for a party that learns nothing.

    ``bits``: own input bits; ``session``: the 32-byte digest that all parties agreed to; ``identities``: one text per
    party as the transport proved it. Raises a :class:`engine.errors.PolytuneError` when the run ends early; then
    nothing was revealed by this party after the failing check.
    """
    if (channel.place, channel.parties) != (party, parties):
        raise ValueError("the channel belongs to another party")
    names = identities if identities is not None else [f"party {p}" for p in range(parties)]
    places = places_of(parties, evaluator)
    channel.renumber(places)
    channel.enter("setup")

    def progress(phase: str, done: float) -> None:
        sent, received = channel.stats.bytes_sent, channel.inbox.bytes_received
        events(Progress(party, phase, done, sent, received))

    params = parameters_for(
        parties,
        circuit.and_gates,
        circuit.inputs,
        rho=rho,
        w=w or default_width(rho),
        k=k,
        fiat_shamir=fiat_shamir,
        batch=batch,
    )
    channel.expect_at_most(longest_messages(params, circuit, segment))
    with Workers(threads or usable_cores(), party) as workers:
        state = Session(
            channel,
            params,
            context=session,
            identities=[names[p] for p in places],
            randomness=randomness or Randomness(),
            workers=workers,
            progress=progress,
        )
        me = make_party(state, segment=segment)
        try:
            me.setup(circuit)
            return me.execute(circuit, bits, output_parties)
        finally:
            me.close()


@dataclass
class SimulationResult:
    """``outputs[i]``: bits or None; ``stats[i]``: counters of party i; ``errors[i]``: what ended it, or None."""

    outputs: list[np.ndarray | None]
    stats: list[Stats]
    errors: list[BaseException | None] = field(default_factory=list)


def simulate(
    circuit: Circuit,
    inputs: Sequence[np.ndarray],
    output_parties: Sequence[int] = (0,),
    evaluator: int = 0,
    *,
    rho: int = 40,
    w: int | None = None,
    k: int = 4,
    fiat_shamir: int | None = None,
    segment: int = SEGMENT,
    batch: int = BATCH,
    threads: int | None = 1,
    session: bytes = bytes(32),
    timeout: float = 600.0,
    seeds: Sequence[bytes] | None = None,
    events: EventSink = ignore,
    channels: Sequence[Channel] | None = None,
    make_party: dict[int, Callable[..., Party]] | None = None,
    return_errors: bool = False,
) -> SimulationResult:
    """The real protocol with all parties as threads of this process (``inputs``: one uint8 array of 0/1 per party).

    Raises the first error of a party that found one itself, unless ``return_errors``. ``seeds`` makes the parties
    deterministic, for tests.
    """
    parties = len(inputs)
    channels = channels or memory_channels(parties, timeout=timeout)
    outputs: list[np.ndarray | None] = [None] * parties
    errors: list[BaseException | None] = [None] * parties

    def work(p: int) -> None:
        try:
            outputs[p] = run_mpc(
                channels[p],
                circuit,
                inputs[p],
                p,
                parties,
                evaluator,
                output_parties,
                session,
                rho=rho,
                w=w,
                k=k,
                fiat_shamir=fiat_shamir,
                segment=segment,
                batch=batch,
                threads=threads,
                randomness=Randomness(seeds[p]) if seeds else None,
                events=events,
                make_party=(make_party or {}).get(p, Party),
            )
        except BaseException as error:  # reported below
            errors[p] = error
            if not isinstance(error, PolytuneError):
                channels[p].abort(4)

    crew = [threading.Thread(target=work, args=(p,), name=f"party {p}") for p in range(parties)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    if not return_errors:
        _raise_first(errors)
    return SimulationResult(outputs, [c.stats for c in channels], errors)


def _raise_first(errors: Sequence[BaseException | None]) -> None:
    found = [e for e in errors if e is not None]

    def rank(error: BaseException) -> int:
        if isinstance(error, PeerAborted):
            return 2
        return 0 if not isinstance(error, PolytuneError) or isinstance(error, ProtocolAbort) else 1

    if found:
        raise min(found, key=rank)
