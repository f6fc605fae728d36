"""A result as a file that appears whole or not at all, or on standard output."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from engine.data.delivery import Delivery
from engine.data.formats import row_form, write_rows
from engine.data.result import Result, RowForm, Rows
from engine.errors import DataError, PolytuneError, ResourceError
from engine.files import is_full, new_file
from engine.outputs import FileOutput, PrintedOutput
from engine.values import Type

#: Results are nobody else's business.
MODE = 0o600


def check_file(spec: FileOutput, result_type: Type) -> None:
    """Raise DataError when the file could not be written, and leave no trace."""
    row_form(result_type, spec.format, spec.text, spec.keep, spec.label)
    if spec.path.is_dir():
        raise DataError(f"{spec.label}: {spec.path} is a folder", "give the name of a file")
    folder = spec.path.resolve().parent
    try:
        if spec.path.exists() and not spec.path.is_file():  # a pipe or a device
            os.close(os.open(spec.path, os.O_WRONLY | os.O_NONBLOCK))
            return
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        raise cannot_write(spec, error) from None


def write_file(spec: FileOutput, result: Result, delivery: Delivery) -> int:
    """Replace the file by the result; returns the number of rows. Raises DataError or ResourceError."""
    form = row_form(result.type, spec.format, spec.text, spec.keep, spec.label)
    try:
        with new_file(spec.path, MODE) as file:
            return write_rows(file, spec.format, form, lambda: _rows(form, result, delivery))
    except OSError as error:
        raise cannot_write(spec, error) from None


def check_printed(spec: PrintedOutput, result_type: Type) -> None:
    """Raise DataError when the result cannot be printed in the wanted form, or standard output is closed."""
    row_form(result_type, spec.format, spec.text, spec.keep, spec.label)
    if sys.stdout is None:
        raise DataError(f"{spec.label}: standard output is closed", "start it with an open standard output")


def write_printed(spec: PrintedOutput, result: Result, delivery: Delivery) -> int:
    """Print the rows; returns their number. They are made before the first is printed: an error prints none."""
    form = row_form(result.type, spec.format, spec.text, spec.keep, spec.label)
    try:
        with tempfile.SpooledTemporaryFile(1 << 24) as file:
            rows = write_rows(file, spec.format, form, lambda: _rows(form, result, delivery))
            file.seek(0)
            with delivery.open_stdout() as out:
                shutil.copyfileobj(file, out)
            return rows
    except OSError as error:
        raise cannot_write(spec, error) from None


def cannot_write(spec: FileOutput | PrintedOutput, error: OSError) -> PolytuneError:
    """The error of a file that cannot be written."""
    if is_full(error):
        return ResourceError(f"{spec.label}: no space left writing {spec.target}", "free space", code="disk_full")
    reason = (error.strerror or "error").lower()
    hint = "create the folder first" if error.errno == errno.ENOENT else "check the path and its permissions"
    return DataError(f"{spec.label}: cannot write {spec.target}: {reason}", hint)


def _rows(form: RowForm, result: Result, delivery: Delivery) -> Iterator[Rows]:
    for values in delivery.batches(result):
        yield form.rows(values)
