"""Peers that keep a party waiting in every way: each wait has its deadline, and the run ends with the right words."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests

from engine.errors import PeerLost
from engine.policy import load_policy
from engine.run.peers import Peers
from engine.transport.http.link import Deadlines
from tests.faults.test_replays import Wire
from tests.integration.scene import PAUSE, RESUME, Scene
from tests.integration.test_serve_runs import HEAVY
from tests.run.actors import wait_until
from tests.run.conftest import Stage, stage
from tests.transport.nodes import nodes

__all__ = ["stage"]
IDLE = "Listening for connection attempts from other parties"
ANSWER = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100 + b'\r\nContent-Length: 14\r\n\r\n{"party": true}'


class Keeper:
    """A server that accepts every connection and then does ``work(connection, stopped)``."""

    def __init__(self, work: Callable[[socket.socket, threading.Event], None]) -> None:
        self._work = work
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def start(self, target: str) -> str:
        """As a proxy that stands before ``target`` (see tests/transport/nodes.py)."""
        return f"http://127.0.0.1:{self.port}/"

    def stop(self) -> None:
        self.stopped.set()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._work(connection, self.stopped)
            except OSError:
                return


def drip(connection: socket.socket, stopped: threading.Event) -> None:
    """A right answer in the end, but a byte at a time, each well within any timeout of a socket."""
    for byte in ANSWER:
        if stopped.wait(0.1):
            return
        connection.sendall(bytes([byte]))


def never_read(connection: socket.socket, stopped: threading.Event) -> None:
    stopped.wait()


@contextmanager
def keeper(work: Callable[[socket.socket, threading.Event], None]) -> Iterator[Keeper]:
    made = Keeper(work)
    try:
        yield made
    finally:
        made.stop()


def test_an_answer_that_drips_is_late(tmp_path: Path) -> None:
    place = Scene(tmp_path, [(1,), (2,)])
    with keeper(drip) as slow:
        urls = [place.urls[0], f"http://localhost:{slow.port}"]
        place.change(0, participants=urls, timeouts={"control": 1})
        peers = Peers(load_policy(tmp_path / "policy0.json"), "00000000-0000-0000-0000-000000000000")
        with pytest.raises(requests.Timeout):
            peers.get(1, "version")
        with pytest.raises(requests.Timeout):
            peers.post(1, "consts/0", {"consts": {}})


@pytest.mark.fault(49)
@pytest.mark.parametrize("work", [never_read, drip])
def test_a_peer_that_takes_no_message_is_lost_after_its_deadline(
    work: Callable[[socket.socket, threading.Event], None],
) -> None:
    deadlines = Deadlines(connect=1.0, chunk=0.5, peer_lost=1.0, refused=1.0)
    with keeper(never_read) as other, keeper(work) as slow, nodes(proxies=[other, slow], deadlines=deadlines) as made:
        alice = made[0]
        alice.channel.send(1, "ROWS", np.zeros(1000, np.uint8))
        with pytest.raises(PeerLost, match=r"lost party 1 for 1 s: timed out"):
            alice.channel.flush()


@pytest.mark.parametrize("stage", [2], indirect=True)
def test_a_peer_that_lives_but_sends_nothing_is_named(stage: Stage) -> None:
    stage.contributor.stop()
    stage.scene.change(1, timeouts={**stage.scene.policies[1]["timeouts"], "idle": 1})
    stage.contributors[0] = type(stage.contributor)(stage.scene.folder, 1, stage.scene.ports[1])
    Wire(stage.leader).agree()
    wait_until(lambda: any("no HELLO message from party 0 within 1 s" in line for line in stage.log), str(stage.log))
    wait_until(lambda: bool(stage.leader.got("abort")), "the leader was not told")
    assert stage.leader.got("abort")[0]["code"] == "timeout"


@pytest.mark.fault(48)
def test_a_peer_whose_machine_hangs_is_lost_after_its_deadline(scene: Callable[..., Scene]) -> None:
    """Its system accepts connections, the process does nothing: so looks a half-open connection too."""
    place = scene(program=HEAVY)
    for party in (0, 1):
        place.change(party, constants=None, timeouts={"control": 1, "chunk": 1, "peer_lost": 2})
    contributor = place.start(1)
    leader = place.start(0)
    contributor.wait_for("Trying to execute circuit")
    leader.signal(PAUSE)
    contributor.wait_for("failed: lost party 0 for 2 s: timed out")
    contributor.wait_for(IDLE, 2)
    leader.signal(RESUME)
    assert leader.end(30) == 1
    assert "party 1 aborted the run" in leader.errors or "it ended the run" in leader.errors, leader.errors
    assert place.results == [999]
