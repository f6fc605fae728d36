"""Results that could not be written: kept without loss in a file that only the owner can read.

The file holds the result with its type, and where it should have gone, but no password: a policy says that again when
the result is applied (``polytune output --resume``).
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.delivery import Delivery
from engine.data.plain import to_plain, type_to_plain
from engine.data.problems import clean
from engine.data.result import Result, columns_of
from engine.data.sqloutput import CommitLost
from engine.errors import PolytuneError, ResourceError
from engine.files import is_full, new_file
from engine.outputs import DatabaseOutput, Output
from engine.values import StructType, TupleType, Type

VERSION = 1


@dataclass(frozen=True)
class Failure:
    """An output that could not be written."""

    output: Output
    error: PolytuneError

    @property
    def unknown(self) -> bool:
        """Whether the rows may be there all the same."""
        return isinstance(self.error, CommitLost)


def save(result: Result, delivery: Delivery, outputs: Sequence[Output], failures: Sequence[Failure]) -> Path:
    """Write ``<state_dir>/recovery/<run_id>.json`` (mode 0600, on disk, whole or not at all).

    Raises ResourceError, which tells the failures too, when that is impossible.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "_", delivery.run_id).lstrip(".") or "run"
    path = Path(delivery.state_dir).absolute() / "recovery" / f"{name}.json"
    failed = {failure.output.label: failure for failure in failures}
    head = {
        "version": VERSION,
        "run_id": delivery.run_id,
        "saved_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "policy": os.path.abspath(delivery.policy) if delivery.policy else None,
        "outputs": [_described(output, failed.get(output.label)) for output in outputs],
        "type": type_to_plain(result.type),
        "columns": columns_of(result.element)[0],
    }
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with new_file(path, 0o600) as file:
            for piece in _pieces(head, result):
                file.write(piece.encode("utf-8", "surrogatepass"))
    except OSError as error:
        reason = "no space left" if is_full(error) else (error.strerror or "error").lower()
        lines = [failure.error.message for failure in failures]
        lines.append(f"the result is lost: saving it to {path} failed: {reason}")
        raise ResourceError("\n".join(lines), "free space or choose another --state-dir, then run again") from None
    return path


def _described(output: Output, failure: Failure | None) -> dict[str, Any]:
    """One output as the file tells it; secrets that were put into statements stay out."""
    found: dict[str, Any] = {"output": output.label, "target": output.target}
    if isinstance(output, DatabaseOutput):
        found |= {
            "setup": None if output.setup is None else clean(output.setup, output.secrets),
            "query": clean(output.query, output.secrets),
        }
    if failure is None:
        return {**found, "state": "written"}
    return {**found, "state": "unknown" if failure.unknown else "failed", "error": failure.error.message}


def _pieces(head: dict[str, Any], result: Result) -> Iterator[str]:
    """The JSON text: one object, its rows one a line."""
    yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "rows": ['
    separator = "\n  "
    for values in result.batches():
        for value in values:
            yield separator + json.dumps(_row(result.element, value), ensure_ascii=False)
            separator = ",\n  "
    yield "\n ]\n}\n"


def _row(element: Type, value: Any) -> list[Any]:
    """An element as a list of its columns."""
    plain = to_plain(element, value)
    if isinstance(element, StructType):
        return list(plain.values())
    return plain if isinstance(element, TupleType) else [plain]
