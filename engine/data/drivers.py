"""The packages that databases and files need, and what to say where one is missing."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from engine.errors import PolicyError
from engine.outputs import DatabaseOutput, FileOutput, Output, PrintedOutput
from engine.sources import InputSpec, database_kind

#: Kind of database or file -> (module, package, what to install).
_NEEDED = {
    "postgres": ("psycopg2", "psycopg2-binary", "psycopg2-binary"),
    "mysql": ("mysql.connector", "mysql-connector-python", "mysql-connector-python"),
    "parquet": ("pyarrow", "pyarrow", "'polytune[parquet]'"),
}


def require_drivers(source: InputSpec | None, outputs: Iterable[Output]) -> None:
    """Raise PolicyError when a package is missing that reading the input or writing an output needs."""
    for kind in _kinds(source, outputs):
        if kind in _NEEDED and not _usable(_NEEDED[kind][0]):
            raise missing(kind)


def missing(kind: str) -> PolicyError:
    """The error for a database or file whose package is not installed."""
    _, package, installed = _NEEDED[kind]
    return PolicyError(f"{kind} needs the package {package}", hint=f"pip install {installed}")


def _kinds(source: InputSpec | None, outputs: Iterable[Output]) -> Iterable[str]:
    if source is not None and source.db:
        yield database_kind(source.db) or ""
    if source is not None and source.file is not None:
        yield source.file.format
    for output in outputs:
        if isinstance(output, DatabaseOutput):
            yield database_kind(output.db) or ""
        elif isinstance(output, (FileOutput, PrintedOutput)):
            yield output.format


def _usable(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True
