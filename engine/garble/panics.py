"""The panic part of the output: 161 bits that tell the first panic in evaluation order (section 15).

Sites are collected in evaluation order with their condition (path included). With P_i = P_(i-1) | c_i the literal
f_i = P_i ^ P_(i-1) is true only for the first panic, so every information bit is an XOR of some f_i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from engine.circuit import Builder
from engine.errors import PANIC_TEXTS, GarblePanic
from engine.garble.diagnostics import Diagnostic, Span, render

OVERFLOW, DIV_BY_ZERO, OUT_OF_BOUNDS, JOIN_ORDER = 1, 2, 3, 4
REASONS = {OVERFLOW: "Overflow", DIV_BY_ZERO: "DivByZero", OUT_OF_BOUNDS: "OutOfBounds", JOIN_ORDER: "JoinOrder"}
CURES = {JOIN_ORDER: "these rows must be sorted by key, each key once; negative keys come after the others"}
PANIC_BITS = 161
Information = tuple[int, int, int, int, int]
Subjects = Mapping[Span, str]


class Panics:
    """Panic sites of one circuit, in evaluation order."""

    def __init__(self) -> None:
        self.conditions: list[int] = []
        self.sites: list[int] = []
        self.numbers: dict[Information, int] = {}
        self._subjects: dict[Span, dict[str, None]] = {}

    def add(self, condition: int, reason: int, span: Span, subject: str = "") -> None:
        """Note a site whose condition includes the path to it. ``subject``: what panics, for the message."""
        if condition:
            if subject:
                self._subjects.setdefault(span, {})[subject] = None
            information = (reason, *span)
            self.conditions.append(condition)
            self.sites.append(self.numbers.setdefault(information, len(self.numbers)))

    def subjects(self) -> Subjects:
        """What panics, where sites said it; several subjects of one span cannot be told apart."""
        return {span: " or ".join(found) for span, found in self._subjects.items()}

    def output(self, builder: Builder, at: Callable[[Span], None] | None = None) -> np.ndarray:
        """The 161 literals: flag, then reason and span, 32 bits each, most significant bit first.

        ``at`` is told the place of each site before its gates are made.
        """
        occurred, changes, sites = self._chain(builder, at)
        first = np.zeros(len(self.numbers), np.int64)
        runs: dict[int, list[int]] = {}
        for change, site in zip(changes, sites):
            runs.setdefault(site, []).append(change)
        for site, chosen in runs.items():
            first[site] = builder.parity(np.array(chosen, np.int64))
        bits = np.zeros((160, len(self.numbers)), np.int64)
        for information, number in self.numbers.items():
            wanted = np.array([value >> place & 1 for value in information for place in range(31, -1, -1)])
            bits[:, number] = np.where(wanted == 1, first[number], 0)
        columns = ~np.all(bits == 0, axis=0)
        body = builder.parity(bits[:, columns]) if columns.any() else np.zeros(160, np.int64)
        return np.concatenate(([occurred], body)).astype(np.int64)

    def _chain(self, builder: Builder, at: Callable[[Span], None] | None) -> tuple[int, list[int], list[int]]:
        """The OR of all conditions, and for each run of equal sites the literal "the first panic is in here"."""
        occurred = 0
        ends: list[int] = []
        sites: list[int] = []
        places = [Span(*information[1:]) for information in self.numbers] if at is not None else []
        for condition, site in zip(self.conditions, self.sites):
            if at is not None:
                at(places[site])
            occurred = int(builder.or_(occurred, condition))
            if sites and sites[-1] == site:
                ends[-1] = occurred
            else:
                ends.append(occurred)
                sites.append(site)
            if occurred == 1:
                break
        if not ends:
            return 0, [], []
        array = np.array(ends, np.int64)
        changes = builder.xor(array, np.concatenate(([0], array[:-1])))
        return occurred, [int(change) for change in changes], sites


def read_panic(
    bits: np.ndarray, source: str = "", filename: str | None = None, subjects: Subjects | None = None
) -> GarblePanic | None:
    """The panic in the first 161 output bits, or None."""
    if not bits[0]:
        return None
    weights = 1 << np.arange(31, -1, -1, dtype=np.int64)
    numbers = [int(part) for part in bits[1:PANIC_BITS].reshape(5, 32).astype(np.int64) @ weights]
    code, span = numbers[0], Span(*numbers[1:])
    reason, cure = REASONS.get(code, "Unknown"), CURES.get(code, "")
    text = PANIC_TEXTS.get(reason, "unknown reason")
    if code == JOIN_ORDER and subjects and span in subjects:
        text += f" ({subjects[span]})"
    line, column = span.start_line + 1, span.start_column + 1
    place = f" ({filename}:{line}:{column})" if filename else f", column {column}"
    head = f"program panicked: {text} at line {line}{place}"
    if source and span.start_line < source.count("\n") + 1:
        body = render("run", Diagnostic(span, text, cure), source.split("\n"), filename).split("\n")[1:]
        head = "\n".join([head, *body])
    return GarblePanic(reason, line, column, head)
