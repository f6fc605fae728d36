"""Rows into a database within one transaction: small results row by row, large ones in batches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

from engine.data.connect import Database
from engine.data.result import BATCH, Rows
from engine.data.sqltext import Bound, row_of_values
from engine.errors import DataError

_LARGEST = (1 << 63) - 1
_LOWEST_BATCH = 2


class Failed(Protocol):
    """Raises the error of a statement."""

    def __call__(self, database: Database, label: str, error: Exception) -> None: ...


class Inserter:
    """Runs ``bound`` for rows as they come. ``rows`` counts them, ``changed`` the rows that the database changed.

    The first batch, and statements that are no plain ``INSERT … VALUES (…)``, run row by row, so that errors name the
    row. Where several rows went at once and failed, they are repeated one by one to find out which it was.
    """

    def __init__(self, database: Database, bound: Bound, label: str, *, failed: Failed) -> None:
        self.database = database
        self.bound = bound
        self.label = label
        self.rows = 0
        self.changed = 0
        #: Statements that changed none or several rows.
        self.odd = 0
        self._failed = failed
        self._many = row_of_values(bound.sql, database.kind)

    def add(self, rows: Rows) -> None:
        """Insert a batch; raises DataError."""
        arranged = [self.bound.arrange(self._fit(row, self.rows + number)) for number, row in enumerate(rows)]
        if self.rows < BATCH or len(rows) < _LOWEST_BATCH or not (self._many or self.database.kind == "sqlite"):
            self._one_by_one(arranged)
        else:
            self._together(arranged)
        self.rows += len(rows)

    def _one_by_one(self, rows: Rows) -> None:
        for number, row in enumerate(rows):
            changed = self._run(self.bound.sql, row, f"{self.label}, row {self.rows + number + 1}")
            self.changed += changed
            self.odd += changed != 1

    def _together(self, rows: Rows) -> None:
        place = f"{self.label}, rows {self.rows + 1} to {self.rows + len(rows)}"
        self._run("SAVEPOINT polytune_batch", None, place)
        try:
            self.changed += self._run_batch(rows, place)
        except DataError as error:
            if error.code != "retry":
                self._run("ROLLBACK TO SAVEPOINT polytune_batch", None, place)
                self._one_by_one(rows)
            raise
        self._run("RELEASE SAVEPOINT polytune_batch", None, place)

    def _run_batch(self, rows: Rows, place: str) -> int:
        if self.database.kind == "sqlite":
            return self._run(self.bound.sql, rows, place)
        assert self._many is not None
        head, row = self._many
        return self._run(head + ", ".join([row] * len(rows)), tuple(value for item in rows for value in item), place)

    def _run(self, sql: str, parameters: Any, place: str) -> int:
        try:
            result = self.database.run(sql, parameters)
            changed = int(result.rowcount)
            result.close()
            return changed
        except DataError:
            raise
        except Exception as error:  # drivers refuse some values (a NUL in a text) with errors of Python
            self._failed(self.database, place, error)
            raise

    def _fit(self, row: tuple[Any, ...], number: int) -> tuple[Any, ...]:
        """Values as the driver takes them: numbers beyond 63 bits are decimals for PostgreSQL, text for SQLite where
        the statement casts them to text.
        """
        if all(not isinstance(value, int) or value <= _LARGEST for value in row):
            return row
        kind = self.database.kind
        if kind == "mysql":
            return row
        return tuple(
            self._fit_large(value, column, number) if isinstance(value, int) and value > _LARGEST else value
            for column, value in enumerate(row)
        )

    def _fit_large(self, value: int, column: int, number: int) -> Any:
        if self.database.kind == "postgres":
            return Decimal(value)
        if column in self.bound.cast_to_text:
            return str(value)
        raise DataError(
            f"{self.label}, row {number + 1}: a u64 above 2^63-1 does not fit SQLite's integers",
            f"write CAST(${column + 1} AS TEXT) where the value goes, in a column of type TEXT",
        )
