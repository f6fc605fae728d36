"""Requests authenticated by a shared secret (spec: service, section 6.4 b), for parties behind TLS proxies.

``X-Polytune-Auth: v1 t=<ms>,n=<16 hex>,h=<64 hex>``: the time, a nonce, and an HMAC-SHA256 over everything that says
what the request means. Each direction of a pair has a key of its own, derived from the pair's secret. It proves who
sent a request, and hides nothing.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.transport.http.wire import (
    CHUNK_HEADER,
    DIGEST_HEADER,
    LENGTH_HEADER,
    RUN_HEADER,
    SEQ_HEADER,
    ApiError,
)
from engine.transport.security import Security

AUTH_HEADER = "X-Polytune-Auth"
#: Clocks of two parties may differ by this much.
MAX_SKEW = 60.0
#: Nonces that are remembered for each peer; more requests than that in two minutes are refused.
NONCES = 8192
_FORM = re.compile(r"v1 t=(\d{1,16}),n=([0-9a-f]{16}),h=([0-9a-f]{64})\Z")


def direction_key(secret: bytes, sender: int, receiver: int) -> bytes:
    """The key for requests of ``sender`` to ``receiver``: HKDF-SHA256 of their secret."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = f"polytune request v1 from {sender} to {receiver}".encode()
    return HKDF(SHA256(), 32, salt=None, info=info).derive(secret)


def request_tag(
    key: bytes, method: str, path: str, sender: int, receiver: int, headers: Mapping[str, str], time_ms: str, nonce: str
) -> str:
    """The HMAC of a request in hexadecimal; ``path`` is the route, without what a participant's URL puts before it."""
    chunk = ";".join(headers.get(name, "") for name in (CHUNK_HEADER, LENGTH_HEADER, "Content-Type"))
    fields = (
        method,
        path,
        headers.get(RUN_HEADER, ""),
        str(sender),
        str(receiver),
        headers.get(SEQ_HEADER, ""),
        chunk,
        headers.get(DIGEST_HEADER, "").removeprefix("sha256:"),
        time_ms,
        nonce,
    )
    return hmac.digest(key, "\n".join(fields).encode("utf-8", "surrogateescape"), "sha256").hex()


@dataclass(frozen=True)
class Signer:
    """Signs requests of ``sender`` to ``receiver``."""

    key: bytes = field(repr=False)
    sender: int
    receiver: int

    def header(self, method: str, path: str, headers: Mapping[str, str]) -> str:
        """The value of the header for a request with ``headers``, which hold the digest of the body if there is one."""
        now, nonce = str(int(time.time() * 1000)), secrets.token_hex(8)
        tag = request_tag(self.key, method, path, self.sender, self.receiver, headers, now, nonce)
        return f"v1 t={now},n={nonce},h={tag}"


def signer(security: Security, peer: int) -> Signer | None:
    """What signs our requests to ``peer``; None without shared secrets."""
    if not security.secrets:
        return None
    return Signer(direction_key(security.secrets[peer], security.party, peer), security.party, peer)


class Verifier:
    """Checks requests of ``sender`` to ``receiver``. Thread-safe; remembers a bounded number of nonces."""

    def __init__(self, key: bytes, sender: int, receiver: int) -> None:
        self._key = key
        self._sender = sender
        self._receiver = receiver
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def check(self, method: str, path: str, headers: Mapping[str, str], *, fresh: bool) -> None:
        """Raise ApiError unless the request is theirs; ``fresh``: it must also be new, by its time and nonce.

        The body is not looked at: whoever reads it holds it against the digest header.
        """
        form = _FORM.match(headers.get(AUTH_HEADER, ""))
        if form is None:
            raise ApiError("unauthenticated", f"{AUTH_HEADER} is missing or malformed: this party shares a secret")
        time_ms, nonce, given = form.groups()
        tag = request_tag(self._key, method, path, self._sender, self._receiver, headers, time_ms, nonce)
        if not hmac.compare_digest(tag, given):
            raise ApiError("unauthenticated", "the request is not signed with the secret that the parties share")
        if fresh:
            self._check_time(int(time_ms) / 1000)
            self._check_nonce(nonce)

    def _check_time(self, told: float) -> None:
        skew = told - time.time()
        if abs(skew) > MAX_SKEW:
            raise ApiError(
                "unauthenticated",
                f"the clocks of party {self._sender} and party {self._receiver} differ by {_duration(abs(skew))} "
                f"(at most {MAX_SKEW:g} s): set the clocks",
                clock_skew=round(skew, 1),
            )

    def _check_nonce(self, nonce: str) -> None:
        now = time.monotonic()
        with self._lock:
            while self._seen and now - next(iter(self._seen.values())) > 2 * MAX_SKEW:
                self._seen.popitem(last=False)
            if nonce in self._seen:
                raise ApiError("unauthenticated", "the same request came before (its nonce is used)")
            if len(self._seen) >= NONCES:
                raise ApiError("rate_limited", "too many requests")
            self._seen[nonce] = now


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest} s"
