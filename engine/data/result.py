"""The program's result -> rows (section 3.7). Large results are decoded and converted in batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine.data.plain import is_octets, to_plain
from engine.errors import DataError
from engine.values import (
    ArrayType,
    BoolType,
    EnumType,
    IntType,
    StructType,
    TupleType,
    Type,
    decode,
    decode_many,
    encode,
    format_value,
)

Rows = list[tuple[Any, ...]]
Cell = Callable[[Any], Any]

#: Most rows of a batch, and about how many bits it may have.
BATCH = 1000
BATCH_BITS = 1 << 23


class Result:
    """The value that a run computed: its type, and its bits (uint8 of 0 and 1, shape (type.bits,))."""

    def __init__(self, type: Type, bits: np.ndarray) -> None:
        self.type = type
        self.bits = bits
        self.element = element_of(type)

    @classmethod
    def of(cls, type: Type, value: Any) -> Result:
        """A result from its value; ValueError when the value is not of the type."""
        return cls(type, encode(type, value))

    def __len__(self) -> int:
        """Number of elements: those of an array, else one."""
        return self.type.size if isinstance(self.type, ArrayType) else 1

    def __str__(self) -> str:
        """The text form, as ``polytune eval`` prints it."""
        return format_value(self.type, self.value)

    @property
    def value(self) -> Any:
        """The whole value; raises DataError when it is none of the type."""
        return _decoded(lambda: decode(self.type, self.bits))

    @property
    def batch(self) -> int:
        """Elements of a batch, fewer when each is large."""
        return max(1, min(BATCH, BATCH_BITS // max(1, self.element.bits)))

    def batches(self) -> Iterator[list[Any]]:
        """All elements in order, in lists of at most :attr:`batch`; raises DataError for a value that cannot be."""
        width = self.element.bits
        for start in range(0, len(self), self.batch):
            stop = min(start + self.batch, len(self))
            part = self.bits[start * width : stop * width].reshape(stop - start, width)
            yield _decoded(lambda part=part: decode_many(self.element, part))  # type: ignore[misc]


def _decoded(decoding: Callable[[], Any]) -> Any:
    try:
        return decoding()
    except ValueError as error:  # a party gave an enum tag that no variant has
        raise DataError(f"the result is not a value of the program: {error}") from None


class RowForm:
    """How elements of a result become rows of plain values: bool, int, str, bytes, None.

    A tuple or struct has a column per field, anything else one. ``text`` says how ``[u8; N]`` comes out: auto (text
    when it is UTF-8, else bytes), text, bytes, hex, quoted. ``keep="matched"`` keeps of the pairs of a join those
    whose first field is true, without that field. ``nested`` False: columns that are arrays or variants with fields
    are lists and objects instead of JSON text. ``label`` names the output in messages.
    """

    def __init__(
        self, result_type: Type, text: str = "auto", keep: str = "all", *, nested: bool = False, label: str = "output"
    ) -> None:
        self.text = text
        self.nested = nested
        self.label = label
        self.matched = keep == "matched"
        element = element_of(result_type)
        if self.matched:
            element = _without_flag(element, label)
        self._flat = self.matched and _flat(element_of(result_type))
        self._struct = isinstance(element, StructType)
        self._single = not isinstance(element, (StructType, TupleType))
        self.names, self.types = columns_of(element)
        self._cells = [self._cell(type) for type in self.types]

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for every column: of the struct's fields, else c1, c2, …"""
        return self.names or tuple(f"c{number + 1}" for number in range(len(self.types)))

    def rows(self, values: list[Any]) -> Rows:
        """Rows of a batch of elements."""
        if self.matched:
            values = [value[1] if self._flat else value[1:] for value in values if value[0]]
        cells = self._cells
        if self._struct:
            names = self.names or ()
            return [tuple(cell(value.fields[name]) for name, cell in zip(names, cells)) for value in values]
        if self._single:
            return [(cells[0](value),) for value in values]
        return [tuple(cell(part) for cell, part in zip(cells, value)) for value in values]

    def zero(self) -> tuple[Any, ...]:
        """A row of the right types with zeros, empty texts and first variants: for trying out a statement."""
        return tuple(_zero(type, self.text) for type in self.types)

    def _cell(self, type: Type) -> Cell:
        if isinstance(type, (BoolType, IntType)):
            return lambda value: value
        if is_octets(type):
            return lambda value: self._octets(bytes(value))
        inner = option(type)
        if inner is not None:
            some = self._cell(inner)
            return lambda value: None if value.variant == "None" else some(value.payload[0])
        whole: Cell = (lambda value: to_plain(type, value)) if self.nested else (lambda value: _json(type, value))
        if isinstance(type, EnumType):
            return lambda value: value.variant if value.payload is None else whole(value)
        return whole

    def _octets(self, octets: bytes) -> Any:
        """``[u8; N]`` without the zero bytes at its end; ``hex`` and ``bytes`` keep all."""
        text = self.text
        if text == "hex":
            return octets.hex()
        if text == "bytes":
            return octets
        try:
            found = octets.rstrip(b"\0").decode("utf-8")
        except UnicodeDecodeError:
            if text == "auto":
                return octets
            raise DataError(
                f"{self.label}: the result holds a [u8; N] that is not valid UTF-8",
                f'set {self.label}.text to "bytes" or "hex"',
            ) from None
        if text == "quoted":
            return f"'{found}'"
        return octets if text == "auto" and "\0" in found else found


def result_rows(
    result_type: Type, value: Any, *, text: str = "auto", keep: str = "all"
) -> tuple[tuple[str, ...] | None, Rows]:
    """Column names (None unless the rows are structs) and all rows of a value; see :class:`RowForm`."""
    form = RowForm(result_type, text, keep)
    return form.names, form.rows(list(value) if isinstance(result_type, ArrayType) else [value])


def element_of(result_type: Type) -> Type:
    """Type of one row of the result: of an array's element, else the type itself."""
    return result_type.element if isinstance(result_type, ArrayType) else result_type


def columns_of(element: Type) -> tuple[tuple[str, ...] | None, tuple[Type, ...]]:
    """Names (structs only) and types of the columns of a row."""
    if isinstance(element, StructType):
        return tuple(name for name, _ in element.fields), tuple(type for _, type in element.fields)
    if isinstance(element, TupleType):
        return None, element.items
    return None, (element,)


def option(type: Type) -> Type | None:
    """T of an enum like ``Option``: a unit variant None and a variant Some(T)."""
    if not isinstance(type, EnumType) or {name for name, _ in type.variants} != {"None", "Some"}:
        return None
    payloads = dict(type.variants)
    some = payloads["Some"]
    return some[0] if payloads["None"] is None and some is not None and len(some) == 1 else None


def _without_flag(element: Type, label: str) -> Type:
    if not isinstance(element, TupleType) or not element.items or not isinstance(element.items[0], BoolType):
        raise DataError(
            f'{label}.keep is "matched" but the rows of the program are {element}',
            "it fits results of join: tuples whose first field is a bool",
        )
    rest = element.items[1:]
    return rest[0] if _flat(element) else TupleType(rest)


def _flat(element: Type) -> bool:
    """Whether the flag of a join is followed by one tuple or struct, whose fields are the columns."""
    assert isinstance(element, TupleType)
    return len(element.items) == 2 and isinstance(element.items[1], (TupleType, StructType))


def _json(type: Type, value: Any) -> str:
    return json.dumps(to_plain(type, value), ensure_ascii=False, separators=(",", ":"))


def _zero(type: Type, text: str) -> Any:
    if isinstance(type, BoolType):
        return False
    if isinstance(type, IntType):
        return 0
    if is_octets(type):
        return b"" if text == "bytes" else ""
    inner = option(type)
    if inner is not None:
        return _zero(inner, text)
    if isinstance(type, EnumType) and type.variants[0][1] is None:
        return type.variants[0][0]
    return "null"
