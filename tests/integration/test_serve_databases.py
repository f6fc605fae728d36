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


@pytest.mark.servers
@pytest.mark.parametrize("kinds", [("postgres", "mariadb", "postgres"), ("mariadb", "postgres", "mariadb")])
def test_the_example_on_real_databases(kinds: tuple[str, str, str], new_database: Any, tmp_path: Path) -> None:
    dataset = people(12, 5, 0.8)
    location, disability, results = (new_database(kind) for kind in kinds)
    for database in (location, disability, results):
        database.script(sql_script(dataset, database.kind))
    results.run("INSERT INTO results (joined) VALUES (777)")
    ports = free_ports(2)
    first = policy(tmp_path, 0, ports, input=location.url, output=results.url)
    second = policy(tmp_path, 1, ports, input=disability.url)
    contributor = Process(tmp_path, "contributor", ["serve", "--config", second, "--runs", "1"])
    leader = None
    try:
        contributor.wait_for("Listening for connection attempts from other parties")
        leader = Process(tmp_path, "leader", ["serve", "--config", first])
        assert leader.end() == 0, leader.log + leader.errors
        assert contributor.end() == 0, contributor.log + contributor.errors
    finally:
        for process in filter(None, (contributor, leader)):
            process.stop()
    assert [row[0] for row in results.run("SELECT joined FROM results ORDER BY id")] == dataset.expected
    assert "MPC Output: 10 rows" in leader.log and "returned 12 rows from" in leader.log
    assert ":***@" in leader.log and ":***@" in contributor.log
    for url in (location.url, disability.url, results.url):
        found = PASSWORD.search(url)
        secret = found.group(2) if found else ""
        assert len(secret) < 4 or secret not in leader.log + contributor.log
