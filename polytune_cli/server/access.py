"""Who may ask the operators' listener, and for what.

Reading is for everybody who reaches the listener. What changes something needs the token where docs/operating.md says
so. Web pages of others get nothing: a browser says where a request comes from (``Origin``), and a name of somebody else
that points to this machine (DNS rebinding) is not one of the names of this listener (``Host``).
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Request

from engine.errors import SecurityError
from engine.transport.http.wire import ApiError

TOKEN_VARIABLE = "POLYTUNE_ADMIN_TOKEN"
#: A token that an operator chose and that is shorter can be guessed.
SHORT = 16


@dataclass(frozen=True)
class Access:
    """``own``: the token was made by this process, nobody chose one; ``names``: further names of this listener."""

    token: str = field(repr=False)
    own: bool
    loopback: bool
    names: frozenset[str]

    @classmethod
    def make(cls, address: str, token: str, names: tuple[str, ...] = ()) -> Access:
        """For a listener at ``address`` and the token of the environment (empty: none).

        Raises SecurityError when others could reach a listener without a token.
        """
        loopback = ipaddress.ip_address(address).is_loopback
        if not loopback and not token:
            raise SecurityError(
                f"the operators' listener at {address} would be open to other machines without a token",
                f"set {TOKEN_VARIABLE}, or leave --admin-addr at 127.0.0.1",
                code="admin_token_missing",
            )
        known = {"localhost", *map(str.lower, names)}
        if not loopback:
            known.add(socket.gethostname().lower())
        return cls(token or secrets.token_urlsafe(32), not token, loopback, frozenset(known))

    def warnings(self) -> list[str]:
        """What an operator should know at start."""
        found = []
        if not self.loopback:
            found.append(
                "the operators' listener speaks plain http to other machines: whoever can read on the network learns "
                "the token; put a TLS proxy before it"
            )
        if not self.own and len(self.token) < SHORT:
            found.append(f"{TOKEN_VARIABLE} has fewer than {SHORT} characters and can be guessed")
        return found

    def check_origin(self, request: Request) -> None:
        """Refuse what a browser sends for the page of somebody else; raises ApiError ``not_allowed``."""
        if not self._is_ours(_host_name(request.host)):
            raise ApiError(
                "not_allowed", "this listener does not go by that name; see --admin-host", host=request.host[:100]
            )
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2].lower() != request.host.lower():
            raise ApiError("not_allowed", "requests of other web pages are refused", origin=origin[:100])
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise ApiError("not_allowed", "requests of other web pages are refused")

    def has_token(self, request: Request) -> bool:
        """Whether the request carries the token."""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(), self.token.encode())
        return kind.lower() == "bearer" and right

    def need_token(self, request: Request, *, always: bool) -> None:
        """Raise ApiError ``unauthenticated`` unless the token is there, or none is needed.

        Without ``always`` none is needed on loopback when no operator chose one.
        """
        if (always or not self.own or not self.loopback) and not self.has_token(request):
            raise ApiError("unauthenticated", f"this needs the header 'Authorization: Bearer' with {TOKEN_VARIABLE}")

    def _is_ours(self, name: str) -> bool:
        if name in self.names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self.loopback


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""
