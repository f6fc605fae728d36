"""Defects of the reference that concern the exchange before a computation: what a contributor does instead."""

from __future__ import annotations

import hashlib

import pytest
import requests

from engine.transport.frame import Header, pack
from engine.transport.http.client import peer_headers
from tests.run.actors import wait_until
from tests.run.conftest import Stage
from tests.run.test_consent import idle, logged, to_agree

FRAME = pack(Header("OK", 0, 0, 0, 0, bytes(8), 0))


def message(stage: Stage, sender: int, path_party: int | None = None, run_id: str = "") -> requests.Response:
    """An early message of the protocol from ``sender`` to party 1."""
    headers = {
        **peer_headers(run_id or stage.leader.run_id, sender),
        "X-Polytune-Seq": "0",
        "X-Polytune-Chunk": "0/1",
        "X-Polytune-Length": str(len(FRAME)),
        "X-Polytune-Digest": hashlib.sha256(FRAME).hexdigest(),
    }
    place = sender if path_party is None else path_party
    url = f"http://127.0.0.1:{stage.scene.ports[1]}/msg/{place}"
    return requests.post(url, data=FRAME, headers=headers, timeout=20)


@pytest.mark.defect("D2")
@pytest.mark.parametrize("stage", [3], indirect=True)
def test_nobody_goes_on_before_the_constants_of_every_party_are_there(stage: Stage) -> None:
    leader = stage.leader
    assert leader.propose(1)[0] == 200
    assert leader.constants(1)[0] == 200
    logged(stage, "Sending constants to party")
    run = stage.contributor.party.service.find(leader.run_id)
    wait_until(lambda: set(run.constants) == {0, 1}, "constants of two parties")
    # Two of three: it waits for the third, which has not been told yet.
    assert not run.reached("CONSTS") and not leader.got("sync")
    assert leader.propose(2)[0] == 200
    assert leader.constants(2)[0] == 200
    assert set(leader.summary_of(1)["constants"]) == {"PARTY_0", "PARTY_1", "PARTY_2"}
    assert leader.summary_of(2) == leader.summary_of(1)


@pytest.mark.defect("D3")
def test_a_run_without_constants_does_not_take_those_of_the_one_before(stage: Stage) -> None:
    to_agree(stage, rows=2)
    assert stage.leader.post(1, "abort", {})[0] == 200
    idle(stage)
    stage.leader.run_id = "22222222-2222-4222-8222-222222222222"
    assert stage.leader.propose()[0] == 200
    run = stage.contributor.party.service.find(stage.leader.run_id)
    wait_until(lambda: 1 in run.constants, "own constants")
    assert 0 not in run.constants and run.offers.keys() == {1}


@pytest.mark.defect("D8")
@pytest.mark.parametrize("stage", [3], indirect=True)
def test_early_messages_are_kept_and_unknown_parties_refused(stage: Stage) -> None:
    early = message(stage, 0)
    assert (early.status_code, early.json()["error"]) == (404, "unknown_run")
    assert stage.leader.propose(1)[0] == 200
    # Nothing is compiled yet, nobody reads: what comes is kept.
    kept = message(stage, 0)
    assert (kept.status_code, kept.json()["next"]) == (200, 1)
    run = stage.contributor.party.service.find(stage.leader.run_id)
    assert run.inbox.bytes_received == len(FRAME) and not run.reached("CONSTS")
    for sender, place, status, code in (
        (3, None, 400, "bad_request"),
        (0, 2, 403, "identity_mismatch"),
        (1, None, 403, "identity_mismatch"),
        (0, 10**9, 403, "identity_mismatch"),
    ):
        reply = message(stage, sender, place)
        assert (reply.status_code, reply.json()["error"]) == (status, code), (sender, place)
    # The run goes on as if nothing had happened.
    assert stage.leader.propose(2)[0] == 200
    for peer in (1, 2):
        assert stage.leader.constants(peer)[0] == 200
    stage.leader.summary_of(1)
