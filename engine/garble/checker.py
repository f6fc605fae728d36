"""From the untyped to the typed tree: all functions, then rules about the whole program (4 and 14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    mentioned: set[str] = set()
    for item in [*definitions.functions.values(), *definitions.duplicates]:
        checker = StatementChecker(definitions, numbers)
        functions.setdefault(item.name, check_function(item, checker))
        calls.setdefault(item.name, set()).update(checker.calls)
        mentioned |= checker.mentioned
    for item in definitions.functions.values():
        if item.public and not item.parameters:
            reporter.add(
                item.name_span,
                f"public function `{item.name}` has no parameters",
                "each parameter is the input of a party; add one, or remove `pub`",
            )
    check_recursion(definitions, calls)
    check_unused(definitions, calls, mentioned)
    return definitions, functions


def check_function(item: s.FunctionItem, checker: StatementChecker) -> TypedFunction:
    """One function body against its signature."""
    known = checker.definitions.functions.get(item.name) is item
    types, result = checker.definitions.signatures[item.name] if known else checker.definitions.signature(item)
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
    """Direct and mutual recursion are errors, reported once for each circle.

    A depth-first search in a loop, as chains of calls may be long.
    """
    done: set[str] = set()
    for name in definitions.functions:
        path: dict[str, Iterator[str]] = {} if name in done else {name: iter(sorted(calls[name]))}
        while path:
            current = next(reversed(path))
            callee = next(path[current], None)
            if callee is None:
                del path[current]
                done.add(current)
            elif callee in path:
                members = list(path)
                report_circle(definitions, members[members.index(callee) :])
            elif callee not in done and callee in calls:
                path[callee] = iter(sorted(calls[callee]))


def report_circle(definitions: Definitions, circle: list[str]) -> None:
    """A recursion, told from its first function in the text."""
    first = min(circle, key=lambda name: definitions.functions[name].span)
    place = circle.index(first)
    names = [*circle[place:], *circle[:place], first]
    shown = " -> ".join(names if len(names) < 10 else [*names[:8], "...", first])
    span = definitions.functions[first].name_span
    definitions.reporter.add(span, f"recursive function `{first}` ({shown})", "use a loop over a range")


def check_unused(definitions: Definitions, calls: dict[str, set[str]], mentioned: set[str]) -> None:
    """A private function that no public one reaches is an error, unless a mistake was about it."""
    reached: set[str] = set()
    work = [*mentioned] + [item.name for item in definitions.functions.values() if item.public]
    while work:
        name = work.pop()
        if name not in reached:
            reached.add(name)
            work += calls.get(name, set())
    for item in definitions.functions.values():
        if item.name not in reached:
            hint = "declare it `pub fn`" if item.name == "main" else "call it from a pub function, or remove it"
            definitions.reporter.add(item.name_span, f"unused function `{item.name}`", hint)
