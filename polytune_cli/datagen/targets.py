"""Writing a dataset: SQLite files, SQL scripts, CSV and Parquet files."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from polytune_cli.datagen.people import Dataset, Row

TABLES = ("location_town", "disability", "results", "settings")
_PERSON = ("first_name", "last_name", "date_of_birth")
_BATCH = 500


def columns(table: str) -> tuple[str, ...]:
    """Column names of a table of rows."""
    return ("id", *_PERSON, "area_city" if table == "location_town" else "care_level")


def write_sqlite(dataset: Dataset, directory: str | Path) -> dict[str, Path]:
    """One SQLite file per database: ``location``, ``disability``, ``results``, ``threshold``; returns their
    paths.

    Files that exist already are replaced.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.sqlite" for name in ("location", "disability", "results", "threshold")}
    people = "id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, date_of_birth TEXT, {} INTEGER"
    _sqlite(paths["location"], f"CREATE TABLE location_town ({people.format('area_city')})", dataset.location)
    _sqlite(paths["disability"], f"CREATE TABLE disability ({people.format('care_level')})", dataset.disability)
    _sqlite(paths["results"], "CREATE TABLE results (id INTEGER PRIMARY KEY AUTOINCREMENT, joined INTEGER)", [])
    settings = "CREATE TABLE settings (id INTEGER PRIMARY KEY, threshold INTEGER)"
    _sqlite(paths["threshold"], settings, [(1, dataset.threshold)])
    return paths


def _sqlite(path: Path, create: str, rows: Sequence[Sequence[Any]]) -> None:
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute(create)
            if rows:
                table = create.split()[2]
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    finally:
        connection.close()


def sql_script(dataset: Dataset, kind: str, tables: Sequence[str] = TABLES) -> str:
    """A script for ``postgres`` or ``mysql`` that makes and fills the tables; running it again starts
    afresh.
    """
    if kind not in ("postgres", "mysql"):
        raise ValueError("kind is postgres or mysql")
    parts = ["-- Test data made by `polytune data`; the people do not exist.\n"]
    if kind == "mysql":
        parts.append("SET NAMES utf8mb4;\n")
    for table in tables:
        parts += _script_of_table(dataset, kind, table)
    return "".join(parts)


def _script_of_table(dataset: Dataset, kind: str, table: str) -> Iterable[str]:
    serial = "SERIAL PRIMARY KEY"
    end = ") DEFAULT CHARSET=utf8mb4;\n" if kind == "mysql" else ");\n"
    yield f"DROP TABLE IF EXISTS {table};\n"
    if table == "results":
        yield f"CREATE TABLE results (id {serial}, joined INT{end}"
        return
    if table == "settings":
        yield f"CREATE TABLE settings (id {serial}, threshold INT{end}"
        yield f"INSERT INTO settings (threshold) VALUES ({dataset.threshold});\n"
        return
    if table not in TABLES:
        raise ValueError(f"there is no table {table}")
    rows = dataset.location if table == "location_town" else dataset.disability
    names = columns(table)
    texts = ", ".join(f"{name} TEXT" for name in _PERSON)
    yield f"CREATE TABLE {table} (id {serial}, {texts}, {names[4]} INT{end}"
    for start in range(0, len(rows), _BATCH):
        values = ",\n".join(_values(row, kind) for row in rows[start : start + _BATCH])
        yield f"INSERT INTO {table} ({', '.join(names)}) VALUES\n{values};\n"
    if kind == "postgres":
        yield f"SELECT setval('{table}_id_seq', {max(row[0] for row in rows)});\n"


def _values(row: Row, kind: str) -> str:
    return "(" + ", ".join(_sql(value, kind) for value in row) + ")"


def _sql(value: Any, kind: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = str(value).replace("'", "''")
    return "'" + (text.replace("\\", "\\\\") if kind == "mysql" else text) + "'"


def write_sql(dataset: Dataset, directory: str | Path, kinds: Sequence[str] = ("postgres", "mysql")) -> dict[str, Path]:
    """``postgres.sql`` and ``mysql.sql``, each with all tables."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"{kind}.sql" for kind in kinds}
    for kind, path in paths.items():
        path.write_text(sql_script(dataset, kind), encoding="utf-8")
    return paths


def _content(dataset: Dataset) -> dict[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]:
    """Column names and rows of each table that has rows."""
    return {
        "location_town": (columns("location_town"), dataset.location),
        "disability": (columns("disability"), dataset.disability),
        "settings": (("id", "threshold"), [(1, dataset.threshold)]),
    }


def write_csv(dataset: Dataset, directory: str | Path) -> dict[str, Path]:
    """``location_town.csv``, ``disability.csv`` and ``settings.csv`` with headers; NULL is empty."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, (header, rows) in _content(dataset).items():
        paths[name] = folder / f"{name}.csv"
        with paths[name].open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
    return paths


def write_parquet(dataset: Dataset, directory: str | Path) -> dict[str, Path]:
    """``location_town.parquet``, ``disability.parquet`` and ``settings.parquet``; PolicyError without pyarrow."""
    from engine.data.formats import import_pyarrow

    arrow = import_pyarrow("data --format parquet")
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, (header, rows) in _content(dataset).items():
        paths[name] = folder / f"{name}.parquet"
        arrow.parquet.write_table(arrow.table(dict(zip(header, map(list, zip(*rows))))), paths[name])
    return paths


def write_expected(dataset: Dataset, directory: str | Path) -> Path:
    """``expected.json``: what a plain join over the rows gives."""
    path = Path(directory) / "expected.json"
    content = {
        "rows": len(dataset.location),
        "threshold": dataset.threshold,
        "expected": dataset.expected,
        "matched_people": len(_keys(dataset.location) & _keys(dataset.disability)),
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def _keys(rows: Sequence[Row]) -> set[str]:
    return {f"{row[1]}{row[2]}{row[3]}" for row in rows}
