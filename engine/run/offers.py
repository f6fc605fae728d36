"""What a party offers to the others for a run: memory, threads, sizes of messages, and its links as it measured them.

Offers travel with the constants and are part of the summary, so everybody computes the same plan from the same offers
(:mod:`engine.run.plan`). They say nothing about data but how texts become bytes (:mod:`engine.run.rowterms`). A wrong
offer costs time or ends the run, never security.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.policy import Limits
from engine.resources import resident_memory
from engine.run.rowterms import RowTerms, parse_terms
from engine.transport.http.wire import CHUNK, MAX_CHUNK, ApiError

_LARGEST = 1 << 62
_SMALLEST_CHUNK = 1 << 10
_MOST_THREADS = 1 << 16


@dataclass(frozen=True)
class Link:
    """Way to one peer: ``round_trip`` of a small request in microseconds, ``rate`` in bytes per second."""

    round_trip: int
    rate: int


@dataclass(frozen=True)
class Offer:
    """``memory``: bytes that the protocol may take; ``limit``: the bound of the policy that this is the rest of.

    Both None: the party says nothing about memory. ``links``: the measured ones only, by number of the peer.
    ``rows``: how it makes bytes of its texts.
    """

    memory: int | None = None
    limit: int | None = None
    threads: int = 1
    chunk: int = CHUNK
    links: Mapping[int, Link] = field(default_factory=dict)
    rows: RowTerms = field(default_factory=RowTerms)

    @classmethod
    def own(cls, limits: Limits, threads: int, links: Mapping[int, Link]) -> Offer:
        """The offer of this process as it is now; runs that may be under way at the same time share the memory."""
        limit = limits.memory // limits.concurrent_runs
        free = min(limit, max(0, limits.memory - resident_memory()))
        return cls(free, limit, threads, min(limits.chunk, MAX_CHUNK), dict(links))

    def to_json(self) -> dict[str, Any]:
        """The ``offer`` of ``POST /consts`` and of the summary."""
        links = {
            f"PARTY_{peer}": {"round_trip": link.round_trip, "rate": link.rate}
            for peer, link in sorted(self.links.items())
        }
        memory = {} if self.memory is None else {"memory": self.memory, "limit": self.limit}
        rows = {"rows": self.rows.to_json()} if self.rows.nonce else {}
        return {**memory, "threads": self.threads, "chunk": self.chunk, "links": links, **rows}


def parse_offer(raw: Any, sender: int, parties: int) -> Offer:
    """The offer of a peer; one that sends none offers nothing special. Raises ApiError ``bad_request``."""
    if raw is None:
        return Offer()
    if not isinstance(raw, dict):
        raise ApiError("bad_request", "offer must be an object")
    memory = limit = None
    if "memory" in raw or "limit" in raw:
        limit = _number(raw, "limit", 0, _LARGEST)
        memory = _number(raw, "memory", 0, limit)
    threads = _number(raw, "threads", 1, _MOST_THREADS)
    chunk = _number(raw, "chunk", _SMALLEST_CHUNK, MAX_CHUNK)
    links = raw.get("links", {})
    if not isinstance(links, dict):
        raise ApiError("bad_request", "offer.links must be an object")
    names = {f"PARTY_{peer}": peer for peer in range(parties) if peer != sender}
    if not links.keys() <= names.keys():
        raise ApiError("bad_request", "offer.links names a party that is none")
    try:
        rows = parse_terms(raw.get("rows"))
    except ValueError as error:
        raise ApiError("bad_request", f"offer.{error}") from None
    return Offer(memory, limit, threads, chunk, {names[name]: _link(link) for name, link in links.items()}, rows)


def _link(raw: Any) -> Link:
    if not isinstance(raw, dict):
        raise ApiError("bad_request", "offer.links: a link must be an object")
    return Link(_number(raw, "round_trip", 0, _LARGEST), _number(raw, "rate", 1, _LARGEST))


def _number(table: dict[str, Any], name: str, low: int, high: int) -> int:
    value = table.get(name)
    if type(value) is not int or not low <= value <= high:
        raise ApiError("bad_request", f"offer: {name} must be an integer from {low} to {high}")
    return value
