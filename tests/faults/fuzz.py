"""Requests that nobody should send: valid ones of every route, changed by a seeded generator, down to the framing."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.transport.http.wire import parse_object
from tests.transport.faults import read_message

NUMBERS = (
    "",
    "-1",
    "0",
    "1",
    "2",
    "255",
    "4294967296",
    "99999999999999999999",
    "1e9",
    "0x10",
    "+1",
    " 1",
    "1 ",
    "٣",
    "NaN",
)
TEXTS = ("", "\x00", "ä" * 10, "%00", "a" * 5000, "../../etc/passwd", "{}", "sha256:" + "0" * 64, "'; DROP TABLE t; --")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 70, 1e400, 0.5, "", "\ud800", "x" * 3000, [], {}, [[]], {"value": {}}, [None] * 50
)  # fmt: skip
PATHS = (
    "/", "//", "/msg", "/msg/", "/msg/-1", "/msg/99999999999999999999", "/consts/x", "/%2e%2e/run", "/run/",
    "/ping?x=1", "/msg/0/1", "/RUN", "/\xff", "*", "http://other/run", "/runs//cancel", "/runs/%00", "/status;x",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "", "X" * 300)
LINES = (
    "X: " + "y" * 20_000, "no colon", ": empty", "A" * 9000 + ": 1", " folded", "Host: [", "Origin: http://[",
    "X-Polytune-From: 0\r\nX-Polytune-From: 1", "Expect: 100-continue", "Connection: close", "Content-Length: 5",
    "Content-Length: -5", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked",
    "Cookie: " + "a=b; " * 500,
)  # fmt: skip


@dataclass
class Request:
    """``closing``: the bytes may ask for more than they hold, so the sender says that nothing follows."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    lines: list[str] = field(default_factory=list)
    version: str = "HTTP/1.1"
    length: str | None = None
    closing: bool = False

    def data(self) -> bytes:
        length = str(len(self.body)) if self.length is None else self.length
        headers = {"Host": "127.0.0.1", **self.headers, **({"Content-Length": length} if length != "none" else {})}
        lines = [f"{self.method} {self.path} {self.version}", *(f"{k}: {v}" for k, v in headers.items()), *self.lines]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogatepass") + self.body


class Fuzzer:
    """Makes requests to the routes between parties (of a contributor 1 of two) or, with ``operators``, to the others.

    ``runs()`` gives ids of runs to speak of; ``own`` is the terms of a run that the contributor refuses.
    """

    def __init__(self, seed: int, runs: Callable[[], Sequence[str]], proposal: dict[str, Any], operators: bool) -> None:
        self._random = random.Random(seed)
        self._runs = runs
        self._proposal = {**proposal, "program_hash": "sha256:" + "0" * 64}
        self._operators = operators

    def request(self) -> Request:
        """The next request."""
        request = self._of_operators() if self._operators else self._of_peer()
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 3))):
            self._random.choice(self._changes)(request)
        return request

    # -- valid requests ---------------------------------------------------------------------------------------------

    def _of_operators(self) -> Request:
        path = self._random.choice(
            ("/", "/status", "/health", "/ready", "/metrics", "/schedule", "/runs/{}", "/runs/{}/cancel")
        )
        method = "POST" if path in ("/schedule", "/runs/{}/cancel") else "GET"
        headers = {"Authorization": self._random.choice(("Bearer x", "Bearer", "Basic x", "Bearer " + "é" * 9))}
        return Request(method, path.format(uuid.UUID(int=self._random.getrandbits(128))), headers, b'{"run":true}')

    def _of_peer(self) -> Request:
        rng, run = self._random, self._run_id()
        headers = {"X-Polytune-Protocol": "1", "X-Polytune-Run": run, "X-Polytune-From": rng.choice("011")}
        route = rng.choice(("ping", "version", "run", "consts", "sync", "abort", "msg", "msg", "resume", "probe"))
        if route in ("ping", "version"):
            return Request("GET", f"/{route}", headers)
        if route == "resume":
            return Request("GET", "/msg/0", headers)
        if route in ("msg", "probe"):
            body = rng.randbytes(rng.choice((0, 1, 40, 41, 1000)))
            return Request("POST", f"/{route}/0", {**headers, **self._chunk(body)}, body)
        bodies: dict[str, dict[str, Any]] = {
            "run": {**self._proposal, "run_id": run, "to": 1},
            "consts": {"run_id": run, "consts": {"ROWS": {"type": "usize", "value": 3}}, "offer": {"threads": 1}},
            "sync": {"run_id": run, "stage": "agree", "digest": "sha256:" + "0" * 64, "summary": {"constants": {}}},
            "abort": {"run_id": run, "code": "interrupted", "message": ""},
        }
        path = "/consts/0" if route == "consts" else f"/{route}"
        return Request("POST", path, headers, json.dumps(bodies[route]).encode())

    def _run_id(self) -> str:
        known = list(self._runs())
        if known and self._random.random() < 0.3:
            return self._random.choice(known)
        return str(uuid.UUID(int=self._random.getrandbits(128)))

    def _chunk(self, body: bytes) -> dict[str, str]:
        kinds = ("application/octet-stream", "application/x-polytune-batch", "application/x-polytune-abort")
        return {
            "X-Polytune-Seq": "0",
            "X-Polytune-Chunk": "0/1",
            "X-Polytune-Length": str(len(body)),
            "X-Polytune-Digest": hashlib.sha256(body).hexdigest(),
            "Content-Type": self._random.choice(kinds),
        }

    # -- changes ----------------------------------------------------------------------------------------------------

    @property
    def _changes(self) -> list[Callable[[Request], None]]:
        return [self._value, self._value, self._drop, self._path, self._method, self._bytes, self._json, self._json,
                self._nesting, self._line, self._length, self._version]  # fmt: skip

    def _value(self, request: Request) -> None:
        if request.headers:
            request.headers[self._random.choice(list(request.headers))] = self._random.choice(NUMBERS + TEXTS)

    def _drop(self, request: Request) -> None:
        if request.headers:
            del request.headers[self._random.choice(list(request.headers))]

    def _path(self, request: Request) -> None:
        request.path = self._random.choice(PATHS)

    def _method(self, request: Request) -> None:
        request.method = self._random.choice(METHODS)
        request.closing |= request.method == "HEAD"

    def _bytes(self, request: Request) -> None:
        body = bytearray(request.body or b"{}")
        for _ in range(self._random.randint(1, 8)):
            body[self._random.randrange(len(body))] = self._random.randrange(256)
        request.body = bytes(body[: self._random.randint(0, len(body))] if self._random.random() < 0.3 else body)

    def _json(self, request: Request) -> None:
        value = parse_object(request.body)
        if value is None:
            return
        request.body = json.dumps(self._mutated(value)).encode()

    def _mutated(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            key = self._random.choice(list(value))
            if self._random.random() < 0.15:
                return {k: v for k, v in value.items() if k != key}
            return {**value, key: self._mutated(value[key])}
        return self._random.choice(VALUES)

    def _nesting(self, request: Request) -> None:
        depth = self._random.choice((10, 5000, 200_000))
        request.body = self._random.choice(
            (b"[" * depth, b'{"a":' * depth, b'{"run_id":' + b"[" * depth + b"]" * depth + b"}")
        )

    def _line(self, request: Request) -> None:
        request.lines.append(self._random.choice(LINES))
        request.closing = True

    def _length(self, request: Request) -> None:
        request.length = self._random.choice((*NUMBERS, "none", str(len(request.body) + 7), str(1 << 40)))
        request.closing = True

    def _version(self, request: Request) -> None:
        request.version = self._random.choice(("HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTTP/1.1 x", "", "http/1.1"))
        request.closing = True


class Target:
    """One listener: sends requests over a connection that it keeps while it can; ``statuses`` counts the answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sock: socket.socket | None = None
        self.statuses: Counter[str] = Counter()

    def send(self, request: Request) -> int:
        """The status of the answer, 0 when the connection was closed without one."""
        data = request.data()
        for _ in range(2):
            fresh = self._sock is None
            if self._sock is None:
                self._sock = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            answer = self._exchange(self._sock, data, request.closing)
            if request.closing or answer is None or b"\r\nconnection: close" in answer.lower():
                self.close()
            if answer is not None or fresh:  # else the kept connection had been closed as idle
                break
        status = int(answer.split(b" ", 2)[1]) if answer else 0
        self.statuses[str(status)] += 1
        return status

    def _exchange(self, sock: socket.socket, data: bytes, closing: bool) -> bytes | None:
        try:
            sock.sendall(data)
            if closing:
                sock.shutdown(socket.SHUT_WR)
        except OSError:  # refused before all was sent: the answer may be there all the same
            pass
        try:
            return read_message(sock)
        except ConnectionError:
            return None

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._sock = None
