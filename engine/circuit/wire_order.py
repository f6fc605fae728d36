"""The order of wires in circuit files: values one after the other, each with its first or last bit in front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def value_wires(start: int, sizes: Sequence[int], lsb_first: bool) -> NDArray[np.int64]:
    """Wires start, start+1, ... of values of these sizes, each from its most significant bit on."""
    wires = np.arange(start, start + sum(sizes), dtype=np.int64)
    if lsb_first:
        ends = np.cumsum(sizes, dtype=np.int64)
        begins = ends - np.asarray(sizes, np.int64)
        wires = start + np.repeat(begins + ends - 1, sizes) - (wires - start)
    return wires
