"""The key ``output`` of a policy: one output, or a list of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.outputs import FORMATS, KEEPS, TEXTS, DatabaseOutput, FileOutput, Output, PrintedOutput, UrlOutput
from engine.policy.checker import Checker, type_name
from engine.policy.databases import read_database, read_query
from engine.policy.jsontext import child

DATABASE_KEYS = ("db", "query", "setup", "ledger", "text", "keep")
FILE_KEYS = ("file", "format", "text", "keep")
URL_KEYS = ("url", "headers", "timeout", "ca")
MAX_OUTPUTS = 100
_FORMS = "an http(s) URL, '-', or an object with 'db', 'file' or 'url'"
#: Headers that the request itself needs.
_OWN_HEADERS = {"content-length", "content-type", "transfer-encoding", "host", "connection", "expect"}


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
            value = {"url": value}
        if not isinstance(value, dict):
            self.check.problem(pointer, f"expected {_FORMS}, got {type_name(value)}")
            return None
        forms = {"db": DATABASE_KEYS, "file": FILE_KEYS, "url": URL_KEYS}
        form = next((key for key in forms if key in value), "db")
        self.check.unknown(pointer, value, forms[form])
        read = {"db": self._database, "file": self._file, "url": self._url}[form]
        return read(value, pointer, label)

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

    def _url(self, value: Mapping[str, Any], pointer: str, label: str) -> Output | None:
        check = self.check
        url = check.string(value, pointer, "url")
        timeout = check.seconds(value, pointer, "timeout", UrlOutput.timeout)
        ca = check.string(value, pointer, "ca", None)
        headers = self._headers(value, pointer)
        problem = None if url is None else _url_problem(url)
        if problem:
            place = child(pointer, "url")
            check.problem(place if place in check.document.lines else pointer, problem)
        if url is None or problem:
            return None
        return UrlOutput(url, headers, timeout or UrlOutput.timeout, None if ca is None else self.base / ca, label)

    def _headers(self, value: Mapping[str, Any], pointer: str) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for name, text in (self.check.table(value, pointer, "headers", {}) or {}).items():
            place = child(child(pointer, "headers"), name)
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or name.lower() in _OWN_HEADERS:
                self.check.problem(place, "this header cannot be set")
            elif not isinstance(text, str):
                self.check.problem(place, f"expected string, got {type_name(text)}")
            elif not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", text) or text != text.strip():
                self.check.problem(place, "the value of a header is one line without spaces around it")
            else:
                found.append((name, text))
        return tuple(found)

    def _collisions(self, found: list[Output | None]) -> None:
        """Two outputs to one file would leave one of them."""
        seen: dict[str, str] = {}
        for output in found:
            if isinstance(output, (FileOutput, PrintedOutput)):
                first = seen.setdefault(output.target, output.label)
                if first != output.label:
                    self.check.sentence("/output", f"{output.label} goes where {first} goes")


def _url_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f\\]", url):
            return f"not an output: expected {_FORMS}"
        if parts.port == 0:
            return "port 0 cannot be used"
    except ValueError:
        return "the URL cannot be understood"
    return "an output URL must not have a fragment" if parts.fragment else None
