"""Whole programs: types, constants, helper functions, an entry function, and inputs for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.property.choices import Function, Var
from tests.property.inputs import arguments
from tests.property.marked import Unmarked, unmark
from tests.property.shapes import BOOL, INTS, Arr, Bool, Enum, Int, Shape, Struct, Tup, cardinality, width
from tests.property.statements import Statements, joined_shape, key_of

Consts = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A program with inputs for its parties, and what the generator knows about it."""

    marked: Unmarked
    consts: Consts
    constants: dict[str, Any]  # values of all constants
    parties: tuple[Shape, ...]
    result: Shape
    inputs: tuple[tuple[Any, ...], ...]

    @property
    def text(self) -> str:
        """The program."""
        return self.marked.text


class Programs(Statements):
    """Items of a program."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        super().__init__(draw)
        self.consts: Consts = {}
        self.values: dict[str, Any] = {}
        self.wrapped = False  # whether some constant arithmetic wrapped: such a number is no size (section 13)
        self.items: list[str] = []

    def case(self, inputs: int) -> Case:
        """A program with some inputs."""
        names = ("u8", "i8", "u16", "i16", "u8", "i8", "u32", "i32", "u64", "i64", "usize")
        self.ints = [INTS[self.pick(names)] for _ in range(self.pick((2, 1, 3)))]
        constants = [self.constant(number) for number in self.several(0, 4)]
        for number in self.several(0, 3):
            self.items.append(self.type_item(number))
        tables = self.table_shapes()
        for number in self.several(0, 3):
            self.items.append(self.helper(number, tables))
        shapes, result, main = self.main(tables)
        parts = [*constants, *sorted(self.items, key=lambda item: self.below(3)), main]
        marked = unmark("\n".join(self.publish(part, parts) for part in parts) + "\n")
        single = isinstance(shapes[0], Arr) and len(shapes) == 1 and not shapes[0].size.startswith("const")
        joined = [shape in tables for shape in shapes]
        chooser = random.Random(self.draw(st.integers(0, 1 << 32)))
        given = [arguments(chooser, shapes, joined) for _ in range(inputs)]
        if single:
            shapes = (shapes[0].element,) * shapes[0].count  # type: ignore[union-attr]
            given = [row[0] for row in given]
        return Case(marked, self.consts, self.values, shapes, result, tuple(given))

    def publish(self, item: str, items: list[str]) -> str:
        """Functions that nobody calls are made public."""
        for function in self.functions:
            name = f"{function.name}("
            if item.startswith(f"fn {name}") and sum(other.count(name) for other in items) == 1:
                return f"pub {item}"
        return item

    # ---- types and constants

    def type_item(self, number: int) -> str:
        """A struct or an enum; fields in any order."""
        pub = "pub " * self.chance(1, 8)
        if self.chance(1, 2):
            names = ("a", "b", "c", "d")[: self.pick((2, 1, 3, 0, 4))]
            fields = tuple((name, self.shape(2, 32)) for name in names)
            self.named.append(Struct(f"S{number}", fields))
            inside = ", ".join(f"{name}: {item}" for name, item in sorted(fields, key=lambda _: self.below(4)))
            return f"{pub}struct S{number} {{ {inside} }}"
        variants: list[tuple[str, tuple[Shape, ...] | None]] = []
        for name in ("A", "B", "C", "D", "E")[: self.pick((2, 3, 1, 5))]:
            kind = self.below(4)
            payload = (None, (self.shape(1, 24),), tuple(self.shape(1, 24) for _ in range(2)), ())[kind]
            variants.append((name, payload))
        self.named.append(Enum(f"E{number}", tuple(variants)))
        inside = ", ".join(name + ("" if p is None else f"({', '.join(map(str, p))})") for name, p in variants)
        return f"{pub}enum E{number} {{ {inside} }}"

    def constant(self, number: int) -> str:
        """A constant; some of type usize serve as array sizes."""
        shape: Shape = self.pick((INTS["usize"], *self.ints, BOOL))
        self.wrapped = False
        text, value = self.constant_tree(shape, 2)
        if shape == INTS["usize"] and not 0 <= value <= 3 and self.chance(3, 4):
            self.wrapped = False
            value = self.pick((2, 3, 1, 0))
            text = f"{value}usize"
        name = f"C{number}"
        if shape == INTS["usize"] and value <= 3 and not self.wrapped:
            self.sizes.append((name, value))
        self.constants[name] = shape
        self.values[name] = value
        return f"{'pub ' * self.chance(1, 8)}const {name}: {shape} = {text};"

    def constant_tree(self, shape: Shape, depth: int) -> tuple[str, Any]:
        """A constant expression and its value."""
        kind = self.below(8) if depth else self.below(4)
        same = [name for name, of in self.constants.items() if of == shape]
        if kind == 1 and same:
            name = self.pick(same)
            self.wrapped |= shape == INTS["usize"] and name not in dict(self.sizes)
            return name, self.values[name]
        if kind == 2:
            return self.external(shape)
        if kind < 4 or isinstance(shape, Bool):
            value: Any = self.value(shape) if isinstance(shape, Int) else self.chance(1, 2)
            return (f"{value}{shape}" if isinstance(shape, Int) else str(value).lower()), value
        if kind < 6:
            found = [self.constant_tree(shape, depth - 1) for _ in range(self.pick((2, 1, 3)))]
            function = self.pick(("max", "min"))
            chosen = (max if function == "max" else min)(value for _, value in found)
            return f"{function}({', '.join(text for text, _ in found)})", chosen
        left, right = self.constant_tree(shape, depth - 1), self.constant_tree(shape, depth - 1)
        operator = "+" if kind == 6 else "-"
        exact = left[1] + right[1] if operator == "+" else left[1] - right[1]
        second = f"({right[0]})" if " " in right[0] else right[0]
        value = reduced(shape, exact)
        self.wrapped |= value != exact
        return f"{left[0]} {operator} {second}", value

    def external(self, shape: Shape) -> tuple[str, Any]:
        """A value from outside; a name has one type."""
        party = self.pick(("P", "Q"))
        name = f"X{len(self.consts.get(party, {}))}"
        value = self.value(shape) if isinstance(shape, Int) else self.chance(1, 2)
        self.consts.setdefault(party, {})[name] = value
        return f"{party}::{name}", value

    # ---- functions

    def table_shapes(self) -> list[Arr]:
        """Types of inputs that are joined: two tables of rows, or two sets."""
        if not self.chance(3, 5):
            return []
        key = self.shape(2, 24)
        if isinstance(key, Tup) and self.chance(1, 2):
            key = self.pick((*self.ints, INTS["i8"]))
        found = []
        keyed = isinstance(key, Tup) or self.chance(3, 4)
        for _ in range(2):
            rest = tuple(self.shape(1, 16) for _ in range(self.pick((1, 0, 2)))) if keyed else ()
            table = self.array(Tup((key, *rest)) if keyed else key, (2, 3, 1, 0))
            if table.count > cardinality(key):
                table = Arr(table.element, "1", 1)
            found.append(table)
        return found if any(table.count for table in found) else []

    def parameter(self, shape: Shape, tables: list[Arr]) -> str:
        """One parameter, declared."""
        name = self.name()
        while name in self.scope:
            name += "x"
        table = shape in tables
        mutable = not table and self.chance(1, 2)
        steady = table or "const" in str(shape)
        self.declare(Var(name, shape, mutable, table=table, steady=steady, given=True))
        return f"{'mut ' * mutable}{name}: {shape}"

    def helper(self, number: int, tables: list[Arr]) -> str:
        """A function for others to call."""
        self.scope, self.fuel, before = {}, 30, self.cost
        shapes: list[Shape] = list(tables) if tables and self.chance(1, 2) else []
        shapes += [self.common_shape() for _ in range(self.pick((1, 2)) - bool(shapes))]
        parameters = ", ".join(self.parameter(shape, tables) for shape in shapes)
        result = self.pick([*self.ints, *self.ints, BOOL, self.shape(2)])
        if len(shapes) == 2 and shapes == tables and self.chance(1, 5):
            keyed = key_of(tables[0], True) is not None
            names = ", ".join(self.scope)
            result = joined_shape(tables[0], tables[1], keyed=keyed)
            self.cost += 2 * self.join_cost(tables[0], tables[1])
            body = f"{{ join({names}) }}"
        else:
            body = self.body_of(result)
        self.functions.append(Function(f"f{number}", tuple(shapes), result, self.cost - before))
        self.cost = before
        return f"fn f{number}({parameters}) -> {result} {body}"

    def body_of(self, result: Shape) -> str:
        """Statements and a value."""
        lines = [self.statement(2) for _ in self.several(0, 2)]
        return self.braces([*lines, self.text(result, 3)])

    def main(self, tables: list[Arr]) -> tuple[tuple[Shape, ...], Shape, str]:
        """The entry function: its parties, its result, its text."""
        self.scope, self.fuel = {}, self.pick((250, 150, 60, 350))
        if not tables and self.chance(1, 8):
            shapes: list[Shape] = [self.array(self.shape(2, 24), (2, 3, 1))]
        else:
            shapes = [*tables, self.pick(self.ints), *(self.common_shape() for _ in range(self.pick((1, 2, 0, 3))))]
            if self.sizes and self.chance(1, 4):
                name, value = self.pick(self.sizes)
                shapes.append(Arr(self.shape(1, 16), f"const {{ {name} + 1usize }}", value + 1))
        if not sum(map(width, shapes)):
            shapes = [INTS["u8"]]
        parameters = ", ".join(self.parameter(shape, tables) for shape in shapes)
        lines = [self.mutable() for _ in self.several(1, 3)]
        lines += [self.statement(4) for _ in self.several(0, 8)]
        lines += [self.called_once(function) for function in self.functions if function.name not in self.called]
        value, result = self.outcome()
        return tuple(shapes), result, f"pub fn main({parameters}) -> {result} {self.braces([*lines, value])}"

    def called_once(self, function: Function) -> str:
        """A statement that calls a function, if it can be called here."""
        if not self.reachable(function):
            return "();"
        self.called.add(function.name)
        self.spend(function.cost)
        name = self.name()
        arguments = ", ".join([self.argument(item, 2) for item in function.parameters])
        self.declare(Var(name, function.result, mutable=True))
        return f"let mut {name} = {function.name}({arguments});"

    def common_shape(self) -> Shape:
        """A type for a parameter, often a declared one."""
        return self.pick(self.named) if self.named and self.chance(1, 3) else self.shape(2)

    def mutable(self) -> str:
        """A mutable variable to work on."""
        shape: Shape = self.pick(self.ints)
        if self.chance(1, 2):
            shape = self.array(shape, (2, 3, 4))
        if self.chance(1, 3):
            shape = self.pick((Tup((shape, self.pick(self.ints))), self.common_shape()))
        value, name = self.text(shape, 1), self.name()
        self.declare(Var(name, shape, mutable=True))
        return f"let mut {name}: {shape} = {value};"

    def outcome(self) -> tuple[str, Shape]:
        """The result: mutable variables as they are at the end, and an expression."""
        shown = [var for var in self.scope.values() if var.mutable and width(var.shape) < 200]
        shape = self.common_shape()
        names = ", ".join([var.name for var in shown])
        whole = Tup((shape, *(var.shape for var in shown)))
        return f"({self.text(shape, 4)}, {names})", whole


def reduced(shape: Shape, value: int) -> int:
    """Constants wrap (section 13)."""
    assert isinstance(shape, Int)
    value %= 1 << width(shape)
    return value - (1 << width(shape)) if value > shape.high else value


@st.composite
def cases(draw: Any, inputs: int = 8) -> Case:
    """Programs with inputs."""
    return Programs(draw).case(inputs)
