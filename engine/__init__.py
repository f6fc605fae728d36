"""The public interface of the engine; everything is loaded on first use (PEP 562)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.circuit import Circuit
    from engine.errors import GarbleError, GarblePanic, PolytuneError, ProtocolAbort
    from engine.garble import Program, compile_program, parse_json_literal, to_json_literal
    from engine.mpc import SimulationResult, run_mpc, simulate
    from engine.values import Literal

_HOMES = {
    "Circuit": "engine.circuit",
    "GarbleError": "engine.errors",
    "GarblePanic": "engine.errors",
    "PolytuneError": "engine.errors",
    "ProtocolAbort": "engine.errors",
    "Program": "engine.garble",
    "compile_program": "engine.garble",
    "parse_json_literal": "engine.garble",
    "to_json_literal": "engine.garble",
    "Literal": "engine.values",
    "SimulationResult": "engine.mpc",
    "run_mpc": "engine.mpc",
    "simulate": "engine.mpc",
}

__all__ = [
    "Circuit",
    "GarbleError",
    "GarblePanic",
    "Literal",
    "PolytuneError",
    "Program",
    "ProtocolAbort",
    "SimulationResult",
    "compile_program",
    "parse_json_literal",
    "run_mpc",
    "simulate",
    "to_json_literal",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
