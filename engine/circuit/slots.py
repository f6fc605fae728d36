"""From wires to slots: what an execution of a circuit needs in memory.

A wire lives from the gate that drives it to the last gate that reads it. An :class:`ExecutionPlan` knows the last uses
and the number of slots; a :class:`SlotWalk` then names the wires of one segment after the other by slots that are
reused, so that a garbler holds one label per live wire and not one per gate (protocol specification, section 9.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.kernels import circuit_slots as kernels

if TYPE_CHECKING:
    from engine.circuit.ir import Circuit


@dataclass(frozen=True, eq=False)
class ExecutionPlan:
    """Liveness of a circuit with I inputs and G gates; a quarter of a byte per gate.

    * ``last`` uint8 (ceil(G/4),): two bits per gate, the lowest for the first of four: the gate reads its operand a
      (1), b (2) for the last time.
    * ``used`` uint64 (ceil(I/64),): a bit per input that a gate or an output reads.
    * ``ends`` uint32: per block of 4,096 wires the block of the last gate that reads one of them.
    * ``slots``: number of slots; the largest number of live wires (or I, if that is larger).
    """

    circuit: Circuit
    last: NDArray[np.uint8]
    used: NDArray[np.uint64]
    ends: NDArray[np.uint32]
    slots: int

    def walk(self) -> SlotWalk:
        """From the first gate."""
        return SlotWalk(self)


class SlotWalk:
    """Gives slots to the wires in the order of the gates. Inputs have the slots 0 .. I-1, all loaded before the first
    gate; the slots of inputs are reused too, those of unused inputs from the first gate on."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self.plan, self.circuit = plan, plan.circuit
        self.gate = self.and_gate = 0
        blocks = len(plan.ends)
        self._table, self._blocks = np.empty(blocks, np.uint32), np.empty(blocks, np.uint32)
        self._ended, self._following = np.empty(blocks, np.int32), np.empty(blocks, np.int32)
        # A page of the map is touched only when a block of wires is put there, so this is as large as the live blocks.
        self._pool = np.empty(blocks << kernels.BLOCK_BITS, np.uint32)
        self._free = np.empty(plan.slots + 2, np.uint32)
        self._counters = np.zeros(kernels.COUNTERS, np.int64)
        kernels.begin_slots(self.circuit.inputs, plan.used, plan.ends, *self._state)

    @property
    def _state(self) -> tuple[NDArray[np.generic], ...]:
        return self._table, self._pool, self._ended, self._following, self._blocks, self._free, self._counters

    def end_of(self, ands: int) -> int:
        """The gate at which a segment of the next ``ands`` AND gates ends.

        It holds the XOR gates before and between them; XOR gates after the last AND gate of the circuit belong to the
        last segment.
        """
        if self.and_gate + ands >= self.circuit.and_gates:
            return self.circuit.gates
        return int(kernels.gates_until(self.circuit.op, self.gate, ands))

    def segment(self, ands: int, room: Callable[[int], NDArray[np.uint32]] | None = None) -> NDArray[np.uint32]:
        """The next ``ands`` AND gates with the XOR gates around them: uint32 (3 * gates,).

        Three words a gate: operands a and b, 2*slot + neg (neg is 0 for XOR), and the result, 2*slot + op (0 XOR,
        1 AND). The slot of the result may be that of an operand of the same gate: read both operands before writing.
        ``room(words)`` gives an array to be filled, of exactly this length; by default a new one.
        """
        circuit, start, stop = self.circuit, self.gate, self.end_of(ands)
        size = 3 * (stop - start)
        gates = np.empty(size, np.uint32) if room is None else room(size)
        arrays = (circuit.op, circuit.a, circuit.b, self.plan.last, *self._state)
        kernels.assign_slots(start, stop, circuit.inputs, *arrays, gates)
        self.gate, self.and_gate = stop, min(self.and_gate + ands, circuit.and_gates)
        return gates

    def outputs(self) -> NDArray[np.uint32]:
        """After the last gate: 2*slot + neg or a constant 0xFFFFFFFE (0), 0xFFFFFFFF (1) per output, uint32 (O,)."""
        out = np.empty(len(self.circuit.outputs), np.uint32)
        kernels.map_outputs(self.circuit.outputs, self._table, self._pool, out)
        return out


def plan_circuit(circuit: Circuit) -> ExecutionPlan:
    """Liveness in one pass from the last gate to the first; working memory one bit per wire."""
    wires = circuit.inputs + circuit.gates
    used = np.zeros((wires >> 6) + 1, np.uint64)
    ends = np.empty((wires >> kernels.BLOCK_BITS) + 1, np.uint32)
    last = np.empty(-(-circuit.gates // 4), np.uint8)
    slots = int(kernels.last_uses(circuit.inputs, circuit.a, circuit.b, circuit.outputs, used, last, ends))
    of_inputs = used[: -(-circuit.inputs // 64)].copy()
    for array in (last, of_inputs, ends):
        array.setflags(write=False)
    return ExecutionPlan(circuit, last, of_inputs, ends, slots)
