"""Memory that segments share: what is given back is used again, never while somebody holds it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.mpc.scratch import STAGGER, Scratch


def test_what_was_given_back_is_used_again():
    scratch = Scratch()
    first = scratch.blocks(2, 1000)
    address = first.ctypes.data
    assert first.shape == (2, 1000, 2) and first.dtype == np.uint64 and first.flags.c_contiguous
    second = scratch.blocks(2, 1000)
    assert not np.shares_memory(first, second)
    scratch.give(first[0])  # a view stands for the whole
    assert scratch.blocks(2, 1000).ctypes.data == address
    assert not np.shares_memory(scratch.blocks(2, 1000), second)


def test_a_smaller_array_fits_but_not_a_tiny_one():
    scratch = Scratch()
    large = scratch.words(100_000)
    scratch.give(large)
    tiny = scratch.words(10)
    assert not np.shares_memory(tiny, large)
    assert np.shares_memory(scratch.words(70_000), large)


def test_arrays_begin_on_cache_lines_apart():
    scratch = Scratch()
    starts = [scratch.blocks(1, 5000).ctypes.data % 4096 for _ in range(5)]
    assert starts == [STAGGER * k for k in range(5)] and STAGGER % 64 == 0


def test_wiped_is_zero():
    scratch = Scratch()
    array = scratch.blocks(1, 3)
    array[:] = 7
    scratch.wipe()
    assert not array.any()


def test_foreign_arrays_are_refused():
    with pytest.raises(StopIteration):
        Scratch().give(np.zeros(4, np.uint64))
