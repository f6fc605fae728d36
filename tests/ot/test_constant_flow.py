"""What Python executes in a base OT and when a tree is opened is the same for all secret bits.

The kernels behind the extension are checked in ``tests/kernels/test_constant_time.py``; numpy's operators on whole
arrays and the libraries of the curve are taken as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from engine.ot import base_ot, ggm
from engine.ot.base_ot import Chooser, Sender
from tests.ot.support import SID, Secrets, Tree, dealt_keys, random_bits

OURS = str(Path(ggm.__file__).parent)
#: Its loop ends by chance; its arguments are public.
BY_CHANCE = {"hash_to_curve"}
ZEROS, ONES = np.zeros(128, np.uint8), np.ones(128, np.uint8)


def executed(call: Callable[[], Any]) -> list[tuple[str, int]]:
    """The lines of ``engine/ot`` in the order in which ``call`` executes them."""
    lines: list[tuple[str, int]] = []

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(OURS):
            return None
        lines.append((code.co_name, frame.f_lineno))
        return None if code.co_name in BY_CHANCE else trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    assert lines
    return lines


@pytest.mark.parametrize("k", [2, 4])
def test_opening_a_tree(k):
    """alpha = 0, alpha = 2^k - 1 and a random one."""

    def opened(bits: np.ndarray) -> list[tuple[str, int]]:
        tree = Tree(k)
        chosen = dealt_keys(1, bits)[2]
        return executed(lambda: ggm.open_trees(SID, 1, 0, k, bits, chosen, tree.payload))

    assert opened(ZEROS) == opened(ONES) == opened(random_bits(8))


def test_choosing():
    sender = Sender(SID, 2, 1, Secrets(2)).message()

    def chosen(choices: np.ndarray) -> list[tuple[str, int]]:
        def both() -> None:
            Chooser(SID, 2, 1, choices, Secrets(1)).keys(sender)

        return executed(both)

    assert chosen(ZEROS) == chosen(ONES) == chosen(random_bits(8))


def test_both_choices_hash_the_same_points():
    """The only work of varying length is that of two public hashes, the same two for either choice."""
    seen: list[tuple[Any, ...]] = []
    original = base_ot.hash_to_curve

    def recorded(*arguments: Any) -> Any:
        seen.append(arguments)
        return original(*arguments)

    try:
        base_ot.hash_to_curve = recorded
        for choice in (0, 1):
            seen.clear()
            choices = np.full(128, choice, np.uint8)
            message = Chooser(SID, 2, 1, choices, Secrets(1)).message()
            pairs = [message[65 * n : 65 * n + 65] for n in range(256)]
            public = [(SID, 2, 1, u, b, pairs[2 * u + 1 - b]) for u in range(128) for b in (0, 1)]
            assert sorted(seen) == sorted(public)
    finally:
        base_ot.hash_to_curve = original


def test_the_trace_sees_a_branch():
    """A helper with a branch on its argument has two traces."""

    def leaky(bit: int) -> int:
        if bit:
            return 1
        return 0

    code = leaky.__code__.replace(co_filename=f"{OURS}/leaky.py")
    leaky.__code__ = code
    assert executed(lambda: leaky(0)) != executed(lambda: leaky(1))
