"""Results as files and on standard output: what is in them, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from engine.data import Delivery, Result, write_outputs
from engine.errors import DataError, ResourceError
from engine.outputs import FileOutput, Output, PrintedOutput
from engine.values import ArrayType, EnumType, EnumValue, StructValue
from tests.data.data_helpers import (
    BOOL,
    I32,
    OPTION,
    TIER,
    U8,
    U16,
    U64,
    check_output,
    rows_of,
    struct,
    text,
    write_output,
)

SHAPE = EnumType("Shape", (("Dot", None), ("Box", (U8, U8))))
ROWS = rows_of(BOOL, I32, U64, text(6), TIER, OPTION, ArrayType(U16, 2), SHAPE, size=3)
TIERS = [EnumValue("Tier", name) for name in ("Basic", "Plus", "Pro")]
NONE, FOUR = EnumValue("MaybeCount", "None"), EnumValue("MaybeCount", "Some", (4,))
DOT, BOX = EnumValue("Shape", "Dot"), EnumValue("Shape", "Box", (1, 2))
VALUES = [
    (True, -7, 2**64 - 1, [*list('a,"é'.encode()), 0], TIERS[0], NONE, [1, 2], DOT),
    (False, 0, 0, [0] * 6, TIERS[1], FOUR, [0, 0], BOX),
    (True, 1, 5, [255, 0, 1, 0, 0, 0], TIERS[2], FOUR, [3, 4], DOT),
]


def file_output(path: Path, **options: Any) -> FileOutput:
    return FileOutput(path, path.suffix[1:], **options)


def written(path: Path, type: Any, value: Any, **options: Any) -> str:
    output = file_output(path, **options)
    check_output(output, type)
    assert list(path.parent.iterdir()) == ([path] if path.exists() else [])
    write_output(output, type, value, "run", path.parent / "state")
    assert list(path.parent.iterdir()) == [path]
    return path.read_text() if path.suffix != ".parquet" else ""


def test_csv(tmp_path: Path) -> None:
    content = written(tmp_path / "out.csv", ROWS, VALUES)
    assert content.splitlines() == [
        'true,-7,18446744073709551615,"a,""é",Basic,,"[1,2]",Dot',
        'false,0,0,"",Plus,4,"[0,0]","{""Box"":[1,2]}"',
        'true,1,5,\\xff0001000000,Pro,4,"[3,4]",Dot',
    ]
    assert [len(row) for row in csv.reader(io.StringIO(content))] == [8, 8, 8]


def test_tsv_with_names(tmp_path: Path) -> None:
    type = ArrayType(struct("Total", area=text(3), people=U16), 2)
    values = [StructValue("Total", {"area": list(b"a\tb"), "people": n}) for n in (1, 2)]
    content = written(tmp_path / "out.tsv", type, values)
    assert content == 'area\tpeople\n"a\tb"\t1\n"a\tb"\t2\n'


def test_json(tmp_path: Path) -> None:
    content = json.loads(written(tmp_path / "out.json", ROWS, VALUES))
    assert content == [
        [True, -7, 2**64 - 1, 'a,"é', "Basic", None, [1, 2], "Dot"],
        [False, 0, 0, "", "Plus", 4, [0, 0], {"Box": [1, 2]}],
        [True, 1, 5, {"hex": "ff0001000000"}, "Pro", 4, [3, 4], "Dot"],
    ]
    assert written(tmp_path / "out.json", rows_of(U8, size=1), [(7,)]) == "[\n[7]\n]\n"


def test_json_lines_with_names(tmp_path: Path) -> None:
    type = ArrayType(struct("Total", area=U8, people=OPTION), 2)
    values = [StructValue("Total", {"area": n, "people": NONE}) for n in (1, 2)]
    assert written(tmp_path / "out.jsonl", type, values) == (
        '{"area": 1, "people": null}\n{"area": 2, "people": null}\n'
    )


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    written(tmp_path / "out.parquet", ROWS, VALUES)
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(type) for type in table.schema.types] == [
        "bool", "int32", "uint64", "binary", "string", "uint8", "string", "string",
    ]  # fmt: skip
    assert table.column_names == [f"c{number}" for number in range(1, 9)]
    assert table.to_pydict()["c3"] == [2**64 - 1, 0, 5]
    assert table.to_pydict()["c4"] == ['a,"é'.encode(), b"", b"\xff\0\1\0\0\0"]
    assert table.to_pydict()["c6"] == [None, 4, 4]
    written(tmp_path / "out.parquet", ROWS, [*VALUES[:2], VALUES[1]])
    assert str(parquet.read_table(tmp_path / "out.parquet").schema.types[3]) == "string"


@pytest.mark.parametrize(("mode", "cell"), [("hex", "616200"), ("bytes", "\\x616200"), ("quoted", "'ab'")])
def test_forms_of_text(mode: str, cell: str, tmp_path: Path) -> None:
    assert written(tmp_path / "out.csv", rows_of(text(3), size=1), [([97, 98, 0],)], text=mode) == cell + "\n"


def test_scalars_and_matched_rows(tmp_path: Path) -> None:
    assert written(tmp_path / "out.csv", U16, 7) == "7\n"
    join = rows_of(BOOL, U8, size=3)
    assert written(tmp_path / "out.csv", join, [(False, 0), (True, 9), (False, 1)], keep="matched") == "9\n"


def test_many_rows(tmp_path: Path) -> None:
    values = [number % 65536 for number in range(70_000)]
    for ending in ("csv", "json", "jsonl"):
        content = written(tmp_path / f"out.{ending}", ArrayType(U16, 70_000), values)
        rows = json.loads(content) if ending == "json" else [json.loads(line) for line in content.splitlines()]
        assert [row if ending == "csv" else row[0] for row in rows] == values
        (tmp_path / f"out.{ending}").unlink()


def test_a_new_file_is_the_owners_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    written(path, U8, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(path)
    write_output(file_output(tmp_path / "link.csv"), U8, 2, "run", tmp_path)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("2\n", 0o640)


def test_what_the_check_finds(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path, reason in (
        (tmp_path / "folder.csv", "is a folder"),
        (tmp_path / "nowhere" / "out.csv", "no such file or directory"),
        (Path("/proc/out.csv"), "cannot write /proc/out.csv"),
    ):
        with pytest.raises(DataError) as caught:
            check_output(file_output(path), U8)
        assert caught.value.message.startswith("output check failed: output: ")
        assert reason in caught.value.message
        assert caught.value.hint
    with pytest.raises(DataError, match=r'output\.keep is "matched"'):
        check_output(file_output(tmp_path / "x.csv", keep="matched"), U8)


def test_an_old_file_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old\n")
    with pytest.raises(DataError, match="not valid UTF-8"):
        write_output(file_output(path, text="text"), rows_of(text(1), size=1), [([255],)], "run", tmp_path)
    assert path.read_text() == "old\n"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["out.csv", "recovery"]


@pytest.mark.fault(59)
def test_a_full_disk(tmp_path: Path) -> None:
    """A device without room takes the place of the disk; the recovery file is elsewhere."""
    with pytest.raises(ResourceError) as caught:
        write_output(FileOutput(Path("/dev/full"), "csv"), U8, 1, "run", tmp_path)
    assert caught.value.message.startswith("output: no space left writing /dev/full\n")
    assert (tmp_path / "recovery" / "run.json").is_file()


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_output(file_output(path), U8)
        write_output(file_output(path), U8, 5, "run", tmp_path)
        assert os.read(reader, 100) == b"5\n"
    finally:
        os.close(reader)
    assert path.is_fifo()


def printed(output: Output, type: Any, value: Any, folder: Path) -> str:
    out = io.BytesIO()
    write_outputs([output], Result.of(type, value), Delivery("run", folder, stdout=out))
    return out.getvalue().decode()


def test_standard_output(tmp_path: Path) -> None:
    assert printed(PrintedOutput(), ArrayType(U16, 3), [2, 0, 65535], tmp_path) == "2\n0\n65535\n"
    assert printed(PrintedOutput("jsonl"), rows_of(U8, BOOL, size=1), [(1, True)], tmp_path) == "[1, true]\n"
    with pytest.raises(DataError):
        printed(PrintedOutput(text="text"), rows_of(text(1), size=2), [([97],), ([255],)], tmp_path)


def test_several_outputs_and_one_that_fails(tmp_path: Path) -> None:
    """The others are written all the same; the file tells which were, and keeps the value without loss."""
    outputs = [
        FileOutput(tmp_path / "a.csv", "csv", label="output[0]"),
        FileOutput(tmp_path / "b.csv", "csv", text="text", label="output[1]"),
        FileOutput(tmp_path / "c.csv", "csv", label="output[2]"),
    ]
    with pytest.raises(DataError) as caught:
        write_outputs(outputs, Result.of(ROWS, VALUES), Delivery("r1", tmp_path / "state", "policy.json"))
    path = tmp_path / "state" / "recovery" / "r1.json"
    assert caught.value.message == (
        "output[1]: the result holds a [u8; N] that is not valid UTF-8\n"
        f"output[0] was written, output[1] was not written, output[2] was written; result saved to {path}; "
        f"apply with: polytune output --resume {path}"
    )
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "c.csv").read_text() != ""
    assert not (tmp_path / "b.csv").exists()
    saved = json.loads(path.read_text())
    assert [output["state"] for output in saved["outputs"]] == ["written", "failed", "written"]
    assert saved["policy"] == os.path.abspath("policy.json")
    assert saved["rows"][2] == [True, 1, 5, {"hex": "ff0001000000"}, "Pro", {"Some": [4]}, [3, 4], "Dot"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.fault(64)
def test_a_closed_standard_output_is_found_by_the_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Descriptor 1 may be a socket or a database then: nothing is written to it, and the result is kept."""
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(DataError, match="output check failed: output: standard output is closed"):
        check_output(PrintedOutput(), U8)
    with pytest.raises(DataError, match="cannot write standard output"):
        write_output(PrintedOutput(), U8, 7, "run", tmp_path)
    assert json.loads((tmp_path / "recovery" / "run.json").read_text())["rows"] == [[7]]
