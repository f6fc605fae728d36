"""Where the AND gates of a program come from: by function and by source line."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from engine.garble import typed as t
from engine.garble.diagnostics import Span
from engine.garble.lower_base import Lits
from engine.garble.lower_control import ControlLowering

K = TypeVar("K", int, str)
R = TypeVar("R")


@dataclass(frozen=True)
class Costs:
    """AND gates of a finished circuit, largest first; who has none is left out. Each column adds up to all AND gates.

    A gate counts where the innermost expression or statement that made it begins: merges of variables at the ``if``,
    ``match`` or loop, a network at its join, overflow and bounds checks at the operator or access. A gate that several
    places share counts at the first of them, a sum partly where its total is used; what a call costs counts inside the
    function that is called.
    """

    functions: tuple[tuple[str, int], ...]
    lines: tuple[tuple[int, int], ...]  # line, counted from 1


class CostLowering(ControlLowering):
    """A lowering that notes where gates are made; the circuit is the same."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._starts = [0]
        self._places = [Span(0, 0, 0, 0)]  # of each run of gates; the last one is where we are

    def expr(self, node: t.Statement) -> Lits:
        """As the base class, at the place of the node."""
        return self.within(node, super().expr, node)

    def matches(self, pattern: t.Pattern, word: Lits) -> int:
        """As the base class, at the place of the pattern."""
        return self.within(pattern, super().matches, pattern, word)

    def indexed(self, node: t.IndexOf) -> Lits:
        """As the base class, at the place of the access."""
        return self.within(node, super().indexed, node)

    def within(self, node: t.Typed, rule: Callable[..., R], *operands: Any) -> R:
        outer = self._places[-1]
        self.at(node.span)
        result = rule(*operands)
        self.at(outer)
        return result

    def at(self, place: Span) -> None:
        """The gates from here on belong to this place."""
        position = self.builder.position()
        if self._starts[-1] == position:
            self._places[-1] = place
        else:
            self._starts.append(position)
            self._places.append(place)

    def costs(self, outputs: np.ndarray) -> Costs:
        """The costs of the circuit with these outputs; to be called before it is finished."""
        lines: Counter[int] = Counter()
        names: Counter[str] = Counter()
        heads = sorted((item.span, item.name) for item in self.functions.values())
        spans = [span for span, _ in heads]
        counts = self.builder.live_ands(outputs, self._starts)
        for run in np.flatnonzero(counts).tolist():
            place, count = self._places[run], int(counts[run])
            lines[place.start_line + 1] += count
            names[heads[max(bisect_right(spans, place) - 1, 0)][1]] += count
        return Costs(_largest_first(names), _largest_first(lines))


def _largest_first(counts: Counter[K]) -> tuple[tuple[K, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
