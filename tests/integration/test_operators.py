"""The operators' listener: what it tells in each state, what it lets whom do, and what it never tells."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable

import pytest

from tests.integration.desks import Desk
from tests.integration.scene import KILL, PAUSE, RESUME, TERMINATE, Scene
from tests.integration.test_serve_runs import HEAVY, IDLE

Make = Callable[..., Scene]


def heavy(scene: Make) -> Scene:
    """A run of a second or more; the program names no constants, and its result fits into a column."""
    place = scene(program=HEAVY.replace("..700", "..250").replace("    x\n}", "    x & 255u64\n}"))
    for party in (0, 1):
        place.change(party, constants=None)
    return place


def test_an_idle_party_tells_that_it_is_well(scene: Make) -> None:
    place = scene()
    place.change(1, name="north")
    party = place.start(1, "--admin-port", "0")
    desk = Desk(party)
    assert desk.json("health") == (200, {"status": "ok"})
    assert desk.json("ready") == (200, {"ready": True, "reasons": []})
    status = desk.status
    assert {k: status[k] for k in ("party", "role", "name", "state", "run_id", "phase", "runs", "history")} == {
        "party": 1,
        "role": "contributor",
        "name": "north",
        "state": "IDLE",
        "run_id": None,
        "phase": "",
        "runs": [],
        "history": [],
    }
    assert [peer["party"] for peer in status["peers"]] == [0] and status["peers"][0]["reachable"] is None
    metrics = desk.metrics()
    assert metrics['polytune_state{state="IDLE"}'] == 1
    assert metrics['polytune_runs_total{result="done"}'] == 0
    status_code, headers, page = desk.ask("")
    assert status_code == 200 and headers["Content-Type"].startswith("text/html")
    assert b"polytune" in page and not re.search(rb"(?:src|href)=\"?(?:https?:)?//", page)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    # Routes of peers are not here, and those of operators are not there.
    assert desk.ask("version")[0] == 404 and desk.ask("ping")[0] == 404
    assert desk.ask("run", {}, post=True)[0] == 404
    desk.url = f"http://127.0.0.1:{place.ports[1]}/"
    for path in ("", "health", "ready", "status", "metrics", "runs/x"):
        assert desk.ask(path)[0] == 404, path
    # The file for commands is private, and gone with the process.
    files = list((place.folder / "state" / "polytune" / "listeners").iterdir())
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600]
    party.signal(TERMINATE)
    assert party.end() == 0
    assert not files[0].exists()


def test_readiness_follows_the_database(scene: Make) -> None:
    place = scene()
    os.rename(place.folder / "in1.sqlite", place.folder / "away")
    desk = Desk(place.start(1, "--admin-port", "0"))
    status, answer = desk.json("ready")
    assert status == 503 and not answer["ready"]
    assert "cannot connect to input db sqlite:" in answer["reasons"][0]
    assert desk.json("health")[0] == 200
    os.rename(place.folder / "away", place.folder / "in1.sqlite")
    desk.wait(lambda status: desk.json("ready")[0] == 200)


def test_status_during_a_run_and_figures_after_it(scene: Make) -> None:
    place = heavy(scene)
    contributor = place.start(1, "--admin-port", "0")
    leader = place.start(0, "--admin-port", "0")
    desk, other = Desk(leader), Desk(contributor)
    leader.wait_for("Trying to execute circuit")
    contributor.signal(PAUSE)
    status = desk.wait(lambda status: status["state"] == "RUNNING" and status["phase"] in ("setup", "preprocess"))
    assert status["role"] == "leader" and status["run_id"] == status["runs"][0]["run_id"]
    assert 0 <= status["done"] <= 1 and status["circuit"]["ands"] > 300_000
    assert status["peers"][0]["party"] == 1 and status["peers"][0]["sent"] > 0
    assert status["constants"] == {"PARTY_0": [], "PARTY_1": []}
    assert desk.metrics()['polytune_state{state="RUNNING"}'] == 1
    contributor.signal(RESUME)
    assert leader.end() == 0
    ended = other.wait(lambda status: status["state"] == "IDLE")["history"][0]
    assert ended["run_id"] == status["run_id"]
    assert (ended["result"], ended["exit_code"], ended["message"]) == ("done", 0, "")
    assert other.json(f"runs/{status['run_id']}") == (200, ended)
    assert other.json("runs/none")[0] == 404
    metrics = other.metrics()
    assert metrics['polytune_runs_total{result="done"}'] == 1
    assert metrics["polytune_messages_total"] > 10
    assert metrics['polytune_bytes_total{dir="sent",peer="0"}'] == ended["sent"] > 1_000_000
    assert metrics['polytune_bytes_total{dir="received",peer="0"}'] == ended["received"] > 1_000_000
    assert metrics['polytune_phase_seconds_count{phase="preprocess"}'] == 1
    assert metrics['polytune_phase_seconds_sum{phase="preprocess"}'] > 0
    assert metrics["polytune_retries_total"] >= 0 and metrics['polytune_state{state="IDLE"}'] == 1


def test_an_operator_cancels_a_run_and_all_are_ready_for_the_next(scene: Make) -> None:
    place = heavy(scene)
    contributor = place.start(1, "--admin-port", "0")
    leader = place.start(0, "--admin-port", "0")
    leader.wait_for("Trying to execute circuit")
    run_id = Desk(leader).status["run_id"]
    assert Desk(leader).json(f"runs/{run_id}/cancel", post=True) == (200, {"cancelled": run_id})
    assert leader.end() == 1
    assert "Error: an operator cancelled the run" in leader.errors
    contributor.wait_for(IDLE, 2)
    assert "party 0 aborted the run: cancelled" in contributor.log
    desk = Desk(contributor)
    assert desk.status["history"][0]["result"] == "failed"
    assert desk.json(f"runs/{run_id}/cancel", post=True)[0] == 410
    # The other way round: the contributor's operator ends the next run, and the third one is through.
    leader = place.start(0)
    contributor.wait_for("Trying to execute circuit", 2)
    desk.json(f"runs/{desk.status['run_id']}/cancel", post=True)
    assert leader.end() == 1
    assert "party 1 aborted the run: cancelled" in leader.errors
    contributor.wait_for(IDLE, 3)
    assert desk.status["history"][0]["result"] == "cancelled"
    assert place.results == [999]
    assert place.start(0).end() == 0
    assert place.results != [999]
    metrics = desk.metrics()
    assert [metrics[f'polytune_runs_total{{result="{x}"}}'] for x in ("done", "failed", "cancelled")] == [1, 1, 1]


TOKEN = "chosen-by-an-operator"


def test_pages_of_others_and_guessed_tokens_are_refused(scene: Make) -> None:
    place = scene()
    party = place.start(1, "--admin-port", "0", "--admin-host", "party1.example", env={"POLYTUNE_ADMIN_TOKEN": TOKEN})
    desk = Desk(party)
    cancel = "runs/4b2c8a51-0000-4000-8000-000000000000/cancel"
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"127.0.0.1.evil.example:{desk.url.split(':')[2][:-1]}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://local]host"},
        {"Origin": "http://localhost:3000"},
        {"Sec_Fetch_Site": "cross-site"},
    ):
        assert desk.ask("status", **headers)[0] == 403, headers
        assert desk.ask(cancel, post=True, **headers, Authorization=f"Bearer {TOKEN}")[0] == 403, headers
    for host in ("localhost", "LOCALHOST:1", "[::1]:80", "127.0.0.5", "party1.example:9"):
        assert desk.ask("status", Host=host)[0] == 200, host
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        status, answer, _ = desk.ask(cancel, post=True, **headers)
        assert status == 401 and answer["WWW-Authenticate"] == "Bearer", headers
    assert desk.ask(cancel, post=True, Authorization=f"Bearer {TOKEN}")[0] == 404
    assert desk.ask("status", {}, post=True)[0] == 405
    # What is no request at all is an error of the client.
    for text in (
        b"GET /status HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET /status HTTP/9\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", int(desk.url.split(":")[2][:-1])), 10) as connection:
            connection.sendall(text)
            assert connection.recv(64).split()[1] in (b"400", b"505"), text
    assert TOKEN not in party.log + party.errors
    # A process that was killed leaves its file; the next one replaces it.
    party.signal(KILL)
    party.end()
    again = place.start(1, "--admin-port", "0")
    (file,) = (place.folder / "state" / "polytune" / "listeners").iterdir()
    assert json.loads(file.read_text())["url"] == Desk(again).url


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--admin-port", "0", "--admin-addr", "0.0.0.0"], 5, "would be open to other machines without a token"),
        (["--admin-port", "0", "--admin-addr", "here"], 2, "Invalid value for '--admin-addr'"),
        (["--admin-port", "70000"], 2, "Invalid value for '--admin-port'"),
        (["--admin-port", "{taken}"], 6, "choose another address with --admin-addr and --admin-port"),
    ],
)
def test_a_listener_that_cannot_be(scene: Make, options: list[str], code: int, text: str) -> None:
    place = scene()
    taken = place.start(1)
    process = place.start(0, *[option.format(taken=place.ports[1]) for option in options])
    assert process.end(30) == code, process.log + process.errors
    assert text in process.errors and "Traceback" not in process.errors
    assert taken.popen.poll() is None


def test_beyond_loopback_errors_are_told_by_code_and_nothing_changes_without_the_token(scene: Make) -> None:
    place = scene([(1, 2, 3), ("no-number", 7)])
    options = ["--admin-port", "0", "--admin-addr", "0.0.0.0"]
    party = place.start(1, *options, env={"POLYTUNE_ADMIN_TOKEN": TOKEN})
    desk = Desk(party)
    desk.url = desk.url.replace("0.0.0.0", "127.0.0.1")
    assert "the operators' listener speaks plain http to other machines" in party.log
    assert place.start(0).end() == 1
    party.wait_for(IDLE, 2)
    record = desk.status["history"][0]
    assert (record["result"], record["exit_code"], record["code"], record["message"]) == ("failed", 4, "data", "")
    full = desk.json("status", Authorization=f"Bearer {TOKEN}")[1]["history"][0]
    assert "input row 1, column 1" in full["message"] and "no-number" not in json.dumps(full)
    assert desk.ask(f"runs/{record['run_id']}/cancel", post=True)[0] == 401


def test_a_run_waits_for_the_command_that_approves_or_refuses_it(scene: Make) -> None:
    place = scene()
    place.change(1, consent={"ask": True})
    contributor = place.start(1, "--admin-port", "0")
    nothing = place.run("approve")
    assert (nothing.popen.returncode, nothing.errors) == (1, "Error: no run waits for approval\n")
    leader = place.start(0)
    contributor.wait_for("waits for approval")
    (pending,) = Desk(contributor).status["pending"]
    assert pending["leader"] == 0 and 0 < pending["left_s"] <= 60
    assert f"run {pending['run_id']} of party 0 waits for approval, for " in place.run("status").log
    wrong = place.run("approve", "4b2c8a51-0000-4000-8000-000000000000")
    assert wrong.popen.returncode == 1 and "waits for approval" in wrong.errors
    approved = place.run("--json", "approve")
    assert json.loads(approved.log) == {"ok": True, "run_id": pending["run_id"]}
    assert leader.end() == 0 and place.results == [36, 0]
    leader = place.start(0)
    contributor.wait_for("waits for approval", 2)
    refused = place.run("approve", "--deny", "--config", "policy1.json")
    assert refused.popen.returncode == 0 and refused.log.endswith(" was refused\n")
    assert leader.end() == 5
    assert "party 1 refused: the operator of this party declined" in leader.log
    assert Desk(contributor).status["pending"] == []
