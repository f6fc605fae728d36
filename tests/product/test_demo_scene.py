"""The scene of a demo without running it: programs, policies, the plain answer, the children's records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import RunError
from engine.events import CircuitReady, Finished, Progress
from engine.policy import load_policy
from engine.resources import usable_cores
from polytune_cli.datagen import people, people_with_threshold
from polytune_cli.demo.parties import Parties, Record
from polytune_cli.demo.report import Report
from polytune_cli.demo.setup import PROGRAMS, Scene

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PROGRAMS.values())
def test_packaged_programs_are_the_ones_in_policies(name: str) -> None:
    packaged = ROOT / "polytune_cli" / "demo" / "programs" / name
    assert packaged.read_bytes() == (ROOT / "policies" / name).read_bytes(), "copy it from policies/"


def test_the_scene_for_two(tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, 2, 30, 5)
    policies = [load_policy(path) for path in scene.write_policies([7001, 7002])]
    assert [policy.party for policy in policies] == [0, 1]
    assert policies[0].participants == policies[1].participants == tuple(scene.urls([7001, 7002]))
    assert policies[0].outputs and not policies[1].outputs
    assert scene.expected() == people(30, 5).expected
    assert scene.result() == []


def test_the_scene_for_three(tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, 3, 30, 5)
    policies = [load_policy(path) for path in scene.write_policies([7001, 7002, 7003])]
    assert len({policy.program.sha256 for policy in policies}) == 1
    assert scene.expected() == people_with_threshold(30, 5).expected


def test_the_parties_share_the_cores(tmp_path: Path) -> None:
    shared = Scene.make(tmp_path, 2, 30, 5)
    assert threads(shared.options(1)) == str(max(1, usable_cores() // 2))
    assert threads(Scene.make(tmp_path, 2, 30, 5, 3).options(0)) == "3"


def threads(options: list[str]) -> str:
    return options[options.index("--threads") + 1]


def test_the_plain_answer_reads_the_databases(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    scene = Scene.make(tmp_path, 2, 30, 5)
    before = sum(scene.expected())
    with closing(sqlite3.connect(tmp_path / "disability.sqlite")) as connection, connection:
        connection.execute("UPDATE disability SET care_level = 5")
    assert sum(scene.expected()) == 24 > before


def test_a_record_counts_phases_between_their_first_news() -> None:
    record = Record()
    for second, event in enumerate(
        [
            Progress(0, "load", 0.0),
            Progress(0, "load", 1.0),
            CircuitReady(0, 500, 900),
            Progress(0, "garble", 0.0, 70),
            Progress(0, "garble", 0.5, 90),
            Finished(0, 4.5, 100),
        ]
    ):
        record.take(event, float(second))
    assert record.phases() == {"load": 3.0, "garble": 2.0}
    assert (record.and_gates, record.bytes_sent, record.seconds, record.finished) == (500, 100, 4.5, True)


def test_a_report_says_when_the_answers_differ() -> None:
    report = Report([1, 2], [1, 3], ["a", "b"], 10, 1.0, [5, 6], {})
    assert report.to_json()["match"] is False and report.to_json()["ok"] is False


def test_a_party_that_cannot_start_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text("{}")
    with Parties(lambda event: None) as parties:
        parties.start(1, tmp_path / "policy.json", "http://127.0.0.1:9/", tmp_path / "log")
        with pytest.raises(RunError, match=r"party 1 ended with exit code 3(.|\n)*participants"):
            parties.wait_until_listening(1)


def test_a_child_without_its_parent_ends_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "polytune_cli.demo.child", "--help"],
        env={"POLYTUNE_PARENT_PROCESS": "1", "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (143 if sys.platform.startswith("linux") else 0)
