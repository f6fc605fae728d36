"""The circuit: flat arrays in the normal form of the protocol specification, section 9.1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.circuit.errors import CircuitError
from engine.circuit.slots import ExecutionPlan, plan_circuit
from engine.kernels import circuit_normal as kernels

FALSE = kernels.FALSE
TRUE = kernels.TRUE
MAX_WIRES = 2**31 - 2
_DIGEST_CHUNK = 1 << 14


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """A Boolean circuit of XOR and AND gates over literals. Always in normal form; frozen, arrays are read-only.

    * ``input_bits``: bits per party; wires 0..I-1 are the inputs in party order.
    * ``op`` uint8 (G,): 0 XOR, 1 AND. Gate i drives wire I + i and reads earlier wires only.
    * ``a``, ``b`` uint32 (G,): literals 2*wire + neg (XOR: neg = 0).
    * ``outputs`` uint32 (O,): literals, or the constants 0xFFFFFFFE (0) and 0xFFFFFFFF (1).
    * ``panic_bits``: how many of the outputs, from the first on, tell of a panic: 161 in the circuit of a program.

    The constructor checks all of it (kernels load without bounds checks) and raises :class:`CircuitError`.
    """

    input_bits: tuple[int, ...]
    op: NDArray[np.uint8]
    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    outputs: NDArray[np.uint32]
    panic_bits: int = 0

    def __post_init__(self) -> None:
        bits = _check_input_bits(self.input_bits)
        object.__setattr__(self, "input_bits", bits)
        for name, dtype in (("op", np.uint8), ("a", np.uint32), ("b", np.uint32), ("outputs", np.uint32)):
            object.__setattr__(self, name, _frozen(getattr(self, name), dtype, name))
        gates, inputs = len(self.op), sum(bits)
        if not 0 <= self.panic_bits <= len(self.outputs):
            raise CircuitError(f"{self.panic_bits} of {len(self.outputs)} outputs cannot tell of a panic")
        if len(self.a) != gates or len(self.b) != gates:
            raise CircuitError(f"circuit arrays differ in length: {gates}, {len(self.a)}, {len(self.b)}")
        _check_wires(inputs + gates)
        used = np.zeros(inputs + gates, np.uint8)
        bad = int(kernels.check_normal(inputs, self.op, self.a, self.b, self.outputs, used))
        if bad >= gates:
            raise CircuitError(f"output {bad - gates} of the circuit is not one of its {inputs + gates} wires")
        if bad >= 0:
            raise CircuitError(f"gate {bad} of the circuit is not in normal form", "use Circuit.normalise")

    @classmethod
    def normalise(
        cls, input_bits: Iterable[int], op: ArrayLike, a: ArrayLike, b: ArrayLike, outputs: ArrayLike
    ) -> Circuit:
        """The normal form of a raw circuit (protocol specification, section 9.1).

        op (G,): 0 XOR, 1 AND, 2 NOT (b is ignored); a, b (G,) and outputs (O,): literals 2*wire + neg of earlier raw
        wires (raw gate i drives wire I + i) or constants, so a raw wire w is given as 2*w. Raises CircuitError.
        """
        bits = _check_input_bits(input_bits)
        inputs = sum(bits)
        raw_op, raw_a, raw_b = _frozen(op, np.uint8, "op"), _frozen(a, np.uint32, "a"), _frozen(b, np.uint32, "b")
        out = np.array(_frozen(outputs, np.uint32, "outputs"))
        gates = len(raw_op)
        if len(raw_a) != gates or len(raw_b) != gates:
            raise CircuitError(f"circuit arrays differ in length: {gates}, {len(raw_a)}, {len(raw_b)}")
        _check_wires(inputs + gates)
        lit, na, nb = (np.empty(size, np.uint32) for size in (inputs + gates, gates, gates))
        bad = int(kernels.fold(inputs, raw_op, raw_a, raw_b, lit, na, nb))
        if bad >= 0:
            raise CircuitError(f"gate {bad} of the circuit reads a wire that is not there yet, or is no gate")
        number = np.zeros(inputs + gates, np.uint32)
        count = int(kernels.number_live(inputs, lit, na, nb, out, number))
        if count < 0:
            raise CircuitError(f"an output of the circuit is not one of its {inputs + gates} wires")
        del lit
        new_op, new_a, new_b = np.empty(count, np.uint8), np.empty(count, np.uint32), np.empty(count, np.uint32)
        kernels.gather_live(inputs, raw_op, na, nb, number, new_op, new_a, new_b)
        del na, nb, number
        return cls(bits, new_op, new_a, new_b, out)

    @classmethod
    def from_bristol(cls, path: str | Path, *, lsb_first: bool = False) -> Circuit:
        """Reads a Bristol Fashion file (also ``.xz``); one party per input value; see bristol_reader.py."""
        from engine.circuit.bristol_reader import read_bristol

        return read_bristol(path, lsb_first=lsb_first)

    def to_bristol(self, path: str | Path, *, keep_panics: bool = False, lsb_first: bool = False) -> None:
        """Writes a Bristol Fashion file, without the panic bits of a program; see bristol_writer.py."""
        from engine.circuit.bristol_writer import write_bristol

        write_bristol(self, path, keep_panics=keep_panics, lsb_first=lsb_first)

    def without_panics(self) -> Circuit:
        """The circuit of the value bits alone: no panic bits, and no gates that only they need."""
        if not self.panic_bits:
            return self
        return Circuit.normalise(self.input_bits, self.op, self.a, self.b, self.outputs[self.panic_bits :])

    @property
    def inputs(self) -> int:
        """Number of input wires of all parties."""
        return sum(self.input_bits)

    @property
    def gates(self) -> int:
        """Number of gates."""
        return len(self.op)

    @cached_property
    def and_gates(self) -> int:
        """Number of AND gates."""
        return int(np.count_nonzero(self.op))

    @property
    def xor_gates(self) -> int:
        """Number of XOR gates."""
        return self.gates - self.and_gates

    @property
    def output_bits(self) -> int:
        """Number of output bits."""
        return len(self.outputs)

    @cached_property
    def and_depth(self) -> int:
        """Largest number of AND gates on a path."""
        depth = np.zeros(self.inputs + self.gates, np.uint32)
        return int(kernels.and_depth(self.inputs, self.op, self.a, self.b, self.outputs, depth))

    @property
    def circuit_bytes(self) -> int:
        """Memory of the circuit: 9 bytes per gate and 4 per output."""
        return self.op.nbytes + self.a.nbytes + self.b.nbytes + self.outputs.nbytes

    def evaluate(self, inputs: Sequence[ArrayLike]) -> NDArray[np.uint8]:
        """Plain evaluation: one array of 0/1 per party -> uint8 (O,)."""
        if len(inputs) != len(self.input_bits):
            raise CircuitError(f"{len(inputs)} inputs for a circuit of {len(self.input_bits)} parties")
        wires = np.empty(self.inputs + self.gates, np.uint8)
        start = 0
        for party, (given, size) in enumerate(zip(inputs, self.input_bits)):
            bits = np.asarray(given)
            if bits.shape != (size,):
                raise CircuitError(f"party {party} gives bits of shape {bits.shape}, the circuit needs ({size},)")
            if size and not ((bits == 0) | (bits == 1)).all():
                raise CircuitError(f"the input of party {party} holds something else than 0 and 1")
            wires[start : start + size] = bits
            start += size
        out = np.empty(self.output_bits, np.uint8)
        kernels.evaluate_bits(self.inputs, self.op, self.a, self.b, self.outputs, wires, out)
        return out

    def evaluate_packed(self, inputs: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Evaluates 64 assignments at once: bit t of inputs uint64 (I,) belongs to assignment t -> uint64 (O,)."""
        if np.shape(inputs) != (self.inputs,):
            raise CircuitError(f"packed inputs have shape {np.shape(inputs)}, the circuit needs ({self.inputs},)")
        wires = np.empty(self.inputs + self.gates, np.uint64)
        wires[: self.inputs] = inputs
        out = np.empty(self.output_bits, np.uint64)
        kernels.evaluate_words(self.inputs, self.op, self.a, self.b, self.outputs, wires, out)
        return out

    def evaluate_many(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Evaluates any number of assignments: inputs of 0/1 (N, I), all parties side by side -> uint8 (N, O)."""
        bits = np.ascontiguousarray(inputs, np.uint8)
        if bits.ndim != 2 or bits.shape[1] != self.inputs:
            raise CircuitError(f"inputs have shape {bits.shape}, the circuit needs (any, {self.inputs})")
        out = np.empty((len(bits), self.output_bits), np.uint8)
        for start in range(0, len(bits), 64):
            block = bits[start : start + 64]
            padded = np.zeros((64, self.inputs), np.uint8)
            padded[: len(block)] = block
            packed = np.packbits(padded, axis=0, bitorder="little")
            words = np.ascontiguousarray(packed.T).view("<u8").reshape(self.inputs)
            result = self.evaluate_packed(words).astype("<u8").view(np.uint8).reshape(self.output_bits, 8)
            out[start : start + 64] = np.unpackbits(result, axis=1, bitorder="little").T[: len(block)]
        return out

    def digest(self, owners: ArrayLike, receivers: Iterable[int]) -> bytes:
        """cdig of the protocol specification, section 9.1 (32 bytes).

        owners (I,): protocol index of the owner of each input wire; receivers: protocol indices of the parties that
        receive all outputs.
        """
        outs = [(int(r), self.outputs) for r in sorted(receivers)]
        return circuit_digest(self, owners, outs)

    def plan(self) -> ExecutionPlan:
        """The circuit in reusable slots; computed once."""
        return self._plan

    @cached_property
    def _plan(self) -> ExecutionPlan:
        return plan_circuit(self)

    def __repr__(self) -> str:
        bits = ", ".join(map(str, self.input_bits))
        return f"Circuit(inputs=({bits}), and={self.and_gates}, xor={self.xor_gates}, outputs={self.output_bits})"


def circuit_digest(circuit: Circuit, owners: ArrayLike, outs: Sequence[tuple[int, NDArray[np.uint32]]]) -> bytes:
    """RO("circuit", I, owners, gates, outs) with an own list of outputs per receiver, receivers ascending.

    The 9 bytes per gate go into the hash in pieces, so the digest of a large circuit needs little memory.
    """
    inputs = circuit.inputs
    owner_list = np.asarray(owners)
    if owner_list.shape != (inputs,):
        raise CircuitError(f"owners have shape {owner_list.shape}, the circuit needs ({inputs},)")
    out_bytes = b"".join(
        int(receiver).to_bytes(2, "little") + len(entries).to_bytes(4, "little") + entries.astype("<u4").tobytes()
        for receiver, entries in outs
        if len(entries)
    )
    state = hashlib.sha256(b"circuit\x00")
    _hash_part(state, inputs.to_bytes(8, "little"))
    _hash_part(state, owner_list.astype("<u2").tobytes())
    state.update((9 * circuit.gates).to_bytes(8, "little"))
    packed = np.empty(9 * -(-min(circuit.gates, _DIGEST_CHUNK) // 8), "<u8")
    for start in range(0, circuit.gates, _DIGEST_CHUNK):
        part = slice(start, start + _DIGEST_CHUNK)
        kernels.pack_gates(circuit.op[part], circuit.a[part], circuit.b[part], packed)
        state.update(packed.view(np.uint8)[: 9 * len(circuit.op[part])].data)
    _hash_part(state, out_bytes)
    return state.digest()


def _hash_part(state: Any, part: bytes) -> None:
    state.update(len(part).to_bytes(8, "little"))
    state.update(part)


def _check_input_bits(input_bits: Iterable[int]) -> tuple[int, ...]:
    bits = tuple(int(count) for count in input_bits)
    if any(count < 0 for count in bits):
        raise CircuitError(f"a party has a negative number of input bits: {bits}")
    return bits


def _check_wires(wires: int) -> None:
    if wires > MAX_WIRES:
        raise CircuitError(f"the circuit has {wires} wires, at most {MAX_WIRES} are possible", "use fewer rows")


def _frozen(values: ArrayLike, dtype: Any, name: str) -> NDArray[Any]:
    """A read-only C-contiguous array of exactly this dtype; refuses values that do not fit."""
    given = np.asarray(values)
    if given.ndim != 1:
        raise CircuitError(f"circuit array {name} has {given.ndim} dimensions, needs 1")
    if given.dtype != dtype:
        if given.size and (given.min() < 0 or given.max() > np.iinfo(dtype).max):
            raise CircuitError(f"circuit array {name} holds a value that is not a {np.dtype(dtype).name}")
        given = given.astype(dtype)
    if given.flags.writeable or not given.flags.c_contiguous:
        given = np.ascontiguousarray(given).view()
        given.setflags(write=False)
    return given
