"""What the Python models of the programs share: panics, checked numbers, and the list of all models."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from engine.values import EnumValue, StructValue

Model = Callable[[random.Random], tuple[list[Any], Callable[[], Any]]]
MODELS: dict[str, tuple[Model, dict[str, dict[str, int]]]] = {}


class Panicked(Exception):
    """The program panics with this reason."""


def program(**consts: dict[str, int]) -> Callable[[Model], Model]:
    """Marks the model of the program ``NAME.garble.rs``: it makes random arguments, and the result on demand."""

    def register(model: Model) -> Model:
        MODELS[model.__name__] = (model, consts)
        return model

    return register


def checked(value: int, bits: int, *, signed: bool = False) -> int:
    """A result of +, - or *."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        raise Panicked("Overflow")
    return value


def wrapped(value: int, bits: int) -> int:
    """The low bits as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def quotient(a: int, b: int) -> int:
    """Truncates toward zero."""
    if b == 0:
        raise Panicked("DivByZero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def at(values: Sequence[Any], index: int) -> Any:
    """An element."""
    if not 0 <= index < len(values):
        raise Panicked("OutOfBounds")
    return values[index]


def put(values: list[Any], index: int, value: Any) -> None:
    """Write an element."""
    at(values, index)
    values[index] = value


def struct(name: str, **fields: Any) -> StructValue:
    """A value of a struct."""
    return StructValue(name, fields)


def unit(enum: str, variant: str) -> EnumValue:
    """A variant without payload."""
    return EnumValue(enum, variant)


def variant(enum: str, name: str, *payload: Any) -> EnumValue:
    """A variant with payload."""
    return EnumValue(enum, name, payload)
