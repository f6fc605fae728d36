"""Variables and paths while a program is lowered: what a branch changed, and how it is merged (section 9).

A variable is a flat array of literals (the encoding of its value). Each conditional part of a program is a scope with a
condition; its path is the AND of all conditions around it. For every outer variable that a scope writes, it keeps the
value at entry and, for each bit, whether the bit is *guarded*: equal to the value at entry whenever the path is false.
Guarded bits need no multiplexer when the scope ends. Merges use the full path, so that a merged bit is guarded for
all scopes further out: one AND a bit, however deep the nesting.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.circuit import Builder
from engine.garble.diagnostics import Span
from engine.garble.panics import Panics
from engine.garble.ranges import Range, Ranges
from engine.garble.relations import Relations
from engine.garble.sums import Sum

Lits = np.ndarray


@dataclass(slots=True)
class Change:
    """What a scope did to an outer variable: value at entry, and which bits are not guarded (None: none).

    All loose bits are in ``low <= bit < high``, so that a write to a large array costs little.
    """

    base: Lits
    loose: Lits | None = None
    low: int = 0
    high: int = 0

    def loosen(self, bits: slice | Lits) -> None:
        """Bits that were assigned without a guard."""
        if self.loose is None:
            self.loose = np.zeros(len(self.base), bool)
        self.loose[bits] = True
        if isinstance(bits, slice):
            low, high = bits.start, bits.stop
        else:
            low, high = (int(bits.min()), int(bits.max()) + 1) if bits.size else (0, 0)
        self.low, self.high = (min(self.low, low), max(self.high, high)) if self.high else (low, high)

    def changed(self, now: Lits, within: slice) -> Lits:
        """Loose bits in a range whose value is another one now."""
        if self.loose is None:
            return np.zeros(within.stop - within.start, bool)
        return self.loose[within] & (now[within] != self.base[within])

    @property
    def range(self) -> slice:
        """Where loose bits are."""
        return slice(self.low, self.high)


@dataclass(slots=True)
class Scope:
    """A conditional part of the program."""

    condition: int
    path: int = -1  # computed on first use
    implied: set[int] = field(default_factory=set)  # literals that are true in it, but not around it
    changes: dict[int, Change] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)  # panic conditions met in it


class State:
    """Variables, scopes and panics of one lowering."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.panics = Panics()
        self.values: dict[int, Lits] = {}
        self.depths: dict[int, int] = {}
        self.ranges = Ranges()
        self.relations = Relations()
        self.signs: dict[int, bool] = {}  # variables that hold one integer: whether it is signed
        self.sums: dict[int, dict[tuple[int, int], Sum]] = {}  # by variable and bits: what is not added up yet
        self.owned: set[int] = set()  # variables whose array nobody else holds: may be changed in place
        self.scopes = [Scope(1, 1)]
        self.seen: set[int] = set()  # panic conditions met on the way to here
        self.implied: set[int] = set()  # literals that are true here, because of the conditions around

    # ---- paths and panics

    @property
    def path(self) -> int:
        """Literal that is true when the code at this point is executed."""
        if self.scopes[-1].path >= 0:
            return self.scopes[-1].path
        known = len(self.scopes) - 1
        while self.scopes[known].path < 0:
            known -= 1
        for outer, scope in zip(self.scopes[known:], self.scopes[known + 1 :]):
            scope.path = int(self.builder.and_(outer.path, scope.condition))
        return self.scopes[-1].path

    def given(self, literal: int) -> int:
        """A condition at this point: 1 or 0 where the conditions around decide it."""
        if literal in self.implied:
            return 1
        return 0 if literal ^ 1 in self.implied else literal

    def panic(self, condition: int, reason: int, span: Span, *, guarded: bool = False, subject: str = "") -> None:
        """Note a panic site. A condition seen before on the way to here needs no second site."""
        condition = int(condition) if guarded else self.given(int(condition))
        if condition == 0 or condition in self.seen:
            return
        self.seen.add(condition)
        self.scopes[-1].seen.append(condition)
        if len(self.scopes) > 1 and not guarded:
            condition = int(self.builder.and_(self.path, condition))
        self.panics.add(condition, reason, span, subject)

    # ---- variables

    def declare(self, var: int, value: Lits, signed: bool | None = None) -> None:
        """Bind a variable in the current scope; ``signed`` is for variables that hold one integer."""
        self.values[var] = value
        self.sums.pop(var, None)
        if signed is not None:
            self.signs[var] = signed
        self.depths[var] = len(self.scopes) - 1
        self.owned.discard(var)

    def read(self, var: int) -> Lits:
        """The value; the caller may keep it."""
        value = self.peek(var)
        self.owned.discard(var)  # after peek: adding up makes a new array, which the caller keeps
        return value

    def peek(self, var: int) -> Lits:
        """The value, to look at only."""
        if var in self.sums:
            self.settle(var)
        return self.values[var]

    def range_of(self, var: int, start: int, stop: int, signed: bool) -> Range:
        """The range of some bits of a variable, without adding up."""
        found = self.sums.get(var, {}).get((start, stop))
        return (found.low, found.high) if found else self.ranges.of(self.values[var][start:stop], signed)

    def is_local(self, var: int) -> bool:
        """Whether a variable belongs to the innermost scope: it has one value, whatever the path."""
        return self.depths[var] >= len(self.scopes) - 1

    def sum_of(self, var: int, start: int, stop: int, signed: bool) -> Sum:
        """The sum behind some bits of a variable, to add to. The caller sees to it that nothing overflows."""
        found = self.sums.setdefault(var, {}).get((start, stop))
        if found is None:
            base = self.values[var][start:stop]
            found = self.sums[var][start, stop] = Sum(self.builder, base, signed, self.ranges.of(base, signed))
        return found

    def settle(self, var: int) -> None:
        """Add up. Terms hold their path, so the new bits are right on every path: no scope has to know."""
        sums = self.sums.pop(var, None)
        if not sums:
            return
        values = self.values[var]
        if var not in self.owned:
            values = self.values[var] = values.copy()
            self.owned.add(var)
        for (start, stop), found in sums.items():
            values[start:stop] = word = found.total()
            self.ranges.note(word, found.signed, found.low, found.high)

    def is_guarded(self, var: int, bits: slice | Lits) -> bool:
        """Whether a guarded write to these bits saves a multiplexer: inner scope, nothing loose there yet."""
        if self.depths[var] >= len(self.scopes) - 1:
            return False
        change = self.scopes[-1].changes.get(var)
        return change is None or change.loose is None or not change.loose[bits].any()

    def write(self, var: int, bits: slice | Lits, new: Lits, *, guarded: bool = False) -> None:
        """Replace some bits of a variable. Guarded: the new bits equal the old ones when the path is false."""
        old = self.peek(var)
        if self.depths[var] < len(self.scopes) - 1:
            scope = self.scopes[-1]
            change = scope.changes.get(var)
            if change is None:
                change = scope.changes[var] = Change(old)
                self.owned.discard(var)
            if not guarded:
                change.loosen(bits)
        if var not in self.owned:
            old = self.values[var] = old.copy()
            self.owned.add(var)
        old[bits] = new

    # ---- scopes

    def enter(self, condition: int) -> None:
        """Begin code that is executed only if the condition holds."""
        implied = self.builder.conjuncts(condition) - self.implied
        self.implied |= implied
        self.scopes.append(Scope(int(condition), implied=implied))

    def _pop(self) -> Scope:
        scope = self.scopes.pop()
        self.seen.difference_update(scope.seen)
        self.implied -= scope.implied
        return scope

    def leave(self) -> None:
        """End a scope without alternative: its changes hold if its path was taken."""
        self.path  # noqa: B018 - the path of the scope is needed after it ended
        scope = self._pop()
        for var, change in scope.changes.items():
            self._replace(var, change.base, self._select(scope.path, var, change))

    def suspend(self) -> tuple[Scope, dict[int, Lits]]:
        """End the first of two alternatives. Guarded bits stay (they are unchanged for the other one)."""
        self.path  # noqa: B018
        scope = self._pop()
        results = {}
        for var, change in scope.changes.items():
            now = results[var] = self.peek(var)
            self.owned.discard(var)
            if change.loose is not None:
                part = change.range
                start = self.values[var] = now.copy()
                start[part] = np.where(change.loose[part], change.base[part], now[part])
        return scope, results

    def join(self, first: Scope, results: dict[int, Lits], condition: int) -> None:
        """End the second of two alternatives and merge both."""
        self.path  # noqa: B018
        second = self._pop()
        for var in {**first.changes, **second.changes}:
            one, two = first.changes.get(var), second.changes.get(var)
            if one is None:
                assert two is not None
                self._replace(var, two.base, self._select(second.path, var, two))
            else:
                self._merge(var, (first.path, second.path, condition), results[var], one, two)

    def _select(self, path: int, var: int, change: Change) -> Lits:
        """The value after a scope: loose bits chosen by its path, guarded bits as they are."""
        now = self.peek(var)
        picked = np.flatnonzero(change.changed(now, change.range)) + change.low
        if len(picked):
            if var in self.signs and len(picked) == np.count_nonzero(now != change.base):
                new = self.relations.choose(self.builder, path, now, change.base)
                self.ranges.join(new, self.signs[var], [now, change.base])
                return new
            new = now.copy()
            new[picked] = self.builder.mux(path, now[picked], change.base[picked])
            return new
        return now

    def _merge(self, var: int, paths: tuple[int, int, int], result: Lits, one: Change, two: Change | None) -> None:
        now = self.peek(var)
        second = two if two is not None else Change(now)
        part = slice(min(one.low, second.low), max(one.high, second.high))
        if not one.high or not second.high:
            part = one.range if one.high else second.range
        loose1, loose2 = one.changed(result, part), second.changed(now, part)
        both = np.flatnonzero(loose1 & loose2) + part.start
        merged = now.copy()
        cases = (
            (np.flatnonzero(loose1 & ~loose2) + part.start, paths[0], result, now),
            (np.flatnonzero(loose2 & ~loose1) + part.start, paths[1], now, second.base),
            (both, paths[2], result, now),
        )
        for picked, select, yes, no in cases:
            if len(picked):
                merged[picked] = self.builder.mux(select, yes[picked], no[picked])
        if var in self.signs:
            self.ranges.join(merged, self.signs[var], [result, now, one.base, second.base])
        self._replace(var, one.base, merged, both)

    def _replace(self, var: int, base: Lits, merged: Lits, loose: Lits | None = None) -> None:
        """Give an outer variable its merged value, as one write in the scope around."""
        self.owned.discard(var)
        if self.depths[var] < len(self.scopes) - 1:
            change = self.scopes[-1].changes.setdefault(var, Change(base))
            if loose is not None and len(loose):
                change.loosen(loose)
        self.values[var] = merged
