"""The shipped policies as a user runs them: two processes, PostgreSQL and MariaDB, the result in a third database."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.data.test_data_seed_policies import adapted, compose

__all__ = ["compose"]


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def serve(policy: Path, log: Path, state: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "polytune_cli.main", "serve", "--config", str(policy), "--state-dir", str(state)]
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as reply:
                assert reply.read() == b"pong"
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the contributor does not answer")


@pytest.mark.servers
def test_two_organisations(compose: dict[str, Any], tmp_path: Path) -> None:
    compose["db_out"].run("INSERT INTO results (joined) VALUES (999)")
    ports = free_ports(2)
    paths = [adapted(f"policy{party}.json", tmp_path / f"policies{party}", compose) for party in (0, 1)]
    for path in paths:
        policy = json.loads(path.read_text())
        policy["participants"] = [f"http://localhost:{port}" for port in ports]
        path.write_text(json.dumps(policy))
    logs = [tmp_path / f"party{party}.log" for party in (0, 1)]
    contributor = serve(paths[1], logs[1], tmp_path / "state1")
    try:
        wait_until_it_answers(ports[1], contributor)
        leader = serve(paths[0], logs[0], tmp_path / "state0")
        try:
            code = leader.wait(timeout=240)
        finally:
            leader.kill()
            leader.wait()
    finally:
        contributor.terminate()
        try:
            contributor.wait(timeout=30)
        except subprocess.TimeoutExpired:
            contributor.kill()
            contributor.wait()
    text = "".join(log.read_text() for log in logs)
    assert code == 0, text
    rows = compose["db_out"].run("SELECT joined FROM results ORDER BY id")
    assert [row[0] for row in rows] == compose["data"].expected
    assert "MPC Output: 10 rows" in text
    assert ":test@" not in text
    person = compose["data"].location[0]
    assert f"{person[1]}{person[2]}" not in text
