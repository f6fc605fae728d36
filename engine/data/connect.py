"""Connections: SQLAlchemy Core over psycopg2, mysql-connector and sqlite3, one transaction at a time.

Drivers are imported here only, and only when a database is used.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from engine.data.drivers import missing
from engine.data.pgtypes import keep_values
from engine.data.problems import connect_problem, original, query_problem
from engine.errors import DataError, PolicyError
from engine.outputs import DatabaseOutput
from engine.sources import InputSpec, database_kind, redact, sqlite_path

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

CONNECT_TIMEOUT = 10
#: A server that vanished without a word is noticed after a minute (libpq), however long the statement may take.
ALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
SQLITE_BUSY = 10.0


class Database:
    """One open connection with its texts for messages; ``role`` is ``input`` or ``output``."""

    def __init__(self, connection: Connection, spec: InputSpec | DatabaseOutput, role: str) -> None:
        self.connection = connection
        self.spec = spec
        self.role = role
        self.kind = kind_of(spec)
        self.url = redact(spec.db)
        self.secrets = secrets_of(spec)

    @property
    def is_mariadb(self) -> bool:
        """True for MariaDB, which differs from MySQL in a few settings."""
        return bool(getattr(self.connection.dialect, "is_mariadb", False))

    def run(self, sql: str, parameters: Any = None, *, stream: bool = False) -> CursorResult[Any]:
        """Run one statement as the driver takes it; a ``%`` or ``:name`` in it has no meaning without
        parameters.
        """
        if parameters is not None:
            return self.connection.exec_driver_sql(sql, parameters)
        options: dict[str, Any] = {"no_parameters": True}
        if stream:
            options["stream_results"] = True
        return self.connection.exec_driver_sql(sql, execution_options=options)

    def error(self, label: str, error: BaseException) -> DataError:
        """The error of a statement, as one to raise; ``label`` is the policy key it came from."""
        text, hint = query_problem(error, self.secrets)
        return DataError(f"{label}: {text}", hint)


def kind_of(spec: InputSpec | DatabaseOutput) -> str:
    """postgres, mysql or sqlite."""
    kind = database_kind(spec.db)
    if kind is None:
        raise PolicyError("unsupported database URL", hint="use postgres, mysql, mariadb or sqlite")
    return kind


def secrets_of(spec: InputSpec | DatabaseOutput) -> tuple[str, ...]:
    """Texts that no message may hold: expanded secrets and the password of the URL in both spellings."""
    found = set(spec.secrets)
    if kind_of(spec) != "sqlite":
        from urllib.parse import unquote, urlsplit

        password = urlsplit(spec.db).password
        if password and len(password) >= 5:
            found |= {password, unquote(password)}
    return tuple(found)


@contextmanager
def open_database(spec: InputSpec | DatabaseOutput, role: str) -> Iterator[Database]:
    """Connect; at the end roll back what was not committed, and close. Raises DataError when that fails."""
    from sqlalchemy.exc import SQLAlchemyError

    engine = _engine(spec)
    try:
        try:
            connection = engine.connect()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise connect_error(spec, role, error) from original(error)
        except Exception as error:  # drivers raise their own classes for bad parameters of the URL
            if not type(error).__module__.startswith(("psycopg2", "mysql")):
                raise
            raise connect_error(spec, role, error) from original(error)
        try:
            yield Database(connection, spec, role)
        finally:
            _close(connection)
    finally:
        engine.dispose()


def connect_error(spec: InputSpec | DatabaseOutput, role: str, error: BaseException) -> DataError:
    """The error for a database that cannot be reached."""
    reason, hint = connect_problem(error, secrets_of(spec))
    return DataError(f"cannot connect to {role} db {redact(spec.db)}: {reason}", hint, code="db_connect")


def _close(connection: Connection) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection.rollback()
        connection.close()
    except (SQLAlchemyError, sqlite3.Error):
        connection.invalidate()


def _engine(spec: InputSpec | DatabaseOutput) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    kind = kind_of(spec)
    common: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    try:
        if kind == "sqlite":
            return create_engine("sqlite://", creator=lambda: _connect_sqlite(spec.db), **common)
        from sqlalchemy.engine import make_url

        url = make_url(spec.db)
        if kind == "postgres":
            url = url.set(drivername="postgresql+psycopg2")
            arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT, "client_encoding": "utf8", **ALIVE}
            return create_engine(url, connect_args=arguments, executemany_mode="values_plus_batch", **common)
        arguments = {
            "charset": "utf8mb4",
            "collation": "utf8mb4_general_ci",
            "connection_timeout": CONNECT_TIMEOUT,
        }
        url = url.set(drivername="mysql+mysqlconnector").difference_update_query(list(arguments))
        return create_engine(url, connect_args=arguments, **common)
    except (ImportError, NoSuchModuleError):
        raise missing(kind) from None
    except (ArgumentError, ValueError):
        hint = "percent-encode special characters of user and password, or use the object form of 'db'"
        raise DataError("the database URL cannot be understood", hint) from None


def _connect_sqlite(url: str) -> sqlite3.Connection:
    """A connection that leaves transactions to us. A file that does not exist is an error, not a new
    database.
    """
    path, parameters = sqlite_path(url)
    mode = parameters.get("mode", "rw")
    if path != ":memory:" and mode != "rwc" and not Path(path).is_file():
        raise sqlite3.OperationalError("unable to open database file: no such file")
    name = ":memory:" if path == ":memory:" else f"file:{quote(path)}?mode={mode}"
    connection = sqlite3.connect(
        name, uri=path != ":memory:", isolation_level=None, timeout=SQLITE_BUSY, check_same_thread=False
    )
    # Text that is not UTF-8 must reach our own check with its row and column, not end the query.
    connection.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")
    return connection


def begin_snapshot(database: Database, *, read_only: bool, timeout: float) -> None:
    """Start the one transaction in which everything is read (section 2.4 of the service specification)."""
    milliseconds = max(1, int(timeout * 1000))
    if database.kind == "postgres":
        keep_values(database.connection.connection.dbapi_connection)
        access = "READ ONLY" if read_only else "READ WRITE"
        database.run(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, {access}")
        database.run(f"SET LOCAL statement_timeout = {milliseconds}")
    elif database.kind == "mysql":
        if database.is_mariadb:
            database.run(f"SET SESSION max_statement_time = {milliseconds / 1000}")
        else:
            database.run(f"SET SESSION max_execution_time = {milliseconds}")
        database.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if read_only:
            database.run("SET SESSION TRANSACTION READ ONLY")
        database.connection.rollback()
        access = ", READ ONLY" if read_only else ""
        database.run(f"START TRANSACTION WITH CONSISTENT SNAPSHOT{access}")
    else:
        _limit_sqlite(database, timeout)
        if read_only:
            database.run("PRAGMA query_only = ON")
        database.run("BEGIN DEFERRED")
        # The snapshot of a deferred transaction begins with its first read.
        database.run("SELECT COUNT(*) FROM sqlite_master").close()


def _limit_sqlite(database: Database, timeout: float) -> None:
    raw: Any = database.connection.connection.dbapi_connection
    deadline = time.monotonic() + timeout
    raw.set_progress_handler(lambda: 1 if time.monotonic() > deadline else 0, 100_000)


def begin_write(database: Database) -> None:
    """Start a transaction for writing."""
    if database.kind == "sqlite":
        database.run("BEGIN IMMEDIATE")
