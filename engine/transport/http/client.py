"""HTTP client: one session per thread and peer, counted bytes, control requests in JSON."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from engine.errors import SecurityError
from engine.transport.http.wire import (
    CHANGED,
    FROM_HEADER,
    MAX_CONTROL_BODY,
    MOST_CHANGED,
    PROTOCOL,
    PROTOCOL_HEADER,
    RUN_HEADER,
    parse_object,
)
from engine.transport.security import Secure

SLOWEST_RATE = 64 << 10
#: The reason that :func:`transport_reason` gives when nobody listens.
REFUSED = "connection refused"


class Meter:
    """A thread-safe count of bytes written to sockets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = 0

    def add(self, count: int) -> None:
        """Count ``count`` more bytes."""
        with self._lock:
            self.sent += count


def chunk_seconds(size: int, base: float = 60.0) -> float:
    """Time that ``size`` bytes may take: never a fixed second, so that slow links work (service, 5.5)."""
    return base + size / SLOWEST_RATE


def _connection_class(meter: Meter, base: float, secure: Secure | None) -> type[HTTPConnection]:
    class CountedConnection(HTTPConnection):
        """Counts what it writes and gives each write the time its size needs.

        urllib3 sends the body under the *connect* timeout, and for ``sendall`` that is a limit for the whole buffer.
        """

        def connect(self) -> None:
            super().connect()
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure is not None:
                self.sock = secure(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            size = len(data)
            self.sock.settimeout(chunk_seconds(size, base))
            meter.add(size)
            super().send(data)

    return CountedConnection


class _CountingAdapter(HTTPAdapter):
    """A requests adapter with one connection to one host; it counts bytes, and ``secure`` is what makes it https."""

    def __init__(self, meter: Meter, base: float, secure: Secure | None) -> None:
        connection = _connection_class(meter, base, secure)

        class Pool(HTTPConnectionPool):
            ConnectionCls = connection

        self._class = Pool
        self._pool: HTTPConnectionPool | None = None
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: ``secure`` has its own rules."""

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """The pool for the request's host."""
        if self._pool is None:
            parts = urlsplit(request.url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            self._pool = self._class(str(parts.hostname), port, maxsize=1)
        return self._pool

    def close(self) -> None:
        """Close the connection."""
        if self._pool is not None:
            self._pool.close()
        super().close()


def new_session(
    meter: Meter, base: float = 60.0, adapter: HTTPAdapter | None = None, secure: Secure | None = None
) -> requests.Session:
    """A session with one host that ignores proxies and certificate paths of the environment; counts into ``meter``.

    ``secure`` makes its connections those of https; without it there is only http. ``adapter`` replaces the usual one.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers["User-Agent"] = "polytune"
    session.adapters.clear()
    session.mount("http://" if secure is None else "https://", adapter or _CountingAdapter(meter, base, secure))
    return session


def route(base_url: str, path: str) -> str:
    """``path`` below a participant's URL, whether or not that ends with a slash."""
    return urljoin(base_url if base_url.endswith("/") else base_url + "/", path.lstrip("/"))


def peer_headers(run_id: str, party: int) -> dict[str, str]:
    """The headers of every request to a peer."""
    return {PROTOCOL_HEADER: str(PROTOCOL), RUN_HEADER: run_id, FROM_HEADER: str(party)}


def json_object(response: requests.Response) -> dict[str, Any]:
    """The JSON object of a streamed response (empty when it is none); never reads more than a control body may have.

    Raises requests.RequestException when the body does not come.
    """
    try:
        data = response.raw.read(MAX_CONTROL_BODY + 1)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        response.close()
        raise requests.ConnectionError(error) from error
    if len(data) > MAX_CONTROL_BODY:
        response.close()
        return {}
    return parse_object(data) or {}


def was_changed(answer: dict[str, Any]) -> bool:
    """Whether a peer says that a body reached it with other bytes than were sent."""
    details = answer.get("details")
    return isinstance(details, dict) and CHANGED.items() <= details.items()


def changed_on_the_way(party: int) -> SecurityError:
    """What ends a run when that happens again and again."""
    return SecurityError(
        f"what party {party} receives is not what was sent, {MOST_CHANGED} times in a row",
        "something between the parties changes messages; find it, and use https",
        code="changed",
    )


def root_cause(error: BaseException) -> BaseException:
    """The innermost exception of a failed request."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            inner = next((a for a in error.args if isinstance(a, BaseException)), None)
        if inner is None:
            return error
        error = inner
    return error


def is_refused(error: BaseException) -> bool:
    """Whether nobody listens there: the connection was refused."""
    return isinstance(root_cause(error), ConnectionRefusedError)


def transport_reason(error: BaseException) -> str:
    """A short English reason for a request that got no answer."""
    cause = root_cause(error)
    if isinstance(cause, ConnectionRefusedError):
        return REFUSED
    if isinstance(cause, socket.gaierror):
        return "host name not known"
    if isinstance(cause, (TimeoutError, requests.Timeout)) or "timed out" in str(cause):
        return "timed out"
    if isinstance(cause, (ConnectionResetError, BrokenPipeError)):
        return "connection reset"
    if isinstance(cause, ssl.SSLError):
        return f"the TLS connection failed ({(cause.reason or 'closed').lower().replace('_', ' ')})"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return type(cause).__name__
