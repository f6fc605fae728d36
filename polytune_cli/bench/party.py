"""One party of `polytune bench --processes`: ``python -m polytune_cli.bench.party``, started by the parent
process.

Lines on stdin: the task as JSON, then ``go``. Lines on stdout, JSON: first that the circuit is compiled and
the kernels are loaded, then the figures and (party 0) the output bits. Ends when stdin is closed.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from time import process_time
from typing import Any

from engine.errors import PolytuneError
from polytune_cli.demo.child import end_with_parent


def main() -> int:
    """Do one task."""
    end_with_parent()
    # Whatever else prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        return _work(answers)
    except PolytuneError as error:
        _say(answers, {"error": str(error)})
        return error.exit_code


def _work(answers: Any) -> int:
    from engine.resources import peak_memory
    from polytune_cli.bench.cases import spec_from_json
    from polytune_cli.bench.http import run_party
    from polytune_cli.bench.local import prepare, warm_kernels

    task = json.loads(sys.stdin.readline() or "null")
    if task is None:
        return 1
    case, compile_seconds = prepare(spec_from_json(task["spec"]))
    kernel_seconds = warm_kernels(case.parties, task["options"])
    _say(answers, {"compile_seconds": compile_seconds, "kernel_seconds": kernel_seconds})
    if sys.stdin.readline().strip() != "go":
        return 1
    start = process_time()
    figures, output = run_party(case, task["party"], task["ports"], task["run_id"], task["options"], task["keys"])
    figures = replace(figures, cpu_seconds=round(process_time() - start, 6))
    bits = None if output is None else "".join(map(str, output.tolist()))
    _say(answers, {"figures": asdict(figures), "output": bits, "peak_rss": peak_memory()})
    return 0


def _say(answers: Any, record: dict[str, Any]) -> None:
    answers.write(json.dumps(record) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
