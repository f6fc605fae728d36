"""The operators' listener of a started process, as a program of the operators sees it."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.integration.scene import Process


class Desk:
    """Reads where the listener is from the log of ``process``; ``ask`` gives status, headers and body."""

    def __init__(self, process: Process) -> None:
        process.wait_for("operators: http://")
        found = re.search(r"operators: (http://\S+/)", process.log)
        assert found, process.log
        self.url = found[1]

    def ask(
        self, path: str, body: Any = None, *, post: bool = False, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        data = json.dumps(body).encode() if body is not None else b"" if post else None
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data=data, headers=names)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as reply:
                return reply.status, dict(reply.headers), reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def json(self, path: str, body: Any = None, *, post: bool = False, **headers: str) -> tuple[int, dict[str, Any]]:
        status, _, text = self.ask(path, body, post=post, **headers)
        return status, json.loads(text)

    @property
    def status(self) -> dict[str, Any]:
        return self.json("status")[1]

    def metrics(self) -> dict[str, float]:
        """Every sample by its name with labels, as it stands in the text."""
        text = self.ask("metrics")[2].decode()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def wait(self, ready: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> dict[str, Any]:
        """The first status for which ``ready``."""
        deadline = time.monotonic() + seconds
        while not ready(status := self.status):
            assert time.monotonic() < deadline, status
            time.sleep(0.02)
        return status
