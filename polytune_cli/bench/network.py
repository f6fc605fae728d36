"""An imitated network between the processes of a measurement: relays that hold bytes back as a slow line would."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Sequence

from engine.transport.slow import PIECE, Wire


class Line:
    """One direction between two parties, shared by all connections: says when bytes that come now have arrived."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._free = 0.0
        self._lock = threading.Lock()
        #: Pieces that may be under way on one connection: what fills the line for a round trip, and some more.
        self.depth = 16 + int(wire.rate * wire.rtt / PIECE)

    def arrival(self, size: int) -> float:
        """The time (monotonic) at which ``size`` more bytes are there."""
        with self._lock:
            self._free = max(self._free, time.monotonic())
            if self._wire.rate:
                self._free += size / self._wire.rate
            return self._free + self._wire.rtt / 2


class Relay:
    """Listens on a port of its own for connections to ``target``, whose bytes take ``there`` and ``back``."""

    def __init__(self, target: int, there: Line, back: Line) -> None:
        self._target, self._there, self._back = target, there, back
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"relay-{self.port}", daemon=True).start()

    def close(self) -> None:
        """End the listener and all connections."""
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:  # the caller sees a closed connection, as it would without a relay
                client.close()
                continue
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.append(sock)
            _start(client, server, self._there)
            _start(server, client, self._back)


def _start(source: socket.socket, sink: socket.socket, line: Line) -> None:
    under_way: queue.Queue[tuple[float, bytes] | None] = queue.Queue(line.depth)

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                under_way.put((line.arrival(len(data)), data))
        under_way.put(None)

    def write() -> None:
        while (item := under_way.get()) is not None:
            due, data = item
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                sink.sendall(data)
            except OSError:
                break
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    for work in (read, write):
        threading.Thread(target=work, name="relay", daemon=True).start()


class SlowNetwork:
    """Relays between all parties: ``addresses(p)`` are the ports that party p has to use."""

    def __init__(self, ports: Sequence[int], wire: Wire) -> None:
        self._ports = ports
        pairs = [(a, b) for a in range(len(ports)) for b in range(len(ports)) if a != b]
        lines = {pair: Line(wire) for pair in pairs}
        self._relays = {(a, b): Relay(ports[b], lines[a, b], lines[b, a]) for a, b in pairs}

    def addresses(self, party: int) -> list[int]:
        """The own port, and those of the relays to the others."""
        return [port if other == party else self._relays[party, other].port for other, port in enumerate(self._ports)]

    def close(self) -> None:
        """End all relays."""
        for relay in self._relays.values():
            relay.close()
