"""Boolean circuits as arrays: normal form, evaluation, builder, joins, slots, Bristol Fashion. No cryptography here."""

from __future__ import annotations

from engine.circuit.builder import Builder
from engine.circuit.errors import CircuitError
from engine.circuit.ir import FALSE, TRUE, Circuit, circuit_digest
from engine.circuit.slots import ExecutionPlan

__all__ = ["FALSE", "TRUE", "Builder", "Circuit", "CircuitError", "ExecutionPlan", "circuit_digest"]
