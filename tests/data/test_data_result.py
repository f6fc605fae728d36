"""Result values -> rows."""

from __future__ import annotations

from typing import Any

import pytest

from engine.data import result_rows
from engine.errors import DataError
from engine.values import ArrayType, EnumType, EnumValue, StructValue, TupleType
from tests.data.data_helpers import BOOL, I8, OPTION, TIER, U8, U16, U64, rows_of, struct, text

PLUS = EnumValue("Tier", "Plus")
NONE, SOME = EnumValue("MaybeCount", "None"), EnumValue("MaybeCount", "Some", (4,))


@pytest.mark.parametrize(
    ("type", "value", "rows"),
    [
        (U16, 7, [(7,)]),
        (ArrayType(U16, 3), [7, 0, 65535], [(7,), (0,), (65535,)]),
        (ArrayType(U64, 1), [2**64 - 1], [(2**64 - 1,)]),
        (TupleType((BOOL, I8)), (True, -3), [(True, -3)]),
        (rows_of(BOOL, I8, size=2), [(True, -3), (False, 0)], [(True, -3), (False, 0)]),
        (text(5), list(b"ab\0\0\0"), [(97,), (98,), (0,), (0,), (0,)]),
        (rows_of(text(5), size=1), [(list("aé\0\0".encode()),)], [("aé",)]),
        (rows_of(text(3), size=1), [([97, 0, 98],)], [(b"a\0b",)]),
        (rows_of(text(2), size=1), [([255, 0],)], [(b"\xff\0",)]),
        (ArrayType(TIER, 1), [PLUS], [("Plus",)]),
        (ArrayType(OPTION, 2), [NONE, SOME], [(None,), (4,)]),
        (rows_of(ArrayType(U16, 2), TupleType((U8, TIER)), size=1), [([1, 2], (3, PLUS))], [("[1,2]", '[3,"Plus"]')]),
        (ArrayType(EnumType("E", (("A", (U8, BOOL)),)), 1), [EnumValue("E", "A", (1, True))], [('{"A":[1,true]}',)]),
    ],
)  # fmt: skip
def test_rows_of_a_result(type: Any, value: Any, rows: list[Any]) -> None:
    assert result_rows(type, value) == (None, rows)


def test_structs_have_named_columns() -> None:
    type = struct("Total", count=U16, area=U8)
    value = [StructValue("Total", {"area": 3, "count": 400})]
    assert result_rows(ArrayType(type, 1), value) == (("area", "count"), [(3, 400)])


@pytest.mark.parametrize(
    ("mode", "cell"), [("text", "ab"), ("quoted", "'ab'"), ("hex", "616200"), ("bytes", b"ab\0"), ("auto", "ab")]
)
def test_forms_of_text(mode: str, cell: Any) -> None:
    assert result_rows(rows_of(text(3), size=1), [([97, 98, 0],)], text=mode)[1] == [(cell,)]


def test_text_that_is_not_utf8() -> None:
    with pytest.raises(DataError, match="not valid UTF-8"):
        result_rows(rows_of(text(1), size=1), [([255],)], text="text")


def test_matched_rows_of_a_join() -> None:
    row = TupleType((U8, U16))
    join = rows_of(BOOL, row, row, size=2)
    value = [(False, (0, 0), (0, 0)), (True, (5, 6), (5, 7))]
    assert result_rows(join, value)[1] == [(False, "[0,0]", "[0,0]"), (True, "[5,6]", "[5,7]")]
    assert result_rows(join, value, keep="matched")[1] == [("[5,6]", "[5,7]")]
    intersection = rows_of(BOOL, U8, size=2)
    assert result_rows(intersection, [(False, 0), (True, 9)], keep="matched") == (None, [(9,)])
    with pytest.raises(DataError, match=r'output\.keep is "matched"'):
        result_rows(ArrayType(U8, 1), [1], keep="matched")
