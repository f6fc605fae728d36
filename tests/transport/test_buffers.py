"""Blocks of memory that come back: sizes, alignment, reuse only after the last view is gone."""

from __future__ import annotations

import threading

import numpy as np

from engine.transport.buffers import SMALLEST, BufferPool


def address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).ctypes.data)


def test_a_block_is_used_again_when_its_last_view_is_gone() -> None:
    pool = BufferPool()
    block = pool.block(1_000_000)
    first = address(block)
    part = np.frombuffer(block[100:], np.uint8).view(np.uint32)[10:]
    del block
    other = pool.block(1_000_000)
    assert address(other) != first and pool.free_bytes == 0
    del part
    assert pool.free_bytes >= 1_000_000
    assert address(pool.block(999_000)) == first


def test_blocks_have_their_size_and_are_aligned() -> None:
    pool = BufferPool()
    for size in (0, 1, 1000, SMALLEST - 1, SMALLEST, 3_000_001):
        block = pool.block(size)
        assert block.nbytes == size and not block.readonly
        assert size == 0 or address(block) % 64 == 0


def test_no_more_is_kept_than_allowed() -> None:
    pool = BufferPool(kept=3 << 20)
    blocks = [pool.block(1 << 20) for _ in range(5)]
    del blocks
    assert pool.free_bytes <= 3 << 20


def test_blocks_in_use_are_never_shared() -> None:
    pool, wrong = BufferPool(), []

    def work(number: int) -> None:
        for _ in range(200):
            array = np.frombuffer(pool.block(SMALLEST), np.uint64)
            array[:] = number
            if (array != number).any():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
