"""The columns of an input query without its rows: a quick look before anything large is read."""

from __future__ import annotations

from engine.data.connect import begin_snapshot, open_database
from engine.data.families import describe
from engine.data.problems import clean
from engine.data.sqltext import statements
from engine.data.table import Column
from engine.sources import InputSpec


def query_columns(spec: InputSpec) -> tuple[Column, ...]:
    """Names and types of the columns; none when the database cannot tell them beforehand.

    Runs ``setup`` and the query with LIMIT 0 in a read-only transaction that is rolled back. Raises DataError when
    the database cannot be reached; what is wrong with the query is said by :func:`engine.data.read_snapshot`.
    """
    from sqlalchemy.exc import SQLAlchemyError

    with open_database(spec, "input") as database:
        parts = statements(spec.query, database.kind)
        # SQLite has types of values, not of columns. Several statements are a mistake that reading reports.
        if database.kind == "sqlite" or len(parts) != 1:
            return ()
        try:
            begin_snapshot(database, read_only=True, timeout=spec.statement_timeout)
            for statement in statements(spec.setup or "", database.kind):
                database.run(statement).close()
            # The query may end with a comment, hence the lines.
            result = database.run(f"SELECT * FROM (\n{parts[0]}\n) AS polytune_columns LIMIT 0")
            columns = describe(database, result.cursor.description if result.cursor is not None else ())
            result.close()
        except SQLAlchemyError:
            return ()
        return tuple(
            Column(clean(column.name, database.secrets), column.family, column.type_name) for column in columns
        )


__all__ = ["query_columns"]
