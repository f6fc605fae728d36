"""A small HTTP proxy that does what bad networks do to requests: to a seeded share of them, or by a plan."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

#: drop_before: the peer never sees the request; drop_after: the answer is lost; duplicate: the peer sees it twice;
#: cut: the body ends early; delay: it takes a while; reorder: the next request overtakes it; flip: a byte of the body
#: is changed; slow: the body trickles.
FAULTS = ("drop_before", "drop_after", "duplicate", "cut", "delay", "reorder", "flip", "slow")
#: Seconds after which a request goes on that no other one overtakes.
OVERTAKE = 0.3


@dataclass(frozen=True)
class Fault:
    """What happens to POST ``number`` (from 0) of ``route``, the first part of the path; ``part`` (0..1) says where in
    the body.
    """

    kind: str
    route: str = "msg"
    number: int = 0
    part: float = 0.5


class FaultProxy:
    """Forwards requests; those of ``plan`` and a ``share`` of the POSTs (by ``seed``) meet a fault. Counts bytes."""

    def __init__(
        self,
        seed: int = 0,
        share: float = 0.0,
        faults: tuple[str, ...] = FAULTS,
        *,
        slow: int = 0,
        plan: Sequence[Fault] = (),
    ) -> None:
        self._random = random.Random(seed)
        self._share = share
        self._faults = faults
        self._slow = slow
        self._changed = threading.Condition()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._target = ("", 0)
        self._begun = 0
        self.to_target = 0
        self.from_target = 0
        self.load(plan)

    def load(self, plan: Sequence[Fault]) -> None:
        """Count from 0 and follow ``plan`` from now on."""
        with self._changed:
            self._plan = {(fault.route, fault.number): fault for fault in plan}
            self._seen: Counter[str] = Counter()
            self.injected: list[str] = []

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
        with client:
            try:
                with socket.create_connection(self._target) as upstream:
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
        kind = fault.kind if fault is not None else ""
        body = request.index(b"\r\n\r\n") + 4
        place = body + int((fault.part if fault is not None else 0.0) * (len(request) - body))
        if kind == "drop_before":
            return False
        if kind == "cut":
            upstream.sendall(request[:place])
            return False
        if kind == "flip" and place < len(request):
            request = request[:place] + bytes([request[place] ^ 0x10]) + request[place + 1 :]
        if kind == "delay":
            time.sleep(0.05)
        if kind == "reorder":
            self._wait_for_another()
        if kind == "duplicate":
            upstream.sendall(request)
            if read_message(upstream) is None:
                return False
        self._send(upstream, request, len(request) // 8 + 1 if kind == "slow" else self._slow)
        answer = read_message(upstream)
        if answer is None or kind == "drop_after":
            return False
        with self._changed:
            self.from_target += len(answer)
        client.sendall(answer)
        return b"connection: close" not in answer.lower()

    def _wait_for_another(self) -> None:
        with self._changed:
            before = self._begun
            self._changed.wait_for(lambda: self._begun > before, OVERTAKE)

    def _send(self, upstream: socket.socket, request: bytes, piece: int) -> None:
        with self._changed:
            self.to_target += len(request)
            self._begun += 1
            self._changed.notify_all()
        for at in range(0, len(request), piece or len(request)):
            upstream.sendall(request[at : at + (piece or len(request))])
            if piece:
                time.sleep(0.05 if piece == self._slow else 0.01)

    def _draw(self, request: bytes) -> Fault | None:
        if not request.startswith(b"POST"):
            return None
        route = request.split(b" ", 2)[1].decode("latin-1").strip("/").partition("/")[0]
        with self._changed:
            fault = self._plan.get((route, self._seen[route]))
            self._seen[route] += 1
            if fault is None and self._random.random() < self._share:
                fault = Fault(self._random.choice(self._faults), part=self._random.random())
            if fault is not None:
                self.injected.append(fault.kind)
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
