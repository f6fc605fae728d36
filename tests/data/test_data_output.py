"""Writing results: tried out without a trace, then all rows or none, and never lost."""

from __future__ import annotations

import json
import logging
import stat
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DataError, ResourceError
from engine.values import ArrayType, StructValue
from tests.data.data_helpers import (
    BOOL,
    I32,
    TIER,
    U8,
    U16,
    U64,
    check_output,
    output_over,
    rows_of,
    struct,
    text,
    write_output,
)
from tests.database_proxy import Proxy
from tests.servers import connect

TABLE = "CREATE TABLE results (id {serial}, joined INT)"
SERIAL = {
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "postgres": "SERIAL PRIMARY KEY",
    "mariadb": "SERIAL PRIMARY KEY",
}
INSERT = "INSERT INTO results (joined) VALUES (CAST($1 AS INT))"
TEN = ArrayType(U16, 10)
COUNTS = [2, 2, 4, 2, 1, 3, 3, 0, 2, 65535]


def with_results(database: Any) -> Any:
    database.run(TABLE.format(serial=SERIAL[database.name]))
    return database


def joined(database: Any) -> list[int]:
    return [row[0] for row in database.run("SELECT joined FROM results ORDER BY id")]


def refused(action: Any, *arguments: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        action(*arguments)
    assert caught.value.exit_code == 4
    return caught.value


def test_checked_then_written(database: Any, tmp_path: Path) -> None:
    with_results(database).run("INSERT INTO results (joined) VALUES (-1)")
    spec = output_over(database.url, INSERT, "DELETE FROM results")
    check_output(spec, TEN)
    assert joined(database) == [-1]
    assert write_output(spec, TEN, COUNTS, "run", tmp_path) == 10
    assert joined(database) == COUNTS
    assert database.run("SELECT MIN(id) FROM results") == [(2,)]
    assert write_output(spec, TEN, COUNTS, "run", tmp_path) == 10
    assert joined(database) == COUNTS
    assert list(tmp_path.glob("recovery*")) == []


def test_the_seeds_setup_is_not_run_by_the_check(database: Any, tmp_path: Path) -> None:
    """TRUNCATE commits by itself on MariaDB: the check must not run it there, and must undo it elsewhere."""
    with_results(database).run("INSERT INTO results (joined) VALUES (-1)")
    truncate = "DELETE FROM results" if database.name == "sqlite" else "TRUNCATE results"
    spec = output_over(database.url, INSERT, truncate)
    check_output(spec, TEN)
    assert joined(database) == [-1]
    write_output(spec, TEN, COUNTS, "run", tmp_path)
    assert joined(database) == COUNTS


@pytest.mark.servers
def test_the_check_warns_of_implicit_commits(new_database: Any, caplog: Any) -> None:
    database = with_results(new_database("mariadb"))
    with caplog.at_level(logging.WARNING, "polytune.data"):
        check_output(output_over(database.url, INSERT, "TRUNCATE results"), TEN)
    assert "TRUNCATE commits by itself" in caplog.text


def test_setup_may_make_the_table(database: Any, tmp_path: Path) -> None:
    create = f"CREATE TABLE IF NOT EXISTS results (id {SERIAL[database.name]}, joined INT); DELETE FROM results;"
    spec = output_over(database.url, INSERT, create)
    check_output(spec, TEN)
    write_output(spec, TEN, COUNTS, "run", tmp_path)
    assert joined(database) == COUNTS


@pytest.mark.parametrize(
    ("query", "setup", "text"),
    [
        ("INSERT INTO nowhere (joined) VALUES ($1)", None, "output check failed: output.query: "),
        ("INSERT INTO results (nope) VALUES ($1)", None, "output check failed: output.query: "),
        ("INSER INTO results (joined) VALUES ($1)", None, "output check failed: output.query: "),
        (INSERT, "DELETE FROM nowhere", "output check failed: output.setup: "),
        ("INSERT INTO results VALUES ($1, $2)", None, "output.query uses $1..$2 but the program returns 1 column"),
        ("INSERT INTO results (joined) VALUES (1)", None, "output.query uses no placeholder"),
        (INSERT + "; " + INSERT, None, "output.query: expected exactly one statement, got 2"),
    ],
)
@pytest.mark.fault(54)
def test_an_output_that_cannot_work(database: Any, query: str, setup: str | None, text: str) -> None:
    with_results(database)
    assert text in refused(check_output, output_over(database.url, query, setup), TEN).message


@pytest.mark.servers
@pytest.mark.fault(54)
def test_the_check_asks_for_rights(new_database: Any) -> None:
    database = with_results(new_database("postgres"))
    role = f"reader_{database.url.rpartition('/')[2]}"
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD 'test'", f"GRANT SELECT ON results TO {role}")
    url = database.url.replace("postgres:test@", f"{role}:test@")
    try:
        error = refused(check_output, output_over(url, INSERT), TEN)
        assert "permission denied" in error.message
        assert "grant" in error.hint
    finally:
        database.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_the_check_reaches_no_server() -> None:
    error = refused(check_output, output_over("postgres://u:secret-word@127.0.0.1:1/p", INSERT), TEN)
    assert error.message == (
        "output check failed: cannot connect to output db postgres://u:***@127.0.0.1:1/p: connection refused"
    )


def test_a_check_constraint_does_not_stop_the_check(database: Any, tmp_path: Path) -> None:
    """The zero of the trial breaks the constraint, the real result does not."""
    database.run("CREATE TABLE results (id INT, joined INT NOT NULL CHECK (joined > 5))")
    spec = output_over(database.url, "INSERT INTO results (id, joined) VALUES (1, $1)")
    check_output(spec, U16)
    assert write_output(spec, U16, 6, "run", tmp_path) == 1


@pytest.mark.defect("D10")
def test_types_arrive_natively(database: Any, tmp_path: Path) -> None:
    blob = "BYTEA" if database.name == "postgres" else "BLOB"
    big = {"sqlite": "TEXT", "postgres": "NUMERIC", "mariadb": "BIGINT UNSIGNED"}[database.name]
    database.run(f"CREATE TABLE t (a BOOLEAN, b INT, c {big}, d VARCHAR(20), e {blob}, f VARCHAR(20))")
    type = rows_of(BOOL, I32, U64, text(5), text(2), TIER, size=1)
    largest = 2**63 - 1 if database.name == "sqlite" else 2**64 - 1
    from engine.values import EnumValue

    value = [(True, -7, largest, list("a%'é"[:4].encode()), [255, 0], EnumValue("Tier", "Pro"))]
    spec = output_over(database.url, "INSERT INTO t (a, b, c, d, e, f) VALUES ($1, $2, $3, $4, $5, $6) -- 100 %")
    check_output(spec, type)
    write_output(spec, type, value, "run", tmp_path)
    (row,) = database.run("SELECT * FROM t")
    wide = {"sqlite": str(largest), "postgres": Decimal(largest), "mariadb": largest}[database.name]
    assert (bool(row[0]), row[1], row[2], row[3], bytes(row[4]), row[5]) == (True, -7, wide, "a%'é", b"\xff\0", "Pro")


def test_structs_by_name_and_placeholders_of_all_kinds(database: Any, tmp_path: Path) -> None:
    database.run("CREATE TABLE t (area INT, people INT, note VARCHAR(20))")
    type = ArrayType(struct("Total", people=U16, area=U8), 1)
    value = [StructValue("Total", {"area": 3, "people": 400})]
    for query in (
        "INSERT INTO t (people, area, note) VALUES (:people, :area, ':area')",
        "INSERT INTO t (people, area, note) VALUES ($2, $1, '$1')",
        "INSERT INTO t (area, people, note) VALUES (?, ?, '?')",
    ):
        spec = output_over(database.url, query, "DELETE FROM t")
        check_output(spec, type)
        write_output(spec, type, value, "run", tmp_path)
        (row,) = database.run("SELECT area, people, note FROM t")
        assert row[:2] == (3, 400)
        assert row[2] in (":area", "$1", "?")


def test_a_large_result_goes_in_batches(database: Any, tmp_path: Path) -> None:
    with_results(database)
    counts = [number % 1000 for number in range(2500)]
    spec = output_over(database.url, INSERT, "DELETE FROM results")
    assert write_output(spec, ArrayType(U16, 2500), counts, "run", tmp_path) == 2500
    assert joined(database) == counts


@pytest.mark.fault(56)
@pytest.mark.defect("D12")
def test_a_refused_row_rolls_all_back_and_keeps_the_result(database: Any, tmp_path: Path) -> None:
    database.run("CREATE TABLE results (id INT, joined INT UNIQUE)", "INSERT INTO results VALUES (0, 77)")
    spec = output_over(database.url, "INSERT INTO results (joined) VALUES ($1)", "DELETE FROM results WHERE id = 0")
    counts = [1, 2, 3, 4, 5, 6, 4, 8]
    error = refused(write_output, spec, ArrayType(U16, 8), counts, "0f8fad5b-d9cb", tmp_path)
    path = tmp_path / "recovery" / "0f8fad5b-d9cb.json"
    assert error.message.startswith("output.query, row 7: ")
    assert error.message.endswith(
        f"output was not written; result saved to {path}; apply with: polytune output --resume {path}"
    )
    assert database.run("SELECT joined FROM results") == [(77,)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    saved = json.loads(path.read_text())
    assert saved["rows"] == [[count] for count in counts]
    assert saved["run_id"] == "0f8fad5b-d9cb"
    assert [output["query"] for output in saved["outputs"]] == [spec.query]
    assert "test@" not in path.read_text()


@pytest.mark.fault(55)
def test_a_lost_database_keeps_the_result(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.data.delivery.PAUSES", (0.01, 0.01, 0.01))
    spec = output_over("mysql://u:secret-word@127.0.0.1:1/p", INSERT)
    error = refused(write_output, spec, rows_of(text(2), U8, size=1), [([255, 1], 3)], "../run", tmp_path)
    (path,) = (tmp_path / "recovery").iterdir()
    assert path.name == "_run.json"
    assert str(path) in error.message
    assert json.loads(path.read_text())["rows"] == [[{"hex": "ff01"}, 3]]
    assert "secret-word" not in path.read_text() + error.message


def test_a_state_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.data.delivery.PAUSES", ())
    (tmp_path / "recovery").write_text("a file is in the way")
    with pytest.raises(ResourceError, match="saving it to"):
        write_output(output_over("postgres://u@127.0.0.1:1/p", INSERT), U8, 1, "run", tmp_path)


def test_a_locked_database_is_tried_again(database: Any, tmp_path: Path, monkeypatch: Any, caplog: Any) -> None:
    """Another connection holds the lock for a while; the transaction is repeated as a whole."""
    with_results(database).run("INSERT INTO results (joined) VALUES (-1)")
    monkeypatch.setattr("engine.data.delivery.PAUSES", (1.0, 1.0, 1.0))
    timeout = {
        "sqlite": "SELECT 1",
        "postgres": "SET LOCAL lock_timeout = 300",
        "mariadb": "SET SESSION innodb_lock_wait_timeout = 1",
    }[database.name]
    if database.name == "sqlite":
        monkeypatch.setattr("engine.data.connect.SQLITE_BUSY", 0.2)
    spec = output_over(database.url, INSERT, f"{timeout}; DELETE FROM results")
    other = connect(database.url)
    cursor = other.cursor()
    if database.name == "sqlite":
        cursor.execute("BEGIN IMMEDIATE")
    cursor.execute("DELETE FROM results WHERE joined = -1")
    release = threading.Timer(1.6, other.rollback)
    if database.name == "sqlite":
        other.close()
        other = connect_for_threads(database.url)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(1.0, other.rollback)
    release.start()
    with caplog.at_level(logging.WARNING, "polytune.data"):
        assert write_output(spec, TEN, COUNTS, "run", tmp_path) == 10
    release.join()
    other.close()
    assert "trying again" in caplog.text
    assert joined(database) == COUNTS


def connect_for_threads(url: str) -> Any:
    import sqlite3

    return sqlite3.connect(url.removeprefix("sqlite://"), check_same_thread=False, isolation_level=None)


@pytest.mark.servers
def test_a_serialization_failure_is_tried_again(new_database: Any, tmp_path: Path, caplog: Any) -> None:
    """The setup makes the transaction fail as PostgreSQL does it, until a sequence has counted to three."""
    database = with_results(new_database("postgres"))
    database.run(
        "CREATE SEQUENCE tries",
        "CREATE FUNCTION fail_twice() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('tries') < 3 THEN RAISE 'conflict' USING ERRCODE = '40001'; END IF; END $$",
    )
    spec = output_over(database.url, INSERT, "SELECT fail_twice()")
    with caplog.at_level(logging.WARNING, "polytune.data"):
        assert write_output(spec, TEN, COUNTS, "run", tmp_path) == 10
    assert caplog.text.count("trying again") == 2
    assert joined(database) == COUNTS
    database.run("ALTER SEQUENCE tries MINVALUE -100", "SELECT setval('tries', -100)")
    assert "conflict" in refused(write_output, spec, TEN, COUNTS, "run", tmp_path).message
    assert database.run("SELECT last_value FROM tries") == [(-96,)]


@pytest.mark.servers
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_broken_connection_is_tried_again(name: str, new_database: Any, tmp_path: Path, caplog: Any) -> None:
    database = with_results(new_database(name))
    proxy = Proxy(database.url)
    pause = "SELECT pg_sleep(0.8)" if name == "postgres" else "SELECT SLEEP(0.8)"
    spec = output_over(proxy.url, INSERT, f"{pause}; DELETE FROM results")

    def cut_soon() -> None:
        while not proxy.pairs:
            time.sleep(0.01)
        time.sleep(0.4)
        proxy.cut()

    cutter = threading.Thread(target=cut_soon)
    cutter.start()
    try:
        with caplog.at_level(logging.WARNING, "polytune.data"):
            assert write_output(spec, TEN, COUNTS, "run", tmp_path) == 10
    finally:
        cutter.join()
        proxy.close()
    assert "trying again" in caplog.text
    assert joined(database) == COUNTS


def test_numbers_too_large_for_sqlite(new_database: Any, tmp_path: Path) -> None:
    database = with_results(new_database("sqlite"))
    error = refused(write_output, output_over(database.url, INSERT), U64, 2**63, "run", tmp_path)
    assert "output.query, row 1: a u64 above 2^63-1" in error.message
