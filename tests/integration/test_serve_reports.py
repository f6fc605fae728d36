"""What ``serve`` leaves behind on request: ``--result`` and ``--profile``, for good runs and bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.integration.scene import Scene

Make = Callable[..., Scene]
#: Everything that an account may hold: no rows, no values of constants, no result.
KEYS = {
    *("ok", "party", "leader", "run_id", "result", "exit_code", "code", "message", "hint", "started_at", "seconds"),
    *("sent", "received", "circuit", "phases", "protocol"),
}


def test_account_and_profile_of_a_run(scene: Make) -> None:
    place = scene()
    files = [place.folder / f"{name}{party}.json" for name in ("account", "trace") for party in (0, 1)]
    options = [["--result", str(files[p]), "--profile", str(files[2 + p])] for p in (0, 1)]
    contributor = place.start(1, "--runs", "1", *options[1])
    leader = place.start(0, *options[0])
    assert leader.end() == 0 and contributor.end() == 0, leader.errors + contributor.errors
    accounts = [json.loads(path.read_text()) for path in files[:2]]
    for party, account in enumerate(accounts):
        assert account["ok"] and account["party"] == party and account["leader"] == (party == 0)
        assert account["result"] == "done" and account["exit_code"] == 0
        assert {"load", "compile", "setup", "output"} <= set(account["phases"])
        assert {"setup", "garble"} <= set(account["protocol"])
        assert account["circuit"]["ands"] > 0
        sent = sum(part["bytes_sent"] for part in account["protocol"].values())
        assert 0 < sent < account["sent"]
    assert accounts[0]["run_id"] == accounts[1]["run_id"]
    assert set(accounts[0]) == KEYS
    for path in files[2:]:
        names = {event["name"] for event in json.loads(path.read_text())["traceEvents"] if event.get("cat") == "phase"}
        assert {"setup", "garble"} <= names
    assert "setup" in leader.errors and "kernel" in leader.errors


def test_account_of_a_run_that_never_began(scene: Make) -> None:
    place = scene()
    path = place.folder / "account.json"
    leader = place.run("serve", "--config", "policy0.json", "--result", str(path))
    account = json.loads(path.read_text())
    assert leader.end() == account["exit_code"] == 1 and not account["ok"]
    assert account["message"] == "Some participants are missing, aborting..."


def test_a_file_that_cannot_be_written_is_told_at_the_start(scene: Make) -> None:
    place = scene()
    party = place.run("serve", "--config", "policy0.json", "--result", "missing/account.json")
    assert party.end() == 6 and "its folder cannot be written" in party.errors and "Acting as leader" not in party.log
    party = place.run("serve", "--config", "policy1.json", "--profile", "trace.json")
    assert party.end() == 2 and "--runs 1" in party.errors
