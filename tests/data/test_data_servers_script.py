"""scripts/servers: starts once, is found again, leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.servers import SCRIPT, connect


def run(folder: Path, action: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), action, "--dir", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def running(pid: int) -> bool:
    """True when the process exists and has not ended (one nobody waited for stays as a zombie)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.servers
def test_start_twice_use_stop_twice(servers: dict[str, str]) -> None:
    # Not below pytest's own folders: the servers' users may not enter those.
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o755)
    folder = parent / "servers"
    try:
        started = run(folder, "start", "--no-install", "--json")
        assert started.returncode == 0, started.stderr
        record = json.loads(started.stdout)
        assert record == json.loads((folder / "servers.json").read_text())
        again = run(folder, "start", "--no-install", "--json")
        assert json.loads(again.stdout) == record
        assert run(folder, "status").returncode == 0
        for name in ("postgres", "mariadb"):
            url = record[name]["url"]
            assert url not in servers.values()
            cursor_of = connect(url)
            cursor = cursor_of.cursor()
            cursor.execute("SELECT 1")
            assert cursor.fetchall() == [(1,)]
            cursor_of.close()
        shown = run(folder, "env").stdout
        assert f"export POLYTUNE_TEST_POSTGRES_URL='{record['postgres']['url']}'" in shown
    finally:
        stopped = run(folder, "stop")
    assert stopped.returncode == 0
    assert not folder.exists()
    assert not any(running(record[name]["pid"]) for name in ("postgres", "mariadb"))
    assert run(folder, "stop").returncode == 0
    assert run(folder, "status").returncode == 1
    shutil.rmtree(parent)
