"""A small HTTP proxy that does what bad networks do to requests, by a seeded plan."""

from __future__ import annotations

import random
import socket
import threading
import time
from urllib.parse import urlsplit

#: drop_before: the peer never sees the request; drop_after: the answer is lost; duplicate: the peer sees it twice;
#: cut: the body ends early; delay: later requests overtake this one; slow: the body trickles.
FAULTS = ("drop_before", "drop_after", "duplicate", "cut", "delay")


class FaultProxy:
    """Forwards requests; ``share`` of the POSTs (by ``seed``) meet a fault of ``faults``. Counts bytes."""

    def __init__(self, seed: int = 0, share: float = 0.0, faults: tuple[str, ...] = FAULTS, *, slow: int = 0) -> None:
        self._random = random.Random(seed)
        self._share = share
        self._faults = faults
        self._slow = slow
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._target = ("", 0)
        self.injected: list[str] = []
        self.to_target = 0
        self.from_target = 0

    def start(self, target: str) -> str:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        threading.Thread(target=self._accept, daemon=True).start()
        return "http://{}:{}/".format(*self._server.getsockname()[:2])

    def stop(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        upstream = socket.create_connection(self._target)
        with client, upstream:
            try:
                while self._exchange(client, upstream):
                    pass
            except OSError:
                return

    def _exchange(self, client: socket.socket, upstream: socket.socket) -> bool:
        """One request and its answer; False when the connection is over."""
        request = read_message(client)
        if request is None:
            return False
        fault = self._draw(request)
        if fault == "drop_before":
            return False
        if fault == "cut":
            head = request.index(b"\r\n\r\n") + 4
            upstream.sendall(request[: head + (len(request) - head) // 2])
            return False
        if fault == "delay":
            time.sleep(0.05)
        if fault == "duplicate":
            upstream.sendall(request)
            if read_message(upstream) is None:
                return False
        self._send(upstream, request)
        answer = read_message(upstream)
        if answer is None or fault == "drop_after":
            return False
        with self._lock:
            self.from_target += len(answer)
        client.sendall(answer)
        return b"connection: close" not in answer.lower()

    def _send(self, upstream: socket.socket, request: bytes) -> None:
        with self._lock:
            self.to_target += len(request)
        if not self._slow:
            upstream.sendall(request)
            return
        for at in range(0, len(request), self._slow):
            upstream.sendall(request[at : at + self._slow])
            time.sleep(0.05)

    def _draw(self, request: bytes) -> str:
        with self._lock:
            if not request.startswith(b"POST") or self._random.random() >= self._share:
                return ""
            fault = self._random.choice(self._faults)
            self.injected.append(fault)
            return fault


def read_message(sock: socket.socket) -> bytes | None:
    """One HTTP message with a Content-Length body, or None at the end of the connection."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        piece = sock.recv(1 << 16)
        if not piece:
            return None
        data += piece
    head, _, _ = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    total = len(head) + 4 + length
    while len(data) < total:
        piece = sock.recv(1 << 20)
        if not piece:
            return None
        data += piece
    return bytes(data)
