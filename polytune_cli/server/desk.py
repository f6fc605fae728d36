"""The operators' listener of a process: made from options, published for commands, taken down at the end."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.run.party import Party
from polytune_cli.server.access import TOKEN_VARIABLE, Access
from polytune_cli.server.endpoint import Endpoint
from polytune_cli.server.listener import Listener
from polytune_cli.server.operator import Operators, create_operator_app
from polytune_cli.server.ready import Readiness
from polytune_cli.server.scheduled import stated

log = logging.getLogger("polytune")
THREADS = 4


@dataclass(frozen=True)
class DeskOptions:
    """Where the operators' listener is: ``port`` 0 lets the system choose, ``names`` are further names of it."""

    port: int
    address: str
    names: tuple[str, ...] = ()


class Desk:
    """A listener beside that of the peers. Bad options are errors of the constructor, before anything listens."""

    def __init__(self, options: DeskOptions, party: Party, state_dir: Path, *, insecure: bool, on_demand: bool) -> None:
        """``insecure``: the party speaks plain HTTP beyond loopback; ``on_demand``: runs start on request only.

        Raises SecurityError without a needed token.
        """
        self._policy = party.policy.path
        self._state_dir = state_dir
        self._access = Access.make(options.address, os.environ.get(TOKEN_VARIABLE, ""), options.names)
        readiness = Readiness(party.policy, str(state_dir), lambda: party.service.closed)
        self._operators = Operators(party, self._access, readiness, insecure, stated(self._policy), on_demand)
        app = create_operator_app(self._operators)
        names = "--admin-addr and --admin-port"
        self._listener = Listener(options.address, options.port, app, threads=THREADS, options=names)
        for warning in self._access.warnings():
            log.warning("%s", warning)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen meanwhile; raises ResourceError when the port or the state directory cannot be had."""
        self._listener.bind()
        url = f"http://{self._listener.reach}/"
        endpoint = Endpoint(url, str(self._policy.resolve()), os.getpid(), self._access.token)
        self._listener.start()
        try:
            path = endpoint.write(self._state_dir)
            log.info("operators: http://%s/", self._listener)
            try:
                yield
                self._operators.wait_for_followers()
            finally:
                endpoint.remove(path)
        finally:
            self._listener.stop()
