"""What a party was told in confidence is in no log at any level, whatever happens: planted markers are looked for."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scene import Process, Scene
from tests.servers import connect

Make = Callable[..., Scene]
IDLE = "Listening for connection attempts from other parties"
#: Row i of the result is the name of row i of the first party with the sum of both numbers.
PROGRAM = """
pub fn main(a: [([u8; 20], u64); 2], b: [([u8; 20], u64); 2]) -> [([u8; 20], u64); 2] {
    [(a[0].0, a[0].1 + b[0].1), (a[1].0, a[1].1 + b[1].1)]
}
"""
FIRST = [("planted-row-alpha", 7700112233445566), ("planted-row-beta", 7700112233445567)]
SECOND = [("planted-row-delta", 1100223344556678), ("planted-row-gamma", 1100223344556679)]
RESULT = [(name, amount + other) for (name, amount), (_, other) in zip(FIRST, SECOND)]
NUMBERS = [str(number) for _, number in (*FIRST, *SECOND, *RESULT)]
PASSWORDS = ("planted-pw-zero", "planted-pw-one")
QUERY = "SELECT name, amount FROM people ORDER BY name"


@pytest.fixture
def databases(new_database: Any) -> Iterator[tuple[Any, Any]]:
    """PostgreSQL and MariaDB with people, each with a user ``app`` of its own whose password is planted."""
    made = new_database("postgres"), new_database("mariadb")
    user = f"app_{os.getpid()}"
    for database, rows in zip(made, (FIRST, SECOND)):
        database.run("CREATE TABLE people (name VARCHAR(40), amount BIGINT)")
        for row in rows:
            database.run(f"INSERT INTO people VALUES {row}")
    made[0].run("CREATE TABLE results (name VARCHAR(40), amount BIGINT)")
    made[0].run(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORDS[0]}'")
    made[0].run(f"GRANT ALL ON people, results TO {user}")
    made[1].run(f"CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORDS[1]}'")
    made[1].run(f"GRANT ALL ON *.* TO {user}@'%'")
    yield made
    made[0].run(f"DROP OWNED BY {user}", f"DROP ROLE {user}")
    made[1].run(f"DROP USER {user}@'%'")


def parts_of(database: Any) -> tuple[str, int, str]:
    """Host, port and name of a database."""
    place, _, name = database.url.partition("@")[2].partition("/")
    host, _, port = place.partition(":")
    return host, int(port), name


def told(folder: Path) -> dict[str, str]:
    """Everything that the processes said or wrote down, but policies, databases and recovery files."""
    files = [*folder.glob("*.out"), *folder.glob("*.err"), *(folder / "state").rglob("*")]
    return {path.name: path.read_text() for path in files if path.is_file() and path.parent.name != "recovery"}


def nothing_planted(folder: Path) -> None:
    for name, text in told(folder).items():
        for marker in ("planted", "706c616e746564", *NUMBERS):  # also as hexadecimal digits
            assert marker not in text, f"{name}: …{text[max(0, text.find(marker) - 300) : text.find(marker) + 60]}…"


def prepared(place: Scene, databases: tuple[Any, Any]) -> None:
    """Policies over both databases: a password in a URL, out of a variable, and in the object form."""
    user = f"app_{os.getpid()}"
    host, port, name = parts_of(databases[0])
    url = f"postgres://{user}:${{DB_PASSWORD}}@{host}:{port}/{name}"
    literal = f"postgres://{user}:{PASSWORDS[0]}@{host}:{port}/{name}"
    place.change(
        0,
        input={"db": url, "query": QUERY, "setup": "SELECT '${SALT}'"},
        output={"db": literal, "setup": "DELETE FROM results", "query": "INSERT INTO results VALUES ($1, $2)"},
        constants=None,
    )
    host, port, name = parts_of(databases[1])
    parts = {"driver": "mysql", "user": user, "password": PASSWORDS[1], "host": host, "port": port, "database": name}
    place.change(1, input={"db": parts, "query": QUERY}, constants=None)
    (place.folder / "secrets.env").write_text(f"DB_PASSWORD={PASSWORDS[0]}\nSALT=planted-salt\n")


def run_leader(place: Scene, code: int, *options: str) -> Process:
    """One run at the most talkative level, events among the lines of the log."""
    leader = place.start(0, "-vv", "--env-file", "secrets.env", "--events-fd", "1", *options)
    assert leader.end() == code, leader.log + leader.errors
    assert "Traceback (most recent call last)" in leader.errors if code else "DEBUG" in leader.log
    return leader


@pytest.mark.servers
@pytest.mark.defect("D10", "D14")
def test_no_log_holds_a_password_a_row_or_a_result(scene: Make, databases: tuple[Any, Any]) -> None:
    place = scene([(), ()], PROGRAM)
    prepared(place, databases)
    contributor = place.start(1, "-vv", "--log-format", "json")
    run_leader(place, 0)
    assert databases[0].run("SELECT name, amount FROM results ORDER BY name") == RESULT
    nothing_planted(place.folder)

    # The statement of the own input fails, and PostgreSQL quotes the row.
    query = place.policies[0]["input"]["query"]
    place.policies[0]["input"]["query"] = "SELECT CAST(name AS INT), amount FROM people"
    place.change(0)
    assert "invalid input syntax for type integer" in run_leader(place, 4).errors
    place.policies[0]["input"]["query"] = query

    # The result breaks a constraint, and PostgreSQL tells its detail.
    databases[0].run("ALTER TABLE results ADD CHECK (name <> 'planted-row-beta') NOT VALID")
    place.change(0)
    assert "row 2" in run_leader(place, 4).errors
    (recovery,) = (place.folder / "state" / "polytune" / "recovery").iterdir()
    assert stat.S_IMODE(recovery.stat().st_mode) == 0o600
    kept = recovery.read_text()
    assert RESULT[0][0] in kept and not any(password in kept for password in PASSWORDS)

    # The other side's rows do not fit, and its database goes away.
    databases[1].run("UPDATE people SET name = CONCAT(name, '-and-much-longer')")
    assert "party 1 aborted the run: db_error" in run_leader(place, 1).errors
    databases[1].run("DROP TABLE people")
    run_leader(place, 1)
    contributor.wait_for(IDLE, 6)
    lines = [json.loads(line) for line in contributor.log.splitlines()]
    assert any("text has" in line["message"] for line in lines)
    assert any(line["level"] == "debug" for line in lines)
    nothing_planted(place.folder)


@pytest.mark.servers
@pytest.mark.fault(27)
@pytest.mark.defect("D14")
def test_no_log_holds_a_password_that_was_refused(scene: Make, databases: tuple[Any, Any]) -> None:
    place = scene([(), ()], PROGRAM)
    prepared(place, databases)
    contributor = place.start(1)
    (place.folder / "secrets.env").write_text("DB_PASSWORD=planted-pw-wrong\nSALT=planted-salt\n")
    leader = run_leader(place, 4)
    assert "cannot connect to input db postgres://" in leader.errors and ":***@" in leader.errors
    assert "user or password refused" in leader.errors and "hint: check user and password" in leader.errors
    assert "Accepted" not in contributor.log
    nothing_planted(place.folder)


def test_the_users_of_these_tests_can_log_in(databases: tuple[Any, Any]) -> None:
    """Else the tests above would look for passwords that are of no use."""
    user = f"app_{os.getpid()}"
    for database, password in zip(databases, PASSWORDS):
        scheme, _, rest = database.url.partition("://")
        connection = connect(f"{scheme}://{user}:{password}@{rest.partition('@')[2]}")
        connection.close()
