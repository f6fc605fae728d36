"""`polytune demo` with real processes: results, machine-readable form, failures, interruption, clean-up."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.events import PHASES
from tests.product.pseudo_terminal import Terminal, lines_of

DEMO = [sys.executable, "-m", "polytune_cli.main", "demo"]
FIELDS = {"ok", "match", "rows", "expected", "parties", "and_gates", "seconds", "bytes_sent", "phases"}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own for temporary files, so that left-overs can be seen."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def run_demo(*options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*DEMO, *options], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def descendants(pid: int) -> set[int]:
    """Process numbers of all children, grandchildren and so on."""
    parents = dict(_parents())
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            yield int(entry.name), int(text.rsplit(")", 1)[1].split()[1])


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


def plain_join(folder: Path, threshold: int) -> list[int]:
    """The answer once more, written another way than the demo writes it."""

    def rows(name: str, table: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(folder / f"{name}.sqlite")) as connection:
            return connection.execute(f"SELECT * FROM {table}").fetchall()

    counts = [0] * 10
    for _, *left, area in rows("location", "location_town"):
        for _, *right, level in rows("disability", "disability"):
            if left == right and level >= threshold:  # type: ignore[operator]
                counts[area] += 1  # type: ignore[index]
    return counts


def test_two_parties_agree_with_the_plain_answer(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings for a party of the user's own must not reach the demo's parties.
    monkeypatch.setenv("SOCKET_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("POLYTUNE_SERVE_PORT", "1")
    done = run_demo("--rows", "12", "--seed", "3", "--json")
    record = json.loads(done.stdout)
    assert set(record) == FIELDS
    assert record["ok"] is True and record["match"] is True
    assert record["rows"] == record["expected"] and len(record["rows"]) == 10
    assert record["parties"] == 2 and len(record["bytes_sent"]) == 2
    assert record["and_gates"] > 1000 and record["seconds"] > 0
    assert min(record["bytes_sent"]) > 30 * record["and_gates"]
    assert {"setup", "preprocess", "garble", "evaluate", "output"} <= set(record["phases"]) <= set(PHASES)
    assert list(temporary.iterdir()) == []
    assert "\x1b" not in done.stderr


def test_three_parties_with_a_secret_threshold(temporary: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    record = json.loads(run_demo("--parties", "3", "--rows", "8", "--keep", str(folder), "--json").stdout)
    assert record["match"] is True and record["parties"] == 3 and len(record["bytes_sent"]) == 3
    with closing(sqlite3.connect(folder / "threshold.sqlite")) as connection:
        threshold = connection.execute("SELECT threshold FROM settings").fetchone()[0]
    assert record["rows"] == plain_join(folder, threshold)
    assert {"policy0.json", "policy2.json", "party1.log"} <= {path.name for path in folder.iterdir()}


def test_a_terminal_shows_all_parties_moving_through_the_phases(temporary: Path) -> None:
    shares: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))

    def look(screen: object) -> None:
        for line in lines_of(screen):  # type: ignore[arg-type]
            found = re.match(r"(town|care office)\s+(\w+) \d+/\d+\s.*?\s(\d+)%", line)
            if found:
                shares[found[1]][found[2]].add(int(found[3]))

    terminal = Terminal([*DEMO, "--rows", "20"], columns=120, lines=60)
    assert terminal.read_to_end(look, 240) == 0
    for party in ("town", "care office"):
        for phase in PHASES:
            assert len(shares[party][phase]) >= 3, (party, phase, shares[party][phase])
    assert any("equals the plain answer" in line for line in lines_of(terminal.screen))


@pytest.mark.parametrize(
    ("moment", "signal_number", "code"),
    [("town: setup", signal.SIGINT, 130), ("town asks the others", signal.SIGTERM, 143)],
)
def test_an_interrupted_demo_leaves_nothing(temporary: Path, moment: str, signal_number: int, code: int) -> None:
    with subprocess.Popen([*DEMO, "--rows", "100"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(moment):
                break
        started = descendants(process.pid)
        deadline = time.monotonic() + 60
        while len(started) < 2 and time.monotonic() < deadline:
            started = descendants(process.pid)
        assert len(started) == 2
        process.send_signal(signal_number)
        process.stdout.read()
        assert process.wait(60) == code
    assert not alive(started)
    assert list(temporary.iterdir()) == []


def test_a_killed_demo_takes_its_parties_along(temporary: Path) -> None:
    with subprocess.Popen([*DEMO, "--rows", "3000"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "asks the others" in line:
                break
        started = descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
    deadline = time.monotonic() + 60
    while alive(started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started and not alive(started)


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    done = run_demo("--keep", str(tmp_path), "--json", code=6)
    assert "is not empty" in done.stderr and "hint:" in done.stderr
    assert "is not empty" in json.loads(done.stdout)["error"]["message"]
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_plain_lines_without_a_terminal_and_a_kept_folder_that_can_be_run_by_hand(
    temporary: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    lines = run_demo("--rows", "5", "--keep", str(folder)).stdout.splitlines()
    assert not any("\x1b" in line for line in lines)
    for phase in ("preprocess", "garble", "evaluate"):
        assert any(re.match(rf"town: {phase} \d+%", line) for line in lines), phase
    assert "The secure result equals the plain answer." in lines
    assert sum(bool(re.match(r" +\d +\d+ +\d+ +=", line)) for line in lines) == 10
    names = {path.name for path in folder.iterdir()}
    assert {"policy0.json", "policy1.json", "care_by_area.garble.rs", "location.sqlite"} <= names
    assert "threshold.sqlite" not in names
    with closing(sqlite3.connect(folder / "results.sqlite")) as connection, connection:
        connection.execute("DELETE FROM results")
    serve = [sys.executable, "-m", "polytune_cli.main", "serve", "--config"]
    with subprocess.Popen(
        [*serve, str(folder / "policy1.json"), "--runs", "1"], stdout=subprocess.PIPE, text=True
    ) as contributor:
        assert contributor.stdout is not None
        assert any("Listening for connection attempts" in line for line in contributor.stdout)
        leader = subprocess.run([*serve, str(folder / "policy0.json")], capture_output=True, timeout=120, check=False)
        contributor.stdout.read()
        assert (leader.returncode, contributor.wait(60)) == (0, 0), leader.stderr
    with closing(sqlite3.connect(folder / "results.sqlite")) as connection:
        rows = [row[0] for row in connection.execute("SELECT joined FROM results ORDER BY id")]
    assert rows == plain_join(folder, 4)


@pytest.mark.parametrize("options", [["--parties", "4"], ["--rows", "0"], ["--db", "oracle"], ["--sead", "1"]])
def test_usage_errors(options: list[str]) -> None:
    done = run_demo(*options, code=2)
    assert "Error" in done.stderr and "Traceback" not in done.stderr
