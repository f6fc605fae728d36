"""Free TCP ports for processes that are about to start.

A policy names the port of every party, so the ports must be known before anybody listens. On Linux the
reserving sockets stay bound (``SO_REUSEADDR``, never listening) until the processes have the ports: the
kernel then hands the numbers to nobody else, and a server that sets ``SO_REUSEADDR``, as ours does, can
still bind and listen.
"""

from __future__ import annotations

import socket
import sys
from types import TracebackType


class ReservedPorts:
    """``count`` distinct free ports on 127.0.0.1, held while the context is open."""

    def __init__(self, count: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(count):
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                self._sockets.append(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("127.0.0.1", 0))
        except OSError:
            self.release()
            raise
        self.numbers: list[int] = [sock.getsockname()[1] for sock in self._sockets]
        if not sys.platform.startswith("linux"):
            self.release()

    def release(self) -> None:
        """Let go of the ports; further calls do nothing."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()

    def __enter__(self) -> ReservedPorts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
