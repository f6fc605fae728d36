"""The key ``output`` of a policy: one output, or a list of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.outputs import FORMATS, KEEPS, TEXTS, DatabaseOutput, FileOutput, Output, PrintedOutput
from engine.policy.checker import Checker, type_name
from engine.policy.databases import read_database, read_query
from engine.policy.jsontext import child

DATABASE_KEYS = ("db", "query", "setup", "ledger", "text", "keep")
FILE_KEYS = ("file", "format", "text", "keep")
LATER = ("url", "headers")
MAX_OUTPUTS = 100


class OutputReader:
    """Reads the outputs of one policy; mistakes go to the checker. ``base`` is the policy's folder."""

    def __init__(self, check: Checker, base: Path, secrets: tuple[str, ...]) -> None:
        self.check = check
        self.base = base
        self.secrets = secrets

    def read(self, root: Mapping[str, Any]) -> tuple[Output, ...]:
        """All outputs; empty when there are none, or after mistakes."""
        value = root.get("output")
        if value is None:
            return ()
        if not isinstance(value, list):
            found = [self._one(value, "/output", "output")]
        else:
            if not 1 <= len(value) <= MAX_OUTPUTS:
                self.check.problem("/output", f"a list of outputs has 1 to {MAX_OUTPUTS} items")
            found = [self._one(item, f"/output/{n}", f"output[{n}]") for n, item in enumerate(value)]
        self._collisions(found)
        return tuple(output for output in found if output is not None)

    def _one(self, value: Any, pointer: str, label: str) -> Output | None:
        if value == "-":
            return PrintedOutput(label=label)
        if isinstance(value, str):
            self.check.problem(pointer, "an output URL: not supported yet; use '-', or an object with 'db' or 'file'")
            return None
        if not isinstance(value, dict):
            self.check.problem(pointer, f"expected an object with 'db' or 'file', or '-', got {type_name(value)}")
            return None
        keys = FILE_KEYS if "file" in value else DATABASE_KEYS
        self.check.unknown(pointer, value, (*keys, *LATER))
        self.check.not_yet(pointer, value, LATER)
        if "url" in value:
            return None
        return self._file(value, pointer, label) if "file" in value else self._database(value, pointer, label)

    def _database(self, value: Mapping[str, Any], pointer: str, label: str) -> Output | None:
        check = self.check
        db = read_database(check, value, pointer, label, self.base)
        spec = DatabaseOutput(
            db=db or "",
            query=read_query(check, value, pointer) or "",
            setup=check.string(value, pointer, "setup", None),
            ledger=check.boolean(value, pointer, "ledger", False),
            text=check.choice(value, pointer, "text", "auto", TEXTS),
            keep=check.choice(value, pointer, "keep", "all", KEEPS),
            secrets=self.secrets,
            label=label,
        )
        return spec if db else None

    def _file(self, value: Mapping[str, Any], pointer: str, label: str) -> Output | None:
        check = self.check
        name = check.string(value, pointer, "file")
        text = check.choice(value, pointer, "text", "auto", TEXTS)
        keep = check.choice(value, pointer, "keep", "all", KEEPS)
        if not name:
            if name is not None:
                check.problem(child(pointer, "file"), "empty name")
            return None
        format = self._format(value, pointer, name)
        if name != "-":
            return FileOutput(self.base / name, format, text, keep, label)
        if format == "parquet":
            check.problem(child(pointer, "format"), "parquet cannot be printed")
        return PrintedOutput(format, text, keep, label)

    def _format(self, value: Mapping[str, Any], pointer: str, name: str) -> str:
        """What ``format`` or the name says; csv after a mistake."""
        if value.get("format") is not None:
            return self.check.choice(value, pointer, "format", "csv", FORMATS)
        suffix = Path(name).suffix.lower().removeprefix(".")
        if suffix in FORMATS:
            return suffix
        if name != "-":
            endings = ", ".join(f".{known}" for known in FORMATS)
            self.check.problem(
                child(pointer, "file"), f"the name tells no format: let it end in {endings}, or add 'format'"
            )
        return "csv"

    def _collisions(self, found: list[Output | None]) -> None:
        """Two outputs to one file would leave one of them."""
        seen: dict[str, str] = {}
        for output in found:
            if isinstance(output, (FileOutput, PrintedOutput)):
                first = seen.setdefault(output.target, output.label)
                if first != output.label:
                    self.check.sentence("/output", f"{output.label} goes where {first} goes")
