"""Writing Bristol Fashion files (garble specification, section 18.3); see :mod:`engine.circuit.bristol_reader`.

Gates are XOR, AND and INV (EQ only for the constants of a circuit without inputs). The outputs are the last wires, in
order and distinct. A file is written in pieces, and appears under its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from engine.circuit.ir import FALSE, Circuit
from engine.circuit.wire_order import value_wires
from engine.errors import ResourceError
from engine.files import new_file
from engine.kernels import circuit_text as kernels

_STEP = 2**16  # wires written at once


def write_bristol(circuit: Circuit, path: str | Path, *, keep_panics: bool = False, lsb_first: bool = False) -> None:
    """Writes a file, compressed if its name ends in ``.xz``. One input value per party and one output value.

    The panic bits of a program are left out unless ``keep_panics``, with the gates that only they need; ``lsb_first``
    reverses the bits of each value. Raises ResourceError when the file cannot be written.
    """
    listing = _Listing(circuit if keep_panics else circuit.without_panics(), lsb_first)
    try:
        with _new_file(Path(path)) as file:
            listing.write(file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ResourceError(f"cannot write {path}: {reason}", "choose another file") from None


class _Listing:
    """The gates of a circuit as lines: negations become INV gates, outputs the last wires."""

    def __init__(self, circuit: Circuit, lsb_first: bool) -> None:
        self.circuit = circuit
        inputs, wires = circuit.inputs, circuit.inputs + circuit.gates
        literals = circuit.outputs.astype(np.int64)
        self.outputs = literals[::-1] if lsb_first else literals
        # An output that is a gate, not negated and not listed before is that gate's wire; all others get a gate.
        gate = (self.outputs < FALSE) & (self.outputs & 1 == 0) & (self.outputs >= 2 * inputs)
        _, first = np.unique(np.where(gate, self.outputs, -1), return_index=True)
        self.direct = np.zeros(len(literals), bool)
        self.direct[first] = True
        self.direct &= gate
        own = self.outputs[self.direct] >> 1
        is_output = np.zeros(wires, np.uint8)
        is_output[own] = 1
        self.number, self.inverse = np.zeros(wires, np.uint32), np.zeros(wires, np.uint32)
        self.number[:inputs] = value_wires(0, circuit.input_bits, lsb_first)
        self.zero = int(kernels.number_wires(inputs, circuit.a, circuit.b, is_output, self.number, self.inverse))
        inverted = (self.outputs < FALSE) & (self.outputs & 1 == 1)
        self.needs_zero = bool((~self.direct & ~inverted).any()) and inputs > 0
        self.first_output = self.zero + int(self.needs_zero)
        self.number[own] = self.first_output + np.flatnonzero(self.direct)

    def write(self, file: IO[bytes]) -> None:
        circuit = self.circuit
        total = self.first_output + len(self.outputs)
        head = (
            (total - circuit.inputs, total),
            (len(circuit.input_bits), *circuit.input_bits),
            (1, len(self.outputs)),
        )
        file.write("".join(" ".join(map(str, line)) + "\n" for line in head).encode() + b"\n")
        gates = np.empty((2 * _STEP, 4), np.uint32)
        text = np.empty(len(gates) * kernels.LONGEST_LINE, np.uint8)
        arrays = (circuit.op, circuit.a, circuit.b, self.number, self.inverse, gates)
        wires = len(self.number)
        for start in range(0, wires, _STEP):
            rows = kernels.list_gates(circuit.inputs, start, min(wires, start + _STEP), *arrays)
            file.write(text[: kernels.write_lines(gates, rows, text)].data)
        last = self._last_gates()
        for start in range(0, len(last), len(gates)):
            part = last[start : start + len(gates)]
            file.write(text[: kernels.write_lines(part, len(part), text)].data)

    def _last_gates(self) -> np.ndarray:
        """The gates that make outputs of constants, negations, inputs and wires listed before: uint32 (rows, 4)."""
        if self.circuit.inputs == 0:
            rows = [(kernels.EQ, literal & 1, 0, k) for k, literal in enumerate(self.outputs.tolist())]
            return np.array(rows, np.uint32).reshape(-1, 4)
        places = np.flatnonzero(~self.direct)
        literals = self.outputs[places]
        negated = literals & 1 == 1
        gates = np.empty((len(places), 4), np.uint32)
        gates[:, 0] = np.where(negated, kernels.INV, kernels.XOR)
        constant = literals >= FALSE
        gates[:, 1] = np.where(constant, self.zero, self.number[np.where(constant, 0, literals >> 1)])
        gates[:, 2] = self.zero  # a copy is x XOR 0, and 0 is x XOR x
        gates[:, 3] = self.first_output + places
        if self.needs_zero:
            gates = np.concatenate((np.array([[kernels.XOR, 0, 0, self.zero]], np.uint32), gates))
        return gates


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name at the end; compressed when its name ends in .xz."""
    with new_file(path) as file:
        if path.name.endswith(".xz"):
            with lzma.open(file, "wb") as packed:
                yield packed
        else:
            yield file
