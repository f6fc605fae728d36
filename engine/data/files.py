"""Rows from files and from the policy itself: which reader, and what all of them share."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterator
from pathlib import Path

from engine.data.table import Table
from engine.errors import DataError
from engine.sources import FileSource, InputSpec

BATCH = 10_000


class Limit:
    """The largest number of rows: the smaller of ``input.max_rows`` and ``limits.rows``."""

    def __init__(self, max_rows: int, limit_rows: int) -> None:
        self.rows, self.key = min((max_rows, "input.max_rows"), (limit_rows, "limits.rows"))

    def check(self, rows: int) -> None:
        """Raise DataError when there are too many."""
        if rows > self.rows:
            raise DataError(
                f"input has more than {self.rows} rows, the limit of {self.key}",
                f"raise {self.key} in the policy or give fewer rows",
            )


def read_table(spec: InputSpec, limit: Limit) -> Table:
    """All rows of an input that is a file, or rows of the policy. Raises DataError with file, line, row, column."""
    if spec.rows is not None:
        from engine.data.jsonrows import read_rows

        table = read_rows(spec.rows, "input.rows", limit)
    else:
        assert spec.file is not None
        table = _read_file(spec.file, limit)
    if table.count == 0 and not spec.allow_empty:
        what = f"{spec.file.path} has" if spec.file is not None else "input.rows has"
        raise DataError(f"{what} no rows: input query returned no rows", "give rows, or set input.allow_empty: true")
    return table


def _read_file(file: FileSource, limit: Limit) -> Table:
    with open_errors(file):
        if file.format == "csv":
            from engine.data.csvfile import read_csv

            return read_csv(file, limit)
        if file.format == "parquet":
            from engine.data.parquet import read_parquet

            return read_parquet(file, limit)
        from engine.data.jsonrows import read_json, read_json_lines

        return read_json(file, limit) if file.format == "json" else read_json_lines(file, limit)


@contextlib.contextmanager
def open_errors(file: FileSource) -> Iterator[None]:
    """Errors of the operating system and of decoding as DataError with the file's name."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file.path}: not valid {file.encoding} text (byte {error.object[error.start]:#04x})",
            "name the file's encoding in input.encoding, or save it as UTF-8",
        ) from None
    except UnicodeError:
        raise DataError(f"{file.path}: not valid {file.encoding} text", "name its encoding in input.encoding") from None
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise DataError(f"cannot read input file {file.path}: {reason}", "check input.file and its rights") from None


def codec(file: FileSource) -> tuple[str, str]:
    """(encoding, errors) for ``open``: a byte order mark of UTF-8 is skipped, bytes that are not UTF-8 come through as
    surrogates, so that the check of each cell can name row and column.
    """
    name = codecs.lookup(file.encoding).name
    return ("utf-8-sig", "surrogateescape") if name in ("utf-8", "utf-8-sig") else (file.encoding, "strict")


def name_of(file: FileSource) -> str:
    """The file's name without its folder, for messages about rows."""
    return Path(file.path).name
