"""A real contributor in this process and a leader that the test plays by hand."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import requests

from engine.events import Event
from engine.policy import load_policy
from engine.run.job import Job, prepare
from engine.run.party import Party
from engine.run.terms import proposal, summary_digest
from engine.transport.http.client import peer_headers
from polytune_cli.server.app import Answer, create_app
from polytune_cli.server.listener import Listener
from tests.integration.scene import Scene

QUICK = {"refused": 0.5, "join": 5, "consts": 5, "compile": 5, "control": 5}


class Recorder(logging.Handler):
    """Collects the messages of the log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def recorded() -> Iterator[list[str]]:
    """The messages that are logged meanwhile."""
    logger, recorder = logging.getLogger("polytune"), Recorder()
    level = logger.level
    logger.addHandler(recorder)
    logger.setLevel(logging.INFO)
    try:
        yield recorder.messages
    finally:
        logger.removeHandler(recorder)
        logger.setLevel(level)


def wait_until(ready: Callable[[], bool], what: str = "", seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


class Contributor:
    """A party with its listener; ``run_in_thread`` serves runs until ``stop``."""

    def __init__(self, folder: Path, number: int, port: int) -> None:
        self.job: Job = prepare(load_policy(folder / f"policy{number}.json"))
        self.events: list[Event] = []
        self.party = Party(self.job, events=self.events.append, state_dir=str(folder / "state"))
        self.listener = Listener("127.0.0.1", port, create_app(self.party.service))
        self.listener.bind()
        self.listener.start()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(Exception):
            self.party.contribute()

    @property
    def idle(self) -> bool:
        return not self.party.service.runs

    def stop(self) -> None:
        self.party.interrupt(15)
        self.thread.join(timeout=10)
        self.listener.stop()


class Leader:
    """A party (0, which leads, unless ``number`` is another) as the test plays it.

    ``received`` holds the control requests of others, ``answers`` what they get. ``ports``: where the parties listen,
    if not where the scene says.
    """

    def __init__(self, scene: Scene, number: int = 0, ports: Sequence[int] = ()) -> None:
        self.ports = list(ports or scene.ports)
        self.number = number
        self.parties = len(self.ports)
        self.job = prepare(load_policy(scene.folder / f"policy{number}.json"))
        self.policy = self.job.policy
        self.run_id = str(uuid.uuid4())
        self.received: list[tuple[str, int, dict[str, Any]]] = []
        self.answers: dict[str, Answer] = {"consts": (200, {}), "abort": (200, {}), "sync": (202, {})}
        self.listener = Listener("127.0.0.1", self.ports[number], create_app(self))
        self.listener.bind()
        self.listener.start()

    # what the routes ask

    def version(self) -> dict[str, Any]:
        return {"protocol": [1], "party": self.number}

    def receiver(self, run_id: str, sender: int) -> Any:
        from engine.transport import Inbox
        from engine.transport.http import Receiver

        return Receiver(self.parties, Inbox(self.parties))

    def answer_meter(self, run_id: str, sender: int) -> None:
        return None

    def probe(self, run_id: str, sender: int) -> None:
        return None

    def control(self, name: str, run_id: str, sender: int, body: dict[str, Any]) -> Answer:
        self.received.append((name, sender, body))
        return self.answers[name]

    # what the test does

    def post(self, peer: int, path: str, body: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        url = f"http://127.0.0.1:{self.ports[peer]}/{path}"
        reply = requests.post(
            url, data=json.dumps(body), headers={**peer_headers(self.run_id, self.number), **headers}, timeout=20
        )
        return reply.status_code, reply.json()

    def propose(self, peer: int = 1, **changes: Any) -> tuple[int, dict[str, Any]]:
        body = {**proposal(self.policy, self.run_id, "now", self.job.schema), "to": peer, **changes}
        return self.post(peer, "run", {k: v for k, v in body.items() if v is not None})

    def constants(self, peer: int = 1, rows: int = 3, **extra: Any) -> tuple[int, dict[str, Any]]:
        consts = {"ROWS": {"type": "usize", "value": rows}, **extra}
        return self.post(peer, f"consts/{self.number}", {"run_id": self.run_id, "consts": consts})

    def summary_of(self, peer: int) -> dict[str, Any]:
        """The summary that ``peer`` sends; waits for it."""
        wait_until(lambda: any(n == "sync" and s == peer for n, s, _ in self.received), "no /sync")
        return next(b["summary"] for n, s, b in self.received if n == "sync" and s == peer)

    def agree(self, peer: int, summary: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        digest = f"sha256:{summary_digest(summary).hex()}"
        body = {"run_id": self.run_id, "stage": "agree", "digest": digest, "summary": summary}
        return self.post(peer, "sync", body)

    def got(self, name: str) -> list[dict[str, Any]]:
        return [body for kind, _, body in list(self.received) if kind == name]

    def stop(self) -> None:
        self.listener.stop()
