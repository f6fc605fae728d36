"""What the other parties learn from this one, in words for people (``polytune check``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.redaction import clean
from engine.run.job import FUNCTION, Job
from engine.sources import Constant, LiteralConstant, MaxBytes, SqlConstant


@dataclass(frozen=True)
class PublicConstant:
    """A constant that everybody sees; ``value`` is None while only a run (or ``--db``) can know it."""

    name: str
    meaning: str
    value: int | bool | None


@dataclass(frozen=True)
class Disclosure:
    """Constants, who learns the result, and what else the others see of this party."""

    constants: tuple[PublicConstant, ...]
    result_type: str
    result_parties: tuple[int, ...]
    others: tuple[str, ...]
    kept: str

    def to_json(self) -> dict[str, Any]:
        """The object of ``polytune check --json``."""
        return asdict(self)


def disclosure(job: Job, values: Mapping[str, int | bool], result_type: str) -> Disclosure:
    """What a run with this policy discloses; ``values`` are the constants as far as they are known."""
    policy = job.policy
    owner, counts = f"PARTY_{policy.party}", job.program.row_counts(FUNCTION)
    constants = []
    for name in job.declared:
        meaning = _meaning(policy.constants[name])
        if (owner, name) in counts:
            meaning = f"the number of rows in '{counts[owner, name]}', {meaning}"
        constants.append(PublicConstant(f"{owner}::{name}", meaning, values.get(name)))
    return Disclosure(tuple(constants), result_type, tuple(sorted(policy.output_parties)), _others(job), KEPT)


def _meaning(constant: Constant) -> str:
    if isinstance(constant, LiteralConstant):
        return "written in the policy"
    if isinstance(constant, MaxBytes):
        column = f"'{constant.column}'" if isinstance(constant.column, str) else f"number {constant.column + 1}"
        return f"the length in bytes of the longest value in column {column} of your rows"
    if isinstance(constant, SqlConstant):
        return f"the answer of {clean(' '.join(constant.sql.split()))}"
    return "counted from your rows"


def _others(job: Job) -> tuple[str, ...]:
    policy = job.policy
    return (
        f"the terms of the run: the parties and their addresses, the program (sha256 {policy.program.sha256[:12]}...), "
        "who leads and who receives the result",
        f"the type of your input, {job.schema}; with the constants it says how many rows of which size you bring",
        "what is done to texts before they become bytes: hash:N, normal form and case of each column",
        "the size of the circuit, which follows from the program and all constants",
        "what this machine offers: memory (limits.memory), threads, sizes of messages, measured speed of the links",
        "when you take part, how long your steps take, how many bytes you send, and that a run failed",
    )


#: What stays here.
KEPT = (
    "Not disclosed: your rows and their order, the texts of queries, database addresses and users, and the reason "
    "of an error in your data."
)
