"""EXEC: all parties start the same execution with the same unused material (spec: protocol, section 9.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from engine.errors import RunError
from engine.mpc.session import Session

_PAYLOAD = struct.Struct("<9Q32s")


@dataclass(frozen=True)
class ExecHeader:
    """The EXEC payload: 9 integers u64 and the circuit digest."""

    execution: int
    and_gates: int
    inputs: int
    segment: int
    triple_base: int
    mask_base: int
    gate_base: int
    batches_done: int
    flags: int
    digest: bytes

    def pack(self) -> bytes:
        """104 bytes."""
        fields = (self.execution, self.and_gates, self.inputs, self.segment, self.triple_base)
        rest = (self.mask_base, self.gate_base, self.batches_done, self.flags, self.digest)
        return _PAYLOAD.pack(*fields, *rest)

    @staticmethod
    def unpack(payload: bytes) -> ExecHeader:
        """The inverse of :meth:`pack`."""
        return ExecHeader(*_PAYLOAD.unpack(payload))

    @property
    def circuit(self) -> tuple[int, int, int, bytes]:
        """What must be equal for an execution to take place at all."""
        return (self.and_gates, self.inputs, self.segment, self.digest)

    @property
    def material(self) -> tuple[int, int, int, int]:
        """What must be equal in a live session."""
        return (self.execution, self.triple_base, self.mask_base, self.gate_base)


class Refused(RunError):
    """The parties hold different circuits: nothing took place, the session stays alive."""

    code = "refused"


def exchange(session: Session, own: ExecHeader, attempt: int) -> None:
    """Broadcast EXEC and apply the rules; raises Refused or ends the session."""
    views = session.broadcast("EXEC", own.pack(), _PAYLOAD.size, a=attempt)
    others = {p: ExecHeader.unpack(views[p]) for p in session.peers}
    for peer, theirs in others.items():
        if theirs.circuit != own.circuit:
            place = session.place(peer)
            raise Refused(
                f"party {place} wants to execute another circuit",
                "compare the program, the constants and the version on both sides",
            )
    for peer, theirs in others.items():
        # Sessions kept on disk are not offered yet; a peer that claims to have resumed one cannot be honest.
        session.require(theirs.flags == 0, "EXEC", "resumed sessions are not supported", peer)
        ok = theirs.material == own.material
        session.require(ok, "EXEC", "another position in the session's triples or masks", peer)
