"""Test data: people who do not exist, in databases that two or three parties join.

``people(rows, seed, overlap) -> Dataset`` and ``people_with_threshold(...)`` make the rows and the expected
result; ``write_sqlite``, ``sql_script``, ``write_sql``, ``write_csv`` and ``write_parquet`` write them.
"""

from __future__ import annotations

from polytune_cli.datagen.people import Dataset, expected, people, people_with_threshold, spoil
from polytune_cli.datagen.targets import (
    TABLES,
    sql_script,
    write_csv,
    write_expected,
    write_parquet,
    write_sql,
    write_sqlite,
)

__all__ = [
    "TABLES",
    "Dataset",
    "expected",
    "people",
    "people_with_threshold",
    "spoil",
    "sql_script",
    "write_csv",
    "write_expected",
    "write_parquet",
    "write_sql",
    "write_sqlite",
]
