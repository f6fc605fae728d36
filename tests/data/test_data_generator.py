"""Test data: the same for a seed, with the promised overlap, and an answer that databases agree with."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.errors import ResourceError
from polytune_cli.commands.data import command
from polytune_cli.datagen import people, people_with_threshold, spoil, sql_script, write_csv, write_sqlite
from tests.servers import TestDatabase

JOIN = (
    "SELECT area_city, COUNT(*) FROM location_town l JOIN disability d ON l.first_name = d.first_name "
    "AND l.last_name = d.last_name AND l.date_of_birth = d.date_of_birth WHERE care_level >= {} GROUP BY area_city"
)


def keys(rows: Any) -> set[tuple[Any, ...]]:
    return {row[1:4] for row in rows}


def test_a_seed_gives_the_same_people() -> None:
    assert people(30, 7) == people(30, 7)
    assert people(30, 7) != people(30, 8)


def test_what_the_rows_are_like() -> None:
    data = people(2000, 3, 0.75)
    for rows, low, high in ((data.location, 0, 9), (data.disability, 1, 5)):
        assert len(rows) == len(keys(rows)) == 2000
        assert sorted(row[0] for row in rows) == list(range(1, 2001))
        assert [row[0] for row in rows] != sorted(row[0] for row in rows)
        assert {row[4] for row in rows} == set(range(low, high + 1))
        accented = sum(not f"{row[1]}{row[2]}".isascii() for row in rows) / 2000
        assert 0.05 < accented < 0.15
    assert len(keys(data.location) & keys(data.disability)) == 1500
    assert 0 < sum(data.expected) < 1500


@pytest.mark.parametrize(("overlap", "shared"), [(0.0, 0), (1.0, 40), (0.5, 20)])
def test_overlap(overlap: float, shared: int) -> None:
    data = people(40, 1, overlap)
    assert len(keys(data.location) & keys(data.disability)) == shared
    assert overlap > 0 or data.expected == [0] * 10


def test_the_third_party_brings_the_threshold() -> None:
    found = {people_with_threshold(50, seed).threshold for seed in range(30)}
    assert found == {2, 3, 4, 5}
    data = people_with_threshold(50, 1)
    assert data.location == people(50, 1).location


@pytest.mark.parametrize("arguments", [(0, 1, 0.8), (5, 1, 1.5), (5, 1, -0.1)])
def test_impossible_arguments(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"row|overlap"):
        people(*arguments)


def counts(rows: list[tuple[Any, ...]]) -> list[int]:
    found = [0] * 10
    for area, count in rows:
        found[area] = count
    return found


def test_sqlite_files_hold_the_answer(tmp_path: Path) -> None:
    data = people_with_threshold(60, 5)
    paths = write_sqlite(data, tmp_path)
    write_sqlite(data, tmp_path)  # files that exist are replaced
    connection = sqlite3.connect(paths["location"])
    connection.execute("ATTACH ? AS other", (str(paths["disability"]),))
    query = JOIN.format(data.threshold).replace("JOIN disability", "JOIN other.disability")
    assert counts(connection.execute(query).fetchall()) == data.expected
    connection.close()
    threshold = sqlite3.connect(paths["threshold"])
    assert threshold.execute("SELECT threshold FROM settings WHERE id = 1").fetchall() == [(data.threshold,)]
    threshold.close()


@pytest.mark.servers
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_scripts_make_the_same_tables(name: str, new_database: Any) -> None:
    data = people(700, 5)
    database: TestDatabase = new_database(name)
    for _ in range(2):  # running a script again starts afresh
        database.script(sql_script(data, database.kind))
    binary = JOIN if name == "postgres" else JOIN.replace("l.first_name = ", "BINARY l.first_name = BINARY ")
    assert counts(database.run(binary.format(4))) == data.expected
    rows = database.run("SELECT id, first_name, last_name, date_of_birth, area_city FROM location_town ORDER BY id")
    assert rows == sorted(data.location)
    database.run("INSERT INTO location_town (first_name) VALUES ('next')")
    assert database.run("SELECT MAX(id) FROM location_town") == [(701,)]
    assert database.run("SELECT threshold FROM settings WHERE id = 1") == [(4,)]


def test_csv_files(tmp_path: Path) -> None:
    data = people(9, 5)
    path = write_csv(data, tmp_path)["disability"]
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header == ["id", "first_name", "last_name", "date_of_birth", "care_level"]
    assert [(int(row[0]), *row[1:4], int(row[4])) for row in rows] == list(data.disability)


def test_faults_are_added_on_request() -> None:
    data = people(20, 2)
    bad = spoil(data, duplicates=2, nulls=3, long_names=1).location
    assert [row[0] for row in bad] == [row[0] for row in data.location]
    assert sum(row[1:4] == bad[0][1:4] for row in bad) == 3
    assert sum(row[1] is None for row in bad) == 3
    assert sum(len(row[2]) > 80 for row in bad) == 1
    with pytest.raises(ValueError, match="more faults than rows"):
        spoil(data, nulls=21)


def test_the_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--rows", "12", "--seed", "4", "--out", str(tmp_path / "x"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert report["expected"] == people(12, 4).expected
    assert report["seed"] == 4
    assert all(Path(name).is_file() for name in report["files"])
    saved = json.loads((tmp_path / "x" / "expected.json").read_text())
    assert saved["expected"] == report["expected"]
    assert saved["matched_people"] == 10


def test_the_command_says_what_it_drew(tmp_path: Path) -> None:
    arguments = ["--rows", "5", "--out", str(tmp_path), "--format", "csv", "--parties", "3", "--nulls", "1"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    seed = int(done.output.partition("seed ")[2].partition(")")[0])
    assert str(people_with_threshold(5, seed).expected) in done.output


def test_all_formats_at_once_hold_the_same_rows(tmp_path: Path) -> None:
    import pyarrow.parquet

    formats = ["sqlite", "postgres", "mysql", "csv", "parquet"]
    arguments = ["--rows", "20", "--seed", "2", "--nulls", "1", "--json", "--out", str(tmp_path)]
    done = CliRunner().invoke(command, [*arguments, *(part for form in formats for part in ("--format", form))])
    assert done.exit_code == 0, done.output
    names = {Path(name).name for name in json.loads(done.output)["files"]}
    assert {"location.sqlite", "postgres.sql", "mysql.sql", "location_town.csv", "location_town.parquet"} <= names
    rows = [tuple(row.values()) for row in pyarrow.parquet.read_table(tmp_path / "location_town.parquet").to_pylist()]
    assert tuple(rows) == spoil(people(20, 2), nulls=1).location
    with sqlite3.connect(tmp_path / "location.sqlite") as connection:
        assert sorted(connection.execute("SELECT * FROM location_town").fetchall()) == sorted(rows)


def test_wrong_use_of_the_command(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(command, ["--rows", "0", "--out", str(tmp_path)]).exit_code == 2
    assert run(command, ["--rows", "3", "--nulls", "9", "--out", str(tmp_path)]).exit_code == 2
    (tmp_path / "file").write_text("")
    done = run(command, ["--rows", "3", "--out", str(tmp_path / "file")])
    assert isinstance(done.exception, ResourceError)
    assert "cannot write to" in str(done.exception)
