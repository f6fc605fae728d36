"""Whether the databases of a party answer, for probes of readiness."""

from __future__ import annotations

from engine.data.connect import open_database
from engine.errors import DataError
from engine.sources import InputSpec, OutputSpec


def unreachable(source: InputSpec | None, target: OutputSpec | None) -> list[str]:
    """One line for each database that cannot be used now, without secrets; nothing is read or changed."""
    found = []
    for spec, role in ((source, "input"), (target, "output")):
        if spec is None:
            continue
        try:
            with open_database(spec, role) as database:
                database.run("SELECT 1").fetchall()
        except DataError as error:
            found.append(error.message)
        except Exception as error:
            found.append(f"{role} db does not answer: {type(error).__name__}")
    return found
