"""Literals as text (section 17.1), read against an expected type, and as JSON (17.2)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from engine.errors import GarbleError
from engine.garble.diagnostics import NOWHERE, Diagnostic, Reporter, Span, make_error
from engine.garble.lexer import Token, scan
from engine.garble.suggestions import did_you_mean
from engine.values import (
    ArrayType,
    BoolType,
    EnumType,
    EnumValue,
    IntType,
    Literal,
    StructType,
    StructValue,
    TupleType,
    Type,
    from_json,
    to_json,
)


class LiteralProblem(Exception):
    """A literal does not belong to its type; ``span`` is in the literal's own text."""

    def __init__(self, message: str, span: Span = NOWHERE) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


def parse_literal(type_: Type, text: str) -> Any:
    """The value of a literal text; LiteralProblem says where it is wrong."""
    reporter = Reporter(text)
    tokens = scan(text, reporter)
    if reporter.found:
        first = reporter.found[0]
        raise LiteralProblem(first.message, first.span)
    reader = _Reader(tokens)
    try:
        value = reader.value(type_)
    except RecursionError:
        raise LiteralProblem("the brackets are nested too deeply") from None
    if reader.token.kind != "end":
        reader.fail(f"unexpected `{reader.token.text}` after the literal")
    return value


def literal_error(problem: LiteralProblem, what: str, text: str = "") -> GarbleError:
    """The ``input`` error for a literal. The text is shown only where it was typed, never a row of a database."""
    return make_error("input", [Diagnostic(problem.span, f"{what}: {problem.message}")], text)


class _Reader:
    """Recursive descent over the tokens of a literal, led by the expected type."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fail(self, message: str) -> NoReturn:
        raise LiteralProblem(message, self.token.span)

    def accept(self, kind: str) -> bool:
        if self.token.kind != kind:
            return False
        self.at += 1
        return True

    def expect(self, kind: str) -> Token:
        token = self.token
        if token.kind != kind:
            found = token.text if token.kind == "end" else f"`{token.text}`"
            self.fail(f"expected `{kind}`, found {found}")
        self.at += 1
        return token

    def value(self, type_: Type) -> Any:
        if self.token.kind == "(" and not isinstance(type_, TupleType):
            return self.in_brackets(type_)
        if isinstance(type_, BoolType):
            if self.token.kind not in ("true", "false"):
                self.mismatch(type_)
            self.at += 1
            return self.tokens[self.at - 1].kind == "true"
        if isinstance(type_, IntType):
            return self.integer(type_)
        if isinstance(type_, ArrayType):
            return self.array(type_)
        if isinstance(type_, TupleType):
            return self.tuple_value(type_)
        if isinstance(type_, StructType):
            return self.struct(type_)
        return self.enum(type_)

    def in_brackets(self, type_: Type) -> Any:
        """``(v)`` is v."""
        self.at += 1
        value = self.value(type_)
        self.expect(")")
        return value

    def mismatch(self, type_: Type) -> NoReturn:
        token = self.token
        found = "nothing" if token.kind == "end" else f"`{token.text}`"
        self.fail(f"expected a literal of type {type_}, found {found}")

    def integer(self, type_: IntType) -> int:
        token = self.token
        if token.kind not in ("int", "neg"):
            self.mismatch(type_)
        if token.suffix and token.suffix != type_.name:
            self.fail(f"expected {type_}, found a number of type {token.suffix}")
        if not type_.minimum <= token.value <= type_.maximum:
            self.fail(f"number out of range for {type_} ({type_.minimum} to {type_.maximum})")
        self.at += 1
        return token.value

    def array(self, type_: ArrayType) -> list[Any]:
        token = self.token
        if token.kind == "int":
            return self.range_value(type_)
        if token.kind != "[":
            self.mismatch(type_)
        self.at += 1
        if self.accept("]"):
            values: list[Any] = []
        else:
            values = [self.value(type_.element)]
            if self.accept(";"):
                size = self.expect("int")
                if size.suffix not in ("", "usize"):
                    raise LiteralProblem("an array size has no suffix, or usize", size.span)
                if size.value != type_.size:
                    raise LiteralProblem(f"expected {type_.size} elements, found {size.value}", size.span)
                values *= size.value
                self.expect("]")
                return values
            while not self.accept("]"):
                self.expect(",")
                if self.token.kind != "]":
                    values.append(self.value(type_.element))
        if len(values) != type_.size:
            raise LiteralProblem(f"expected {type_.size} elements, found {len(values)}", token.span)
        return values

    def range_value(self, type_: ArrayType) -> list[int]:
        start = self.expect("int")
        self.expect("..")
        end = self.expect("int")
        element = type_.element
        if not isinstance(element, IntType) or element.signed:
            raise LiteralProblem(f"a range is no value of type {type_}", start.span)
        if any(token.suffix not in ("", element.name) for token in (start, end)):
            raise LiteralProblem(f"expected a range of type {element}", start.span)
        if end.value - start.value != type_.size:
            raise LiteralProblem(f"expected {type_.size} elements, the range has another number", start.span)
        if end.value - 1 > element.maximum:
            raise LiteralProblem(f"number out of range for {element}", end.span)
        return list(range(start.value, end.value))

    def tuple_value(self, type_: TupleType) -> Any:
        """A tuple, also in further brackets: ``((1, 2))`` is ``(1, 2)``, and ``(7)`` a tuple of one component."""
        begin = self.at
        start = self.expect("(").span
        try:
            return tuple(self.items(type_.items, ")", start))
        except LiteralProblem:
            if self.tokens[begin + 1].kind != "(":
                raise
            end, self.at = self.at, begin
            try:
                return self.in_brackets(type_)
            except LiteralProblem:
                self.at = end
            raise

    def items(self, types: tuple[Type, ...], close: str, start: Span) -> list[Any]:
        values: list[Any] = []
        while not self.accept(close):
            if len(values) >= len(types):
                raise LiteralProblem(f"expected {len(types)} components, found more", start)
            values.append(self.value(types[len(values)]))
            if self.token.kind != close:
                self.expect(",")
        if len(values) != len(types):
            raise LiteralProblem(f"expected {len(types)} components, found {len(values)}", start)
        return values

    def struct(self, type_: StructType) -> StructValue:
        if self.token.kind != "ident" or self.token.text != type_.name:
            self.mismatch(type_)
        start = self.expect("ident").span
        self.expect("{")
        fields = dict(type_.fields)
        found: dict[str, Any] = {}
        while not self.accept("}"):
            name = self.expect("ident")
            if name.text in found:
                raise LiteralProblem(f"field `{name.text}` of {type_} is given twice", name.span)
            if name.text not in fields:
                hint = did_you_mean(name.text, fields) or f"its fields are {', '.join(fields)}"
                raise LiteralProblem(f"unknown field `{name.text}` of {type_}; {hint}", name.span)
            self.expect(":")
            found[name.text] = self.value(fields[name.text])
            if self.token.kind != "}":
                self.expect(",")
        missing = [name for name in fields if name not in found]
        if missing:
            raise LiteralProblem(f"missing field `{missing[0]}` of {type_}", start)
        return StructValue(type_.name, {name: found[name] for name in fields})

    def enum(self, type_: EnumType) -> EnumValue:
        if self.token.kind != "ident" or self.token.text != type_.name:
            self.mismatch(type_)
        self.at += 1
        self.expect("::")
        name = self.expect("ident")
        variants = dict(type_.variants)
        if name.text not in variants:
            hint = did_you_mean(name.text, variants)
            raise LiteralProblem(f"unknown variant `{name.text}` of {type_} {hint}".rstrip(), name.span)
        payload = variants[name.text]
        if payload is None:
            return EnumValue(type_.name, name.text)
        self.expect("(")
        return EnumValue(type_.name, name.text, tuple(self.items(payload, ")", name.span)))


# ---- JSON


def parse_json_literal(text: Any, type_: Type | None = None) -> Literal:
    """A literal from its JSON form (text or parsed JSON) for a type of :mod:`engine.values`.

    Without a type, one is put together from the JSON: good enough to print the literal or to give it to
    ``Program.encode``, which checks it against the type of the parameter. Raises GarbleError of category ``input``
    when it is no JSON or not of the type.
    """
    try:
        obj = _load(text) if isinstance(text, str) and text not in ("True", "False") else text
        if type_ is None:
            type_ = _type_of_json(obj)
        return Literal(type_, from_json(type_, obj))
    except RecursionError:
        raise literal_error(LiteralProblem("nested too deeply"), "JSON literal") from None
    except (ValueError, TypeError, KeyError) as error:
        raise literal_error(LiteralProblem(str(error)), "JSON literal") from None


def _type_of_json(obj: Any) -> Type:
    """A type that fits a JSON form; an enum has only the variants that occur."""
    if obj in ("True", "False"):
        return BoolType()
    if not isinstance(obj, dict) or len(obj) != 1:
        raise ValueError("not a literal")
    ((form, content),) = obj.items()
    if not isinstance(content, list):
        raise ValueError("not a literal")
    if form == "Tuple":
        return TupleType(tuple(_type_of_json(part) for part in content))
    if form == "Array":
        element: Type = TupleType(())
        for number, part in enumerate(content):
            element = _common_type(element, _type_of_json(part)) if number else _type_of_json(part)
        return ArrayType(element, len(content))
    if form in ("NumUnsigned", "NumSigned") and len(content) == 2:
        return _int_of_json(content[1])
    if form == "ArrayRepeat" and len(content) == 2 and _is_count(content[1]):
        return ArrayType(_type_of_json(content[0]), content[1])
    if form == "Range" and len(content) == 3 and all(map(_is_count, content[:2])) and content[0] <= content[1]:
        return ArrayType(_int_of_json(content[2]), content[1] - content[0])
    if form == "Struct" and len(content) == 2 and _is_pairs(content[1]):
        return StructType(str(content[0]), tuple((str(name), _type_of_json(part)) for name, part in content[1]))
    if form == "Enum" and len(content) == 3:
        parts = content[2].get("Tuple") if isinstance(content[2], dict) else None
        payload = tuple(_type_of_json(part) for part in parts) if isinstance(parts, list) else None
        return EnumType(str(content[0]), ((str(content[1]), payload),))
    raise ValueError(f"`{form}` is no literal, or a malformed one")


def _int_of_json(name: Any) -> IntType:
    if name == "Unspecified":
        raise ValueError("a number needs its exact type, not Unspecified")
    return IntType(str(name).lower())


def _is_count(obj: Any) -> bool:
    return isinstance(obj, int) and not isinstance(obj, bool) and obj >= 0


def _is_pairs(obj: Any) -> bool:
    """Whether these are fields, each name once."""
    if not isinstance(obj, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in obj):
        return False
    return len({str(name) for name, _ in obj}) == len(obj)


def _common_type(one: Type, two: Type) -> Type:
    """The type of two elements of one array: alike but for the variants that occur."""
    if one == two:
        return one
    if isinstance(one, ArrayType) and isinstance(two, ArrayType) and one.size == two.size:
        return ArrayType(_common_type(one.element, two.element), one.size)
    if isinstance(one, TupleType) and isinstance(two, TupleType) and len(one.items) == len(two.items):
        return TupleType(tuple(map(_common_type, one.items, two.items)))
    if isinstance(one, StructType) and isinstance(two, StructType) and one.name == two.name:
        fields, others = dict(one.fields), dict(two.fields)
        if fields.keys() == others.keys():
            return StructType(one.name, tuple((name, _common_type(fields[name], others[name])) for name in fields))
    if isinstance(one, EnumType) and isinstance(two, EnumType) and one.name == two.name:
        variants = dict(one.variants)
        for name, payload in two.variants:
            known = variants.setdefault(name, payload)
            if known is not None and payload is not None and len(known) == len(payload):
                variants[name] = tuple(map(_common_type, known, payload))
        return EnumType(one.name, tuple(variants.items()))
    raise ValueError("the elements of an array differ in their types")


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"no valid JSON ({error.msg} at character {error.pos})") from None


def to_json_literal(literal: Literal) -> Any:
    """JSON form of a literal as Python objects, ready for ``json.dumps``."""
    return to_json(literal.type, literal.value)
