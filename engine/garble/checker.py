"""From the untyped to the typed tree: all functions, then rules about the whole program (4 and 14)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from engine.garble import syntax as s
from engine.garble.check_statements import StatementChecker
from engine.garble.definitions import Definitions
from engine.garble.diagnostics import Reporter
from engine.garble.typed import TypedFunction, TypedParameter


def check(items: Iterable[s.Item], reporter: Reporter) -> tuple[Definitions, dict[str, TypedFunction]]:
    """Definitions and typed functions; mistakes go to the reporter."""
    definitions = Definitions(items, reporter)
    numbers = count()
    functions: dict[str, TypedFunction] = {}
    calls: dict[str, set[str]] = {}
    for item in definitions.functions.values():
        checker = StatementChecker(definitions, numbers)
        functions[item.name] = check_function(item, checker)
        calls[item.name] = checker.calls
    for item in definitions.functions.values():
        if item.public and not item.parameters:
            reporter.add(
                item.name_span,
                f"public function `{item.name}` has no parameters",
                "each parameter is a party",
            )
    check_recursion(definitions, calls)
    check_unused(definitions, calls)
    return definitions, functions


def check_function(item: s.FunctionItem, checker: StatementChecker) -> TypedFunction:
    """One function body against its signature."""
    types, result = checker.definitions.signatures[item.name]
    parameters = []
    names: set[str] = set()
    for parameter, type_ in zip(item.parameters, types):
        if parameter.name in names:
            checker.error(parameter.span, f"duplicate parameter `{parameter.name}` of `{item.name}`", "rename one")
        names.add(parameter.name)
        var = checker.declare(parameter.name, type_, mutable=parameter.mutable)
        parameters.append(TypedParameter(parameter.name, var, type_, parameter.span))
    body = checker.expr(item.body, result)
    checker.finish()
    return TypedFunction(item.name, item.public, tuple(parameters), result, body, item.name_span)


def check_recursion(definitions: Definitions, calls: dict[str, set[str]]) -> None:
    """Direct and mutual recursion are errors, reported once for each circle."""
    state: dict[str, int] = {}

    def visit(name: str, path: list[str]) -> None:
        state[name] = 1
        for callee in sorted(calls.get(name, ())):
            if state.get(callee) == 1:
                circle = [*path, name][[*path, name].index(callee) :]
                item = definitions.functions[min(circle, key=lambda n: definitions.functions[n].span)]
                shown = " -> ".join([*circle, callee])
                definitions.reporter.add(
                    item.name_span, f"recursive function `{item.name}` ({shown})", "use a loop over a range"
                )
            elif callee not in state:
                visit(callee, [*path, name])
        state[name] = 2

    for name in definitions.functions:
        if name not in state:
            visit(name, [])


def check_unused(definitions: Definitions, calls: dict[str, set[str]]) -> None:
    """A private function that no public one reaches is an error."""
    reached: set[str] = set()
    work = [item.name for item in definitions.functions.values() if item.public]
    while work:
        name = work.pop()
        if name not in reached:
            reached.add(name)
            work += calls.get(name, ())
    for item in definitions.functions.values():
        if item.name not in reached:
            definitions.reporter.add(
                item.name_span, f"unused function `{item.name}`", "call it from a pub function, or remove it"
            )
