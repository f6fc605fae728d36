"""Types as the checker sees them: array sizes as written, variables for literals (sections 5 and 6).

``BoolType`` and ``IntType`` come from :mod:`engine.values`; the rest is here because a size may still be the
name of a constant. Sizes and constant expressions are nested tuples, so that ``==`` compares what was
written: ``("num", 3)``, ``("name", "ROWS")``, ``("const", tree)`` with trees ``("lit", value, suffix)``,
``("name", n)``, ``("external", party, name)``, ``("max" | "min", items)``, and
``("sum", first, (("+" | "-", term), ...))`` from left to right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.garble.diagnostics import Span
from engine.values import INT_WIDTHS, BoolType, IntType

Size = tuple[Any, ...]
BOOL = BoolType()
INTS = {name: IntType(name) for name in INT_WIDTHS}
USIZE = INTS["usize"]
U8 = INTS["u8"]
DEFAULTED = IntType("i32")  # equal to the other i32; by identity a message can tell where it comes from (rule 4)


@dataclass(frozen=True, slots=True)
class ArrayT:
    """``[element; size]`` with the size as written."""

    element: T
    size: Size
    parts: int = field(init=False, compare=False, repr=False)  # types that it is written with
    depth: int = field(init=False, compare=False, repr=False)  # levels of arrays and tuples

    def __post_init__(self) -> None:
        _measure(self, (self.element,))


@dataclass(frozen=True, slots=True)
class TupleT:
    """A tuple; no items is unit."""

    items: tuple[T, ...]
    parts: int = field(init=False, compare=False, repr=False)
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _measure(self, self.items)


@dataclass(frozen=True, slots=True)
class NamedT:
    """A struct or an enum, compared by name."""

    name: str
    is_enum: bool


@dataclass(frozen=True, slots=True)
class ErrorT:
    """The type of something already reported; agrees with everything."""


def is_octets(type_: T) -> bool:
    """True for ``[u8; N]``."""
    return isinstance(type_, ArrayT) and type_.element == U8


class Var:
    """The type of unsuffixed literals until the context decides.

    ``low`` and ``high`` are the extreme literals that got this type, with their spans, checked against the
    type at the end. ``exact`` tells that the value is one of the literals (no arithmetic happened), so that an
    immutable binding may be used at several types (section 6 rule 5). ``wide`` asks for 64 bits when nothing
    decides.
    """

    __slots__ = ("exact", "high", "link", "low", "signed", "span", "wide")

    def __init__(self, span: Span, value: int | None = None, *, signed: bool = False) -> None:
        self.link: T | None = None
        self.span = span
        self.low = self.high = (value or 0, span)
        self.signed = signed
        self.exact = True
        self.wide = False


def _measure(type_: ArrayT | TupleT, inside: tuple[T, ...]) -> None:
    parts, depth = 1, 0
    for item in inside:
        if isinstance(item, ArrayT | TupleT):
            parts, depth = parts + item.parts, max(depth, item.depth)
        else:
            parts += 1
    object.__setattr__(type_, "parts", parts)
    object.__setattr__(type_, "depth", depth + 1)


T = BoolType | IntType | ArrayT | TupleT | NamedT | ErrorT | Var
UNIT = TupleT(())
ERROR = ErrorT()


def prune(type_: T) -> T:
    """Follow solved variables at the top."""
    while isinstance(type_, Var) and type_.link is not None:
        type_ = type_.link
    return type_


def free_vars(type_: T) -> list[Var]:
    """Unsolved variables inside a type."""
    type_ = prune(type_)
    if isinstance(type_, Var):
        return [type_]
    if isinstance(type_, ArrayT):
        return free_vars(type_.element)
    if isinstance(type_, TupleT):
        return [var for item in type_.items for var in free_vars(item)]
    return []


def unify(left: T, right: T) -> bool:
    """Make two types equal; False when they cannot be (variables solved on the way stay solved)."""
    left, right = prune(left), prune(right)
    if left is right or isinstance(left, ErrorT) or isinstance(right, ErrorT):
        return True
    if isinstance(left, Var):
        return bind(left, right)
    if isinstance(right, Var):
        return bind(right, left)
    if isinstance(left, ArrayT) and isinstance(right, ArrayT):
        return left.size == right.size and unify(left.element, right.element)
    if isinstance(left, TupleT) and isinstance(right, TupleT):
        if len(left.items) != len(right.items):
            return False
        agreed = [unify(a, b) for a, b in zip(left.items, right.items)]
        return all(agreed)
    return left == right


def bind(var: Var, type_: T) -> bool:
    """Solve a variable by a type or join it with another variable."""
    if isinstance(type_, Var):
        type_.low = min(type_.low, var.low, key=lambda end: end[0])
        type_.high = max(type_.high, var.high, key=lambda end: end[0])
        type_.signed = type_.signed or var.signed
        type_.exact = type_.exact and var.exact
        type_.wide = type_.wide and var.wide
    elif not isinstance(type_, IntType) or (var.signed and not type_.signed):
        return False
    var.link = type_
    return True


def default_type(var: Var) -> IntType:
    """What a literal becomes when nothing decides: i32 where it fits, else the next larger (rule 4)."""
    low, high = var.low[0], var.high[0]
    names = ("u64", "i64") if var.wide else ("i32", "u32", "i64", "u64")
    for name in names:
        type_ = INTS[name]
        if (type_.signed or not var.signed) and type_.minimum <= low and high <= type_.maximum:
            return type_
    return INTS["i64"]


def show(type_: T) -> str:
    """A type as the source writes it."""
    type_ = prune(type_)
    if isinstance(type_, Var):
        return "a negative number" if type_.signed else "a number"
    if isinstance(type_, ArrayT):
        return f"[{show(type_.element)}; {show_size(type_.size)}]"
    if isinstance(type_, TupleT):
        return "(" + ", ".join([show(item) for item in type_.items]) + ")"
    if isinstance(type_, NamedT):
        return type_.name
    return "?" if isinstance(type_, ErrorT) else str(type_)


def show_size(size: Size) -> str:
    """A size as the source writes it."""
    if size[0] == "const":
        return f"const {{ {show_const(size[1])} }}"
    return str(size[1])


def show_const(tree: Size) -> str:
    """A constant expression as the source writes it."""
    kind = tree[0]
    if kind == "lit":
        return (str(tree[1]).lower() if isinstance(tree[1], bool) else str(tree[1])) + tree[2]
    if kind == "name":
        return str(tree[1])
    if kind == "external":
        return f"{tree[1]}::{tree[2]}"
    if kind in ("max", "min"):
        return f"{kind}({', '.join([show_const(item) for item in tree[1]])})"
    terms = [show_const(tree[1])]
    for operator, term in tree[2]:
        text = show_const(term)
        terms.append(f" {operator} ({text})" if term[0] == "sum" else f" {operator} {text}")
    return "".join(terms)


def joined_size(left: Size, right: Size) -> Size:
    """Size of ``join``: ``const { SA + SB - 1usize }`` from the sizes as written (section 12.2)."""
    first = _as_term(left)
    before: tuple[tuple[str, Size], ...] = ()
    if first[0] == "sum":  # the terms of a sum on the left are terms of the whole
        first, before = first[1], first[2]
    return ("const", ("sum", first, (*before, ("+", _as_term(right)), ("-", ("lit", 1, "usize")))))


def _as_term(size: Size) -> Size:
    if size[0] == "num":
        return ("lit", size[1], "usize")
    return size[1] if size[0] == "const" else size
