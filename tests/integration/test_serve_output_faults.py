"""When the result cannot be written: rolled back, kept, and applied later with ``polytune output --resume``."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.database_proxy import Proxy
from tests.integration.scene import INTERRUPT, KILL, Process, Scene
from tests.servers import connect

DATABASE = {
    "db": "sqlite://out.sqlite",
    "setup": "DELETE FROM results",
    "query": "INSERT INTO results VALUES ($1)",
}


def saved(leader: Process) -> Path:
    """The recovery file that the error names."""
    line = next(line for line in leader.errors.splitlines() if "result saved to " in line)
    path, _, advice = line.partition("result saved to ")[2].partition("; ")
    assert advice == f"apply with: polytune output --resume {path}"
    return Path(path)


@pytest.mark.fault(56)
@pytest.mark.defect("D12")
def test_a_refused_row_and_its_way_back(scene: Any) -> None:
    """The second row breaks a constraint: old rows stay, the other output is written, the contributor goes on; when the
    table is repaired the file is applied, once.
    """
    parties: Scene = scene()
    parties.execute("out.sqlite", "DROP TABLE results", "CREATE TABLE results (value INTEGER CHECK (value <> 0))")
    parties.execute("out.sqlite", "INSERT INTO results VALUES (999)")
    parties.change(0, output=[DATABASE, {"file": "out.csv"}])
    contributor = parties.start(1)
    leader = parties.start(0)
    assert leader.end() == 4
    assert "output[0].query, row 2: CHECK constraint failed" in leader.errors
    assert "output[0] was not written, output[1] was written" in leader.errors
    assert parties.results == [999]
    assert (parties.folder / "out.csv").read_text() == "36\n0\n"
    path = saved(leader)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    contributor.wait_for("Listening for connection attempts from other parties", 2)

    again = parties.run("output", "--resume", str(path))
    assert (again.end(), "stays" in again.errors) == (4, True)
    parties.execute("out.sqlite", "DROP TABLE results", "CREATE TABLE results (value INTEGER)")
    (parties.folder / "out.csv").unlink()
    applied = parties.run("output", "--resume", str(path), "--json")
    assert applied.end() == 0, applied.errors
    (written,) = json.loads(applied.log)["written"]
    assert written == {"output": "output[0]", "target": f"sqlite://{parties.folder}/out.sqlite", "rows": 2}
    assert parties.results == [36, 0]
    assert not path.exists()
    assert not (parties.folder / "out.csv").exists()
    assert parties.run("output", "--resume", str(path)).end() == 4


@pytest.mark.servers
@pytest.mark.fault(55)
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_the_database_dies_after_the_computation(name: str, scene: Any, new_database: Any) -> None:
    """It answers the check before the run and nothing afterwards; when it is back the result is applied."""
    database = new_database(name)
    database.run("CREATE TABLE results (value INT)", "INSERT INTO results VALUES (999)")
    proxy = Proxy(database.url, connections=1)
    parties: Scene = scene()
    parties.change(0, output={**DATABASE, "db": proxy.url})
    try:
        contributor = parties.start(1, "--runs", "1")
        leader = parties.start(0)
        assert leader.end() == 4
        assert contributor.end() == 0
    finally:
        proxy.close()
    assert "MPC computation for party 0 took" in leader.log
    assert leader.log.count("trying again in") == 3
    assert "connection refused" in leader.errors
    path = saved(leader)
    assert database.run("SELECT value FROM results") == [(999,)]
    assert path.stat().st_size > 0
    parties.change(0, output={**DATABASE, "db": database.url})
    assert parties.run("output", "--resume", str(path)).end() == 0
    assert sorted(database.run("SELECT value FROM results")) == [(0,), (36,)]
    assert not path.exists()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(KILL, -9, marks=pytest.mark.fault(61)), pytest.param(INTERRUPT, 130, marks=pytest.mark.fault(60))],
)
def test_ended_in_the_middle_of_writing(number: int, code: int, scene: Any, new_database: Any) -> None:
    """The second row waits for a lock that the test holds: the first is written then, and is gone after the end. After
    an interrupt the result is kept.
    """
    database = new_database("postgres")
    database.run("CREATE TABLE results (value INT)", "INSERT INTO results VALUES (999)")
    parties: Scene = scene()
    waits = "SELECT $1 FROM (SELECT CASE WHEN $1 = 0 THEN pg_advisory_xact_lock(7) END) AS waits"
    parties.change(0, output={**DATABASE, "db": database.url, "query": f"INSERT INTO results {waits}"})
    contributor = parties.start(1, "--runs", "1")
    holder = connect(database.url)
    try:
        holder.cursor().execute("SELECT pg_advisory_lock(7)")
        leader = parties.start(0)
        question = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while database.run(question) == [(0,)]:
            assert leader.popen.poll() is None, leader.errors
        leader.signal(number)
        assert leader.end() == code
        assert contributor.end() == 0
    finally:
        holder.close()
    while database.run("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'") != [(0,)]:
        pass  # the server notices that the leader is gone
    assert database.run("SELECT value FROM results") == [(999,)]
    if number == KILL:
        return
    assert "Error: interrupted" in leader.errors
    path = Path(leader.log.rpartition("apply with: polytune output --resume ")[2].strip())
    assert "output was not written; result saved to" in leader.log
    assert parties.run("output", "--resume", str(path)).end() == 0
    assert sorted(database.run("SELECT value FROM results")) == [(0,), (36,)]
