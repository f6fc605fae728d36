"""Fixtures for tests against real databases: PostgreSQL and MariaDB started once per session, SQLite files.

The servers are those of ``scripts/servers``: when they run already they are used and left running,
otherwise they are started for the session and stopped at its end. Without the programs (and without the
right to install them) tests that need them are skipped with the reason; with ``POLYTUNE_REQUIRE_SERVERS=1``
they fail instead.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "servers"
KINDS = ("sqlite", "postgres", "mariadb")
_numbers = itertools.count()


def _script(action: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), action, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """URLs of the administrators of both servers: keys ``postgres`` and ``mariadb``."""
    was_running = _script("status").returncode == 0
    done = _script("start", "--no-install", "--json")
    if done.returncode:
        reason = f"database servers are not available: {done.stderr.strip()[-300:]}"
        if os.environ.get("POLYTUNE_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    record = json.loads(done.stdout)
    try:
        yield {name: record[name]["url"] for name in ("postgres", "mariadb")}
    finally:
        if not was_running:
            _script("stop")


class TestDatabase:
    """A fresh, empty database; ``url`` as a policy writes it, ``kind`` as ``engine.data`` names it."""

    __test__ = False

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.kind = "mysql" if name == "mariadb" else name

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, each committed; returns the rows of the last one."""
        connection = connect(self.url)
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            connection.commit()
            return rows
        finally:
            connection.close()

    def script(self, text: str) -> None:
        """Run a script of statements that hold no semicolon inside."""
        lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        for statement in filter(None, (part.strip() for part in lines.split(";\n"))):
            self.run(statement.rstrip(";"))


def connect(url: str) -> Any:
    """A connection by the plain driver, not by the code under test."""
    import sqlite3
    from urllib.parse import urlsplit

    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite://"))
    if url.startswith("postgres"):
        import psycopg2

        return psycopg2.connect(url)
    import mysql.connector

    parts = urlsplit(url)
    return mysql.connector.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        collation="utf8mb4_general_ci",
        buffered=True,
    )


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A function ``new_database(name)`` that makes an empty database of sqlite, postgres or mariadb."""
    drops: list[tuple[str, str]] = []

    def make(name: str) -> TestDatabase:
        label = f"polytune_{os.getpid()}_{next(_numbers)}"
        if name == "sqlite":
            path = tmp_path / f"{label}.sqlite"
            connect(f"sqlite://{path}").close()
            path.touch()
            return TestDatabase(name, f"sqlite://{path}")
        admin = request.getfixturevalue("servers")[name]
        _administer(admin, f"CREATE DATABASE {label}")
        drops.append((admin, f"DROP DATABASE {label}"))
        return TestDatabase(name, admin.rpartition("/")[0] + f"/{label}")

    yield make
    for admin, statement in drops:
        _administer(admin, statement)


@pytest.fixture(params=[pytest.param(name, marks=() if name == "sqlite" else pytest.mark.servers) for name in KINDS])
def database(request: pytest.FixtureRequest, new_database: Any) -> TestDatabase:
    """An empty database; the test runs once for each kind."""
    made: TestDatabase = new_database(request.param)
    return made


def _administer(url: str, statement: str) -> None:
    connection = connect(url)
    try:
        connection.autocommit = True
        connection.cursor().execute(statement)
    finally:
        connection.close()
