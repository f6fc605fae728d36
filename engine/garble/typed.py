"""The typed tree: what the checker hands to the lowering. Names are resolved, patterns and operators checked.

A ``type`` may hold variables until the checker is done; afterwards all of them are solved. ``var`` numbers are
unique in a program, one for each binding place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from engine.garble.diagnostics import Span
from engine.garble.types import Size, T


@dataclass(frozen=True, slots=True)
class Typed:
    """Base: every node has a type and a span."""

    type: T
    span: Span


# ---- patterns


@dataclass(frozen=True, slots=True)
class PBind(Typed):
    """Matches everything; ``var`` is None for ``_``."""

    var: int | None


@dataclass(frozen=True, slots=True)
class PBool(Typed):
    value: bool


@dataclass(frozen=True, slots=True)
class PRange(Typed):
    """``low <= value <= high``."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class PParts(Typed):
    """All components of a tuple, or all fields of a struct in alphabetical order."""

    items: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class PVariant(Typed):
    variant: int
    items: tuple[Pattern, ...]


Pattern = PBind | PBool | PRange | PParts | PVariant


# ---- expressions


@dataclass(frozen=True, slots=True)
class Lit(Typed):
    value: bool | int


@dataclass(frozen=True, slots=True)
class RangeLit(Typed):
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class Use(Typed):
    """A variable. ``source`` is its own type; it differs where a literal binding is used at another width."""

    var: int
    source: T


@dataclass(frozen=True, slots=True)
class ConstUse(Typed):
    name: str


@dataclass(frozen=True, slots=True)
class CallOf(Typed):
    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Make(Typed):
    """Tuple, struct (alphabetical order) or array from its parts, or an enum payload behind a tag."""

    items: tuple[Expr, ...]
    variant: int = -1


@dataclass(frozen=True, slots=True)
class Repeat(Typed):
    value: Expr
    size: Size


@dataclass(frozen=True, slots=True)
class IndexOf(Typed):
    base: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Part(Typed):
    """Component ``number`` of a tuple, or of a struct in alphabetical order."""

    base: Expr
    number: int


@dataclass(frozen=True, slots=True)
class UnaryOf(Typed):
    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class BinaryOf(Typed):
    """Arithmetic, bitwise, shift and comparison operators."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Logic(Typed):
    """``&&`` and ``||``: the right side counts only if it is evaluated."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class CastTo(Typed):
    operand: Expr


@dataclass(frozen=True, slots=True)
class Branch(Typed):
    condition: Expr
    then: Expr
    otherwise: Expr | None


@dataclass(frozen=True, slots=True)
class MatchOn(Typed):
    value: Expr
    arms: tuple[tuple[Pattern, Expr], ...]


@dataclass(frozen=True, slots=True)
class JoinOf(Typed):
    """``join``; ``keyed`` tells rows with a key from bare keys."""

    left: Expr
    right: Expr
    keyed: bool


@dataclass(frozen=True, slots=True)
class BlockOf(Typed):
    """``has_value``: the last statement is the value."""

    statements: tuple[Statement, ...]
    has_value: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One access of a place: ``index`` for arrays, else component ``number``; it applies to type ``base``."""

    base: T
    index: Expr | None
    number: int
    span: Span


@dataclass(frozen=True, slots=True)
class AssignTo(Typed):
    """``place operator= value``; ``target`` is the type of the place, ``root`` the type of the variable."""

    var: int
    root: T
    steps: tuple[Step, ...]
    target: T
    operator: str
    value: Expr


# ---- statements


@dataclass(frozen=True, slots=True)
class LetBind(Typed):
    pattern: Pattern
    value: Expr


@dataclass(frozen=True, slots=True)
class ForEach(Typed):
    pattern: Pattern
    iterable: Expr
    body: Expr


@dataclass(frozen=True, slots=True)
class ForJoin(Typed):
    pattern: Pattern
    left: Expr
    right: Expr
    body: Expr


Expr = (
    Lit
    | RangeLit
    | Use
    | ConstUse
    | CallOf
    | Make
    | Repeat
    | IndexOf
    | Part
    | UnaryOf
    | BinaryOf
    | Logic
    | CastTo
    | Branch
    | MatchOn
    | JoinOf
    | BlockOf
    | AssignTo
)
Statement = LetBind | ForEach | ForJoin | Expr


# ---- items


@dataclass(frozen=True, slots=True)
class TypedParameter:
    name: str
    var: int
    type: T
    span: Span


@dataclass(frozen=True, slots=True)
class TypedFunction:
    name: str
    public: bool
    parameters: tuple[TypedParameter, ...]
    result: T
    body: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class TypedConst:
    name: str
    type: T
    value: Size
    span: Span


def children(node: object) -> Iterator[object]:
    """Nodes directly inside a node, in evaluation order."""
    if isinstance(node, tuple):
        yield from node
        return
    for field in fields(node):  # type: ignore[arg-type]
        value = getattr(node, field.name)
        if isinstance(value, Typed | Step) or (isinstance(value, tuple) and not isinstance(value, Span)):
            yield value


def walk(node: object) -> Iterator[Typed]:
    """A node and all nodes below it."""
    work = [node]
    while work:
        current = work.pop()
        if isinstance(current, Typed):
            yield current
        if isinstance(current, Typed | Step | tuple):
            work += [child for child in children(current) if isinstance(child, Typed | Step | tuple)]
