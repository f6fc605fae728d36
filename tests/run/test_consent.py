"""No party runs what it did not agree to: stage 1 at /run, stage 2 at /sync, against a leader that lies."""

from __future__ import annotations

import copy
import json
import threading
from typing import Any

import pytest
import requests

from engine.run.terms import shown_summary, summary_differences
from engine.transport.http.client import peer_headers
from tests.run.actors import wait_until
from tests.run.conftest import Stage


def logged(stage: Stage, text: str) -> None:
    wait_until(lambda: any(text in line for line in list(stage.log)), f"{text!r} not in {stage.log}")


def idle(stage: Stage) -> None:
    wait_until(lambda: all(c.idle for c in stage.contributors), "still in a run")


def to_agree(stage: Stage, peer: int = 1, rows: int = 3) -> dict[str, Any]:
    """Play the leader honestly until ``peer`` has sent its summary."""
    assert stage.leader.propose(peer) == (200, {"accepted": True, "schema": stage.contributor.job.schema})
    assert stage.leader.constants(peer, rows)[0] == 200
    return stage.leader.summary_of(peer)


def test_honest_leader_is_agreed_with(stage: Stage) -> None:
    summary = to_agree(stage)
    status, body = stage.leader.agree(1, summary)
    assert status == 200 and body["digest"].startswith("sha256:")
    assert summary["constants"]["PARTY_0"] == {"ROWS": {"type": "usize", "value": 3}}
    assert summary["signature"].startswith("main(a: [u8; 3], b: [u8; 2]) -> [u8; 2]")
    assert len(summary["circuit"]["digest"]) == 64 and summary["circuit"]["and_gates"] > 0


@pytest.mark.parametrize(
    ("changes", "status", "code", "text"),
    [
        ({"program_hash": "sha256:" + "0" * 64}, 409, "program_mismatch", "program differs"),
        ({"leader": 1}, 409, "consent_mismatch", "leader differ (0 ≠ 1)"),
        ({"output_parties": [0, 1]}, 409, "consent_mismatch", "output_parties differ ([0] ≠ [0,1])"),
        ({"evaluator": 1}, 409, "consent_mismatch", "evaluator differ"),
        ({"check_joins": True}, 409, "consent_mismatch", "check_joins differ"),
        (
            {"security": {"rho": 20, "w": 64, "k": None}},
            409,
            "consent_mismatch",
            "security.rho differ (at least 40 ≠ 20)",
        ),
        ({"security": {"rho": True, "w": 64}}, 409, "consent_mismatch", "security.rho"),
        ({"schema": "[u16; A]"}, 409, "consent_mismatch", "schema differ ([u8; A] ≠ [u16; A])"),
        ({"security": None}, 409, "consent_mismatch", "security differ"),
        ({"participants": ["http://localhost:1/"]}, 409, "participants_mismatch", "participants differ in number"),
        ({"participants": "x"}, 409, "participants_mismatch", "participants differ"),
        ({"protocol": 2}, 426, "protocol_version", "protocol differ (1 ≠ 2)"),
        ({"engine": "other/1"}, 426, "protocol_version", "engine differ"),
        ({"to": 0}, 403, "identity_mismatch", "this is party 1"),
    ],
)
@pytest.mark.fault(23)
def test_stage_one_refuses_each_difference(
    stage: Stage, changes: dict[str, Any], status: int, code: str, text: str
) -> None:
    got, body = stage.leader.propose(**changes)
    assert (got, body["error"]) == (status, code)
    assert text in body["message"]
    assert stage.contributor.idle
    # The refusal left nothing behind: the right proposal is accepted.
    assert stage.leader.propose()[0] == 200


@pytest.mark.defect("D1")
def test_a_refusal_names_every_field_and_the_log_of_the_contributor_too(stage: Stage) -> None:
    urls = [stage.scene.urls[1] + "/", "http://x/\n\x1b[31m" + 200 * "y"]
    status, body = stage.leader.propose(participants=urls, evaluator=1, started_at="x")
    assert (status, body["error"]) == (409, "participants_mismatch")
    fields = [entry["field"].strip() for entry in body["details"]["differences"]]
    assert fields == ["participants at index 0", "participants at index 1", "evaluator"]
    assert (body["details"]["ours"], body["details"]["theirs"]) == (stage.leader.policy.participants[0], urls[0])
    line = next(line for line in stage.log if line.startswith("refused a run that party 0 proposed: "))
    assert f"participants differ at index 0 (ours {body['details']['ours']} theirs {urls[0]})" in line
    assert "evaluator differ (0 ≠ 1)" in line
    assert line.isprintable() and len(line) < 700


def test_only_the_leader_of_the_policy_may_propose(stage: Stage) -> None:
    status, body = stage.leader.post(1, "run", {"to": 1}, **{"X-Polytune-From": "1"})
    assert (status, body["error"]) == (403, "identity_mismatch")


def test_a_peer_of_another_program_is_told_the_version(stage: Stage) -> None:
    url = f"http://127.0.0.1:{stage.scene.ports[1]}/run"
    reply = requests.post(url, json={"participants": [], "program_hash": "x", "leader": 0}, timeout=10)
    assert reply.status_code == 426 and "run the same version of polytune" in reply.json()["message"]


def test_proposal_repeated_is_the_same_run_and_another_id_is_busy(stage: Stage) -> None:
    assert stage.leader.propose()[0] == 200
    assert stage.leader.propose()[0] == 200
    assert stage.leader.propose(started_at="later")[1]["error"] == "replay_mismatch"
    stage.leader.run_id = "11111111-1111-4111-8111-111111111111"
    status, body = stage.leader.propose()
    assert (status, body["error"]) == (503, "busy")


@pytest.mark.fault(24)
def test_stage_two_names_the_field_that_differs(stage: Stage) -> None:
    summary = copy.deepcopy(to_agree(stage))
    summary["constants"]["PARTY_0"]["ROWS"]["value"] = 4
    summary["circuit"]["gates"] += 1
    status, body = stage.leader.agree(1, summary)
    assert (status, body["error"]) == (409, "consent_mismatch")
    gates = summary["circuit"]["gates"]
    logged(stage, f"consent mismatch with party 0: circuit.gates {gates - 1} ≠ {gates}; constants.PARTY_0.ROWS 3 ≠ 4")
    idle(stage)
    aborts = stage.leader.got("abort")
    assert aborts and aborts[0]["code"] == "consent_mismatch"
    # The run is over for good, and a new one gets its own constants.
    assert stage.leader.agree(1, summary)[0] == 410
    assert stage.leader.propose()[1]["error"] == "run_over"


@pytest.mark.defect("D5")
def test_nothing_is_locked_while_a_request_waits_at_the_barrier(stage: Stage) -> None:
    """The leader asks for agreement first; its own constants come later, on another connection."""
    stage.leader.propose()
    early: list[tuple[int, dict[str, Any]]] = []
    waiting = threading.Thread(target=lambda: early.append(stage.leader.agree(1, {})), daemon=True)
    waiting.start()
    assert stage.leader.constants()[0] == 200
    stage.leader.summary_of(1)
    waiting.join(timeout=20)
    # It was answered as soon as the contributor had its own view, which is another one.
    assert early[0][0] == 409 and early[0][1]["details"]["summary"]["leader"] == 0


def test_a_second_digest_is_refused(stage: Stage) -> None:
    summary = to_agree(stage)
    assert stage.leader.agree(1, summary)[0] == 200
    status, _ = stage.leader.agree(1, {**summary, "evaluator": 1})
    assert status in (409, 410)
    logged(stage, "it sent two different digests")


@pytest.mark.parametrize("stage", [3], indirect=True)
@pytest.mark.fault(24)
def test_a_leader_that_tells_each_party_something_else_is_caught_by_the_parties(stage: Stage) -> None:
    leader = stage.leader
    for peer in (1, 2):
        assert leader.propose(peer)[0] == 200
    for peer, rows in ((1, 3), (2, 4)):
        assert leader.constants(peer, rows)[0] == 200
    logged(stage, "consent mismatch with party")
    idle(stage)
    assert any("constants.PARTY_0.ROWS" in line for line in stage.log)
    assert not any("Trying to execute" in line for line in stage.log)


# -- constants ---------------------------------------------------------------------------------------------------


def test_two_sets_of_constants_end_the_run(stage: Stage) -> None:
    stage.leader.propose()
    assert stage.leader.constants(rows=3)[0] == 200
    assert stage.leader.constants(rows=3)[0] == 200
    status, body = stage.leader.constants(rows=4)
    assert (status, body["error"]) == (409, "replay_mismatch")
    idle(stage)
    assert stage.leader.got("abort")[0]["code"] == "replay_mismatch"


@pytest.mark.parametrize(
    ("consts", "text"),
    [
        ({}, "party 0 sent no constant ROWS"),
        ({"ROWS": {"type": "u8", "value": 3}}, "party 0 sent constant ROWS as u8, the program says usize"),
        ({"ROWS": {"type": "usize", "value": True}}, "party 0 sent constant ROWS"),
        ({"ROWS": {"type": "usize", "value": -1}}, "out of the range of usize"),
        ({"ROWS": {"type": "usize", "value": 1 << 32}}, "out of the range of usize"),
        ({"ROWS": {"type": "usize", "value": 3}, "X": {"type": "u8", "value": 1}}, "does not name: X"),
    ],
)
def test_constants_must_be_what_the_program_declares(stage: Stage, consts: dict[str, Any], text: str) -> None:
    stage.leader.propose()
    assert stage.leader.post(1, "consts/0", {"consts": consts})[0] == 200
    logged(stage, text)
    idle(stage)


@pytest.mark.parametrize(
    "consts",
    [None, [], {"R!": {"type": "u8", "value": 1}}, {"R": 1}, {"R": {"type": "u8", "value": "1"}}, {"R": {"value": 1}}],
)
def test_malformed_constants_are_refused_and_the_run_goes_on(stage: Stage, consts: Any) -> None:
    stage.leader.propose()
    status, body = stage.leader.post(1, "consts/0", {"consts": consts})
    assert (status, body["error"]) == (400, "bad_request")
    assert stage.leader.constants()[0] == 200
    stage.leader.summary_of(1)


# -- the end of runs ---------------------------------------------------------------------------------------------


@pytest.mark.defect("D3")
def test_abort_of_the_leader_frees_the_contributor_and_the_next_run_starts_clean(stage: Stage) -> None:
    to_agree(stage, rows=3)
    assert stage.leader.post(1, "abort", {"code": "interrupted", "message": "bye\x1b[31m"})[0] == 200
    logged(stage, "party 0 aborted the run: interrupted (bye [31m)")
    idle(stage)
    stage.leader.run_id = "22222222-2222-4222-8222-222222222222"
    stage.leader.received.clear()
    assert to_agree(stage, rows=2)["constants"]["PARTY_0"]["ROWS"]["value"] == 2


def test_a_leader_that_vanishes_is_noticed(stage: Stage) -> None:
    stage.leader.propose()
    wait_until(lambda: bool(stage.leader.got("consts")), "no constants came")
    stage.leader.stop()
    logged(stage, "lost party 0: connection refused")
    idle(stage)


@pytest.mark.defect("D2")
def test_a_leader_that_sends_no_constants_is_named_after_the_deadline(stage: Stage) -> None:
    stage.leader.propose()
    logged(stage, "no constants from party 0 within 5 s")
    idle(stage)


@pytest.mark.fault(46)
def test_requests_for_unknown_runs(stage: Stage) -> None:
    assert stage.leader.constants()[1]["error"] == "unknown_run"
    assert stage.leader.post(1, "abort", {})[1]["error"] == "unknown_run"
    status, body = stage.leader.post(1, "sync", {"stage": "ready"})
    assert (status, body["error"]) == (404, "unknown_run")


def test_an_internal_error_of_a_run_leaves_the_contributor_serving(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(context: object) -> None:
        raise ZeroDivisionError("secret")

    with monkeypatch.context() as patch:
        patch.setattr("engine.run.steps.compile_circuit", broken)
        stage.leader.propose()
        stage.leader.constants()
        logged(stage, "internal error (ZeroDivisionError)")
        idle(stage)
    assert stage.leader.got("abort")[0] == {"run_id": stage.leader.run_id, "code": "internal", "message": ""}
    assert not any("secret" in line for line in stage.log)
    stage.leader.run_id = "33333333-3333-4333-8333-333333333333"
    stage.leader.received.clear()
    to_agree(stage)


# -- bodies that are made to hurt ----------------------------------------------------------------------------------


@pytest.mark.fault(41)
@pytest.mark.parametrize("depth", [300, 900, 950, 5000, 100_000])
def test_nesting_without_end_is_refused_and_the_run_goes_on(stage: Stage, depth: int) -> None:
    summary = to_agree(stage)
    for inner in ('{"a":' * depth + "1" + "}" * depth, "[" * depth + "]" * depth):
        body = '{"stage":"agree","digest":"sha256:00","summary":' + inner + "}"
        url = f"http://127.0.0.1:{stage.scene.ports[1]}/run"
        headers = peer_headers(stage.leader.run_id, 0)
        reply = requests.post(url, data=body, headers=headers, timeout=20)
        assert reply.json()["error"] == "bad_request"
        reply = requests.post(url.replace("/run", "/sync"), data=body, headers=headers, timeout=20)
        assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")
    assert stage.leader.agree(1, summary)[0] == 200


def test_what_a_party_says_in_a_mismatch_is_one_short_line_of_our_log(stage: Stage) -> None:
    summary = {**to_agree(stage), "x\n\x1b[31m" + "y" * 5000: "\x07" * 5000, "leader": ["\r"] * 5000}
    assert stage.leader.agree(1, summary)[0] == 409
    logged(stage, "consent mismatch with party 0: ")
    for line in stage.log:
        assert line.isprintable() and len(line) < 1000


def test_a_thousand_constants_of_long_names_are_agreed_on() -> None:
    """More than a request may hold when all parties' are written out."""
    long = {f"C{number:03}_" + "X" * 190: {"type": "usize", "value": number} for number in range(1000)}
    summary: dict[str, Any] = {"constants": {f"PARTY_{p}": long for p in range(5)}, "leader": 0}
    shown = shown_summary(summary)
    assert len(json.dumps(shown)) < 1000 and shown["leader"] == 0
    other = {**summary, "constants": {**summary["constants"], "PARTY_3": {}}}
    (line,) = summary_differences(shown, shown_summary(other))
    assert line.startswith("constants.PARTY_3 sha256:")
    assert shown_summary({"constants": {"PARTY_0": {}}}) == {"constants": {"PARTY_0": {}}}
