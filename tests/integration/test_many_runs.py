"""Many runs between the same two processes: one after the other without growth, and several at the same time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.desks import Desk
from tests.integration.scene import PAUSE, RESUME, TERMINATE, Process, Scene
from tests.integration.test_keep_serving import start_leader
from tests.integration.test_operators import TOKEN, heavy

Make = Callable[..., Scene]
RIGHT = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Usage:
    """What a process holds: threads, descriptors, kilobytes of memory."""

    threads: int
    descriptors: int
    memory: int

    @classmethod
    def of(cls, process: Process) -> Usage:
        folder = Path(f"/proc/{process.popen.pid}")
        lines = (folder / "status").read_text().splitlines()
        fields = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.strip()}
        return cls(int(fields["Threads"]), len(os.listdir(folder / "fd")), int(fields["VmRSS"]))


def settled(process: Process, before: Usage | None = None) -> Usage:
    """Usage when what ends by itself has ended: connections that are idle, threads that wait for a last answer."""
    deadline = time.monotonic() + 30
    while True:
        usage = Usage.of(process)
        if before is None or (usage.threads <= before.threads and usage.descriptors <= before.descriptors):
            return usage
        assert time.monotonic() < deadline, f"{usage} after {before}"
        time.sleep(0.2)


def run(desk: Desk) -> dict[str, object]:
    status, answer = desk.json("schedule", {"run": True}, **RIGHT)
    assert status == 202, answer
    desk.wait(lambda status: not status["runs"])
    record = desk.json(f"runs/{answer['run_id']}")[1]
    assert record["result"] == "done", record
    return record


def runs_leave_nothing(place: Scene, runs: int, kilobytes: int) -> None:
    """``runs`` runs after some to warm up: no more threads, descriptors or files, memory within ``kilobytes``."""
    scratch = place.folder / "scratch"
    scratch.mkdir()
    env = {"TMPDIR": str(scratch), "POLYTUNE_ADMIN_TOKEN": TOKEN}
    parties = [place.start(1, env=env), start_leader(place, env=env)]
    desk = Desk(parties[1])
    for _ in range(4):
        run(desk)
    time.sleep(12)  # connections that nobody uses are closed after ten seconds
    before = [Usage.of(party) for party in parties]
    files = {path for path in place.folder.rglob("*") if path.is_file()}
    for _ in range(runs):
        run(desk)
    after = [settled(party, usage) for party, usage in zip(parties, before)]
    print("before", before, "after", after)
    assert {path for path in place.folder.rglob("*") if path.is_file()} == files
    for old, new in zip(before, after):
        assert new.memory - old.memory < kilobytes, (before, after)
    assert desk.metrics()['polytune_runs_total{result="done"}'] == runs + 4
    assert place.results == [36, 0]


def test_runs_one_after_the_other_leave_nothing_behind(scene: Make) -> None:
    runs_leave_nothing(scene(), 11, 12_000)


@pytest.mark.long
def test_two_hundred_runs_leave_nothing_behind(scene: Make) -> None:
    runs_leave_nothing(scene(), 196, 12_000)


def test_two_runs_at_the_same_time(scene: Make) -> None:
    """Both compute at once, a third is refused, one can be cancelled, and the other writes its result."""
    place = heavy(scene)
    for party in (0, 1):
        place.change(party, limits={"concurrent_runs": 2})
    contributor = place.start(1, "--admin-port", "0")
    leader = start_leader(place, env={"POLYTUNE_ADMIN_TOKEN": TOKEN})
    desk, other = Desk(leader), Desk(contributor)
    first, second = (desk.json("schedule", {"run": True}, **RIGHT)[1]["run_id"] for _ in range(2))
    for run_id in (first, second):
        leader.wait_for(f"run {run_id[:8]}: Trying to execute circuit")
    contributor.signal(PAUSE)
    status = desk.wait(lambda status: [run["state"] for run in status["runs"]] == ["RUNNING", "RUNNING"])
    assert {run["run_id"] for run in status["runs"]} == {first, second}
    assert desk.metrics()['polytune_state{state="RUNNING"}'] == 2
    code, refusal = desk.json("schedule", {"run": True}, **RIGHT)
    assert code == 503 and refusal["message"] == "this party is in 2 other runs"
    which = place.run("cancel", "--config", "policy0.json")
    assert which.popen.returncode == 1 and "several runs are under way, name one: " in which.errors
    contributor.signal(RESUME)
    assert place.run("cancel", "--config", "policy0.json", first).popen.returncode == 0
    history = desk.wait(lambda status: not status["runs"])["history"]
    assert {record["run_id"]: record["result"] for record in history} == {first: "cancelled", second: "done"}
    ends = other.wait(lambda status: not status["runs"])["history"]
    assert {record["run_id"]: record["result"] for record in ends} == {first: "failed", second: "done"}
    assert len(place.results) == 1 and place.results != [999]
    assert f"run {second[:8]}: finished after" in leader.log
    # A signal ends all runs.
    for _ in range(2):
        desk.json("schedule", {"run": True}, **RIGHT)
    leader.wait_for("Trying to execute circuit", 4)
    leader.signal(TERMINATE)
    assert leader.end() == 143
    assert [r["result"] for r in other.wait(lambda s: not s["runs"])["history"][:2]] == ["failed", "failed"]
