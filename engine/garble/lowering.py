"""From the typed tree and constants to a circuit: functions, statements and blocks.

Every value is a flat array of literals in the order of its encoding (section 16). Calls and loops are expanded; what
a branch changed is merged by :class:`engine.garble.state.State`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from engine.circuit import Builder, Circuit
from engine.garble import typed as t
from engine.garble.constants import Constants
from engine.garble.costs import CostLowering, Costs
from engine.garble.lower_control import ControlLowering
from engine.garble.origins import Origins
from engine.garble.panics import PANIC_BITS, Subjects
from engine.garble.state import State
from engine.garble.types import ArrayT, T
from engine.values import Type


class Lowering(ControlLowering):
    """All parts of the lowering together."""


def parties_of(function: t.TypedFunction, constants: Constants) -> list[tuple[str, Type]]:
    """Names and types of the inputs, one a party: parameters, or the elements of a single array (section 14)."""
    parameters = [(item.name, constants.resolve(item.type, item.span)) for item in function.parameters]
    if is_one_array(function):
        type_ = function.parameters[0].type
        assert isinstance(type_, ArrayT)
        element = constants.resolve(type_.element, function.span)
        name = function.parameters[0].name
        return [(f"{name}[{i}]", element) for i in range(constants.size(type_.size, function.span))]
    return parameters


def is_one_array(function: t.TypedFunction) -> bool:
    """A single parameter ``[T; n]`` or ``[T; N]``: every element belongs to a party of its own."""
    if len(function.parameters) != 1:
        return False
    type_: T = function.parameters[0].type
    return isinstance(type_, ArrayT) and type_.size[0] in ("num", "name")


class Lowered(NamedTuple):
    """A circuit, its costs (on request), and what its panics are about."""

    circuit: Circuit
    costs: Costs | None
    subjects: Subjects


def lower_program(
    functions: Mapping[str, t.TypedFunction],
    entry: t.TypedFunction,
    constants: Constants,
    inputs: list[tuple[str, Type]],
    *,
    check_joins: bool = False,
    costs: bool = False,
) -> Lowered:
    """The circuit of an entry function: 161 panic bits, then the bits of the result."""
    builder = Builder(tuple(type_.bits for _, type_ in inputs))
    words = [builder.input(party) for party in range(len(inputs))]
    origins = Origins([name for name, _ in inputs], words, constants.reporter.source) if check_joins else None
    parts = (builder, State(builder), functions, constants, origins)
    counting = CostLowering(*parts) if costs else None
    lowering = counting or Lowering(*parts)
    if is_one_array(entry):
        words = [np.concatenate(words) if words else np.zeros(0, np.int64)]
    result = lowering.run(entry, words)
    panics = lowering.state.panics
    panic = panics.output(builder, counting.at if counting is not None else None)
    outputs = np.concatenate((panic, result))
    found = counting.costs(outputs) if counting is not None else None
    return Lowered(builder.finish(outputs, keep=False, panic_bits=PANIC_BITS), found, panics.subjects())
