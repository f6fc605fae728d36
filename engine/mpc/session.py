"""The state of one party in one session, and the rules that all steps share (spec: protocol, sections 3-5, 12).

A session begins with HELLO and ends with its last execution or its first error. After an error it is dead: secrets are
wiped and every later call raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from engine import oracle
from engine.errors import (
    CheatingDetected,
    MalformedMessage,
    PolytuneError,
    ProtocolAbort,
    RunError,
    Timeout,
)
from engine.kernels.parallel import Workers
from engine.mpc.parameters import Parameters
from engine.randomness import Randomness
from engine.transport import Channel
from engine.transport.frame import phase_id

REASON_MALFORMED, REASON_CHECK, REASON_TIMEOUT, REASON_LOCAL = 1, 2, 3, 4
ProgressSink = Callable[[str, float], None]


class Session:
    """One party's side. All party numbers are protocol numbers: 0 evaluates, 1 .. n-1 garble."""

    def __init__(
        self,
        channel: Channel,
        params: Parameters,
        *,
        context: bytes,
        identities: Sequence[str],
        randomness: Randomness,
        workers: Workers,
        progress: ProgressSink = lambda phase, done: None,
    ) -> None:
        self.channel = channel
        self.params = params
        self.context = context
        self.identities = tuple(identities)
        self.random = randomness
        self.workers = workers
        self.progress = progress
        self.party = channel.party
        self.parties = channel.parties
        self.peers = channel.others
        self.sid = bytes(32)
        self.delta = np.zeros(2, np.uint64)
        self.hash_keys: list[bytes] = []
        self.executions = 0
        self.dead: PolytuneError | None = None
        self._wipe: list[np.ndarray] = [self.delta]

    # -- checks -----------------------------------------------------------------------------------------------

    def require(self, ok: bool, phase: str, check: str, party: int = -1) -> None:
        """A failed check ends the session; ``party`` is the protocol number of the one whose message failed."""
        if not ok:
            raise CheatingDetected(phase, check, self.place(party))

    def require_form(self, ok: bool, phase: str, check: str, party: int = -1) -> None:
        """The same for messages that are malformed rather than wrong."""
        if not ok:
            raise MalformedMessage(phase, check, self.place(party))

    def place(self, party: int) -> int:
        """The application's number of a protocol party (-1 stays)."""
        return self.channel.places[party] if party >= 0 else -1

    @contextmanager
    def living(self) -> Iterator[None]:
        """Everything that a session does runs inside: on an error peers are told and secrets wiped (section 12).

        A session that ended is dead: every later call raises what ended it.
        """
        if self.dead is not None:
            raise self.dead
        try:
            yield
        except BaseException as error:
            if self.dead is not None and error is not self.dead:
                # Another thread of this party ended the session and wiped it: what fails now is only a consequence.
                raise self.dead from None
            self.end(error)
            raise
        if self.dead is not None:  # another thread found a failure while this one went on
            raise self.dead

    def end(self, error: BaseException) -> PolytuneError:
        """Abort: tell everybody, wipe, and refuse all later calls; returns what later calls raise."""
        if self.dead is None:
            self.dead = error if isinstance(error, PolytuneError) else RunError("local error", code="local")
            self.wipe()
            self.channel.abort(_reason(error))
            # Wakes the other thread of this party, which may be waiting for a message that nobody will send.
            self.channel.inbox.fail(self.dead)
        return self.dead

    def wipe(self) -> None:
        """Overwrite the long-lived secrets of the session.

        The channel is shut first: a message that another thread computes from wiped secrets (a zero key turns masked
        values into plain ones) must never leave.
        """
        self.channel.shut()
        for array in self._wipe:
            array.fill(0)

    def secret(self, array: np.ndarray) -> np.ndarray:
        """Register an array to be overwritten when the session ends."""
        if array.flags.writeable:
            self._wipe.append(array)
        return array

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Secrets that are registered inside are overwritten and forgotten at the end, not only with the session."""
        kept = len(self._wipe)
        try:
            yield
        finally:
            for array in self._wipe[kept:]:
                array.fill(0)
            del self._wipe[kept:]

    # -- messages ---------------------------------------------------------------------------------------------

    def send_all(self, label: str, payload: bytes | np.ndarray, a: int = 0, b: int = 0) -> None:
        """The same message to every other party."""
        for peer in self.peers:
            self.channel.send(peer, label, payload, a=a, b=b)

    def recv_bytes(self, peer: int, label: str, length: int, a: int = 0, b: int = 0) -> bytes:
        """One message of exactly ``length`` bytes."""
        return self.channel.recv(peer, label, np.uint8, length, a=a, b=b).tobytes()

    def broadcast(self, label: str, payload: bytes, lengths: Mapping[int, int] | int, a: int = 0) -> dict[int, bytes]:
        """Broadcast with abort (section 3): send-all, and for n >= 3 an echo round.

        Returns the payloads of all parties, the own one included, only after their echo was verified.
        """
        self.send_all(label, payload, a)
        return self.collect(label, payload, lengths, a)

    def collect(self, label: str, payload: bytes, lengths: Mapping[int, int] | int, a: int = 0) -> dict[int, bytes]:
        """The second half of :meth:`broadcast`, for a payload that was sent before."""
        views = {self.party: payload}
        for peer in self.peers:
            length = lengths if isinstance(lengths, int) else lengths[peer]
            views[peer] = self.recv_bytes(peer, label, length, a)
        self.channel.round(label)
        if self.parties > 2:
            self.echo(label, views, a)
        return views

    def echo(self, label: str, views: Mapping[int, bytes], a: int) -> None:
        """Compare what everybody received from everybody else."""
        sid = bytes(32) if label == "HELLO" else self.sid
        digests = {k: oracle.RO(oracle.ECHO, sid, phase_id(label), a, 0, k, view) for k, view in views.items()}
        for peer in self.peers:
            mine = b"".join(digests[k] for k in range(self.parties) if k not in (self.party, peer))
            self.channel.send(peer, f"{label}/echo", mine, a=a)
        for peer in self.peers:
            others = [k for k in range(self.parties) if k not in (self.party, peer)]
            theirs = self.recv_bytes(peer, f"{label}/echo", 32 * (self.parties - 2), a)
            ok = oracle.same(theirs, b"".join(digests[k] for k in others))
            self.require(ok, label, "parties received different values of one broadcast", -1)
        self.channel.round(label)

    # -- bits -------------------------------------------------------------------------------------------------

    def unpack(self, packed: np.ndarray, count: int, phase: str, peer: int) -> np.ndarray:
        """Bits from the wire, uint8 (count,); padding bits must be zero."""
        bits = np.unpackbits(packed, bitorder="little")
        self.require_form(not bits[count:].any(), phase, "padding bits are not zero", peer)
        return bits[:count]

    def __repr__(self) -> str:
        return f"Session(party {self.party} of {self.parties}, ***)"


def pack(bits: np.ndarray) -> np.ndarray:
    """Bits (uint8 0/1) as on the wire: LSB first, last byte padded with zeros."""
    return np.packbits(bits, bitorder="little")


def _reason(error: BaseException) -> int:
    if isinstance(error, MalformedMessage):
        return REASON_MALFORMED
    if isinstance(error, ProtocolAbort):
        return REASON_CHECK
    if isinstance(error, Timeout):
        return REASON_TIMEOUT
    return REASON_LOCAL
