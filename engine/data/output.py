"""Outputs of every form: all tried out before the run, each written after it, and no result is lost (section 3.7)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from engine.data import recovery
from engine.data.delivery import Delivery
from engine.data.fileoutput import check_file, check_printed, write_file, write_printed
from engine.data.recovery import Failure
from engine.data.result import Result
from engine.data.sqloutput import CommitLost, check_database, write_database
from engine.data.urloutput import check_url, post_error, write_url
from engine.errors import DataError, PolytuneError, ResourceError
from engine.outputs import DatabaseOutput, FileOutput, Output, UrlOutput
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
            elif isinstance(output, UrlOutput):
                check_url(output)
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
            delivery.journal.written.add(output.label)
        except PolytuneError as error:
            failures.append(Failure(output, error))
    if failures:
        path = recovery.save(result, delivery, outputs, failures)
        states = ", ".join(_state(output, failures) for output in outputs)
        raise combined(failures, f"{states}; result saved to {path}; apply with: polytune output --resume {path}")
    return counts[0] if counts else len(result)


def keep_result(outputs: Sequence[Output], result: Result, delivery: Delivery) -> str:
    """Save the result while another thread is still writing it, because the process ends now; returns what to say."""
    failures: list[Failure] = []
    for output in outputs:
        if output.label not in delivery.journal.written:
            lost = not failures and delivery.journal.committing
            failures.append(Failure(output, (CommitLost if lost else DataError)("interrupted")))
    path = recovery.save(result, delivery, outputs, failures)
    states = ", ".join(_state(output, failures) for output in outputs)
    return f"{states}; result saved to {path}; apply with: polytune output --resume {path}"


def write_one(output: Output, result: Result, delivery: Delivery) -> int:
    """Write to one output; returns the number of rows. Raises nothing but PolytuneError: a result must not be lost."""
    try:
        if isinstance(output, DatabaseOutput):
            return write_database(output, result, delivery)
        if isinstance(output, FileOutput):
            return write_file(output, result, delivery)
        if isinstance(output, UrlOutput):
            return write_url(output, result, delivery)
        return write_printed(output, result, delivery)
    except PolytuneError:
        raise
    except Exception as error:
        log.debug("details", exc_info=True)
        raise DataError(f"{output.label}: cannot be written ({type(error).__name__})") from error


def report_failure(outputs: Sequence[Output], text: str, run_id: str) -> None:
    """Tell every URL that there is no result; when it cannot be told either, that is a warning."""
    for output in outputs:
        if isinstance(output, UrlOutput):
            try:
                post_error(output, text, run_id)
            except PolytuneError as error:
                log.warning("the failure of the run could not be reported: %s", error.message)


def combined(failures: Sequence[Failure], last: str) -> PolytuneError:
    """One error for all failures and a ``last`` line; a full disk (exit code 6) comes before others."""
    lines = [*(failure.error.message for failure in failures), last]
    hints = dict.fromkeys(failure.error.hint for failure in failures if failure.error.hint)
    first = next((failure.error for failure in failures if failure.error.exit_code == 6), failures[0].error)
    kind = ResourceError if first.exit_code == 6 else DataError
    return kind("\n".join(lines), "; ".join(hints), code=first.code)


def _state(output: Output, failures: Sequence[Failure]) -> str:
    for failure in failures:
        if failure.output is output:
            return f"{output.label} {'may have been' if failure.unknown else 'was not'} written"
    return f"{output.label} was written"


def _part(delivery: Delivery, number: int, count: int) -> Callable[[float], None]:
    """Progress of one output as progress of all."""
    return lambda done: delivery.progress((number + done) / count)
