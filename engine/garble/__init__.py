"""The language: lexer, parser, checker, lowering, literals, diagnostics. Depends on the circuit room only."""

from __future__ import annotations

from engine.garble.literals import parse_json_literal, to_json_literal
from engine.garble.program import Program, Signature, TypedProgram, check_program, compile_program

__all__ = [
    "Program",
    "Signature",
    "TypedProgram",
    "check_program",
    "compile_program",
    "parse_json_literal",
    "to_json_literal",
]
