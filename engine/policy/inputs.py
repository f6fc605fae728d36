"""The ``input`` of a policy: a database, a file, or rows written down in the policy itself."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.policy.checker import Checker, type_name
from engine.policy.columns import read_columns, read_null, read_text
from engine.policy.databases import LITERAL_TAGS, read_database, read_query
from engine.policy.jsontext import child
from engine.policy.model import InputSpec
from engine.sources import FILE_FORMATS, FileSource, TextRules

SORTS = ("auto", "key", "none", "error")
INPUT_FORMS = ("db", "file", "rows", "literal")
#: Keys that every form takes.
ROW_KEYS = ("null", "text", "columns")
SHARED_KEYS = ("sort", "allow_duplicates", "allow_empty", "max_rows", *ROW_KEYS)
DATABASE_ONLY = ("setup", "read_only", "statement_timeout")
CSV_ONLY = ("delimiter", "header", "null_values")
FILE_KEYS = (*CSV_ONLY, "encoding")
INPUT_KEYS = (*INPUT_FORMS, "query", *DATABASE_ONLY, *FILE_KEYS, *SHARED_KEYS)


def read_input(check: Checker, root: Mapping[str, Any], base: Path, secrets: tuple[str, ...]) -> InputSpec | None:
    """The ``input`` object, or None when it is absent, null or wrong. Relative paths count from ``base``."""
    value = root.get("input")
    if value is None:
        return None
    if _is_literal(value):
        return InputSpec(literal=value, secrets=secrets)
    value = check.table(root, "", "input")
    if value is None:
        return None
    check.unknown("/input", value, INPUT_KEYS)
    form = _form(check, value)
    if form is None:
        return None
    text = read_text(check, value, "/input", TextRules())
    shared: dict[str, Any] = {
        "sort": check.choice(value, "/input", "sort", "auto", SORTS),
        "allow_duplicates": check.boolean(value, "/input", "allow_duplicates", False),
        "allow_empty": check.boolean(value, "/input", "allow_empty", False),
        "max_rows": check.bounded(value, "/input", "max_rows", 10_000_000, 1, 2**31 - 1),
        "secrets": secrets,
        "null": read_null(check, value, "/input") or "error",
        "text": text,
        "columns": read_columns(check, value, text),
    }
    if form == "rows":
        _refuse(check, value, form, ("query", *DATABASE_ONLY, *FILE_KEYS))
        rows = check.array(value, "/input", "rows")
        return None if rows is None else InputSpec(rows=tuple(rows), **shared)
    if form == "literal":
        _refuse(check, value, form, ("query", *DATABASE_ONLY, *FILE_KEYS, *ROW_KEYS))
        return _literal(check, value["literal"], shared)
    if form == "file":
        return _file(check, value, base, shared)
    _refuse(check, value, form, FILE_KEYS)
    return _sql(check, value, read_database(check, value, "/input", "input", base), shared)


def _form(check: Checker, value: Mapping[str, Any]) -> str | None:
    given = [key for key in INPUT_FORMS if value.get(key) is not None]
    if len(given) > 1:
        forms = ", ".join(f"'{form}'" for form in INPUT_FORMS)
        check.problem("/input", f"expected exactly one of {forms}, got {' and '.join(given)}")
        return None
    return given[0] if given else "db"


def _is_literal(value: Any) -> bool:
    """Whether it is a value of the language in its JSON form."""
    return value in ("True", "False") or (isinstance(value, dict) and len(value) == 1 and set(value) <= LITERAL_TAGS)


def _literal(check: Checker, value: Any, shared: dict[str, Any]) -> InputSpec | None:
    if _is_literal(value) or (isinstance(value, str) and value.strip()):
        return InputSpec(literal=value, **shared)
    check.problem("/input/literal", 'expected a value such as "[1, 2]", or its JSON form {"Array": [...]}')
    return None


def _refuse(check: Checker, value: Mapping[str, Any], form: str, keys: tuple[str, ...]) -> None:
    """Complain about keys that belong to another form of input."""
    for key in keys:
        if value.get(key) is not None:
            check.problem(child("/input", key), f"does not go with '{form}'")


def _sql(check: Checker, value: Mapping[str, Any], db: str | None, shared: dict[str, Any]) -> InputSpec | None:
    spec = InputSpec(
        db=db or "",
        query=read_query(check, value, "/input") or "",
        setup=check.string(value, "/input", "setup", None),
        read_only=check.boolean(value, "/input", "read_only", True),
        statement_timeout=check.seconds(value, "/input", "statement_timeout", 300.0) or 300.0,
        **shared,
    )
    return spec if db else None


def _file(check: Checker, value: Mapping[str, Any], base: Path, shared: dict[str, Any]) -> InputSpec | None:
    name = check.string(value, "/input", "file")
    if name is None:
        return None
    format = FILE_FORMATS.get(Path(name).suffix.lower())
    if format is None:
        endings = ", ".join(FILE_FORMATS)
        check.problem("/input/file", f"the kind of file is told by its ending, which must be one of {endings}")
        return None
    path = check.path(base, name, "input file")
    if format == "sqlite":
        _refuse(check, value, f"a {Path(name).suffix} file", FILE_KEYS)
        return _sql(check, value, f"sqlite://{path.absolute()}", shared)
    others = DATABASE_ONLY if format == "csv" else (*DATABASE_ONLY, *CSV_ONLY)
    if format == "parquet":
        others = (*others, "encoding")
    _refuse(check, value, f"a {Path(name).suffix} file", ("query", *others))
    source = FileSource(
        path=str(path.absolute()),
        format=format,
        delimiter=_delimiter(check, value, "\t" if name.lower().endswith(".tsv") else ","),
        header=check.boolean(value, "/input", "header", True),
        encoding=_encoding(check, value),
        null_values=_null_values(check, value),
    )
    return InputSpec(file=source, **shared)


def _delimiter(check: Checker, value: Mapping[str, Any], default: str) -> str:
    found = check.string(value, "/input", "delimiter", default) or default
    if len(found) != 1 or found in '"\r\n':
        check.problem("/input/delimiter", "expected one character, not a quote or line break")
        return default
    return str(found)


def _encoding(check: Checker, value: Mapping[str, Any]) -> str:
    name = check.string(value, "/input", "encoding", "utf-8") or "utf-8"
    try:
        if codecs.lookup(name)._is_text_encoding:
            return str(name)
    except (LookupError, ValueError):
        pass
    check.problem("/input/encoding", "not the name of an encoding (utf-8, utf-16, latin-1, cp1252, ...)")
    return "utf-8"


def _null_values(check: Checker, value: Mapping[str, Any]) -> tuple[str, ...]:
    found = check.array(value, "/input", "null_values", [""])
    for number, item in enumerate(found):
        if not isinstance(item, str):
            check.problem(f"/input/null_values/{number}", f"expected string, got {type_name(item)}")
    return tuple(item for item in found if isinstance(item, str))
