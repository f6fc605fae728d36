"""Checking JSON values against what a key may hold; every mistake is collected with its path and line."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.policy.jsontext import Document, child

_MISSING = object()


def type_name(value: Any) -> str:
    """JSON's name for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    names: dict[Any, str] = {str: "string", list: "array", dict: "object"}
    return names[type(value)]


class Checker:
    """Collects problems of one document; the readers return a usable default after a mistake.

    With ``allow_unknown`` keys that nobody knows are no problem. ``warnings`` are lines about what is odd.
    """

    def __init__(self, document: Document, allow_unknown: bool = False) -> None:
        self.document = document
        self.allow_unknown = allow_unknown
        self.problems: list[tuple[int, str]] = []
        self.warnings: list[str] = []

    def problem(self, pointer: str, text: str, label: str | None = None) -> None:
        """Note a mistake at ``pointer``; ``label`` replaces the pointer in the text."""
        line = self.document.line(pointer)
        self.problems.append((line, f"{label or pointer or '/'}: {text} (line {line})"))

    def sentence(self, pointer: str, text: str) -> None:
        """Note a mistake whose text already names its place."""
        line = self.document.line(pointer)
        self.problems.append((line, f"{text} (line {line})"))

    def lines(self) -> list[str]:
        """All mistakes, in the order of the file, each once."""
        return list(dict.fromkeys(text for _, text in sorted(self.problems, key=lambda item: item[0])))

    def unknown(self, pointer: str, value: Mapping[str, Any], known: Iterable[str]) -> None:
        """Complain about keys that are not ``known`` (keys starting with ``x-`` pass)."""
        names = list(known)
        for key in value:
            if key in names or key.startswith("x-") or self.allow_unknown:
                continue
            near = difflib.get_close_matches(key, names, 1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            self.problem(child(pointer, key), f"unknown key '{key}'{hint}")

    def path(self, base: Path, name: str, what: str) -> Path:
        """The file that a policy in folder ``base`` calls ``name``.

        When it is not there, but in the working directory, that one is meant, with a warning that says ``what`` it is.
        """
        path = base / name
        if not os.path.exists(path) and os.path.exists(name):
            self.warnings.append(f"{what} '{name}' was found in the working directory, not beside the policy")
            path = Path(name).absolute()
        return path

    def not_yet(self, pointer: str, value: Mapping[str, Any], keys: Iterable[str]) -> None:
        """Complain about keys whose feature is not there yet; null means not used."""
        for key in keys:
            if value.get(key) is not None:
                self.problem(child(pointer, key), "not supported yet")

    def _typed(self, parent: Mapping[str, Any], pointer: str, key: str, kind: type, default: Any) -> Any:
        place = child(pointer, key)
        value = parent.get(key, _MISSING)
        if value is _MISSING or (value is None and default is not _MISSING):
            if default is _MISSING:
                self.problem(place, "missing")
                return None
            return default
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not right:
            name = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}[kind]
            self.problem(place, f"expected {name}, got {type_name(value)}")
            return None if default is _MISSING else default
        return value

    def string(self, parent: Mapping[str, Any], pointer: str, key: str, default: Any = _MISSING) -> Any:
        """A string (None after a mistake); strings of a policy never hold a NUL character."""
        value = self._typed(parent, pointer, key, str, default)
        if isinstance(value, str) and "\0" in value:
            self.problem(child(pointer, key), "must not hold a NUL character")
        return value

    def boolean(self, parent: Mapping[str, Any], pointer: str, key: str, default: bool) -> bool:
        """true or false."""
        return bool(self._typed(parent, pointer, key, bool, default))

    def array(self, parent: Mapping[str, Any], pointer: str, key: str, default: Any = _MISSING) -> Any:
        """A list (None after a mistake)."""
        return self._typed(parent, pointer, key, list, default)

    def table(self, parent: Mapping[str, Any], pointer: str, key: str, default: Any = _MISSING) -> Any:
        """An object (None after a mistake)."""
        return self._typed(parent, pointer, key, dict, default)

    def integer(self, parent: Mapping[str, Any], pointer: str, key: str, default: Any = _MISSING) -> Any:
        """A whole number; 0.5, 1.0, "1" and true are mistakes."""
        return self._typed(parent, pointer, key, int, default)

    def bounded(self, parent: Mapping[str, Any], pointer: str, key: str, default: int, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self.integer(parent, pointer, key, default)
        if not low <= value <= high:
            self.problem(child(pointer, key), f"out of range ({low} to {high})")
            return default
        return int(value)

    def seconds(self, parent: Mapping[str, Any], pointer: str, key: str, default: float | None) -> float | None:
        """A positive number of seconds."""
        place = child(pointer, key)
        value = parent.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.problem(place, f"expected number, got {type_name(value)}")
            return default
        if not math.isfinite(value) or not 0 < value <= 10**9:
            self.problem(place, "expected a positive number of seconds")
            return default
        return float(value)

    def choice(self, parent: Mapping[str, Any], pointer: str, key: str, default: str, choices: Iterable[str]) -> str:
        """One of a few words."""
        value = self.string(parent, pointer, key, default)
        names = list(choices)
        if value not in names:
            self.problem(child(pointer, key), f"must be one of {', '.join(names)}")
            return default
        return str(value)
