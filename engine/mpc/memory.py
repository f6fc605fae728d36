"""How much memory a party needs: an estimate from the parameters of a session and the size of a circuit.

The sum of the arrays that are alive at the worst moment: while one batch is made, two finished ones wait (the Pool
works one batch ahead of a segment that may reach into the next) and three segments are on their way. Every constant
below counts bytes of arrays in the code that its comment names; two are measured, as written there.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.circuit import Circuit
from engine.mpc.parameters import Parameters

#: What kernels, threads and the buffers of links take, whatever the circuit: growth of VmHWM over the VmRSS of a
#: fresh process in a run of 20,000 AND gates (x86-64, numba 0.61, kernels compiled before), less the terms below.
FIXED = 64 << 20
#: Per share and peer: MAC and key (Shares).
SHARE = 32
#: Per gate of a segment: the slots of operands and result (SlotWalk.segment).
SEGMENT_GATE = 12
#: Per AND gate of a segment and peer: MACs and keys of both operands, MACs of sigma (BeaverOpening).
SEGMENT_PEER = 80
#: Per AND gate of a segment: the summed keys of sigma, bits that are opened, packed, unpacked.
SEGMENT_AND = 22
#: Per AND gate of a segment: own rows and, for each other garbler, cross rows (ROWS).
OWN_ROWS, CROSS_ROWS = 32, 48
#: Per slot: number, value, free list (Evaluator, Garbler, SlotWalk); a label is 16 bytes.
SLOT = 9
LABEL = 16
#: Finished batches and segments that are alive while a batch is made (Pool, Execution.open).
BATCHES_WAITING = 2
SEGMENTS_ALIVE = 3


@dataclass(frozen=True)
class CircuitSize:
    """What counts of a circuit: ``stored`` bytes hold its arrays, ``slots`` is the largest number of live wires."""

    stored: int
    gates: int
    and_gates: int
    inputs: int
    slots: int

    @classmethod
    def of(cls, circuit: Circuit) -> CircuitSize:
        """Makes the plan of the circuit if that does not exist yet."""
        plan = circuit.plan()
        return cls(circuit.circuit_bytes, int(circuit.gates), int(circuit.and_gates), int(circuit.inputs), plan.slots)


def party_bytes(params: Parameters, size: CircuitSize, segment: int, *, evaluator: bool) -> int:
    """Estimated bytes of one party beyond what its process holds before; right within about a fifth.

    ``segment``: AND gates of a segment. ``evaluator``: the party that receives the rows of all garblers.
    """
    peers = params.parties - 1
    batches = max(1, -(-size.and_gates // params.layer), -(-(size.and_gates + size.inputs) // params.masks))
    making = _batch_in_the_making(params)
    made = SHARE * peers * (3 * params.layer + params.masks)
    segments = _segments(params, size, segment, evaluator)
    if batches == 1:  # segments begin when all but the triples and masks of the batch is gone
        busiest = max(making, made + segments)
    else:
        busiest = making + min(BATCHES_WAITING, batches - 1) * made + segments
    labels = LABEL * (peers if evaluator else 1)
    wires = size.slots * (SHARE * peers + labels + SLOT) + size.inputs * (2 * SHARE * peers + 2 * labels)
    return FIXED + size.stored + wires + busiest


def _batch_in_the_making(params: Parameters) -> int:
    """Shares, the own bits, COT_D out and in, S and LEAKY_G out and in, LEAKY_S: buffers of the first are not given
    back before the last are filled."""
    peers, shares, triples = params.parties - 1, params.shares(1), params.total_triples
    corrections = 2 * peers * params.trees * shares // 8
    ciphertexts = (2 * peers + 1) * triples * params.w // 8
    return SHARE * peers * shares + shares // 8 + corrections + ciphertexts + 2 * triples


def _segments(params: Parameters, size: CircuitSize, segment: int, evaluator: bool) -> int:
    """All segments that are alive at once."""
    if not size.and_gates:
        return SEGMENT_GATE * size.gates
    peers = params.parties - 1
    ands = min(segment, size.and_gates)
    alive = min(SEGMENTS_ALIVE, -(-size.and_gates // segment))
    gates = SEGMENT_GATE * size.gates * ands // size.and_gates
    rows = (OWN_ROWS + CROSS_ROWS * (peers - 1)) * (2 * peers if evaluator else 1)  # in pieces, then joined
    return alive * (gates + ands * (SEGMENT_PEER * peers + SEGMENT_AND)) + ands * rows
