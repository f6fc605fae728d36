"""Reading rows and constants of one party in one read-only transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from engine.data import constants as consts
from engine.data.connect import Database, begin_snapshot, open_database
from engine.data.families import by_value, describe, normalise
from engine.data.files import BATCH, Limit, read_table
from engine.data.problems import clean
from engine.data.rules import rules_of, without_null_rows
from engine.data.sqltext import first_word, statements
from engine.data.table import Column, Rows, Rule, Snapshot, Table
from engine.errors import DataError
from engine.sources import Constant, InputSpec, LiteralConstant, MaxBytes, RowCount, SqlConstant
from engine.values import Type

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

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
    if spec is None or not spec.db:
        for name, constant in wanted.items():
            if isinstance(constant, SqlConstant):
                raise DataError(
                    f"constants.{name}: a query needs an input database", f"{spec.label if spec else 'input'} is none"
                )
    if spec is None:
        table = Table((), (), 0)
        values |= _of_table(wanted, declared, table, ())
        return Snapshot(table, _ordered(values, declared), "", "", "", tuple(warnings))
    if spec.literal is not None:
        count = consts.elements(spec.literal)
        Limit(spec.max_rows, policy.limits.rows).check(count)
        if not count and not spec.allow_empty:
            raise DataError("input.literal has no rows", "give rows, or set input.allow_empty: true")
        for name, constant in wanted.items():
            if isinstance(constant, (RowCount, MaxBytes)):
                values[name] = consts.of_value(name, constant, declared[name], spec.literal)
        return Snapshot(Table((), (), count), _ordered(values, declared), spec.label, "", "", tuple(warnings))
    if not spec.db:
        table = read_table(spec, Limit(spec.max_rows, policy.limits.rows))
        table, rules = _with_rules(table, spec, warnings)
        values |= _of_table(wanted, declared, table, rules)
        return Snapshot(table, _ordered(values, declared), spec.label, "", "", tuple(warnings), rules)
    with open_database(spec, "input") as database:
        progress(0.3)
        table, found = _read(database, spec, policy, wanted, declared, progress)
        table, rules = _with_rules(table, spec, warnings)
        values |= found | _of_table(wanted, declared, table, rules)
        query = clean(spec.query, database.secrets)
        ordered = _ordered(values, declared)
        return Snapshot(table, ordered, database.url, query, database.kind, tuple(warnings), rules)


def _with_rules(table: Table, spec: InputSpec, warnings: list[str]) -> tuple[Table, tuple[Rule, ...]]:
    """The table without rows that NULL removes, and the rule of each column."""
    rules = rules_of(spec, table.columns) if table.columns or table.count else []
    table, skipped = without_null_rows(table, rules)
    if skipped:
        warnings.append(f"{skipped} rows with NULL were left out (null: skip_row)")
    if not table.count and not spec.allow_empty:
        raise DataError("input query returned no rows without NULL", "check the rows, or set input.allow_empty: true")
    return table, tuple(rules)


def _of_table(
    wanted: Mapping[str, Constant], declared: Mapping[str, Type], table: Table, rules: tuple[Rule, ...]
) -> dict[str, int | bool]:
    return {
        name: consts.of_table(name, constant, declared[name], table, rules)
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
    try:
        table = _rows(database, spec, Limit(spec.max_rows, policy.limits.rows))
    except SQLAlchemyError as error:
        raise database.error("input.query", error) from None
    except (ValueError, OverflowError):  # of a driver; its text may quote the value
        hint = "cast the column to text in the query to see which it is"
        raise DataError("input.query: the database driver cannot read a value of the result", hint) from None
    if spec.setup and not spec.read_only:
        database.connection.commit()
    return table, values


def _rows(database: Database, spec: InputSpec, limit: Limit) -> Table:
    parts = statements(spec.query, database.kind)
    if len(parts) != 1:
        raise DataError(f"input.query: expected exactly one statement, got {len(parts)}", "move others to input.setup")
    stream = database.kind != "sqlite" and first_word(parts[0], database.kind) in _STREAMABLE
    result = database.run(parts[0], stream=stream)
    if not result.returns_rows:
        raise DataError("input.query: the statement returns no rows", "write a SELECT")
    builder, description = _fetch(database, result, limit)
    result.close()
    if description is None:
        description = _described(database, parts[0])
    if not builder.count and not spec.allow_empty:
        raise DataError("input query returned no rows", "check the query, or set input.allow_empty: true")
    columns = describe(database, description)
    if database.kind == "sqlite":
        columns = tuple(by_value(column, chunks) for column, chunks in zip(columns, builder.cells))
    # The name of a column without AS is a piece of the query, which may hold an expanded secret.
    return builder.table([replace(column, name=clean(column.name, database.secrets)) for column in columns])


def _fetch(database: Database, result: CursorResult[Any], limit: Limit) -> tuple[Rows, Any]:
    """All rows, and the cursor's description (None when it came without any row)."""
    builder: Rows | None = None
    columns: tuple[Column, ...] = ()
    description = None
    while True:
        # A server-side cursor tells its columns with the first rows only; after the last ones the cursor is closed.
        if result.cursor is not None and result.cursor.description is not None:
            description = result.cursor.description
        count = builder.count if builder is not None else 0
        part = result.fetchmany(min(BATCH, limit.rows + 1 - count))
        if not part:
            return builder or Rows(len(description or ())), description
        if builder is None:
            if result.cursor is not None and result.cursor.description is not None:
                description = result.cursor.description
            columns = describe(database, description)
            builder = Rows(len(columns))
        limit.check(count + len(part))
        builder.add(normalise(columns, part))


def _described(database: Database, query: str) -> Any:
    """The description of a result without rows, whose server-side cursor never told it: asked once more."""
    again = database.run(query)
    assert again.cursor is not None
    description = again.cursor.description
    again.close()
    return description


__all__ = ["read_snapshot"]
