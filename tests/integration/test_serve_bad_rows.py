"""Rows and constants that cannot be used, in a real run: message, exit code, nothing written, everybody ready again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.scene import Scene

Make = Callable[..., Scene]
PROGRAM = """
enum Tier { Basic, Plus }
const A: usize = PARTY_0::ROWS;
const B: usize = PARTY_1::ROWS;
pub fn main(a: [([u8; 6], u8, Tier); A], b: [([u8; 6], u8); B]) -> u8 {
    let mut found = 0u8;
    for (x, y) in join_iter(a, b) { found += x.1 * y.1; }
    found
}
"""
QUERY = "SELECT name, age, tier FROM people"
GOOD = "DELETE FROM people; INSERT INTO people VALUES ('bob', 7, 'basic'), ('ann', 3, 'PLUS')"
WRONG = (
    "INSERT INTO people VALUES (NULL, 1, 'Basic'), ('planted', 1, 'Basic'), ('x', -1, 'Basic'), "
    "('y', 1, 'planted-gold'), ('z', 'planted', 'Plus')"
)
ROW_ERRORS = """\
input row 3, column 1 "name": NULL
input row 4, column 1 "name" (TEXT): text has 7 bytes, [u8; 6] holds 6
input row 5, column 2 "age" (INTEGER): value out of range for u8 (0..255)
input row 6, column 3 "tier" (TEXT): value is not a variant of Tier (Basic, Plus)
input row 7, column 2 "age" (INTEGER): cannot become u8; cast it to an integer in the query"""
Case = tuple[str, dict[str, Any], dict[str, Any], str]
ROWS_CASE: Case = (WRONG, {}, {}, ROW_ERRORS)
CASES: list[Case] = [
    ("", {}, {"ROWS": "SELECT 1, 2"}, "constants.ROWS: expected one non-negative integer, got 2 columns"),
    ("", {"query": "SELECT nam FROM people"}, {}, "input.query: no such column: nam"),
    ("", {"query": "DELETE FROM people RETURNING name, age, tier"}, {}, "not allowed in a read-only transaction"),
    ("", {"query": "SELECT name, age FROM people"}, {},
     "The program expects a tuple with 3 fields, but the query returned a row with 2 fields"),
    ("", {"query": f"{QUERY} WHERE age > 100"}, {}, "input query returned no rows"),
    ("", {}, {"ROWS": 3}, "input has 2 rows but parameter 'a' of party 0 is [..; 3] (PARTY_0::ROWS = 3)"),
    ("", {"sort": "error"}, {}, "the rows of 'a' are not in ascending order of their join key"),
    (f"{GOOD}, ('bob', 8, 'Plus')", {}, {},
     "1 join key occurs more than once in the rows of 'a' (rows 3); join would drop matches"),
]  # fmt: skip


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param([ROWS_CASE], marks=pytest.mark.fault(32, 33, 34, 35, 36), id="rows"),
        pytest.param(CASES, marks=[pytest.mark.fault(25, 29, 30, 31, 37, 38, 39), pytest.mark.long], id="the rest"),
    ],
)
@pytest.mark.defect("D10")
@pytest.mark.defect("D11")
def test_what_cannot_be_used_is_refused_whole_and_named_without_values(scene: Make, cases: list[Case]) -> None:
    place = scene((("ann",), ("ann",)), PROGRAM)
    place.execute("in0.sqlite", "CREATE TABLE people (name, age, tier)", *GOOD.split("; "))
    place.change(1, input={"rows": [["bob", 2], ["ann", 10]]}, constants={"ROWS": {"rows": True}})
    contributor = place.start(1)
    told = 0
    for statements, input, constants, message in cases:
        place.execute("in0.sqlite", *filter(None, statements.split("; ")))
        before = place.execute("in0.sqlite", "SELECT COUNT(*) FROM people")
        own = {"db": "sqlite://in0.sqlite", "query": QUERY, **input}
        place.change(0, input=own, constants={"ROWS": {"rows": True}, **constants})
        leader = place.start(0)
        assert leader.end() == 4, leader.log + leader.errors
        assert message in leader.errors.removeprefix("Error: "), leader.errors
        assert "planted" not in leader.log + leader.errors
        assert place.execute("in0.sqlite", "SELECT COUNT(*) FROM people") == before
        assert place.results == [999]
        told += "Sending constants" in leader.log
        contributor.wait_for("db_error", told)
        contributor.wait_for("Listening for connection attempts from other parties", told + 1)
    assert "input row" not in contributor.log and "people" not in contributor.log
    place.execute("in0.sqlite", *GOOD.split("; "))
    assert place.start(0).end() == 0
    assert place.results == [3 * 10 + 7 * 2]
