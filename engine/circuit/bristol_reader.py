"""Reading Bristol Fashion files, the exchange format of published circuits (garble specification, section 18.3).

Three header lines (gates and wires; number of input values and their bits; the same for outputs), then one gate per
line: ``<inputs> <outputs> <input wires> <output wires> <NAME>`` with XOR, AND, INV, EQW (copy), EQ (constant) or MAND.
Files are read in pieces, so that memory is that of the circuit.
"""

from __future__ import annotations

import lzma
import os
import stat
from pathlib import Path
from typing import IO

import numpy as np

from engine.circuit.errors import CircuitError
from engine.circuit.ir import FALSE, MAX_WIRES, Circuit
from engine.circuit.wire_order import value_wires
from engine.kernels import circuit_text as kernels

MAX_INPUTS = 2**27
MAX_LINE = 2**26  # bytes

_PIECE = 2**23
_SHORTEST = len("1 1 0 1 EQ")
_COUNT = "this line of Bristol Fashion holds the number of values, then the bits of each (older files are different)"
_SHAPES = {"XOR": (2, 1), "AND": (2, 1), "INV": (1, 1), "EQW": (1, 1), "EQ": (1, 1)}


def read_bristol(path: str | Path, *, lsb_first: bool = False) -> Circuit:
    """Reads a file, ``.xz`` too; every input value becomes one party, all outputs are concatenated.

    With ``lsb_first`` the bits of each value are reversed, for files that have the least significant bit first (most
    published arithmetic circuits). Raises :class:`CircuitError` with the line number.
    """
    name = str(path)
    try:
        with lzma.open(path, "rb") if name.endswith(".xz") else open(path, "rb") as file:
            return _Reader(name, file).circuit(lsb_first)
    except OSError as error:
        raise CircuitError(f"cannot read {name}: {error.strerror or error}") from None
    except (lzma.LZMAError, EOFError):
        raise CircuitError(f"{name} is not a complete xz file") from None


class _Reader:
    """Parses the lines of one file into a raw circuit."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self.file = file
        self.line = 0  # number of the last line read
        self.inputs = 0
        self.found = 0
        self.gates = 0
        self.literal = np.zeros(0, np.uint32)  # by wire of the file, XOR UNSET
        self.op, self.a, self.b = np.empty(0, np.uint8), np.empty(0, np.uint32), np.empty(0, np.uint32)

    def circuit(self, lsb_first: bool) -> Circuit:
        line, (gates, wires) = self._header("gates and wires", 2)
        input_line, input_bits = self._values("input")
        output_line, output_bits = self._values("output")
        self.inputs, outputs = sum(input_bits), sum(output_bits)
        if self.inputs > wires:
            raise self._error(input_line, f"{self.inputs} input bits but only {wires} wires")
        if outputs > wires:
            raise self._error(output_line, f"{outputs} output bits but only {wires} wires")
        if self.inputs > MAX_INPUTS:
            raise self._error(input_line, f"{self.inputs} input bits, at most {MAX_INPUTS} are possible")
        self._check_size(line, gates, wires)
        self.literal = np.zeros(wires, np.uint32)
        order = value_wires(0, input_bits, lsb_first)
        self.literal[order] = (2 * np.arange(self.inputs, dtype=np.uint32)) ^ np.uint32(kernels.UNSET)
        self._read_gates()
        if self.found != gates:
            raise self._error(line, f"the header promises {gates} gates, the file has {self.found}")
        places = value_wires(wires - outputs, output_bits, lsb_first)
        result = self.literal[places]
        if not result.all():
            raise self._error(output_line, f"output wire {places[result == 0][0]} is never assigned")
        self.literal = np.zeros(0, np.uint32)
        op, a, b = (array[: self.gates] for array in (self.op, self.a, self.b))
        return Circuit.normalise(input_bits, op, a, b, result ^ np.uint32(kernels.UNSET))

    # -- header --------------------------------------------------------------------------------------------------

    def _header(self, what: str, count: int | None) -> tuple[int, list[int]]:
        words: list[str] = []
        while not words:
            text = self.file.readline(MAX_LINE)
            self.line += 1
            if not text:
                raise self._error(self.line, f"the header line with {what} is missing")
            words = self._words(self.line, text)
        if words[-1] in _SHAPES:
            raise self._error(self.line, f"the header line with {what} is missing, this is a gate")
        values = [self._number(self.line, word) for word in words]
        if count is not None and len(values) != count:
            raise self._error(self.line, f"expected {what}, found {len(values)} numbers")
        return self.line, values

    def _values(self, kind: str) -> tuple[int, list[int]]:
        """A header line: number of values, then the bits of each."""
        number, values = self._header(f"{kind} values", None)
        if values[0] != len(values) - 1:
            raise self._error(number, f"{values[0]} {kind} values announced, {len(values) - 1} listed", _COUNT)
        return number, values[1:]

    def _check_size(self, line: int, gates: int, wires: int) -> None:
        """Refuses a header that cannot be true before room is made for it."""
        if wires > MAX_WIRES:
            raise self._error(line, f"{wires} wires, at most {MAX_WIRES} are possible")
        if isinstance(self.file, lzma.LZMAFile):
            return
        status = os.fstat(self.file.fileno())
        too_short = gates * _SHORTEST > status.st_size or wires > self.inputs + status.st_size
        if too_short and stat.S_ISREG(status.st_mode):
            raise self._error(line, f"the header promises {gates} gates and {wires} wires, the file is too short")

    # -- gates ---------------------------------------------------------------------------------------------------

    def _read_gates(self) -> None:
        rest = b""
        while piece := self.file.read(_PIECE):
            text = rest + piece
            end = text.rfind(b"\n") + 1
            rest = text[end:]
            if len(rest) > MAX_LINE:
                raise self._error(self.line + text.count(b"\n") + 1, f"the line is longer than {MAX_LINE} bytes")
            self._read_lines(text[:end])
        if rest:
            self._read_lines(rest + b"\n")

    def _read_lines(self, text: bytes) -> None:
        """Gates of complete lines."""
        state = np.array([0, self.line, self.found, self.gates], np.int64)
        fields = np.empty(5, np.int64)
        data = np.frombuffer(text, np.uint8)
        while True:
            status = kernels.read_lines(data, state, self.inputs, self.literal, self.op, self.a, self.b, fields)
            at, self.line, self.found, self.gates = state.tolist()
            if status == kernels.DONE:
                return
            if status == kernels.FULL:
                self._grow()
                continue
            end = text.index(b"\n", at)
            words = self._words(self.line + 1, text[at:end])
            if words:
                self._gate(self.line + 1, words)
            state[:] = end + 1, self.line + 1, self.found + bool(words), self.gates

    def _grow(self) -> None:
        """Room for more gates."""
        size = max(1024, 2 * len(self.op))
        for name in ("op", "a", "b"):
            old = getattr(self, name)
            new = np.empty(size, old.dtype)
            new[: self.gates] = old[: self.gates]
            setattr(self, name, new)

    def _gate(self, line: int, words: list[str]) -> None:
        """One line of any kind."""
        name = words[-1]
        if name not in _SHAPES and name != "MAND":
            hint = "known gates: XOR, AND, INV, EQ, EQW, MAND"
            raise self._error(line, f"unknown gate {name[:40]!r}" if not name.isdigit() else "no gate name", hint)
        numbers = [self._number(line, word) for word in words[:-1]]
        if len(numbers) < 2 or len(numbers) != 2 + numbers[0] + numbers[1]:
            raise self._error(line, "malformed gate: the wire counts do not fit the wires listed")
        shape = _SHAPES.get(name, (2 * numbers[1], numbers[1]))
        if tuple(numbers[:2]) != shape:
            raise self._error(line, f"wrong number of wires for {name}")
        sources, targets = numbers[2 : 2 + numbers[0]], numbers[2 + numbers[0] :]
        if name == "EQ":
            if sources[0] > 1:
                raise self._error(line, f"EQ assigns the constant 0 or 1, not {sources[0]}")
            self._assign(line, targets[0], FALSE + sources[0])
            return
        read = [self._read(line, wire) for wire in sources]
        if name == "INV":
            self._assign(line, targets[0], read[0] ^ 1)
        elif name == "EQW":
            self._assign(line, targets[0], read[0])
        else:
            for k, target in enumerate(targets):
                self._assign(line, target, 2 * (self.inputs + self.gates))
                if self.gates == len(self.op):
                    self._grow()
                self.op[self.gates] = 0 if name == "XOR" else 1
                self.a[self.gates], self.b[self.gates] = read[k], read[len(targets) + k]
                self.gates += 1

    def _read(self, line: int, wire: int) -> int:
        self._check_wire(line, wire)
        if self.literal[wire] == 0:
            raise self._error(line, f"wire {wire} is read before a gate assigns it")
        return int(self.literal[wire]) ^ kernels.UNSET

    def _assign(self, line: int, wire: int, literal: int) -> None:
        self._check_wire(line, wire)
        if self.literal[wire] != 0:
            what = "is an input" if wire < self.inputs else "is assigned twice"
            raise self._error(line, f"wire {wire} {what}")
        self.literal[wire] = literal ^ kernels.UNSET

    def _check_wire(self, line: int, wire: int) -> None:
        if wire >= len(self.literal):
            raise self._error(line, f"wire {wire} is out of range, there are {len(self.literal)} wires")

    # -- words ---------------------------------------------------------------------------------------------------

    def _words(self, line: int, text: bytes) -> list[str]:
        try:
            return text.decode("ascii").split()
        except UnicodeDecodeError:
            raise self._error(line, "this is not plain text, so it is no Bristol Fashion file") from None

    def _number(self, line: int, word: str) -> int:
        if not word.isdigit() or len(word) > 18:
            raise self._error(line, f"{word[:40]!r} is not a number")
        return int(word)

    def _error(self, line: int, message: str, hint: str = "") -> CircuitError:
        return CircuitError(f"{self.name}, line {line}: {message}", hint, line=line)
