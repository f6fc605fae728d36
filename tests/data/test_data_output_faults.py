"""Faults while a result is written: lost commits, killed processes, full disks, refused rows; a million rows."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import Delivery, Result, write_outputs
from engine.errors import DataError, ResourceError
from engine.values import ArrayType
from tests.data.data_helpers import BOOL, I64, U16, U64, check_output, output_over, rows_of, text, write_output
from tests.database_proxy import Proxy

ROOT = Path(__file__).parents[2]
INSERT = "INSERT INTO results (v) VALUES ($1)"
TEN = ArrayType(U16, 10)
COUNTS = list(range(10))
SERVERS = [pytest.param(name, marks=pytest.mark.servers) for name in ("postgres", "mariadb")]


def stored(database: Any) -> list[int]:
    return sorted(row[0] for row in database.run("SELECT v FROM results"))


def large(rows: int, kind: str, target: str, fault: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.data.large_output", str(rows), kind, target, fault]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SERVERS)
def test_a_lost_commit_is_cleared_up_by_the_ledger(
    name: str, when: str, new_database: Any, tmp_path: Path, caplog: Any
) -> None:
    """Whether or not the server committed: the rows are there once."""
    database = new_database(name)
    database.run("CREATE TABLE results (v INT)")
    proxy = Proxy(database.url, lose_commit=when)
    try:
        spec = output_over(proxy.url, INSERT, ledger=True)
        with caplog.at_level(logging.WARNING, "polytune.data"):
            assert write_output(spec, TEN, COUNTS, "run", tmp_path) == 10
    finally:
        proxy.close()
    assert "broke during COMMIT" in caplog.text
    assert stored(database) == COUNTS


@pytest.mark.parametrize(("when", "there"), [("before", []), ("after", COUNTS)])
@pytest.mark.parametrize("name", SERVERS)
def test_a_lost_commit_without_a_ledger_is_told(
    name: str, when: str, there: list[int], new_database: Any, tmp_path: Path
) -> None:
    """Not tried again, because the rows may be there."""
    database = new_database(name)
    database.run("CREATE TABLE results (v INT)")
    proxy = Proxy(database.url, lose_commit=when)
    try:
        with pytest.raises(DataError, match="perhaps the rows are there") as caught:
            write_output(output_over(proxy.url, INSERT), TEN, COUNTS, "run", tmp_path)
    finally:
        proxy.close()
    assert "output may have been written; result saved to" in caught.value.message
    assert json.loads((tmp_path / "recovery" / "run.json").read_text())["outputs"][0]["state"] == "unknown"
    assert stored(database) == there


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    "kind",
    [
        "csv",
        "sqlite",
        *[pytest.param(name, marks=[pytest.mark.servers, pytest.mark.long]) for name in ("postgres", "mariadb")],
    ],
)
def test_a_million_rows(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """In batches, with progress, in one transaction, in little memory."""
    target = str(tmp_path / "out.csv")
    if kind != "csv":
        database = request.getfixturevalue("new_database")(kind)
        database.run("CREATE TABLE results (id INT, v INT)", "INSERT INTO results VALUES (-1, -1)")
        target = database.url
    done = large(1_000_000, kind if kind == "csv" else "database", target, "", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["told"], found["last"]) == (1_000_000, 1000, 1.0)
    assert found["after"] - found["before"] < 100_000_000
    if kind == "csv":
        with open(target) as file:
            assert sum(int(line.partition(",")[0]) for line in file) == 499_999_500_000
    else:
        assert [int(x) for x in database.run("SELECT COUNT(*), SUM(id) FROM results")[0]] == [
            1_000_000,
            499_999_500_000,
        ]


@pytest.mark.fault(61)
@pytest.mark.parametrize("kind", ["csv", "parquet", "sqlite", *SERVERS])
def test_a_process_that_is_killed_leaves_whole_or_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """SIGKILL when half of the rows are written: what was there before is there."""
    path = tmp_path / f"out.{kind}"
    path.write_text("old\n")
    target, is_file = str(path), kind in ("csv", "parquet")
    if not is_file:
        database = request.getfixturevalue("new_database")(kind)
        database.run("CREATE TABLE results (id INT, v INT)", "INSERT INTO results VALUES (-1, 7)")
        target = database.url
    done = large(20_000, kind if is_file else "database", target, "kill", tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    assert path.read_text() == "old\n"
    if not is_file:
        assert database.run("SELECT id, v FROM results") == [(-1, 7)]


@pytest.mark.fault(59)
def test_no_space_for_the_file_nor_for_recovery(tmp_path: Path) -> None:
    """The limit on the size of files takes the place of a full disk."""
    (tmp_path / "out.csv").write_text("old\n")
    done = large(20_000, "csv", str(tmp_path / "out.csv"), "full", tmp_path)
    assert done.returncode == 6, done.stdout + done.stderr
    message = json.loads(done.stdout)["error"]
    assert message.startswith(f"output: no space left writing {tmp_path}/out.csv\nthe result is lost: saving it to ")
    assert message.endswith("recovery/run.json failed: no space left")
    assert (tmp_path / "out.csv").read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["out.csv", "recovery", "state"]


@pytest.mark.fault(59)
def test_no_space_for_sqlite(new_database: Any, tmp_path: Path) -> None:
    database = new_database("sqlite")
    database.run("CREATE TABLE results (v TEXT)", "INSERT INTO results VALUES ('old')")
    spec = output_over(database.url, INSERT, "PRAGMA max_page_count = 3; DELETE FROM results", text="hex")
    with pytest.raises(ResourceError) as caught:
        write_output(spec, rows_of(text(100), size=500), [([7] * 100,)] * 500, "run", tmp_path)
    assert "no space left writing sqlite://" in caught.value.message
    assert (tmp_path / "recovery" / "run.json").is_file()
    assert database.run("SELECT v FROM results") == [("old",)]


@pytest.mark.fault(56)
def test_a_refused_row_among_many_is_named(database: Any, tmp_path: Path) -> None:
    """Where rows go in batches, the batch is repeated row by row to find it; all is rolled back."""
    database.run("CREATE TABLE results (v INT UNIQUE)", "INSERT INTO results VALUES (77777)")
    values = [*range(2000), 1000, *range(2001, 2500)]
    with pytest.raises(DataError, match=r"^output\.query, row 2001: "):
        write_output(output_over(database.url, INSERT), ArrayType(U16, 2500), values, "run", tmp_path)
    assert stored(database) == [77777]


def test_statements_that_change_no_row_are_counted(database: Any, tmp_path: Path, caplog: Any) -> None:
    database.run("CREATE TABLE results (v INT)", "INSERT INTO results VALUES (1)")
    update = output_over(database.url, "UPDATE results SET v = v + 1 WHERE v = $1")
    check_output(update, ArrayType(U16, 2))
    with caplog.at_level(logging.WARNING, "polytune.data"):
        write_output(update, ArrayType(U16, 2), [1, 9], "run", tmp_path)
        assert "output.query changed 1 rows for a result of 2 rows" in caplog.text
        caplog.clear()
        write_output(output_over(database.url, INSERT), ArrayType(U16, 2500), [7] * 2500, "run", tmp_path)
        assert caplog.text == ""
        many = [3] * 2500
        write_output(update, ArrayType(U16, 2500), many, "run", tmp_path)
        assert "output.query changed 0 rows for a result of 2500 rows" in caplog.text


def test_writing_can_be_called_off(database: Any, tmp_path: Path) -> None:
    """At the next batch: rolled back and saved."""
    database.run("CREATE TABLE results (v INT)", "INSERT INTO results VALUES (77777)")
    delivery = Delivery("run", tmp_path)
    delivery.progress = lambda done: delivery.stop.set()
    with pytest.raises(DataError) as caught:
        write_outputs([output_over(database.url, INSERT)], Result.of(ArrayType(U16, 2500), [1] * 2500), delivery)
    assert caught.value.code == "interrupted"
    assert "output was not written; result saved to" in caught.value.message
    assert stored(database) == [77777]


@pytest.mark.servers
def test_strict_refuses_statements_that_commit(new_database: Any) -> None:
    database = new_database("mariadb")
    database.run("CREATE TABLE results (v INT)")
    spec = output_over(database.url, INSERT, "TRUNCATE results")
    check_output(spec, TEN)
    with pytest.raises(DataError, match=r"output\.setup: TRUNCATE commits by itself") as caught:
        check_output(spec, TEN, strict=True)
    assert "DELETE FROM" in caught.value.hint


def test_a_large_number_as_text_in_sqlite(new_database: Any, tmp_path: Path) -> None:
    database = new_database("sqlite")
    database.run("CREATE TABLE results (v TEXT)")
    spec = output_over(database.url, "INSERT INTO results (v) VALUES (CAST($1 AS TEXT))")
    check_output(spec, ArrayType(U64, 2))
    write_output(spec, ArrayType(U64, 2), [2**64 - 1, 5], "run", tmp_path)
    assert sorted(database.run("SELECT v FROM results")) == [(str(2**64 - 1),), ("5",)]


def test_a_value_that_the_driver_refuses_keeps_the_result(new_database: Any, tmp_path: Path) -> None:
    """A NUL inside a text: SQLite takes it, the others may refuse it, none loses the result."""
    for name in ("sqlite", "postgres", "mariadb"):
        database = new_database(name)
        database.run("CREATE TABLE results (v VARCHAR(20))")
        spec = output_over(database.url, INSERT, text="text")
        try:
            write_output(spec, rows_of(text(3), size=1), [([97, 0, 98],)], name, tmp_path)
        except DataError as error:
            assert "output.query, row 1: " in error.message
            assert (tmp_path / "recovery" / f"{name}.json").is_file()
        else:
            assert database.run("SELECT v FROM results") == [("a\0b",)]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8).filter(
    lambda word: len(word.encode()) <= 24
)
RECORDS = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1), st.booleans(), WORDS), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS)
def test_values_arrive_as_they_are(database: Any, tmp_path: Path, records: list[Any]) -> None:
    """Any number, truth and text: what is read from the table is what was written."""
    big = {"sqlite": "TEXT", "postgres": "NUMERIC(20)", "mariadb": "BIGINT UNSIGNED"}[database.name]
    collate = " COLLATE utf8mb4_bin" if database.name == "mariadb" else ""
    setup = f"CREATE TABLE IF NOT EXISTS t (n INT, a {big}, b BIGINT, c BOOLEAN, d VARCHAR(30){collate}); DELETE FROM t"
    first = "CAST($1 AS TEXT)" if database.name == "sqlite" else "$1"
    spec = output_over(database.url, f"INSERT INTO t (a, b, c, d) VALUES ({first}, $2, $3, $4)", setup)
    type = rows_of(U64, I64, BOOL, text(24), size=len(records))
    value = [(a, b, c, list(d.encode().ljust(24, b"\0"))) for a, b, c, d in records]
    write_output(spec, type, value, "run", tmp_path)
    found = database.run("SELECT a, b, c, d FROM t")
    assert sorted((int(Decimal(a)), b, bool(c), _text(d)) for a, b, c, d in found) == sorted(records)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, (bytes, bytearray)) else value
