"""Secrets in policy files: ``${NAME}``, ``${NAME:-default}`` and ``${file:PATH}``.

Expansion happens once, in string values only, never in keys and never in what an expansion brought in.
``$${`` is a literal ``${``; a lone ``$1`` of a query is not touched. What came out of a variable or file is
mostly a secret: it is collected with its place, and no message about the policy shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.policy.jsontext import child

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\Z", re.S)
MAX_SECRET_FILE = 1 << 20

Report = Callable[[str, str], None]
#: (pointer, text) of everything that came out of a variable or file.
Expanded = list[tuple[str, str]]


def is_source(program: str) -> bool:
    """Whether the string form of ``program`` is inline source and not a path."""
    return "\n" in program or re.search(r"\bfn\s+main\s*\(", program) is not None


def expand_tree(
    value: Any, environ: Mapping[str, str], base: Path, report: Report, expanded: Expanded, pointer: str = ""
) -> Any:
    """Expand all strings of a JSON value except inline program source; problems go to ``report(pointer, text)``."""
    if isinstance(value, str):
        if pointer == "/program/source" or (pointer == "/program" and is_source(value)):
            return value
        found: list[str] = []
        text = expand(value, environ, base, lambda text: report(pointer, text), found)
        expanded.extend((pointer, item) for item in found)
        return text
    if isinstance(value, list):
        return [
            expand_tree(item, environ, base, report, expanded, child(pointer, number))
            for number, item in enumerate(value)
        ]
    if isinstance(value, dict):
        return {
            key: expand_tree(item, environ, base, report, expanded, child(pointer, key)) for key, item in value.items()
        }
    return value


def expand(text: str, environ: Mapping[str, str], base: Path, fail: Callable[[str], None], outside: list[str]) -> str:
    """Expand the references of one string; a reference that fails is reported and becomes empty.

    ``outside`` gets the texts that did not stand in the policy.
    """

    def replace(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        if not match.group().endswith("}"):
            fail("'${' without closing '}'")
            return ""
        found, foreign = _look_up(match.group(1), environ, base, fail)
        if foreign:
            outside.append(found)
        return found

    return _REFERENCE.sub(replace, text)


def _look_up(reference: str, environ: Mapping[str, str], base: Path, fail: Callable[[str], None]) -> tuple[str, bool]:
    """(text, whether it came from outside the policy and so may be a secret)."""
    if reference.startswith("file:"):
        return _read_file(reference[5:], base, fail), True
    match = _NAME.match(reference)
    if match is None:
        fail("'${...}' must hold a variable name, NAME:-default or file:PATH")
        return "", False
    name, default = match.groups()
    value = environ.get(name, "")
    if value or (name in environ and default is None):
        return value, True
    if default is None:
        fail(f"environment variable {name} is not set")
    return default or "", False


def _read_file(name: str, base: Path, fail: Callable[[str], None]) -> str:
    path = base / name
    try:
        if path.stat().st_size > MAX_SECRET_FILE:
            fail(f"file {name} is larger than 1 MiB")
            return ""
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        fail(f"file {name} is not valid UTF-8")
    except (OSError, ValueError) as error:
        fail(f"cannot read file {name}: {getattr(error, 'strerror', None) or 'not a valid path'}")
    return ""
