"""Rows -> bits: conversion of every type, messages that name rows and columns, order for joins."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import Table, encode_rows
from engine.data.rows import table_of
from engine.errors import DataError
from engine.values import ArrayType, EnumType, IntType, decode, encode
from tests.data.data_helpers import BOOL, I8, I64, TIER, U8, U16, U64, USIZE, rows_of, struct, text

SECRET = "Grosvenor"


def table(*columns: str, rows: list[Any]) -> Table:
    return table_of([(f"c{number}", family) for number, family in enumerate(columns, 1)], rows)


def refused(given: Table, parameter: Any, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        encode_rows(given, parameter, parameter_name="people", **options)
    return caught.value


def test_the_bits_are_those_of_the_value() -> None:
    given = table("text", "integer", "bool", rows=[("ab", -3, True), ("", 127, False)])
    parameter = rows_of(text(3), I8, BOOL, size=2)
    value = [([97, 98, 0], -3, True), ([0, 0, 0], 127, False)]
    assert (encode_rows(given, parameter, parameter_name="p").bits == encode(parameter, value)).all()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64"]))
def test_every_integer_in_range_and_no_other(data: st.DataObject, name: str) -> None:
    type = IntType(name)
    values = data.draw(st.lists(st.integers(type.minimum, type.maximum), min_size=1, max_size=9))
    rows = [(value,) for value in values]
    bits = encode_rows(table("integer", rows=rows), ArrayType(type, len(rows)), parameter_name="p").bits
    assert (bits == encode(ArrayType(type, len(rows)), values)).all()
    outside = data.draw(st.one_of(st.integers(max_value=type.minimum - 1), st.integers(min_value=type.maximum + 1)))
    error = refused(table("integer", rows=[*rows, (outside,)]), ArrayType(type, len(rows) + 1))
    limits = f"({type.minimum}..{type.maximum})"
    assert error.message == f'input row {len(rows) + 1}, column 1 "c1": value out of range for {type} {limits}'


@pytest.mark.parametrize(
    ("family", "value", "type", "message"),
    [
        ("integer", None, U8, "NULL"),
        ("integer", 2, BOOL, "value out of range for bool (0 or 1)"),
        ("integer", 7, text(4), "cannot become [u8; 4]; CAST(... AS TEXT) in the query makes a text of it"),
        ("text", SECRET, U8, "cannot become u8; cast it to an integer in the query"),
        ("text", SECRET, BOOL, "cannot become bool"),
        ("text", SECRET, text(8), "text has 9 bytes, [u8; 8] holds 8"),
        ("text", "né", text(2), "text has 3 bytes, [u8; 2] holds 2"),
        ("text", "a\0b", text(8), "text with an embedded NUL byte"),
        ("text", "a\udcff", text(8), "text is not valid UTF-8"),
        ("text", SECRET, TIER, "value is not a variant of Tier (Basic, Plus, Pro)"),
        ("real", 3.0, U8, "cannot become u8"),
        ("bytes", b"\0x", text(3), "length would be ambiguous"),
        ("bool", True, U8, "cannot become u8; CAST(... AS INT) in the query makes a number of it"),
        ("text", "x", ArrayType(U16, 4), "a column cannot become [u16; 4]"),
        ("text", "x", EnumType("E", (("A", (U8,)),)), "a column cannot become E"),
    ],
)
@pytest.mark.fault(32, 33, 34, 35, 36)
@pytest.mark.defect("D10")
def test_a_value_that_does_not_fit(family: str, value: Any, type: Any, message: str) -> None:
    error = refused(table("integer", family, rows=[(1, value)]), rows_of(U8, type, size=1))
    assert error.message.startswith('input row 1, column 2 "c2": ')
    assert message in error.message
    assert SECRET not in error.message + error.hint
    assert error.exit_code == 4


def test_five_rows_are_shown_and_all_are_counted() -> None:
    rows = [(0 if number % 2 else 300,) for number in range(40)]
    lines = refused(table("integer", rows=rows), ArrayType(U8, 40)).message.splitlines()
    assert len(lines) == 6
    assert [line.split(",")[0] for line in lines[:5]] == [f"input row {n}" for n in (1, 3, 5, 7, 9)]
    assert lines[5] == "... 20 rows of 40 cannot be used"


def test_the_hint_for_lengths_of_postgres() -> None:
    given = table("text", rows=[("é",)])
    assert (
        "LENGTH() counts characters on PostgreSQL; use OCTET_LENGTH()"
        in refused(given, rows_of(text(1), size=1), database_kind="postgres").hint
    )
    assert "PostgreSQL" not in refused(given, rows_of(text(1), size=1), database_kind="mysql").hint


def test_blanks_of_char_columns_are_removed_and_those_of_text_kept() -> None:
    given = table("char", "text", rows=[("ab  ", "ab  ")])
    parameter = rows_of(text(4), text(4), size=1)
    (row,) = decode(parameter, encode_rows(given, parameter, parameter_name="p").bits)
    assert row == ([97, 98, 0, 0], [97, 98, 32, 32])


def test_binary_with_zero_bytes_needs_full_length() -> None:
    given = table("bytes", rows=[(b"\0\1",), (b"\0\0",)])
    parameter = ArrayType(text(2), 2)
    assert decode(parameter, encode_rows(given, parameter, parameter_name="p").bits) == [[0, 1], [0, 0]]


def test_enum_names_ignore_case_and_a_tie_is_an_error() -> None:
    given = table("text", rows=[("BASIC",), ("pro",)])
    parameter = ArrayType(TIER, 2)
    found = decode(parameter, encode_rows(given, parameter, parameter_name="p").bits)
    assert [value.variant for value in found] == ["Basic", "Pro"]
    tie = EnumType("Tie", (("Ab", None), ("AB", None)))
    assert "fits more than one variant of Tie" in refused(table("text", rows=[("ab",)]), ArrayType(tie, 1)).message


def test_texts_that_are_not_nfc_give_a_warning() -> None:
    given = table("text", rows=[("Zoe\u0308",), ("Zoë",)])
    (warning,) = encode_rows(given, ArrayType(text(8), 2), parameter_name="p").warnings
    assert 'column 1 "c1": 1 texts are not in Unicode normal form NFC' in warning


@pytest.mark.parametrize(
    ("columns", "parameter", "message"),
    [
        (3, rows_of(U8, U8, size=1), "The program expects a tuple with 2 fields, but the query returned a row with 3"),
        (2, ArrayType(U8, 1), "The program expects one column, but the query returned a row with 2 fields"),
        (1, struct("S", c1=U8, other=U8), "no column for field other"),
        (2, struct("S", c1=U8), "no field for column c2"),
    ],
)
@pytest.mark.fault(31)
def test_columns_that_do_not_fit(columns: int, parameter: Any, message: str) -> None:
    given = table(*["integer"] * columns, rows=[(1,) * columns])
    assert message in refused(given, parameter).message


@pytest.mark.fault(38)
def test_a_wrong_number_of_rows() -> None:
    given = table("integer", rows=[(1,)] * 51)
    error = refused(given, ArrayType(U8, 50), party=0, size_name="PARTY_0::ROWS")
    assert error.message == ("input has 51 rows but parameter 'people' of party 0 is [..; 50] (PARTY_0::ROWS = 50)")
    assert refused(given, ArrayType(U8, 50)).message == "input has 51 rows but parameter 'people' is [..; 50]"


KEYS = [
    (U8, [3, 1, 2]),
    (I64, [-1, 5, -7, 0, 3]),
    (USIZE, [7, 2**32 - 1, 0]),
    (text(3), ["b", "", "ab", "a", "ü"]),
    (text(12), ["b", "", "ab", "a", "ü", "abcdefghijkl"]),
    (TIER, ["Pro", "Basic"]),
    (BOOL, [1, 0]),
]


@pytest.mark.parametrize(("type", "keys"), KEYS)
@pytest.mark.parametrize("form", ["tuple", "element"])
@pytest.mark.defect("D11")
def test_join_input_is_sorted_by_the_bits_of_its_key(type: Any, keys: list[Any], form: str) -> None:
    """Signed keys too: the circuit compares bit strings, so negative keys come last."""
    family = "text" if isinstance(keys[0], str) else "integer"
    if form == "tuple":
        given = table(family, "integer", rows=[(key, number) for number, key in enumerate(keys)])
        parameter = rows_of(type, U8, size=len(keys))
    else:
        given = table(family, rows=[(key,) for key in keys])
        parameter = ArrayType(type, len(keys))
    found = encode_rows(given, parameter, parameter_name="p", joins=True)
    assert found.sorted
    rows = found.bits.reshape(len(keys), -1)
    strings = ["".join(map(str, row[: type.bits])) for row in rows]
    assert strings == sorted(strings)
    plain = encode_rows(given, parameter, parameter_name="p")
    assert not plain.sorted
    assert sorted(map(bytes, plain.bits.reshape(len(keys), -1))) == sorted(map(bytes, rows))


def test_order_is_kept_without_a_join_or_when_it_is_right() -> None:
    unsorted, ordered = (table("integer", rows=[(n,) for n in keys]) for keys in ((3, 1, 2), (1, 2, 3)))
    parameter = ArrayType(U8, 3)
    assert decode(parameter, encode_rows(unsorted, parameter, parameter_name="p").bits) == [3, 1, 2]
    assert not encode_rows(ordered, parameter, parameter_name="p", joins=True).sorted
    by_key = encode_rows(unsorted, parameter, parameter_name="p", sort="key")
    assert decode(parameter, by_key.bits) == [1, 2, 3]


@pytest.mark.fault(39)
def test_sort_none_warns_and_sort_error_refuses() -> None:
    given = table("integer", rows=[(3,), (1,)])
    parameter = ArrayType(U8, 2)
    kept = encode_rows(given, parameter, parameter_name="p", sort="none", joins=True)
    assert decode(parameter, kept.bits) == [3, 1]
    assert "the join will lose matches" in kept.warnings[0]
    assert "not in ascending order" in refused(given, parameter, sort="error").message


@pytest.mark.fault(39)
def test_duplicate_keys() -> None:
    given = table("integer", "integer", rows=[(5, 1), (9, 2), (5, 3), (5, 4), (9, 5), (7, 6)])
    parameter = rows_of(U8, U8, size=6)
    error = refused(given, parameter, joins=True)
    assert error.message == (
        "2 join keys occur more than once in the rows of 'people' (rows 3, 4, 5); join would drop matches"
    )
    passed = encode_rows(given, parameter, parameter_name="p", joins=True, allow_duplicates=True)
    assert [row[0] for row in decode(parameter, passed.bits)] == [5, 5, 5, 7, 9, 9]
    assert not encode_rows(given, parameter, parameter_name="p").sorted


def test_no_rows_and_one_row() -> None:
    assert encode_rows(table("integer", rows=[]), ArrayType(U8, 0), parameter_name="p", joins=True).bits.size == 0
    one = encode_rows(table("integer", rows=[(4,)]), ArrayType(U8, 1), parameter_name="p", joins=True)
    assert decode(U8, one.bits) == 4


def test_many_rows_agree_with_encoding_one_by_one() -> None:
    source = random.Random(1)
    rows = [("".join(source.choices("abcdéfg ", k=source.randint(0, 6))), source.randrange(2**64)) for _ in range(500)]
    rows = [(f"{number:03}{name}", value) for number, (name, value) in enumerate(rows)]
    source.shuffle(rows)
    parameter = rows_of(text(15), U64, size=500)
    found = encode_rows(table("text", "integer", rows=rows), parameter, parameter_name="p", joins=True)
    value = [(list(name.encode().ljust(15, b"\0")), number) for name, number in sorted(rows)]
    assert found.bits.dtype == np.uint8
    assert (found.bits == encode(parameter, value)).all()
