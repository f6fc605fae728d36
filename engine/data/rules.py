"""Which rule holds for which column of an input, and what NULL does to whole rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.data.table import Chunk, Column, Rule, Table, compact, plain
from engine.errors import DataError
from engine.sources import ColumnRule, InputSpec


def rules_of(spec: InputSpec, columns: Sequence[Column]) -> list[Rule]:
    """The rule of each column. Raises DataError for a rule whose column does not exist."""
    names = [column.name.lower() for column in columns]
    given: dict[int, ColumnRule] = {}
    for key, rule in spec.columns.items():
        number = _number(key, names)
        if number in given:
            raise DataError(f'input.columns: two rules for column {number + 1} "{columns[number].name}"', "keep one")
        given[number] = rule
    found = []
    for number in range(len(columns)):
        rule = given.get(number, ColumnRule())
        null = rule.null if rule.null is not None else spec.null
        found.append(Rule(replace(rule, null=null), rule.text or spec.text))
    return found


def _number(key: int | str, names: list[str]) -> int:
    if isinstance(key, int) and key < len(names):
        return key
    if isinstance(key, str) and names.count(key.lower()) == 1:
        return names.index(key.lower())
    what = f"column {key} (counted from 0)" if isinstance(key, int) else f"one column '{key}'"
    raise DataError(f"input.columns: the input has not {what}", f"columns are: {', '.join(names) or 'none'}")


def without_null_rows(table: Table, rules: Sequence[Rule]) -> tuple[Table, int]:
    """The table without the rows that have NULL where the rule is ``skip_row``, and how many these are."""
    skipping = [number for number, rule in enumerate(rules) if rule.column.null == "skip_row"]
    keep = np.ones(table.count, np.bool_)
    for number in skipping:
        at = 0
        for chunk in table.cells[number]:
            if isinstance(chunk, list):
                keep[at : at + len(chunk)] &= [value is not None for value in chunk]
            at += len(chunk)
    skipped = int(table.count - keep.sum())
    if not skipped:
        return table, 0
    cells = tuple(_kept(chunks, keep) for chunks in table.cells)
    lines = None if table.lines is None else table.lines[keep]
    numbers = np.flatnonzero(keep) + 1
    return Table(table.columns, cells, table.count - skipped, table.source, lines, numbers), skipped


def _kept(chunks: list[Chunk], keep: np.ndarray) -> list[Chunk]:
    found: list[Chunk] = []
    at = 0
    for chunk in chunks:
        wanted = keep[at : at + len(chunk)]
        at += len(chunk)
        if wanted.all():
            found.append(chunk)
        elif isinstance(chunk, np.ndarray):
            found.append(chunk[wanted])
        else:
            found.append(compact([value for value, want in zip(plain(chunk), wanted.tolist()) if want]))
    return found
