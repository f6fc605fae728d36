"""Batcher's odd-even merge as a list of comparators."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@cache
def comparators(n: int, m: int) -> int:
    """Number of comparators that merge sorted lists of n and m elements."""
    if n == 0 or m == 0:
        return 0
    if n == 1 and m == 1:
        return 1
    return comparators(n - n // 2, m - m // 2) + comparators(n // 2, m // 2) + (n + m - 1) // 2


def merge_network(n: int, m: int) -> tuple[Places, Places, Places]:
    """The network for two sorted lists of any lengths at places 0..n-1 and n..n+m-1.

    Returns (first, second, order): comparator c puts the smaller of the elements at places first[c], second[c] to
    first[c]; they are to be done in this order, and then the element of rank r is at place order[r]. If both lists have
    elements, the elements of rank 2i + 1 and 2i + 2 are those of a last comparator. The even elements are merged, the
    odd elements are merged, then neighbours are compared.
    """
    steps: list[tuple[Places, Places]] = []
    order = _merge(np.arange(n, dtype=np.int64), np.arange(n, n + m, dtype=np.int64), steps)
    if not steps:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), order
    first = np.concatenate([step[0] for step in steps])
    second = np.concatenate([step[1] for step in steps])
    return first, second, order


def _merge(a: Places, b: Places, steps: list[tuple[Places, Places]]) -> Places:
    if len(a) == 0 or len(b) == 0:
        return np.concatenate((a, b))
    if len(a) == 1 and len(b) == 1:
        steps.append((a, b))
        return np.concatenate((a, b))
    even = _merge(a[0::2], b[0::2], steps)
    odd = _merge(a[1::2], b[1::2], steps)
    count = min(len(odd), len(even) - 1)
    steps.append((even[1 : count + 1], odd[:count]))
    order = np.empty(len(a) + len(b), np.int64)
    order[0] = even[0]
    order[1 : 2 * count + 1 : 2] = even[1 : count + 1]
    order[2 : 2 * count + 2 : 2] = odd[:count]
    order[2 * count + 1 :] = np.concatenate((even[count + 1 :], odd[count:]))
    return order
