"""Where a result goes: the forms of ``output`` in a policy.

A leaf that the rooms of policies and of data share. Texts that may hold secrets do not show in ``repr``. Every form
has ``label`` (how messages name it: ``output``, or ``output[1]`` in a list) and ``target`` (where it goes, without
secrets).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.sources import redact

#: How ``[u8; N]`` is written.
TEXTS = ("auto", "text", "bytes", "hex", "quoted")
#: Which rows of a join are written.
KEEPS = ("all", "matched")
#: Forms of files; the usual one follows from the name.
FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")


@dataclass(frozen=True)
class DatabaseOutput:
    """One statement a row in one transaction; ``setup`` runs before, ``ledger`` keeps the table of runs.

    ``text`` says how ``[u8; N]`` is stored: auto, text, bytes, hex or quoted. ``keep`` is ``all`` or ``matched``
    (rows of a join whose first field is true, without that field). ``secrets`` are texts that must not appear in a
    message.
    """

    db: str = field(repr=False)
    query: str = field(repr=False)
    setup: str | None = field(default=None, repr=False)
    ledger: bool = False
    text: str = "auto"
    keep: str = "all"
    secrets: tuple[str, ...] = field(default=(), repr=False)
    label: str = "output"

    @property
    def target(self) -> str:
        """The database without its password."""
        return redact(self.db)


@dataclass(frozen=True)
class FileOutput:
    """A file that is replaced as a whole; ``format`` is one of FORMATS."""

    path: Path
    format: str
    text: str = "auto"
    keep: str = "all"
    label: str = "output"

    @property
    def target(self) -> str:
        """The path."""
        return str(self.path)


@dataclass(frozen=True)
class PrintedOutput:
    """Standard output; ``format`` is one of FORMATS that is text."""

    format: str = "csv"
    text: str = "auto"
    keep: str = "all"
    label: str = "output"

    @property
    def target(self) -> str:
        """Its name for people."""
        return "standard output"


@dataclass(frozen=True)
class UrlOutput:
    """A POST of ``{"type": "success", "details": value}``, or of ``{"type": "error", "details": text}`` after a run
    that failed; ``timeout`` in seconds, ``ca`` a file of certificates instead of the usual ones.
    """

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout: float = 30.0
    ca: Path | None = None
    label: str = "output"

    @property
    def target(self) -> str:
        """The URL without its password and its query."""
        return redact(self.url.partition("?")[0])


Output = DatabaseOutput | FileOutput | PrintedOutput | UrlOutput
