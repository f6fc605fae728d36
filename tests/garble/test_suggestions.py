"""What an unknown name may have meant."""

from __future__ import annotations

import pytest

from engine.garble.suggestions import MAX_KNOWN, did_you_mean, distance, nearest

NAMES = ["total", "count", "rows", "x", "MAX_ROWS", "left", "right"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("totla", "total"),  # neighbours swapped
        ("cuont", "count"),
        ("row", "rows"),
        ("roows", "rows"),
        ("Left", "left"),  # upper and lower case
        ("max_rows", "MAX_ROWS"),
        ("rigth", "right"),
        ("y", None),  # one letter says nothing
        ("missing", None),
        ("totals_of_all", None),
    ],
)
def test_nearest(name: str, near: str | None) -> None:
    assert nearest(name, NAMES) == near
    assert did_you_mean(name, NAMES) == (f"did you mean `{near}`?" if near else "")


def test_the_closest_one_is_taken() -> None:
    assert nearest("value", ["values", "valeu", "vale"]) == "vale"
    assert nearest("helper", ["shelter", "helpers"]) == "helpers"


@pytest.mark.parametrize(
    ("left", "right", "edits"),
    [
        ("", "abc", 3),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "abd", 1),
        ("abc", "ab", 1),
        ("kitten", "sitting", 3),
    ],
)
def test_distance(left: str, right: str, edits: int) -> None:
    assert distance(left, right, 9) == distance(right, left, 9) == edits
    if edits:
        assert distance(left, right, edits - 1) > edits - 1


def test_many_names_cost_a_bounded_search() -> None:
    names = [f"name{number:06}" for number in range(3 * MAX_KNOWN)]
    assert nearest("nmae000001", names) == "name000001"
