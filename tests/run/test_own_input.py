"""From the policy's input to input bits, as a run does it: literals, names of sizes, what messages may say."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from engine.data import read_snapshot
from engine.errors import DataError
from engine.policy import load_policy
from engine.run.job import Job, prepare
from engine.run.own_input import encode_input
from engine.values import decode

PROGRAM = """
const ROWS: usize = PARTY_0::ROWS;
struct Person { age: u8, id: u16 }
enum Level { Low, High(u8) }
pub fn main(people: [(u16, i8); ROWS], others: [(u16, i8); 2]) -> usize {
    let mut n = 0usize;
    for joined in join_iter(people, others) { n = n + 1usize; }
    n
}
"""


def job_of(folder: Path, input: Any, constants: Any = None, program: str = PROGRAM) -> Job:
    policy = {
        "participants": ["http://localhost:1", "http://localhost:2"],
        "program": {"source": program},
        "leader": 0,
        "party": 0,
        "input": input,
        "constants": {"ROWS": {"rows": True}} if constants is None else constants,
    }
    path = folder / "policy.json"
    path.write_text(json.dumps(policy))
    return prepare(load_policy(path))


def value(job: Job) -> Any:
    snapshot = read_snapshot(job.policy, job.declared)
    signature = job.program.signature("main", {"PARTY_0": snapshot.constants})
    return decode(signature.parameter_types[0], encode_input(job, signature, snapshot))


def number(value: int, type: str) -> Any:
    return {"NumSigned" if type[0] == "I" else "NumUnsigned": [value, type]}


ROWS = [(7, -1), (300, 5), (2, 0)]
STRUCTS = "struct Person { age: u8, id: u16 }\n"
AS_JSON = {"Array": [{"Tuple": [number(a, "U16"), number(b, "I8")]} for a, b in ROWS]}
LOOSE = {"Array": [{"Tuple": [number(a, "Unspecified"), {"NumUnsigned": [max(b, 0), "Unspecified"]}]} for a, b in ROWS]}


@pytest.mark.parametrize(
    "literal",
    [
        AS_JSON,
        {"literal": AS_JSON},
        {"literal": "[(7, -1), (300, 5i8), (2u16, 0)]"},
        {"literal": "[ (7,-1),(300,5),(2,0) ,]"},
    ],
)
def test_literals_are_counted_checked_and_sorted_like_rows(literal: Any, tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "polytune")
    assert value(job_of(tmp_path, literal)) == sorted(ROWS)
    assert "sorted 3 rows by join key of 'people'" in caplog.text


def test_numbers_without_type_take_that_of_the_parameter(tmp_path: Path) -> None:
    assert value(job_of(tmp_path, LOOSE)) == [(2, 0), (7, 0), (300, 5)]


def test_literals_of_other_shapes(tmp_path: Path) -> None:
    def main(type: str) -> str:
        return STRUCTS + f"pub fn main(x: {type}, y: bool) -> bool {{ y }}"

    for literal, type, expected in (
        ("True", "bool", True),
        ({"literal": "true"}, "bool", True),
        ({"literal": "Person { id: 300, age: 7 }"}, "Person", {"age": 7, "id": 300}),
        (
            {"Struct": ["Person", [["id", number(300, "U16")], ["age", number(7, "U8")]]]},
            "Person",
            {"age": 7, "id": 300},
        ),
        ({"Range": [3, 6, "U8"]}, "[u8; 3]", [3, 4, 5]),
        ({"literal": {"ArrayRepeat": [number(9, "U8"), 2]}}, "[u8; 2]", [9, 9]),
        ({"literal": "[9; 2]"}, "[u8; 2]", [9, 9]),
    ):
        found = value(job_of(tmp_path, literal, {}, main(type)))
        assert getattr(found, "fields", found) == expected


@pytest.mark.parametrize(
    ("literal", "rows"), [("[]", 0), ("[1]", 1), ("[1, 2,]", 2), ("[(1, [2, 3]), (4, [5, 6])]", 2), ("[[1; 3]; 4]", 4)]
)
def test_elements_of_a_text(literal: str, rows: int, tmp_path: Path) -> None:
    job = job_of(tmp_path, {"literal": literal, "allow_empty": True})
    assert read_snapshot(job.policy, job.declared).constants == {"ROWS": rows}


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        ("[(7, 300)]", "[(u16, i8); 1] (line 1 column 6 of the literal)"),
        ("[(7, 3)", "(line 1 column 8 of the literal)"),
        (
            {"Array": [{"Tuple": [number(7, "U16"), number(3, "I8")]}, {"Tuple": [number(7, "U16")]}]},
            "element 2: not a value",
        ),
        ({"Array": [{"Tuple": [number(7, "U8"), number(3, "I8")]}]}, "element 1: not a value of type u16"),
        ({"Array": [{"Tuple": [number(7, "U16"), number(300, "I8")]}]}, "number out of range for i8 (-128 to 127)"),
        ({"Tuple": []}, "not a value of type [(u16, i8); 1]"),
        ("[(7, 1), (7, 2)]", "1 join key occurs more than once in the rows of 'people' (rows 2)"),
        ("[]", "input.literal has no rows"),
    ],
)
def test_a_literal_that_does_not_fit(literal: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        value(job_of(tmp_path, {"literal": literal}))
    assert message in caught.value.message
    assert "300" not in caught.value.message


@pytest.mark.fault(38)
def test_a_wrong_number_of_rows_names_the_constant(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        value(job_of(tmp_path, {"rows": [[1, 2]]}, {"ROWS": 3}))
    assert caught.value.message == ("input has 1 rows but parameter 'people' of party 0 is [..; 3] (PARTY_0::ROWS = 3)")
