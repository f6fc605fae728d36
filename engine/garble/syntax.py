"""The untyped syntax tree (section 3). Every node carries the span it was read from."""

from __future__ import annotations

from dataclasses import dataclass

from engine.garble.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes."""

    span: Span


# ---- types and constant expressions


@dataclass(frozen=True, slots=True)
class NamedType(Node):
    name: str


@dataclass(frozen=True, slots=True)
class TupleTypeExpr(Node):
    items: tuple[TypeExpr, ...]


@dataclass(frozen=True, slots=True)
class ArrayTypeExpr(Node):
    element: TypeExpr
    size: Size


TypeExpr = NamedType | TupleTypeExpr | ArrayTypeExpr


@dataclass(frozen=True, slots=True)
class ConstLit(Node):
    """``true``, ``false`` or a number with its suffix (may be empty)."""

    value: bool | int
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class ConstName(Node):
    name: str


@dataclass(frozen=True, slots=True)
class ConstExternal(Node):
    party: str
    name: str


@dataclass(frozen=True, slots=True)
class ConstChoice(Node):
    """``max(...)`` or ``min(...)``."""

    function: str
    items: tuple[ConstExpr, ...]


@dataclass(frozen=True, slots=True)
class ConstSum(Node):
    """``first`` and what is added or subtracted, from left to right."""

    first: ConstExpr
    rest: tuple[tuple[str, ConstExpr], ...]


ConstExpr = ConstLit | ConstName | ConstExternal | ConstChoice | ConstSum


@dataclass(frozen=True, slots=True)
class Size(Node):
    """An array size as written: a number, a name, or a ``const { }`` expression."""

    value: int | str | ConstExpr


# ---- expressions


@dataclass(frozen=True, slots=True)
class Bool(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class Number(Node):
    """An integer literal; ``negative`` tells a NEG_INT (also ``-0``)."""

    value: int
    suffix: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class RangeExpr(Node):
    start: int
    end: int
    suffix: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    name: str
    name_span: Span
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class StructExpr(Node):
    name: str
    name_span: Span
    fields: tuple[tuple[str, Expr, Span], ...]


@dataclass(frozen=True, slots=True)
class EnumExpr(Node):
    """``payload`` is None for ``E::V`` and a tuple (maybe empty) for ``E::V(...)``."""

    enum: str
    variant: str
    payload: tuple[Expr, ...] | None


@dataclass(frozen=True, slots=True)
class TupleExpr(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class ArrayExpr(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class RepeatExpr(Node):
    value: Expr
    size: Size


@dataclass(frozen=True, slots=True)
class Index(Node):
    base: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class TupleField(Node):
    base: Expr
    number: int


@dataclass(frozen=True, slots=True)
class Field(Node):
    base: Expr
    name: str
    name_span: Span


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Cast(Node):
    operand: Expr
    target: TypeExpr


@dataclass(frozen=True, slots=True)
class If(Node):
    """``otherwise`` is None, a block, or the next ``if`` of a chain."""

    condition: Expr
    then: Block
    otherwise: Expr | None


@dataclass(frozen=True, slots=True)
class Arm(Node):
    pattern: Pattern
    body: Expr


@dataclass(frozen=True, slots=True)
class Match(Node):
    value: Expr
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Block(Node):
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Assign(Node):
    """``place operator= value``; ``operator`` is empty for a plain assignment."""

    place: Expr
    operator: str
    value: Expr


Expr = (
    Bool
    | Number
    | RangeExpr
    | Name
    | Call
    | StructExpr
    | EnumExpr
    | TupleExpr
    | ArrayExpr
    | RepeatExpr
    | Index
    | TupleField
    | Field
    | Unary
    | Binary
    | Cast
    | If
    | Match
    | Block
    | Assign
)


# ---- statements


@dataclass(frozen=True, slots=True)
class Let(Node):
    pattern: Pattern
    mutable: bool
    annotation: TypeExpr | None
    value: Expr


@dataclass(frozen=True, slots=True)
class For(Node):
    """``joined`` holds the two arrays of ``join_iter``; else ``iterable`` is the array."""

    pattern: Pattern
    iterable: Expr | None
    joined: tuple[Expr, ...] | None
    body: Block


@dataclass(frozen=True, slots=True)
class ExprStatement(Node):
    value: Expr


Statement = Let | For | ExprStatement


# ---- patterns


@dataclass(frozen=True, slots=True)
class BindPattern(Node):
    """A name, or ``_``."""

    name: str


@dataclass(frozen=True, slots=True)
class BoolPattern(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class RangePattern(Node):
    """``low <= value <= high``; a single number has both ends equal. ``end`` is the text of the operator."""

    low: int
    high: int
    suffix: str
    negative: bool


@dataclass(frozen=True, slots=True)
class TuplePattern(Node):
    items: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class EnumPattern(Node):
    enum: str
    variant: str
    payload: tuple[Pattern, ...] | None


@dataclass(frozen=True, slots=True)
class StructPattern(Node):
    name: str
    fields: tuple[tuple[str, Pattern, Span], ...]
    open: bool


Pattern = BindPattern | BoolPattern | RangePattern | TuplePattern | EnumPattern | StructPattern


# ---- items


@dataclass(frozen=True, slots=True)
class ConstItem(Node):
    name: str
    name_span: Span
    type: TypeExpr
    value: ConstExpr


@dataclass(frozen=True, slots=True)
class StructItem(Node):
    name: str
    name_span: Span
    fields: tuple[tuple[str, TypeExpr, Span], ...]


@dataclass(frozen=True, slots=True)
class EnumItem(Node):
    name: str
    name_span: Span
    variants: tuple[tuple[str, tuple[TypeExpr, ...] | None, Span], ...]


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    name: str
    mutable: bool
    type: TypeExpr


@dataclass(frozen=True, slots=True)
class FunctionItem(Node):
    name: str
    name_span: Span
    public: bool
    parameters: tuple[Parameter, ...]
    result: TypeExpr
    body: Block


Item = ConstItem | StructItem | EnumItem | FunctionItem
