"""The gates under construction: growing flat arrays, elementwise operations, and the way to a finished circuit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.circuit.errors import CircuitError
from engine.circuit.ir import Circuit
from engine.kernels import circuit_cost as cost_kernels
from engine.kernels import circuit_emit as kernels
from engine.kernels import circuit_finish as finishing
from engine.pages import Pages

Lits = NDArray[np.int64]

MAX_BUILDER_WIRES = 2**30
_MAX_TABLE = 2**21  # entries of the sharing table (16 MB): in larger circuits old gates are forgotten
_STEP = 2**22  # largest number of gates that one kernel call may add


class GateStore:
    """Gates as literals: 2*wire + neg, wire 0 is the constant, so literal 0 is false and 1 is true.

    Literals are int64, in numpy arrays of any shape; a result of shape () is a numpy int64. NOT is free
    (``literal ^ 1``). Gates fold constants and are shared: asking twice for the same gate gives the same literal.
    Memory: 8 bytes per gate and up to 16 MB for the table of shared gates; 9 bytes per gate of the finished circuit.
    """

    def __init__(self, input_bits: Iterable[int]) -> None:
        self.input_bits = tuple(int(count) for count in input_bits)
        if any(count < 0 for count in self.input_bits):
            raise CircuitError(f"a party has a negative number of input bits: {self.input_bits}")
        self._inputs = sum(self.input_bits)
        if self._inputs >= MAX_BUILDER_WIRES:
            raise CircuitError(f"the program has {self._inputs} input bits", "use fewer rows")
        self._room: Pages | None = Pages(max(4096, 2 * self._inputs))
        self._gates[: self._inputs + 1] = kernels.INPUT_WORD
        self._gates[0] = self._inputs + 1
        self._table = np.zeros(4096, np.int64)

    @property
    def _gates(self) -> Lits:
        if self._room is None:
            raise RuntimeError("this builder is finished, its gates have become a circuit")
        return self._room.words.view(np.int64)

    # -- literals ------------------------------------------------------------------------------------------------

    def input(self, party: int) -> Lits:
        """Literals of all input bits of a party, in order."""
        start = sum(self.input_bits[:party]) + 1
        return 2 * np.arange(start, start + self.input_bits[party], dtype=np.int64)

    def constant(self, bits: ArrayLike) -> Lits:
        """Literals of given bits (0/1, any shape)."""
        return np.asarray(bits).astype(np.int64) & 1

    def position(self) -> int:
        """Number of gates made so far (dead ones included)."""
        return int(self._gates[0]) - 1 - self._inputs

    def conjuncts(self, literal: int, most: int = 64) -> set[int]:
        """Literals that are true whenever this one is, found by looking at AND gates below it; up to ``most``."""
        found = {int(literal)}
        queue = [int(literal)]
        while queue and len(found) < most:
            literal = queue.pop()
            word = int(self._gates[literal >> 1])
            if word < 0 and not literal & 1 and literal >> 1 > self._inputs:
                parts = {word >> 32 & kernels.LEFT, word & kernels.LOW} - found
                found |= parts
                queue += parts
        return found

    @staticmethod
    def known(x: ArrayLike) -> bool:
        """Whether all these literals are constants."""
        return bool((np.asarray(x) < 2).all())

    # -- elementwise ---------------------------------------------------------------------------------------------

    def not_(self, x: ArrayLike) -> Lits:
        """Negation, free."""
        return np.asarray(x, np.int64) ^ 1

    def xor(self, x: ArrayLike, y: ArrayLike) -> Lits:
        """x ^ y, elementwise with broadcasting; no AND."""
        return self._elementwise(kernels.xor_all, 1, x, y)

    def and_(self, x: ArrayLike, y: ArrayLike) -> Lits:
        """x & y, elementwise with broadcasting; one AND each."""
        return self._elementwise(kernels.and_all, 1, x, y)

    def or_(self, x: ArrayLike, y: ArrayLike) -> Lits:
        """x | y, elementwise with broadcasting; one AND each."""
        return self._elementwise(kernels.and_all, 1, self.not_(x), self.not_(y)) ^ 1

    def mux(self, s: ArrayLike, x: ArrayLike, y: ArrayLike) -> Lits:
        """s ? x : y, elementwise with broadcasting, as y ^ (s & (x ^ y)): one AND for each bit that differs.

        For words with one selector per row give s with a last axis of length 1.
        """
        return self._elementwise(kernels.mux_all, 3, s, x, y)

    def all(self, x: ArrayLike) -> Lits:
        """AND over the last axis as a balanced tree: shape (..., n) -> (...); true for n = 0."""
        given = np.asarray(x, np.int64)
        rows = np.array(given.reshape(_count(given.shape[:-1]), given.shape[-1]))
        out = np.empty(len(rows), np.int64)
        for part in self._parts(len(rows), rows.shape[1]):
            kernels.conjunction(rows[part], out[part], self._gates, self._table)
        return _shaped(out, given.shape[:-1])

    def any(self, x: ArrayLike) -> Lits:
        """OR over the last axis as a balanced tree; false for n = 0."""
        return self.all(self.not_(x)) ^ 1

    def parity(self, x: ArrayLike) -> Lits:
        """XOR over the last axis, shape (..., n) -> (...); no AND."""
        given = np.asarray(x, np.int64)
        rows = np.ascontiguousarray(given).reshape(_count(given.shape[:-1]), given.shape[-1])
        out = np.empty(len(rows), np.int64)
        for part in self._parts(len(rows), rows.shape[1]):
            kernels.parity(rows[part], out[part], self._gates, self._table)
        return _shaped(out, given.shape[:-1])

    # -- finish --------------------------------------------------------------------------------------------------

    def finish(self, outputs: ArrayLike, *, keep: bool = True, panic_bits: int = 0) -> Circuit:
        """The circuit of these output literals (1-D), without dead gates, in normal form.

        Without ``keep`` the builder is of no use afterwards: the circuit's arrays take the place of its gates in
        memory.
        """
        wanted = np.array(outputs, np.int64).reshape(-1)
        room, wires = self._room, int(self._gates[0])
        assert room is not None
        if wanted.size and (wanted.min() < 0 or wanted.max() >= 2 * wires):
            raise CircuitError("an output of the circuit is not a literal of this builder")
        words = -(-wires // 64)
        marks, ranks = np.zeros(words, np.uint64), np.empty(words, np.uint32)
        count = int(finishing.mark_live(self._inputs, wanted, self._gates, marks, ranks)) - self._inputs
        op, a, b = np.empty(count, np.uint8), np.empty(count, np.uint32), np.empty(count, np.uint32)
        for start in range(self._inputs + 1, wires, _STEP):
            part = (start, min(wires, start + _STEP))
            finishing.gather(*part, self._inputs, self._gates, marks, ranks, op, a, b)
            if not keep:
                room.release(*part)
        literals = np.empty(len(wanted), np.uint32)
        finishing.number_outputs(wanted, marks, ranks, literals)
        if not keep:
            self._room = None
        return Circuit(self.input_bits, op, a, b, literals, panic_bits)

    def live_ands(self, outputs: ArrayLike, starts: ArrayLike) -> Lits:
        """AND gates that finish(outputs) keeps, by the part of the construction that made them.

        starts (R,): positions, ascending; part r begins at starts[r] and ends where the next one begins. Returns int64
        (R,). To be called before :meth:`finish`; costs one byte of memory per gate while it runs.
        """
        wanted, first = np.array(outputs, np.int64).reshape(-1), np.array(starts, np.int64)
        counts, live = np.zeros(len(first), np.int64), np.zeros(int(self._gates[0]), np.uint8)
        cost_kernels.live_ands(self._inputs, wanted, self._gates, first, live, counts)
        return counts

    # -- room ----------------------------------------------------------------------------------------------------

    def _reserve(self, gates: int) -> None:
        """Makes room for this many more gates and keeps the table of shared gates sparse."""
        used = int(self._gates[0])
        need = used + gates + 1
        if need > len(self._gates):
            if need > MAX_BUILDER_WIRES:
                raise CircuitError(f"the circuit needs more than {MAX_BUILDER_WIRES} gates", "use fewer rows")
            assert self._room is not None
            self._room.grow(max(need, 2 * len(self._gates)))
        if 2 * need > len(self._table) and len(self._table) < _MAX_TABLE:
            size = len(self._table)
            while 2 * need > size and size < _MAX_TABLE:
                size *= 4
            self._table = np.zeros(size, np.int64)
            kernels.rehash(self._inputs + 1, self._gates, self._table)

    def _parts(self, rows: int, gates_per_row: int) -> Iterator[slice]:
        """Slices of rows such that each adds a bounded number of gates; reserves room before each."""
        step = max(1, _STEP // max(1, gates_per_row))
        for start in range(0, rows, step):
            part = slice(start, min(rows, start + step))
            self._reserve((part.stop - start) * gates_per_row)
            yield part

    def _elementwise(self, kernel: Callable[..., Any], gates: int, *operands: ArrayLike) -> Lits:
        arrays = [np.asarray(operand, np.int64) for operand in operands]
        shape = arrays[0].shape
        for array in arrays:
            if array.shape != shape:
                shape = np.broadcast_shapes(*(array.shape for array in arrays))
                break
        flat = [_flat(array, shape) for array in arrays]
        out = np.empty(flat[0].size, np.int64)
        if out.size * gates <= _STEP:
            self._reserve(out.size * gates)
            kernel(*flat, out, self._gates, self._table)
        else:
            for part in self._parts(out.size, gates):
                kernel(*(x[part] for x in flat), out[part], self._gates, self._table)
        return out.reshape(shape)[()]


def _flat(x: Lits, shape: tuple[int, ...]) -> Lits:
    """x broadcast to this shape as a contiguous writable 1-D array (kernels have one signature); may be x itself."""
    if x.shape != shape:
        return np.full(shape, x).reshape(-1) if x.ndim == 0 else np.array(np.broadcast_to(x, shape)).reshape(-1)
    if not x.flags.writeable:
        return np.array(x, order="C").reshape(-1)
    return (x if x.flags.c_contiguous else x.copy()).reshape(-1)


def _count(shape: tuple[int, ...]) -> int:
    """Number of elements of a shape."""
    count = 1
    for length in shape:
        count *= length
    return count


def _shaped(out: Lits, shape: tuple[int, ...]) -> Lits:
    """out with this shape; a numpy scalar for shape ()."""
    return out.reshape(shape)[()]


def as_rows(x: ArrayLike, y: ArrayLike) -> tuple[Lits, Lits, tuple[int, ...]]:
    """Two batches of words (..., n), broadcast to each other, as contiguous arrays (rows, n), and the batch shape."""
    left, right = np.asarray(x, np.int64), np.asarray(y, np.int64)
    if left.shape[-1] != right.shape[-1]:
        raise ValueError(f"words of {left.shape[-1]} and {right.shape[-1]} bits")
    shape = left.shape
    if left.shape != right.shape:
        shape = np.broadcast_shapes(left.shape, right.shape)
        left, right = np.broadcast_to(left, shape), np.broadcast_to(right, shape)
    size = (_count(shape[:-1]), shape[-1])
    return one_batch(left, size), one_batch(right, size), shape[:-1]


def one_batch(x: Lits, size: tuple[int, int]) -> Lits:
    """x as a contiguous writable array (rows, n): kernels have one signature."""
    rows = np.ascontiguousarray(x) if x.flags.writeable else np.array(x, order="C")
    return rows.reshape(size)
