"""Results that could not be written: kept in a file that only the owner can read."""

from __future__ import annotations

import decimal
import json
import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import ResourceError


def save(
    state_dir: str | os.PathLike[str],
    run_id: str,
    *,
    database: str,
    setup: str | None,
    query: str,
    columns: Sequence[str] | None,
    rows: Sequence[tuple[Any, ...]],
) -> Path:
    """Write ``<state_dir>/recovery/<run_id>.json`` (mode 0600, flushed to disk, whole or not at all)."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", run_id).lstrip(".") or "run"
    folder = Path(state_dir) / "recovery"
    content = {
        "version": 1,
        "run_id": run_id,
        "saved_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "database": database,
        "setup": setup,
        "query": query,
        "columns": list(columns) if columns is not None else None,
        "rows": [[_json(value) for value in row] for row in rows],
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _write(folder / f"{name}.json", json.dumps(content, ensure_ascii=False, indent=1))
    except OSError as error:
        raise ResourceError(
            f"the result could not be written to the output database, and saving it to {folder} failed: "
            f"{(error.strerror or 'error').lower()}",
            "free space or choose another --state-dir, then run again",
        ) from None


def _write(path: Path, text: str) -> Path:
    # mkstemp creates the file with mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".recovery-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


def _json(value: Any) -> Any:
    """JSON of a column value; binary as ``{"hex": ...}``, big numbers as they are."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return int(value) if isinstance(value, decimal.Decimal) else value
