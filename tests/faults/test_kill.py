"""A party is killed (SIGKILL) when a phase of its run begins: the others end soon and say why, contributors serve the
next run, and the database holds the whole result or nothing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable

import pytest

from engine.events import PHASES
from tests.integration.scene import KILL, PAUSE, RESUME, Process, Scene

Make = Callable[..., Scene]
IDLE = "Listening for connection attempts from other parties"
#: Some ten thousand AND gates in a row, so that no phase is over in a moment; the result is the sum.
PROGRAM = """
pub fn main({parameters}) -> [u8; 2] {{
    let mut x = a[0] as u64 + 3u64;
    for i in 0u64..40 {{
        x = ((x & 4294967295u64) * (x >> 32)) ^ (x << 7) ^ i;
    }}
    let sum = {sum};
    [sum, if x == 5u64 {{ 1u8 }} else {{ 0u8 }}]
}}
"""
#: In these phases the survivors cannot have what they need for a result.
UNFINISHED = PHASES[: PHASES.index("evaluate")]


class Victim:
    """A party that is killed when ``phase`` begins; ``met`` says whether it came so far."""

    def __init__(self, place: Scene, party: int, phase: str, *options: str) -> None:
        read, write = os.pipe()
        self.process = place.start(party, "--events-fd", str(write), *options, descriptors=[write])
        os.close(write)
        self.met = False
        self._thread = threading.Thread(target=self._watch, args=(read, phase))
        self._thread.start()

    def _watch(self, descriptor: int, phase: str) -> None:
        with os.fdopen(descriptor) as lines:
            for line in lines:
                if json.loads(line).get("phase") == phase:
                    self.process.signal(KILL)
                    self.met = True
                    return

    def die(self) -> None:
        """Return when it is dead; fails when the phase did not come."""
        assert self.process.end() == -KILL, self.process.log + self.process.errors
        self._thread.join()
        assert self.met


def lost(party: int, text: str) -> bool:
    return f"lost party {party}: connection refused" in text or f"party {party} restarted during the run" in text


class Stage:
    """``parties`` parties with ``PROGRAM``; contributors are running."""

    def __init__(self, scene: Make, parties: int) -> None:
        names = "abc"[:parties]
        program = PROGRAM.format(
            parameters=", ".join(f"{name}: [u8; 2]" for name in names),
            sum=" + ".join(f"{name}[{i}]" for name in names for i in range(2)),
        )
        self.place = scene([(10 * p + 1, 10 * p + 2) for p in range(parties)], program)
        self.expected = [sum(20 * p + 3 for p in range(parties)), 0]
        for party in range(parties):
            self.place.change(party, constants=None, timeouts={"refused": 1})
        self.contributors = {party: self.place.start(party) for party in range(1, parties)}
        self.runs = dict.fromkeys(self.contributors, 0)

    def fresh(self) -> None:
        self.place.execute("out.sqlite", "DELETE FROM results", "INSERT INTO results VALUES (999)")

    def whole_or_nothing(self, phase: str) -> bool:
        """Whether the result is there."""
        assert self.place.results in ([999], self.expected), phase
        if phase in UNFINISHED:
            assert self.place.results == [999], phase
        return self.place.results == self.expected

    def idle(self, party: int) -> str:
        """Wait until a contributor is idle after its next run; returns the log of that run."""
        process = self.contributors[party]
        self.runs[party] += 1
        process.wait_for(IDLE, self.runs[party] + 1)
        return process.log.split(IDLE)[self.runs[party]]

    def restart(self, party: int) -> None:
        self.contributors[party] = self.place.start(party)
        self.runs[party] = 0

    def succeed(self) -> None:
        """The next run works with the contributors as they are."""
        self.fresh()
        leader = self.place.start(0)
        assert leader.end() == 0, leader.log + leader.errors
        assert self.place.results == self.expected


def told(text: str, victim: int, process: Process) -> None:
    """A survivor says who was lost, by its own finding or another's."""
    assert lost(victim, text) or f"aborted the run: peer_lost (lost party {victim}" in text, process.log
    assert "Traceback" not in process.log + process.errors


def kill_leader(stage: Stage, phase: str) -> None:
    stage.fresh()
    Victim(stage.place, 0, phase).die()
    stage.whole_or_nothing(phase)
    if phase in ("join", "load"):
        return  # it had not proposed the run yet
    for party, process in stage.contributors.items():
        log = stage.idle(party)
        if "failed" in log or phase in UNFINISHED:
            told(log, 0, process)


def kill_contributor(stage: Stage, phase: str) -> None:
    stage.fresh()
    stage.contributors[1].signal(KILL)
    stage.contributors[1].popen.wait()
    victim = Victim(stage.place, 1, phase)
    leader = stage.place.start(0)
    victim.die()
    code = leader.end(30)
    if stage.whole_or_nothing(phase):
        assert code == 0, leader.log + leader.errors
    else:
        assert code == 1
        missing = phase == "join" and "Some participants are missing" in leader.errors
        assert missing or lost(1, leader.errors) or "peer_lost (lost party 1" in leader.errors, leader.errors
    for party in stage.contributors:
        if party != 1:
            log = stage.idle(party)
            if "failed" in log and "participants_missing" not in log:
                told(log, 1, stage.contributors[party])
    stage.restart(1)


def some_or_all(some: tuple[str, ...]) -> list[object]:
    return [pytest.param(some, id="some"), pytest.param(PHASES, id="all", marks=pytest.mark.long)]


@pytest.mark.fault(48, 61)
@pytest.mark.parametrize("phases", some_or_all(("compile",)))
@pytest.mark.parametrize("parties", [2, 3])
def test_a_leader_killed_in_any_phase(scene: Make, parties: int, phases: tuple[str, ...]) -> None:
    stage = Stage(scene, parties)
    for phase in phases:
        kill_leader(stage, phase)
    stage.succeed()


@pytest.mark.fault(48, 61)
@pytest.mark.parametrize("parties", [pytest.param(2, marks=pytest.mark.long), 3])
@pytest.mark.parametrize("phases", some_or_all(("preprocess",)))
def test_a_contributor_killed_in_any_phase(scene: Make, parties: int, phases: tuple[str, ...]) -> None:
    stage = Stage(scene, parties)
    for phase in phases:
        kill_contributor(stage, phase)
    stage.succeed()


@pytest.mark.long
@pytest.mark.fault(48)
@pytest.mark.parametrize("phase", ["constants", "agree", "setup", "garble"])
def test_a_contributor_that_comes_back_in_any_phase_is_noticed(scene: Make, phase: str) -> None:
    stage = Stage(scene, 2)
    stage.contributors[1].signal(KILL)
    stage.contributors[1].popen.wait()
    victim = Victim(stage.place, 1, phase)
    leader = stage.place.start(0)
    victim.die()
    leader.signal(PAUSE)
    stage.restart(1)
    leader.signal(RESUME)
    assert leader.end(30) == 1
    assert lost(1, leader.errors), leader.errors
    stage.whole_or_nothing(phase)
    stage.succeed()
