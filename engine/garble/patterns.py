"""Exhaustiveness of patterns with witnesses: the usefulness algorithm on a pattern matrix (section 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.garble import typed as t
from engine.garble.definitions import Definitions
from engine.garble.limits import MAX_PATTERN_WORK
from engine.garble.types import NamedT, T, TupleT, prune
from engine.values import BoolType, IntType

LIMIT = 4  # witnesses that are shown
Row = tuple[t.Pattern | None, ...]  # None is a wildcard
Witness = tuple[str, ...]
Case = tuple[str, int, tuple[T, ...], list[Row]]  # constructor, -1 or number of parts, their types, rows that are left


class TooComplex(Exception):
    """The matrix has more cases than can be looked at: the problem is NP-hard."""


def missing_patterns(definitions: Definitions, type_: T, patterns: Sequence[t.Pattern]) -> list[str] | None:
    """Texts of values that no pattern matches, at most a few; empty when the patterns cover the type.

    None when the patterns are too many and too wide to tell.
    """
    matrix = _Matrix(definitions)
    try:
        rows: list[Row] = [(matrix.simple(pattern),) for pattern in patterns]
        return [witness[0] for witness in matrix.missing(rows, (type_,))]
    except TooComplex:
        return None


class _Matrix:
    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.work = 0

    def simple(self, pattern: t.Pattern) -> t.Pattern | None:
        """None for a pattern that matches everything."""
        if isinstance(pattern, t.PBind):
            return None
        if isinstance(pattern, t.PRange):
            type_ = prune(pattern.type)
            whole = isinstance(type_, IntType) and pattern.low <= type_.minimum and pattern.high >= type_.maximum
            return None if whole else pattern
        if isinstance(pattern, t.PParts):
            return pattern if [item for item in pattern.items if self.simple(item) is not None] else None
        return pattern

    def missing(self, rows: list[Row], types: tuple[T, ...]) -> list[Witness]:
        """Vectors of pattern texts, one for each column, that no row matches."""
        self.work += 1 + len(rows) * (1 + len(types) // 16)
        if self.work > MAX_PATTERN_WORK:
            raise TooComplex
        if any(not any(row) for row in rows):  # a row of wildcards (patterns are true)
            return []
        if not rows:
            return [tuple(["_"] * len(types))]
        column = next(number for number in range(len(types)) if any(row[number] for row in rows))
        if column:  # nobody looks at the columns before
            found = self.missing([row[column:] for row in rows], types[column:])
            return [(*["_"] * column, *witness) for witness in found]
        first = prune(types[0])
        if isinstance(first, IntType):
            return self._integers(rows, types, first)
        found = []
        for text, parts, inner, kept in self._cases(rows, first):
            for witness in self.missing(kept, (*inner, *types[1:])):
                found.append((self._shown(first, text, parts, witness), *witness[len(inner) :]))
            if len(found) >= LIMIT:
                break
        return found[:LIMIT]

    def _cases(self, rows: list[Row], type_: T) -> Iterator[Case]:
        """The constructors of a type, each with the rows that it leaves."""
        if isinstance(type_, BoolType):
            for value in (True, False):
                kept = [row[1:] for row in rows if not isinstance(row[0], t.PBool) or row[0].value == value]
                yield ("true" if value else "false"), -1, (), kept
        elif isinstance(type_, NamedT) and type_.is_enum:
            yield from self._variants(rows, type_)
        else:
            items = self._items(type_)
            yield "", len(items), items, [self._opened(row, len(items)) for row in rows]

    def _variants(self, rows: list[Row], type_: NamedT) -> Iterator[Case]:
        chosen: dict[int, list[int]] = {}
        others: list[int] = []
        for number, row in enumerate(rows):
            if isinstance(row[0], t.PVariant):
                chosen.setdefault(row[0].variant, []).append(number)
            else:
                others.append(number)
        for variant, (name, payload) in enumerate(self.definitions.enums[type_.name].items()):
            parts = payload or ()
            numbers = sorted(chosen.get(variant, []) + others)
            kept = [self._opened(rows[number], len(parts)) for number in numbers]
            yield f"{type_.name}::{name}", -1 if payload is None else len(parts), parts, kept

    def _items(self, type_: T) -> tuple[T, ...]:
        if isinstance(type_, NamedT):
            return tuple(self.definitions.structs[type_.name].values())
        return type_.items if isinstance(type_, TupleT) else ()

    def _opened(self, row: Row, parts: int) -> Row:
        """A row with the parts of its first pattern in the place of it."""
        head = row[0]
        if isinstance(head, t.PParts | t.PVariant):
            return (*[self.simple(item) for item in head.items], *row[1:])
        return (*[None] * parts, *row[1:])

    def _shown(self, type_: T, text: str, parts: int, witness: Witness) -> str:
        """A constructor with the texts of its parts."""
        if parts < 0:
            return text
        inside = witness[:parts]
        if isinstance(type_, NamedT) and not type_.is_enum:
            named = zip(self.definitions.structs[type_.name], inside)
            return f"{type_.name} {{{', '.join([f'{name}: {part}' for name, part in named])}}}"
        return f"{text}({', '.join(inside)})"

    def _integers(self, rows: list[Row], types: tuple[T, ...], type_: IntType) -> list[Witness]:
        """Split the whole range of the type at all ends that occur; neighbours with one witness are one range."""
        found: list[tuple[int, int, Witness]] = []
        for low, high, numbers in _pieces(rows, type_):
            for witness in self.missing([rows[number][1:] for number in numbers], types[1:]):
                last = found[-1] if found else None
                if last and last[1] == low - 1 and last[2] == witness:
                    found[-1] = (last[0], high, witness)
                else:
                    found.append((low, high, witness))
            if len(found) > LIMIT:
                break
        return [(_range_text(low, high, type_), *witness) for low, high, witness in found][:LIMIT]


def _pieces(rows: list[Row], type_: IntType) -> Iterator[tuple[int, int, Iterable[int]]]:
    """(low, high, numbers of the rows that match all of it), from the smallest to the largest value of the type."""
    events: dict[int, list[int]] = {type_.minimum: []}  # a row begins (number) or has ended (~number)
    wild: list[int] = []
    for number, row in enumerate(rows):
        head = row[0]
        if not isinstance(head, t.PRange):
            wild.append(number)
        elif head.low <= type_.maximum and head.high >= type_.minimum:
            events.setdefault(max(head.low, type_.minimum), []).append(number)
            events.setdefault(head.high + 1, []).append(~number)
    active: set[int] = set(wild)
    starts = sorted(start for start in events if start <= type_.maximum)
    for low, following in zip(starts, [*starts[1:], type_.maximum + 1]):
        for change in events[low]:
            if change < 0:
                active.discard(~change)
            else:
                active.add(change)
        yield low, following - 1, sorted(active)


def _range_text(low: int, high: int, type_: IntType) -> str:
    if low == type_.minimum and high == type_.maximum:
        return "_"
    return f"{low}{type_}" if low == high else f"{low}{type_}..={high}{type_}"
