"""Requests again, changed, too early and too late: a leader played by hand at a contributor and its real listener."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from engine.run.terms import summary_digest
from engine.transport.frame import Header, pack
from engine.transport.http.client import peer_headers
from engine.transport.http.wire import BATCH_TYPE
from tests.run.actors import Contributor, Leader, wait_until
from tests.run.conftest import Stage, stage

__all__ = ["stage"]
Answer = tuple[int, dict[str, Any]]


def frame(number: int, size: int = 10) -> bytes:
    """A message that the contributor does not wait for yet."""
    return pack(Header("COT_X", 0, 1, number, 0, bytes(8), size)) + bytes(size)


class Wire:
    """Sends chunks of the leader's direction, and remembers every request for a replay."""

    def __init__(self, leader: Leader) -> None:
        self.leader = leader
        self.sent: list[Callable[[], Answer]] = []

    def chunk(self, seq: int, body: bytes, run: str = "") -> Answer:
        headers = {
            **peer_headers(run or self.leader.run_id, 0),
            "X-Polytune-Seq": str(seq),
            "X-Polytune-Length": str(len(body)),
            "X-Polytune-Digest": hashlib.sha256(body).hexdigest(),
            "Content-Type": BATCH_TYPE,
        }
        return self._send("msg/0", body, headers)

    def control(self, path: str, body: dict[str, Any]) -> Answer:
        data = json.dumps({"run_id": self.leader.run_id, **body}).encode()
        return self._send(path, data, peer_headers(self.leader.run_id, 0))

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        url = f"http://127.0.0.1:{self.leader.ports[1]}/{path}"

        def send() -> Answer:
            reply = requests.post(url, data=body, headers=headers, timeout=20)
            return reply.status_code, reply.json()

        self.sent.append(send)
        return send()

    def resume(self) -> int:
        url = f"http://127.0.0.1:{self.leader.ports[1]}/msg/0"
        reply = requests.get(url, headers=peer_headers(self.leader.run_id, 0), timeout=20)
        return int(reply.json()["next"])

    def agree(self) -> None:
        """Everything up to the protocol, which the contributor then begins."""
        leader = self.leader
        leader.answers["sync"] = (202, {})
        assert leader.propose()[0] == 200
        constants = {"consts": {"ROWS": {"type": "usize", "value": 3}}}
        assert self.control("consts/0", constants)[0] == 200
        summary = leader.summary_of(1)
        digest = f"sha256:{summary_digest(summary).hex()}"
        leader.answers["sync"] = (200, {"digest": digest})
        assert self.control("sync", {"stage": "agree", "digest": digest, "summary": summary})[0] == 200
        assert self.control("sync", {"stage": "ready"})[0] in (200, 202)


@pytest.fixture
def wire(stage: Stage) -> Wire:
    made = Wire(stage.leader)
    made.agree()
    wait_until(lambda: current_state(stage.contributor) == "RUNNING", "not running")
    return made


def current_state(contributor: Contributor) -> str:
    return "".join(run.state for run in contributor.party.service.runs)


def ended(stage: Stage, text: str) -> None:
    """The contributor's run ends with ``text``, the leader is told, and the next run is accepted."""
    wait_until(lambda: stage.contributor.idle, "still busy")
    assert any(text in line for line in stage.log), stage.log
    wait_until(lambda: bool(stage.leader.got("abort")), "the leader was not told")
    stage.leader.run_id = str(uuid.uuid4())
    assert stage.leader.propose()[0] == 200


@pytest.mark.fault(43)
def test_a_chunk_again_has_no_effect(stage: Stage, wire: Wire) -> None:
    assert wire.chunk(0, frame(1))[1]["next"] == 1
    (run,) = stage.contributor.party.service.runs
    first = run.inbox.queued_bytes(0)
    for _ in range(3):
        status, answer = wire.chunk(0, frame(1))
        assert (status, answer["next"]) == (200, 1)
    assert run.inbox.queued_bytes(0) == first
    assert wire.chunk(1, frame(2))[1]["next"] == 2 == wire.resume()
    assert current_state(stage.contributor) == "RUNNING"


@pytest.mark.fault(44)
def test_a_number_again_with_other_bytes_ends_the_run(stage: Stage, wire: Wire) -> None:
    wire.chunk(0, frame(1))
    status, answer = wire.chunk(0, frame(2))
    assert (status, answer["error"]) == (409, "replay_mismatch")
    ended(stage, "party 0 sent chunk 0 again with other bytes (replay_mismatch); aborting")
    assert stage.leader.got("abort")[0]["code"] == "replay_mismatch"


@pytest.mark.fault(44)
def test_other_terms_under_the_same_run_end_it(stage: Stage) -> None:
    assert stage.leader.propose()[0] == 200
    assert stage.leader.propose()[0] == 200  # the same again is no second run
    status, answer = stage.leader.propose(started_at="later")
    assert (status, answer["error"]) == (409, "replay_mismatch")
    ended(stage, "party 0 proposed this run twice with different terms (replay_mismatch); aborting")


@pytest.mark.fault(45)
def test_too_early_is_refused_with_the_place_to_go_back_to(stage: Stage, wire: Wire) -> None:
    assert wire.chunk(3, frame(4))[1]["next"] == 0  # within reach: kept
    status, answer = wire.chunk(8, frame(9))
    assert (status, answer["error"], answer["details"]["next"]) == (409, "out_of_order", 0)
    for seq in (0, 1, 2):
        assert wire.chunk(seq, frame(seq + 1))[0] == 200
    assert wire.resume() == 4
    assert wire.chunk(8, frame(9))[0] == 200  # now it is
    assert current_state(stage.contributor) == "RUNNING"


@pytest.mark.fault(41)
def test_bytes_that_are_no_message_end_the_run_of_their_sender(stage: Stage, wire: Wire) -> None:
    status, answer = wire.chunk(0, b"\x00" * 64)
    assert (status, answer["error"]) == (400, "bad_request")
    ended(stage, "party 0 sent an inconsistent message in phase frame: not a protocol frame")
    assert stage.leader.got("abort")[0]["code"] == "malformed"


@pytest.mark.fault(46)
def test_requests_of_a_run_that_is_over_or_unknown_change_nothing(stage: Stage, wire: Wire) -> None:
    wire.chunk(0, frame(1))
    wire.control("abort", {"code": "interrupted", "message": ""})
    wait_until(lambda: stage.contributor.idle, "still busy")
    recorded, wire.sent = wire.sent, []
    for send in recorded:
        status, answer = send()
        assert (status, answer["error"], answer["details"]) == (410, "run_over", {"result": "aborted"})
    assert stage.leader.propose()[0] == 410
    # In the next run they are as strange, and it goes on.
    stage.leader.run_id = str(uuid.uuid4())
    stage.leader.received.clear()
    wire.agree()
    wait_until(lambda: current_state(stage.contributor) == "RUNNING", "not running")
    assert [send()[0] for send in recorded] == [410] * len(recorded)
    assert wire.chunk(0, frame(1), run=str(uuid.uuid4()))[0] == 404
    assert wire.resume() == 0 and current_state(stage.contributor) == "RUNNING"
