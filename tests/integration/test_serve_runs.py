"""Runs between real processes: the result, refusals, failures in the middle, and that everybody is ready again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from tests.integration.scene import (
    INTERRUPT,
    KILL,
    PAUSE,
    RESUME,
    SUM,
    SUM_OF_THREE,
    TERMINATE,
    Process,
    Scene,
    free_ports,
)
from tests.transport.faults import FaultProxy

Make = Callable[..., Scene]
IDLE = "Listening for connection attempts from other parties"
#: More than a million AND gates that do not fold: long enough in the protocol for a test to meddle.
HEAVY = """
pub fn main(a: [u8; 3], b: [u8; 2]) -> u64 {
    let mut x = a[0] as u64 + 3u64;
    for i in 0u64..700 {
        x = ((x & 4294967295u64) * (x >> 32)) ^ (x << 7) ^ (b[0] as u64) ^ i;
    }
    x
}
"""
#: Rows (tens, ones); joined on the ones.
JOIN_ON_SECOND = """
const A: usize = PARTY_0::ROWS;
const B: usize = PARTY_1::ROWS;
pub fn main(a: [(u8, u8); A], b: [(u8, u8); B]) -> u8 {
    let mut first = a;
    let mut second = b;
    for i in 0usize..3 { first[i] = (a[i].1, a[i].0); }
    for i in 0usize..3 { second[i] = (b[i].1, b[i].0); }
    let mut matches = 0u8;
    for _ in join_iter(first, second) { matches += 1; }
    matches
}
"""


def alive(*processes: Process) -> None:
    for process in processes:
        assert process.popen.poll() is None, process.log + process.errors


def test_leader_writes_the_result_and_contributor_serves_again(scene: Make) -> None:
    place = scene()
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    assert place.results == [36, 0]
    for text in (
        "Acting as leader (party 0)",
        "All participants have accepted the session, starting calculation now...",
        "Connecting to input db at sqlite:",
        "'SELECT x FROM t ORDER BY rowid' returned 3 rows from sqlite:",
        f"Sending constants to party http://localhost:{place.ports[1]}/",
        "Compiling circuit with the following constants:",
        "PARTY_0::ROWS: 3",
        "PARTY_1::ROWS: 2",
        "Trying to execute circuit with 0.00M instructions  (0.00M AND ops)",
        "MPC computation for party 0 took 0 hour(s), 0 minute(s), ",
        "MPC Output: 2 rows",
    ):
        assert f"INFO polytune: {text}" in leader.log, text
    contributor.wait_for(IDLE, 2)
    assert "Accepted policy for" in contributor.log and "MPC Output" not in contributor.log
    # The next run sees what is in the database now.
    place.execute("in1.sqlite", "INSERT INTO t VALUES (100)")
    assert place.start(0).end() == 0
    assert place.results == [136, 0]
    contributor.wait_for(IDLE, 3)


def test_three_parties_one_other_leader_and_evaluator(scene: Make) -> None:
    place = scene([(1, 2), (3, 4), (5,)], SUM_OF_THREE)
    output = place.policies[0].pop("output")
    for party in range(3):
        place.change(party, leader=2, evaluator=1, output_parties=[1, 2], constants=None)
    place.change(2, output=output)
    contributors = [place.start(0), place.start(1)]
    leader = place.start(2)
    assert leader.end() == 0, leader.log + leader.errors
    assert place.results == [15]
    contributors[1].wait_for("No 'output' and/or 'output_db' specified in the policy, dropping 1 rows")
    for contributor in contributors:
        contributor.wait_for(IDLE, 2)
    assert "MPC Output" not in contributors[0].log


@pytest.mark.fault(17)
def test_leader_waits_for_parties_and_contributor_ends_after_its_runs(scene: Make) -> None:
    place = scene()
    leader = place.start(0, "--wait-peers", "60")
    leader.wait_for("Waiting for confirmation from party")
    contributor = place.start(1, "--runs", "1")
    assert leader.end() == 0, leader.log + leader.errors
    assert contributor.end() == 0
    assert place.results == [36, 0]


@pytest.mark.fault(49)
def test_a_run_over_a_bad_network_gives_the_same_result(scene: Make) -> None:
    """Every request between the parties goes through a proxy that loses, repeats, delays and cuts some of them."""
    place = scene()
    listen = free_ports(2)
    proxies = [FaultProxy(seed, 0.2) for seed in (1, 2)]
    urls = [proxy.start(f"http://127.0.0.1:{port}/") for proxy, port in zip(proxies, listen)]
    try:
        for party in (0, 1):
            place.change(party, participants=urls)
        contributor = place.start(1, "--port", str(listen[1]))
        leader = place.start(0, "--port", str(listen[0]), "--wait-peers", "30")
        assert leader.end() == 0, leader.log + leader.errors
        assert place.results == [36, 0]
        contributor.wait_for(IDLE, 2)
    finally:
        for proxy in proxies:
            proxy.stop()
    assert proxies[0].injected and proxies[1].injected


def test_events_are_json_lines_and_quiet_shows_only_warnings(scene: Make) -> None:
    place = scene()
    contributor = place.start(1)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "polytune_cli.main", "-q", "serve", "-c", "policy0.json", "--events-fd", str(write)],
        cwd=place.folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        pass_fds=[write],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    os.close(write)
    with os.fdopen(read) as stream:
        events = [json.loads(line) for line in stream]
    assert (done.returncode, done.stderr) == (0, "")
    (last,) = done.stdout.splitlines()
    assert "party 0: finished after " in last
    phases = [e["phase"] for e in events if e["event"] == "Progress"]
    order = list(dict.fromkeys(phases))
    assert order[:2] == ["join", "load"] and set(order) >= {"constants", "compile", "agree", "preprocess", "output"}
    assert events[-1]["event"] == "Finished" and events[-1]["error"] == "" and events[-1]["bytes_sent"] > 10_000
    contributor.wait_for(IDLE, 2)


# -- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.fault(21)
@pytest.mark.defect("D1")
def test_another_program_is_refused_by_name_and_hash(scene: Make) -> None:
    place = scene()
    (place.folder / "other.garble.rs").write_text(SUM + "\n")
    place.change(1, program="other.garble.rs")
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 5
    assert "party 1 refused: program differs (sha256 " in leader.log
    assert "differ only in line endings or in the final newline" in leader.log
    assert "Error: Some participants refused the policy, aborting..." in leader.errors
    assert "refused a run that party 0 proposed: program differs" in contributor.log
    assert place.results == [999]
    # It goes on serving; with the right policy the same process joins.
    alive(contributor)
    (place.folder / "program.garble.rs").write_text(SUM + "\n")
    assert place.start(0).end() == 0
    assert place.results == [36, 0]


@pytest.mark.fault(20, 22)
def test_every_other_difference_is_refused_and_named(scene: Make) -> None:
    place = scene()
    contributor = place.start(1)
    for keys, text in (
        ({"output_parties": [0, 1]}, "output_parties differ ([0,1] ≠ [0])"),
        ({"evaluator": 1}, "evaluator differ (1 ≠ 0)"),
        ({"check_joins": True}, "check_joins differ (true ≠ false)"),
        ({"participants": [place.urls[0] + "/a", place.urls[1]]}, "participants differ at index 0 (ours "),
    ):
        before = dict(place.policies[0])
        place.change(0, **keys)
        leader = place.start(0)
        assert leader.end() == 5, leader.log + leader.errors
        assert f"party 1 refused: {text}" in leader.log
        if "participants" not in keys:
            assert f"hint: all parties need the same '{next(iter(keys))}' in their policy" in leader.log
        place.policies[0] = before
    alive(contributor)
    assert "Accepted" not in contributor.log


# -- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.fault(32)
def test_unusable_data_of_a_contributor_ends_the_run_for_all_without_details(scene: Make) -> None:
    place = scene([(1, 2, 3), ("secret-text", 7)])
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 1
    assert "Error: party 1 aborted the run: db_error" in leader.errors
    contributor.wait_for(IDLE, 2)
    assert "input row 1, column 1" in contributor.log
    assert "secret-text" not in contributor.log + leader.log + leader.errors
    place.execute("in1.sqlite", "DELETE FROM t", "INSERT INTO t VALUES (9)")
    assert place.start(0).end() == 0
    assert place.results == [15, 1]


@pytest.mark.fault(54)
def test_data_errors_of_the_leader_exit_4(scene: Make) -> None:
    place = scene()
    contributor = place.start(1)
    os.rename(place.folder / "in0.sqlite", place.folder / "away")
    leader = place.start(0)
    assert leader.end() == 4 and "in0.sqlite" in leader.errors
    os.rename(place.folder / "away", place.folder / "in0.sqlite")
    place.execute("out.sqlite", "DROP TABLE results")
    leader = place.start(0)
    assert leader.end() == 4 and "output check failed" in leader.errors
    assert "Trying to execute" not in leader.log
    assert "Traceback" not in leader.errors
    alive(contributor)
    assert "Accepted" not in contributor.log  # it was not even asked


@pytest.mark.fault(53)
@pytest.mark.defect("D7")
def test_a_panic_of_the_program_exits_1_and_writes_nothing(scene: Make) -> None:
    place = scene([(200,), (100,)])
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 1
    assert "program panicked: Overflow" in leader.errors and "program.garble.rs:10:9" in leader.errors
    assert place.results == [999]
    contributor.wait_for(IDLE, 2)
    assert "Overflow" not in contributor.log


def test_checked_joins_end_a_run_whose_rows_break_the_order(scene: Make) -> None:
    """The program joins on the second column, the loader sorts by the first: nobody but the circuit can see it."""
    place = scene([(12, 25, 37), (12, 27, 35)], JOIN_ON_SECOND)
    for party in (0, 1):
        query = f"SELECT x / 10, x % 10 FROM t ORDER BY {party + 1}"
        place.change(party, check_joins=True, input={"db": f"sqlite://in{party}.sqlite", "query": query})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    assert place.results == [3]
    # Now the contributor gives its rows in the order of the wrong column.
    contributor.signal(TERMINATE)
    assert contributor.end(20) == 0
    query = "SELECT x / 10, x % 10 FROM t ORDER BY 1"
    place.change(1, input={"db": "sqlite://in1.sqlite", "query": query, "sort": "error"})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 1
    text = "Error: program panicked: Join Input Not Strictly Ascending (`second`, from parameter `b`) at "
    assert text in leader.errors and "program.garble.rs:10:31" in leader.errors
    assert "help: these rows must be sorted by key, each key once" in leader.errors
    assert place.results == [3]
    contributor.wait_for(IDLE, 2)
    assert "WARN" not in contributor.log and "panicked" not in contributor.log


@pytest.mark.fault(48)
def test_a_contributor_killed_in_a_run_ends_the_leader_soon(scene: Make) -> None:
    place = scene(program=HEAVY)
    for party in (0, 1):
        place.change(party, constants=None, timeouts={"refused": 1})
    contributor = place.start(1)
    leader = place.start(0)
    contributor.wait_for("Trying to execute circuit")
    contributor.signal(KILL)
    assert leader.end() == 1, leader.log + leader.errors
    assert "lost party 1: connection refused for 1 s" in leader.errors
    assert place.results == [999]


@pytest.mark.fault(48)
def test_a_contributor_restarted_in_a_run_is_noticed(scene: Make) -> None:
    place = scene(program=HEAVY)
    for party in (0, 1):
        place.change(party, constants=None)
    contributor = place.start(1)
    leader = place.start(0)
    contributor.wait_for("Trying to execute circuit")
    leader.signal(PAUSE)  # so that it meets the new process, not the gap
    contributor.signal(KILL)
    contributor.popen.wait()
    again = place.start(1)
    leader.signal(RESUME)
    assert leader.end() == 1, leader.log + leader.errors
    assert "party 1 restarted during the run" in leader.errors
    alive(again)


@pytest.mark.fault(61)
@pytest.mark.defect("D4")
def test_a_leader_killed_in_a_run_frees_the_contributor_for_the_next(scene: Make) -> None:
    place = scene()
    for party in (0, 1):
        place.change(party, timeouts={"refused": 1})
    contributor = place.start(1)
    leader = place.start(0)
    contributor.wait_for("Trying to execute circuit")
    leader.signal(KILL)
    contributor.wait_for("failed: lost party 0: connection refused for 1 s")
    contributor.wait_for(IDLE, 2)
    assert place.start(0).end() == 0
    assert place.results == [36, 0]


@pytest.mark.fault(60)
def test_interrupting_the_leader_frees_the_contributor(scene: Make) -> None:
    place = scene(program=HEAVY)
    for party in (0, 1):
        place.change(party, constants=None)
    contributor = place.start(1)
    for number, code in ((INTERRUPT, 130), (TERMINATE, 143)):
        leader = place.start(0)
        leader.wait_for("Trying to execute circuit")
        leader.signal(number)
        assert leader.end(30) == code
        assert leader.errors == "Error: interrupted\n"
    contributor.wait_for("party 0 aborted the run: interrupted", 2)
    contributor.wait_for(IDLE, 3)
    assert place.results == [999]


@pytest.mark.fault(60)
def test_interrupting_a_contributor_in_a_run_tells_the_leader(scene: Make) -> None:
    place = scene(program=HEAVY)
    for party in (0, 1):
        place.change(party, constants=None)
    contributor = place.start(1)
    leader = place.start(0)
    contributor.wait_for("Trying to execute circuit")
    contributor.signal(TERMINATE)
    assert contributor.end(30) == 143
    assert leader.end(30) == 1
    assert "party 1 aborted the run: interrupted" in leader.errors


@pytest.mark.fault(52)
def test_a_second_leader_is_told_busy(scene: Make) -> None:
    place = scene()
    contributor = place.start(1)
    first = place.start(0)
    contributor.wait_for("Accepted policy")
    first.signal(PAUSE)
    second = place.run("serve", "-c", "policy0.json", "--port", "0")
    assert second.end() == 1
    assert "503 Service Unavailable" in second.log and "this party is in another run" in second.log
    first.signal(RESUME)
    assert first.end() == 0, first.log + first.errors
    assert place.results == [36, 0]


def test_the_contributor_says_every_ten_seconds_that_it_listens(scene: Make) -> None:
    contributor = scene().start(1)
    contributor.wait_for(IDLE, 2, seconds=30)
