"""Generated values through every kind of database and file: what comes out is what went in, or an error names it."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data import encode_rows, read_snapshot
from engine.data.rules import rules_of
from engine.errors import DataError
from engine.policy import Policy
from engine.sources import ColumnRule, FileSource, InputSpec, NullDefault
from engine.values import ArrayType, EnumValue, decode
from tests.data.data_helpers import BOOL, I32, I64, OPTION, U8, U16, U64, policy_over, rows_of, text
from tests.servers import connect

SIZE = 40
UTC = datetime.UTC
EPOCH = datetime.datetime(1970, 1, 1)
#: Everything a database stores as text: no NUL, no surrogates.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
ROWS = st.lists(
    st.tuples(
        TEXTS,
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        st.decimals(-9999, 9999, places=2, allow_nan=False),
        st.dates(datetime.date(1000, 1, 1)),
        st.datetimes(EPOCH, datetime.datetime(2037, 1, 1)).map(
            lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
        ),
        st.binary(min_size=6, max_size=6),
        st.none() | st.integers(0, 255),
    ),
    min_size=1,
    max_size=12,
)
COLUMNS = ("name", "number", "flag", "price", "day", "moment", "octets", "perhaps")
RULES: dict[int | str, ColumnRule] = {
    "price": ColumnRule("scaled", 2),
    "moment": ColumnRule("epoch_ms", tz="UTC"),
    "day": ColumnRule("days"),
}
TABLES = {
    "postgres": "name TEXT, number BIGINT, flag BOOLEAN, price NUMERIC(10, 2), day DATE, moment TIMESTAMP(3), "
    "octets BYTEA, perhaps INT",
    "mariadb": "name TEXT, number BIGINT, flag BOOLEAN, price DECIMAL(10, 2), day DATE, moment DATETIME(3), "
    "octets VARBINARY(6), perhaps INT",
    "sqlite": "name TEXT, number INTEGER, flag BOOLEAN, price TEXT, day TEXT, moment TEXT, octets BLOB, perhaps INT",
}
PARAMETER = (text(SIZE), I64, BOOL, I32, I32, U64, text(6), OPTION)


def expected(rows: list[Any]) -> list[Any]:
    found = []
    for name, number, flag, price, day, moment, octets, perhaps in rows:
        option = EnumValue("MaybeCount", "None") if perhaps is None else EnumValue("MaybeCount", "Some", (perhaps,))
        padded = list(name.encode().ljust(SIZE, b"\0"))
        days = day.toordinal() - EPOCH.date().toordinal()
        passed = (moment - EPOCH) // datetime.timedelta(milliseconds=1)
        found.append((padded, number, flag, int(price * 100), days, passed, list(octets), option))
    return found


def values(policy: Policy, types: Any, count: int) -> Any:
    found = read_snapshot(policy, {})
    parameter = rows_of(*types, size=count)
    encoded = encode_rows(found.rows, parameter, parameter_name="p", rules=found.rules, database_kind=found.kind)
    return decode(parameter, encoded.bits)


def test_databases(database: Any) -> None:
    """SQLite has no dates and decimals: there they are texts, which the rules take as well."""
    database.run(f"CREATE TABLE t (id INTEGER, {TABLES[database.name]})")
    connection = connect(database.url)
    marks = ", ".join(["?" if database.name == "sqlite" else "%s"] * (len(COLUMNS) + 1))
    query = f"SELECT {', '.join(COLUMNS)} FROM t ORDER BY id"
    policy = policy_over(database.url, query, columns=RULES)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=ROWS)
    def check(rows: list[Any]) -> None:
        cursor = connection.cursor()
        cursor.execute("DELETE FROM t")
        for number, row in enumerate(rows):
            plain = [str(cell) if database.name == "sqlite" and is_text(cell) else cell for cell in row]
            cursor.execute(f"INSERT INTO t VALUES ({marks})", (number, *plain))
        connection.commit()
        assert values(policy, PARAMETER, len(rows)) == expected(rows)

    try:
        check()
    finally:
        connection.close()


def is_text(cell: Any) -> bool:
    return isinstance(cell, (decimal.Decimal, datetime.date))


def over(path: Path, format: str, **options: Any) -> Policy:
    source = FileSource(str(path), format, **options.pop("source", {}))
    return Policy(**{**vars(policy_over("", "")), "input": InputSpec(file=source, **options)})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_csv(rows: list[Any], delimiter: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS[:6])
        writer.writerows(row[:6] for row in rows)
    source = {"delimiter": delimiter, "encoding": encoding, "null_values": ()}
    policy = over(path, "csv", source=source, columns=RULES)
    assert values(policy, PARAMETER[:6], len(rows)) == [row[:6] for row in expected(rows)]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, lines=st.booleans(), objects=st.booleans(), ascii=st.booleans())
def test_json(rows: list[Any], lines: bool, objects: bool, ascii: bool, tmp_path: Path) -> None:
    plain = [
        [str(cell) if is_text(cell) else list(cell) if isinstance(cell, bytes) else cell for cell in row]
        for row in rows
    ]
    given = [dict(zip(COLUMNS, row)) for row in plain] if objects else plain
    path = tmp_path / ("a.jsonl" if lines else "a.json")
    dump = [json.dumps(row, ensure_ascii=ascii) for row in given]
    path.write_text("\n".join(dump) if lines else f"[{','.join(dump)}]", encoding="utf-8")
    rules = RULES if objects else {COLUMNS.index(str(name)): rule for name, rule in RULES.items()}
    policy = over(path, path.suffix[1:], columns=rules)
    assert values(policy, PARAMETER, len(rows)) == expected(rows)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS)
def test_parquet(rows: list[Any], tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    types = {"price": pyarrow.decimal128(10, 2), "moment": pyarrow.timestamp("ms"), "perhaps": pyarrow.int16()}
    columns = {
        name: pyarrow.array([row[number] for row in rows], types.get(name)) for number, name in enumerate(COLUMNS)
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet", row_group_size=5)
    assert values(over(tmp_path / "a.parquet", "parquet", columns=RULES), PARAMETER, len(rows)) == expected(rows)


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-300, 300), st.text(max_size=4), st.binary(max_size=3), st.floats(),
    st.decimals(), st.dates(), st.datetimes(), st.lists(st.integers(), max_size=2),
)  # fmt: skip
TYPES = st.sampled_from([U8, U16, I32, BOOL, text(3), OPTION, ArrayType(U16, 2)])
FORMS = st.sampled_from(
    [
        "",
        "int",
        "bool",
        "scaled",
        "days",
        "epoch_s",
        "epoch_ms",
        "iso",
        "text",
        "uuid",
        "enum_index",
        "zero_padded",
        "hash",
    ]
)
FAMILIES = st.sampled_from(
    [
        "integer",
        "bool",
        "numeric",
        "real",
        "text",
        "char",
        "cell",
        "bytes",
        "date",
        "time",
        "uuid",
        "enum",
        "nested",
        "other",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    cells=st.lists(CELLS, min_size=1, max_size=4), family=FAMILIES, type=TYPES, form=FORMS, number=st.integers(8, 12),
    null=st.sampled_from(["error", NullDefault(7), NullDefault("x")]),
)  # fmt: skip
def test_whatever_comes_is_encoded_or_refused(
    cells: list[Any], family: str, type: Any, form: str, number: int, null: Any
) -> None:
    """No crash, no other error than one that names its rows."""
    from engine.data.rows import table_of

    table = table_of([("c", family)], [(cell,) for cell in cells])
    spec = InputSpec(columns={0: ColumnRule(form, number, "UTC")}, null=null)
    parameter = ArrayType(type, len(cells))
    try:
        found = encode_rows(table, parameter, parameter_name="p", rules=rules_of(spec, table.columns), key=b"k")
    except DataError as error:
        assert error.message.startswith(("input row ", "the default for NULL in column"))
        return
    assert found.bits.size == parameter.bits
    decode(parameter, found.bits)
