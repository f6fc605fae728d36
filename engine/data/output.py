"""Outputs of every form: all tried out before the run, each written after it, and no result is lost (section 3.7)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engine.data import recovery
from engine.data.delivery import Delivery
from engine.data.fileoutput import check_file, check_printed, write_file, write_printed
from engine.data.recovery import Failure
from engine.data.result import Result
from engine.data.sqloutput import check_database, write_database
from engine.errors import DataError, PolytuneError, ResourceError
from engine.outputs import DatabaseOutput, FileOutput, Output
from engine.values import Type

log = logging.getLogger("polytune.data")


def check_outputs(outputs: Sequence[Output], result_type: Type, *, strict: bool = False) -> None:
    """Try all outputs before the run; raises DataError (PolicyError without an optional package). Changes nothing.

    ``strict`` makes an error of what is a warning otherwise: statements that commit by themselves.
    """
    for output in outputs:
        try:
            if isinstance(output, DatabaseOutput):
                check_database(output, result_type, strict=strict)
            elif isinstance(output, FileOutput):
                check_file(output, result_type)
            else:
                check_printed(output, result_type)
        except DataError as error:
            raise DataError(f"output check failed: {error.message}", error.hint, code=error.code) from None


def write_outputs(outputs: Sequence[Output], result: Result, delivery: Delivery) -> int:
    """Write the result to all outputs, one after the other; returns the number of rows of the first.

    One that fails does not keep the others from being written. In the end the result is saved to
    ``<state_dir>/recovery/<run_id>.json`` for those that failed; the error names the file and what was written.
    """
    failures: list[Failure] = []
    counts: list[int] = []
    for number, output in enumerate(outputs):
        progress = _part(delivery, number, len(outputs))
        try:
            counts.append(write_one(output, result, replace(delivery, progress=progress)))
        except PolytuneError as error:
            failures.append(Failure(output, error))
        except Exception as error:  # whatever it was, the result must not be lost
            log.debug("details", exc_info=True)
            failures.append(Failure(output, DataError(f"{output.label}: {type(error).__name__}")))
    if failures:
        raise _kept(outputs, failures, recovery.save(result, delivery, outputs, failures))
    return counts[0] if counts else len(result)


def write_one(output: Output, result: Result, delivery: Delivery) -> int:
    """Write to one output; returns the number of rows."""
    if isinstance(output, DatabaseOutput):
        return write_database(output, result, delivery)
    if isinstance(output, FileOutput):
        return write_file(output, result, delivery)
    return write_printed(output, result, delivery)


def _part(delivery: Delivery, number: int, count: int) -> Callable[[float], None]:
    """Progress of one output as progress of all."""
    return lambda done: delivery.progress((number + done) / count)


def _kept(outputs: Sequence[Output], failures: Sequence[Failure], path: Path) -> PolytuneError:
    """One error for all failures, with the file that keeps the result."""
    failed = {failure.output.label: failure for failure in failures}
    states = [_state(output, failed.get(output.label)) for output in outputs]
    lines = [failure.error.message for failure in failures]
    lines.append(f"{', '.join(states)}; result saved to {path}; apply with: polytune output --resume {path}")
    hints = dict.fromkeys(failure.error.hint for failure in failures if failure.error.hint)
    first = next((failure.error for failure in failures if failure.error.exit_code == 6), failures[0].error)
    kind = ResourceError if first.exit_code == 6 else DataError
    return kind("\n".join(lines), "; ".join(hints), code=first.code)


def _state(output: Output, failure: Failure | None) -> str:
    if failure is None:
        return f"{output.label} was written"
    return f"{output.label} may have been written" if failure.unknown else f"{output.label} was not written"
