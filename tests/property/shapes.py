"""Types and values of generated programs with their encodings: sections 5, 16 and 17 once more, in plain Python.

Values are plain: bool, int, tuples for arrays, tuples and structs (fields in alphabetical order), and for enums
(number of the variant, payload tuple). Nothing here comes from the engine, so its encodings can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

WIDTHS = {"u8": 8, "i8": 8, "u16": 16, "i16": 16, "usize": 32, "u32": 32, "i32": 32, "u64": 64, "i64": 64}


@dataclass(frozen=True)
class Bool:
    """``bool``."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class Int:
    """An integer type."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def signed(self) -> bool:
        """Two's complement."""
        return self.name[0] == "i"

    @property
    def low(self) -> int:
        """Smallest value."""
        return -(1 << (WIDTHS[self.name] - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest value."""
        return (1 << (WIDTHS[self.name] - self.signed)) - 1


@dataclass(frozen=True)
class Tup:
    """A tuple."""

    items: tuple[Shape, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


@dataclass(frozen=True)
class Arr:
    """An array; ``size`` as written, ``count`` its number. Like the language, ``==`` compares what is written."""

    element: Shape
    size: str
    count: int

    def __str__(self) -> str:
        return f"[{self.element}; {self.size}]"


@dataclass(frozen=True)
class Struct:
    """A struct, fields in alphabetical order."""

    name: str
    fields: tuple[tuple[str, Shape], ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Enum:
    """An enum; payload None for a unit variant."""

    name: str
    variants: tuple[tuple[str, tuple[Shape, ...] | None], ...]

    def __str__(self) -> str:
        return self.name

    @property
    def tag(self) -> int:
        """Bits of the tag."""
        bits = 0
        while 1 << bits < len(self.variants):
            bits += 1
        return bits


Shape = Bool | Int | Tup | Arr | Struct | Enum
UNIT = Tup(())
BOOL = Bool()
INTS = {name: Int(name) for name in WIDTHS}
USIZE = INTS["usize"]


def parts(shape: Shape) -> tuple[Shape, ...]:
    """Components of an array, a tuple or a struct."""
    if isinstance(shape, Arr):
        return (shape.element,) * shape.count
    if isinstance(shape, Struct):
        return tuple(item for _, item in shape.fields)
    assert isinstance(shape, Tup)
    return shape.items


@lru_cache(4096)
def width(shape: Shape) -> int:
    """Bits of a value."""
    if isinstance(shape, Bool):
        return 1
    if isinstance(shape, Int):
        return WIDTHS[shape.name]
    if isinstance(shape, Enum):
        return shape.tag + max(sum(map(width, payload or ())) for _, payload in shape.variants)
    return sum(map(width, parts(shape)))


@lru_cache(4096)
def cardinality(shape: Shape) -> int:
    """Number of values."""
    if isinstance(shape, Bool | Int):
        return 1 << width(shape)
    if isinstance(shape, Enum):
        return sum(cardinality(Tup(payload or ())) for _, payload in shape.variants)
    number = 1
    for part in parts(shape):
        number *= cardinality(part)
    return number


def encoded(shape: Shape, value: Any) -> str:
    """The bits of a value as a text of 0 and 1 (section 16)."""
    if isinstance(shape, Bool):
        return str(int(value))
    if isinstance(shape, Int):
        bits = WIDTHS[shape.name]
        return format(value % (1 << bits), f"0{bits}b")
    if isinstance(shape, Enum):
        number, payload = value
        tag = format(number, "b").rjust(shape.tag, "0") if shape.tag else ""
        inside = encoded(Tup(shape.variants[number][1] or ()), payload)
        return (tag + inside).ljust(width(shape), "0")
    return "".join(map(encoded, parts(shape), value))


def written(shape: Shape, value: Any) -> str:
    """The text of a value (section 17.1)."""
    if isinstance(shape, Bool):
        return "true" if value else "false"
    if isinstance(shape, Int):
        return str(value)
    if isinstance(shape, Enum):
        name, payload = shape.variants[value[0]]
        return f"{shape.name}::{name}" + ("" if payload is None else written(Tup(payload), value[1]))
    texts = list(map(written, parts(shape), value))
    if isinstance(shape, Struct):
        return f"{shape.name} {{{', '.join(f'{name}: {text}' for (name, _), text in zip(shape.fields, texts))}}}"
    return f"[{', '.join(texts)}]" if isinstance(shape, Arr) else f"({', '.join(texts)})"


def json_form(shape: Shape, value: Any) -> Any:
    """The JSON form of a value (section 17.2)."""
    if isinstance(shape, Bool):
        return str(value)
    if isinstance(shape, Int):
        return {"NumSigned" if shape.signed else "NumUnsigned": [value, shape.name.capitalize()]}
    if isinstance(shape, Enum):
        name, payload = shape.variants[value[0]]
        return {"Enum": [shape.name, name, "Unit" if payload is None else json_form(Tup(payload), value[1])]}
    forms = list(map(json_form, parts(shape), value))
    if isinstance(shape, Struct):
        return {"Struct": [shape.name, [[name, form] for (name, _), form in zip(shape.fields, forms)]]}
    return {"Array" if isinstance(shape, Arr) else "Tuple": forms}
