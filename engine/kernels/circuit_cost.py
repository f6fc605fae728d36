"""Kernel that tells where the AND gates of a circuit under construction come from."""

from __future__ import annotations

import numpy as np

from engine.kernels import kernel

LOW = 0xFFFFFFFF
LEFT_WIRE = 0x3FFFFFFF


@kernel
def live_ands(inputs, outputs, G, starts, live, counts):
    """Counts the AND gates that the outputs need, by runs of gates in order of creation.

    outputs int64 (O,) literals; G the gate words of :mod:`engine.kernels.circuit_emit`; starts int64 (R,): run r holds
    the gates starts[r] .. starts[r+1]-1, ascending, gates before starts[0] are not counted; live uint8 (wires,), zero
    on entry; fills counts int64 (R,).
    """
    wires = G[0]
    for k in range(outputs.shape[0]):
        live[outputs[k] >> 1] = 1
    run = starts.shape[0] - 1
    ands = np.int64(0)
    for w in range(wires - 1, inputs, -1):
        while run >= 0 and w - 1 - inputs < starts[run]:
            counts[run] = ands
            ands = np.int64(0)
            run -= 1
        if run < 0:
            return
        if live[w] != 0:
            g = G[w]
            live[(g >> 33) & LEFT_WIRE] = 1
            live[(g & LOW) >> 1] = 1
            ands += np.int64(g < 0)
    while run >= 0:
        counts[run] = ands
        ands = np.int64(0)
        run -= 1
