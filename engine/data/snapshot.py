"""Reading rows and constants of one party in one read-only transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from engine.data import constants as consts
from engine.data.connect import Database, begin_snapshot, open_database
from engine.data.families import describe, normalise
from engine.data.problems import clean
from engine.data.sqltext import first_word, statements
from engine.data.table import Snapshot, Table
from engine.errors import DataError
from engine.sources import Constant, InputSpec, LiteralConstant, MaxBytes, RowCount, SqlConstant
from engine.values import Type

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

BATCH = 50_000
_STREAMABLE = ("SELECT", "WITH", "VALUES", "TABLE")


class RowLimit(Protocol):
    """The part of a policy's limits that reading needs."""

    @property
    def rows(self) -> int: ...


class Reading(Protocol):
    """The part of a policy that reading needs (an ``engine.policy.Policy`` has it)."""

    @property
    def party(self) -> int: ...
    @property
    def input(self) -> InputSpec | None: ...
    @property
    def constants(self) -> Mapping[str, Constant]: ...
    @property
    def limits(self) -> RowLimit: ...


def read_snapshot(
    policy: Reading, declared: Mapping[str, Type], progress: Callable[[float], None] = lambda done: None
) -> Snapshot:
    """Read this party's rows and constants as of one moment. Raises DataError; nothing is changed in the
    database.

    ``declared``: type of each own constant that the program mentions; other constants of the policy are
    dropped with a warning. A policy without input gives a table without columns and rows.
    """
    wanted, warnings = consts.select(policy.constants, declared, policy.party)
    values: dict[str, int | bool] = {
        name: consts.of_literal(name, constant, declared[name])
        for name, constant in wanted.items()
        if isinstance(constant, LiteralConstant)
    }
    spec = policy.input
    if spec is None:
        for name, constant in wanted.items():
            if isinstance(constant, SqlConstant):
                raise DataError(f"constants.{name}: a query needs an input database", "add 'input' to the policy")
        table = Table((), [])
        values |= _of_table(wanted, declared, table)
        return Snapshot(table, _ordered(values, declared), "", "", "", tuple(warnings))
    with open_database(spec, "input") as database:
        progress(0.3)
        table, found = _read(database, spec, policy, wanted, declared, progress)
        values |= found | _of_table(wanted, declared, table)
        query = clean(spec.query, database.secrets)
        return Snapshot(table, _ordered(values, declared), database.url, query, database.kind, tuple(warnings))


def _of_table(wanted: Mapping[str, Constant], declared: Mapping[str, Type], table: Table) -> dict[str, int | bool]:
    return {
        name: consts.of_table(name, constant, declared[name], table)
        for name, constant in wanted.items()
        if isinstance(constant, (RowCount, MaxBytes))
    }


def _ordered(values: dict[str, int | bool], declared: Mapping[str, Type]) -> dict[str, int | bool]:
    return {name: values[name] for name in declared}


def _read(
    database: Database,
    spec: InputSpec,
    policy: Reading,
    wanted: Mapping[str, Constant],
    declared: Mapping[str, Type],
    progress: Callable[[float], None],
) -> tuple[Table, dict[str, int | bool]]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        begin_snapshot(database, read_only=spec.read_only, timeout=spec.statement_timeout)
    except SQLAlchemyError as error:
        raise database.error("cannot start the reading transaction", error) from None
    try:
        for statement in statements(spec.setup or "", database.kind):
            database.run(statement).close()
    except SQLAlchemyError as error:
        raise database.error("input.setup", error) from None
    values = {
        name: consts.of_query(name, constant, declared[name], database)
        for name, constant in wanted.items()
        if isinstance(constant, SqlConstant)
    }
    progress(0.6)
    limit, key = min((spec.max_rows, "input.max_rows"), (policy.limits.rows, "limits.rows"))
    try:
        table = _rows(database, spec, limit, key)
    except SQLAlchemyError as error:
        raise database.error("input.query", error) from None
    if spec.setup and not spec.read_only:
        database.connection.commit()
    return table, values


def _rows(database: Database, spec: InputSpec, limit: int, limit_key: str) -> Table:
    parts = statements(spec.query, database.kind)
    if len(parts) != 1:
        raise DataError(f"input.query: expected exactly one statement, got {len(parts)}", "move others to input.setup")
    stream = database.kind != "sqlite" and first_word(parts[0], database.kind) in _STREAMABLE
    result = database.run(parts[0], stream=stream)
    if not result.returns_rows:
        raise DataError("input.query: the statement returns no rows", "write a SELECT")
    rows, description = _fetch(result, limit, limit_key)
    if description is None:
        description = _described(database, parts[0])
    result.close()
    if not rows and not spec.allow_empty:
        raise DataError("input query returned no rows", "check the query, or set input.allow_empty: true")
    # The name of a column without AS is a piece of the query, which may hold an expanded secret.
    columns = tuple(
        replace(column, name=clean(column.name, database.secrets)) for column in describe(database, description, rows)
    )
    return Table(columns, normalise(columns, rows))


def _fetch(result: CursorResult[Any], limit: int, limit_key: str) -> tuple[list[tuple[Any, ...]], Any]:
    """All rows, and the cursor's description (None when it came without any row)."""
    rows: list[tuple[Any, ...]] = []
    description = None
    while True:
        # A server-side cursor tells its columns with the first rows only; after the last ones the cursor is closed.
        if result.cursor is not None and result.cursor.description is not None:
            description = result.cursor.description
        part = result.fetchmany(min(BATCH, limit + 1 - len(rows)))
        if not part:
            return rows, description
        rows.extend(map(tuple, part))
        if len(rows) > limit:
            raise DataError(
                f"input query returned more than {limit} rows, the limit of {limit_key}",
                f"raise {limit_key} in the policy or let the query return fewer rows",
            )


def _described(database: Database, query: str) -> Any:
    """The description of a result without rows, whose server-side cursor never told it: asked once more."""
    again = database.run(query)
    assert again.cursor is not None
    description = again.cursor.description
    again.close()
    return description


__all__ = ["read_snapshot"]
