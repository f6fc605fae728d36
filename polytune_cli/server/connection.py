"""Connections of the web server: fast reading and writing, and a worker that stays while a peer keeps talking."""

from __future__ import annotations

import contextlib
import select
import socket
from typing import Any

from cheroot.server import HTTPConnection

#: Seconds for which a worker thread stays with a connection that a route has marked.
LINGER = 2.0
_BUFFER = 64 << 10


class Reader:
    """What cheroot needs of a file to read from, on the socket itself; ``readinto`` reads bodies without a copy."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray(_BUFFER)
        self._start = self._stop = 0
        self.bytes_read = 0
        self.closed = False

    def has_data(self) -> bool:
        """Whether bytes of the next request are here already."""
        return self._start < self._stop

    def readline(self, size: int = -1) -> bytes:
        """Up to the next newline, at most ``size`` bytes; less at the end of the stream."""
        line = bytearray()
        while True:
            limit = self._stop if size < 0 else min(self._stop, self._start + size - len(line))
            end = self._buffer.find(b"\n", self._start, limit) + 1 or limit
            line += self._buffer[self._start : end]
            self._start = end
            if line.endswith(b"\n") or len(line) == size or not (self.has_data() or self._fill()):
                self.bytes_read += len(line)
                return bytes(line)

    def read(self, size: int = -1) -> bytes:
        """``size`` bytes, or all up to the end of the stream; less only there."""
        data = bytearray()
        while size < 0 or len(data) < size:
            if not (self.has_data() or self._fill()):
                break
            end = self._stop if size < 0 else min(self._stop, self._start + size - len(data))
            data += self._buffer[self._start : end]
            self._start = end
        self.bytes_read += len(data)
        return bytes(data)

    def readinto(self, view: memoryview) -> int:
        """Some bytes into ``view``; 0 at the end of the stream."""
        if self.has_data():
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

    def _fill(self) -> bool:
        self._start, self._stop = 0, self._sock.recv_into(self._buffer)
        return self._stop > 0


class Writer:
    """What cheroot needs of a file to write to. From ``hold`` to ``flush`` bytes are gathered, to leave in one go."""

    def __init__(self, sock: socket.socket) -> None:
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


def make_file(sock: socket.socket, mode: str, size: int) -> Reader | Writer:
    """The file of a connection for ``mode`` rb or wb."""
    return Reader(sock) if "r" in mode else Writer(sock)


class Connection(HTTPConnection):
    """A connection whose worker waits for the next request itself if a route asked for that.

    A message of the protocol then needs no detour over the accepting thread and no change of threads. ``server.stay``
    says how many workers may do so at a time.
    """

    def __init__(self, server: Any, sock: socket.socket, makefile: Any = None) -> None:
        super().__init__(server, sock, make_file)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        #: Set by a route: this is a peer that will soon send more.
        self.busy = False
        #: The connection got its first bytes.
        self.seen = False

    def communicate(self) -> bool:
        """Serve requests; True if the connection stays open and waits for more."""
        while super().communicate():
            if not self.busy or not self.server.stay.acquire(blocking=False):
                return True
            try:
                if not self._wait():
                    return True
            finally:
                self.server.stay.release()
        return False

    def _wait(self) -> bool:
        """Whether the next request begins soon."""
        self.busy = False
        if self.rfile.has_data():
            return True
        with self.server.lingering(self):
            poll = select.poll()
            poll.register(self.socket, select.POLLIN)
            return not self.server.stopping and bool(poll.poll(LINGER * 1e3))
