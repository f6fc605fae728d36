"""Results that could not be written: kept without loss in a file that only the owner can read.

The file holds the result with its type, and where it should have gone, but no password: a policy says that again when
the result is applied (``polytune output --resume``).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from engine.data.delivery import Delivery
from engine.data.plain import from_plain, to_plain, type_from_plain, type_to_plain
from engine.data.problems import clean
from engine.data.result import BATCH, Result, columns_of, element_of
from engine.data.sqloutput import CommitLost
from engine.errors import DataError, PolytuneError, ResourceError
from engine.files import is_full, new_file, private_folder
from engine.outputs import DatabaseOutput, Output
from engine.values import StructType, TupleType, Type, encode_many

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

    @property
    def state(self) -> str:
        """As it stands in the file: failed or unknown."""
        return "unknown" if self.unknown else "failed"


def save(result: Result, delivery: Delivery, outputs: Sequence[Output], failures: Sequence[Failure]) -> Path:
    """Write ``<state_dir>/recovery/<run_id>.json`` (mode 0600, on disk, whole or not at all).

    Raises ResourceError, which tells the failures too, when that is impossible.
    """
    name = re.sub(r"[^A-Za-z0-9._-]", "_", delivery.run_id).lstrip(".") or "run"
    folder = Path(delivery.state_dir).absolute() / "recovery"
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
        private_folder(folder)
        return _write_beside_others(folder, name, head, result)
    except OSError as error:
        reason = "no space left" if is_full(error) else (error.strerror or "error").lower()
        lines = [failure.error.message for failure in failures]
        lines.append(f"the result is lost: saving it to {folder / name}.json failed: {reason}")
        raise ResourceError("\n".join(lines), "free space or choose another --state-dir, then run again") from None


def _write_beside_others(folder: Path, name: str, head: dict[str, Any], result: Result) -> Path:
    """Another party of the same run may have its file in the same folder: the second is called ``name-2.json``."""
    for number in count(1):
        path = folder / f"{name}{f'-{number}' if number > 1 else ''}.json"
        with contextlib.suppress(FileExistsError):
            write(path, head, result, replace=False)
            return path
    raise AssertionError


def write(path: Path, head: dict[str, Any], result: Result, *, replace: bool = True) -> None:
    """Write the file whole or not at all; raises OSError. ``head`` is everything but the rows."""
    with new_file(path, 0o600, replace=replace) as file:
        for piece in _pieces(head, result):
            file.write(piece.encode("utf-8"))


def load(path: Path) -> tuple[dict[str, Any], Result]:
    """(everything but the rows, the result); raises DataError when the file cannot be used."""
    hint = "give the path that the error of the run named"
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {(error.strerror or 'error').lower()}", hint) from None
    except ValueError:
        raise DataError(f"{path} is not a recovery file", hint) from None
    try:
        if content["version"] > VERSION:
            raise DataError(f"{path} was written by a newer polytune", "upgrade this one")
        rows = content.pop("rows")
        type_ = type_from_plain(content["type"])
        if not isinstance(content["run_id"], str) or any(not isinstance(o["output"], str) for o in content["outputs"]):
            raise ValueError
        return content, _result(type_, rows)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise DataError(f"{path} is not a complete recovery file", hint) from None


def _result(type: Type, rows: list[Any]) -> Result:
    element = element_of(type)
    parts = [np.zeros((0, element.bits), np.uint8)]
    for start in range(0, len(rows), BATCH):
        parts.append(encode_many(element, [_value(element, row) for row in rows[start : start + BATCH]]))
    bits = np.concatenate(parts).reshape(-1)
    if bits.size != type.bits:
        raise ValueError(f"{bits.size} bits")
    return Result(type, bits)


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
    return {**found, "state": failure.state, "error": failure.error.message}


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


def _value(element: Type, row: list[Any]) -> Any:
    """The inverse of :func:`_row`."""
    if isinstance(element, StructType):
        names = [name for name, _ in element.fields]
        return from_plain(element, dict(zip(names, row, strict=True)))
    if isinstance(element, TupleType):
        return from_plain(element, row)
    (plain,) = row
    return from_plain(element, plain)
