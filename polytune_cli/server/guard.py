"""Who may speak for which party, and how often: every request between parties passes here (service, 6.3 to 6.5)."""

from __future__ import annotations

import logging
from typing import Any

from flask import Request

from engine.run.terms import printable
from engine.transport.http.psk import Verifier, direction_key
from engine.transport.http.wire import ApiError
from engine.transport.security import Security
from polytune_cli.server.limits import PEERS_BURST, RATE, STRANGERS, STRANGERS_BURST, Buckets, Door, address_key

log = logging.getLogger("polytune")

#: Routes that everybody may ask.
OPEN = frozenset(("/ping", "/version"))
#: Strangers appear in the log this often, and each address then counts what came in between.
LOGGED_EACH = 10.0


class Guard:
    """Guards the routes of one party; ``door`` counts the connections of its listener."""

    def __init__(self, security: Security, parties: int, connections: int = 64) -> None:
        self.security = security
        self._verifiers = {
            peer: Verifier(direction_key(secret, peer, security.party), peer, security.party)
            for peer, secret in enumerate(security.secrets)
            if peer != security.party
        }
        # Peers are unknown too until they have sent their first request.
        self.door = Door(STRANGERS + 2 * (parties - 1), connections)
        self._strangers = Buckets(RATE, STRANGERS_BURST)
        self._controls = Buckets(RATE, PEERS_BURST)
        self._logged = Buckets(1 / LOGGED_EACH, 1.0)

    @property
    def signed(self) -> bool:
        """Whether requests are signed with shared secrets."""
        return bool(self._verifiers)

    def admit(self, request: Request, conn: Any) -> None:
        """Before anything else is looked at; raises ApiError."""
        if request.path in OPEN:
            if (conn is None or conn.party is None) and not self._strangers.take(address_key(request.remote_addr)):
                raise ApiError("rate_limited", "too many requests from this address")
        elif self.security.credentials is not None:
            try:
                self._check_certificate(conn)
            except ApiError as error:
                raise self._stranger(request, error) from None

    def check(self, request: Request, conn: Any, sender: int) -> None:
        """Whether the request, which passed :meth:`admit`, may speak for ``sender``; raises ApiError."""
        try:
            self._check_sender(request, conn, sender)
        except ApiError as error:
            raise self._stranger(request, error) from None
        if conn is not None and not self.door.recognise(conn, sender):
            if conn.party is not None:
                raise ApiError("identity_mismatch", f"this connection is that of party {conn.party}")
            raise ApiError("rate_limited", f"party {sender} has too many connections")
        bulk = request.method == "POST" and request.path.startswith(("/msg", "/abort"))
        if not bulk and not self._controls.take(sender):
            raise ApiError("rate_limited", f"too many requests of party {sender}")

    def _check_certificate(self, conn: Any) -> None:
        shown = conn.shown if conn is not None else None
        if shown is None:
            raise ApiError("unauthenticated", "this needs the client certificate of a party (TLS)")
        owner = self.security.owner(shown.fingerprint)
        if owner is None:
            raise ApiError(
                "identity_mismatch",
                f"the certificate {shown.fingerprint} is not one of the identities of party {self.security.party}",
            )
        problem = shown.validity.problem()
        if problem:
            raise ApiError("identity_mismatch", f"the certificate of party {owner} ({shown.fingerprint}) {problem}")

    def _check_sender(self, request: Request, conn: Any, sender: int) -> None:
        if self.security.credentials is not None:
            owner = self.security.owner(conn.shown.fingerprint)
            if owner != sender:
                raise ApiError("identity_mismatch", f"the certificate is that of party {owner}, not of party {sender}")
        if self._verifiers:
            verifier = self._verifiers.get(sender)
            if verifier is None:
                raise ApiError("identity_mismatch", f"party {sender} is this party itself")
            # Repeats of chunks are harmless: they have numbers and digests.
            chunk = request.method == "POST" and request.path.startswith("/msg/")
            headers: Any = request.headers
            verifier.check(request.method, request.path, headers, fresh=not chunk)

    def _stranger(self, request: Request, error: ApiError) -> ApiError:
        """The answer to a request that is nobody's; tells the log now and then."""
        address = address_key(request.remote_addr)
        if self._logged.take(address):
            asked = printable(f"{request.method[:10]} {request.path[:60]}")
            log.warning("refused %s from %s: %s", asked, address, error.message)
        if self._strangers.take(address):
            return error
        return ApiError("rate_limited", "too many requests from this address")
