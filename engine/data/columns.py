"""One column of values -> bits of one type, and which rows do not fit: the matrix of section 3.3."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.data.enums import is_plain, nothing, some_of, to_enums, wrapped
from engine.data.families import of_value
from engine.data.field import NULL, Converted, Field, is_text
from engine.data.integers import to_bools, to_ints
from engine.data.nested import to_nested
from engine.data.octets import to_octets
from engine.data.table import Chunk, Column, compact
from engine.errors import DataError
from engine.sources import NullDefault
from engine.values import BoolType, EnumType, IntType


def convert(field: Field, chunk: Chunk) -> Converted:
    """Bits of a chunk; the type decides how, the column's family and rule what is allowed. NULL by the rule."""
    if not isinstance(chunk, list) or None not in chunk:
        return _present(field, chunk)
    present = [row for row, value in enumerate(chunk) if value is not None]
    inner = _present(field, compact([chunk[row] for row in present]))
    found = Converted(np.zeros((len(chunk), field.type.bits), np.uint8), {}, inner.cut)
    found.bits[present] = inner.bits
    found.problems = {present[row]: text for row, text in inner.problems.items()}
    missing = np.ones(len(chunk), np.bool_)
    missing[present] = False
    filler = _for_null(field)
    if filler is None:
        found.problems |= dict.fromkeys(np.flatnonzero(missing).tolist(), NULL)
    else:
        found.bits[missing] = filler
    return found


def _present(field: Field, chunk: Chunk) -> Converted:
    """The same for values none of which is NULL."""
    type = field.type
    inner = some_of(type)
    if inner is not None and isinstance(type, EnumType):
        found = _present(replace(field, type=inner), chunk)
        return Converted(wrapped(type, found.bits), found.problems, found.cut)
    if isinstance(type, BoolType):
        return to_bools(field, chunk)
    if isinstance(type, IntType):
        return to_ints(field, chunk)
    if is_text(type) and field.column.family != "nested":
        return to_octets(field, chunk)
    if is_plain(type):
        return to_enums(field, chunk)
    if not field.column.nests:
        text = f"a column cannot become {type} (bool, integers, [u8; N] and plain enums can; others from JSON)"
        return Converted(np.zeros((len(chunk), type.bits), np.uint8), dict.fromkeys(range(len(chunk)), text))
    return to_nested(field, chunk)


def _for_null(field: Field) -> np.ndarray | None:
    """Bits that stand for NULL; None when it is an error."""
    null = field.rule.null
    if isinstance(null, NullDefault):
        return _default(field, null)
    if some_of(field.type) is not None:
        assert isinstance(field.type, EnumType)
        return nothing(field.type)
    return None


def _default(field: Field, null: NullDefault) -> np.ndarray:
    family = "cell" if isinstance(null.value, str) else of_value(null.value)[0]
    found = _present(replace(field, column=Column(field.column.name, family)), compact([null.value]))
    for text in found.problems.values():
        raise DataError(
            f'the default for NULL in column "{field.column.name}": {text}', "correct 'null' in the policy's input"
        )
    return found.bits[0]
