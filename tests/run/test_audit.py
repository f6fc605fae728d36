"""The audit log: one object a line, private, bounded."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.policy import load_policy
from engine.run.audit import BURST, REFILL, Audit
from engine.run.record import Run
from tests.policy.policy_helpers import write
from tests.run.actors import recorded


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit(tmp_path: Path, clock: Clock) -> Audit:
    return Audit(load_policy(write(tmp_path)), str(tmp_path / "state"), clock)


def lines(audit: Audit) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit.path.read_text().splitlines()]


def test_a_run_is_one_line_without_rows_and_results(audit: Audit, tmp_path: Path) -> None:
    run = Run("id-1", 0, 2, load_policy(tmp_path / "policy.json").limits, {})
    run.constants = {1: {"ROWS": {"type": "usize", "value": 7}}, 0: {"FLAG": {"type": "bool", "value": True}}}
    audit.ended(run, "done", "ok")
    audit.ended(run, "aborted", "db_error")
    first, second = lines(audit)
    assert first.pop("time").endswith("Z")
    digest = load_policy(tmp_path / "policy.json").program.sha256
    assert first == {
        "run_id": "id-1",
        "party": 0,
        "leader": 0,
        "peers": ["http://localhost:8001/"],
        "program_hash": f"sha256:{digest}",
        "output_parties": [0],
        "constants": {"PARTY_0": {"FLAG": True}, "PARTY_1": {"ROWS": 7}},
        "result": "done",
        "code": "ok",
    }
    assert (second["result"], second["code"]) == ("aborted", "db_error")
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(audit.path.parent.stat().st_mode) == 0o700


def test_refusals_are_few_and_short_whatever_comes(audit: Audit, clock: Clock) -> None:
    for number in range(1000):
        audit.refused(f"{number}" + "x" * 10_000, 1, "not_allowed", "no\n\x1b[31m\ud800" + "y" * 100_000)
    assert len(lines(audit)) == BURST
    assert audit.path.stat().st_size < BURST * 2000
    assert all(line["result"] == "refused" and line["reason"].isprintable() for line in lines(audit))
    clock.now += 2.5 * REFILL
    for _ in range(10):
        audit.refused("later", 1, "not_allowed", "no")
    assert [line.get("unlisted") for line in lines(audit)[BURST:]] == [1000 - BURST, None]


def test_lines_of_many_writers_stay_whole(audit: Audit, tmp_path: Path) -> None:
    run = Run("id", 0, 2, load_policy(tmp_path / "policy.json").limits, {})
    other = Audit(load_policy(tmp_path / "policy.json"), str(tmp_path / "state"))
    threads = [threading.Thread(target=who.ended, args=(run, "done", "ok")) for who in (audit, other) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(audit)) == 16


def test_a_log_that_cannot_be_written_is_an_error_in_the_other_log(audit: Audit) -> None:
    audit.path.mkdir(parents=True)
    with recorded() as messages:
        audit.refused("id", 1, "not_allowed", "no")
    assert any(message.startswith(f"cannot write {audit.path}: is a directory") for message in messages)
