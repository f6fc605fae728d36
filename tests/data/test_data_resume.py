"""Recovery files and the ledger: a result that could not be written is applied later, once."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import Delivery, Result, recovery, resuming, write_outputs
from engine.data.plain import from_plain, to_plain, type_from_plain, type_to_plain
from engine.errors import DataError
from engine.outputs import DatabaseOutput, FileOutput
from engine.values import (
    INT_WIDTHS,
    ArrayType,
    BoolType,
    EnumType,
    EnumValue,
    IntType,
    StructType,
    StructValue,
    TupleType,
    Type,
)
from tests.data.data_helpers import U8, U16, check_output, output_over, rows_of, text, write_output

TABLE = "CREATE TABLE results (joined INT)"
INSERT = "INSERT INTO results (joined) VALUES ($1)"
THREE = ArrayType(U16, 3)


def joined(database: Any) -> list[int]:
    return sorted(row[0] for row in database.run("SELECT joined FROM results"))


def ledger_rows(database: Any) -> list[Any]:
    name = "`rows`" if database.name == "mariadb" else "rows"
    return database.run(f"SELECT run_id, {name} FROM polytune_runs")


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.delivery.PAUSES", ())


# -- the ledger -----------------------------------------------------------------------------------------------------


def test_a_run_is_written_once(database: Any, tmp_path: Path) -> None:
    database.run(TABLE)
    spec = output_over(database.url, INSERT, ledger=True)
    check_output(spec, THREE)
    with pytest.raises(Exception, match="polytune_runs"):
        database.run("SELECT * FROM polytune_runs")
    for run in ("one", "one", "two", "one"):
        assert write_output(spec, THREE, [1, 2, 3], run, tmp_path) == 3
        check_output(spec, THREE)
    assert joined(database) == [1, 1, 2, 2, 3, 3]
    assert sorted(ledger_rows(database)) == [("one", 3), ("two", 3)]
    (finished,) = database.run("SELECT finished_at FROM polytune_runs WHERE run_id = 'two'")[0]
    assert str(finished).startswith("20")


def test_the_ledger_is_part_of_the_transaction(database: Any, tmp_path: Path) -> None:
    database.run("CREATE TABLE results (joined INT UNIQUE)")
    spec = output_over(database.url, INSERT, ledger=True)
    with pytest.raises(DataError, match=r"output\.query, row 3"):
        write_output(spec, THREE, [1, 2, 1], "one", tmp_path)
    assert joined(database) == []
    if database.name != "mariadb":  # its CREATE TABLE stays
        database.run("CREATE TABLE polytune_runs (run_id INT)")
    else:
        assert ledger_rows(database) == []


def test_two_processes_write_the_same_run(database: Any, tmp_path: Path) -> None:
    """Both are through with the question whether it is there when one of them commits."""
    database.run(TABLE)
    spec = output_over(database.url, INSERT, ledger=True)
    write_output(spec, THREE, [9, 9, 9], "earlier", tmp_path)
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(write_output(spec, THREE, [1, 2, 3], "one", tmp_path)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [3] * 4
    assert joined(database) == [1, 2, 3, 9, 9, 9]


# -- applying a file ------------------------------------------------------------------------------------------------


def fail(outputs: list[Any], type: Type, value: Any, folder: Path) -> Path:
    with pytest.raises(DataError):
        write_outputs(outputs, Result.of(type, value), Delivery("run-1", folder, "policy.json"))
    return folder / "recovery" / "run-1.json"


def apply(path: Path, *outputs: Any, force: bool = False) -> list[Any]:
    with resuming(path) as saved:
        return saved.apply(outputs, Delivery(saved.run_id, path.parent), force=force)


def test_a_result_is_applied_and_its_file_removed(database: Any, tmp_path: Path, one_attempt: None) -> None:
    """The table was missing; now it is there."""
    spec = output_over(database.url, INSERT)
    path = fail([spec], THREE, [1, 2, 3], tmp_path)
    with pytest.raises(DataError) as caught:
        apply(path, spec)
    assert caught.value.message.endswith(f"{path} stays")
    database.run(TABLE)
    (applied,) = apply(path, spec)
    assert (applied.label, applied.rows) == ("output", 3)
    assert joined(database) == [1, 2, 3]
    assert not path.exists()
    with pytest.raises(DataError, match="cannot read"):
        apply(path, spec)


def test_only_what_failed_is_applied_with_the_policy_of_now(database: Any, tmp_path: Path) -> None:
    """The value is kept without loss, so another form of text can be chosen later."""
    database.run("CREATE TABLE t (a VARCHAR(20))")
    type, value = rows_of(text(3), size=2), [(list(b"ab\0"),), ([255, 0, 0],)]
    insert = "INSERT INTO t VALUES ($1)"
    first = FileOutput(tmp_path / "out.csv", "csv", label="output[0]")
    path = fail([first, output_over(database.url, insert, text="text", label="output[1]")], type, value, tmp_path)
    (tmp_path / "out.csv").unlink()
    apply(path, first, output_over(database.url, insert, text="hex", label="output[1]"))
    assert sorted(database.run("SELECT a FROM t")) == [("616200",), ("ff0000",)]
    assert not (tmp_path / "out.csv").exists()


def test_what_fails_again_stays_in_the_file(tmp_path: Path) -> None:
    outputs = [FileOutput(tmp_path / "no" / f"{n}.csv", "csv", label=f"output[{n}]") for n in range(2)]
    path = fail(outputs, U8, 7, tmp_path)
    better = FileOutput(tmp_path / "0.csv", "csv", label="output[0]")
    with pytest.raises(DataError) as caught:
        apply(path, better, outputs[1])
    assert caught.value.message.endswith(f"output[0] was written; {path} stays")
    assert [output["state"] for output in json.loads(path.read_text())["outputs"]] == ["written", "failed"]
    (tmp_path / "no").mkdir()
    assert [one.label for one in apply(path, better, outputs[1])] == ["output[1]"]
    assert not path.exists()


def test_a_policy_that_does_not_fit(tmp_path: Path) -> None:
    outputs = [FileOutput(tmp_path / "no" / f"{n}.csv", "csv", label=f"output[{n}]") for n in range(2)]
    path = fail(outputs, U8, 7, tmp_path)
    for given_now, known in (((outputs[0],), r"output\[0\]"), ((), "no output")):
        with pytest.raises(DataError, match=rf"the result is for output\[.\] \(.*\), but the policy has {known}"):
            apply(path, *given_now)
    assert path.exists()


def test_what_may_be_written_needs_force_or_a_ledger(database: Any, tmp_path: Path, one_attempt: None) -> None:
    spec = output_over(database.url, INSERT)
    path = fail([spec], THREE, [1, 2, 3], tmp_path)
    database.run(TABLE)
    content = json.loads(path.read_text())
    content["outputs"][0]["state"] = "unknown"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="perhaps the rows are in"):
        apply(path, spec)
    assert joined(database) == []
    kept = path.read_bytes()
    apply(path, spec, force=True)
    path.write_bytes(kept)
    apply(path, output_over(database.url, INSERT, ledger=True))
    assert joined(database) == [1, 1, 2, 2, 3, 3]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    output = FileOutput(tmp_path / "no" / "out.csv", "csv")
    path = fail([output], U8, 7, tmp_path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is applying"):
            apply(path, output)
    finally:
        os.close(folder)


def test_two_parties_of_a_run_share_a_folder(tmp_path: Path) -> None:
    """Neither file replaces the other."""
    outputs = [FileOutput(tmp_path / "no" / f"{n}.csv", "csv") for n in range(2)]
    first = fail([outputs[0]], U8, 7, tmp_path)
    fail([outputs[1]], U8, 8, tmp_path)
    second = first.with_name("run-1-2.json")
    assert [json.loads(path.read_text())["rows"] for path in (first, second)] == [[[7]], [[8]]]
    (tmp_path / "no").mkdir()
    apply(second, outputs[1])
    assert (tmp_path / "no" / "1.csv").read_text() == "8\n"
    assert first.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: "{", "is not a recovery file"),
        (lambda content: [], "is not a complete recovery file"),
        (lambda content: {**content, "version": 2}, "was written by a newer polytune"),
        (lambda content: {**content, "rows": content["rows"][:1]}, "is not a complete recovery file"),
        (lambda content: {**content, "rows": [[70000], [1]]}, "is not a complete recovery file"),
        (lambda content: {**content, "type": {"map": []}}, "is not a complete recovery file"),
        (lambda content: {**content, "outputs": [{}]}, "is not a complete recovery file"),
    ],
)
def test_files_that_cannot_be_used(change: Any, reason: str, tmp_path: Path) -> None:
    output = FileOutput(tmp_path / "no" / "out.csv", "csv")
    path = fail([output], ArrayType(U16, 2), [7, 8], tmp_path)
    changed = change(json.loads(path.read_text()))
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(DataError, match=reason):
        apply(path, output)


def test_no_secret_is_in_the_file(tmp_path: Path, one_attempt: None) -> None:
    spec = DatabaseOutput(
        "postgres://u:secret-word@127.0.0.1:1/p",
        "INSERT INTO t VALUES ($1, 'other-secret')",
        "SET x = 'other-secret'",
        secrets=("other-secret", "secret-word"),
    )
    path = fail([spec], U8, 7, tmp_path)
    content = path.read_text()
    assert "secret-word" not in content
    assert "other-secret" not in content
    assert "INSERT INTO t VALUES ($1, '***')" in content


# -- values ---------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["None", "Some", "A", "b", "é"])
FLAT = st.one_of(st.just(BoolType()), st.sampled_from(sorted(INT_WIDTHS)).map(IntType))


def _wider(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.lists(inner, max_size=3)
    named = st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    variants = st.dictionaries(NAMES, st.none() | fields, min_size=1, max_size=4)
    return st.one_of(
        st.builds(ArrayType, inner, st.integers(0, 4)),
        fields.map(lambda items: TupleType(tuple(items))),
        named.map(lambda items: StructType("S", tuple(items.items()))),
        variants.map(lambda v: EnumType("E", tuple((k, None if p is None else tuple(p)) for k, p in v.items()))),
    )


TYPES = st.recursive(FLAT, _wider, max_leaves=6)


def values_of(type: Type) -> st.SearchStrategy[Any]:
    if isinstance(type, BoolType):
        return st.booleans()
    if isinstance(type, IntType):
        return st.integers(type.minimum, type.maximum)
    if isinstance(type, ArrayType):
        return st.lists(values_of(type.element), min_size=type.size, max_size=type.size)
    if isinstance(type, TupleType):
        return st.tuples(*map(values_of, type.items))
    if isinstance(type, StructType):
        return st.fixed_dictionaries({name: values_of(item) for name, item in type.fields}).map(
            lambda fields: StructValue(type.name, fields)
        )
    variants = [
        st.just(EnumValue(type.name, name))
        if payload is None
        else st.tuples(*map(values_of, payload)).map(lambda items, name=name: EnumValue(type.name, name, items))
        for name, payload in type.variants
    ]
    return st.one_of(variants)


PAIRS = TYPES.flatmap(lambda type: st.tuples(st.just(type), values_of(type)))


@given(PAIRS)
def test_plain_json_keeps_every_value(pair: tuple[Type, Any]) -> None:
    type, value = pair
    assert type_from_plain(json.loads(json.dumps(type_to_plain(type)))) == type
    assert from_plain(type, json.loads(json.dumps(to_plain(type, value)))) == value


@settings(max_examples=50)
@given(PAIRS)
def test_files_keep_every_result(pair: tuple[Type, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        result = Result.of(*pair)
        path = recovery.save(result, Delivery("run", folder), [], [])
        head, again = recovery.load(path)
        assert again.type == result.type
        assert str(again) == str(result)
        assert head["run_id"] == "run"
