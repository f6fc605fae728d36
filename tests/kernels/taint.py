"""Which branches and addresses of a compiled kernel depend on secrets: data flow over its optimised LLVM code.

Values carry two facts: whether they depend on a secret, and the memory objects they may point into. An object is what
one argument, allocation or constant holds, as a whole; it is secret once a secret is stored in it. What is loaded from
a secret object is secret. Everything is joined over all paths and calls until nothing changes, so a fact may be too
pessimistic, never too optimistic. Reported are conditions of branches, addresses, sizes, masks of memory accesses,
positions in vectors and operands of divisions that depend on a secret; and choices (``select``), because machine code
may make a branch of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numba
from llvmlite import binding as llvm

from engine.kernels.signatures import signature

NOTHING: tuple[bool, frozenset[str]] = (False, frozenset())
#: Memory management of numba: the new object does not depend on what is in the others.
ALLOCATE = ("NRT_MemInfo_alloc", "NRT_Allocate")
HARMLESS = (
    "NRT_incref",
    "NRT_decref",
    "NRT_Free",
    "NRT_MemInfo_call_dtor",
    "llvm.lifetime",
    "llvm.assume",
    "llvm.trap",
)
HARMLESS += ("llvm.experimental.noalias", "llvm.dbg", "llvm.prefetch")


def compile_fresh(name: str, function: Any, types: tuple[Any, ...] | None = None) -> Any:
    """The dispatcher of a kernel compiled outside the cache, which keeps no LLVM code."""
    dispatcher = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function)
    dispatcher.compile(types or signature(name))
    return dispatcher


def leaks(dispatcher: Any, public: frozenset[str]) -> list[str]:
    """Where the compiled kernel depends on a secret; secret is what its arguments hold, but for those in ``public``."""
    types = dispatcher.signatures[0]
    names = dispatcher.py_func.__code__.co_varnames[: len(types)]
    module = llvm.parse_assembly(dispatcher.inspect_llvm(types))
    entry = dispatcher.overloads[types].fndesc.llvm_func_name
    analysis = _Analysis(module)
    analysis.run(entry, list(_arguments(names, types, public)))
    return sorted(analysis.found)


def _arguments(names: tuple[str, ...], types: tuple[Any, ...], public: frozenset[str]) -> Iterator[tuple[bool, str]]:
    """(secret value, object it points to) per argument of the LLVM function, and the name of secret objects."""
    yield False, "result"
    yield False, "error"
    for name, kind in zip(names, types, strict=True):
        if not isinstance(kind, numba.types.Array):
            yield (kind == numba.types.uint64 and name not in public), ""
            continue
        yield False, f"{name}.owner"
        yield False, f"{name}.parent"
        yield False, ""  # number of items
        yield False, ""  # their size
        yield False, name if name in public else f"secret {name}"
        for _ in range(2 * kind.ndim):
            yield False, ""


@dataclass
class _Analysis:
    module: Any
    values: dict[int, tuple[bool, frozenset[str]]] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)
    points: dict[str, frozenset[str]] = field(default_factory=dict)
    results: dict[str, tuple[bool, frozenset[str]]] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    attributed: set[int] = field(default_factory=set)
    changed: bool = True

    def run(self, entry: str, arguments: list[tuple[bool, str]]) -> None:
        function = self.module.get_function(entry)
        parameters = list(function.arguments)
        assert len(parameters) == len(arguments), (len(parameters), len(arguments))
        for parameter, (hidden, target) in zip(parameters, arguments):
            self._set(parameter, hidden, frozenset([target] if target else []))
            if target.startswith("secret "):
                self.secret.add(target)
        self.reached.add(entry)
        while self.changed:
            self.changed = False
            for name in sorted(self.reached):
                for block in self.module.get_function(name).blocks:
                    for instruction in block.instructions:
                        self._step(name, instruction)
        self._check_complete()

    def _check_complete(self) -> None:
        """Every access must belong to an object that is known; otherwise nothing could be concluded."""
        for name in self.reached:
            for block in self.module.get_function(name).blocks:
                for instruction in block.instructions:
                    if instruction.opcode in ("load", "store") and _key(instruction) not in self.attributed:
                        self._report("unknown memory", instruction)

    # -- facts ---------------------------------------------------------------------------------------------------

    def _set(self, value: Any, hidden: bool, targets: frozenset[str]) -> None:
        key = _key(value)
        old = self.values.get(key, NOTHING)
        new = (old[0] or hidden, old[1] | targets)
        if new != old:
            self.values[key] = new
            self.changed = True

    def _of(self, value: Any) -> tuple[bool, frozenset[str]]:
        if value.value_kind == llvm.ValueKind.global_variable:
            return False, frozenset([value.name])
        return self.values.get(_key(value), NOTHING)

    def _taint(self, targets: frozenset[str]) -> None:
        if not targets <= self.secret:
            self.secret |= targets
            self.changed = True

    def _report(self, what: str, instruction: Any) -> None:
        self.found.add(f"{what}: {str(instruction).strip()}")

    # -- instructions --------------------------------------------------------------------------------------------

    def _step(self, function: str, instruction: Any) -> None:
        opcode = instruction.opcode
        operands = list(instruction.operands)
        if opcode in ("br", "switch"):
            if len(operands) > 1 and self._of(operands[0])[0]:
                self._report("branch", instruction)
        elif opcode == "load":
            self._load(instruction, operands[0])
        elif opcode == "store":
            self._store(instruction, operands[0], operands[1])
        elif opcode in ("call", "invoke"):
            self._call(instruction, operands)
        elif opcode == "alloca":
            self._set(instruction, False, frozenset([f"local {_key(instruction)}"]))
        elif opcode == "ret":
            if operands:
                hidden, targets = self._of(operands[0])
                self._result(function, hidden, targets)
        else:
            self._compute(instruction, opcode, operands)

    def _compute(self, instruction: Any, opcode: str, operands: list[Any]) -> None:
        facts = [self._of(operand) for operand in operands]
        if opcode in ("udiv", "sdiv", "urem", "srem") and any(hidden for hidden, _ in facts):
            self._report("division", instruction)
        if opcode == "select" and facts[0][0]:
            self._report("choice", instruction)
        if opcode in ("extractelement", "insertelement") and facts[-1][0]:
            self._report("position in a vector", instruction)
        targets = frozenset[str]().union(*(fact[1] for fact in facts))
        self._set(instruction, any(hidden for hidden, _ in facts), targets)

    def _load(self, instruction: Any, address: Any) -> None:
        hidden, targets = self._of(address)
        self._access(instruction, hidden, targets)
        pointed = self._pointers_in(targets) if "ptr" in str(instruction.type) else frozenset[str]()
        self._set(instruction, hidden or bool(targets & self.secret), pointed)

    def _access(self, instruction: Any, hidden: bool, targets: frozenset[str]) -> None:
        if hidden:
            self._report("address", instruction)
        if targets:
            self.attributed.add(_key(instruction))

    def _pointers_in(self, targets: frozenset[str]) -> frozenset[str]:
        """What pointers kept in these objects point to; a pointer nobody stored here leads to an object of its own."""
        found = frozenset[str]()
        for target in targets:
            known = self.points.get(target)
            found |= known if known else frozenset([target if target.endswith("*") else target + "*"])
        return found

    def _store(self, instruction: Any, value: Any, address: Any) -> None:
        hidden, targets = self._of(address)
        self._access(instruction, hidden, targets)
        secret, pointed = self._of(value)
        if secret:
            self._taint(targets)
        for target in targets if pointed else ():
            new = self.points.get(target, frozenset()) | pointed
            if new != self.points.get(target):
                self.points[target] = new
                self.changed = True

    # -- calls ---------------------------------------------------------------------------------------------------

    def _call(self, instruction: Any, operands: list[Any]) -> None:
        *arguments, callee = operands
        name = callee.name
        facts = [self._of(argument) for argument in arguments]
        hidden = any(fact[0] for fact in facts)
        targets = frozenset[str]().union(*(fact[1] for fact in facts))
        if callee.value_kind == llvm.ValueKind.inline_asm:  # the empty one of simd.hidden
            self._set(instruction, hidden, targets)
            return
        if name.startswith(HARMLESS):
            return
        if name.startswith(ALLOCATE):
            if hidden:
                self._report("size", instruction)
            self._set(instruction, False, frozenset([f"allocated {_key(instruction)}"]))
        elif name.startswith(("llvm.memcpy", "llvm.memmove", "llvm.memset")):
            if facts[0][0] or facts[2][0] or (facts[1][0] and not name.startswith("llvm.memset")):
                self._report("size or address", instruction)
            if facts[1][0] or facts[1][1] & self.secret:
                self._taint(facts[0][1])
        elif name.startswith(("llvm.masked", "llvm.vp.")):
            self._masked(instruction, name, facts)
        elif name.startswith("llvm.") and not targets:
            self._set(instruction, hidden, targets)
        elif any(True for _ in self.module.get_function(name).blocks):
            self._enter(instruction, name, facts)
        elif hidden or targets & self.secret:
            self._report(f"unknown function {name}", instruction)

    def _masked(self, instruction: Any, name: str, facts: list[tuple[bool, frozenset[str]]]) -> None:
        storing = ".store" in name or ".scatter" in name
        if any(fact[0] for fact in (facts[1:] if storing else facts[:-1])):
            self._report("address or mask", instruction)
        targets = facts[1 if storing else 0][1]
        if storing and facts[0][0]:
            self._taint(targets)
        elif not storing:
            self._set(instruction, facts[-1][0] or bool(targets & self.secret), frozenset())

    def _enter(self, instruction: Any, name: str, facts: list[tuple[bool, frozenset[str]]]) -> None:
        for parameter, fact in zip(self.module.get_function(name).arguments, facts):
            self._set(parameter, *fact)
        if name not in self.reached:
            self.reached.add(name)
            self.changed = True
        self._set(instruction, *self.results.get(name, NOTHING))

    def _result(self, function: str, hidden: bool, targets: frozenset[str]) -> None:
        old = self.results.get(function, NOTHING)
        new = (old[0] or hidden, old[1] | targets)
        if new != old:
            self.results[function] = new
            self.changed = True


def _key(value: Any) -> int:
    address = ctypes.cast(value._ptr, ctypes.c_void_p).value
    assert address is not None
    return address
