"""What drivers say is shown without passwords, without expanded secrets and without values of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.data import read_snapshot
from engine.data.problems import clean
from engine.errors import DataError
from engine.values import ArrayType
from tests.data.data_helpers import U16, check_output, output_over, policy_over, rows_of, text, write_output

PERSON = "Grosvenor"
SECRET = "hunter2secret"


def message(action: Any, *arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        action(*arguments)
    return caught.value.message + caught.value.hint


@pytest.mark.servers
def test_a_cast_that_fails_does_not_show_the_row(new_database: Any) -> None:
    database = new_database("postgres")
    database.run("CREATE TABLE t (name TEXT)", f"INSERT INTO t VALUES ('{PERSON}')")
    shown = message(read_snapshot, policy_over(database.url, "SELECT CAST(name AS INT) FROM t"), {})
    assert "invalid input syntax for type integer" in shown
    assert PERSON not in shown


def test_a_refused_row_is_not_shown(database: Any, tmp_path: Path) -> None:
    database.run("CREATE TABLE t (name VARCHAR(20) PRIMARY KEY)")
    spec = output_over(database.url, "INSERT INTO t VALUES ($1)")
    values = [(list(PERSON.encode()),)] * 2
    shown = message(write_output, spec, rows_of(text(9), size=2), values, "run", tmp_path)
    assert "row 2" in shown
    assert PERSON not in shown


@pytest.mark.servers
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_value_of_the_wrong_kind_is_not_shown(name: str, new_database: Any, tmp_path: Path) -> None:
    database = new_database(name)
    database.run("CREATE TABLE t (n INT)")
    spec = output_over(database.url, "INSERT INTO t VALUES ($1)")
    shown = message(write_output, spec, rows_of(text(9), size=1), [(list(PERSON.encode()),)], "run", tmp_path)
    assert "row 1" in shown
    assert PERSON not in shown


def test_an_expanded_secret_in_a_query_is_not_shown(database: Any) -> None:
    spec = {"secrets": (SECRET,)}
    shown = message(read_snapshot, policy_over(database.url, f"SELECT {SECRET} FROM nowhere", **spec), {})
    assert SECRET not in shown
    shown = message(read_snapshot, policy_over(database.url, f"SELEC {SECRET}", **spec), {})
    assert SECRET not in shown
    found = read_snapshot(policy_over(database.url, f"SELECT '{SECRET}'", **spec), {})
    assert found.query == "SELECT '***'"
    assert SECRET not in repr(found)
    assert SECRET not in repr(found.rows)


def test_an_expanded_secret_in_an_output_is_not_shown(database: Any) -> None:
    spec = output_over(database.url, f"INSERT INTO {SECRET} VALUES ($1)", secrets=(SECRET,))
    assert SECRET not in message(check_output, spec, ArrayType(U16, 1))


def test_clean() -> None:
    assert clean("at postgres://u:abc@h/x with abc123 and password=xyz", ["abc123", "abc1"]) == (
        "at postgres://u:***@h/x with *** and password=***"
    )
