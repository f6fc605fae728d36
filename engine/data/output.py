"""Writing the result: tried out before the run, then all rows in one transaction or none (section 3.7)."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from engine.data import recovery
from engine.data.connect import Database, begin_write, kind_of, open_database
from engine.data.problems import is_constraint, may_retry, original
from engine.data.result import column_count, result_rows, zero_row
from engine.data.sqltext import Bound, PlaceholderError, bind, first_word, statements, words
from engine.errors import DataError, PolytuneError
from engine.sources import OutputSpec, redact
from engine.values import Type

BATCH = 1000
#: Pauses before the second, third and fourth attempt, in seconds.
PAUSES = (0.2, 1.0, 3.0)
#: PostgreSQL can run these, but not explain them.
_NOT_EXPLAINABLE = ("CALL", "EXECUTE")
_IMPLICIT_COMMIT = (
    "TRUNCATE",
    "CREATE",
    "DROP",
    "ALTER",
    "RENAME",
    "GRANT",
    "REVOKE",
    "LOCK",
    "ANALYZE",
    "OPTIMIZE",
)
_SQLITE_MAX = (1 << 63) - 1

log = logging.getLogger("polytune.data")


def check_output(spec: OutputSpec, result_type: Type) -> None:
    """Try the output before the run; raises DataError when it cannot work. Changes nothing.

    PostgreSQL: ``setup`` and an EXPLAIN of the insert in a transaction that is rolled back (no sequence
    moves). SQLite: ``setup`` and one typed insert, rolled back. MySQL and MariaDB: statements are prepared,
    not run, because TRUNCATE and DDL commit by themselves and tables need not be transactional.
    """
    from sqlalchemy.exc import SQLAlchemyError

    bound = _bind(spec, result_type)
    row = bound.arrange(zero_row(result_type, text=spec.text, keep=spec.keep))
    try:
        with open_database(spec, "output") as database:
            _try_out(database, spec, bound, row, result_type)
    except DataError as error:
        raise DataError(f"output check failed: {error.message}", error.hint, code=error.code) from None
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DataError(f"output check failed: {type(original(error)).__name__}") from None


def write_output(
    spec: OutputSpec, result_type: Type, value: Any, run_id: str, state_dir: str | os.PathLike[str]
) -> int:
    """Run ``setup`` and insert all rows in one transaction; returns their number.

    Deadlocks, serialization failures and lost connections are tried again up to three times. When that
    fails the rows are saved to ``<state_dir>/recovery/<run_id>.json`` and DataError names the file.
    """
    names, rows = result_rows(result_type, value, text=spec.text, keep=spec.keep)
    try:
        bound = _bind(spec, result_type)
        _write_with_retries(spec, bound, rows)
    except PolytuneError as error:
        path = recovery.save(
            state_dir,
            run_id,
            database=redact(spec.db),
            setup=spec.setup,
            query=spec.query,
            columns=names,
            rows=rows,
        )
        hint = f"{error.hint}; " if error.hint else ""
        raise DataError(
            f"{error.message}\nthe output database was not changed; result saved to {path}"
            if not isinstance(error, _CommitLost)
            else f"{error.message}\nresult saved to {path}",
            f"{hint}the file holds the rows and the statements; apply them when the database works again",
        ) from None
    return len(rows)


class _CommitLost(DataError):
    """The connection broke during COMMIT: nobody can know whether the rows are there."""


def _bind(spec: OutputSpec, result_type: Type) -> Bound:
    kind = kind_of(spec)
    names, columns = column_count(result_type, keep=spec.keep)
    parts = statements(spec.query, kind)
    if len(parts) != 1:
        raise DataError(
            f"output.query: expected exactly one statement, got {len(parts)}", "move others to output.setup"
        )
    if columns == 0:
        raise DataError("output: the program returns no columns", "let the program return a value")
    if kind == "mysql" and "%s" in parts[0]:
        raise DataError("output.query: '%s' inside a text cannot be used with MySQL", "pass the text by another way")
    try:
        return bind(parts[0], kind, columns, names)
    except PlaceholderError as error:
        raise DataError(f"output.query {error}", "placeholders are $1, $2 ... or ? or :name") from None


def _try_out(database: Database, spec: OutputSpec, bound: Bound, row: tuple[Any, ...], result_type: Type) -> None:
    if database.kind == "mysql":
        _prepare_mysql(database, spec, result_type)
        return
    begin_write(database)
    if database.kind == "postgres":
        database.run("SET LOCAL lock_timeout = 10000")
        database.run("SET LOCAL statement_timeout = 60000")
    _setup(database, spec)
    if database.kind == "sqlite":
        _insert(database, bound.sql, [row], check=True)
    elif first_word(bound.sql, "postgres") not in _NOT_EXPLAINABLE:
        _insert(database, f"EXPLAIN {bound.sql}", [row], check=True)


def _prepare_mysql(database: Database, spec: OutputSpec, result_type: Type) -> None:
    names, columns = column_count(result_type, keep=spec.keep)
    creates = False
    for statement in statements(spec.setup or "", "mysql"):
        if first_word(statement, "mysql") in _IMPLICIT_COMMIT:
            log.warning(
                "output.setup: %s commits by itself on MySQL and MariaDB; DELETE FROM keeps setup and rows "
                "in one transaction",
                first_word(statement, "mysql"),
            )
        creates = creates or "CREATE" in words(statement, "mysql")
        # A table that setup makes is not there yet, so what uses it cannot be prepared.
        _prepare(database, "output.setup", statement, missing_table=creates)
    statement = statements(spec.query, "mysql")[0]
    query = bind(statement, "mysql", columns, names, mark="?").sql
    _prepare(database, "output.query", query, missing_table=creates)


def _prepare(database: Database, label: str, statement: str, *, missing_table: bool = False) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        database.run("SET @polytune_statement = %s", (statement,))
        database.run("PREPARE polytune_check FROM @polytune_statement")
        database.run("DEALLOCATE PREPARE polytune_check")
    except SQLAlchemyError as error:
        number = getattr(original(error), "errno", None)
        # 1146: no such table; 1295: this statement cannot be prepared (it can still be run).
        if (missing_table and number == 1146) or number == 1295:
            return
        raise database.error(label, error) from None


def _setup(database: Database, spec: OutputSpec) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    for statement in statements(spec.setup or "", database.kind):
        try:
            database.run(statement).close()
        except SQLAlchemyError as error:
            raise _failure(database, "output.setup", error) from error


def _failure(database: Database, label: str, error: BaseException) -> DataError:
    failure = database.error(label, error)
    failure.code = "retry" if may_retry(error) else failure.code
    return failure


def _write_with_retries(spec: OutputSpec, bound: Bound, rows: Sequence[tuple[Any, ...]]) -> None:
    for pause in (*PAUSES, None):
        try:
            _write_once(spec, bound, rows)
            return
        except _CommitLost:
            raise
        except DataError as error:
            cause = error.__cause__
            again = error.code == "retry" or (error.code == "db_connect" and cause is not None and may_retry(cause))
            if pause is None or not again:
                raise
            log.warning("writing the result failed (%s); trying again in %g s", error.message, pause)
            time.sleep(pause)


def _write_once(spec: OutputSpec, bound: Bound, rows: Sequence[tuple[Any, ...]]) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    with open_database(spec, "output") as database:
        try:
            begin_write(database)
        except SQLAlchemyError as error:
            raise _failure(database, "cannot start the writing transaction", error) from error
        _setup(database, spec)
        changed = _insert_all(database, bound, rows)
        try:
            database.connection.commit()
        except SQLAlchemyError as error:
            if getattr(error, "connection_invalidated", False):
                raise _CommitLost(
                    "the connection to the output database broke during COMMIT: perhaps the rows are there",
                    "look into the table before the rows are applied again",
                ) from None
            raise _failure(database, "output: COMMIT", error) from error
    if changed is not None and changed != len(rows):
        log.warning("output.query changed %d rows for a result of %d rows", changed, len(rows))


def _insert_all(database: Database, bound: Bound, rows: Sequence[tuple[Any, ...]]) -> int | None:
    """Insert the rows; small results one by one (errors name the row), large ones in batches."""
    arranged = [bound.arrange(_fit(database, row, number)) for number, row in enumerate(rows)]
    if len(arranged) <= BATCH:
        return sum(_insert(database, bound.sql, [row], number) for number, row in enumerate(arranged))
    for start in range(0, len(arranged), BATCH):
        _insert(database, bound.sql, arranged[start : start + BATCH], start)
    return None


def _fit(database: Database, row: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    """Values as the driver takes them: numbers beyond 63 bits are decimals for PostgreSQL, impossible for
    SQLite.
    """
    if all(not isinstance(value, int) or value <= _SQLITE_MAX for value in row):
        return row
    if database.kind == "sqlite":
        raise DataError(
            f"output row {number + 1}: a u64 above 2^63-1 does not fit SQLite's integers",
            "let the program return it as two u32, or as text",
        )
    if database.kind == "postgres":
        return tuple(Decimal(value) if isinstance(value, int) and value > _SQLITE_MAX else value for value in row)
    return row


def _insert(database: Database, sql: str, rows: list[tuple[Any, ...]], first: int = 0, *, check: bool = False) -> int:
    """Run the statement for the rows; returns how many rows it changed."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        result = database.run(sql, rows[0] if len(rows) == 1 else rows)
        changed = result.rowcount
        result.close()
        return int(changed)
    except SQLAlchemyError as error:
        if check:
            # A zero may break a CHECK constraint that the real rows keep: the statement itself is right.
            if is_constraint(error):
                return 0
            raise database.error("output.query", error) from None
        last = first + len(rows)
        place = f"row {last}" if len(rows) == 1 else f"rows {first + 1} to {last}"
        raise _failure(database, f"output.query, {place}", error) from error
