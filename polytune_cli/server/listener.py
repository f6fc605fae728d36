"""The web server under the routes: cheroot with the settings that peers need."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cheroot import wsgi

from engine.errors import ResourceError
from engine.transport.http.client import chunk_seconds
from engine.transport.http.wire import MAX_CONTROL_BODY
from polytune_cli.server.connection import TIMEOUT, Connection

if TYPE_CHECKING:
    from polytune_cli.server.limits import Door
    from polytune_cli.server.tls import Tls

log = logging.getLogger("polytune")

#: Environment key under which a route may leave a function that is told how many bytes the answer had on the socket.
ANSWER_METER = "polytune.answer_meter"
#: Environment key of the connection: a route may extend its socket's timeout while it reads a body, and say with
#: ``busy`` that its peer will soon send more.
CONNECTION = "polytune.connection"
#: Environment key of cheroot's request, which decides whether the connection is closed after the answer.
REQUEST = "polytune.request"
#: Threads that never wait for one connection.
SPARE = 4


class _Gateway(wsgi.Gateway_10):
    """Tells a route's meter how many bytes were written, headers included; gives back the usual timeout."""

    def get_environ(self) -> dict[str, Any]:  # type: ignore[override]
        environ: dict[str, Any] = super().get_environ()
        environ[CONNECTION] = self.req.conn
        environ[REQUEST] = self.req
        return environ

    def respond(self) -> None:
        writer = self.req.conn.wfile
        before = writer.bytes_written
        writer.hold()
        body = min(int(self.env.get("CONTENT_LENGTH") or 0), MAX_CONTROL_BODY)
        self.req.conn.rfile.deadline = time.monotonic() + chunk_seconds(body, TIMEOUT)
        try:
            super().respond()
        finally:
            writer.flush()
            meter: Callable[[int], None] | None = self.env.get(ANSWER_METER)
            if meter is not None:
                meter(writer.bytes_written - before)
            with contextlib.suppress(OSError):
                self.req.conn.socket.settimeout(TIMEOUT)


class _Server(wsgi.Server):
    """Gives a new connection to a worker only when its first bytes are there, so silent clients cost no thread."""

    ConnectionClass = Connection

    def __init__(self, *args: Any, stay: int, tls: Tls | None, door: Door | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tls, self.door = tls, door
        #: Workers that may wait for the next request of their connection.
        self.stay = threading.Semaphore(stay)
        self.stopping = False
        self._lingering: set[Connection] = set()

    def process_conn(self, conn: Any) -> None:
        """Called for new connections and for those that became readable."""
        if conn.seen:
            super().process_conn(conn)
        else:
            conn.seen = True
            if self.door is not None:
                self.door.arrive(conn)
            self._connections.put(conn)  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def lingering(self, conn: Connection) -> Iterator[None]:
        """While a worker waits inside, :meth:`stop` wakes it."""
        self._lingering.add(conn)
        try:
            yield
        finally:
            self._lingering.discard(conn)

    def stop(self) -> None:
        """Stop serving and wake the workers that only wait."""
        self.stopping = True
        for conn in list(self._lingering):
            with contextlib.suppress(OSError):
                conn.socket.shutdown(socket.SHUT_RD)
        super().stop()


class Listener:
    """A bound server; ``address`` is real after ``bind`` also when the port was 0.

    ``options`` are those of the command line that name another address. ``tls`` makes it a server of https, ``door``
    bounds its connections.
    """

    def __init__(
        self,
        host: str,
        port: int,
        app: Any,
        *,
        threads: int = 16,
        options: str = "--addr and --port",
        tls: Tls | None = None,
        door: Door | None = None,
    ) -> None:
        self._server = _Server(
            (host, port),
            app,
            numthreads=threads,
            timeout=TIMEOUT,
            request_queue_size=64,
            shutdown_timeout=1,
            stay=max(1, threads - SPARE),
            tls=tls,
            door=door,
        )
        self._server.gateway = _Gateway
        self._server.keep_alive_conn_limit = 256
        self._server.max_request_header_size = 16 << 10
        self._server.expiration_interval = 0.2
        self._server.error_log = _log_server_error  # type: ignore[method-assign]
        self._host, self._port, self._options = host, port, options
        self._thread: threading.Thread | None = None

    def bind(self) -> None:
        """Bind and listen; raises ResourceError when the address cannot be had."""
        try:
            self._server.prepare()
        except OSError as error:
            raise ResourceError(
                f"cannot listen on {_join(self._host, self._port)}: {_bind_reason(error)}",
                f"choose another address with {self._options}, or stop the program that uses it",
                code="cannot_listen",
            ) from None

    @property
    def address(self) -> tuple[str, int]:
        """IP and port that are bound."""
        host, port = self._server.bind_addr[:2]
        return host, port

    def __str__(self) -> str:
        return _join(*self.address)

    @property
    def reach(self) -> str:
        """IP and port at which programs of this machine reach it: an unspecified address means loopback to them."""
        host, port = self.address
        return _join({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)

    def start(self) -> None:
        """Serve in a background thread."""
        self._thread = threading.Thread(target=self._server.serve, name="listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, end the worker threads."""
        with contextlib.suppress(Exception):
            self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=3)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind_reason(error: OSError) -> str:
    # cheroot puts the texts of all attempts into one new exception without a number.
    text = f"{error} {error.__context__ or ''}"
    if error.errno == errno.EADDRINUSE or "already in use" in text:
        return "address already in use"
    if error.errno == errno.EACCES or "ermission denied" in text:
        return "permission denied (ports below 1024 need privileges)"
    if error.errno == errno.EADDRNOTAVAIL or "assign requested address" in text:
        return "this machine does not have that address"
    return error.strerror or "the system refused"


def _log_server_error(msg: str = "", level: int = 20, traceback: bool = False) -> None:
    # Broken connections are everyday life here; the sender tries again.
    log.debug("server: %s", msg, exc_info=traceback)
