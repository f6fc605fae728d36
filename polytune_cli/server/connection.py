"""Connections of the web server: fast reading and writing, and a worker that stays while a peer keeps talking."""

from __future__ import annotations

import contextlib
import json
import logging
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest

if TYPE_CHECKING:
    from polytune_cli.server.tls import Shown, TlsSocket

log = logging.getLogger("polytune")

#: Seconds for a request line and headers, and for an idle connection.
TIMEOUT = 10
#: Seconds for which a worker waits for the first request after a handshake, before it serves others.
FIRST_REQUEST = 0.02
#: Seconds for which a connection that ends is read, so that the client gets its answer.
PARTING = 1.0
#: The first byte of a connection over TLS.
HANDSHAKE_RECORD = b"\x16"
#: Seconds for which a worker thread stays with a connection that a route has marked.
LINGER = 2.0
_BUFFER = 64 << 10


class Reader:
    """What cheroot needs of a file to read from, on the socket itself; ``readinto`` reads bodies without a copy."""

    def __init__(self, sock: socket.socket | TlsSocket) -> None:
        self._sock = sock
        self._pending = getattr(sock, "pending", lambda: 0)
        #: When what is read by lines or as a whole must be here (monotonic).
        self.deadline: float | None = None
        self._buffer = bytearray(_BUFFER)
        self._start = self._stop = 0
        self.bytes_read = 0
        self.closed = False

    def has_data(self) -> bool:
        """Whether bytes of the next request are here already."""
        return self._start < self._stop or self._pending() > 0

    def readline(self, size: int = -1) -> bytes:
        """Up to the next newline, at most ``size`` bytes; less at the end of the stream."""
        line = bytearray()
        while True:
            limit = self._stop if size < 0 else min(self._stop, self._start + size - len(line))
            end = self._buffer.find(b"\n", self._start, limit) + 1 or limit
            line += self._buffer[self._start : end]
            self._start = end
            if line.endswith(b"\n") or len(line) == size or not self._more():
                self.bytes_read += len(line)
                return bytes(line)

    def read(self, size: int = -1) -> bytes:
        """``size`` bytes, or all up to the end of the stream; less only there."""
        data = bytearray()
        while size < 0 or len(data) < size:
            if not self._more():
                break
            end = self._stop if size < 0 else min(self._stop, self._start + size - len(data))
            data += self._buffer[self._start : end]
            self._start = end
        self.bytes_read += len(data)
        return bytes(data)

    def readinto(self, view: memoryview) -> int:
        """Some bytes into ``view``; 0 at the end of the stream."""
        if self._start < self._stop:
            count = min(len(view), self._stop - self._start)
            view[:count] = memoryview(self._buffer)[self._start : self._start + count]
            self._start += count
        else:
            count = self._sock.recv_into(view)
        self.bytes_read += count
        return count

    def close(self) -> None:
        """Nothing is read any more; the socket is its owner's."""
        self.closed = True

    def _more(self) -> bool:
        """Whether there is something in the buffer, or now is; False at the end of the stream."""
        if self._start < self._stop:
            return True
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(min(left, TIMEOUT))
        self._start, self._stop = 0, self._sock.recv_into(self._buffer)
        return self._stop > 0


class Writer:
    """What cheroot needs of a file to write to. From ``hold`` to ``flush`` bytes are gathered, to leave in one go."""

    def __init__(self, sock: socket.socket | TlsSocket) -> None:
        self._sock = sock
        self._held: list[bytes] | None = None
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        """Send or gather ``data``."""
        self.bytes_written += len(data)
        if self._held is None:
            self._sock.sendall(data)
        else:
            self._held.append(bytes(data))
        return len(data)

    def hold(self) -> None:
        """Gather what is written."""
        self._held = []

    def flush(self) -> None:
        """Send what was gathered, and from now on everything at once."""
        held, self._held = self._held, None
        if held:
            self._sock.sendall(b"".join(held))


def make_file(sock: socket.socket | TlsSocket, mode: str, size: int) -> Reader | Writer:
    """The file of a connection for ``mode`` rb or wb."""
    return Reader(sock) if "r" in mode else Writer(sock)


class _Headers(HeaderReader):
    """Reads the headers of a request; a first line that begins like a continuation is an error of the client."""

    def __call__(self, rfile: Any, hdict: Any = None) -> Any:
        try:
            return super().__call__(rfile, hdict)
        except UnboundLocalError:  # cheroot looks for the line that it would continue
            raise ValueError("Illegal continuation line.") from None


class _Request(HTTPRequest):
    header_reader = _Headers()


class Connection(HTTPConnection):
    """A connection whose worker waits for the next request itself if a route asked for that.

    A message of the protocol then needs no detour over the accepting thread and no change of threads. ``server.stay``
    says how many workers may do so at a time. With ``server.tls``, the worker that gets the first bytes makes the
    handshake.
    """

    RequestHandlerClass = _Request

    def __init__(self, server: Any, sock: socket.socket, makefile: Any = None) -> None:
        self._raw = sock
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = server.tls.wrap(sock) if server.tls is not None else None
        super().__init__(server, secured or sock, make_file)
        self._secured: TlsSocket | None = secured
        #: The certificate of the client, and the party that it was found to be.
        self.shown: Shown | None = None
        self.party: int | None = None
        #: The client sends more than anybody will read.
        self.unread = False
        #: Set by a route: this is a peer that will soon send more.
        self.busy = False
        #: The connection got its first bytes.
        self.seen = False
        self._begun = False

    def communicate(self) -> bool:
        """Serve requests; True if the connection stays open and waits for more."""
        if not self._begun:
            if not self._begin():
                return False
            if self._secured is not None and not self._readable(FIRST_REQUEST):
                return True
        return self._serve()

    def close(self) -> None:
        """Close it, and give its place to others; until then it counts as one."""
        if self.unread:
            with contextlib.suppress(OSError):
                self._part()
        super().close()
        if self.server.door is not None:
            self.server.door.leave(self)

    def evict(self) -> None:
        """End it from another thread: its worker meets the end of the stream."""
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def _begin(self) -> bool:
        """The handshake, and who the client is; False when there is nothing to talk about."""
        self._begun = True
        try:
            first = self._raw.recv(1, socket.MSG_PEEK)
            if not first:
                return False
            if (first == HANDSHAKE_RECORD) != (self._secured is not None):
                self._answer_in_plain_text()
                return False
            if self._secured is not None:
                self.shown = self._secured.handshake(self.server.tls.seconds)
        except OSError as error:
            log.debug("connection from %s: %s", self.remote_addr, error)
            return False
        if self.shown is not None and self.server.door is not None:
            party = self.server.tls.security.owner(self.shown.fingerprint)
            if party is not None:
                self.server.door.recognise(self, party)
        return True

    def _answer_in_plain_text(self) -> None:
        """Say to a client of the other kind (http at a https port, or the reverse) what it should do."""
        if self._secured is not None:
            text = "this party speaks https only: its URL in 'participants' must begin with https"
        else:
            text = "this party speaks plain http: it has no 'tls' in its policy"
        body = json.dumps({"error": "bad_request", "message": text, "details": {}})
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._raw.settimeout(PARTING)
        self._raw.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())
        self._part()

    def _part(self) -> None:
        """Let the answer reach a client that still sends: closing with unread bytes would take it back."""
        self._raw.settimeout(PARTING)
        self._raw.shutdown(socket.SHUT_WR)
        end = time.monotonic() + PARTING
        while time.monotonic() < end and self._raw.recv(1 << 16):
            pass

    def _readable(self, seconds: float) -> bool:
        if self.rfile.has_data():
            return True
        poll = select.poll()
        poll.register(self._raw, select.POLLIN)
        return bool(poll.poll(seconds * 1e3))

    def _serve(self) -> bool:
        while self._serve_one():
            if not self.busy or not self.server.stay.acquire(blocking=False):
                return True
            try:
                if not self._wait():
                    return True
            finally:
                self.server.stay.release()
        return False

    def _serve_one(self) -> bool:
        self.rfile.deadline = time.monotonic() + TIMEOUT
        return bool(super().communicate())

    def _wait(self) -> bool:
        """Whether the next request begins soon."""
        self.busy = False
        if self.rfile.has_data():
            return True
        with self.server.lingering(self):
            return not self.server.stopping and self._readable(LINGER)
