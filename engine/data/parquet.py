"""Rows from Parquet files, through the optional package pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.data.drivers import missing
from engine.data.files import BATCH, Limit, name_of
from engine.data.table import Column, Rows, Table
from engine.errors import DataError
from engine.sources import FileSource

if TYPE_CHECKING:
    import pyarrow


def read_parquet(file: FileSource, limit: Limit) -> Table:
    """All rows, read batch by batch. Raises PolicyError without pyarrow, DataError, OSError."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise missing("parquet") from None
    try:
        with open(file.path, "rb") as stream, parquet.ParquetFile(stream) as opened:
            fields = list(opened.schema_arrow)
            builder = Rows(len(fields))
            for batch in opened.iter_batches(batch_size=BATCH):
                limit.check(builder.count + batch.num_rows)
                cells = [_values(column, field, file) for column, field in zip(batch.columns, fields)]
                builder.add(list(zip(*cells)))
    except pyarrow.ArrowException as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"cannot read {file.path} as Parquet: {text[:200]}", "check the file") from None
    families = [_family(field.type) for field in fields]
    columns = [Column(f.name, family, str(f.type), family == "nested") for f, family in zip(fields, families)]
    return builder.table(columns, name_of(file))


def _values(column: Any, field: Any, file: FileSource) -> list[Any]:
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(field.type):
        column = column.dictionary_decode()
    if getattr(column.type, "unit", "") == "ns":
        try:
            unit = pyarrow.timestamp("us", column.type.tz) if types.is_timestamp(column.type) else pyarrow.time64("us")
            column = column.cast(unit)
        except pyarrow.ArrowException:
            raise DataError(
                f'{file.path}, column "{field.name}" ({field.type}): a time has nanoseconds, microseconds can be kept',
                "round the column before writing the file",
            ) from None
    values: list[Any] = column.to_pylist()
    return values


def _family(type: pyarrow.DataType) -> str:
    from pyarrow import types

    tests = (
        ("integer", types.is_integer),
        ("bool", types.is_boolean),
        ("real", types.is_floating),
        ("numeric", types.is_decimal),
        ("text", types.is_string),
        ("text", types.is_large_string),
        ("bytes", types.is_binary),
        ("bytes", types.is_large_binary),
        ("bytes", types.is_fixed_size_binary),
        ("date", types.is_date),
        ("time", types.is_timestamp),
        ("time", types.is_time),
        ("nested", types.is_nested),
    )
    if types.is_dictionary(type):
        return _family(type.value_type)
    return next((family for family, test in tests if test(type)), "other")
