"""Encodings, texts and JSON of values (sections 16 and 17)."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

import engine
from engine import values as v

U8, I8, U16, I16, U64, I64, BOOL = (
    v.IntType("u8"),
    v.IntType("i8"),
    v.IntType("u16"),
    v.IntType("i16"),
    v.IntType("u64"),
    v.IntType("i64"),
    v.BoolType(),
)
Q = v.EnumType("Q", (("A", None), ("B", (U8,)), ("C", (BOOL, U16)), ("D", None), ("E", (I8,))))
Z = v.StructType("Z", (("second", U8), ("first", I8), ("third", BOOL)))
ONLY = v.EnumType("Only", (("V", (U8,)),))
PAIR = v.TupleType((U8, BOOL))
UNIT = v.TupleType(())


def bits(text: str) -> list[int]:
    """Bits of a text of 0, 1 and spaces."""
    return [int(char) for char in text if char != " "]


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (U8, 129, "10000001"),
        (I16, -2, "1111111111111110"),
        (v.IntType("usize"), 1, "0" * 31 + "1"),
        (U64, 2**64 - 1, "1" * 64),
        (I64, -(2**63), "1" + "0" * 63),
        (BOOL, True, "1"),
        (PAIR, (5, True), "00000101 1"),
        (Z, v.StructValue("Z", {"second": 3, "first": -1, "third": True}), "11111111 00000011 1"),
        (Q, v.EnumValue("Q", "C", (True, 258)), "010 1 0000000100000010"),
        (Q, v.EnumValue("Q", "E", (-1,)), "100 11111111 000000000"),
        (Q, v.EnumValue("Q", "D"), "011" + "0" * 17),
        (ONLY, v.EnumValue("Only", "V", (1,)), "00000001"),
        (v.ArrayType(U8, 2), [1, 2], "00000001 00000010"),
        (v.ArrayType(U8, 0), [], ""),
        (UNIT, (), ""),
    ],
)
def test_encodings_of_the_specification(type_: v.Type, value: Any, expected: str) -> None:
    """Bits as in section 16, and back."""
    found = v.encode(type_, value)
    assert found.dtype == np.uint8
    assert found.tolist() == bits(expected)
    assert type_.bits == len(found)
    assert v.decode(type_, found) == value


def test_a_tag_without_variant_is_rejected() -> None:
    """Five variants in three bits leave three tags over."""
    with pytest.raises(ValueError, match="tag"):
        v.decode(Q, bits("101" + "0" * 17))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (U8, 256),
        (U8, -1),
        (I8, 128),
        (U8, True),
        (U8, "1"),
        (BOOL, 1),
        (PAIR, (1,)),
        (v.ArrayType(U8, 2), [1]),
        (Q, v.EnumValue("Q", "X")),
        (Q, v.EnumValue("Q", "A", (1,))),
        (Q, v.EnumValue("Q", "B")),
        (Q, v.EnumValue("R", "A")),
        (Z, v.StructValue("Z", {"second": 3})),
        (Z, (1, 2, 3)),
    ],
)
def test_values_of_another_type_are_rejected(type_: v.Type, value: Any) -> None:
    """ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"type|range"):
        v.encode(type_, value)


def test_messages_never_hold_the_value() -> None:
    """It may be a row of a table."""
    with pytest.raises(ValueError) as caught:
        v.encode(v.ArrayType(U8, 1), [77777])
    assert "77777" not in str(caught.value)


def random_type(rng: random.Random, depth: int) -> v.Type:
    """A type of any shape."""
    kind = rng.randrange(6 if depth else 2)
    if kind == 0:
        return BOOL
    if kind == 1:
        return v.IntType(rng.choice(sorted(v.INT_WIDTHS)))
    if kind == 2:
        return v.ArrayType(random_type(rng, depth - 1), rng.randrange(4))
    parts = tuple(random_type(rng, depth - 1) for _ in range(rng.randrange(1, 4)))
    if kind == 3:
        return v.TupleType(parts)
    if kind == 4:
        return v.StructType("S", tuple((f"f{9 - i}", part) for i, part in enumerate(parts)))
    payloads: list[tuple[v.Type, ...] | None] = [rng.choice([None, (), (part,), parts]) for part in parts]
    return v.EnumType("E", tuple((f"V{i}", payload) for i, payload in enumerate(payloads)))


def random_value(type_: v.Type, rng: random.Random) -> Any:
    """Any value of a type."""
    if isinstance(type_, v.BoolType):
        return rng.random() < 0.5
    if isinstance(type_, v.IntType):
        return rng.choice([type_.minimum, type_.maximum, rng.randint(type_.minimum, type_.maximum)])
    if isinstance(type_, v.ArrayType):
        return [random_value(type_.element, rng) for _ in range(type_.size)]
    if isinstance(type_, v.TupleType):
        return tuple(random_value(item, rng) for item in type_.items)
    if isinstance(type_, v.StructType):
        return v.StructValue(type_.name, {name: random_value(item, rng) for name, item in type_.fields})
    name, payload = rng.choice(type_.variants)
    return v.EnumValue(type_.name, name, None if payload is None else tuple(random_value(p, rng) for p in payload))


def declarations(type_: v.Type, found: dict[str, str]) -> str:
    """The type as source text; items are collected by name (None when a name has two meanings)."""
    if isinstance(type_, v.ArrayType):
        return f"[{declarations(type_.element, found)}; {type_.size}]"
    if isinstance(type_, v.TupleType):
        return "(" + ", ".join(declarations(item, found) for item in type_.items) + ")"
    if isinstance(type_, v.StructType):
        fields = ", ".join(f"{name}: {declarations(item, found)}" for name, item in type_.fields)
        text = f"struct {type_.name} {{ {fields} }}"
        found[type_.name] = text if found.get(type_.name, text) == text else "clash"
    if isinstance(type_, v.EnumType):
        variants = []
        for name, payload in type_.variants:
            parts = ", ".join(declarations(item, found) for item in payload or ())
            variants.append(name if payload is None else f"{name}({parts})")
        text = f"enum {type_.name} {{ {', '.join(variants)} }}"
        found[type_.name] = text if found.get(type_.name, text) == text else "clash"
    return str(type_)


@pytest.mark.parametrize("seed", range(60))
def test_round_trips(seed: int) -> None:
    """Bits, JSON, and text through a compiled program that returns its argument."""
    rng = random.Random(seed)
    type_ = random_type(rng, 3)
    values = [random_value(type_, rng) for _ in range(5)]
    assert v.decode_many(type_, v.encode_many(type_, values)) == values
    for value in values:
        assert v.from_json(type_, json.loads(json.dumps(v.to_json(type_, value)))) == value
    items: dict[str, str] = {}
    text = declarations(type_, items)
    if "clash" in items.values():
        return
    source = "\n".join(items.values()) + f"\npub fn main(x: {text}, y: u8) -> {text} {{ x }}"
    program = engine.compile_program(source)
    assert program.parameter_types[0] == program.result_type == type_
    for value in values:
        literal = v.Literal(type_, value)
        assert program.encode(0, str(literal)).tolist() == v.encode(type_, value).tolist()
        assert program.evaluate([literal, 0]) == str(literal)


def test_texts() -> None:
    """Section 17.1."""
    assert str(v.Literal(Z, v.StructValue("Z", {"third": True, "first": -1, "second": 3}))) == (
        "Z {first: -1, second: 3, third: true}"
    )
    assert str(v.Literal(v.TupleType((U8,)), (7,))) == "(7)"
    assert str(v.Literal(Q, v.EnumValue("Q", "C", (True, 2)))) == "Q::C(true, 2)"
    assert str(v.Literal(v.StructType("S", ()), v.StructValue("S", {}))) == "S {}"
    assert str(v.ArrayType(v.TupleType((U8, Q)), 3)) == "[(u8, Q); 3]"


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (BOOL, True, "True"),
        (v.IntType("usize"), 9, {"NumUnsigned": [9, "Usize"]}),
        (I64, -9, {"NumSigned": [-9, "I64"]}),
        (v.ArrayType(U8, 2), [1, 2], {"Array": [{"NumUnsigned": [1, "U8"]}, {"NumUnsigned": [2, "U8"]}]}),
        (PAIR, (1, False), {"Tuple": [{"NumUnsigned": [1, "U8"]}, "False"]}),
        (Q, v.EnumValue("Q", "A"), {"Enum": ["Q", "A", "Unit"]}),
        (Q, v.EnumValue("Q", "B", (3,)), {"Enum": ["Q", "B", {"Tuple": [{"NumUnsigned": [3, "U8"]}]}]}),
        (v.StructType("S", (("a", BOOL),)), v.StructValue("S", {"a": True}), {"Struct": ["S", [["a", "True"]]]}),
    ],
)
def test_json(type_: v.Type, value: Any, expected: Any) -> None:
    """Section 17.2, with and without a type."""
    assert engine.to_json_literal(v.Literal(type_, value)) == expected
    assert engine.parse_json_literal(json.dumps(expected), type_).value == value
    assert engine.parse_json_literal(expected).value == value


def test_json_repeats_and_ranges() -> None:
    """Short forms of arrays."""
    three = v.ArrayType(U16, 3)
    assert engine.parse_json_literal({"Range": [3, 6, "U16"]}, three).value == [3, 4, 5]
    assert engine.parse_json_literal({"ArrayRepeat": [{"NumUnsigned": [7, "U16"]}, 3]}, three).value == [7, 7, 7]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (U8, '{"NumUnsigned":[9,"U16"]}'),
        (U8, '{"NumUnsigned":[256,"Unspecified"]}'),
        (U8, '{"NumSigned":[9,"U8"]}'),
        (U8, '{"NumUnsigned":[256,"U8"]}'),
        (U8, '{"NumUnsigned":[1.5,"U8"]}'),
        (U8, '{"NumUnsigned":[true,"U8"]}'),
        (U8, "9"),
        (U8, "{"),
        (BOOL, "true"),
        (PAIR, '{"Tuple":["True","True"]}'),
        (v.ArrayType(U8, 2), '{"Array":[]}'),
        (v.ArrayType(U8, 3), '{"Range":[254,257,"U8"]}'),
        (Q, '{"Enum":["Q","X","Unit"]}'),
        (Q, '{"Enum":["Q","A",{"Tuple":[]}]}'),
        (Q, '{"Enum":["Q","B",{"Tuple":[]}]}'),
        (Z, '{"Struct":["Z",[["first",{"NumSigned":[1,"I8"]}]]]}'),
    ],
)
def test_json_of_another_type(type_: v.Type, text: str) -> None:
    """Every mismatch is an input error."""
    with pytest.raises(engine.GarbleError) as caught:
        engine.parse_json_literal(text, type_)
    assert caught.value.category == "input"


A_UNIT = {"Enum": ["E", "A", "Unit"]}
B_THREE = {"Enum": ["E", "B", {"Tuple": [{"NumUnsigned": [3, "U8"]}]}]}


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        ({"Array": [A_UNIT, B_THREE, A_UNIT]}, "[E::A, E::B(3), E::A]"),
        ({"Array": [{"Tuple": [A_UNIT, "True"]}, {"Tuple": [B_THREE, "False"]}]}, "[(E::A, true), (E::B(3), false)]"),
        ({"Array": [{"Struct": ["S", [["e", A_UNIT]]]}, {"Struct": ["S", [["e", B_THREE]]]}]}, None),
        ({"Array": [{"Array": [A_UNIT]}, {"Array": [B_THREE]}]}, "[[E::A], [E::B(3)]]"),
        ({"Array": []}, "[]"),
        ({"ArrayRepeat": [B_THREE, 0]}, "[]"),
    ],
)
def test_json_without_a_type(obj: Any, text: str | None) -> None:
    """The elements of an array may be different variants."""
    literal = engine.parse_json_literal(obj)
    assert str(literal) == (text or "[S {e: E::A}, S {e: E::B(3)}]")


def test_json_without_a_type_as_argument() -> None:
    """The parameter has all variants; it decides."""
    source = "enum E { A, B(u8) }\npub fn main(a: [E; 2], b: [u8; 0]) -> ([E; 2], [u8; 0]) { (a, b) }"
    program = engine.compile_program(source)
    given = [engine.parse_json_literal({"Array": [B_THREE, A_UNIT]}), engine.parse_json_literal({"Array": []})]
    assert program.evaluate(given) == "([E::B(3), E::A], [])"
    with pytest.raises(engine.GarbleError):
        program.evaluate([engine.parse_json_literal({"Array": [A_UNIT]}), given[1]])


@pytest.mark.parametrize(
    "obj",
    [
        {"Array": [{"NumUnsigned": [1, "U8"]}, {"NumUnsigned": [1, "U16"]}]},
        {"Array": [{"Array": []}, {"Array": ["True"]}]},
        {"NumUnsigned": [9, "Unspecified"]},
        {"ArrayRepeat": ["True", -3]},
        {"ArrayRepeat": ["True", True]},
        {"Range": [3, 2, "U8"]},
        {"Range": [3, 6, "I8"]},
        {"Struct": ["S", [["b", "True"], ["b", "False"]]]},
        {"Struct": ["S", {"b": "True"}]},
        {"Struct": ["S", [["b"]]]},
        {"Enum": ["E", "A", {"Tuple": None}]},
        {"Other": []},
        "[" * 100_000,
        3,
        None,
    ],
)
def test_json_that_is_no_literal(obj: Any) -> None:
    """Input errors, whatever it is."""
    with pytest.raises(engine.GarbleError) as caught:
        engine.parse_json_literal(obj)
    assert caught.value.category == "input"


def test_deep_brackets_of_a_literal() -> None:
    """An input error, not a crash."""
    program = engine.compile_program("pub fn main(x: u8, y: u8) -> u8 { x }")
    assert program.encode(0, "(" * 50 + "5" + ")" * 50).tolist() == bits("00000101")
    with pytest.raises(engine.GarbleError) as caught:
        program.encode(0, "(" * 200_000)
    assert caught.value.category == "input"


def test_struct_fields_of_json_may_have_any_order() -> None:
    """They are sorted on input."""
    fields = [["third", "True"], ["first", {"NumSigned": [-1, "I8"]}], ["second", {"NumUnsigned": [3, "U8"]}]]
    literal = engine.parse_json_literal({"Struct": ["Z", fields]}, Z)
    assert v.encode(Z, literal.value).tolist() == bits("11111111 00000011 1")


def test_many_rows_at_once() -> None:
    """Integers of a whole column, any shape; out of range is an error."""
    column = np.array([[0, 1], [2**32 - 1, 7]], np.uint64)
    found = v.encode_ints(v.IntType("u32"), column)
    assert found.shape == (2, 2, 32)
    assert v.decode_ints(v.IntType("u32"), found).tolist() == column.tolist()
    assert v.decode_ints(I16, v.encode_ints(I16, np.array([-5, 5]))).tolist() == [-5, 5]
    with pytest.raises(ValueError, match="range"):
        v.encode_ints(U8, np.array([256]))
    with pytest.raises(ValueError, match="range"):
        v.encode_ints(U64, np.array([-1]))
    with pytest.raises(ValueError, match="integers"):
        v.encode_ints(U8, np.array([1.5]))
