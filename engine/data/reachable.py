"""Whether the databases of a party answer, for probes of readiness."""

from __future__ import annotations

from collections.abc import Sequence

from engine.data.connect import open_database
from engine.errors import DataError
from engine.outputs import DatabaseOutput, Output
from engine.sources import InputSpec


def unreachable(source: InputSpec | None, outputs: Sequence[Output]) -> list[str]:
    """One line for each database that cannot be used now, without secrets; nothing is read or changed."""
    used: list[tuple[InputSpec | DatabaseOutput, str]] = []
    if source is not None and source.db:
        used.append((source, "input"))
    used += [(output, "output") for output in outputs if isinstance(output, DatabaseOutput)]
    found = []
    for spec, role in used:
        try:
            with open_database(spec, role) as database:
                database.run("SELECT 1").fetchall()
        except DataError as error:
            found.append(error.message)
        except Exception as error:
            found.append(f"{role} db does not answer: {type(error).__name__}")
    return found
