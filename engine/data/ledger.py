"""The table ``polytune_runs`` in the output database: which runs are in it, so that none is written twice.

Its row is written in the transaction of the result. Two processes that write the same run meet at its primary key.
"""

from __future__ import annotations

import time
from typing import Any

from engine.data.connect import Database

TABLE = "polytune_runs"
_EXISTS = {
    "postgres": f"SELECT 1 WHERE to_regclass('{TABLE}') IS NOT NULL",
    "mysql": f"SHOW TABLES LIKE '{TABLE}'",
    "sqlite": f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'",
}
_CREATE = {
    "postgres": f"CREATE TABLE IF NOT EXISTS {TABLE} "
    "(run_id VARCHAR(64) PRIMARY KEY, finished_at TIMESTAMPTZ NOT NULL, rows BIGINT NOT NULL)",
    "mysql": f"CREATE TABLE IF NOT EXISTS {TABLE} "
    "(run_id VARCHAR(64) PRIMARY KEY, finished_at DATETIME NOT NULL, `rows` BIGINT NOT NULL) ENGINE=InnoDB",
    "sqlite": f"CREATE TABLE IF NOT EXISTS {TABLE} "
    "(run_id TEXT PRIMARY KEY NOT NULL, finished_at TEXT NOT NULL, rows INTEGER NOT NULL)",
}


def exists(database: Database) -> bool:
    """Whether the table is there."""
    return bool(database.run(_EXISTS[database.kind]).fetchall())


def create(database: Database) -> None:
    """Make the table unless it is there; on MySQL and MariaDB this commits."""
    if not exists(database):
        database.run(_CREATE[database.kind]).close()


def written(database: Database, run_id: str) -> bool:
    """Whether the run is in the database."""
    mark = "?" if database.kind == "sqlite" else "%s"
    return bool(database.run(f"SELECT 1 FROM {TABLE} WHERE run_id = {mark}", (run_id,)).fetchall())


def note(database: Database, run_id: str, rows: int) -> None:
    """Put the run in the table, as a part of the present transaction."""
    database.run(insert(database.kind, "?" if database.kind == "sqlite" else "%s"), values(database.kind, run_id, rows))


def insert(kind: str, mark: str) -> str:
    """The statement for one run."""
    name = "`rows`" if kind == "mysql" else "rows"
    return f"INSERT INTO {TABLE} (run_id, finished_at, {name}) VALUES ({mark}, {mark}, {mark})"


def values(kind: str, run_id: str, rows: int) -> tuple[Any, ...]:
    """Its values; the time is UTC."""
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    return run_id, f"{now}+00" if kind == "postgres" else now, rows
