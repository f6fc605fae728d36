"""The parts of ``input`` that say how cells become values: ``columns``, ``null`` and ``text``."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from typing import Any

from engine.policy.checker import Checker, type_name
from engine.policy.jsontext import child
from engine.sources import FORMS, HASH_BYTES, SCALED_DIGITS, ColumnRule, NullDefault, NullRule, TextRules

COLUMN_KEYS = ("as", "tz", "null", "text")
TEXT_KEYS = ("too_long", "normalize", "casefold", "keep_blanks")
TOO_LONG = ("error", "truncate")
NORMALIZE = ("none", "NFC", "NFKC")
NUMBERED = {"scaled": SCALED_DIGITS, "hash": HASH_BYTES}
_TIMED = ("epoch_s", "epoch_ms", "iso")


def read_text(check: Checker, parent: Mapping[str, Any], pointer: str, default: TextRules) -> TextRules:
    """The ``text`` of ``input`` or of a column; what it does not say is as in ``default``."""
    value = check.table(parent, pointer, "text", {}) or {}
    place = child(pointer, "text")
    check.unknown(place, value, TEXT_KEYS)
    return TextRules(
        too_long=check.choice(value, place, "too_long", default.too_long, TOO_LONG),
        normalize=check.choice(value, place, "normalize", default.normalize, NORMALIZE),
        casefold=check.boolean(value, place, "casefold", default.casefold),
        keep_blanks=check.boolean(value, place, "keep_blanks", default.keep_blanks),
    )


def read_null(check: Checker, parent: Mapping[str, Any], pointer: str) -> NullRule | None:
    """The ``null`` of ``input`` or of a column; None when it is absent or wrong."""
    value = parent.get("null")
    place = child(pointer, "null")
    if value is None:
        return None
    if isinstance(value, dict):
        check.unknown(place, value, ("default",))
        if value.get("default") is not None:
            return NullDefault(value["default"])
        check.problem(place, 'expected {"default": value}')
    elif value in ("error", "skip_row"):
        return str(value)
    elif isinstance(value, str):
        check.problem(place, 'must be one of error, skip_row, {"default": value}')
    else:
        check.problem(place, f'expected "error", "skip_row" or {{"default": value}}, got {type_name(value)}')
    return None


def read_columns(check: Checker, parent: Mapping[str, Any], text: TextRules) -> dict[int | str, ColumnRule]:
    """``input.columns``: an object by name or by number from 0, or an array by position (null: nothing special)."""
    value = parent.get("columns")
    if value is None:
        return {}
    items: list[tuple[int | str, Any]]
    if isinstance(value, list):
        items = [(number, rule) for number, rule in enumerate(value) if rule is not None]
    elif isinstance(value, dict):
        items = [(int(key) if re.fullmatch(r"[0-9]{1,6}", key) else key, rule) for key, rule in value.items()]
    else:
        check.problem("/input/columns", f"expected object or array, got {type_name(value)}")
        return {}
    found: dict[int | str, ColumnRule] = {}
    for key, rule in items:
        place = child("/input/columns", key)
        if isinstance(rule, dict):
            found[key] = _rule(check, rule, place, text)
        else:
            check.problem(place, f"expected object, got {type_name(rule)}")
    return found


def _rule(check: Checker, value: Mapping[str, Any], place: str, text: TextRules) -> ColumnRule:
    check.unknown(place, value, COLUMN_KEYS)
    form, number = _form(check, value, place)
    tz = check.string(value, place, "tz", "") or ""
    if tz and form not in _TIMED and value.get("as") is not None:
        check.problem(child(place, "tz"), f"goes with {', '.join(_TIMED)} only")
    elif tz and not _is_zone(tz):
        check.problem(child(place, "tz"), "not the name of a time zone (UTC, Europe/Berlin, ...)")
    own = read_text(check, value, place, text) if value.get("text") is not None else None
    return ColumnRule(form, number, tz, read_null(check, value, place), own)


def _form(check: Checker, value: Mapping[str, Any], place: str) -> tuple[str, int]:
    text = check.string(value, place, "as", "") or ""
    form, colon, digits = text.partition(":")
    bounds = NUMBERED.get(form)
    if text and (form not in FORMS or bool(colon) != bool(bounds)):
        known = [f"{item}:{NUMBERED[item][0]}..{NUMBERED[item][1]}" if item in NUMBERED else item for item in FORMS]
        check.problem(child(place, "as"), f"must be one of {', '.join(known)}")
        return "", 0
    if bounds is None:
        return form, 0
    if not re.fullmatch(r"[0-9]{1,3}", digits) or not bounds[0] <= int(digits) <= bounds[1]:
        check.problem(child(place, "as"), f"{form}: takes a number from {bounds[0]} to {bounds[1]}")
        return "", 0
    return form, int(digits)


def _is_zone(name: str) -> bool:
    try:
        return name == "UTC" or zoneinfo.ZoneInfo(name).utcoffset(datetime.datetime(2000, 1, 1)) is not None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
