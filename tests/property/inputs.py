"""Random inputs: small numbers, ends of types, sorted tables."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from tests.property.shapes import Arr, Bool, Enum, Int, Shape, Tup, cardinality, encoded, parts, width


def value(chooser: Random, shape: Shape) -> Any:
    """A value of a type."""
    if isinstance(shape, Bool):
        return chooser.random() < 0.5
    if isinstance(shape, Int):
        return number(chooser, shape)
    if isinstance(shape, Enum):
        chosen = chooser.randrange(len(shape.variants))
        return (chosen, tuple(value(chooser, item) for item in shape.variants[chosen][1] or ()))
    return tuple(value(chooser, part) for part in parts(shape))


def number(chooser: Random, shape: Int) -> int:
    """An integer: small, at an end of the type, near a power of two, or any."""
    kind = chooser.random()
    if kind < 0.65:
        return chooser.randint(-2 if shape.signed else 0, 4)
    if kind < 0.77:
        return chooser.choice((shape.low, shape.high, shape.low + 1, shape.high - 1))
    if kind < 0.85:
        near = (1 << chooser.randrange(width(shape) - 1)) + chooser.randint(-1, 1)
        return chooser.choice((near, -near)) if shape.signed else near
    return chooser.randint(shape.low, shape.high)


def arguments(chooser: Random, shapes: Sequence[Shape], tables: Sequence[bool]) -> tuple[Any, ...]:
    """One value a parameter; all tables take their keys from one pool, so that they share some."""
    pools: dict[Shape, list[Any]] = {}
    kept = chooser.random() < 0.85  # else the promise of joins may be broken
    return tuple(
        table_rows(chooser, shape, pools, kept) if table and isinstance(shape, Arr) else value(chooser, shape)
        for shape, table in zip(shapes, tables)
    )


def table_rows(chooser: Random, shape: Arr, pools: dict[Shape, list[Any]], kept: bool) -> tuple[Any, ...]:
    """A table or set in strictly ascending order of its keys, unless the promise is to be broken."""
    keyed = isinstance(shape.element, Tup)
    key = shape.element.items[0] if isinstance(shape.element, Tup) else shape.element
    pool = pools.setdefault(key, distinct(chooser, key, min(cardinality(key), 5)))
    if kept:
        keys = sorted(chooser.sample(pool, shape.count), key=lambda item: encoded(key, item))
    else:
        keys = [chooser.choice(pool) for _ in range(shape.count)]
        if chooser.random() < 0.7:
            keys.sort(key=lambda item: encoded(key, item))
    if not keyed:
        return tuple(keys)
    assert isinstance(shape.element, Tup)
    rest = shape.element.items[1:]
    return tuple((item, *(value(chooser, part) for part in rest)) for item in keys)


def distinct(chooser: Random, shape: Shape, count: int) -> list[Any]:
    """Different values of a type."""
    found: list[Any] = []
    while len(found) < count:
        item = value(chooser, shape)
        if item not in found:
            found.append(item)
    return found
