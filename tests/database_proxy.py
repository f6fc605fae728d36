"""A proxy before a database server that breaks connections as a network or a dying server would."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections to the server of ``url``; after ``connections`` of them it takes no more.

    ``lose_commit``: the first COMMIT is the last thing that its connection carries; ``after``: the server gets it and
    its answer is lost, ``before``: the server does not get it.
    """

    def __init__(self, url: str, *, connections: int | None = None, lose_commit: str = "") -> None:
        self.target = urlsplit(url).port or 0
        self.left = connections
        self.lose_commit = lose_commit
        self.muted = False
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.url = url.replace(f":{self.target}/", f":{self.port}/")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self.left is None or self.left > 0:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((client, server))
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self._to_client, args=(server, client), daemon=True).start()
            if self.left is not None:
                self.left -= 1
        self.listener.close()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.lose_commit and b"COMMIT" in data:
                    before, self.lose_commit = self.lose_commit == "before", ""
                    self.muted = True
                    if before:
                        self.cut()
                        return
                server.sendall(data)
        self._end(server)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.muted:
                    self.cut()
                    return
                client.sendall(data)
        self._end(client)

    def _end(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Break all connections."""
        self.muted = False
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def close(self) -> None:
        """Break all connections and take no more."""
        self.listener.close()
        self.cut()
