"""Table 5.1 of the protocol as data, and a channel that holds every message of an honest party against it (17.4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from engine.circuit import Circuit
from engine.mpc.coins import PAGE
from engine.mpc.parameters import Parameters
from engine.mpc.party import Party
from engine.transport import Channel
from engine.transport.frame import BROADCAST

from .support import DealtPreprocessing

#: A message without its sender: label, a, b.
Message = tuple[str, int, int]


@dataclass
class Job:
    """Where one execution stands in the session: numbers of its first triple and mask, and its sizes."""

    attempt: int
    ands: int
    inputs: int
    segment: int
    triple: int
    mask: int

    @property
    def segments(self) -> int:
        return -(-self.ands // self.segment)

    def gates(self, s: int) -> range:
        return range(s * self.segment, min(self.ands, (s + 1) * self.segment))


class Watch:
    """What one party sent and received, and which of it came too early.

    ``early``: messages that left before their row of the table was complete, each with one that was missing.
    ``failed``: the message that the party was waiting for, or checking, when it ended the session.
    """

    def __init__(self, params: Parameters, party: int, *, dealt: bool) -> None:
        self.params, self.party, self.dealt = params, party, dealt
        self.jobs: dict[int, Job] = {}
        self.taken: set[tuple[int, Message]] = set()
        self.sent: list[tuple[Message, int]] = []
        self.early: list[tuple[Message, tuple[int, Message]]] = []
        self.failed: Message | None = None
        self._awaited: dict[int, Message] = {}

    # -- what the channel reports ---------------------------------------------------------------------------------

    def sending(self, message: Message) -> None:
        for need in self.needs(message):
            for sender in self.senders(need[0]):
                if (sender, need) not in self.taken:
                    self.early.append((message, (sender, need)))

    def left(self, message: Message) -> None:
        self.sent.append((message, threading.get_ident()))

    def awaiting(self, message: Message) -> None:
        self._awaited[threading.get_ident()] = message

    def ended(self) -> None:
        if self.failed is None:
            self.failed = self._awaited.get(threading.get_ident())

    # -- what tests ask -------------------------------------------------------------------------------------------

    def revealed(self) -> list[Message]:
        """Messages sent although they need the one whose check failed or which never came: there must be none."""
        if self.failed is None:
            return []
        return [m for m, _ in self.sent if self.failed in self.closure(m)]

    def after_abort(self) -> list[Message]:
        """Messages behind the first ABORT, but for one of each other thread, which may have been under way."""
        at = next((i for i, (m, _) in enumerate(self.sent) if m[0] == "ABORT"), len(self.sent))
        thread = self.sent[at][1] if at < len(self.sent) else 0
        late = [(m, t) for m, t in self.sent[at:] if m[0] != "ABORT"]
        forgiven: set[int] = {thread}
        out = []
        for message, other in late:
            if other in forgiven:
                out.append(message)
            forgiven.add(other)
        return out

    # -- the table applied ----------------------------------------------------------------------------------------

    def senders(self, label: str) -> Iterable[int]:
        """From whom this party receives ``label``."""
        everyone = set(range(self.params.parties))
        base = label.removesuffix("/echo")
        if base in ("LAM", "OK"):
            everyone = {0}
        elif base in ("ROWS", "LABELS", "T"):
            everyone = everyone - {0} if self.party == 0 else set()
        return everyone - {self.party}

    @cache  # noqa: B019 - a watch lives as long as its run
    def needs(self, message: Message) -> frozenset[Message]:
        """What must have been received and verified before ``message`` may leave."""
        label, a, b = message
        if label.endswith("/echo"):
            return frozenset({(label.removesuffix("/echo"), a, b)})
        found: set[Message] = set()
        for other, where in self.rules(label):
            for at in where(self, a, b):
                found.add((other, *at))
                if other in BROADCAST and self.params.parties > 2:
                    found.add((f"{other}/echo", *at))
        return frozenset(found)

    @cache  # noqa: B019
    def closure(self, message: Message) -> frozenset[Message]:
        """Everything that ``message`` depends on, directly or not."""
        direct = self.needs(message)
        return direct.union(*(self.closure(m) for m in direct))

    def rules(self, label: str) -> list[tuple[str, Where]]:
        """The rows of :data:`TABLE` that hold for this session."""
        rules = list(TABLE[label])
        if self.params.fiat_shamir and label in ("COT_X", "COT_V"):
            rules = list(TABLE["COT_D"])
        absent = {"BASEOT", "GGM"} if self.dealt else set()
        if self.params.parties == 2:
            absent |= {"DCHK1", "DCHK2", "DCHK3", "COIN_ZT", "ZT_COM", "ZT_OPEN"}
        else:
            absent |= {"ZT_HASH"}
        return [(other, where) for other, where in rules if other not in absent]


# -- places: (a, b) of the needed messages, from (a, b) of the one that is sent --------------------------------------

Where = Callable[[Watch, int, int], Iterable[tuple[int, int]]]


def same(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    return [(a, b)]


def once(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    return [(0, 0)]


def page(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    """The page of the coins of a batch."""
    return [(4 * a // PAGE, 0)]


def execution(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    return [(a, 0)]


def attempt(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    return [(w.jobs[a].attempt, 0)]


def segments(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    return [(a, s) for s in range(w.jobs[a].segments)]


def segments_before(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    return [(a, s) for s in range(b)]


def batches(first: int, count: int, size: int) -> Iterable[tuple[int, int]]:
    return [(c + 1, 0) for c in range(first // size, (first + count - 1) // size + 1)] if count else []


def of_triples(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    """Batches of the triples of a segment."""
    job = w.jobs[a]
    gates = job.gates(b)
    return batches(job.triple + gates.start, len(gates), w.params.layer)


def of_masks(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    """Batches of the fresh masks of a segment."""
    job = w.jobs[a]
    gates = job.gates(b)
    return batches(job.mask + job.inputs + gates.start, len(gates), w.params.masks)


def of_inputs(w: Watch, a: int, b: int) -> Iterable[tuple[int, int]]:
    """Batches of the masks of the input wires."""
    return batches(w.jobs[a].mask, w.jobs[a].inputs, w.params.masks)


#: Message: the messages that must be here and verified before it leaves (a broadcast one with its echo).
TABLE: dict[str, list[tuple[str, Where]]] = {
    "ABORT": [],
    "HELLO": [],
    "BASEOT": [("HELLO", once)],
    "COINPAGE": [("HELLO", once)],
    "GGM": [("BASEOT", once)],
    "COT_D": [("GGM", once), ("COINPAGE", once)],
    "COIN_COT": [("COINPAGE", page), ("COT_D", same)],
    "COT_X": [("COIN_COT", same)],
    "COT_V": [("COIN_COT", same)],
    "DCHK1": [("COT_X", once), ("COT_V", once)],
    "DCHK2": [("DCHK1", once)],
    "DCHK3": [("DCHK2", once)],
    "LEAKY_G": [("COT_X", same), ("COT_V", same), ("DCHK3", once)],
    "LEAKY_S": [("LEAKY_G", same)],
    "COIN_LEAKY": [("COINPAGE", page), ("LEAKY_S", same)],
    "ZT_C": [("COIN_LEAKY", same)],
    "ZT_HASH": [("ZT_C", same)],
    "COIN_ZT": [("COINPAGE", page), ("ZT_C", same)],
    "ZT_COM": [("COIN_ZT", same)],
    "ZT_OPEN": [("ZT_COM", same)],
    "OPEN_BUCKET": [("ZT_HASH", same), ("ZT_OPEN", same)],
    "EXEC": [("HELLO", once)],
    "INSHARE": [("EXEC", attempt), ("COT_X", of_inputs), ("COT_V", of_inputs)],
    "OPEN_BEAVER": [
        ("EXEC", attempt),
        ("COT_X", of_masks),
        ("COT_V", of_masks),
        ("ZT_HASH", of_triples),
        ("ZT_OPEN", of_triples),
    ],
    "ROWS": [("OPEN_BEAVER", same), ("OPEN_BUCKET", of_triples)],
    "MASKED": [("INSHARE", same)],
    "LABELS": [("MASKED", same)],
    "LAM": [
        ("ROWS", same),
        ("LABELS", execution),
        ("OPEN_BEAVER", same),
        ("OPEN_BUCKET", of_triples),
        ("ROWS", segments_before),
    ],
    "T": [("LAM", same)],
    "OK": [("LABELS", execution), ("T", segments)],
    "OUTPUT": [("OK", execution), ("LAM", segments), ("T", segments)],
}


class WatchedArray:
    """A message on its way: it counts as received when the last row was waited for."""

    def __init__(self, inner: Any, watch: Watch, sender: int, message: Message, rows: int) -> None:
        self._inner, self._watch, self._key, self._rows = inner, watch, (sender, message), rows

    def wait(self, rows: int) -> int:
        self._watch.awaiting(self._key[1])
        ready = self._inner.wait(rows)
        if ready >= self._rows:
            self._watch.taken.add(self._key)
        return ready

    @property
    def array(self) -> Any:
        return self._inner.array


class WatchedChannel(Channel):
    """A channel whose messages are compared with the table."""

    watch: Watch

    def send(self, to: int, label: str, *arrays: Any, a: int = 0, b: int = 0) -> None:
        message = (label, a, b)
        self.watch.sending(message)
        super().send(to, label, *arrays, a=a, b=b)
        self.watch.left(message)

    def recv(self, from_: int, label: str, dtype: Any, shape: Any, a: int = 0, b: int = 0) -> Any:
        message = (label, a, b)
        self.watch.awaiting(message)
        data = super().recv(from_, label, dtype, shape, a, b)
        self.watch.taken.add((from_, message))
        return data

    def open(self, from_: int, label: str, dtype: Any, shape: Any, a: int = 0, b: int = 0) -> Any:
        rows = shape if isinstance(shape, int) else shape[0]
        return WatchedArray(super().open(from_, label, dtype, shape, a, b), self.watch, from_, (label, a, b), rows)

    def abort(self, reason: int) -> None:
        self.watch.ended()
        super().abort(reason)


@dataclass
class Crew:
    """The watched parties of one run, by protocol number."""

    parties: dict[int, Party] = field(default_factory=dict)

    def watches(self) -> dict[int, Watch]:
        """One watch for each of them."""
        return {p: party.session.channel.watch for p, party in self.parties.items()}  # type: ignore[attr-defined]

    def in_order(self) -> None:
        """No message left before its row of the table was complete."""
        for p, watch in self.watches().items():
            assert not watch.early, f"party {p}: {watch.early[:3]}"


def watched(party_class: type[Party], crew: Crew) -> Callable[..., Party]:
    """A factory for :func:`engine.mpc.simulate`: the parties that it makes are watched, and listed in ``crew``."""

    def make_execution(self: Party, circuit: Circuit, owners: Any, receivers: Any) -> Any:
        at = self.position
        sizes = (circuit.and_gates, circuit.inputs, self.segment)
        self.session.channel.watch.jobs[at.execution] = Job(at.attempt, *sizes, at.triple, at.mask)  # type: ignore[attr-defined]
        return party_class.make_execution(self, circuit, owners, receivers)

    watched_class = type("Watched", (party_class,), {"make_execution": make_execution})

    def make(session: Any, **options: Any) -> Party:
        party = watched_class(session, **options)
        session.channel.__class__ = WatchedChannel
        dealt = isinstance(party.preprocessing, DealtPreprocessing)
        session.channel.watch = Watch(session.params, session.party, dealt=dealt)
        crew.parties[session.party] = party
        return party

    return make
