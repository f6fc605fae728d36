"""The circuits that can be measured, with seeded inputs.

Inputs are drawn from a seeded generator so that every process makes the same ones; they are test data, and
the protocol's own randomness does not come from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from engine import Circuit

NAMES = ("and", "join", "bristol")


@dataclass(frozen=True)
class CaseSpec:
    """What the user asked for; travels to child processes as JSON."""

    name: str
    parties: int | None = None
    ands: int = 1_000_000
    rows: int = 1000
    key_bytes: int = 16
    file: str | None = None
    function: str = "main"
    consts: dict[str, dict[str, Any]] = field(default_factory=dict)
    seed: int = 1


@dataclass(frozen=True)
class Case:
    """A circuit and one uint8 array of 0/1 per party."""

    circuit: Circuit
    inputs: list[np.ndarray]
    expected_count: int | None = None

    @property
    def parties(self) -> int:
        """Number of input parties."""
        return len(self.inputs)

    def evaluate(self) -> np.ndarray:
        """The plain answer: uint8 bits of all outputs. For `join` it is checked against a plain set
        intersection."""
        outputs = self.circuit.evaluate(self.inputs)
        if self.expected_count is not None:
            counted = int("".join(str(int(bit)) for bit in outputs[-32:]), 2)
            if counted != self.expected_count:
                raise AssertionError(f"the circuit counts {counted} matches, a plain loop {self.expected_count}")
        return outputs


def build(spec: CaseSpec) -> Case:
    """Compile the circuit of ``spec`` and draw its inputs; raises UsageError or GarbleError."""
    if spec.name == "and":
        return _and_case(spec)
    if spec.name == "join":
        return _join_case(spec)
    if spec.name == "bristol":
        return _bristol_case(spec)
    return _program_case(spec)


def _and_case(spec: CaseSpec) -> Case:
    from engine.circuit.bench import and_chain

    circuit = and_chain(spec.ands, spec.parties or 2, spec.seed)
    return Case(circuit, _random_inputs(circuit, spec.seed))


def _bristol_case(spec: CaseSpec) -> Case:
    import engine

    if spec.file is None:
        raise UsageError("the case bristol needs a circuit", "add --file CIRCUIT.txt")
    circuit = engine.Circuit.from_bristol(spec.file)
    _check_parties(spec, len(circuit.input_bits))
    return Case(circuit, _random_inputs(circuit, spec.seed))


def _program_case(spec: CaseSpec) -> Case:
    import engine

    path = Path(spec.name)
    if not path.is_file():
        raise UsageError(
            f"{spec.name!r} is neither a case ({', '.join(NAMES)}) nor a program file",
            "name one of the cases or the path of a program",
        )
    source = path.read_text(encoding="utf-8")
    program = engine.compile_program(source, function=spec.function, consts=spec.consts, filename=path.name)
    _check_parties(spec, program.parties)
    return Case(program.circuit, _random_inputs(program.circuit, spec.seed))


def _check_parties(spec: CaseSpec, has: int) -> None:
    if spec.parties is not None and spec.parties != has:
        raise UsageError(
            f"this circuit has inputs of {has} parties, --parties says {spec.parties}", f"use --parties {has}"
        )
    if has < 2:
        raise UsageError("this circuit has the input of one party only", "a computation needs two or more")


def _random_inputs(circuit: Circuit, seed: int) -> list[np.ndarray]:
    import numpy as np

    draw = np.random.default_rng([seed, 1])
    return [draw.integers(0, 2, bits, dtype=np.uint8) for bits in circuit.input_bits]


# -- join ----------------------------------------------------------------------------------------------------


def join_source(parties: int) -> str:
    """The program of the case `join`: count equal keys of parties 0 and 1; others add a number of their
    own."""
    extra = "".join(f", extra_{party}: u32" for party in range(2, parties))
    terms = "".join(f" + extra_{party}" for party in range(2, parties))
    return f"""
const ROWS_0: usize = PARTY_0::ROWS;
const ROWS_1: usize = PARTY_1::ROWS;
const KEY_BYTES: usize = PARTY_0::KEY_BYTES;

pub fn main(left: [([u8; KEY_BYTES], u8); ROWS_0], right: [([u8; KEY_BYTES], u8); ROWS_1]{extra}) -> u32 {{
    let mut matches = 0u32;
    for ((_, _), (_, _)) in join_iter(left, right) {{
        matches += 1u32;
    }}
    matches{terms}
}}
"""


def _join_case(spec: CaseSpec) -> Case:
    import numpy as np

    import engine

    parties = spec.parties or 2
    consts = {"PARTY_0": {"ROWS": spec.rows, "KEY_BYTES": spec.key_bytes}, "PARTY_1": {"ROWS": spec.rows}}
    program = engine.compile_program(join_source(parties), consts=consts, filename="join.garble.rs")
    draw = np.random.default_rng([spec.seed, 2])
    left, right, common = _join_keys(draw, spec.rows, spec.key_bytes)
    inputs = [_row_bits(left, draw), _row_bits(right, draw)]
    extras = draw.integers(0, 1000, parties - 2)
    inputs += [np.unpackbits(np.array([value], dtype=">u4").view(np.uint8)) for value in extras]
    return Case(program.circuit, inputs, expected_count=common + int(extras.sum()))


def _join_keys(draw: np.random.Generator, rows: int, key_bytes: int) -> tuple[Any, Any, int]:
    """Two (rows, key_bytes) uint8 arrays of strictly ascending keys, about half of them common, and how many
    are."""
    import numpy as np

    if 256 ** min(key_bytes, 8) < 3 * rows:
        raise UsageError(f"{key_bytes} key bytes cannot hold {rows} different keys on each side", "raise --key-bytes")
    pool = _distinct_keys(draw, rows + (rows + 1) // 2, key_bytes)
    first = pool[:rows]
    second = pool[len(pool) - rows :]
    common = len(set(map(bytes, first)) & set(map(bytes, second)))
    return _ascending(np, first), _ascending(np, second), common


def _distinct_keys(draw: np.random.Generator, count: int, key_bytes: int) -> Any:
    import numpy as np

    keys = np.empty((0, key_bytes), dtype=np.uint8)
    while len(keys) < count:
        more = draw.integers(0, 256, (count - len(keys) + 8, key_bytes), dtype=np.uint8)
        keys = np.unique(np.concatenate([keys, more]), axis=0)
    return draw.permutation(keys)[:count]


def _ascending(np: Any, keys: Any) -> Any:
    return keys[np.lexsort(keys.T[::-1])]


def _row_bits(keys: Any, draw: np.random.Generator) -> np.ndarray:
    """Rows of key bytes and one random byte as bits, most significant first, in the order of the language."""
    import numpy as np

    values = draw.integers(0, 256, (len(keys), 1), dtype=np.uint8)
    return np.unpackbits(np.concatenate([keys, values], axis=1).reshape(-1))


def spec_from_json(record: dict[str, Any]) -> CaseSpec:
    """The inverse of ``dataclasses.asdict``; unknown keys raise TypeError."""
    return CaseSpec(**record)


def describe(spec: CaseSpec) -> str:
    """One line for people."""
    if spec.name == "and":
        return f"and: {spec.ands:,} AND gates"
    if spec.name == "join":
        return f"join: 2 x {spec.rows:,} rows, keys of {spec.key_bytes} bytes"
    if spec.name == "bristol":
        return f"bristol: {Path(spec.file or '').name}"
    return f"program: {Path(spec.name).name}"
