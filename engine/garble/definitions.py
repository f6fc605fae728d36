"""What the items of a program define: types, constants, function signatures (sections 4, 5, 13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from engine.garble import syntax as s
from engine.garble.diagnostics import Reporter, Span
from engine.garble.limits import MAX_TYPE_DEPTH, MAX_TYPE_PARTS
from engine.garble.suggestions import FOREIGN_TYPES
from engine.garble.typed import TypedConst
from engine.garble.types import BOOL, ERROR, INTS, USIZE, ArrayT, ErrorT, NamedT, Size, T, TupleT, show
from engine.values import BoolType, IntType

PRIMITIVES: dict[str, T] = {"bool": BOOL, **INTS}


class Definitions:
    """All items by name, with their types resolved; mistakes go to the reporter."""

    def __init__(self, items: Iterable[s.Item], reporter: Reporter) -> None:
        self.reporter = reporter
        self.structs: dict[str, dict[str, T]] = {}
        self.enums: dict[str, dict[str, tuple[T, ...] | None]] = {}
        self.consts: dict[str, TypedConst] = {}
        self.functions: dict[str, s.FunctionItem] = {}
        self.duplicates: list[s.FunctionItem] = []  # reported; their bodies are checked too
        self.signatures: dict[str, tuple[tuple[T, ...], T]] = {}
        self.externals: dict[tuple[str, str], T] = {}
        self.external_spans: dict[tuple[str, str], Span] = {}  # where each is mentioned first
        self.const_items: dict[str, s.ConstItem] = {}
        self._types: dict[str, s.StructItem | s.EnumItem] = {}
        self._reported: set[str] = set()
        for item in items:
            self._declare(item)
        for const in self.const_items.values():
            self._define_const(const)
        for type_item in self._types.values():
            self._define_type(type_item)
        self._check_recursive_types()
        self.broken = bool(reporter.found)  # something in types and constants was reported
        for function in self.functions.values():
            self.signatures[function.name] = self.signature(function)

    def signature(self, function: s.FunctionItem) -> tuple[tuple[T, ...], T]:
        """Parameter types and result type of a function."""
        return tuple([self.type(parameter.type) for parameter in function.parameters]), self.type(function.result)

    def _declare(self, item: s.Item) -> None:
        space: Any = self._types
        if isinstance(item, s.FunctionItem):
            space = self.functions
        elif isinstance(item, s.ConstItem):
            space = self.const_items
        if item.name in space:
            line = space[item.name].name_span.start_line + 1
            self.reporter.add(
                item.name_span, f"`{item.name}` is defined twice", f"the first is in line {line}; rename one"
            )
            if isinstance(item, s.FunctionItem):
                self.duplicates.append(item)
        elif space is self._types and item.name in PRIMITIVES:
            self.reporter.add(item.name_span, f"`{item.name}` is the name of a primitive type", "rename it")
        elif space is self.functions and item.name == "join":
            self.reporter.add(item.name_span, "`join` is built in and cannot be defined", "rename the function")
        else:
            space[item.name] = item

    # ---- types

    def type(self, node: s.TypeExpr) -> T:
        """The type that is written there."""
        found: T
        if isinstance(node, s.TupleTypeExpr):
            found = TupleT(tuple([self.type(item) for item in node.items]))
        elif isinstance(node, s.ArrayTypeExpr):
            element = self.type(node.element)
            size = self.size(node.size)
            found = ERROR if size is None or isinstance(element, ErrorT) else ArrayT(element, size)
        else:
            return self._named(node)
        return self.sized(found, node.span)

    def _named(self, node: s.NamedType) -> T:
        if node.name in PRIMITIVES:
            return PRIMITIVES[node.name]
        if node.name in self._types:
            return NamedT(node.name, isinstance(self._types[node.name], s.EnumItem))
        hint = self.reporter.near(node.name, [*PRIMITIVES, *self._types])
        if node.name in FOREIGN_TYPES:
            hint = f"did you mean `{FOREIGN_TYPES[node.name]}`?"
        self.reporter.add(node.span, f"unknown type `{node.name}`", hint or "define a struct or an enum")
        return ERROR

    def sized(self, type_: T, span: Span) -> T:
        """The type, or a report that it is written with too many parts."""
        if not isinstance(type_, ArrayT | TupleT):
            return type_
        if type_.depth > MAX_TYPE_DEPTH:
            message = f"the type is nested more than {MAX_TYPE_DEPTH} levels deep"
        elif type_.parts > MAX_TYPE_PARTS:
            message = f"the type has more than {MAX_TYPE_PARTS} parts"
        else:
            return type_
        self._report_once(span, message, "use arrays and structs with fewer parts")
        return ERROR

    def _report_once(self, span: Span, message: str, hint: str) -> None:
        """A type that is too large is usually part of larger ones: the first report is enough."""
        if message not in self._reported:
            self._reported.add(message)
            self.reporter.add(span, message, hint)

    def size(self, node: s.Size) -> Size | None:
        """An array size as written, or None after a mistake."""
        if isinstance(node.value, int):
            return ("num", node.value)
        if isinstance(node.value, str):
            item = self.const_items.get(node.value)
            if item is None:
                hint = self.reporter.near(node.value, self.const_items) or "declare `const NAME: usize = ...;`"
                self.reporter.add(node.span, f"array size `{node.value}` is not a constant", hint)
                return None
            if not (isinstance(item.type, s.NamedType) and item.type.name == "usize"):
                self.reporter.add(
                    node.span, f"array size `{node.value}` is not a usize constant", "declare it as usize"
                )
                return None
            return ("name", node.value)
        tree = self.const_tree(node.value, USIZE, self.const_items)
        return None if tree is None else ("const", tree)

    def _define_type(self, item: s.StructItem | s.EnumItem) -> None:
        names: set[str] = set()
        kind = "field" if isinstance(item, s.StructItem) else "variant"
        for name, _, span in item.fields if isinstance(item, s.StructItem) else item.variants:
            if name in names:
                self.reporter.add(span, f"{kind} `{name}` of `{item.name}` is defined twice", "rename one")
            names.add(name)
        if isinstance(item, s.StructItem):
            self.structs[item.name] = {name: self.type(type_) for name, type_, _ in sorted(item.fields, key=_first)}
        else:
            self.enums[item.name] = {
                name: None if payload is None else tuple([self.type(part) for part in payload])
                for name, payload, _ in item.variants
            }

    def type_span(self, name: str) -> Span:
        """Where a struct or an enum gets its name."""
        return self._types[name].name_span

    def parts(self, name: str) -> list[T]:
        """All types directly inside a struct or enum."""
        if name in self.structs:
            return list(self.structs[name].values())
        return [part for payload in self.enums.get(name, {}).values() for part in payload or ()]

    def _check_recursive_types(self) -> None:
        """No type contains itself, none is too deep. A depth-first search in a loop, as chains may be long."""
        depths: dict[str, int] = {}
        for name in self._types:
            path: dict[str, Iterator[str]] = {name: self._inside(name)} if name not in depths else {}
            while path:
                current = next(reversed(path))
                inner = next(path[current], None)
                if inner is None:
                    del path[current]
                    depths[current] = self._depth(current, depths)
                elif inner in path:
                    members = list(path)
                    self._break_circle(members[members.index(inner) :])
                elif inner not in depths:
                    path[inner] = self._inside(inner)

    def _inside(self, name: str) -> Iterator[str]:
        return iter([inner for part in self.parts(name) for inner in _named_inside(part)])

    def _depth(self, name: str, depths: dict[str, int]) -> int:
        """Levels of a type with all its definitions; reported when there are too many."""
        depth = 1
        for part in self.parts(name):
            below = max([depths.get(inner, 0) for inner in _named_inside(part)], default=0)
            depth = max(depth, 1 + below + (part.depth if isinstance(part, ArrayT | TupleT) else 0))
        if depth <= MAX_TYPE_DEPTH:
            return depth
        message = f"the type is nested more than {MAX_TYPE_DEPTH} levels deep"
        self._report_once(self._types[name].name_span, message, "use arrays and structs with fewer parts")
        self._forget_parts(name)
        return 0

    def _break_circle(self, circle: list[str]) -> None:
        """Report types that contain each other, and end the circle so that nothing later follows it for ever."""
        first = min(circle, key=lambda name: self._types[name].span)
        place = circle.index(first)
        names = [*circle[place:], *circle[:place], first]
        shown = " contains ".join([f"`{name}`" for name in (names if len(names) < 10 else [*names[:8], "...", first])])
        hint = "a value has a fixed size; use an array with a fixed number of elements"
        self.reporter.add(self._types[first].name_span, f"recursive type: {shown}", hint)
        for member in circle:
            self._forget_parts(member)

    def _forget_parts(self, name: str) -> None:
        if name in self.structs:
            self.structs[name] = dict.fromkeys(self.structs[name], ERROR)
            return
        self.enums[name] = {
            variant: None if payload is None else (ERROR,) * len(payload)
            for variant, payload in self.enums[name].items()
        }

    # ---- constants

    def _define_const(self, item: s.ConstItem) -> None:
        type_ = self.type(item.type)
        if isinstance(type_, ErrorT):
            return
        if not isinstance(type_, (BoolType, IntType)):
            self.reporter.add(
                item.type.span,
                f"a constant cannot have the type {show(type_)}",
                "use bool or an integer type",
            )
            return
        tree = self.const_tree(item.value, type_, self.consts)
        if tree is not None:
            self.consts[item.name] = TypedConst(item.name, type_, tree, item.span)

    def const_tree(self, node: s.ConstExpr, expected: T, known: Iterable[str]) -> Size | None:
        """A constant expression of the given type as a tree, or None after a mistake."""
        if isinstance(node, s.ConstLit):
            return self._const_literal(node, expected)
        if isinstance(node, s.ConstExternal):
            self.externals.setdefault((node.party, node.name), expected)
            self.external_spans.setdefault((node.party, node.name), node.span)
            return ("external", node.party, node.name)
        if isinstance(node, s.ConstName):
            return self._const_name(node, expected, known)
        if isinstance(node, s.ConstChoice):
            items = [self.const_tree(item, expected, known) for item in node.items]
            return None if any(item is None for item in items) else (node.function, tuple(items))
        if expected == BOOL:
            self.reporter.add(node.span, f"`{node.rest[0][0]}` does not work on bool constants", "use true or false")
            return None
        return self._const_sum(node, expected, known)

    def _const_sum(self, node: s.ConstSum, expected: T, known: Iterable[str]) -> Size | None:
        """A sum in brackets at the start is part of the sum: the tree is the same."""
        first = self.const_tree(node.first, expected, known)
        rest = [(operator, self.const_tree(term, expected, known)) for operator, term in node.rest]
        if first is None or any(term is None for _, term in rest):
            return None
        if first[0] == "sum":
            return ("sum", first[1], (*first[2], *rest))
        return ("sum", first, tuple(rest))

    def _const_literal(self, node: s.ConstLit, expected: T) -> Size | None:
        if isinstance(node.value, bool):
            found = "bool"
        else:
            found = node.suffix
        if found == show(expected):
            return ("lit", node.value, "" if isinstance(node.value, bool) else node.suffix)
        if expected == BOOL:
            hint = "write `true` or `false`"
        elif found == "bool":
            hint = f"write a number, such as `1{show(expected)}`"
        elif node.value < 0 and show(expected)[0] == "u":
            hint = f"{show(expected)} has no negative numbers"
        else:
            hint = f"write `{node.value}{show(expected)}`"
        self.reporter.add(node.span, f"expected {show(expected)}, found {found or 'a number without type'}", hint)
        return None

    def _const_name(self, node: s.ConstName, expected: T, known: Iterable[str]) -> Size | None:
        item = self.const_items.get(node.name)
        if item is None:
            self.reporter.add(
                node.span, f"unknown constant `{node.name}`", self.reporter.near(node.name, self.const_items)
            )
            return None
        if node.name not in known:
            if known is self.consts and item.span[2:] > node.span[:2]:  # it does not end before this use
                self.reporter.add(
                    node.span,
                    f"constant `{node.name}` is not declared yet",
                    "declare it before its first use",
                )
            return None
        if not (isinstance(item.type, s.NamedType) and item.type.name == show(expected)):
            found = self.type(item.type)
            message = f"expected {show(expected)}, found constant of type {show(found)}"
            self.reporter.add(node.span, message, "all parts of a constant have its type")
            return None
        return ("name", node.name)


def _first(field: tuple[str, s.TypeExpr, s.Span]) -> str:
    return field[0]


def _named_inside(type_: T) -> list[str]:
    if isinstance(type_, NamedT):
        return [type_.name]
    if isinstance(type_, ArrayT):
        return _named_inside(type_.element)
    if isinstance(type_, TupleT):
        return [name for item in type_.items for name in _named_inside(item)]
    return []
