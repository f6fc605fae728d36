"""Lexical scopes of a function body (sections 4 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.garble.types import ArrayT, T, TupleT, Var, free_vars, prune


@dataclass(frozen=True, slots=True)
class Binding:
    """A variable. ``general`` are literal variables that every use may solve anew (section 6 rule 5)."""

    name: str
    var: int
    type: T
    mutable: bool
    general: tuple[Var, ...] = ()


class Scopes:
    """A stack of name tables."""

    def __init__(self) -> None:
        self.stack: list[dict[str, Binding]] = [{}]

    @contextmanager
    def inner(self) -> Iterator[None]:
        """A scope that ends with the ``with`` block."""
        self.stack.append({})
        try:
            yield
        finally:
            self.stack.pop()

    def declare(self, binding: Binding) -> None:
        """Add a name; it hides former ones."""
        self.stack[-1][binding.name] = binding

    def find(self, name: str) -> Binding | None:
        """The visible variable of that name."""
        for scope in reversed(self.stack):
            if name in scope:
                return scope[name]
        return None

    def names(self) -> list[str]:
        """All visible names."""
        return [name for scope in self.stack for name in scope]


def generalise(type_: T) -> tuple[Var, ...]:
    """The literal variables that a binding leaves open; in the binding itself they become 64 bits wide."""
    found = tuple(var for var in dict.fromkeys(free_vars(type_)) if var.exact)
    for var in found:
        var.wide = True
    return found


def instantiate(binding: Binding, span) -> tuple[T, list[Var]]:  # type: ignore[no-untyped-def]
    """The type of one use: open literal variables replaced by fresh ones with the same bounds."""
    fresh: dict[Var, Var] = {}
    for var in binding.general:
        root = prune(var)
        if isinstance(root, Var):
            copy = Var(span, signed=root.signed)
            copy.low, copy.high = (root.low[0], span), (root.high[0], span)
            fresh[root] = copy
    return (_replace(binding.type, fresh) if fresh else binding.type), list(fresh.values())


def _replace(type_: T, fresh: dict[Var, Var]) -> T:
    type_ = prune(type_)
    if isinstance(type_, Var):
        return fresh.get(type_, type_)
    if isinstance(type_, ArrayT):
        return ArrayT(_replace(type_.element, fresh), type_.size)
    if isinstance(type_, TupleT):
        return TupleT(tuple([_replace(item, fresh) for item in type_.items]))
    return type_
