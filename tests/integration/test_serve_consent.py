"""Consent between real processes: parties that lie, limits that outlive a restart, approval, the audit log."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.scene import TERMINATE, Process, Scene
from tests.run.actors import Leader, wait_until

Make = Callable[..., Scene]
IDLE = "Listening for connection attempts from other parties"
#: The middle party's constant sizes nothing, so nothing but the comparison of all tables can tell.
THREE = """
const B: usize = PARTY_1::ROWS;
pub fn main(a: [u8; 3], b: [u8; 2], c: u8) -> [u8; 2] { [a[0] + b[0] + c, b[1] + (B as u8)] }
"""


@pytest.fixture
def hands() -> Iterator[list[Leader]]:
    """Parties that the test plays; they stop after it."""
    found: list[Leader] = []
    yield found
    for hand in found:
        hand.stop()


def audit(place: Scene, folder: str = "state/polytune") -> list[dict[str, Any]]:
    path = place.folder / folder / "audit.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    return [json.loads(line) for line in path.read_text().splitlines()]


def three(scene: Make) -> Scene:
    place = scene([(1, 2, 3), (4, 5), (6,)], THREE)
    for party in (0, 2):
        place.change(party, constants=None)
    return place


# -- parties that lie ----------------------------------------------------------------------------------------------


@pytest.mark.fault(24)
def test_a_party_that_sends_each_other_party_something_else_is_found(scene: Make, hands: list[Leader]) -> None:
    place = three(scene)
    cheat = Leader(place, 1)
    hands.append(cheat)
    cheat.answers["run"] = (200, {"accepted": True, "schema": cheat.job.schema})
    honest = place.start(2, "--runs", "1")
    leader = place.start(0)
    wait_until(lambda: bool(cheat.got("run")) and bool(cheat.got("consts")), leader.log)
    cheat.run_id = cheat.got("run")[0]["run_id"]
    assert [cheat.constants(0, rows=50)[0], cheat.constants(2, rows=51)[0]] == [200, 200]
    assert leader.end() == 5
    assert honest.end() == 5
    assert re.search(r"Error: consent mismatch with party 2: .*constants\.PARTY_1\.ROWS 50 ≠ 51", leader.errors)
    assert re.search(r"consent mismatch with party 0: .*constants\.PARTY_1\.ROWS 51 ≠ 50", honest.errors)
    for log in (leader.log, honest.log):
        assert "Trying to execute" not in log
    assert place.results == [999]
    assert {entry["code"] for entry in audit(place)} == {"consent_mismatch"}


@pytest.mark.fault(24)
@pytest.mark.parametrize("lie", ["constants", "summary"])
def test_a_leader_that_lies_is_found_by_the_others(scene: Make, hands: list[Leader], lie: str) -> None:
    """It tells each contributor other constants, and then to each the digest that this one expects."""
    place = three(scene)
    place.change(0, constants={"X": 1})
    program = THREE.replace("(B as u8)", "(B as u8) + (A as u8)") + "const A: usize = PARTY_0::X;"
    (place.folder / "program.garble.rs").write_text(program)
    contributors = [place.start(1, "--runs", "1"), place.start(2, "--runs", "1")]
    leader = Leader(place)
    hands.append(leader)
    for peer in (1, 2):
        assert leader.propose(peer)[0] == 200
    for peer in (1, 2):
        consts = {"X": {"type": "usize", "value": peer if lie == "constants" else 1}}
        assert leader.post(peer, "consts/0", {"consts": consts})[0] == 200
    summary = leader.summary_of(1)
    if lie == "summary":  # honest to one, another circuit to the other
        other = {**summary, "circuit": {**summary["circuit"], "digest": "0" * 64}}
        assert leader.agree(1, summary)[0] == 200
        assert leader.agree(2, other)[0] == 409
    assert [contributor.end() for contributor in contributors] == [5, 5]
    errors = contributors[0].errors + contributors[1].errors
    field = r"constants\.PARTY_0\.X [12] ≠ [12]" if lie == "constants" else r"circuit\.digest \w{64} ≠ 0{64}"
    assert re.search(f"consent mismatch with party [012]: .*{field}", errors), errors
    for contributor in contributors:
        assert "Trying to execute" not in contributor.log
    assert not leader.got("msg")


@pytest.mark.fault(23)
def test_another_version_is_exit_1_and_says_what_to_do(scene: Make, hands: list[Leader]) -> None:
    place = scene()
    other = Leader(place, 1)
    hands.append(other)
    answers = {"protocol": [2], "party": 1}, {"protocol": [1], "engine": "apg/9", "party": 1}
    texts = "peer speaks protocol 2, this is 1; upgrade party 1 or", "peer computes with engine apg/9, this is apg/1"
    for answer, text in zip(answers, texts):
        other.version = lambda answer=answer: answer  # type: ignore[method-assign]
        leader = place.start(0)
        assert leader.end() == 1
        assert text in leader.log
        assert leader.errors == "Error: Some participants are missing, aborting...\n"
    assert not other.received


@pytest.mark.defect("D9")
def test_constants_that_the_program_does_not_use_are_dropped_with_a_warning(scene: Make) -> None:
    place = scene()
    for party in (0, 1):
        place.change(party, constants={"ROWS": {"rows": True}, "UNUSED": "SELECT 7"})
    contributor = place.start(1, "--runs", "1")
    leader = place.start(0)
    assert (leader.end(), contributor.end()) == (0, 0)
    assert place.results == [36, 0]
    for party in (leader, contributor):
        assert "WARN polytune: constant 'UNUSED' is not used by the program and was dropped" in party.log
    assert all("UNUSED" not in json.dumps(entry) for entry in audit(place))


# -- limits, restarts, the audit log -------------------------------------------------------------------------------


def test_limits_ids_and_records_outlive_the_process(scene: Make) -> None:
    place = scene()
    ids = [str(uuid.uuid4()) for _ in range(3)]
    place.change(1, consent={"max_runs": 1, "per": "total"})
    place.change(0, computation_id=ids[0])
    contributor = place.start(1, "--state-dir", "one")
    assert place.start(0, "--state-dir", "zero").end() == 0
    assert place.results == [36, 0]
    # The leader's own list refuses the same run again; without it the contributor does, before and after a restart.
    again = place.start(0, "--state-dir", "zero")
    assert again.end() == 1
    assert f"Error: a run with the id {ids[0]} was before" in again.errors
    for restarted in (False, True):
        if restarted:
            contributor.signal(TERMINATE)
            assert contributor.end(20) == 0
            contributor = place.start(1, "--state-dir", "one")
        fresh = place.start(0, "--state-dir", f"fresh{restarted}")
        assert fresh.end() == 5
        assert "party 1 refused: a run with the id" in fresh.log and "a computation_id is good for one run" in fresh.log
        assert "Error: Some participants refused the policy, aborting..." in fresh.errors
    place.change(0, computation_id=ids[1])
    limited = place.start(0, "--state-dir", "zero")
    assert limited.end() == 5
    assert "party 1 refused: this party takes part in at most 1 run in total (consent.max_runs)" in limited.log
    assert contributor.popen.poll() is None
    assert place.results == [36, 0]

    ours, theirs = audit(place, "one"), audit(place, "zero")
    assert [(entry["run_id"], entry["result"], entry["code"]) for entry in ours] == [
        (ids[0], "done", "ok"),
        (ids[0], "refused", "run_over"),
        (ids[0], "refused", "run_over"),
        (ids[1], "refused", "not_allowed"),
    ]
    assert [(entry["run_id"], entry["code"]) for entry in theirs] == [(ids[0], "ok"), (ids[1], "refused")]
    assert ours[0]["constants"] == {"PARTY_0": {"ROWS": 3}, "PARTY_1": {"ROWS": 2}}
    assert ours[0]["peers"] == [place.urls[0] + "/"] and ours[0]["output_parties"] == [0]
    assert "36" not in re.sub(r"\"[^\"]*\"", "", json.dumps(ours + theirs))


def test_a_small_input_takes_no_part(scene: Make) -> None:
    place = scene()
    place.change(1, consent={"min_rows": 20})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 1
    assert leader.errors == "Error: party 1 aborted the run: not_allowed\n"
    contributor.wait_for(IDLE, 2)
    assert "the own input has 2 rows, fewer than consent.min_rows (20): this party takes no part" in contributor.log
    assert " 2 rows" not in leader.log


@pytest.mark.fault(59)
def test_a_list_of_runs_that_cannot_be_kept_keeps_a_party_out(scene: Make) -> None:
    place = scene()
    contributor = place.start(1, "--state-dir", "one")
    shutil.rmtree(place.folder / "one" / "runs")
    (place.folder / "one" / "runs").write_text("in the way")
    leader = place.start(0)
    assert leader.end() == 1
    assert "this party cannot keep its list of runs" in leader.log
    assert "cannot read" in contributor.log or "cannot write" in contributor.log
    # The next start says it at once.
    contributor.signal(TERMINATE)
    contributor.end(20)
    started = Process(place.folder, "again", ["serve", "--config", "policy1.json", "--state-dir", "one"])
    place.processes.append(started)
    assert started.end() == 6
    assert "one/runs" in started.errors and "Traceback" not in started.errors
    # With its place back a party joins again.
    (place.folder / "one" / "runs").unlink()
    place.start(1, "--state-dir", "one")
    assert place.start(0).end() == 0


# -- approval ------------------------------------------------------------------------------------------------------


def test_a_run_that_nobody_approves_ends_for_all(scene: Make) -> None:
    place = scene([(1, 2, 3), (4, 5), (6,)], THREE)
    for party in (0, 2):
        place.change(party, constants=None)
    place.change(1, consent={"ask": True}, timeouts={"join": 1})
    first, second = place.start(1), place.start(2)
    leader = place.start(0)
    assert leader.end() == 5, leader.log
    assert "party 1 asks its operator; waiting up to 60 s (timeouts.join)" in leader.log
    assert "party 1 refused: nobody approved the run within 1 s (consent.ask, timeouts.join)" in leader.log
    assert re.search(r"run \S+ of party 0 waits for approval \(at most 1 s\): polytune approve ", first.log)
    assert "WARN polytune: consent.ask: without a terminal or --admin-port nobody can approve a run" in first.log
    second.wait_for("failed: party 0 aborted the run: refused")
    second.wait_for(IDLE, 2)
    assert "Accepted" not in first.log


def test_nobody_is_waited_for_when_another_party_refuses(scene: Make) -> None:
    place = three(scene)
    place.change(1, consent={"ask": True})
    place.change(2, evaluator=1)
    first = place.start(1)
    place.start(2)
    leader = place.start(0)
    assert leader.end(30) == 5, leader.log
    assert "party 2 refused: evaluator differ (0 ≠ 1)" in leader.log
    assert "party 1 did not decide" not in leader.log
    first.wait_for(IDLE, 2)
    assert [entry["code"] for entry in audit(place) if entry["party"] == 1] == ["withdrawn"]


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_the_terminal_asks(scene: Make, answer: str) -> None:
    place = scene()
    place.change(1, consent={"ask": True})
    master, slave = pty.openpty()
    try:
        contributor = place.start(1, "--runs", "1", stdin=slave)
        leader = place.start(0)
        contributor.wait_for("asks this party to take part in run")
        os.write(master, b"perhaps\n")
        contributor.wait_for("yes or no?", 2)
        os.write(master, f"{answer}\n".encode())
        assert leader.end() == (0 if answer == "yes" else 5), leader.log + leader.errors
        if answer == "yes":
            assert contributor.end() == 0
            assert place.results == [36, 0]
        else:
            assert "party 1 refused: the operator of this party declined" in leader.log
    finally:
        os.close(master)
        os.close(slave)
