"""Drawing from Hypothesis, and what a generator knows while it writes a program: names, types, functions, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st

from tests.property.shapes import BOOL, INTS, Arr, Enum, Int, Shape, Struct, Tup, width

E = TypeVar("E")
LIMIT = 5000  # estimated AND gates after which only cheap expressions are written
FIELDS = ("a", "b", "c", "d")
MOST_COPIES = 10  # of a statement, through loops


@lru_cache(256)
def _numbers(below: int) -> st.SearchStrategy[int]:
    return st.integers(0, below - 1)


@lru_cache(256)
def paths(shape: Shape, depth: int = 3) -> tuple[tuple[tuple[str | int, ...], Shape], ...]:
    """All accesses into a value: steps are ``.name`` texts, or for an index the length of the array."""
    found: list[tuple[tuple[str | int, ...], Shape]] = [((), shape)]
    inner: list[tuple[str | int, Shape]] = []
    if depth and isinstance(shape, Arr):
        inner = [(shape.count, shape.element)]
    elif depth and isinstance(shape, Struct):
        inner = [(f".{name}", item) for name, item in shape.fields]
    elif depth and isinstance(shape, Tup):
        inner = [(f".{number}", item) for number, item in enumerate(shape.items)]
    for step, item in inner:
        found += [((step, *steps), end) for steps, end in paths(item, depth - 1)]
    return tuple(found)


@dataclass(frozen=True)
class Var:
    """A visible variable. ``numbers``: bound to bare literals from low to high, every use takes its own type."""

    name: str
    shape: Shape
    mutable: bool = False
    numbers: tuple[int, int] | None = None
    table: bool = False  # an input that keeps the promise of joins
    steady: bool = False  # never hidden: its type cannot be written otherwise
    given: bool = False  # a parameter: preferred, since everything else may be a constant to the compiler


@dataclass(frozen=True)
class Function:
    """A helper function; ``cost`` in AND gates, about."""

    name: str
    parameters: tuple[Shape, ...]
    result: Shape
    cost: int


class Code(NamedTuple):
    """An expression with its binding strength (section 3); 0 for what needs parentheses in any operand."""

    text: str
    level: int


class Levels:
    """Binding strengths."""

    BLOCK, LOGIC_OR, LOGIC_AND, EQUAL, ORDER, OR, XOR, AND, SHIFT, SUM, PRODUCT, CAST, BRANCH, UNARY, POSTFIX = range(
        15
    )


@dataclass
class Writer:
    """State of one generated program. Lower numbers are drawn for simpler things, so shrinking simplifies."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    ints: list[Int] = field(default_factory=lambda: [INTS["u8"]])
    named: list[Shape] = field(default_factory=list)  # structs and enums
    sizes: list[tuple[str, int]] = field(default_factory=list)  # usize constants that serve as sizes
    constants: dict[str, Shape] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    scope: dict[str, Var] = field(default_factory=dict)
    fuel: int = 0
    cost: int = 0
    copies: int = 1
    fresh: int = 0
    in_header: bool = False

    def below(self, number: int) -> int:
        """A number from 0 to number - 1."""
        return self.draw(_numbers(number)) if number > 1 else 0

    def chance(self, yes: int, of: int) -> bool:
        """True in yes of ``of`` cases; shrinks to False."""
        return self.below(of) >= of - yes

    def pick(self, options: Sequence[E]) -> E:
        """One of some options; shrinks to the first."""
        return options[self.below(len(options))]

    def several(self, least: int, most: int) -> Iterator[int]:
        """Counts while more is wanted, asked before each: so Hypothesis can leave out any of them."""
        for number in range(most):
            if number >= least and not self.chance(3, 4):
                return
            yield number

    def spend(self, gates: int) -> None:
        """Note the cost of an operation at this place."""
        self.cost += gates * self.copies

    def affordable(self, gates: int) -> bool:
        """Whether an operation at this place keeps the program small."""
        return self.cost + gates * self.copies <= LIMIT

    def name(self) -> str:
        """A name for a variable, now and then one that is visible already."""
        if self.chance(1, 5):
            known = [*FIELDS, *(constant for constant in self.constants if constant not in dict(self.sizes))]
            known += [var.name for var in self.scope.values()]
            name = self.pick(known)
            if name not in self.scope or not self.scope[name].steady:
                return name
        self.fresh += 1
        return f"v{self.fresh}"

    def declare(self, var: Var) -> None:
        """Make a variable visible."""
        self.scope[var.name] = var

    @contextmanager
    def inner(self, copies: int = 1) -> Iterator[None]:
        """A scope; ``copies`` for the body of a loop."""
        outer, header = dict(self.scope), self.in_header
        self.copies *= copies
        self.in_header = False
        try:
            yield
        finally:
            self.copies //= copies
            self.scope, self.in_header = outer, header

    @contextmanager
    def header(self) -> Iterator[None]:
        """The expression before a block, where a struct literal needs parentheses."""
        outer, self.in_header = self.in_header, True
        try:
            yield
        finally:
            self.in_header = outer

    def places(self, shape: Shape, *, mutable: bool = False) -> list[tuple[Var, tuple[str | int, ...]]]:
        """Visible variables with the accesses that lead to a value of that type."""
        return [
            (var, steps)
            for var in self.scope.values()
            if (var.mutable or not mutable) and var.numbers is None
            for steps, end in paths(var.shape)
            if end == shape
        ]

    # ---- types

    def shape(self, depth: int, most: int = 64) -> Shape:
        """A type of limited width."""
        made = self._shape(depth)
        return made if width(made) <= most else self.pick(self.ints)

    def _shape(self, depth: int) -> Shape:
        kind = self.below(10) if depth else self.below(6)
        if kind < 4:
            return self.pick(self.ints)
        if kind == 4:
            return INTS["usize"] if self.chance(1, 4) else BOOL
        if kind == 5 and self.named:
            return self.pick(self.named)
        if kind in (6, 7):
            return self.array(self.shape(depth - 1, 40), (2, 3, 1, 4, 0))
        if kind > 7:
            return Tup(tuple(self.shape(depth - 1, 40) for _ in range(self.pick((2, 3, 1, 0)))))
        return BOOL

    def array(self, element: Shape, counts: Sequence[int]) -> Arr:
        """An array type, its size a number or a constant."""
        if self.sizes and self.chance(1, 3):
            return Arr(element, *self.pick(self.sizes))
        count = self.pick(counts)
        return Arr(element, str(count), count)

    def enums(self) -> list[Enum]:
        """Declared enums."""
        return [shape for shape in self.named if isinstance(shape, Enum)]
