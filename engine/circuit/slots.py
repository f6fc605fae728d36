"""From wires to slots: what an execution of a circuit needs in memory.

An :class:`ExecutionPlan` is the circuit with its wires renamed to slots that are reused after the last use of a wire,
so that a garbler holds one label per live wire and not one per gate (protocol specification, section 9.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.kernels import circuit_slots as kernels

if TYPE_CHECKING:
    from engine.circuit.ir import Circuit


@dataclass(frozen=True, eq=False)
class ExecutionPlan:
    """A circuit in slots. Gates are in the order of the circuit; G gates, A of them AND, I inputs, O outputs.

    * ``op`` uint8 (G,): 0 XOR, 1 AND.
    * ``a``, ``b`` uint32 (G,): operands, 2*slot + neg (neg is 0 for XOR).
    * ``out`` uint32 (G,): slot of the result. It may be the slot of an operand of the same gate: read both operands
      before writing.
    * ``input_slots`` uint32 (I,): 0..I-1; all inputs are loaded before the first gate. The slots of inputs are reused
      too, those of unused inputs from the first gate on.
    * ``outputs`` uint32 (O,): 2*slot + neg or a constant 0xFFFFFFFE (0), 0xFFFFFFFF (1); valid after the last gate.
    * ``slots``: number of slots; the largest number of live wires (or I, if that is larger).
    * ``and_positions`` int64 (A+1,): gate index of AND gate g; entry A is G.
    """

    op: NDArray[np.uint8]
    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    out: NDArray[np.uint32]
    input_slots: NDArray[np.uint32]
    outputs: NDArray[np.uint32]
    slots: int
    and_positions: NDArray[np.int64]

    @property
    def and_gates(self) -> int:
        """Number of AND gates."""
        return len(self.and_positions) - 1

    @property
    def gates(self) -> int:
        """Number of gates."""
        return len(self.op)

    def segments(self, size: int) -> int:
        """Number of segments of ``size`` AND gates; 0 if the circuit has no AND gate."""
        return -(-self.and_gates // size)

    def segment(self, index: int, size: int) -> tuple[int, int]:
        """Gates [start, end) of segment ``index``.

        It holds the AND gates index*size .. min(A, (index+1)*size) - 1 and the XOR gates before and between them; XOR
        gates after the last AND gate belong to the last segment. Without AND gates segment 0 holds all gates. The
        segments 0, 1, ... follow each other without gaps and cover all gates.
        """
        ands = self.and_gates
        last = max(self.segments(size) - 1, 0)
        if not 0 <= index <= last:
            raise IndexError(f"segment {index} of {last + 1}")
        start = 0 if index == 0 else int(self.and_positions[index * size - 1]) + 1
        end = self.gates if index == last else int(self.and_positions[min(ands, (index + 1) * size) - 1]) + 1
        return start, end


def plan_circuit(circuit: Circuit) -> ExecutionPlan:
    """Liveness and slot recycling in two linear passes; working memory 12 bytes per wire."""
    inputs = circuit.inputs
    op, a, b = circuit.op, circuit.a, circuit.b
    wires = inputs + circuit.gates
    last = np.empty(wires, np.uint32)
    kernels.last_uses(inputs, op, a, b, circuit.outputs, last)
    slot, free = np.empty(wires, np.uint32), np.empty(wires + 1, np.uint32)
    sa, sb, out = (np.empty(circuit.gates, np.uint32) for _ in range(3))
    positions = np.empty(circuit.and_gates + 1, np.int64)
    slots = int(kernels.assign_slots(inputs, op, a, b, last, slot, free, sa, sb, out, positions))
    outputs = np.empty(len(circuit.outputs), np.uint32)
    kernels.map_outputs(circuit.outputs, slot, outputs)
    input_slots = np.arange(inputs, dtype=np.uint32)
    for array in (sa, sb, out, positions, outputs, input_slots):
        array.setflags(write=False)
    return ExecutionPlan(op, sa, sb, out, input_slots, outputs, slots, positions)
