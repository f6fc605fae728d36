"""Asking a party who it is (``GET /version``): before a run by the leader, and by ``polytune check --peers``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from engine.errors import SecurityError
from engine.run.terms import ENGINE
from engine.transport.http.client import REFUSED, transport_reason
from engine.transport.http.wire import PROTOCOL

if TYPE_CHECKING:
    from engine.run.peers import Peers


@dataclass(frozen=True)
class Greeting:
    """How a party answered.

    ``status`` is ok, refused (nobody listens), timeout, unreachable, stranger (no polytune), version, wrong_party or
    wrong_identity (its certificate is not the pinned one, or it has none; ``error`` says more); ``problem`` the line
    for the log, empty when all is well; ``package`` the version that the party told.
    """

    peer: int
    status: str
    problem: str = ""
    package: str = ""
    error: SecurityError | None = None

    @property
    def exit_code(self) -> int:
        """5 for somebody else than expected, 1 for everything that waiting or an upgrade can cure."""
        return 5 if self.status in ("wrong_party", "wrong_identity") else 1

    @property
    def ok(self) -> bool:
        """Whether a run with this party can start."""
        return not self.problem


def greet(peers: Peers, peer: int) -> Greeting:
    """Ask one peer; never raises for what the peer does or does not do."""
    try:
        reply = peers.get(peer, "version")
    except requests.RequestException as error:
        reason = transport_reason(error)
        status = {REFUSED: "refused", "timed out": "timeout"}.get(reason, "unreachable")
        return Greeting(peer, status, f"Could not reach {peers.url(peer, 'run')}: {reason}")
    except SecurityError as error:
        return Greeting(peer, "wrong_identity", error.message, error=error)
    versions = reply.body.get("protocol")
    package = str(reply.body.get("package", ""))[:40]
    if reply.status != 200 or not isinstance(versions, list):
        return Greeting(
            peer,
            "stranger",
            f"Unexpected response while trying to start execution for {peers.url(peer, 'run')}: "
            f"{reply.status_line} ({reply.message or 'not a polytune peer'})",
        )
    if PROTOCOL not in versions:
        spoken = ", ".join(str(v)[:10] for v in versions[:5])
        text = f"peer speaks protocol {spoken}, this is {PROTOCOL}; upgrade party {peer} or this one"
        return Greeting(peer, "version", text, package)
    engine = reply.body.get("engine", ENGINE)
    if engine != ENGINE:
        text = f"peer computes with engine {str(engine)[:20]}, this is {ENGINE}; upgrade party {peer} or this one"
        return Greeting(peer, "version", text, package)
    if reply.body.get("party") != peer:
        text = f"participant {peer} answered as party {str(reply.body.get('party'))[:10]} (identity_mismatch)"
        return Greeting(peer, "wrong_party", text, package)
    return Greeting(peer, "ok", "", package)
