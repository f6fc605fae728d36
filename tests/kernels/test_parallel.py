"""Slices and threads."""

from __future__ import annotations

import threading

import pytest

from engine.kernels.parallel import Workers


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("align", [1, 64])
def test_slices_cover_the_range(threads, n, align):
    slices = Workers(threads).slices(n, align)
    assert len(slices) <= threads
    assert [i for first, last in slices for i in range(first, last)] == list(range(n))
    assert all(first % align == 0 for first, _ in slices)


def test_results_are_in_order():
    with Workers(3) as workers:
        assert workers.run(lambda first, last, scale: (first * scale, last), 9, 10) == [(0, 3), (30, 6), (60, 9)]


def test_threads_really_run_together():
    """Each slice waits for all others: it would time out if they ran one after the other."""
    barrier = threading.Barrier(3, timeout=30)
    with Workers(3) as workers:
        assert sorted(workers.run(lambda first, last: barrier.wait(), 3)) == [0, 1, 2]


def test_one_thread_runs_in_the_caller():
    assert Workers(1).run(lambda first, last: threading.get_ident(), 5) == [threading.get_ident()]


def test_an_error_of_a_slice_is_raised_after_all_have_ended():
    ended = []

    def work(first, last):
        if first == 0:
            raise KeyError("first")
        ended.append(first)

    with Workers(4) as workers, pytest.raises(KeyError, match="first"):
        workers.run(work, 4)
    assert sorted(ended) == [1, 2, 3]


def test_nested_work_ends():
    """Every slice of the outer work asks the same threads for help."""
    with Workers(3) as workers:
        inner = workers.run(lambda first, last: sum(workers.run(lambda a, b: b - a, 10)), 6)
    assert inner == [10, 10, 10]


def test_at_least_one_thread():
    with pytest.raises(ValueError, match="at least 1"):
        Workers(0)
