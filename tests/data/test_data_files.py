"""Rows from files and from the policy: CSV, TSV, JSON, JSON lines, Parquet, SQLite; mistakes name their place."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.data import encode_rows, read_snapshot
from engine.errors import DataError, PolicyError
from engine.policy import load_policy
from engine.values import ArrayType, StructValue, decode
from tests.data.data_helpers import BOOL, I32, TIER, U8, U64, USIZE, rows_of, struct, text
from tests.policy.policy_helpers import write

ROOT = str(Path(__file__).parents[2])
PEOPLE = [("Zoë", 40, True, "basic"), ('a "b", c', 7, False, "PRO"), ("line\nbreak", 255, True, "Plus")]
PARAMETER = rows_of(text(12), U8, BOOL, TIER, size=3)


def read(folder: Path, input: Any, constants: Any = None) -> Any:
    """The snapshot of a policy with that input; constants are read as usize."""
    policy = load_policy(write(folder, input=input, constants=constants or {}))
    return read_snapshot(policy, dict.fromkeys(constants or {}, USIZE))


def values(snapshot: Any, parameter: Any) -> Any:
    return decode(parameter, encode_rows(snapshot.rows, parameter, parameter_name="people").bits)


def refused(folder: Path, input: Any, parameter: Any = None) -> DataError:
    with pytest.raises(DataError) as caught:
        values(read(folder, input), parameter)
    assert caught.value.exit_code == 4
    return caught.value


def expected() -> list[Any]:
    found = []
    for name, age, flag, tier in PEOPLE:
        variant = next(v for v, _ in TIER.variants if v.lower() == tier.lower())
        found.append((list(name.encode().ljust(12, b"\0")), age, flag, variant))
    return found


def shown(found: list[Any]) -> list[Any]:
    return [(name, age, flag, tier.variant) for name, age, flag, tier in found]


def make_csv(path: Path, **options: Any) -> None:
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as stream:
        writer = csv.writer(stream, **options)
        writer.writerow(["name", "age", "flag", "tier"])
        writer.writerows(PEOPLE)


def make_parquet(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    names = ("name", "age", "flag", "tier")
    parquet.write_table(pyarrow.table(dict(zip(names, map(list, zip(*PEOPLE))))), path)


def make_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (name, age, flag, tier)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", PEOPLE)
    connection.close()


OBJECTS = [dict(zip(("name", "age", "flag", "tier"), row)) for row in PEOPLE]
MAKERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "people.csv": (make_csv, {}),
    "semicolons.csv": (lambda path: make_csv(path, delimiter=";", encoding="utf-8-sig"), {"delimiter": ";"}),
    "latin.CSV": (lambda path: make_csv(path, encoding="latin-1"), {"encoding": "latin-1"}),
    "utf16.csv": (lambda path: make_csv(path, encoding="utf-16"), {"encoding": "utf-16"}),
    "people.tsv": (lambda path: make_csv(path, delimiter="\t"), {}),
    "arrays.json": (lambda path: path.write_text(json.dumps(PEOPLE)), {}),
    "objects.json": (lambda path: path.write_text(json.dumps(OBJECTS)), {}),
    "people.jsonl": (lambda path: path.write_text("\n\n".join(map(json.dumps, OBJECTS))), {}),
    "people.parquet": (make_parquet, {}),
    "people.sqlite": (make_sqlite, {"query": "SELECT * FROM t"}),
    "people.db": (make_sqlite, {"query": "SELECT * FROM t"}),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_rows_from_every_kind_of_file(name: str, tmp_path: Path) -> None:
    make, options = MAKERS[name]
    make(tmp_path / name)
    found = read(
        tmp_path,
        {"file": name, **options},
        {"ROWS": {"rows": True}, "LEN": {"max_bytes": 0 if name == "arrays.json" else "NAME"}},
    )
    assert shown(values(found, PARAMETER)) == expected()
    assert found.constants == {"ROWS": 3, "LEN": 10}


def test_rows_of_the_policy(tmp_path: Path) -> None:
    assert shown(values(read(tmp_path, {"rows": PEOPLE}), PARAMETER)) == expected()
    assert shown(values(read(tmp_path, {"rows": OBJECTS}), PARAMETER)) == expected()
    assert values(read(tmp_path, {"rows": [5]}), U8) == 5
    assert values(read(tmp_path, {"rows": [], "allow_empty": True}), rows_of(U8, U8, size=0)) == []


@pytest.mark.parametrize("name", ["people.csv", "people.jsonl", "objects.json", "people.parquet"])
def test_a_struct_takes_columns_by_name(name: str, tmp_path: Path) -> None:
    make, options = MAKERS[name]
    make(tmp_path / name)
    person = struct("Person", TIER=TIER, age=U8, name=text(12), flag=BOOL)
    found = values(read(tmp_path, {"file": name, **options}), ArrayType(person, 3))
    assert [row.fields["age"] for row in found] == [40, 7, 255]
    assert isinstance(found[0], StructValue)


def test_a_csv_file_without_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,true\n2,F\n")
    assert values(read(tmp_path, {"file": "a.csv", "header": False}), rows_of(U8, BOOL, size=2)) == [
        (1, True),
        (2, False),
    ]


def test_cells_that_mean_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\nx\n\nNA\n")
    error = refused(tmp_path, {"file": "a.csv"}, rows_of(text(2), size=3))
    assert error.message == 'input row 2, column 1 "a" (a.csv line 3): NULL'
    error = refused(tmp_path, {"file": "a.csv", "null_values": ["NA"]}, rows_of(text(2), size=3))
    assert error.message == 'input row 3, column 1 "a" (a.csv line 4): NULL'
    found = values(read(tmp_path, {"file": "a.csv", "null_values": []}), rows_of(text(2), size=3))
    assert [bytes(row[0]) for row in found] == [b"x\0", b"\0\0", b"NA"]


MISTAKES: list[tuple[str, bytes, dict[str, Any], str]] = [
    ("a.csv", b"a,b\n1,2\n3\n", {}, "a.csv line 3: 1 cell, the header has 2"),
    ("a.csv", b"1,2\n3,4,5\n", {"header": False}, "a.csv line 2: 3 cells, the first line has 2"),
    ("a.csv", b'a,b\n1,"2\n', {}, "a.csv line 2: unexpected end of data"),
    ("a.csv", b"a,a\n1,2\n", {}, "a.csv line 1: the header names column 'a' twice"),
    ("a.csv", b"a,b\n1,\xe9\n", {"encoding": "ascii"}, "a.csv: not valid ascii text (byte 0xe9)"),
    ("a.csv", b"a,b\n1,3\n2,\xe9\n", {}, 'input row 2, column 2 "b" (a.csv line 3): text is not valid UTF-8'),
    ("a.csv", b'a,b\n1,"x\ny"\n300,x\n', {}, 'input row 2, column 1 "a" (a.csv line 4): value out of range for u8'),
    ("a.csv", b"a,b\n1.5,x\n", {}, 'input row 1, column 1 "a" (a.csv line 2): is not a whole number'),
    ("a.csv", b"a,b\n 1,x\n", {}, 'input row 1, column 1 "a" (a.csv line 2): is not a whole number'),
    ("a.csv", b"a,b\n", {}, "a.csv has no rows: input query returned no rows"),
    ("a.csv", b"", {}, "a.csv has no rows"),
    ("a.csv", b"a,b,c\n1,2,3\n", {}, "The program expects a tuple with 2 fields, but the query returned a row with 3"),
    ("a.csv", b"a,b\n1,x\n2,y\n", {"max_rows": 1}, "input has more than 1 rows, the limit of input.max_rows"),
    ("a.json", b'{"a": 1}', {}, "a.json: expected an array of rows"),
    ("a.json", b'[[1, "x"], [2]]', {}, "a.json row 2: 1 values, but the first row has 2"),
    ("a.json", b'[[1, "x"], 2]', {}, "a.json row 2: a single value, but the first row is an array"),
    ("a.json", b'[{"a": 1, "b": "x"}, {"a": 1, "c": "x"}]', {}, "a.json row 2: no key 'b', unexpected key 'c'"),
    ("a.json", b'[{"a": 1, "a": 2}]', {}, "a.json: the key 'a' appears twice in an object"),
    ("a.json", b'[[1,\n "x"}]', {}, "a.json: not valid JSON: Expecting ',' delimiter (line 2 column 5)"),
    ("a.json", b'[[NaN, "x"]]', {}, "a.json: NaN is not a JSON number"),
    ("a.json", b"[" * 100_000, {}, "a.json: nested too deeply"),
    ("a.json", b"[[" + b"9" * 5000 + b', "x"]]', {}, "a.json: a number has too many digits"),
    ("a.json", b'[[1.25, "x"]]', {}, 'input row 1, column 1 "c1" (a.json, NUMERIC): is not a whole number'),
    ("a.json", b'[["1", "x"]]', {}, 'input row 1, column 1 "c1" (a.json, TEXT): cannot become u8'),
    ("a.json", b'[[1, "\\ud800"]]', {}, 'input row 1, column 2 "c2" (a.json, TEXT): text is not valid UTF-8'),
    ("a.jsonl", b'[1, "x"]\n\n[2 "y"]\n', {}, "a.jsonl line 3: not valid JSON: Expecting ',' delimiter (column 4)"),
    ("a.jsonl", b'[1, "x"]\n\n[-1, "y"]\n', {}, 'input row 2, column 1 "c1" (a.jsonl line 3, INTEGER): value out of'),
    ("a.parquet", b"PAR1nonsense", {}, "a.parquet as Parquet:"),
    ("a.sqlite", b"nonsense" * 100, {"query": "SELECT 1"}, "file is not a database"),
]


@pytest.mark.parametrize(("name", "content", "options", "message"), MISTAKES)
def test_a_mistake_names_its_place(name: str, content: bytes, options: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    rows = 2 if "row 2" in message else 1
    assert message in refused(tmp_path, {"file": name, **options}, rows_of(U8, text(3), size=rows)).message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet"):
        message = refused(tmp_path, {"file": name}).message
        assert message == f"cannot read input file {tmp_path / name}: no such file or directory"
    message = refused(tmp_path, {"file": "a.sqlite", "query": "SELECT 1"}).message
    assert message.startswith("cannot connect to input db sqlite://")


def test_a_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.csv").write_text("a\n7\n")
    monkeypatch.chdir(tmp_path / "here")
    policy = load_policy(write(tmp_path, input={"file": "a.csv"}, constants={}))
    assert "input file 'a.csv' was found in the working directory, not beside the policy" in policy.warnings
    assert values(read_snapshot(policy, {}), U8) == 7


def test_constants_need_a_database_for_queries(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"constants\.N: a query needs an input database"):
        read(tmp_path, {"rows": [[1]]}, {"N": "SELECT 1"})


def test_parquet_without_pyarrow(tmp_path: Path) -> None:
    make_parquet(tmp_path / "a.parquet")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from engine.data.files import Limit, read_table\n"
        "from engine.sources import FileSource, InputSpec\n"
        "read_table(InputSpec(file=FileSource('a.parquet', 'parquet')), Limit(9, 9))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ROOT},
    )
    assert "PolicyError: parquet needs the package pyarrow" in done.stderr
    assert PolicyError.exit_code == 3


def test_types_of_parquet(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {
        "a": pyarrow.array([2**63, 5], pyarrow.uint64()),
        "b": pyarrow.array([decimal.Decimal("3.00"), decimal.Decimal("4.00")], pyarrow.decimal128(10, 2)),
        "c": pyarrow.array([b"\x00\x01", b"ab"], pyarrow.binary()),
        "d": pyarrow.array([datetime.date(1970, 1, 11), datetime.date(1969, 12, 31)]),
        "e": pyarrow.array(["Pro", "Basic"]).dictionary_encode(),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    parameter = rows_of(U64, U8, text(2), I32, TIER, size=2)
    found = values(read(tmp_path, {"file": "a.parquet"}), parameter)
    assert [row[:4] for row in found] == [(2**63, 3, [0, 1], 10), (5, 4, [97, 98], -1)]
    assert [row[4].variant for row in found] == ["Pro", "Basic"]
