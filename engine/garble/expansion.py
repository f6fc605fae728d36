"""How large a program becomes when all its calls and loops are expanded, found before anything is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.garble import typed as t
from engine.garble.constants import Constants
from engine.garble.diagnostics import Diagnostic, make_error
from engine.garble.limits import MAX_STEPS
from engine.values import ArrayType


def require_buildable(functions: Mapping[str, t.TypedFunction], entry: t.TypedFunction, constants: Constants) -> None:
    """GarbleError (compile) when more operations than anybody can wait for would be built."""
    bodies = {name: _Body(functions[name], constants) for name in _reachable(functions, entry)}
    copies: Counter[str] = Counter({entry.name: 1})
    total = 0
    for name, body in bodies.items():  # callers come before what they call
        total += copies[name] * body.steps
        for callee, times in body.calls.items():
            copies[callee] += copies[name] * times
    if total <= MAX_STEPS:
        return
    largest = max(bodies, key=lambda name: copies[name] * bodies[name].steps)
    message = f"`{entry.name}` has {_rounded(total)} operations after its calls and loops are expanded"
    hint = f"at most {_rounded(MAX_STEPS)} can be built"
    if copies[largest] > 1:
        hint += f"; `{largest}` alone is expanded {_rounded(copies[largest])} times"
    span = bodies[largest].span if largest == entry.name else functions[largest].span
    item = Diagnostic(span, message, hint)
    raise make_error("compile", [item], constants.reporter.source, constants.reporter.filename)


class _Body:
    """Operations of one function and how often it calls others; ``span`` is its largest loop, or its name."""

    def __init__(self, function: t.TypedFunction, constants: Constants) -> None:
        self.constants = constants
        self.calls: Counter[str] = Counter()
        self.steps = 0
        self.span = function.span
        work: list[tuple[object, int]] = [(function.body, 1)]
        largest = 1
        while work:
            node, times = work.pop()
            if isinstance(node, t.Typed):
                self.steps += times
            if isinstance(node, t.CallOf):
                self.calls[node.name] += times
            if isinstance(node, t.ForEach | t.ForJoin):
                rounds = times * self._rounds(node)
                if rounds > largest:
                    largest, self.span = rounds, node.span
                work.append((node.body, rounds))
                sides = (node.iterable,) if isinstance(node, t.ForEach) else (node.left, node.right)
                work += [(side, times) for side in sides]
            else:
                work += [(child, times) for child in t.children(node) if isinstance(child, t.Typed | t.Step | tuple)]

    def _rounds(self, node: t.ForEach | t.ForJoin) -> int:
        """How often the body of a loop is built."""
        if isinstance(node, t.ForEach):
            return self._size(node.iterable)
        return max(0, self._size(node.left) + self._size(node.right) - 1)

    def _size(self, node: t.Expr) -> int:
        type_ = self.constants.resolve(node.type, node.span)
        assert isinstance(type_, ArrayType)
        return type_.size


def _reachable(functions: Mapping[str, t.TypedFunction], entry: t.TypedFunction) -> list[str]:
    """Functions that the entry calls, directly or not, each before what it calls (there is no recursion)."""
    callees = {entry.name: _callees(entry)}
    path, order = [entry.name], []
    while path:
        if callees[path[-1]]:
            name = callees[path[-1]].pop()
            if name not in callees:
                callees[name] = _callees(functions[name])
                path.append(name)
        else:
            order.append(path.pop())
    return order[::-1]


def _callees(function: t.TypedFunction) -> list[str]:
    return [node.name for node in t.walk(function.body) if isinstance(node, t.CallOf)]


def _rounded(number: int) -> str:
    return f"{number:,}" if number < 10**12 else f"about 10^{len(str(number)) - 1}"
