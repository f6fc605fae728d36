"""A result in a database: tried out before the run, then all rows in one transaction or none (section 3.7)."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from engine.data import ledger
from engine.data.connect import Database, begin_write, kind_of, open_database
from engine.data.delivery import Delivery
from engine.data.insert import Inserter
from engine.data.problems import is_constraint, is_disk_full, may_retry, original
from engine.data.result import Result, RowForm
from engine.data.sqltext import Bound, PlaceholderError, bind, first_word, statements, words
from engine.errors import DataError, PolytuneError, ResourceError
from engine.outputs import DatabaseOutput
from engine.values import Type

#: PostgreSQL can run these, but not explain them.
_NOT_EXPLAINABLE = ("CALL", "EXECUTE")
_IMPLICIT_COMMIT = ("TRUNCATE", "CREATE", "DROP", "ALTER", "RENAME", "GRANT", "REVOKE", "LOCK", "ANALYZE", "OPTIMIZE")

log = logging.getLogger("polytune.data")


class CommitLost(DataError):
    """The connection broke during COMMIT: nobody can know whether the rows are there."""


def check_database(spec: DatabaseOutput, result_type: Type, *, strict: bool = False) -> None:
    """Try the output before the run; raises DataError when it cannot work. Changes nothing.

    PostgreSQL: ``setup`` and an EXPLAIN of the insert in a transaction that is rolled back (no sequence
    moves). SQLite: ``setup`` and one typed insert, rolled back. MySQL and MariaDB: statements are prepared,
    not run, because TRUNCATE and DDL commit by themselves and tables need not be transactional; such
    statements are a warning, with ``strict`` an error.
    """
    from sqlalchemy.exc import SQLAlchemyError

    form, bound = _forms(spec, result_type)
    try:
        with open_database(spec, "output") as database:
            if database.kind == "mysql":
                _prepare_mysql(database, spec, form, strict)
            else:
                _try_out(database, spec, bound, form)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DataError(f"{spec.label}: {type(original(error)).__name__}") from None


def write_database(spec: DatabaseOutput, result: Result, delivery: Delivery) -> int:
    """Run ``setup`` and insert all rows in one transaction; returns their number.

    Deadlocks, serialization failures and lost connections are tried again up to three times.
    """
    form, bound = _forms(spec, result.type)
    lost: CommitLost | None = None
    for pause in delivery.attempts():
        delivery.journal.committing = False
        try:
            return _write_once(spec, form, bound, result, delivery)
        except DataError as error:
            if isinstance(error, CommitLost):
                lost = error
            if pause is None or not _may_work_later(error, spec.ledger):
                raise lost or error from None
            log.warning("writing the result failed (%s); trying again in %g s", error.message, pause)
            delivery.pause(pause)
    raise AssertionError


def _may_work_later(error: DataError, ledger: bool) -> bool:
    """Whether the whole transaction may be tried again; after a lost COMMIT only the ledger tells what happened."""
    if isinstance(error, CommitLost):
        return ledger
    cause = error.__cause__
    return error.code == "retry" or (error.code == "db_connect" and cause is not None and may_retry(cause))


def _forms(spec: DatabaseOutput, result_type: Type) -> tuple[RowForm, Bound]:
    form = RowForm(result_type, spec.text, spec.keep, label=spec.label)
    kind, label = kind_of(spec), f"{spec.label}.query"
    parts = statements(spec.query, kind)
    if len(parts) != 1:
        raise DataError(
            f"{label}: expected exactly one statement, got {len(parts)}", f"move others to {spec.label}.setup"
        )
    if not form.types:
        raise DataError(f"{spec.label}: the program returns no columns", "let the program return a value")
    if kind == "mysql" and "%s" in parts[0]:
        raise DataError(f"{label}: '%s' inside a text cannot be used with MySQL", "pass the text by another way")
    try:
        return form, bind(parts[0], kind, len(form.types), form.names)
    except PlaceholderError as error:
        raise DataError(f"{label} {error}", "placeholders are $1, $2 ... or ? or :name") from None


# -- before the run -------------------------------------------------------------------------------------------------


def _try_out(database: Database, spec: DatabaseOutput, bound: Bound, form: RowForm) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    begin_write(database)
    if database.kind == "postgres":
        database.run("SET LOCAL lock_timeout = 10000")
        database.run("SET LOCAL statement_timeout = 60000")
    _setup(database, spec)
    if spec.ledger:
        _step(database, f"{spec.label}.ledger", lambda: ledger.create(database))
        _step(database, f"{spec.label}.ledger", lambda: ledger.note(database, "check", 0))
    sql = bound.sql
    if database.kind == "postgres":
        if first_word(sql, "postgres") in _NOT_EXPLAINABLE:
            return
        sql = f"EXPLAIN {sql}"
    try:
        database.run(sql, bound.arrange(form.zero())).close()
    except SQLAlchemyError as error:
        # A zero may break a CHECK constraint that the real rows keep: the statement itself is right.
        if not is_constraint(error):
            raise database.error(f"{spec.label}.query", error) from None


def _prepare_mysql(database: Database, spec: DatabaseOutput, form: RowForm, strict: bool) -> None:
    creates = False
    for statement in statements(spec.setup or "", "mysql"):
        word = first_word(statement, "mysql")
        if word in _IMPLICIT_COMMIT:
            _commits_by_itself(spec, word, strict)
        creates = creates or "CREATE" in words(statement, "mysql")
        # A table that setup makes is not there yet, so what uses it cannot be prepared.
        _prepare(database, f"{spec.label}.setup", statement, missing_table=creates)
    statement = statements(spec.query, "mysql")[0]
    query = bind(statement, "mysql", len(form.types), form.names, mark="?").sql
    _prepare(database, f"{spec.label}.query", query, missing_table=creates)
    if spec.ledger and ledger.exists(database):
        _prepare(database, f"{spec.label}.ledger", ledger.insert("mysql", "?"))


def _commits_by_itself(spec: DatabaseOutput, word: str, strict: bool) -> None:
    text = f"{spec.label}.setup: {word} commits by itself on MySQL and MariaDB"
    if strict:
        raise DataError(text, "use DELETE FROM: setup and rows are then one transaction")
    log.warning("%s; DELETE FROM keeps setup and rows in one transaction", text)


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


# -- after the run --------------------------------------------------------------------------------------------------


def _write_once(spec: DatabaseOutput, form: RowForm, bound: Bound, result: Result, delivery: Delivery) -> int:
    with open_database(spec, "output") as database:
        if spec.ledger and database.kind == "mysql":  # where it would end the transaction
            _step(database, f"{spec.label}.ledger", lambda: ledger.create(database))
        _step(database, "cannot start the writing transaction", lambda: begin_write(database))
        if spec.ledger and _is_written(database, spec, delivery.run_id):
            log.info("run %s is in the output database already: nothing is written", delivery.run_id)
            return len(result)
        _setup(database, spec)
        inserter = Inserter(database, bound, f"{spec.label}.query", failed=_failed)
        for rows in _rows(form, result, delivery):
            inserter.add(rows)
        delivery.journal.committing = True
        delivery.check()
        if spec.ledger:
            _note(database, spec, delivery.run_id, inserter.rows)
        _commit(database, spec)
    if inserter.changed != inserter.rows or inserter.odd:
        log.warning("%s.query changed %d rows for a result of %d rows", spec.label, inserter.changed, inserter.rows)
    return inserter.rows


def _rows(form: RowForm, result: Result, delivery: Delivery) -> Iterator[list[tuple[Any, ...]]]:
    for values in delivery.batches(result):
        yield form.rows(values)


def _is_written(database: Database, spec: DatabaseOutput, run_id: str) -> bool:
    found: list[bool] = []

    def look() -> None:
        if database.kind != "mysql":
            ledger.create(database)
        found.append(ledger.written(database, run_id))

    _step(database, f"{spec.label}.ledger", look)
    return found[0]


def _note(database: Database, spec: DatabaseOutput, run_id: str, rows: int) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        ledger.note(database, run_id, rows)
    except SQLAlchemyError as error:
        if is_constraint(error):  # another process has written this run meanwhile: the next attempt sees it
            raise DataError(f"{spec.label}.ledger: run {run_id} was written by somebody else", code="retry") from error
        _failed(database, f"{spec.label}.ledger", error)


def _setup(database: Database, spec: DatabaseOutput) -> None:
    for statement in statements(spec.setup or "", database.kind):
        _step(database, f"{spec.label}.setup", lambda statement=statement: database.run(statement).close())  # type: ignore[misc]


def _step(database: Database, label: str, action: Callable[[], Any]) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        action()
    except SQLAlchemyError as error:
        _failed(database, label, error)


def _commit(database: Database, spec: DatabaseOutput) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        database.connection.commit()
    except SQLAlchemyError as error:
        if getattr(error, "connection_invalidated", False):
            raise CommitLost(
                f"{spec.label}: the connection to the database broke during COMMIT: perhaps the rows are there",
                "look into the table before the rows are applied again",
            ) from None
        _failed(database, f"{spec.label}: COMMIT", error)


def _failed(database: Database, label: str, error: Exception) -> NoReturn:
    """Raise what a statement of the writing transaction met; the code ``retry`` says that it may work later."""
    from sqlalchemy.exc import SQLAlchemyError

    failure: PolytuneError = database.error(label, error)
    if not isinstance(error, SQLAlchemyError):  # its text may hold the value
        failure = DataError(f"{label}: the driver refuses a value ({type(error).__name__})")
    elif is_disk_full(error):
        failure = ResourceError(f"{label}: no space left writing {database.url}", "free space", code="disk_full")
    elif may_retry(error):
        failure.code = "retry"
    raise failure from error
