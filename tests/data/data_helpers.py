"""Small helpers of the database tests: policies over a database, types by their usual names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.data import Delivery, Result, check_outputs, write_outputs
from engine.outputs import DatabaseOutput, Output
from engine.policy import Constant, InputSpec, Policy, ProgramText, SqlConstant
from engine.values import ArrayType, BoolType, EnumType, IntType, StructType, TupleType

BOOL = BoolType()
U8, U16, U32, U64, USIZE = (IntType(name) for name in ("u8", "u16", "u32", "u64", "usize"))
I8, I16, I32, I64 = (IntType(name) for name in ("i8", "i16", "i32", "i64"))
TIER = EnumType("Tier", (("Basic", None), ("Plus", None), ("Pro", None)))
OPTION = EnumType("MaybeCount", (("None", None), ("Some", (U8,))))


def text(size: int) -> ArrayType:
    return ArrayType(U8, size)


def rows_of(*items: Any, size: int) -> ArrayType:
    return ArrayType(TupleType(items), size)


def struct(name: str, /, **fields: Any) -> StructType:
    return StructType(name, tuple(fields.items()))


def policy_over(url: str, query: str, constants: dict[str, str | Constant] | None = None, **options: Any) -> Policy:
    """A policy whose party 0 reads with ``query``; strings among the constants are queries."""
    limits = {"limits": options.pop("limits")} if "limits" in options else {}
    return Policy(
        path=Path("policy.json"),
        participants=("http://localhost:8000/", "http://localhost:8001/"),
        program=ProgramText("", "x.garble.rs", ""),
        leader=0,
        party=0,
        output_parties=(0,),
        input=InputSpec(url, query, **options),
        constants={
            name: SqlConstant(value) if isinstance(value, str) else value for name, value in (constants or {}).items()
        },
        **limits,
    )


def output_over(url: str, query: str, setup: str | None = None, **options: Any) -> DatabaseOutput:
    return DatabaseOutput(url, query, setup, **options)


def check_output(output: Output, type: Any, **options: Any) -> None:
    check_outputs([output], type, **options)


def write_output(output: Output, type: Any, value: Any, run_id: str, state_dir: Path) -> int:
    return write_outputs([output], Result.of(type, value), Delivery(run_id, state_dir))
