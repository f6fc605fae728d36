"""A table -> packed rows of bits, batch by batch, with a report of everything that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.data.columns import convert
from engine.data.field import NULL, Field, Problems, is_text, with_value
from engine.data.octets import not_normal
from engine.data.table import Chunk, Rule, Table, Texts, plain
from engine.errors import DataError
from engine.values import ArrayType, Type

SHOWN_ROWS = 5


class Encoder:
    """Encodes a table batch by batch into packed rows, and collects what goes wrong."""

    def __init__(
        self, table: Table, columns: Sequence[int], types: Sequence[Type], rules: Sequence[Rule], key: bytes
    ) -> None:
        self.table = table
        self.fields: list[tuple[int, Field]] = []
        for number, type in zip(columns, types):
            rule = rules[number] if number < len(rules) else Rule()
            full = _all_full(table.cells[number], type)
            self.fields.append((number, Field(type, table.columns[number], rule.column, rule.text, full, key)))
        self.bits = sum(type.bits for type in types)
        self.shown: list[tuple[int, int, str, Any]] = []
        self.texts: set[str] = set()
        self.wrong = 0
        self.strange = dict.fromkeys(columns, 0)
        self.cut = dict.fromkeys(columns, 0)

    def packed(self) -> np.ndarray:
        """uint8 (rows, ceil(bits / 8)): the bits of each row, packed, with zeros behind them."""
        found = np.zeros((self.table.count, -(-self.bits // 8)), np.uint8)
        start = 0
        for batch in zip(*(self.table.cells[number] for number, _ in self.fields)):
            rows = len(batch[0])
            found[start : start + rows] = np.packbits(self._batch(start, rows, batch), axis=1)
            start += rows
        return found

    def _batch(self, start: int, rows: int, batch: tuple[Chunk, ...]) -> np.ndarray:
        matrix = np.empty((rows, self.bits), np.uint8)
        wrong: set[int] = set()
        at = 0
        for (number, field), chunk in zip(self.fields, batch):
            found = convert(field, chunk)
            matrix[:, at : at + field.type.bits] = found.bits
            at += field.type.bits
            self.cut[number] += found.cut
            if field.text.normalize == "none":
                self.strange[number] += not_normal(chunk)
            wrong |= found.problems.keys()
            self._note(start, number, chunk, found.problems)
        self.wrong += len(wrong)
        return matrix

    def _note(self, start: int, number: int, chunk: Chunk, problems: Problems) -> None:
        """Keep the first rows of all, and every kind of problem for the hint."""
        if not problems:
            return
        self.texts |= set(problems.values())
        first = sorted(problems)[:SHOWN_ROWS]
        values = plain(chunk) if first else []
        self.shown += [(start + row, number, problems[row], values[row]) for row in first]
        self.shown.sort(key=lambda item: item[:2])
        del self.shown[SHOWN_ROWS:]

    def warnings(self) -> list[str]:
        """Lines for the log."""
        found = []
        for number, count in self.strange.items():
            if count:
                found.append(
                    f"{self._name(number)}: {count} texts are not in Unicode normal form NFC; "
                    "texts that look equal may not match those of another party"
                )
        for number, count in self.cut.items():
            if count:
                found.append(f"{self._name(number)}: {count} texts were cut to fit (text.too_long: truncate)")
        return found

    def _name(self, number: int) -> str:
        name = self.table.columns[number].name
        return f'column {number + 1} "{name if len(name) <= 60 else name[:57] + "..."}"'

    def check(self, database_kind: str, show_values: bool) -> None:
        """Raise DataError when a row did not fit."""
        if not self.wrong:
            return
        lines = []
        for row, number, text, value in self.shown:
            about = [self.table.place(row), self.table.columns[number].type_name if text != NULL else ""]
            kind = f" ({', '.join(filter(None, about))})" if any(about) else ""
            shown = with_value(text, value) if show_values else text
            lines.append(f"input row {self.table.number(row)}, {self._name(number)}{kind}: {shown}")
        if self.wrong > len({row for row, *_ in self.shown}):
            lines.append(f"... {self.wrong} rows of {self.table.count} cannot be used")
        raise DataError("\n".join(lines), _hint(self.texts, database_kind))


def _all_full(chunks: Sequence[Chunk], type: Type) -> bool:
    """Whether all binary values of a column have exactly the length of the type."""
    if not is_text(type):
        return True
    assert isinstance(type, ArrayType)
    for chunk in chunks:
        if isinstance(chunk, Texts) and chunk.binary and (chunk.ends - chunk.starts != type.size).any():
            return False
        if isinstance(chunk, list) and any(isinstance(v, bytes) and len(v) != type.size for v in chunk):
            return False
    return True


def _hint(texts: set[str], database_kind: str) -> str:
    if any(" bytes, " in text for text in texts):
        if database_kind == "postgres":
            return (
                "texts are measured in bytes: LENGTH() counts characters on PostgreSQL; use OCTET_LENGTH() "
                "in the constant's query"
            )
        return 'texts are measured in bytes of UTF-8; the constant {"max_bytes": column} always fits'
    if NULL in texts:
        return (
            "exclude the rows (WHERE ... IS NOT NULL) or give a value (COALESCE) in input.query, "
            'or say what NULL means with input.null: "skip_row" or {"default": value}'
        )
    return "change the rows, input.query or input.columns, or the types of the program"
