"""Reading rows and constants from real databases, in one snapshot, without a way to change anything."""

from __future__ import annotations

import datetime
import threading
import uuid
from decimal import Decimal
from typing import Any

import pytest

from engine.data import encode_rows, read_snapshot
from engine.errors import DataError
from engine.policy import Limits, LiteralConstant, MaxBytes, Policy, RowCount
from engine.values import EnumValue, StructValue, decode
from tests.data.data_helpers import BOOL, I32, TIER, U8, U16, U32, U64, USIZE, policy_over, rows_of, struct, text

PEOPLE = (
    "CREATE TABLE people (id INTEGER, name VARCHAR(40), age INTEGER)",
    "INSERT INTO people VALUES (3, 'Zoë', 40), (1, 'Al''s', 7), (2, 'Bea%s :x $1 ?', 255)",
)
QUERY = "SELECT name, age FROM people"


def refused(policy: Policy, declared: dict[str, Any] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        read_snapshot(policy, declared or {})
    return caught.value


def test_rows_and_constants_of_one_table(database: Any) -> None:
    database.run(*PEOPLE)
    constants = {
        "ROWS": "SELECT COUNT(id) FROM people",
        "TOTAL": "SELECT SUM(age) FROM people",
        "READ": RowCount(),
        "LONGEST": MaxBytes("NAME"),
        "LONGEST_TOO": MaxBytes(0),
        "FLAG": LiteralConstant(True),
        "NINE": LiteralConstant({"NumUnsigned": [9, "U16"]}),
    }
    declared = dict.fromkeys(constants, USIZE) | {"FLAG": BOOL, "NINE": U16}
    found = read_snapshot(policy_over(database.url, QUERY, constants), declared)
    assert sorted(found.rows.rows) == [("Al's", 7), ("Bea%s :x $1 ?", 255), ("Zoë", 40)]
    assert [column.family for column in found.rows.columns] == ["text", "integer"]
    assert [column.name for column in found.rows.columns] == ["name", "age"]
    assert found.constants == {
        "ROWS": 3,
        "TOTAL": 302,
        "READ": 3,
        "LONGEST": 13,
        "LONGEST_TOO": 13,
        "FLAG": True,
        "NINE": 9,
    }
    assert found.kind == database.kind
    assert "test@" not in found.database


def test_percent_colon_and_question_mark_in_a_query_mean_themselves(database: Any) -> None:
    database.run(*PEOPLE)
    query = "SELECT name, age FROM people WHERE name LIKE '%s :x%' OR name = ':y ? %(a)s' -- 100 % :z ?"
    found = read_snapshot(policy_over(database.url, query), {})
    assert found.rows.rows == [("Bea%s :x $1 ?", 255)]


def test_encodes_what_was_read(database: Any) -> None:
    database.run(*PEOPLE)
    found = read_snapshot(policy_over(database.url, QUERY), {})
    parameter = rows_of(text(14), U8, size=3)
    encoded = encode_rows(found.rows, parameter, parameter_name="p", joins=True, database_kind=found.kind)
    values = decode(parameter, encoded.bits)
    assert [bytes(name).rstrip(b"\0").decode() for name, _ in values] == ["Al's", "Bea%s :x $1 ?", "Zoë"]
    assert [age for _, age in values] == [7, 255, 40]


@pytest.mark.fault(37)
def test_an_input_without_rows_is_an_error_unless_allowed(database: Any) -> None:
    database.run(*PEOPLE)
    query = QUERY + " WHERE age < 0"
    assert "input query returned no rows" in refused(policy_over(database.url, query)).message
    found = read_snapshot(policy_over(database.url, query, allow_empty=True), {})
    assert found.rows.rows == []
    assert [column.name for column in found.rows.columns] == ["name", "age"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT nope FROM people", "input.query: "),
        ("SELEC name FROM people", "input.query: "),
        ("SELECT name FROM people; SELECT age FROM people", "expected exactly one statement, got 2"),
        ("INSERT INTO people VALUES (9, 'x', 9)", "read-only transaction"),
        ("DELETE FROM people", "read-only transaction"),
        ("DROP TABLE people", "read-only transaction"),
    ],
)
@pytest.mark.fault(29, 30)
def test_a_wrong_query_changes_nothing(database: Any, query: str, text: str) -> None:
    database.run(*PEOPLE)
    error = refused(policy_over(database.url, query))
    assert text in error.message
    assert error.exit_code == 4
    assert database.run("SELECT COUNT(*) FROM people") == [(3,)]


def test_setup_runs_before_the_query_and_cannot_write(database: Any) -> None:
    database.run(*PEOPLE)
    error = refused(policy_over(database.url, QUERY, setup="DELETE FROM people WHERE id = 1"))
    assert error.message.startswith("input.setup: ")
    assert "read-only transaction" in error.message
    writing = policy_over(database.url, QUERY, setup="DELETE FROM people WHERE id = 1;", read_only=False)
    assert len(read_snapshot(writing, {}).rows.rows) == 2
    assert database.run("SELECT COUNT(*) FROM people") == [(2,)]


def test_too_many_rows(database: Any) -> None:
    database.run(*PEOPLE)
    assert (
        "more than 2 rows, the limit of input.max_rows" in refused(policy_over(database.url, QUERY, max_rows=2)).message
    )
    error = refused(policy_over(database.url, QUERY, limits=Limits(rows=1)))
    assert "more than 1 rows, the limit of limits.rows" in error.message


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1, 2", "expected one non-negative integer, got 2 columns"),
        ("SELECT id FROM people", "got more than one row"),
        ("SELECT id FROM people WHERE id > 99", "got no row"),
        ("SELECT MAX(age) FROM people WHERE id > 99", "got NULL"),
        ("SELECT 'seven'", "got text"),
        ("SELECT -1", "got a negative number"),
        ("SELECT 4294967296", "got a number above 4294967295"),
        ("SELECT 0.5", "got a number that is not an integer"),
        ("SELECT nope FROM people", "constants.N: "),
        ("SELECT 1; SELECT 2", "expected one statement, got 2"),
    ],
)
@pytest.mark.fault(25)
def test_a_constant_that_is_not_one_number(database: Any, query: str, text: str) -> None:
    database.run(*PEOPLE)
    error = refused(policy_over(database.url, QUERY, {"N": query}), {"N": USIZE})
    assert error.message.startswith("constants.N: ")
    assert text in error.message
    assert "seven" not in error.message


def test_constants_of_other_types(database: Any) -> None:
    database.run(*PEOPLE)
    policy = policy_over(database.url, QUERY, {"A": "SELECT -5", "B": "SELECT 1"})
    assert read_snapshot(policy, {"A": I32, "B": BOOL}).constants == {"A": -5, "B": True}
    policy = policy_over(database.url, QUERY, {"A": LiteralConstant(300)})
    assert "got a number above 255" in refused(policy, {"A": U8}).message
    policy = policy_over(database.url, QUERY, {"A": LiteralConstant(True)})
    assert "expected one non-negative integer, got a boolean" in refused(policy, {"A": U8}).message
    policy = policy_over(database.url, QUERY, {"A": LiteralConstant({"NumUnsigned": [3, "U16"]})})
    assert "constants.A" in refused(policy, {"A": U8}).message


@pytest.mark.defect("D9")
def test_unused_constants_are_dropped_and_missing_ones_an_error(database: Any) -> None:
    database.run(*PEOPLE)
    policy = policy_over(database.url, QUERY, {"A": "SELECT 1", "SPARE": "this is not even SQL"})
    found = read_snapshot(policy, {"A": USIZE})
    assert found.constants == {"A": 1}
    assert found.warnings == ("constant 'SPARE' is not used by the program and was dropped",)
    error = refused(policy, {"A": USIZE, "ID_LEN": USIZE})
    assert error.message == "program needs PARTY_0::ID_LEN but constants has no 'ID_LEN'"


@pytest.mark.servers
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_rows_and_constants_are_of_one_moment(name: str, new_database: Any) -> None:
    """A writer adds rows all the time; without a snapshot count and rows would soon differ."""
    database = new_database(name)
    database.run("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    pause = "pg_sleep(0.2)" if name == "postgres" else "SLEEP(0.2)"
    query = "SELECT id FROM t"
    policy = policy_over(
        database.url, query, {"N": "SELECT COUNT(*) FROM t", "M": "SELECT COUNT(*) FROM t"}, setup=f"SELECT {pause}"
    )
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            database.run("INSERT INTO t VALUES (1)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            found = read_snapshot(policy, {"N": USIZE, "M": USIZE})
            assert found.constants["N"] == found.constants["M"] == len(found.rows.rows)
    finally:
        stop.set()
        writer.join()
    assert database.run("SELECT COUNT(*) FROM t")[0][0] > len(found.rows.rows)


def test_a_slow_query_ends(database: Any) -> None:
    slow = {
        "postgres": "SELECT 1 FROM pg_sleep(30)",
        "mariadb": "SELECT COUNT(*) FROM seq_1_to_100000 a, seq_1_to_100000 b WHERE a.seq + b.seq = 7",
        "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c",
    }[database.name]
    error = refused(policy_over(database.url, slow, statement_timeout=0.3))
    assert "statement_timeout" in error.hint


WRONG_URLS = [
    ("postgres", "postgres://postgres:wrong-one@HOST/postgres", "user or password refused"),
    ("postgres", "postgres://postgres:test@HOST/nowhere", "no such database"),
    ("mariadb", "mysql://root:wrong-one@HOST/test", "user or password refused"),
    ("mariadb", "mysql://root:test@HOST/nowhere", "no such database"),
]


@pytest.mark.servers
@pytest.mark.parametrize(("name", "url", "text"), WRONG_URLS)
@pytest.mark.fault(27)
def test_servers_that_refuse(name: str, url: str, text: str, servers: dict[str, str]) -> None:
    host = servers[name].partition("@")[2].partition("/")[0]
    error = refused(policy_over(url.replace("HOST", host), "SELECT 1"))
    assert error.message.startswith("cannot connect to input db ")
    assert error.message.endswith(text)
    assert "wrong-one" not in error.message + error.hint
    assert ":***@" in error.message


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "mysql", "mariadb"])
@pytest.mark.fault(26)
def test_nobody_listens(scheme: str) -> None:
    error = refused(policy_over(f"{scheme}://u:secret-word@127.0.0.1:1/p", "SELECT 1"))
    assert error.message == (f"cannot connect to input db {scheme}://u:***@127.0.0.1:1/p: connection refused")
    assert error.exit_code == 4


def test_a_sqlite_file_that_is_not_there_or_not_a_database(tmp_path: Any) -> None:
    assert refused(policy_over(f"sqlite://{tmp_path}/no.db", "SELECT 1")).message.endswith("no such file")
    assert not (tmp_path / "no.db").exists()
    (tmp_path / "text.db").write_text("this is no database, only a long enough text\n" * 50)
    assert "not a database" in refused(policy_over(f"sqlite://{tmp_path}/text.db", "SELECT 1")).message


@pytest.mark.servers
def test_types_of_postgres(new_database: Any) -> None:
    database = new_database("postgres")
    database.run(
        "CREATE TYPE tier AS ENUM ('basic', 'plus')",
        "CREATE TABLE t (a SMALLINT, b BIGINT, c BOOLEAN, d NUMERIC(6, 2), e CHAR(8), f BYTEA, g DATE, h UUID, "
        "i tier, j TEXT, k TIMESTAMP, l JSONB, m NUMERIC)",
        "INSERT INTO t VALUES (1, 5000000000, true, 3.00, 'ab', '\\x0001ff', '1970-01-11', "
        "'00112233-4455-6677-8899-aabbccddeeff', 'plus', 'x', now(), '{}', 18446744073709551615)",
    )
    found = read_snapshot(policy_over(database.url, "SELECT a, b, c, d, e, f, g, h, i, j, m FROM t"), {})
    row = found.rows.rows[0]
    assert row[3] == Decimal("3.00")
    assert row[5] == b"\x00\x01\xff"
    assert row[6] == datetime.date(1970, 1, 11)
    assert uuid.UUID(str(row[7])) == uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    parameter = rows_of(U8, U64, BOOL, U8, text(4), text(3), U32, text(16), TIER, text(1), U64, size=1)
    encoded = encode_rows(found.rows, parameter, parameter_name="p", database_kind="postgres")
    assert decode(parameter, encoded.bits) == [
        (
            1,
            5_000_000_000,
            True,
            3,
            [97, 98, 0, 0],
            [0, 1, 255],
            10,
            list(uuid.UUID("00112233-4455-6677-8899-aabbccddeeff").bytes),
            EnumValue("Tier", "Plus"),
            [120],
            2**64 - 1,
        )
    ]
    iso = read_snapshot(policy_over(database.url, "SELECT g, h FROM t"), {})
    parameter = rows_of(text(10), text(36), size=1)
    (values,) = decode(parameter, encode_rows(iso.rows, parameter, parameter_name="p").bits)
    assert bytes(values[0]) == b"1970-01-11"
    assert bytes(values[1]) == b"00112233-4455-6677-8899-aabbccddeeff"
    for column, type in (("k", U64), ("l", text(9)), ("k", text(30)), ("c", U8), ("f", U8), ("e", U8)):
        table = read_snapshot(policy_over(database.url, f"SELECT {column} FROM t"), {}).rows
        with pytest.raises(DataError, match="cannot become"):
            encode_rows(table, rows_of(type, size=1), parameter_name="p")


@pytest.mark.servers
def test_types_of_mariadb(new_database: Any) -> None:
    database = new_database("mariadb")
    database.run(
        "CREATE TABLE t (a TINYINT, b BIGINT UNSIGNED, c BOOLEAN, d DECIMAL(6, 2), e CHAR(8), f BLOB, g DATE, "
        "h UUID, i ENUM('Basic', 'Pro'), j TEXT COLLATE utf8mb4_bin, k DATETIME, l SET('a'), m YEAR, n BIT(8))",
        "INSERT INTO t VALUES (1, 18446744073709551615, true, 3.00, 'ab  ', x'0001ff', '1970-01-11', "
        "'00112233-4455-6677-8899-aabbccddeeff', 'Pro', 'ü', now(), 'a', 2026, b'00000111')",
    )
    found = read_snapshot(policy_over(database.url, "SELECT a, b, c, d, e, f, g, h, i, j, m, n FROM t"), {})
    parameter = rows_of(U8, U64, BOOL, U8, text(4), text(3), U32, text(36), TIER, text(2), U16, U8, size=1)
    encoded = encode_rows(found.rows, parameter, parameter_name="p", database_kind="mysql")
    (row,) = decode(parameter, encoded.bits)
    assert row[:7] == (1, 2**64 - 1, True, 3, [97, 98, 0, 0], [0, 1, 255], 10)
    assert bytes(row[7]) == b"00112233-4455-6677-8899-aabbccddeeff"
    assert row[8:] == (EnumValue("Tier", "Pro"), list("ü".encode()), 2026, 7)
    for column, type in (("k", U64), ("l", text(9)), ("f", U8)):
        table = read_snapshot(policy_over(database.url, f"SELECT {column} FROM t"), {}).rows
        with pytest.raises(DataError, match="cannot become"):
            encode_rows(table, rows_of(type, size=1), parameter_name="p")


def test_sqlite_is_typed_by_value(new_database: Any) -> None:
    database = new_database("sqlite")
    database.run("CREATE TABLE t (a)", "INSERT INTO t VALUES (1), ('two'), (3.0), (NULL), (x'05')")
    table = read_snapshot(policy_over(database.url, "SELECT a FROM t"), {}).rows
    with pytest.raises(DataError) as caught:
        encode_rows(table, rows_of(U8, size=5), parameter_name="p")
    lines = caught.value.message.splitlines()
    assert [line.split(",")[0] for line in lines] == ["input row 2", "input row 3", "input row 4", "input row 5"]
    assert "two" not in caught.value.message
    database.run("DELETE FROM t", "INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
    table = read_snapshot(policy_over(database.url, "SELECT a FROM t"), {}).rows
    with pytest.raises(DataError, match="text is not valid UTF-8"):
        encode_rows(table, rows_of(text(9), size=1), parameter_name="p")


def test_structs_take_columns_by_name(database: Any) -> None:
    database.run(*PEOPLE)
    person = struct("Person", name=text(20), age=U8)
    table = read_snapshot(policy_over(database.url, "SELECT age, name FROM people WHERE id = 3"), {}).rows
    encoded = encode_rows(table, person, parameter_name="p")
    assert decode(person, encoded.bits) == StructValue(
        "Person", {"age": 40, "name": list("Zoë".encode().ljust(20, b"\0"))}
    )


def test_a_scalar_takes_one_row(database: Any) -> None:
    database.run(*PEOPLE)
    table = read_snapshot(policy_over(database.url, "SELECT age FROM people WHERE id = 3"), {}).rows
    assert decode(U8, encode_rows(table, U8, parameter_name="threshold").bits) == 40
    table = read_snapshot(policy_over(database.url, "SELECT age FROM people"), {}).rows
    with pytest.raises(DataError, match="takes one row"):
        encode_rows(table, U8, parameter_name="threshold")


def test_a_policy_without_input_has_literal_constants_only(tmp_path: Any) -> None:
    policy = policy_over("sqlite://x", "SELECT 1", {"A": LiteralConstant(3), "R": RowCount()})
    policy = Policy(**{**vars(policy), "input": None})
    found = read_snapshot(policy, {"A": U8, "R": USIZE})
    assert found.constants == {"A": 3, "R": 0}
    with_query = Policy(**{**vars(policy), "constants": policy_over("sqlite://x", "", {"Q": "SELECT 1"}).constants})
    assert "needs an input database" in refused(with_query, {"Q": U8}).message
