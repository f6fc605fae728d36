"""Exhaustiveness of patterns with witnesses: the usefulness algorithm on a pattern matrix (section 10)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.garble import typed as t
from engine.garble.definitions import Definitions
from engine.garble.types import NamedT, T, TupleT, prune
from engine.values import BoolType, IntType

LIMIT = 4  # witnesses that are shown
Row = tuple[t.Pattern | None, ...]  # None is a wildcard
Witness = tuple[str, ...]


def missing_patterns(definitions: Definitions, type_: T, patterns: Sequence[t.Pattern]) -> list[str]:
    """Texts of values that no pattern matches, at most a few; empty when the patterns cover the type."""
    rows: list[Row] = [(pattern,) for pattern in patterns]
    return [witness[0] for witness in _Matrix(definitions).missing(rows, (type_,))]


class _Matrix:
    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions

    def missing(self, rows: list[Row], types: tuple[T, ...]) -> list[Witness]:
        """Vectors of pattern texts, one for each column, that no row matches."""
        if not types:
            return [] if rows else [()]
        if not rows:
            return [tuple("_" for _ in types)]
        first = prune(types[0])
        heads = [row[0] for row in rows]
        if all(head is None or isinstance(head, t.PBind) for head in heads):
            rest = self.missing([row[1:] for row in rows], types[1:])
            return [("_", *witness) for witness in rest]
        if isinstance(first, IntType):
            return self._integers(rows, types, first)
        if isinstance(first, BoolType):
            return self._bools(rows, types)
        if isinstance(first, NamedT) and first.is_enum:
            return self._variants(rows, types, first)
        return self._parts(rows, types, first)

    def _bools(self, rows: list[Row], types: tuple[T, ...]) -> list[Witness]:
        found: list[Witness] = []
        for value in (True, False):
            kept = [row[1:] for row in rows if not isinstance(row[0], t.PBool) or row[0].value == value]
            text = "true" if value else "false"
            found += [(text, *witness) for witness in self.missing(kept, types[1:])]
        return found[:LIMIT]

    def _integers(self, rows: list[Row], types: tuple[T, ...], type_: IntType) -> list[Witness]:
        """Split the whole range of the type at all ends that occur."""
        starts = {type_.minimum}
        for row in rows:
            if isinstance(row[0], t.PRange):
                starts |= {max(row[0].low, type_.minimum), row[0].high + 1}
        cuts = sorted(start for start in starts if start <= type_.maximum)
        found: list[tuple[int, int, Witness]] = []
        for low, following in zip(cuts, [*cuts[1:], type_.maximum + 1]):
            high = following - 1
            kept = [
                row[1:]
                for row in rows
                if not isinstance(row[0], t.PRange) or (row[0].low <= low and high <= row[0].high)
            ]
            for witness in self.missing(kept, types[1:]):
                if found and found[-1][1] == low - 1 and found[-1][2] == witness:
                    found[-1] = (found[-1][0], high, witness)
                else:
                    found.append((low, high, witness))
            if len(found) > LIMIT:
                break
        return [(_range_text(low, high, type_), *witness) for low, high, witness in found][:LIMIT]

    def _variants(self, rows: list[Row], types: tuple[T, ...], type_: NamedT) -> list[Witness]:
        found: list[Witness] = []
        for number, (name, payload) in enumerate(self.definitions.enums[type_.name].items()):
            parts = payload or ()
            kept: list[Row] = []
            for row in rows:
                head = row[0]
                if isinstance(head, t.PVariant):
                    if head.variant == number:
                        kept.append((*head.items, *row[1:]))
                else:
                    kept.append((*(None for _ in parts), *row[1:]))
            for witness in self.missing(kept, (*parts, *types[1:])):
                text = f"{type_.name}::{name}"
                if payload is not None:
                    text += f"({', '.join(witness[: len(parts)])})"
                found.append((text, *witness[len(parts) :]))
            if len(found) > LIMIT:
                break
        return found[:LIMIT]

    def _parts(self, rows: list[Row], types: tuple[T, ...], type_: T) -> list[Witness]:
        names: list[str] = []
        if isinstance(type_, NamedT):
            fields = self.definitions.structs[type_.name]
            names, items = list(fields), tuple(fields.values())
        else:
            items = type_.items if isinstance(type_, TupleT) else ()
        size = len(items)
        kept: list[Row] = []
        for row in rows:
            head = row[0]
            inner: Row = head.items if isinstance(head, t.PParts) else tuple(None for _ in items)
            kept.append((*inner, *row[1:]))
        found: list[Witness] = []
        for witness in self.missing(kept, (*items, *types[1:])):
            inside = witness[:size]
            if isinstance(type_, NamedT):
                text = f"{type_.name} {{{', '.join(f'{n}: {p}' for n, p in zip(names, inside))}}}"
            else:
                text = f"({', '.join(inside)})"
            found.append((text, *witness[size:]))
        return found[:LIMIT]


def _range_text(low: int, high: int, type_: IntType) -> str:
    if low == type_.minimum and high == type_.maximum:
        return "_"
    return f"{low}{type_}" if low == high else f"{low}{type_}..={high}{type_}"
