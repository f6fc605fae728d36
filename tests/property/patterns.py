"""Patterns: irrefutable ones, exhaustive sets, and single ones that may fail."""

from __future__ import annotations

from tests.property.choices import Var
from tests.property.expressions import Expressions
from tests.property.shapes import Arr, Bool, Enum, Int, Shape, Struct, Tup, cardinality

Bound = list[Var]


class Patterns(Expressions):
    """Patterns as texts; the variables they bind are appended to a list."""

    def always(self, shape: Shape, bound: Bound, depth: int = 2) -> str:
        """A pattern that matches every value."""
        if isinstance(shape, Enum) and len(shape.variants) == 1 and depth and self.chance(1, 2):
            return self.variant(shape, 0, [self.always(item, bound, depth - 1) for item in self.payload(shape, 0)])
        if not isinstance(shape, Tup | Struct) or depth == 0 or self.chance(1, 3):
            return self.name_pattern(shape, bound)
        if isinstance(shape, Tup):
            return self.tuple_pattern([self.always(item, bound, depth - 1) for item in shape.items])
        return self.struct_pattern(shape, {name: self.always(i, bound, depth - 1) for name, i in shape.fields})

    def name_pattern(self, shape: Shape, bound: Bound) -> str:
        """A name, or ``_``."""
        if self.chance(1, 4):
            return "_"
        name = self.name()
        if any(var.name == name for var in bound):
            return "_"
        bound.append(Var(name, shape))
        return name

    def cover(self, shape: Shape, depth: int = 2) -> list[tuple[str, Bound]]:
        """Patterns that together match every value."""
        if depth == 0 or isinstance(shape, Arr) or self.chance(1, 6):
            bound: Bound = []
            return [(self.always(shape, bound), bound)]
        if isinstance(shape, Bool):
            return [("true", []), ("false", [])]
        if isinstance(shape, Int):
            return [(text, []) for text in self.split(shape)]
        if isinstance(shape, Enum):
            found = []
            for number in range(len(shape.variants)):
                inside = self.cover_parts(self.payload(shape, number), depth - 1)
                found += [(self.variant(shape, number, texts), bound) for texts, bound in inside]
            return found
        items = tuple(item for _, item in shape.fields) if isinstance(shape, Struct) else shape.items
        found = []
        for texts, bound in self.cover_parts(items, depth - 1):
            if isinstance(shape, Struct):
                named = dict(zip(dict(shape.fields), texts))
                found.append((self.struct_pattern(shape, named), bound))
            else:
                found.append((self.tuple_pattern(texts), bound))
        return found

    def cover_parts(self, items: tuple[Shape, ...], depth: int) -> list[tuple[list[str], Bound]]:
        """Covers a row of components by splitting one of them."""
        chosen = self.below(len(items))
        rows: list[tuple[list[str], Bound]] = []
        for middle, inner in self.cover(items[chosen], depth) if items else [("", [])]:
            bound = list(inner)
            texts = [middle if n == chosen else self.always(item, bound, 1) for n, item in enumerate(items)]
            rows.append((texts, bound))
        return rows

    def split(self, shape: Int) -> list[str]:
        """Ranges that cover an integer type."""
        cuts = sorted({self.value(shape) for _ in range(self.pick((1, 2, 3)))} - {shape.low})
        starts = [shape.low, *cuts]
        return [self.span(shape, low, high - 1) for low, high in zip(starts, [*cuts, shape.high + 1])]

    def span(self, shape: Int, low: int, high: int) -> str:
        """The pattern of the numbers low to high."""
        suffix = str(shape) if self.chance(1, 3) else ""
        if low == high and self.chance(3, 4):
            return f"{low}{suffix}"
        if high < shape.high and self.chance(1, 3):
            return f"{low}{suffix}..{high + 1}{suffix}"
        return f"{low}{suffix}..={high}{suffix}"

    def maybe(self, shape: Shape, bound: Bound, depth: int = 2) -> str:
        """A pattern that may fail."""
        if depth == 0 or isinstance(shape, Arr) or cardinality(shape) == 1 or self.chance(1, 5):
            return self.always(shape, bound, depth)
        if isinstance(shape, Bool):
            return self.pick(("true", "false"))
        if isinstance(shape, Int):
            low, high = sorted((self.value(shape), self.value(shape)))
            return self.span(shape, low, high)
        if isinstance(shape, Enum):
            number = self.below(len(shape.variants))
            inside = [self.maybe(item, bound, depth - 1) for item in self.payload(shape, number)]
            return self.variant(shape, number, inside)
        if isinstance(shape, Tup):
            return self.tuple_pattern([self.maybe(item, bound, depth - 1) for item in shape.items])
        return self.struct_pattern(shape, {name: self.maybe(i, bound, depth - 1) for name, i in shape.fields})

    def payload(self, shape: Enum, number: int) -> tuple[Shape, ...]:
        """Payload types of a variant."""
        return shape.variants[number][1] or ()

    def variant(self, shape: Enum, number: int, inside: list[str]) -> str:
        """``E::V(...)`` or ``E::V``."""
        name, payload = shape.variants[number]
        return f"{shape.name}::{name}" + ("" if payload is None else f"({', '.join(inside)})")

    def tuple_pattern(self, inside: list[str]) -> str:
        """A tuple pattern, now and then with a comma at the end."""
        return f"({', '.join(inside)}{',' * (bool(inside) and self.chance(1, 8))})"

    def struct_pattern(self, shape: Struct, inside: dict[str, str]) -> str:
        """A struct pattern, fields in any order; ``..`` for those that are ``_``."""
        names = sorted(inside, key=lambda _: self.below(4))
        left_out = [name for name in names if inside[name] == "_" and self.chance(1, 2)]
        fields = [name if inside[name] == name else f"{name}: {inside[name]}" for name in names if name not in left_out]
        if left_out:
            fields.append("..")
        return f"{shape.name} {{{', '.join(fields)}}}"
