"""A requests adapter for peers: buffers go to the socket as they are, in one system call where that takes them.

urllib3 opens the connection; what would cost more than the message itself (a header object for each request, a parser
of e-mail headers for each answer, a system call for each buffer) is left out. Not for general use: no redirects, no
proxies, no chunked answers, no encodings, one request at a time.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.util.wait import wait_for_read

from engine.transport.http.client import Meter
from engine.transport.http.wire import MAX_CONTROL_BODY
from engine.transport.security import Secure

#: Buffers of one system call; more than that is sent in several.
_MOST_BUFFERS = 64
_MOST_HEAD = 16 << 10
#: Bytes of a record of TLS.
_RECORD = 16 << 10


class Body:
    """A request body of several buffers that are sent as they are."""

    def __init__(self, views: Sequence[memoryview], size: int) -> None:
        self.views = views
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview]:
        return iter(self.views)


class MessageAdapter(HTTPAdapter):
    """Sends prepared requests whose body is bytes or a :class:`Body`; counts the bytes written into ``meter``.

    ``timeout`` of a request is (seconds to connect, seconds for all the rest): a peer that sends its answer byte by
    byte gains nothing. ``secure`` makes it https.
    """

    def __init__(self, meter: Meter, secure: Secure | None = None) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._meter = meter
        self._secure = secure
        self._connection: HTTPConnection | None = None

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """One request and its answer; raises requests.RequestException when that fails."""
        connect, rest = timeout
        try:
            sock = self._socket(str(request.url), connect)
            deadline = time.monotonic() + rest
            self._write(sock, [memoryview(_head(request)), *_views(request.body)], deadline)
            return self._read(sock, request, deadline)
        except (OSError, HTTPError, ValueError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise requests.Timeout(error, request=request) from error
            raise requests.ConnectionError(error, request=request) from error

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        super().close()

    def _socket(self, url: str, connect: float) -> socket.socket:
        connection = self._connection
        if connection is not None and wait_for_read(connection.sock, timeout=0):
            self.close()  # the server has closed it as idle
            connection = None
        if connection is None:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            connection = HTTPConnection(str(parts.hostname), port, timeout=connect)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure is not None:
                connection.sock = self._secure(connection.sock)
            self._connection = connection
        sock: socket.socket = connection.sock
        return sock

    def _write(self, sock: socket.socket, views: list[memoryview], deadline: float) -> None:
        if isinstance(sock, ssl.SSLSocket):
            for view in _for_records(views):
                self._write_secured(sock, view, deadline)
            return
        first = 0
        while first < len(views):
            sock.settimeout(_left(deadline))
            sent = sock.sendmsg(views[first : first + _MOST_BUFFERS])
            self._meter.add(sent)
            while first < len(views) and sent >= views[first].nbytes:
                sent -= views[first].nbytes
                first += 1
            if sent:
                views[first] = views[first][sent:]

    def _write_secured(self, sock: ssl.SSLSocket, view: memoryview, deadline: float) -> None:
        while view.nbytes:
            sock.settimeout(_left(deadline))
            sent = sock.send(view)
            self._meter.add(sent)
            view = view[sent:]

    def _read(self, sock: socket.socket, request: requests.PreparedRequest, deadline: float) -> requests.Response:
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _MOST_HEAD:
                raise ValueError("the head of the answer is too long")
            data += _receive(sock, deadline)
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        version, status, reason = (first + "  ").split(" ", 2)
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise ValueError("not an HTTP answer")
        headers = CaseInsensitiveDict(
            (name.strip(), value.strip()) for name, _, value in (x.partition(":") for x in lines)
        )
        body = data[end + 4 :]
        # A party gives the length; the body of another kind of server is of no interest, and its connection is closed.
        size = int(headers.get("Content-Length", "0"))
        if size <= MAX_CONTROL_BODY:
            while len(body) < size:
                body += _receive(sock, deadline)
        if (
            len(body) != size
            or "Content-Length" not in headers
            or headers.get("Connection", "").lower() == "close"
            or version == "HTTP/1.0"
        ):
            self.close()
        answer = requests.Response()
        answer.status_code, answer.reason = int(status), reason.strip()
        answer.headers, answer.url, answer.request = headers, str(request.url), request
        answer.raw = io.BytesIO(body[:size])
        return answer


def _views(body: Any) -> Sequence[memoryview]:
    if isinstance(body, Body):
        return body.views
    return [memoryview(body)] if body else []


def _for_records(views: Sequence[memoryview]) -> Iterator[memoryview]:
    """The same bytes: small buffers joined up to the size of a record, large ones as they are."""
    held = bytearray()
    for view in views:
        if held or view.nbytes < _RECORD:
            room = _RECORD - len(held)
            held += view[:room]
            view = view[room:]
            if len(held) < _RECORD:
                continue
            yield memoryview(held)
            held = bytearray()
        yield view
    yield memoryview(held)


def _head(request: requests.PreparedRequest) -> bytes:
    parts = urlsplit(str(request.url))
    lines = [f"{request.method} {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _receive(sock: socket.socket, deadline: float) -> bytes:
    sock.settimeout(_left(deadline))
    data = sock.recv(1 << 16)
    if not data:
        raise ConnectionResetError("the connection was closed before the answer")
    return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
