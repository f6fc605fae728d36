"""What the converters of columns share: the task, the result, and the words for what does not fit.

No text holds a value; who may show values adds them (:func:`with_value`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.data.families import of_value
from engine.data.table import Column
from engine.sources import ColumnRule, TextRules
from engine.values import ArrayType, IntType, Type

#: Row (from 0 within the chunk) -> why its value does not fit.
Problems = dict[int, str]

NULL = "NULL"
_OUT_OF_RANGE = "value out of range for "
_NO_VARIANT = "value is not a variant of "


@dataclass(frozen=True)
class Field:
    """One column on its way to one type.

    ``text`` are the rules that hold for this column; ``full``: all its binary values have the length of the type;
    ``key``: of ``hash:N``.
    """

    type: Type
    column: Column
    rule: ColumnRule = field(default_factory=ColumnRule)
    text: TextRules = field(default_factory=TextRules)
    full: bool = True
    key: bytes = field(default=b"", repr=False)


@dataclass
class Converted:
    """``bits``: uint8 (N, type.bits) of 0/1; ``cut``: number of texts that were truncated because the rules say so."""

    bits: np.ndarray
    problems: Problems = field(default_factory=dict)
    cut: int = 0


def one_by_one(values: Sequence[Any], of: Callable[[Any], tuple[Any, str]], empty: Any) -> tuple[list[Any], Problems]:
    """Convert each value; ``of`` gives (result, problem), ``empty`` stands where there is a problem."""
    problems: Problems = {}
    found = [empty] * len(values)
    for row, value in enumerate(values):
        result, problem = of(value)
        if problem:
            problems[row] = problem
        else:
            found[row] = result
    return found, problems


def out_of_range(type: IntType) -> str:
    """The text for a number that the type cannot hold."""
    return f"{_OUT_OF_RANGE}{type} ({type.minimum}..{type.maximum})"


def no_variant(listed: str) -> str:
    """The text for a name that no variant has; ``listed`` names the type and its variants."""
    return f"{_NO_VARIANT}{listed}"


def with_value(text: str, value: Any) -> str:
    """The text of a problem with the value in it, for who may see values (``--show-values``)."""
    if value is None:
        return text
    shown = repr(value) if isinstance(value, (str, bytes)) else str(value)
    shown = shown if len(shown) <= 100 else shown[:97] + "..."
    if text.startswith(_OUT_OF_RANGE):
        return f"{shown} does not fit {text.removeprefix(_OUT_OF_RANGE)}"
    if text.startswith(_NO_VARIANT):
        shown = f'"{value}"' if isinstance(value, str) else shown
        return f"{shown} is not a variant of {text.removeprefix(_NO_VARIANT)}"
    return f"{text} (the value is {shown})"


def is_text(type: Type) -> bool:
    """True for ``[u8; N]``."""
    return isinstance(type, ArrayType) and type.element == IntType("u8")


def no(field: Field, value: Any, hint: str = "") -> str:
    """Why a value of the wrong kind is refused; names the value's own type where it differs from the column's."""
    family, name = of_value(value)
    column = field.column
    if family in ("other", "nested") or family == column.family or column.type_name != "NULL":
        name = ""
    if not hint and isinstance(field.type, IntType):
        hint = _INT_HINTS.get("time" if column.family == "time" else family, "")
    elif not hint and is_text(field.type):
        hint = _TEXT_HINTS.get("other" if column.family == "other" else family, "")
    return f"{'a ' + name + ' value ' if name else ''}cannot become {field.type}{hint}"


_INT_HINTS = {
    "text": '; cast it to an integer in the query (or "as": "int")',
    "bool": '; CAST(... AS INT) in the query makes a number of it (or "as": "int")',
    "real": '; "as": "scaled:2" counts hundredths, or ROUND and CAST it in the query',
    "time": '; "as": "epoch_s" or "epoch_ms" makes a number of it',
}
_TEXT_HINTS = {
    "other": '; "as": "text" makes a text of it (or cast it in the query)',
    "integer": '; CAST(... AS TEXT) in the query makes a text of it (or "as": "text")',
    "numeric": '; CAST(... AS TEXT) in the query makes a text of it (or "as": "text")',
    "real": '; CAST(... AS TEXT) in the query makes a text of it (or "as": "text")',
    "bool": '; CAST(... AS TEXT) in the query makes a text of it (or "as": "text")',
    "time": '; "as": "iso" makes a text of it',
}
