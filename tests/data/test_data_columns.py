"""The matrix of conversions: every value of ``as``, text rules, NULL, nested values; exact or an error."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data import Table, encode_rows, read_snapshot
from engine.data.rows import table_of
from engine.data.rules import rules_of
from engine.data.table import Column
from engine.errors import DataError
from engine.policy import load_policy
from engine.sources import ColumnRule, InputSpec, NullDefault, TextRules
from engine.values import ArrayType, EnumType, EnumValue, IntType, StructValue, TupleType, decode
from tests.data.data_helpers import BOOL, I32, I64, OPTION, TIER, U8, U16, U32, U64, USIZE, rows_of, struct, text
from tests.policy.policy_helpers import write

UTC = datetime.UTC
ID = "00112233-4455-6677-8899-AABBCCDDEEFF"
WINTER = datetime.datetime(2024, 1, 31, 12, 0, 0)


def encoded(
    family: str, values: list[Any], type: Any, rule: ColumnRule, rules: TextRules | None = None, **more: Any
) -> Any:
    table = table_of([("c", family)], [(value,) for value in values])
    spec = InputSpec(columns={"C": rule}, text=rules or TextRules())
    parameter = ArrayType(type, len(values))
    found = encode_rows(table, parameter, parameter_name="p", rules=rules_of(spec, table.columns), **more)
    return decode(parameter, found.bits), found


def one(family: str, value: Any, type: Any, form: str = "", number: int = 0, **rule: Any) -> Any:
    return encoded(family, [value], type, ColumnRule(form, number, **rule))[0][0]


def refused(family: str, value: Any, type: Any, form: str = "", number: int = 0, **rule: Any) -> str:
    with pytest.raises(DataError) as caught:
        one(family, value, type, form, number, **rule)
    message = caught.value.message
    assert message.startswith('input row 1, column 1 "c"')
    return message


def octets(value: str, size: int) -> list[int]:
    return list(value.encode().ljust(size, b"\0"))


D = decimal.Decimal
FITS: list[tuple[str, Any, Any, str, int, Any]] = [
    ("text", "-17", I32, "int", 0, -17),
    ("cell", "+17", U8, "", 0, 17),
    ("bool", True, U8, "int", 0, 1),
    ("text", "T", BOOL, "bool", 0, True),
    ("cell", "FALSE", BOOL, "", 0, False),
    ("numeric", D("3.10"), U16, "scaled", 2, 310),
    ("numeric", D("-3.1"), I32, "scaled", 2, -310),
    ("numeric", D("1E+3"), U16, "scaled", 0, 1000),
    ("numeric", D("0E+30"), U16, "scaled", 2, 0),
    ("integer", 5, U16, "scaled", 2, 500),
    ("real", 1.1, U16, "scaled", 1, 11),
    ("real", -0.0, U16, "scaled", 1, 0),
    ("cell", "12.50", U16, "scaled", 2, 1250),
    ("numeric", D("3.00"), U8, "", 0, 3),
    ("date", datetime.date(1970, 1, 11), U32, "", 0, 10),
    ("date", datetime.date(1970, 1, 11), U8, "days", 0, 10),
    ("cell", "1969-12-31", I32, "days", 0, -1),
    ("time", WINTER.replace(tzinfo=UTC), U64, "epoch_s", 0, 1706702400),
    ("time", WINTER.replace(tzinfo=UTC, microsecond=5000), U64, "epoch_ms", 0, 1706702400005),
    ("cell", "2024-01-31T12:00:00Z", U64, "epoch_s", 0, 1706702400),
    ("cell", "2024-01-31 13:00:00+01:00", U64, "epoch_s", 0, 1706702400),
    ("time", datetime.time(0, 1, 2), U8, "epoch_s", 0, 62),
    ("time", datetime.timedelta(seconds=62), U8, "epoch_s", 0, 62),
    ("time", WINTER, text(19), "iso", 0, octets("2024-01-31T12:00:00", 19)),
    ("time", WINTER.replace(tzinfo=UTC), text(20), "iso", 0, octets("2024-01-31T12:00:00Z", 20)),
    ("time", datetime.timedelta(hours=1, microseconds=5), text(15), "iso", 0, octets("01:00:00.000005", 15)),
    ("date", datetime.date(2024, 1, 31), text(10), "", 0, octets("2024-01-31", 10)),
    ("date", datetime.date(2024, 1, 31), text(10), "iso", 0, octets("2024-01-31", 10)),
    ("integer", -7, text(4), "text", 0, octets("-7", 4)),
    ("bool", True, text(4), "text", 0, octets("true", 4)),
    ("numeric", D("1E+2"), text(4), "text", 0, octets("100", 4)),
    ("other", {"b": [1, "ä"], "a": None}, text(24), "text", 0, octets('{"a":null,"b":[1,"ä"]}', 24)),
    ("other", {"b", "a"}, text(4), "text", 0, octets("a,b", 4)),
    ("other", "192.168.0.1", text(12), "text", 0, octets("192.168.0.1", 12)),
    ("text", ID, text(16), "uuid", 0, list(uuid.UUID(ID).bytes)),
    ("uuid", ID, text(36), "", 0, octets(ID.lower(), 36)),
    ("integer", 2, TIER, "enum_index", 0, EnumValue("Tier", "Pro")),
    ("cell", "1", TIER, "enum_index", 0, EnumValue("Tier", "Plus")),
    ("bytes", b"a\0", text(4), "zero_padded", 0, [97, 0, 0, 0]),
    ("bytes", "é".encode(), text(2), "text", 0, octets("é", 2)),
]  # fmt: skip


@pytest.mark.parametrize(("family", "value", "type", "form", "number", "expected"), FITS)
def test_what_fits(family: str, value: Any, type: Any, form: str, number: int, expected: Any) -> None:
    assert one(family, value, type, form, number) == expected


DOES_NOT: list[tuple[str, Any, Any, str, int, str]] = [
    ("text", " 1", U8, "int", 0, "is not a whole number, cannot become u8"),
    ("text", "1_0", U8, "int", 0, "is not a whole number"),
    ("text", "٣", U8, "int", 0, "is not a whole number"),
    ("text", "256", U8, "int", 0, "value out of range for u8 (0..255)"),
    ("text", "1", U8, "", 0, 'cannot become u8; cast it to an integer in the query (or "as": "int")'),
    ("text", "yes", BOOL, "bool", 0, "cannot become bool (true, false, t, f, 1 and 0 can)"),
    ("text", "true", BOOL, "", 0, "cannot become bool"),
    ("numeric", D("3.101"), U16, "scaled", 2, "has more than 2 digits after the point, cannot become u16"),
    ("numeric", D("1E+60"), U16, "scaled", 2, "value out of range for u16"),
    ("numeric", D("1E-60"), U16, "scaled", 2, "has more than 2 digits"),
    ("numeric", D("NaN"), U16, "scaled", 2, "is NaN or infinite, cannot become u16"),
    ("numeric", D("3.5"), U16, "", 0, "is not a whole number"),
    ("numeric", D("3.00"), BOOL, "", 0, "cannot become bool"),
    ("real", 1.25, U16, "scaled", 1, "has more than 1 digits after the point"),
    ("real", math.nan, U16, "scaled", 1, "is NaN or infinite"),
    ("real", 2.0, U16, "", 0, 'cannot become u16; "as": "scaled:2" counts hundredths'),
    ("cell", "1e3", U16, "scaled", 2, "is not a decimal number"),
    ("bool", True, U16, "scaled", 2, "cannot become u16 by scaled:2: no number"),
    ("date", datetime.date(1969, 12, 31), U32, "", 0, "value out of range for u32"),
    ("date", datetime.date(1970, 1, 1), U8, "", 0, "a date becomes u32, i32 or i64"),
    ("date", datetime.date(1970, 1, 1), U64, "epoch_s", 0, "cannot become u64 by epoch_s: no time"),
    ("integer", 5, U32, "days", 0, "cannot become u32 by days: no date"),
    ("cell", "2024-02-30", U32, "days", 0, "is not a date YYYY-MM-DD, cannot become u32"),
    ("cell", "31.1.2024", U32, "days", 0, "is not a date YYYY-MM-DD"),
    ("time", WINTER, U64, "", 0, 'cannot become u64; "as": "epoch_s" or "epoch_ms" makes a number of it'),
    ("time", WINTER, U64, "epoch_s", 0, 'has no time zone; say which with "tz"'),
    ("time", WINTER.replace(tzinfo=UTC, microsecond=1), U64, "epoch_s", 0, "is not a whole number of seconds"),
    ("time", WINTER.replace(tzinfo=UTC, microsecond=1), U64, "epoch_ms", 0, "is not a whole number of milliseconds"),
    ("time", datetime.time(1, tzinfo=UTC), U64, "epoch_s", 0, "is a time of day with time zone"),
    ("cell", "2024-01-31T12:00:00.0000001Z", U64, "epoch_ms", 0, "has more digits than microseconds"),
    ("cell", "yesterday", U64, "epoch_s", 0, "is not a timestamp such as"),
    ("time", WINTER, text(30), "", 0, 'cannot become [u8; 30]; "as": "iso" makes a text of it'),
    ("other", "x", text(4), "", 0, 'cannot become [u8; 4]; "as": "text" makes a text of it'),
    ("integer", 5, text(4), "", 0, '(or "as": "text")'),
    ("text", "x", text(16), "uuid", 0, "is not a UUID"),
    ("integer", 3, TIER, "enum_index", 0, "value out of range for the variants of Tier (0..2)"),
    ("integer", 1, TIER, "", 0, "cannot become Tier"),
    ("text", "Pro", TIER, "enum_index", 0, "cannot become Tier by enum_index: no integer"),
    ("text", "a\0", text(4), "zero_padded", 0, "text with an embedded NUL byte"),
    ("bytes", b"a\0", text(4), "", 0, "length would be ambiguous"),
    ("bytes", b"\xff", text(4), "text", 0, "text is not valid UTF-8"),
    ("bytes", b"1", U8, "", 0, "cannot become u8"),
    ("text", "x", U8, "iso", 0, '"as": "iso" does not make u8'),
    ("text", "x", text(2), "int", 0, '"as": "int" does not make [u8; 2]'),
    ("text", "1", BOOL, "int", 0, '"as": "int" does not make bool'),
]  # fmt: skip


@pytest.mark.parametrize(("family", "value", "type", "form", "number", "message"), DOES_NOT)
def test_what_does_not_fit(family: str, value: Any, type: Any, form: str, number: int, message: str) -> None:
    assert message in refused(family, value, type, form, number)


@given(
    value=st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12),
    k=st.integers(0, 6),
)
def test_scaled_is_exact_or_an_error(value: decimal.Decimal, k: int) -> None:
    exact = value.scaleb(k)
    if exact == exact.to_integral_value():
        assert one("numeric", value, I64, "scaled", k) == int(exact)
        assert one("cell", f"{value:f}", I64, "scaled", k) == int(exact)
    else:
        assert "digits after the point" in refused("numeric", value, I64, "scaled", k)


@given(value=st.floats(-1e9, 1e9))
def test_scaled_reals_mean_what_they_say(value: float) -> None:
    written = decimal.Decimal(repr(value))
    shown = written.scaleb(4)
    if shown == shown.to_integral_value():
        assert one("real", value, I64, "scaled", 4) == int(shown)
    else:
        assert "digits after the point" in refused("real", value, I64, "scaled", 4)


@given(value=st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(9999, 1, 1), timezones=st.just(UTC)))
def test_times_keep_their_instant(value: datetime.datetime) -> None:
    exact = value.replace(microsecond=value.microsecond // 1000 * 1000)
    found = one("time", exact, U64, "epoch_ms")
    assert datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(milliseconds=found) == exact
    other = value.astimezone(datetime.timezone(datetime.timedelta(hours=5)))
    shown = bytes(one("time", other, text(27), "iso")).rstrip(b"\0").decode()
    assert datetime.datetime.fromisoformat(shown) == value


def test_naive_times_in_a_zone() -> None:
    assert one("time", WINTER, U64, "epoch_s", tz="UTC") == 1706702400
    assert one("time", WINTER, U64, "epoch_s", tz="Europe/Berlin") == 1706702400 - 3600
    assert bytes(one("time", WINTER, text(20), "iso", tz="Europe/Berlin")) == b"2024-01-31T11:00:00Z"
    for day in (datetime.datetime(2024, 3, 31, 2, 30), datetime.datetime(2024, 10, 27, 2, 30)):
        assert "happens twice or not at all in Europe/Berlin" in refused(
            "time", day, U64, "epoch_s", tz="Europe/Berlin"
        )


def test_text_rules() -> None:
    def by(rules: TextRules, value: str, size: int = 8, family: str = "text") -> bytes:
        return bytes(encoded(family, [value], text(size), ColumnRule(), rules)[0][0]).rstrip(b"\0")

    assert by(TextRules(normalize="NFC"), "Zoe\u0308") == "Zoë".encode()
    assert by(TextRules(normalize="NFKC"), "ﬁ") == b"fi"
    assert by(TextRules(casefold=True), "STRAßE") == b"strasse"
    assert by(TextRules(normalize="NFC", casefold=True), "ZOE\u0308") == "zoë".encode()
    assert by(TextRules(), "ab ", family="char") == b"ab"
    assert by(TextRules(keep_blanks=True), "ab ", family="char") == b"ab "


def test_truncation_keeps_characters_whole_and_tells_how_many() -> None:
    (values, found) = encoded("text", ["aéé", "a", "éé"], text(4), ColumnRule(), TextRules(too_long="truncate"))
    assert [bytes(value) for value in values] == ["aé\0".encode(), b"a\0\0\0", "éé".encode()]
    assert found.warnings == ('column 1 "c": 1 texts were cut to fit (text.too_long: truncate)',)


def test_texts_that_are_not_nfc_do_not_warn_when_they_are_normalised() -> None:
    assert not encoded("text", ["Zoe\u0308"], text(8), ColumnRule(), TextRules(normalize="NFC"))[1].warnings


def test_null() -> None:
    message = refused("integer", None, U8)
    assert message == 'input row 1, column 1 "c": NULL'
    default = ColumnRule(null=NullDefault(7))
    assert encoded("integer", [1, None], U8, default)[0] == [1, 7]
    assert encoded("text", ["ab", None], text(2), ColumnRule(null=NullDefault("x")))[0] == [[97, 98], [120, 0]]
    assert encoded("date", [None], U32, ColumnRule("days", null=NullDefault("1970-01-02")))[0] == [1]
    assert encoded("text", [None, "Pro"], TIER, ColumnRule(null=NullDefault("basic")))[0][0].variant == "Basic"
    with pytest.raises(DataError, match='the default for NULL in column "c": value out of range for u8'):
        encoded("integer", [None], U8, ColumnRule(null=NullDefault(300)))


def test_null_is_none_of_an_option() -> None:
    values, _ = encoded("integer", [None, 7], OPTION, ColumnRule())
    assert values == [EnumValue("MaybeCount", "None"), EnumValue("MaybeCount", "Some", (7,))]
    named = EnumType("Name", (("Some", (text(3),)), ("None", None)))
    values, _ = encoded("text", ["ab", None], named, ColumnRule())
    assert values == [EnumValue("Name", "Some", ([97, 98, 0],)), EnumValue("Name", "None")]
    assert "value out of range for u8" in refused("integer", 300, OPTION)


def snapshot(folder: Any, input: Any, constants: Any = None) -> Any:
    policy = load_policy(write(folder, input=input, constants=constants or {}))
    return read_snapshot(policy, dict.fromkeys(constants or {}, USIZE))


def values_of(found: Any, parameter: Any) -> Any:
    return decode(parameter, encode_rows(found.rows, parameter, parameter_name="p", rules=found.rules).bits)


def test_rows_with_null_can_be_left_out(tmp_path: Any) -> None:
    rows = [[1, "a"], [None, "longest"], [3, None], [4, "bb"], [5, "c\0"]]
    constants = {"ROWS": {"rows": True}, "LEN": {"max_bytes": 1}}
    given = {"rows": rows, "null": "skip_row"}
    found = snapshot(tmp_path, given, constants)
    assert found.constants == {"ROWS": 3, "LEN": 2}
    assert found.warnings == ("2 rows with NULL were left out (null: skip_row)",)
    with pytest.raises(DataError, match=r"input row 5, column 2 \"c2\" .*: text with an embedded NUL byte"):
        values_of(found, rows_of(U8, text(2), size=3))
    one_column = snapshot(tmp_path, {"rows": rows, "columns": [None, {"null": "skip_row"}]}, {"N": {"rows": True}})
    assert one_column.constants == {"N": 4}
    with pytest.raises(DataError, match="without NULL"):
        snapshot(tmp_path, {"rows": [[None]], "null": "skip_row"})


def test_rules_by_name_number_and_place(tmp_path: Any) -> None:
    (tmp_path / "a.csv").write_text("born,paid\n1970-01-03,1.50\n")
    for columns in (
        {"Born": {"as": "days"}, "paid": {"as": "scaled:2"}},
        {"0": {"as": "days"}, "1": {"as": "scaled:2"}},
        [{"as": "days"}, {"as": "scaled:2"}],
    ):
        found = snapshot(tmp_path, {"file": "a.csv", "columns": columns})
        assert values_of(found, rows_of(U8, U16, size=1)) == [(2, 150)]
    for columns, text_ in (({"x": {"as": "days"}}, "one column 'x'"), ([None, None, {}], "column 2 (counted from 0)")):
        with pytest.raises(DataError) as caught:
            snapshot(tmp_path, {"file": "a.csv", "columns": columns})
        assert f"input.columns: the input has not {text_}" in caught.value.message
    with pytest.raises(DataError, match="two rules for column 1"):
        snapshot(tmp_path, {"file": "a.csv", "columns": {"0": {}, "born": {}}})


def test_lengths_count_what_is_encoded(tmp_path: Any) -> None:
    rows = [["STRAßE", "Zoe\u0308", None]]
    columns = {
        "0": {"text": {"casefold": True}},
        "1": {"text": {"normalize": "NFC"}},
        "2": {"null": {"default": "abc"}},
    }
    constants = {name: {"max_bytes": number} for number, name in enumerate("ABC")}
    found = snapshot(tmp_path, {"rows": rows, "columns": columns}, constants)
    assert found.constants == {"A": 7, "B": 4, "C": 3}
    values = values_of(found, rows_of(text(7), text(4), text(3), size=1))
    assert [bytes(value) for value in values[0]] == [b"strasse", "Zoë".encode(), b"abc"]


POINT = struct("Point", x=I32, y=I32)
SHAPE = EnumType("Shape", (("Nothing", None), ("Circle", (U8,)), ("Line", (POINT, POINT))))


def test_nested_values_of_json(tmp_path: Any) -> None:
    rows = [
        [[1, 2], {"X": -1, "y": 2}, [True, "ab"], "nothing", [1, 2, 3]],
        [[3, 4], {"x": 0, "y": 0}, [False, ""], {"Circle": 5}, "xyz"],
        [[3, 4], {"x": 0, "y": 0}, [False, "c"], {"Line": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, "x"],
    ]
    parameter = rows_of(ArrayType(U16, 2), POINT, TupleType((BOOL, text(2))), SHAPE, text(3), size=3)
    found = values_of(snapshot(tmp_path, {"rows": rows}), parameter)
    assert found[0] == (
        [1, 2],
        StructValue("Point", {"x": -1, "y": 2}),
        (True, [97, 98]),
        EnumValue("Shape", "Nothing"),
        [1, 2, 3],
    )
    assert found[1][3:] == (EnumValue("Shape", "Circle", (5,)), [120, 121, 122])
    assert found[2][3].payload[1] == StructValue("Point", {"x": 3, "y": 4})


@pytest.mark.parametrize(
    ("value", "type", "message"),
    [
        ([1], ArrayType(U16, 2), "has 1 elements, [u16; 2] has 2"),
        ([1, "x"], ArrayType(U16, 2), "at [1]: cannot become u16"),
        ([1, 70000], ArrayType(U16, 2), "at [1]: value out of range for u16 (0..65535)"),
        ({"x": 1}, POINT, "has not exactly the fields of Point (x, y)"),
        ({"x": 1, "y": True}, POINT, "at y: cannot become i32"),
        ([1, 2, 3], TupleType((U8, U8)), "cannot become (u8, u8) (an array of 2 values can)"),
        ({"Circle": [1, 2]}, SHAPE, 'Shape::Circle needs {"Circle": [...]} with 1 fields'),
        ("Circle", SHAPE, 'Shape::Circle needs {"Circle": [...]}'),
        ("Square", SHAPE, "value is not a variant of Shape (Nothing, Circle, Line)"),
        ([[1], [256]], ArrayType(ArrayType(U8, 1), 2), "at [1][0]: value out of range for u8"),
    ],
)
def test_nested_values_that_do_not_fit(value: Any, type: Any, message: str, tmp_path: Any) -> None:
    with pytest.raises(DataError) as caught:
        values_of(snapshot(tmp_path, {"rows": [[value]]}), rows_of(type, size=1))
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("family", "value", "type", "message"),
    [
        ("integer", 300, U8, "300 does not fit u8 (0..255)"),
        ("text", "gold", TIER, '"gold" is not a variant of Tier (Basic, Plus, Pro)'),
        ("text", "abc", text(2), "text has 3 bytes, [u8; 2] holds 2 (the value is 'abc')"),
        ("integer", None, U8, "NULL"),
    ],
)
def test_values_are_shown_only_on_demand(family: str, value: Any, type: Any, message: str) -> None:
    table = table_of([("c", family)], [(value,)])
    for show in (True, False):
        with pytest.raises(DataError) as caught:
            encode_rows(table, ArrayType(type, 1), parameter_name="p", show_values=show)
        shown = caught.value.message.partition(": ")[2]
        assert shown == message if show else (value is None or str(value) not in shown)


@given(values=st.lists(st.one_of(st.none(), st.integers(-(2**70), 2**70), st.booleans(), st.text(), st.binary())))
def test_a_table_keeps_every_value(values: list[Any]) -> None:
    table = Table.of_rows([Column("c", "other")], [(value,) for value in values])
    found = [row[0] for row in table.rows]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_types_of_integers_at_their_bounds() -> None:
    for name in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"):
        type = IntType(name)
        values = [type.minimum, type.maximum]
        assert encoded("integer", values, type, ColumnRule())[0] == values
        with pytest.raises(DataError, match=r"\.\.\. 2 rows of 3|input row 2"):
            encoded("integer", [0, type.maximum + 1, type.minimum - 1], type, ColumnRule())
