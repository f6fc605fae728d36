"""Constants of a party: literals, queries, and counts of the rows that were read (section 4)."""

from __future__ import annotations

import decimal
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.data.octets import NoOctets, octets
from engine.data.sqltext import statements
from engine.data.table import Rule, Table, Texts, plain
from engine.data.times import TimeProblem
from engine.errors import DataError
from engine.sources import Constant, LiteralConstant, MaxBytes, NullDefault, RowCount, SqlConstant, TextRules
from engine.values import BoolType, IntType, Type, from_json

if TYPE_CHECKING:
    from engine.data.connect import Database

Constants = dict[str, int | bool]


def select(
    given: Mapping[str, Constant], declared: Mapping[str, Type], party: int
) -> tuple[dict[str, Constant], list[str]]:
    """The constants that the program needs, and warnings for those it does not. DataError for a missing
    one.
    """
    missing = [name for name in declared if name not in given]
    if missing:
        texts = [f"program needs PARTY_{party}::{name} but constants has no '{name}'" for name in missing]
        raise DataError("\n".join(texts), "add it to 'constants' of the policy")
    unused = [name for name in given if name not in declared]
    warnings = [f"constant '{name}' is not used by the program and was dropped" for name in unused]
    return {name: given[name] for name in declared}, warnings


def of_literal(name: str, constant: LiteralConstant, type: Type) -> int | bool:
    """Value of a literal of the policy."""
    value = constant.value
    if isinstance(value, dict):
        try:
            found: int | bool = from_json(type, value)
        except ValueError as error:
            raise DataError(f"constants.{name}: {error}", f"the program declares it as {type}") from None
        return found
    if isinstance(value, bool) != isinstance(type, BoolType):
        raise _unexpected(name, type, f"a {'boolean' if isinstance(value, bool) else 'number'}")
    return _checked(name, type, value)


def of_query(name: str, constant: SqlConstant, type: Type, database: Database) -> int | bool:
    """Value of a query of one row and one column."""
    from sqlalchemy.exc import SQLAlchemyError

    parts = statements(constant.sql, database.kind)
    if len(parts) != 1:
        raise DataError(f"constants.{name}: expected one statement, got {len(parts)}", "write one query")
    try:
        result = database.run(parts[0])
        if not result.returns_rows:
            raise _unexpected(name, type, "a statement that returns no rows")
        rows = result.fetchmany(2)
        columns = len(result.keys())
    except SQLAlchemyError as error:
        raise database.error(f"constants.{name}", error) from None
    if columns != 1:
        raise _unexpected(name, type, f"{columns} columns")
    if len(rows) != 1:
        raise _unexpected(name, type, "no row" if not rows else "more than one row")
    return _checked(name, type, _plain(rows[0][0]))


def of_value(name: str, constant: RowCount | MaxBytes, type: Type, literal: Any) -> int | bool:
    """Number of elements of a literal, which is a text of the language or its JSON form."""
    if isinstance(constant, MaxBytes):
        raise DataError(f"constants.{name}: max_bytes needs columns, and input.literal has none", "write the number")
    return _checked(name, type, elements(literal))


def elements(literal: Any) -> int:
    """How many elements an array has that is written as a literal; 1 for anything else."""
    if isinstance(literal, dict):
        ((form, content),) = literal.items()
        if form == "Array" and isinstance(content, list):
            return len(content)
        numbers = content if isinstance(content, list) else []
        if form == "ArrayRepeat" and len(numbers) == 2 and isinstance(numbers[1], int):
            return int(numbers[1])
        if form == "Range" and len(numbers) == 3 and all(isinstance(number, int) for number in numbers[:2]):
            return int(numbers[1]) - int(numbers[0])
        return 1
    text = literal.strip()
    return _elements_of_text(text) if text.startswith("[") else 1


def _elements_of_text(text: str) -> int:
    depth, commas, content = 0, 0, False
    for place, mark in enumerate(text):
        depth += (mark in "([{") - (mark in ")]}")
        if depth == 1 and mark == ";":
            size = re.fullmatch(r"\s*([0-9]{1,9})(?:usize)?\s*\]", text[place + 1 :])
            return int(size.group(1)) if size else 1
        commas += depth == 1 and mark == ","
        content = mark not in " \n\t,]" if depth == 1 and mark != "[" else content or depth > 1
    return commas + content


def of_table(
    name: str, constant: RowCount | MaxBytes, type: Type, table: Table, rules: Sequence[Rule] = ()
) -> int | bool:
    """Number of rows, or the longest value of a column in bytes, as the rules of the column make them."""
    if isinstance(constant, RowCount):
        return _checked(name, type, table.count)
    number = _column_number(name, constant.column, table)
    column, rule = table.columns[number], rules[number] if rules else Rule()
    if rule.column.form == "hash":
        return _checked(name, type, rule.column.number)
    longest = at = 0
    for chunk in table.cells[number]:
        if isinstance(chunk, Texts) and (chunk.binary or rule.text == TextRules()) and column.family != "uuid":
            longest = max(longest, int((chunk.ends - chunk.starts).max()))
            at += len(chunk)
            continue
        for row, value in enumerate(plain(chunk), at + 1):
            longest = max(longest, _length(name, table, number, rule, row, value))
        at += len(chunk)
    return _checked(name, type, longest)


def _length(name: str, table: Table, number: int, rule: Rule, row: int, value: Any) -> int:
    column = table.columns[number]
    if value is None:
        value = rule.column.null.value if isinstance(rule.column.null, NullDefault) else ""
    try:
        return len(octets(column, rule.column, rule.text, value))
    except (UnicodeError, TimeProblem):
        return 0  # conversion of the rows reports it with row and column
    except NoOctets:
        raise DataError(
            f'constants.{name}: column {number + 1} "{column.name}" ({column.type_name}) holds no text in row {row}',
            "max_bytes counts the bytes of text or binary columns",
        ) from None


def _column_number(name: str, column: int | str, table: Table) -> int:
    names = [item.name.lower() for item in table.columns]
    if isinstance(column, int):
        if column < len(names):
            return column
        raise DataError(
            f"constants.{name}: there is no column {column}, the query returns {len(names)}",
            "columns of max_bytes count from 0",
        )
    if names.count(column.lower()) == 1:
        return names.index(column.lower())
    raise DataError(f"constants.{name}: the query returns no column '{column}'", f"columns are: {', '.join(names)}")


def _plain(value: Any) -> Any:
    """Integral decimals (SUM and the like) as int."""
    if isinstance(value, decimal.Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    return value


def _checked(name: str, type: Type, value: Any) -> int | bool:
    if isinstance(type, BoolType):
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise _unexpected(name, type, _kind(value))
    if not isinstance(type, IntType):
        raise DataError(f"constants.{name}: a constant cannot have the type {type}", "use a number or bool")
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unexpected(name, type, _kind(value))
    if value < type.minimum:
        raise _unexpected(name, type, "a negative number" if not type.signed else f"a number below {type.minimum}")
    if value > type.maximum:
        raise _unexpected(name, type, f"a number above {type.maximum}")
    return value


def _kind(value: Any) -> str:
    names: dict[Any, str] = {
        str: "text",
        bytes: "binary data",
        bytearray: "binary data",
        memoryview: "binary data",
    }
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "a number other than 0 and 1"
    if isinstance(value, (float, decimal.Decimal)):
        return "a number that is not an integer"
    return names.get(type(value), f"a value of type {type(value).__name__}")


def _unexpected(name: str, type: Type, got: str) -> DataError:
    if isinstance(type, BoolType):
        expected = "one boolean"
    else:
        signed = isinstance(type, IntType) and type.signed
        expected = f"one {'' if signed else 'non-negative '}integer"
    hint = f"the program declares PARTY_..::{name} as {type}"
    if got == "NULL":
        hint = "the query found nothing (MAX of no rows is NULL); use COALESCE, or check the table"
    return DataError(f"constants.{name}: expected {expected}, got {got}", hint)
