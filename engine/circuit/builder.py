"""The builder of circuits: everything that the lowering of a program needs, in one class."""

from __future__ import annotations

from engine.circuit.joins import Joins


class Builder(Joins):
    """Builds one circuit. See :class:`engine.circuit.store.GateStore` (literals, elementwise operations, finish),
    :class:`engine.circuit.words.Words` (arithmetic), :class:`engine.circuit.arrays.Arrays` (secret indices) and
    :class:`engine.circuit.joins.Joins` (merging sorted tables).

    ::

        b = Builder((8, 8))
        total, overflow = b.add(b.input(0), b.input(1), signed=False)
        circuit = b.finish(np.append(total, overflow))
    """
