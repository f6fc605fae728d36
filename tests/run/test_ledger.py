"""The list of runs: ids once, runs counted, across restarts and processes."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ResourceError
from engine.policy import Policy, load_policy
from engine.run.ledger import REMEMBERED, IdUsed, Ledger, QuotaUsed
from tests.policy.policy_helpers import write

HOUR = 3600.0


def policy(folder: Path, **consent: Any) -> Policy:
    return load_policy(write(folder, consent=consent))


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def take(ledger: Ledger, run_id: str, counts: bool = True) -> None:
    ledger.enter(run_id)
    ledger.leave(run_id, "done", counts)


def test_an_id_is_good_once_also_after_a_restart(tmp_path: Path) -> None:
    ledger = Ledger(policy(tmp_path), str(tmp_path / "state"))
    ledger.enter("a")
    with pytest.raises(IdUsed):
        ledger.enter("a")
    assert ledger.result("a") is None
    ledger.leave("a", "aborted", True)
    again = Ledger(policy(tmp_path), str(tmp_path / "state"))
    again.refresh()
    assert (again.result("a"), again.result("b")) == ("aborted", None)
    with pytest.raises(IdUsed):
        again.check("a")
    with pytest.raises(IdUsed):
        again.enter("a")


def test_parties_that_share_a_state_directory_have_their_own_lists(tmp_path: Path) -> None:
    zero, one = (load_policy(write(tmp_path, party=party, consent={"max_runs": 1})) for party in (0, 1))
    take(Ledger(zero, str(tmp_path)), "a")
    take(Ledger(one, str(tmp_path)), "a")


@pytest.mark.parametrize(("per", "seconds"), [("hour", HOUR), ("day", 24 * HOUR)])
def test_runs_of_a_period(tmp_path: Path, per: str, seconds: float) -> None:
    clock = Clock()
    ledger = Ledger(policy(tmp_path, max_runs=2, per=per), str(tmp_path), clock)
    take(ledger, "a")
    clock.now += seconds / 2
    take(ledger, "b")
    for run_id in ("c", "d"):
        with pytest.raises(QuotaUsed, match=f"at most 2 runs per {per}"):
            ledger.enter(run_id)
    clock.now -= 10 * seconds  # setting the clock back makes no room
    with pytest.raises(QuotaUsed):
        ledger.check("c")
    clock.now += 10.6 * seconds
    take(ledger, "c")
    with pytest.raises(QuotaUsed):
        ledger.enter("d")


def test_runs_in_total_count_beyond_what_is_remembered(tmp_path: Path) -> None:
    limited = policy(tmp_path, max_runs=3, per="total")
    ledger = Ledger(limited, str(tmp_path))
    take(ledger, "a")
    take(ledger, "b")
    content = json.loads(ledger.path.read_bytes())
    entry = content["runs"]["b"]
    content["runs"] = {f"old{number}": entry for number in range(REMEMBERED)}
    ledger.path.write_text(json.dumps(content))
    take(ledger, "c")
    assert len(json.loads(ledger.path.read_bytes())["runs"]) == REMEMBERED
    with pytest.raises(QuotaUsed, match="3 runs in total"):
        ledger.enter("d")


def test_a_run_in_which_nothing_was_disclosed_does_not_count(tmp_path: Path) -> None:
    ledger = Ledger(policy(tmp_path, max_runs=1), str(tmp_path))
    take(ledger, "a", counts=False)
    take(ledger, "b")
    with pytest.raises(QuotaUsed):
        ledger.enter("c")
    with pytest.raises(IdUsed):
        ledger.enter("a")


def _many(folder: str, name: str, queue: Any) -> None:
    ledger = Ledger(load_policy(Path(folder) / "policy.json"), folder)
    entered = 0
    for number in range(30):
        try:
            ledger.enter(f"{name}-{number}")
        except QuotaUsed:
            break
        entered += 1
    queue.put(entered)


def test_several_processes_together_keep_the_limit(tmp_path: Path) -> None:
    policy(tmp_path, max_runs=20)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_many, args=(str(tmp_path), name, queue)) for name in "abc"]
    for worker in workers:
        worker.start()
    counts = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(counts) == 20


def test_the_file_is_private_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    ledger = Ledger(policy(tmp_path, max_runs=1), str(state))
    take(ledger, "a")
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for text in ("", "[]", '{"version":1,"counted":0,"runs":{"a":{}}}', '{"counted":"x","runs":{}}'):
        ledger.path.write_text(text)
        with pytest.raises(ResourceError, match="is damaged"):
            Ledger(policy(tmp_path), str(state)).refresh()
        with pytest.raises(ResourceError, match="is damaged"):
            ledger.enter("b")
    ledger.path.unlink()
    ledger.path.mkdir()
    with pytest.raises(ResourceError, match="cannot read"):
        ledger.enter("b")


def test_a_state_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"cannot write .*: (not a directory|file exists)"):
        Ledger(policy(tmp_path), str(tmp_path / "file" / "state")).enter("a")
