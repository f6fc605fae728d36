"""From source text to programs: check once, compile for an entry function and constants (design, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine.circuit import Circuit
from engine.errors import GarbleError
from engine.garble import typed as t
from engine.garble.checker import check
from engine.garble.constants import Constants
from engine.garble.costs import Costs
from engine.garble.definitions import Definitions
from engine.garble.diagnostics import NOWHERE, Diagnostic, Reporter, make_error
from engine.garble.expansion import require_buildable
from engine.garble.lexer import scan
from engine.garble.literals import LiteralProblem, literal_error, parse_literal
from engine.garble.lowering import is_one_array, lower_program, parties_of
from engine.garble.nesting import Stage, large_programs
from engine.garble.panics import PANIC_BITS, Subjects, read_panic
from engine.garble.parser import parse
from engine.garble.suggestions import did_you_mean
from engine.garble.types import ArrayT, NamedT, TupleT, is_octets
from engine.values import BoolType, IntType, Literal, Type, decode, encode, from_json, to_json

MAX_NAMED = 8  # parameters that a message lists


@dataclass(frozen=True)
class Program:
    """A compiled entry function."""

    circuit: Circuit
    function: str
    parameter_names: tuple[str, ...]
    parameter_types: tuple[Type, ...]
    result_type: Type
    constants: dict[str, int | bool]
    source: str = field(repr=False, default="")
    filename: str | None = None
    costs: Costs | None = field(repr=False, default=None)  # where its AND gates come from, if asked for
    subjects: Subjects = field(repr=False, default_factory=dict)  # what a panic at a place is about

    @property
    def parties(self) -> int:
        """Number of input parties."""
        return len(self.parameter_types)

    def encode(self, party: int, literal: Any) -> np.ndarray:
        """Input bits of a party, uint8 of 0/1: ``literal`` is a text, a Literal, or a plain Python value."""
        if not 0 <= party < self.parties:
            raise literal_error(LiteralProblem(f"the program has {self.parties} parties"), f"party {party}")
        type_, name = self.parameter_types[party], self.parameter_names[party]
        what = f"argument {party + 1} (`{name}`: {type_})"
        text = literal if isinstance(literal, str) else ""
        try:
            if isinstance(literal, str):
                literal = parse_literal(type_, literal)
            elif isinstance(literal, Literal):
                literal = literal.value if literal.type == type_ else retyped(literal, type_)
            return encode(type_, literal)
        except LiteralProblem as problem:
            raise literal_error(problem, what, text) from None
        except (ValueError, OverflowError) as error:
            raise literal_error(LiteralProblem(str(error)), what) from None

    def decode(self, bits: Any) -> Literal:
        """The result in output bits (161 panic bits, then the value).

        Raises GarblePanic, GarbleError (input) for an enum tag without variant, ValueError for a wrong number of bits.
        """
        value = self.value_bits(bits)
        try:
            return Literal(self.result_type, decode(self.result_type, value))
        except ValueError as error:  # a party gave an enum tag that no variant has
            raise literal_error(LiteralProblem(str(error)), "result") from None

    def value_bits(self, bits: Any) -> np.ndarray:
        """The bits of the value in output bits; raises GarblePanic, ValueError for a wrong number of bits."""
        array = np.asarray(bits, dtype=np.uint8).reshape(-1)
        if array.size != PANIC_BITS + self.result_type.bits:
            raise ValueError(f"{PANIC_BITS + self.result_type.bits} output bits expected, not {array.size}")
        panic = read_panic(array, self.source, self.filename, self.subjects)
        if panic is not None:
            raise panic
        return array[PANIC_BITS:]

    def evaluate(self, arguments: Sequence[Any]) -> str:
        """Plain evaluation: one literal a party, result as text. Raises GarbleError (input) and GarblePanic."""
        if len(arguments) != self.parties:
            parameters = zip(self.parameter_names[:MAX_NAMED], self.parameter_types)
            wanted = ", ".join([f"{name}: {type_}" for name, type_ in parameters])
            more = ", ..." if self.parties > MAX_NAMED else ""
            problem = LiteralProblem(f"one argument a party is needed ({wanted}{more})")
            raise literal_error(problem, f"`{self.function}` has {self.parties} parties, {len(arguments)} given")
        inputs = [self.encode(party, literal) for party, literal in enumerate(arguments)]
        return str(self.decode(self.circuit.evaluate(inputs)))


class Signature(NamedTuple):
    """Names and types of the inputs, one a party, and the type of the result."""

    parameter_names: tuple[str, ...]
    parameter_types: tuple[Type, ...]
    result_type: Type


@dataclass(frozen=True)
class TypedProgram:
    """A checked program: no value of an external constant is needed yet."""

    definitions: Definitions = field(repr=False)
    functions: dict[str, t.TypedFunction] = field(repr=False)
    source: str = field(repr=False)
    filename: str | None = None

    @property
    def external_constants(self) -> dict[tuple[str, str], IntType | BoolType]:
        """(party name, constant name) -> type, for every value that compilation needs from outside."""
        return dict(self.definitions.externals)  # type: ignore[arg-type]

    def function(self, name: str = "main") -> t.TypedFunction:
        """A public function; GarbleError of category ``compile`` when there is none of that name."""
        found = self.functions.get(name)
        if found is not None and found.public:
            return found
        public = [item.name for item in self.functions.values() if item.public]
        if found is not None:
            span, message, hint = found.span, f"entry function `{name}` is not public", "declare it `pub fn`"
        else:
            span, message = NOWHERE, f"entry function `{name}` not found"
            hint = did_you_mean(name, public) or (f"public are: {', '.join(public)}" if public else "")
        raise self._error(Diagnostic(span, message, hint))

    def parties(self, function: str = "main") -> int | None:
        """Number of input parties; None when it is the value of a constant."""
        entry = self.function(function)
        if not is_one_array(entry):
            return len(entry.parameters)
        type_ = entry.parameters[0].type
        assert isinstance(type_, ArrayT)
        return int(type_.size[1]) if type_.size[0] == "num" else None

    def join_parameters(self, function: str = "main") -> set[int]:
        """Numbers of the parameters that are passed directly to ``join`` or ``join_iter``, never assigned."""
        entry = self.function(function)
        numbers = {parameter.var: number for number, parameter in enumerate(entry.parameters)}
        joined: set[int] = set()
        for node in t.walk(entry.body):
            if isinstance(node, t.ForJoin | t.JoinOf):
                joined |= {side.var for side in (node.left, node.right) if isinstance(side, t.Use)}
        assigned = {node.var for node in t.walk(entry.body) if isinstance(node, t.AssignTo)}
        return {numbers[var] for var in joined - assigned if var in numbers}

    def row_counts(self, function: str = "main") -> dict[tuple[str, str], str]:
        """External constants that are the number of elements of a parameter -> the name of that parameter."""
        found = {}
        for parameter in self.function(function).parameters:
            size = parameter.type.size if isinstance(parameter.type, ArrayT) else ("num", 0)
            while size[0] in ("name", "const"):
                size = self.definitions.consts[size[1]].value if size[0] == "name" else size[1]
            if size[0] == "external":
                found[size[1], size[2]] = parameter.name
        return found

    def text_fields(self, function: str = "main", party: int = 0) -> list[bool] | dict[str, bool]:
        """Which columns of a party's rows are ``[u8; N]``: by place, or by lower-case name of the field of a struct."""
        parameters = self.function(function).parameters
        type_ = parameters[min(party, len(parameters) - 1)].type
        if isinstance(type_, ArrayT) and is_one_array(self.function(function)):
            type_ = type_.element
        if isinstance(type_, ArrayT) and not is_octets(type_):
            type_ = type_.element
        if isinstance(type_, TupleT):
            return [is_octets(item) for item in type_.items]
        if isinstance(type_, NamedT) and not type_.is_enum:
            return {name.lower(): is_octets(item) for name, item in self.definitions.structs[type_.name].items()}
        return [is_octets(type_)]

    def signature(self, function: str = "main", consts: Mapping[str, Mapping[str, Any]] | None = None) -> Signature:
        """What goes in and comes out, for values of the external constants: quick, nothing is compiled."""
        entry = self.function(function)
        reporter = Reporter(self.source, self.filename)
        with large_programs(Stage("compile"), reporter):
            constants = Constants(self.definitions, consts, reporter)
            inputs = parties_of(entry, constants)
            result = constants.resolve(entry.result, entry.span)
            return Signature(tuple(name for name, _ in inputs), tuple(type_ for _, type_ in inputs), result)

    def compile(
        self,
        function: str = "main",
        consts: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        check_joins: bool = False,
        costs: bool = False,
    ) -> Program:
        """The program for an entry function and values of the external constants; see :func:`compile_program`."""
        entry = self.function(function)
        reporter = Reporter(self.source, self.filename)
        with large_programs(Stage("compile"), reporter):
            constants = Constants(self.definitions, consts, reporter)
            inputs = parties_of(entry, constants)
            result = constants.resolve(entry.result, entry.span)
            if sum(type_.bits for _, type_ in inputs) == 0:
                message = f"the parameters of `{function}` have no bits, so there is nothing to compute on"
                raise self._error(Diagnostic(entry.span, message, "add a parameter with a value"))
            require_buildable(self.functions, entry, constants)
            lowered = lower_program(self.functions, entry, constants, inputs, check_joins=check_joins, costs=costs)
        names = tuple(name for name, _ in inputs)
        types = tuple(type_ for _, type_ in inputs)
        externals = dict(constants.externals)
        texts = self.source, self.filename
        return Program(
            lowered.circuit, function, names, types, result, externals, *texts, lowered.costs, lowered.subjects
        )

    def _error(self, diagnostic: Diagnostic) -> GarbleError:
        return make_error("compile", [diagnostic], self.source, self.filename)


def check_program(source: str, filename: str | None = None) -> TypedProgram:
    """Scan, parse and check a program. Raises GarbleError of category scan, parse or type."""
    reporter, stage = Reporter(source, filename), Stage("scan")
    with large_programs(stage, reporter):
        tokens = scan(source, reporter)
        reporter.raise_if_any("scan")
        stage.category = "parse"
        items = parse(tokens, reporter)
        reporter.raise_if_any("parse")
        stage.category = "type"
        definitions, functions = check(items, reporter)
        reporter.raise_if_any("type")
    return TypedProgram(definitions, functions, source, filename)


def compile_program(
    source: str,
    function: str = "main",
    consts: Mapping[str, Mapping[str, Any]] | None = None,
    filename: str | None = None,
    check_joins: bool = False,
    *,
    costs: bool = False,
) -> Program:
    """Check and compile. ``consts``: party name -> constant name -> int, bool or literal text.

    With ``check_joins`` every ``join`` and ``join_iter`` panics (JoinOrder) unless the keys of both arrays are strictly
    ascending; n rows with keys of k bits cost about (n - 1)(k + 1) ANDs. With ``costs`` the program tells where its AND
    gates come from (:attr:`Program.costs`); the circuit is the same.
    """
    return check_program(source, filename).compile(function, consts, check_joins=check_joins, costs=costs)


def retyped(literal: Literal, type_: Type) -> Any:
    """The value of a literal whose type was put together elsewhere; number types must match exactly."""
    return from_json(type_, to_json(literal.type, literal.value))
