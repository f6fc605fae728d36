"""Databases: rows and constants in, results out. The only room that imports database drivers (lazily).

``read_snapshot(policy, declared) -> Snapshot`` reads rows and constants of one moment; ``encode_rows(table,
parameter_type, parameter_name=...) -> EncodedRows`` makes input bits of the rows; ``query_columns(spec)`` and
``check_columns(columns, parameter_type, name)`` look at the columns without the rows; ``check_outputs(outputs,
result_type)`` tries the outputs before a run; ``write_outputs(outputs, result, delivery)`` writes a ``Result``;
``result_rows(result_type, value)`` gives the rows that would be written; ``resuming(path)`` opens a recovery file to
apply it; ``unreachable(input, outputs)`` names the databases that do not answer.
"""

from __future__ import annotations

from engine.data.delivery import Delivery
from engine.data.metadata import query_columns
from engine.data.output import check_outputs, keep_result, report_failure, write_outputs
from engine.data.reachable import unreachable
from engine.data.result import Result, result_rows
from engine.data.resume import Resume, resuming
from engine.data.rows import EncodedRows, check_columns, encode_rows, encode_value
from engine.data.snapshot import read_snapshot
from engine.data.table import Column, Rule, Snapshot, Table

__all__ = [
    "Column",
    "Delivery",
    "EncodedRows",
    "Result",
    "Resume",
    "Rule",
    "Snapshot",
    "Table",
    "check_columns",
    "check_outputs",
    "encode_rows",
    "encode_value",
    "keep_result",
    "query_columns",
    "read_snapshot",
    "report_failure",
    "result_rows",
    "resuming",
    "unreachable",
    "write_outputs",
]
