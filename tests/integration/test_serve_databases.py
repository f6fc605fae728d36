"""The shipped example on PostgreSQL and MariaDB, each way round: result, log without passwords, output in place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from polytune_cli.datagen import people, sql_script
from tests.integration.scene import ROOT, Process, free_ports

PASSWORD = re.compile(r"//([^:/@]+):([^@]+)@")


def policy(folder: Path, party: int, ports: list[int], **databases: str) -> str:
    """The shipped policy of a party with other addresses; returns the file name."""
    text = json.loads((ROOT / "policies" / f"policy{party}.json").read_text())
    text["participants"] = [f"http://localhost:{port}" for port in ports]
    text["program"] = str(ROOT / "policies" / "care_by_area.garble.rs")
    for key, url in databases.items():
        text[key]["db"] = url
    name = f"policy{party}.json"
    (folder / name).write_text(json.dumps(text))
    return name


SEED = ("postgres", "mariadb", "postgres")


@pytest.mark.servers
@pytest.mark.parametrize(
    ("kinds", "rows", "runs"),
    [
        pytest.param(SEED, 50, 2, id="as the compose file, twice"),
        pytest.param(("mariadb", "postgres", "mariadb"), 12, 1, id="the other way round"),
        pytest.param(SEED, 1000, 1, id="a thousand rows", marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
def test_the_example_on_real_databases(
    kinds: tuple[str, str, str], rows: int, runs: int, new_database: Any, tmp_path: Path
) -> None:
    dataset = people(rows, 5, 0.8)
    names = ["".join(row[1:3]) for row in dataset.location]
    assert names != sorted(names)
    assert rows < 50 or any(not name.isascii() for name in names)
    location, disability, results = (new_database(kind) for kind in kinds)
    for database in (location, disability, results):
        database.script(sql_script(dataset, database.kind))
    results.run("INSERT INTO results (joined) VALUES (777)")
    ports = free_ports(2)
    first = policy(tmp_path, 0, ports, input=location.url, output=results.url)
    second = policy(tmp_path, 1, ports, input=disability.url)
    contributor = Process(tmp_path, "contributor", ["serve", "--config", second, "--runs", str(runs)])
    leaders: list[Process] = []
    try:
        contributor.wait_for("Listening for connection attempts from other parties")
        for run in range(runs):
            leaders.append(leader := Process(tmp_path, f"leader{run}", ["serve", "--config", first]))
            assert leader.end(300) == 0, leader.log + leader.errors
            assert [row[0] for row in results.run("SELECT joined FROM results ORDER BY id")] == dataset.expected
            assert "MPC Output: 10 rows" in leader.log
            assert f"returned {rows} rows from" in leader.log
        assert contributor.end() == 0, contributor.log + contributor.errors
    finally:
        for process in (contributor, *leaders):
            process.stop()
    logs = contributor.log + "".join(leader.log for leader in leaders)
    assert ":***@" in logs
    for url in (location.url, disability.url, results.url):
        found = PASSWORD.search(url)
        secret = found.group(2) if found else ""
        assert len(secret) < 4 or secret not in logs


@pytest.mark.servers
@pytest.mark.fault(26)
def test_a_database_that_takes_too_long(scene: Any, new_database: Any) -> None:
    """The leader hears of it at ``timeouts.load``, while the contributor still waits for its database."""
    database = new_database("postgres")
    place = scene()
    source = {"db": database.url, "query": "SELECT 5 FROM pg_sleep(4)"}
    place.change(1, input=source, constants={"ROWS": {"rows": True}}, timeouts={"load": 0.5})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 1
    assert "party 1 aborted the run: timeout" in leader.errors
    contributor.wait_for("failed: the own input was not read within 0.5 s (timeouts.load)")
    assert place.results == [999]
