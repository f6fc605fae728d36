"""The parameters of a run, from what all parties offer and the circuit: a pure function, the same at every party."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from engine.errors import MemoryExceeded
from engine.mpc.memory import CircuitSize, party_bytes
from engine.mpc.parameters import BATCH, SEGMENT, parameters_for
from engine.run.offers import Offer

#: Picoseconds of computing for one authenticated share in one direction of a pair, by k: expanding 128/k trees of 2^k
#: leaves. One thread of an x86-64 server processor with AES instructions (2024).
COMPUTING = {2: 5_000, 4: 7_000, 8: 35_000}
#: k when no link was measured.
DEFAULT_K = 4
#: Shares that an AND gate costs: three for each of the three triples of a bucket, and its wire mask.
SHARES_PER_AND = 10
#: Another k than the usual one must save a tenth of a second (in picoseconds): less is within what measuring misses.
WORTHWHILE = 10**11
#: Smallest batch that is tried. Below, the fixed needs of a process outweigh a batch, and rounds multiply.
SMALLEST_BATCH = 1 << 12
_MIB, _GIB = 1 << 20, 1 << 30


@dataclass(frozen=True)
class Wanted:
    """What the parties agreed to before, and the circuit; ``k`` None lets the links decide."""

    rho: int
    w: int
    k: int | None
    evaluator: int
    size: CircuitSize


@dataclass(frozen=True)
class Plan:
    """Parameters of the protocol: k of the OT extension, triples of a batch, AND gates of a segment; and the largest
    piece of a message in one request."""

    k: int
    batch: int
    segment: int
    chunk: int

    def to_json(self) -> dict[str, int]:
        """As it stands in the summary."""
        return asdict(self)


def make_plan(wanted: Wanted, offers: Mapping[int, Offer]) -> Plan:
    """The plan for one offer per party. Raises MemoryExceeded (exit 6) when a party's memory cannot do it."""
    k = wanted.k or fastest_k(offers, wanted.size.and_gates)
    batch, segment = _within_memory(wanted, k, offers)
    return Plan(k, batch, segment, min(offer.chunk for offer in offers.values()))


def fastest_k(offers: Mapping[int, Offer], and_gates: int) -> int:
    """The k that takes least time: computing on the party with fewest threads, then sending over the slowest link."""
    rates = [link.rate for offer in offers.values() for link in offer.links.values()]
    if not rates:
        return DEFAULT_K
    peers, threads = len(offers) - 1, min(offer.threads for offer in offers.values())
    times = {k: share_time(k, peers, threads, min(rates)) for k in COMPUTING}
    best = min(times, key=lambda k: times[k])
    gain = (times[DEFAULT_K] - times[best]) * SHARES_PER_AND * and_gates
    return best if gain >= WORTHWHILE else DEFAULT_K


def share_time(k: int, peers: int, threads: int, rate: int) -> int:
    """Picoseconds for one share with every peer: both directions computed, 16/k bytes sent.

    ``rate`` is in bytes per second; it was measured to all peers at once, so it does not shrink with their number.
    """
    return 2 * peers * COMPUTING[k] // threads + 16 * 10**12 // (k * rate)


def _within_memory(wanted: Wanted, k: int, offers: Mapping[int, Offer]) -> tuple[int, int]:
    """The largest batch, and a segment in proportion, with which every party stays within its offer."""
    batch = BATCH
    while True:
        segment = SEGMENT * batch // BATCH
        params = parameters_for(
            len(offers), wanted.size.and_gates, wanted.size.inputs, rho=wanted.rho, w=wanted.w, k=k, batch=batch
        )
        needed = {p: party_bytes(params, wanted.size, segment, evaluator=p == wanted.evaluator) for p in offers}
        missing = {p: needed[p] - o.memory for p, o in sorted(offers.items()) if o.memory is not None}
        worst = max(missing, key=lambda p: missing[p], default=None)
        if worst is None or missing[worst] <= 0:
            return batch, segment
        if batch <= SMALLEST_BATCH:
            raise _too_large(worst, offers[worst], missing[worst])
        batch = max(SMALLEST_BATCH, batch // 2)


def _too_large(party: int, offer: Offer, missing: int) -> MemoryExceeded:
    limit = offer.limit or 0
    return MemoryExceeded(
        f"party {party}: circuit needs ~{human(limit + missing)}, limit {human(limit)} (limits.memory)",
        f"raise limits.memory in the policy of party {party}, or compute with fewer rows",
    )


def human(size: int) -> str:
    """Bytes rounded up: ``310 MiB``, ``1.5 GiB``, ``41 GiB``."""
    if size < _GIB:
        return f"{-(-size // _MIB)} MiB"
    tenths = -(-10 * size // _GIB)
    return f"{tenths // 10}.{tenths % 10} GiB" if tenths % 10 else f"{tenths // 10} GiB"
