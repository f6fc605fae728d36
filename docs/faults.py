"""Write docs/faults.md: what happens when something goes wrong, and the tests that prove it.

The tests are found by their markers: @pytest.mark.fault(N) and @pytest.mark.defect("DN"), on a function, a class, a
parameter (pytest.param) or a module (pytestmark); they are read, not run. With --check only compare (exit code 1:
differs).
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from faults_rows import DEFECTS, FAULTS
from generated import ROOT, write_or_check

PAGE = ROOT / "docs" / "faults.md"
Proofs = dict[str, list[str]]  # "12" or "D4" -> names of tests

HEAD = """# When something goes wrong

Made by `python docs/faults.py`; do not edit by hand.

For every fault: a part of what is said, the [exit code](exit-codes.md) (none where no process ends), and what holds all
the same. The tests that prove it are [below](#tests). "Leader" and "contributor" are explained in
[how it works](how-it-works.md).

| No | Fault | Message | Exit | Holds |
| --- | --- | --- | --- | --- |
"""
REFERENCE = """
## What the reference does otherwise

Polytune for Rust, on which the format of policies is modelled, has some defects that a test shows this one not to have.

| No | There | Here |
| --- | --- | --- |
"""
TESTS = """
## Tests

In `tests/`:

"""
NONE = "no test yet"


def page() -> str:
    """The whole page."""
    found = proofs(sorted((ROOT / "tests").rglob("test_*.py")))
    return table() + TESTS + "\n".join(f"- {name}{_tests(found[name])}" for name in names()) + "\n"


def table() -> str:
    """The part of the page that no test changes."""
    lines = [row(str(number), *fault) for number, fault in enumerate(FAULTS, 1)]
    defects = [row(f"D{number}", *defect) for number, defect in enumerate(DEFECTS, 1)]
    return HEAD + "\n".join(lines) + "\n" + REFERENCE + "\n".join(defects) + "\n"


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def names() -> list[str]:
    """All numbers, in the order of the page."""
    return [str(n) for n in range(1, len(FAULTS) + 1)] + [f"D{n}" for n in range(1, len(DEFECTS) + 1)]


def missing() -> list[str]:
    """The numbers that no test proves."""
    found = proofs((ROOT / "tests").rglob("test_*.py"))
    return [name for name in names() if not found[name]]


def proofs(files: Iterable[Path]) -> Proofs:
    """The tests of every number."""
    found: Proofs = defaultdict(list)
    for path in files:
        for test, number in marked(path):
            if number not in names():
                raise SystemExit(f"{path}: {test} proves {number}, which is no number of a fault or defect")
            name = f"{path.relative_to(ROOT / 'tests').as_posix()}::{test}"
            if name not in found[number]:
                found[number].append(name)
    return found


def marked(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs (test, number) of a file."""
    module = ast.parse(path.read_text(encoding="utf-8"), str(path))
    of_module = [n for node in module.body if _is_pytestmark(node) for n in numbers(node, path)]
    yield from _of_body(module.body, of_module, path)


def _of_body(body: list[ast.stmt], inherited: list[str], path: Path) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            own = inherited + [n for decorator in node.decorator_list for n in numbers(decorator, path)]
            if isinstance(node, ast.ClassDef):
                yield from _of_body(node.body, own, path)
            elif node.name.startswith("test_"):
                yield from ((node.name, number) for number in own)


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)


def numbers(node: ast.AST, path: Path) -> list[str]:
    """What the markers in an expression name."""
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call) and _mark(call.func) in ("fault", "defect")]
    for call in calls:
        if not call.args or not all(isinstance(argument, ast.Constant) for argument in call.args):
            raise SystemExit(f"{path}:{call.lineno}: a marker names its numbers literally, as @pytest.mark.fault(12)")
    return [str(argument.value) for call in calls for argument in call.args]  # type: ignore[attr-defined]


def _mark(node: ast.expr) -> str:
    """``name`` of ``pytest.mark.name``."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "mark":
        return node.attr
    return ""


def _tests(found: list[str]) -> str:
    return "".join(f"\n  - `{name}`" for name in found) or f": {NONE}"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
