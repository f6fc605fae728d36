"""Own rows, or the literal of the policy, as input bits."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import redaction
from engine.errors import DataError
from engine.run.job import FUNCTION, Job
from engine.run.rowterms import check_collisions
from engine.values import Type, from_json

if TYPE_CHECKING:
    from engine.data import EncodedRows, Snapshot
    from engine.garble import Program, Signature

log = logging.getLogger("polytune")


def encode_input(job: Job, program: Program | Signature, snapshot: Snapshot, key: bytes | None = None) -> np.ndarray:
    """Own rows as input bits, uint8 of 0/1, and in the log what is odd about them; raises DataError as `convert_input`.

    ``key`` is that of hashed columns in the run; without one, as for a check beforehand, it is random.
    """
    encoded = convert_input(job, program, snapshot, key)
    for warning in encoded.warnings:
        log.warning("%s", warning)
    if encoded.sorted:
        name = program.parameter_names[job.policy.party]
        log.info("sorted %d rows by join key of '%s'", encoded.rows, name)
    return encoded.bits


def convert_input(job: Job, program: Program | Signature, snapshot: Snapshot, key: bytes | None = None) -> EncodedRows:
    """The same without a word in the log; raises DataError naming rows and columns."""
    from engine.data import EncodedRows

    policy = job.policy
    parameter, name = program.parameter_types[policy.party], program.parameter_names[policy.party]
    if policy.input is None:
        if parameter.bits == 0:
            return EncodedRows(np.zeros(0, np.uint8), sorted=False)
        raise DataError(
            f"the policy has no input, but parameter '{name}' of party {policy.party} needs one",
            "add 'input' to the policy",
        )
    options: dict[str, Any] = {
        "parameter_name": name,
        "sort": policy.input.sort,
        "joins": job.joins,
        "allow_duplicates": policy.input.allow_duplicates,
    }
    if policy.input.literal is not None:
        return _encode_literal(policy.input.literal, parameter, options)
    check_collisions(snapshot.rules, program.parameter_types)
    return _encode_table(job, parameter, snapshot, {**options, "key": key or secrets.token_bytes(32)})


def _encode_table(job: Job, parameter: Type, snapshot: Snapshot, options: dict[str, Any]) -> EncodedRows:
    from engine.data import encode_rows

    return encode_rows(
        snapshot.rows,
        parameter,
        database_kind=snapshot.kind,
        party=job.policy.party,
        size_name=size_name(job),
        rules=snapshot.rules,
        show_values=redaction.values_shown(),
        **options,
    )


def size_name(job: Job) -> str:
    """The constant that sizes the own parameter, as the program names it: ``PARTY_0::ROWS``; empty without one."""
    parameters = job.program.function(FUNCTION).parameters
    names = [parameters[job.policy.party].name] if job.policy.party < len(parameters) else []
    counts = job.program.row_counts(FUNCTION)
    return next((f"{owner}::{name}" for (owner, name), parameter in counts.items() if parameter in names), "")


def _encode_literal(literal: Any, parameter: Type, options: dict[str, Any]) -> EncodedRows:
    from engine.data import encode_value

    value = _of_text(parameter, literal) if _is_text(literal) else _of_json(parameter, literal)
    return encode_value(value, parameter, **options)


def _is_text(literal: Any) -> bool:
    return isinstance(literal, str) and literal not in ("True", "False")


def _of_text(parameter: Type, text: str) -> Any:
    """The value of a text of the language. The text is private: a message tells only where it is wrong."""
    from engine.garble.literals import LiteralProblem, parse_literal

    try:
        return parse_literal(parameter, text)
    except LiteralProblem as problem:
        line, column = problem.span.start_line + 1, problem.span.start_column + 1
        raise _unfit(parameter, f" (line {line} column {column} of the literal)" if line > 0 else "") from None


def _of_json(parameter: Type, obj: Any) -> Any:
    try:
        return from_json(parameter, obj)
    except ValueError as error:
        row = _first_wrong(parameter, obj)
        raise _unfit(parameter, f" ({f'element {row}: ' if row else ''}{error})") from None


def _first_wrong(parameter: Any, obj: Any) -> int:
    """Number, from 1, of the first element of an array that is no value of its type; 0 when it is not that."""
    items = obj.get("Array") if isinstance(obj, dict) else None
    if not isinstance(items, list) or len(items) != getattr(parameter, "size", -1):
        return 0
    for number, item in enumerate(items, 1):
        try:
            from_json(parameter.element, item)
        except ValueError:
            return number
    return 0


def _unfit(parameter: Type, where: str) -> DataError:
    return DataError(
        f"input.literal is not a value of the parameter's type {parameter}{where}",
        "write it like an argument of 'polytune eval', or in JSON form",
    )
