"""Values that drivers would round or replace: they come through exactly or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.data import encode_rows, read_snapshot
from engine.errors import DataError
from engine.sources import ColumnRule
from engine.values import decode
from tests.data.data_helpers import U64, policy_over, rows_of, text

ZONED = ColumnRule("epoch_s", tz="UTC")
TEXT = ColumnRule("text")


def value(database: Any, expression: str, type: Any, rule: ColumnRule) -> Any:
    """The value of an expression by a rule; bytes for texts."""
    found = read_snapshot(policy_over(database.url, f"SELECT {expression} AS c", columns={0: rule}), {})
    parameter = rows_of(type, size=1)
    ((cell,),) = decode(parameter, encode_rows(found.rows, parameter, parameter_name="p", rules=found.rules).bits)
    return bytes(cell).rstrip(b"\0").decode() if isinstance(cell, list) else cell


@pytest.mark.servers
def test_postgres(new_database: Any) -> None:
    database = new_database("postgres")
    for expression, rule, expected in (
        ('\'{"a": 1.10, "b": 0.12345678901234567891}\'::jsonb', TEXT, '{"a": 1.10, "b": 0.12345678901234567891}'),
        ("'1 mon 2 days'::interval", TEXT, "1 mon 2 days"),
        ("'infinity'::date", ColumnRule(), "infinity"),
        ("'0044-03-15 BC'::date", ColumnRule(), "0044-03-15 BC"),
        ("'24:00:00'::time", ColumnRule("iso"), "24:00:00"),
        ("'2024-01-31 12:00+01'::timestamptz", ColumnRule("iso"), "2024-01-31T11:00:00Z"),
        ("1.1::real", TEXT, "1.1"),
        ("ARRAY['b', NULL]", TEXT, '["b",null]'),
    ):
        assert value(database, expression, text(48), rule) == expected
    for expression, rule in (
        ("'1 mon'::interval", ZONED),
        ("'infinity'::timestamp", ZONED),
        ("'-infinity'::timestamptz", ZONED),
        ("'20000-01-01'::date", ColumnRule("days")),
        ("'infinity'::date", ColumnRule("days")),
        ("'24:00:00'::time", ZONED),
        ("ARRAY[1.5]::numeric[]", TEXT),
        ("int4range(1, 5)", TEXT),
    ):
        with pytest.raises(DataError, match="input row 1, column 1"):
            value(database, expression, U64 if rule is not TEXT else text(48), rule)


@pytest.mark.servers
def test_a_database_without_encoding(new_database: Any, servers: dict[str, str]) -> None:
    """SQL_ASCII holds any bytes: UTF-8 is read as such, anything else is refused."""
    from tests.servers import connect

    database = new_database("postgres")
    admin = connect(servers["postgres"])
    admin.autocommit = True
    name = database.url.rpartition("/")[2]
    admin.cursor().execute(f"DROP DATABASE {name}")
    admin.cursor().execute(
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    admin.close()
    assert value(database, "'Zoë'", text(8), ColumnRule()) == "Zoë"
    with pytest.raises(DataError, match=r"input\.query: invalid byte sequence"):
        value(database, "convert_from('\\xff41'::bytea, 'SQL_ASCII')", text(8), ColumnRule())


@pytest.mark.servers
def test_mariadb(new_database: Any) -> None:
    database = new_database("mariadb")
    assert value(database, "TIME '30:00:01'", U64, ZONED) == 30 * 3600 + 1
    assert value(database, "JSON_OBJECT('a', 1.10)", text(16), ColumnRule()) == '{"a": 1.10}'
    for form in ("uuid", ""):
        assert value(database, "CAST(UPPER(UUID()) AS UUID)", text(36), ColumnRule(form)).count("-") == 4
    for expression in ("CAST('0000-00-00' AS DATE)", "ST_GeomFromText('POINT(1 1)')"):
        with pytest.raises(DataError, match="input row 1, column 1"):
            value(database, expression, text(40), ColumnRule())
