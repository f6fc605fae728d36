"""Bristol Fashion files: the exchange format of published circuits (garble specification, section 18.3).

Three header lines (gates and wires; number of input values and their bits; the same for outputs), then one gate per
line: ``<inputs> <outputs> <input wires> <output wires> <NAME>``. Read: XOR, AND, INV, EQW (copy), EQ (constant), MAND;
written: XOR, AND, INV (and EQ only for constants of a circuit without inputs).
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from engine.circuit.errors import CircuitError
from engine.circuit.ir import FALSE, Circuit

MAX_INPUTS = 2**27

_SHAPES = {"XOR": (2, 1), "AND": (2, 1), "INV": (1, 1), "EQW": (1, 1), "EQ": (1, 1)}
_UNSET = -1


def read_bristol(path: str | Path, *, lsb_first: bool = False) -> Circuit:
    """Reads a file, ``.xz`` too; every input value becomes one party, all outputs are concatenated.

    With ``lsb_first`` the bits of each value are reversed, for files that have the least significant bit first (most
    published arithmetic circuits). Raises :class:`CircuitError` with the line number.
    """
    return _Reader(str(path), _read_text(Path(path))).circuit(lsb_first)


def write_bristol(circuit: Circuit, path: str | Path, *, drop_outputs: int = 0, lsb_first: bool = False) -> None:
    """Writes a file, compressed if its name ends in ``.xz``. One input value per party and one output value.

    ``drop_outputs`` leading outputs (161 for the panic bits of a program) are left out, with the gates that only they
    need; ``lsb_first`` reverses the bits of each value.
    """
    if not 0 <= drop_outputs <= circuit.output_bits:
        raise CircuitError(f"cannot leave out {drop_outputs} of {circuit.output_bits} outputs")
    kept = circuit.outputs[drop_outputs:]
    if drop_outputs:
        circuit = Circuit.normalise(circuit.input_bits, circuit.op, circuit.a, circuit.b, kept)
    text = "\n".join(_Writer(circuit, lsb_first).lines()) + "\n"
    try:
        if str(path).endswith(".xz"):
            Path(path).write_bytes(lzma.compress(text.encode()))
        else:
            Path(path).write_text(text)
    except OSError as error:
        raise CircuitError(f"cannot write {path}: {error.strerror}") from None


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix == ".xz":
            content = lzma.decompress(content)
        return content.decode("ascii")
    except OSError as error:
        raise CircuitError(f"cannot read {path}: {error.strerror}") from None
    except lzma.LZMAError:
        raise CircuitError(f"{path} is not a valid xz file") from None
    except UnicodeDecodeError:
        raise CircuitError(f"{path} is not a Bristol Fashion file: it is not plain text") from None


class _Reader:
    """Parses the lines of one file into a raw circuit."""

    def __init__(self, name: str, text: str) -> None:
        lines = text.splitlines()
        self.name = name
        self.most_wires = len(text)  # that gates can assign: each needs a number in the file
        self.rows = ((number, line.split()) for number, line in enumerate(lines, 1) if line.strip())
        self.most_gates = len(lines)
        self.op: list[int] = []
        self.a: list[int] = []
        self.b: list[int] = []
        self.literal: list[int] = []  # literal of each wire of the file
        self.inputs = 0

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
        if gates > self.most_gates or wires > self.inputs + self.most_wires:
            raise self._error(line, f"the header promises {gates} gates and {wires} wires, the file is too short")
        inputs = [w for part in _values(0, input_bits, lsb_first) for w in part]
        self.literal = [2 * w for w in inputs] + [_UNSET] * (wires - self.inputs)
        found = 0
        for number, words in self.rows:
            self._gate(number, words)
            found += 1
        if found != gates:
            raise self._error(line, f"the header promises {gates} gates, the file has {found}")
        places = [w for part in _values(wires - outputs, output_bits, lsb_first) for w in part]
        result = [self.literal[w] for w in places]
        if _UNSET in result:
            raise self._error(output_line, f"output wire {places[result.index(_UNSET)]} is never assigned")
        return Circuit.normalise(
            input_bits,
            np.array(self.op, np.uint8),
            np.array(self.a, np.uint32),
            np.array(self.b, np.uint32),
            np.array(result, np.uint32),
        )

    def _header(self, what: str, count: int | None) -> tuple[int, list[int]]:
        number, words = next(self.rows, (0, []))
        if not words:
            raise self._error(self.most_gates, f"the header line with {what} is missing")
        values = [self._number(number, word) for word in words]
        if count is not None and len(values) != count:
            raise self._error(number, f"expected {what}, found {len(values)} numbers")
        return number, values

    def _values(self, kind: str) -> tuple[int, list[int]]:
        """A header line: number of values, then the bits of each."""
        number, values = self._header(f"{kind} values", None)
        if values[0] != len(values) - 1:
            raise self._error(number, f"{values[0]} {kind} values announced, {len(values) - 1} listed")
        return number, values[1:]

    def _gate(self, line: int, words: list[str]) -> None:
        name = words[-1]
        if name not in _SHAPES and name != "MAND":
            hint = "known gates: XOR, AND, INV, EQ, EQW, MAND"
            raise self._error(line, f"unknown gate {name!r}" if not name.isdigit() else "no gate name", hint)
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
                self.op.append(0 if name == "XOR" else 1)
                self.a.append(read[k])
                self.b.append(read[len(targets) + k])
                self._assign(line, target, 2 * (self.inputs + len(self.op) - 1))

    def _read(self, line: int, wire: int) -> int:
        if wire >= len(self.literal):
            raise self._error(line, f"wire {wire} is out of range, there are {len(self.literal)} wires")
        literal = self.literal[wire]
        if literal == _UNSET:
            raise self._error(line, f"wire {wire} is read before a gate assigns it")
        return literal

    def _assign(self, line: int, wire: int, literal: int) -> None:
        if wire >= len(self.literal):
            raise self._error(line, f"wire {wire} is out of range, there are {len(self.literal)} wires")
        if self.literal[wire] != _UNSET:
            raise self._error(line, f"wire {wire} is assigned twice")
        self.literal[wire] = literal

    def _number(self, line: int, word: str) -> int:
        if not word.isdigit() or len(word) > 18:
            raise self._error(line, f"{word[:40]!r} is not a number")
        return int(word)

    def _error(self, line: int, message: str, hint: str = "") -> CircuitError:
        return CircuitError(f"{self.name}, line {line}: {message}", hint)


class _Writer:
    """Turns literals into INV gates and outputs into the last wires."""

    def __init__(self, circuit: Circuit, lsb_first: bool) -> None:
        self.circuit = circuit
        self.lsb_first = lsb_first
        self.gates: list[tuple[int, int, int, str]] = []  # a, b, result, name; wires in order of creation
        self.next = circuit.inputs
        self.inverted: dict[int, int] = {}
        self.zero = _UNSET

    def lines(self) -> Iterator[str]:
        circuit = self.circuit
        inputs = circuit.inputs
        wire = [w for part in _values(0, circuit.input_bits, self.lsb_first) for w in part]
        for op, a, b in zip(circuit.op.tolist(), circuit.a.tolist(), circuit.b.tolist()):
            x, y = self._plain(wire, a), self._plain(wire, b)
            wire.append(self._add(x, y, "AND" if op else "XOR"))
        literals = circuit.outputs.tolist()
        results: list[int] = []
        taken: set[int] = set()
        for literal in reversed(literals) if self.lsb_first else literals:
            result = self._output(wire, literal, taken)
            taken.add(result)
            results.append(result)
        total = self.next
        number = _last_in_order(total, results)
        yield f"{len(self.gates)} {total}"
        yield " ".join(map(str, (len(circuit.input_bits), *circuit.input_bits)))
        yield f"1 {len(literals)}"
        yield ""
        assert total == inputs + len(self.gates)
        for a, b, result, name in self.gates:
            if name == "INV":
                yield f"1 1 {number[a]} {number[result]} INV"
            elif name == "EQ":
                yield f"1 1 {a} {number[result]} EQ"
            else:
                yield f"2 1 {number[a]} {number[b]} {number[result]} {name}"

    def _add(self, a: int, b: int, name: str) -> int:
        self.gates.append((a, b, self.next, name))
        self.next += 1
        return self.next - 1

    def _plain(self, wire: list[int], literal: int) -> int:
        """The wire of a literal; one INV per negated wire."""
        w = wire[literal >> 1]
        if literal & 1 == 0:
            return w
        if w not in self.inverted:
            self.inverted[w] = self._add(w, w, "INV")
        return self.inverted[w]

    def _zero_of(self, w: int) -> int:
        if self.zero == _UNSET:
            self.zero = self._add(w, w, "XOR")
        return self.zero

    def _output(self, wire: list[int], literal: int, taken: set[int]) -> int:
        """A wire of its own for an output: copies are x XOR (x XOR x)."""
        if literal >= FALSE and self.circuit.inputs == 0:
            return self._add(literal & 1, 0, "EQ")
        if literal >= FALSE:
            zero = self._zero_of(0)
            return self._add(zero, zero, "INV") if literal & 1 else self._add(zero, zero, "XOR")
        w = wire[literal >> 1]
        if literal & 1:
            return self._add(w, w, "INV")
        if w < self.circuit.inputs or w in taken:
            return self._add(w, self._zero_of(w), "XOR")
        return w


def _values(start: int, sizes: Sequence[int], lsb_first: bool) -> Iterator[range]:
    """The wires of each value, from its most significant bit on."""
    for size in sizes:
        part = range(start, start + size)
        yield part[::-1] if lsb_first else part
        start += size


def _last_in_order(total: int, results: list[int]) -> list[int]:
    """New wire numbers such that the results come last, in order, and the rest keeps its order."""
    number = np.zeros(total, np.int64)
    is_result = np.zeros(total, bool)
    is_result[results] = True
    number[~is_result] = np.arange(total - len(results))
    number[results] = np.arange(total - len(results), total)
    return [int(n) for n in number]
