"""`polytune init`: the folder passes `check` and runs as it stands; nothing is ever overwritten."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from polytune_cli.init import project
from polytune_cli.main import run
from tests.integration.scene import Process, free_ports


def polytune(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("POLYTUNE_")}
    return subprocess.run(
        [sys.executable, "-m", "polytune_cli.main", *args],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env=env | {"PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


@pytest.mark.parametrize("parties", [2, 4])
def test_the_folder_passes_check_and_runs_as_it_stands(tmp_path: Path, parties: int) -> None:
    made = polytune(tmp_path, "init", "job", "--parties", str(parties), "--rows", "12")
    assert made.returncode == 0 and "polytune serve --config job/policy0.jsonc" in made.stdout
    folder = tmp_path / "job"
    for party in range(parties):
        checked = polytune(tmp_path, "check", "-c", f"job/policy{party}.jsonc", "--db")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "WARN" not in checked.stdout and "TLS between all parties" in checked.stdout
        assert (folder / "keys" / f"p{party}.key").stat().st_mode & 0o777 == 0o600

    # The ports of the files may be in use here; the policies take others from the environment.
    urls = {f"PARTY_{p}_URL": f"https://localhost:{port}" for p, port in enumerate(free_ports(parties))}
    others = [Process(folder, f"p{p}", ["serve", "-c", f"policy{p}.jsonc"], urls) for p in range(1, parties)]
    try:
        for other in others:
            other.wait_for("Listening for connection attempts")
        leader = Process(folder, "p0", ["serve", "-c", "policy0.jsonc"], urls)
        assert leader.end() == 0, leader.log + leader.errors
    finally:
        for other in others:
            other.stop()
    import sqlite3

    with sqlite3.connect(folder / "data" / "results.sqlite") as connection:
        counts = [row[0] for row in connection.execute("SELECT joined FROM results ORDER BY id")]
    assert counts == json.loads((folder / "data" / "expected.json").read_text())["expected"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "policy1.jsonc").write_text("mine")
    done = polytune(tmp_path, "init")
    assert done.returncode == 6 and "policy1.jsonc exists; nothing was written" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["policy1.jsonc"]
    assert (tmp_path / "policy1.jsonc").read_text() == "mine"


def test_every_file_says_what_it_is_for_and_holds_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "job"), "--parties", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["parties"] == 3
    assert "keys/" in (tmp_path / "job" / ".gitignore").read_text().splitlines()
    for name in told["files"]:
        text = (tmp_path / "job" / name).read_text()
        assert not re.search(r"@[A-Z]+@", text), name  # every placeholder is filled in
        if name.endswith(".jsonc"):
            assert text.count("//") > 10


@pytest.mark.parametrize("parties", [2, 3])
def test_the_compose_file_starts_the_policies(parties: int) -> None:
    services = yaml.safe_load(project.compose(parties))["services"]
    assert list(services) == [f"party{party}" for party in range(parties)]
    urls = [f"https://localhost:{8000 + party}" for party in range(parties)]
    policies = "".join(project.policy(party, urls, ["sha256:0"]) for party in range(parties))
    used = set(re.findall(r"\"\$\{(\w+)", policies))
    for party in range(parties):
        command, environment = services[f"party{party}"]["command"], services[f"party{party}"]["environment"]
        assert command[:3] == ["serve", "--config", f"/job/policy{party}.jsonc"]
        assert environment[f"PARTY_{party}_URL"] == f"${{PARTY_{party}_URL:-https://party{party}:8000}}"
        assert used <= set(environment)
        assert not [name for name in environment if "INSECURE" in name]


def test_the_program_of_many_parties_takes_the_highest_threshold() -> None:
    import engine

    source = project.program(5)
    constants = {"PARTY_0": {"ROWS": 2, "ID_LEN": 1}, "PARTY_1": {"ROWS": 2, "ID_LEN": 1}}
    program = engine.compile_program(source, "main", constants)
    assert program.parties == 5
    rows = ["[([97u8], 3u8), ([98u8], 7u8)]", "[([97u8], 4u8), ([98u8], 5u8)]"]
    for thresholds, areas in (((5, 1, 2), {7}), ((1, 2, 4), {3, 7}), ((2, 5, 3), {7}), ((9, 1, 1), set())):
        result = program.evaluate([*rows, *(f"{value}u8" for value in thresholds)])
        counts = re.findall(r"\d+", result)
        assert {area for area, count in enumerate(counts) if count == "1"} == areas, thresholds
