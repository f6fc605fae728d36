"""Writes a large result in its own process: ``python -m tests.data.large_output ROWS KIND URL-OR-PATH [kill|full]``.

Prints one JSON object: rows, peak memory before and after in bytes, and how often progress was told. ``kill`` ends the
process by SIGKILL when half of the rows are written; ``full`` lets no file grow beyond 64 KiB.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from engine.data import Delivery, Result, write_outputs
from engine.errors import PolytuneError
from engine.outputs import DatabaseOutput, FileOutput, Output
from engine.resources import peak_memory
from engine.values import ArrayType, IntType, TupleType, encode_ints

ROW = TupleType((IntType("u32"), IntType("u16")))


def main(rows: int, kind: str, target: str, fault: str) -> int:
    columns = [encode_ints(ROW.items[0], np.arange(rows)), encode_ints(ROW.items[1], np.arange(rows) % 1000)]
    result = Result(ArrayType(ROW, rows), np.concatenate(columns, axis=1).reshape(-1))
    output: Output = FileOutput(Path(target), kind)
    if kind == "database":
        output = DatabaseOutput(target, "INSERT INTO results (id, v) VALUES ($1, $2)", "DELETE FROM results")
    if fault == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    told: list[float] = []

    def progress(done: float) -> None:
        told.append(done)
        if fault == "kill" and done >= 0.5:
            os.kill(os.getpid(), signal.SIGKILL)

    before = peak_memory()
    state = Path(target).parent / "state" if kind != "database" else Path.cwd() / "state"
    try:
        count = write_outputs([output], result, Delivery("run", state, progress=progress))
    except PolytuneError as error:
        print(json.dumps({"error": error.message, "exit": error.exit_code}))
        return error.exit_code
    print(json.dumps({"rows": count, "before": before, "after": peak_memory(), "told": len(told), "last": told[-1]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], "".join(sys.argv[4:])))
