"""A leader that stays: runs on request, by command and by request; what the requests must carry."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.integration.desks import Desk
from tests.integration.scene import INTERRUPT, PAUSE, RESUME, TERMINATE, Process, Scene
from tests.integration.test_operators import TOKEN, heavy
from tests.integration.test_serve_runs import IDLE

Make = Callable[..., Scene]
READY = "Waiting for a request to start a run"


def start_leader(place: Scene, *options: str, env: dict[str, str] | None = None) -> Process:
    leader = place.start(0, "--keep-serving", *options, env=env)
    leader.wait_for(READY)
    return leader


def test_commands_start_follow_show_and_end_runs(scene: Make) -> None:
    place = scene()
    contributor = place.start(1)
    leader = start_leader(place)
    done = place.run("run", "--config", "policy0.json")
    assert done.popen.returncode == 0, done.log + done.errors
    assert "party 0: finished after " in done.log
    assert place.results == [36, 0]
    # The next run sees what is in the database now.
    place.execute("in1.sqlite", "INSERT INTO t VALUES (100)")
    done = place.run("--json", "run")  # the only listener of this machine's user
    assert done.popen.returncode == 0 and place.results == [136, 0]
    record = json.loads(done.log)
    assert record["ok"] and record["result"] == "done" and record["sent"] > 10_000
    # A run that fails gives its exit code and its message, and the leader stays.
    place.execute("in0.sqlite", "ALTER TABLE t RENAME TO away")
    failed = place.run("run", "--url", Desk(leader).url)
    assert failed.popen.returncode == 4 and "Error: constants.ROWS: " in failed.errors, failed.errors
    shown = place.run("status")
    assert f"party 0, leader, {Desk(leader).url}: idle" in shown.log
    assert shown.log.count("  done") == 2 and "failed: constants.ROWS: " in shown.log
    nothing = place.run("cancel")
    assert (nothing.popen.returncode, nothing.errors) == (1, "Error: no run is under way\n")
    leader.signal(TERMINATE)
    assert leader.end() == 0
    gone = place.run("run", "--config", "policy0.json")
    assert gone.popen.returncode == 1 and "--keep-serving" in gone.errors
    assert place.run("status").popen.returncode == 1
    contributor.wait_for(IDLE, 3)


def test_the_end_of_the_last_run_is_told_before_the_leader_goes(scene: Make) -> None:
    place = scene()
    contributor = place.start(1, "--runs", "1")
    leader = start_leader(place, "--runs", "1")
    assert place.run("-q", "run").popen.returncode == 0
    assert leader.end() == 0
    assert place.results == [36, 0]
    # With a policy that names the run, there is one.
    for party in (0, 1):
        place.change(party, computation_id="11111111-2222-4333-8444-555555555555")
    assert contributor.end() == 0
    place.start(1)
    leader = start_leader(place)
    assert place.run("-q", "run").popen.returncode == 0
    again = place.run("-q", "run")
    assert again.popen.returncode == 1 and "was before" in again.errors and "hint: " in again.errors


def test_schedule_needs_the_token_and_one_run_at_a_time(scene: Make) -> None:
    place = heavy(scene)
    contributor = place.start(1, "--admin-port", "0")
    leader = start_leader(place, "--admin-port", "0", env={"POLYTUNE_ADMIN_TOKEN": TOKEN})
    desk = Desk(leader)
    right = {"Authorization": f"Bearer {TOKEN}"}
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": TOKEN}):
        assert desk.ask("schedule", {"run": True}, **headers)[0] == 401
    for body in ({"run": False}, {"run": 1, "x": 2}, [], "run", {}):
        assert desk.ask("schedule", body, **right)[0] == 400, body
    policy = json.loads((place.folder / "policy0.json").read_text())
    for change in (
        {"program": "other.garble.rs"},
        {"party": 1},
        {"tls": {}},
        {"participants": policy["participants"][:1]},
    ):
        status, refusal = desk.json("schedule", {**policy, **change}, **right)
        assert status == 409 and next(iter(change)) in refusal["message"], change
    assert desk.ask("schedule", {**policy, "computation_id": "x"}, **right)[0] == 400
    assert desk.status["history"] == [] and desk.status["state"] == "IDLE"
    named = {**policy, "computation_id": "0F8FAD5B-D9CB-469F-A165-70867728950E"}
    status, answer = desk.json("schedule", named, **right)
    assert (status, answer) == (202, {"run_id": named["computation_id"].lower()})
    contributor.wait_for("Trying to execute circuit")
    status, refusal = desk.json("schedule", {"run": True}, **right)
    assert status == 503 and refusal["error"] == "busy"
    busy = place.run("run", "--url", desk.url, env={"POLYTUNE_ADMIN_TOKEN": TOKEN})
    assert busy.popen.returncode == 1 and "cancel it" in busy.errors
    stranger = place.run("cancel", "--url", desk.url.replace("127.0.0.1", "localhost"))
    assert stranger.popen.returncode == 1 and "set POLYTUNE_ADMIN_TOKEN" in stranger.errors
    cancelled = place.run("cancel", "--config", "policy0.json")
    assert (cancelled.popen.returncode, cancelled.log) == (0, f"run {answer['run_id']} was cancelled\n")
    assert desk.wait(lambda status: not status["runs"])["history"][0]["result"] == "cancelled"
    assert desk.ask("schedule", named, **right)[0] == 410
    # Only the leader starts runs.
    other = place.run("run", "--config", "policy1.json")
    assert other.popen.returncode == 1 and "only the leader starts runs" in other.errors
    assert TOKEN not in leader.log + leader.errors


@pytest.mark.fault(60)
@pytest.mark.parametrize(("number", "code"), [(INTERRUPT, 130), (TERMINATE, 143)])
def test_a_signal_ends_a_run_of_a_leader_that_stays(scene: Make, number: int, code: int) -> None:
    place = heavy(scene)
    contributor = place.start(1)
    leader = start_leader(place)
    follower = Process(place.folder, "follower", ["run"])
    place.processes.append(follower)
    leader.wait_for("Trying to execute circuit")
    contributor.signal(PAUSE)  # the run cannot end by itself
    follower.wait_for("sent")
    leader.signal(number)
    assert leader.end() == code
    assert follower.end() == code and "interrupted" in follower.errors
    contributor.signal(RESUME)
    contributor.wait_for(IDLE, 2)
    assert place.results == [999]
