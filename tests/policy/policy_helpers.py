"""A policy without mistakes, a way to change parts of it, and the keys that the schema names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = "// ${HOME}\npub fn main(x: u8, y: u8) -> u8 {\n    x + y\n}\n"

GOOD: dict[str, Any] = {
    "participants": ["http://localhost:8000", "http://localhost:8001"],
    "program": "p.garble.rs",
    "leader": 0,
    "party": 0,
    "input": {"db": "postgres://u:pw-secret@localhost/x", "query": "SELECT 1"},
    "output": {"db": "sqlite://out.db", "query": "INSERT INTO t VALUES ($1)"},
    "constants": {"ROWS": "SELECT 2"},
}

ABSENT = object()


def keys_of(part: Any) -> Iterator[str]:
    """All keys that a part of the schema of policies names, at every depth."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from inner if name == "properties" else ()
            yield from keys_of(inner)


def write(folder: Path, **changes: Any) -> Path:
    """Write the good policy with changed keys (ABSENT removes one) and its program; returns the path."""
    (folder / "p.garble.rs").write_text(PROGRAM)
    content = {key: value for key, value in {**GOOD, **changes}.items() if value is not ABSENT}
    path = folder / "policy.json"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path
