"""Parties as a user has them: policies, SQLite databases and ``polytune serve`` processes in a temporary folder."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.files import write_whole
from engine.transport.certificates import make_certificate

ROOT = Path(__file__).resolve().parents[2]

#: Two or three columns of numbers are added up; the sum panics beyond 255.
SUM = """
const A: usize = PARTY_0::ROWS;
const B: usize = PARTY_1::ROWS;
pub fn main(a: [u8; A], b: [u8; B]) -> [u8; 2] {
    let mut sum = 0u8;
    for x in a {
        sum += x;
    }
    for x in b {
        sum += x;
    }
    [sum, sum & 1]
}
"""
SUM_OF_THREE = """
pub fn main(a: [u8; 2], b: [u8; 2], c: u8) -> [u8; 1] {
    [a[0] + a[1] + b[0] + b[1] + c]
}
"""


def free_ports(count: int) -> list[int]:
    """Ports that the system chose a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Process:
    """One started command; output goes to files. ``wait_for`` reads the log until a text comes."""

    def __init__(
        self,
        folder: Path,
        name: str,
        args: Sequence[str],
        env: dict[str, str] | None = None,
        descriptors: Sequence[int] = (),
        prefix: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("POLYTUNE_") and k != "SOCKET_ADDRESS"}
        environment |= {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder / "state"), **(env or {})}
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.popen = subprocess.Popen(
                [*prefix, sys.executable, "-m", "polytune_cli.main", *args],
                stdin=stdin,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=environment,
                pass_fds=descriptors,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.out.read_text()

    @property
    def errors(self) -> str:
        return self.err.read_text()

    def wait_for(self, text: str, count: int = 1, seconds: float = 60.0) -> None:
        """Return when ``text`` was logged ``count`` times; fail when the process ends first."""
        deadline = time.monotonic() + seconds
        while self.log.count(text) < count:
            ended = self.popen.poll() is not None and self.log.count(text) < count
            assert not ended, f"ended without {text!r}:\n{self.log}{self.errors}"
            assert time.monotonic() < deadline, f"no {text!r}:\n{self.log}{self.errors}"
            time.sleep(0.02)

    def end(self, seconds: float = 90.0) -> int:
        """Exit code; fails when the process does not end."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self.log}{self.errors}") from None

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


class Scene:
    """Policies and databases of ``len(columns)`` parties (party 0 leads and gets the result); starts processes."""

    def __init__(self, folder: Path, columns: Sequence[Sequence[Any]], program: str = SUM) -> None:
        self.folder = folder
        self.ports = free_ports(len(columns))
        self.urls = [f"http://localhost:{port}" for port in self.ports]
        self.processes: list[Process] = []
        (folder / "program.garble.rs").write_text(program)
        self.execute("out.sqlite", "CREATE TABLE results (value INTEGER)", "INSERT INTO results VALUES (999)")
        self.policies = [self._make(party, rows) for party, rows in enumerate(columns)]
        for party in range(len(columns)):
            self.change(party)

    def _make(self, party: int, rows: Sequence[Any]) -> dict[str, Any]:
        self.execute(f"in{party}.sqlite", "CREATE TABLE t (x)", *[f"INSERT INTO t VALUES ({x!r})" for x in rows])
        policy = {
            "participants": self.urls,
            "program": "program.garble.rs",
            "leader": 0,
            "party": party,
            "input": {"db": f"sqlite://in{party}.sqlite", "query": "SELECT x FROM t ORDER BY rowid"},
            "constants": {"ROWS": "SELECT COUNT(*) FROM t"},
        }
        if party == 0:
            policy["output"] = {
                "db": "sqlite://out.sqlite",
                "setup": "DELETE FROM results",
                "query": "INSERT INTO results VALUES (CAST($1 AS INT))",
            }
        return policy

    def change(self, number: int, /, **keys: Any) -> None:
        """Set keys of a policy (None removes one) and write it."""
        self.policies[number].update(keys)
        kept = {k: v for k, v in self.policies[number].items() if v is not None}
        (self.folder / f"policy{number}.json").write_text(json.dumps(kept, indent=2))

    def secure(self) -> list[str]:
        """Give all parties a key and a certificate and let their policies name them; returns the fingerprints."""
        self.urls = [url.replace("http:", "https:") for url in self.urls]
        made = [self.key(party) for party in range(len(self.policies))]
        for party in range(len(self.policies)):
            tls = {"cert": f"p{party}.crt", "key": f"p{party}.key"}
            self.change(party, participants=self.urls, identities=made, tls=tls)
        return made

    def key(self, party: int, name: str = "", days: int = 100, begin: datetime.datetime | None = None) -> str:
        """Write a key and a certificate (``p0.key``, ``p0.crt``, or with another name); returns the fingerprint."""
        made = make_certificate(f"party {party}", ["localhost"], days, begin)
        name = name or f"p{party}"
        write_whole(self.folder / f"{name}.key", made.key)
        write_whole(self.folder / f"{name}.crt", made.certificate)
        return made.fingerprint

    def execute(self, database: str, *statements: str) -> list[Any]:
        """Run statements on a SQLite file; returns the rows of the last one."""
        connection = sqlite3.connect(self.folder / database)
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            connection.commit()
            return rows
        finally:
            connection.close()

    @property
    def results(self) -> list[int]:
        return [row[0] for row in self.execute("out.sqlite", "SELECT value FROM results ORDER BY rowid")]

    def start(
        self,
        party: int,
        *options: str,
        env: dict[str, str] | None = None,
        descriptors: Sequence[int] = (),
        prefix: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> Process:
        """Start a party, which gets ``descriptors``; a contributor is waited for until it listens.

        ``prefix``: a command that runs the one after it.
        """
        name = f"party{party}-{len(self.processes)}"
        args = ["serve", "--config", f"policy{party}.json", *options]
        process = Process(self.folder, name, args, env, descriptors, prefix, stdin)
        self.processes.append(process)
        if party != self.policies[party]["leader"]:
            process.wait_for("Listening for connection attempts from other parties")
        return process

    def run(self, *args: str, env: dict[str, str] | None = None, seconds: float = 90.0) -> Process:
        """Run any command to its end."""
        process = Process(self.folder, f"command-{len(self.processes)}", args, env)
        self.processes.append(process)
        process.end(seconds)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.stop()


INTERRUPT, TERMINATE, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
PAUSE, RESUME = signal.SIGSTOP, signal.SIGCONT
