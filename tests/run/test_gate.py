"""What a contributor allows of the runs that fit its policy, against a leader that the test plays."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RunError
from tests.integration.scene import Scene
from tests.run.actors import QUICK, Contributor, Leader, recorded, wait_until
from tests.run.conftest import Stage
from tests.run.test_consent import idle, logged, to_agree

Make = Callable[..., Stage]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A leader by hand and a contributor whose policy has ``consent`` and perhaps other keys."""
    scene = Scene(tmp_path, [(1, 2, 3), (4, 5)])
    leaders: list[Leader] = []
    contributors: list[Contributor] = []

    with recorded() as log:

        def start(**keys: Any) -> Stage:
            for party in (0, 1):
                scene.change(party, **{"timeouts": QUICK, **(keys if party == 1 else {})})
            if not leaders:
                leaders.append(Leader(scene))
            contributors.append(Contributor(tmp_path, 1, scene.ports[1]))
            return Stage(scene, leaders[0], contributors[-1:], log)

        yield start
        for contributor in contributors:
            contributor.stop()
        for leader in leaders:
            leader.stop()


def audit(stage: Stage) -> list[dict[str, Any]]:
    path = stage.scene.folder / "state" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def new_run(stage: Stage) -> None:
    stage.leader.run_id = str(uuid.uuid4())
    stage.leader.received.clear()


def end(stage: Stage) -> None:
    stage.leader.post(1, "abort", {"code": "interrupted"})
    idle(stage)
    new_run(stage)


def refused(stage: Stage, text: str) -> None:
    status, body = stage.leader.propose()
    assert (status, body["error"]) == (403, "not_allowed"), body
    assert text in body["message"]
    assert stage.contributor.idle
    assert (audit(stage)[-1]["result"], audit(stage)[-1]["run_id"]) == ("refused", stage.leader.run_id)


def test_a_leader_that_may_not_lead(make: Make) -> None:
    refused(make(consent={"leaders": [1]}), "party 0 may not start runs with this party (consent.leaders)")


def test_runs_are_counted_from_the_constants_on_and_over_restarts(make: Make) -> None:
    stage = make(
        consent={"max_runs": 2, "per": "day"}, input={"db": "sqlite://away.sqlite", "query": "SELECT x FROM t"}
    )
    for _ in range(3):  # its own input cannot be read: nothing becomes known of it
        assert stage.leader.propose()[0] == 200
        idle(stage)
        new_run(stage)
    stage.contributor.stop()
    stage = make(consent={"max_runs": 2, "per": "day"}, input={"db": "sqlite://in1.sqlite", "query": "SELECT x FROM t"})
    to_agree(stage)
    end(stage)
    stage.contributor.stop()
    stage = make(consent={"max_runs": 2, "per": "day"})
    to_agree(stage)
    end(stage)
    refused(stage, "this party takes part in at most 2 runs per day (consent.max_runs)")
    assert [entry["result"] for entry in audit(stage)] == 5 * ["aborted"] + ["refused"]
    assert [bool(entry["constants"]) for entry in audit(stage)] == 3 * [False] + [True, True, False]


@pytest.mark.parametrize("source", [{}, {"input": {"literal": "[4u8, 5u8]"}, "constants": {"ROWS": 2}}])
def test_few_rows_take_no_part_and_the_others_are_not_told_how_few(make: Make, source: dict[str, Any]) -> None:
    stage = make(consent={"min_rows": 3}, **source)
    assert stage.leader.propose()[0] == 200
    idle(stage)
    logged(stage, "the own input has 2 rows, fewer than consent.min_rows (3)")
    abort = stage.leader.got("abort")[0]
    assert (abort["code"], abort["message"]) == ("not_allowed", "")
    assert not stage.leader.got("consts")
    assert (audit(stage)[-1]["code"], audit(stage)[-1]["constants"]) == ("not_allowed", {})


# -- ids ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault(46)
def test_an_id_is_refused_after_a_restart_too(make: Make) -> None:
    stage = make()
    to_agree(stage)
    stage.leader.post(1, "abort", {"code": "interrupted"})
    idle(stage)
    stage.contributor.stop()
    stage = make()
    status, body = stage.leader.propose()
    assert (status, body["error"]) == (410, "run_over")
    assert "computation_id" in body["details"]["hint"]
    assert stage.leader.constants()[1]["error"] == "run_over"
    assert stage.leader.post(1, "abort", {})[0] == 410
    new_run(stage)
    to_agree(stage)


def test_only_the_run_of_the_policy_once(make: Make) -> None:
    wanted = str(uuid.uuid4())
    stage = make(computation_id=wanted)
    status, body = stage.leader.propose()
    assert (status, body["error"], body["details"]["field"]) == (403, "not_allowed", "computation_id")
    stage.leader.run_id = wanted
    to_agree(stage)
    stage.leader.post(1, "abort", {})
    idle(stage)
    assert stage.leader.propose()[0] == 410
    stage.contributor.stop()
    assert make(computation_id=wanted).leader.propose()[0] == 410


# -- approval ----------------------------------------------------------------------------------------------------


def asked(stage: Stage) -> list[tuple[int, dict[str, Any]]]:
    """Propose, and ask again from another thread; the list gets the answer. The run waits now."""
    assert stage.leader.propose() == (202, {"accepted": False, "waiting": "approval"})
    answers: list[tuple[int, dict[str, Any]]] = []
    threading.Thread(target=lambda: answers.append(stage.leader.propose()), daemon=True).start()
    assert stage.contributor.party.pending()
    return answers


def answered(answers: list[tuple[int, dict[str, Any]]]) -> tuple[int, dict[str, Any]]:
    wait_until(lambda: bool(answers), "no answer")
    return answers[0]


def test_an_approved_run_begins(make: Make) -> None:
    stage = make(consent={"ask": True})
    party = stage.contributor.party
    answers = asked(stage)
    (pending,) = party.pending()
    assert (pending.run_id, pending.leader) == (stage.leader.run_id, 0)
    assert round(pending.until - pending.since) == QUICK["join"]
    assert not stage.leader.got("consts")
    other, stage.leader.run_id = stage.leader.run_id, str(uuid.uuid4())
    assert stage.leader.propose()[0] == 503  # one run at a time, also while it waits
    stage.leader.run_id = other
    with pytest.raises(RunError, match="no run x waits for approval"):
        party.approve("x")
    party.approve(pending.run_id)
    assert answered(answers)[0] == 200
    assert party.pending() == []
    to_agree(stage)


def test_a_run_that_is_not_decided_yet_is_202_and_a_declined_one_403(make: Make) -> None:
    stage = make(consent={"ask": True}, timeouts={**QUICK, "control": 0.1, "join": 60})
    assert stage.leader.propose() == (202, {"accepted": False, "waiting": "approval"})
    assert stage.leader.propose() == (202, {"accepted": False, "waiting": "approval"})
    assert stage.leader.propose(started_at="later")[1]["error"] == "replay_mismatch"
    stage.contributor.party.deny(stage.leader.run_id)
    refused(stage, "the operator of this party declined")
    assert [entry["code"] for entry in audit(stage)] == ["replay_mismatch", "not_allowed"]
    # Another attempt is another question, also with the same id.
    assert stage.leader.propose(started_at="later")[0] == 202
    with pytest.raises(RunError):
        stage.contributor.party.deny("x")


def test_a_run_that_nobody_approves_is_refused_when_its_time_is_over(make: Make) -> None:
    stage = make(consent={"ask": True}, timeouts={**QUICK, "join": 0.2})
    assert stage.leader.propose()[0] == 202
    refused(stage, "nobody approved the run within 0.2 s (consent.ask, timeouts.join)")


def test_a_leader_that_gives_up_is_not_waited_for(make: Make) -> None:
    stage = make(consent={"ask": True})
    answers = asked(stage)
    assert stage.leader.post(1, "abort", {"code": "interrupted"})[0] == 200
    assert answered(answers)[0] in (403, 410)
    assert stage.leader.propose()[1]["message"] == "the run ended before it was approved"
    assert stage.contributor.party.pending() == [] and stage.contributor.idle


def test_a_party_that_ends_while_a_run_waits_says_so(make: Make) -> None:
    stage = make(consent={"ask": True})
    asked(stage)
    stage.contributor.party.interrupt(15)
    assert [body["code"] for body in stage.leader.got("abort")] == ["interrupted"]
    assert stage.contributor.idle


def test_what_is_used_up_is_refused_before_anybody_is_asked_and_again_when_it_is_approved(make: Make) -> None:
    stage = make(consent={"ask": True, "max_runs": 1}, timeouts={**QUICK, "control": 0.1, "join": 60})
    ledger = stage.contributor.party.service.ledger
    assert stage.leader.propose()[0] == 202
    ledger.enter("meanwhile, in another process")
    with pytest.raises(RunError, match="at most 1 run per day"):
        stage.contributor.party.approve(stage.leader.run_id)
    refused(stage, "at most 1 run per day")
    new_run(stage)
    refused(stage, "at most 1 run per day")
    assert stage.contributor.party.pending() == []
