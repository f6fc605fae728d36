"""Messages that are worked on while they are still coming, over HTTP and in memory."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from engine.errors import MalformedMessage, Timeout
from engine.transport import Channel, memory_channels
from engine.transport.frame import Header, pack
from tests.transport.faults import FaultProxy
from tests.transport.nodes import nodes

ROWS = 20_000


@contextlib.contextmanager
def channels(kind: str) -> Iterator[list[Channel]]:
    if kind == "memory":
        yield memory_channels(2, timeout=20)
        return
    proxies = [FaultProxy(seed, 0.2) for seed in (1, 2)] if kind == "faults" else []
    with nodes(proxies=proxies, chunk=1 << 16) as made:
        yield [node.channel for node in made]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("kind", ["memory", "http", "faults"])
def test_rows_become_valid_in_order(kind: str, early: bool) -> None:
    data = np.random.default_rng(1).integers(0, 1 << 63, (ROWS, 4), dtype=np.uint64)
    with channels(kind) as (alice, bob):
        if not early:
            alice.send(1, "ROWS", data, a=3)
            alice.flush()
        rows = bob.open(0, "ROWS", np.uint64, (ROWS, 4), a=3)
        if early:
            threading.Thread(target=lambda: alice.send(1, "ROWS", data, a=3), daemon=True).start()
        done = 0
        while done < ROWS:
            ready = rows.wait(done + 1)
            assert done < ready <= ROWS
            assert np.array_equal(rows.array[done:ready], data[done:ready])
            done = ready
        assert rows.array.flags.aligned and bob.inbox.queued_bytes(0) == 0


def test_the_first_rows_are_there_before_the_last_are_sent() -> None:
    with channels("memory") as (_, bob):
        rows = bob.open(0, "ROWS", np.uint64, (10, 2))
        head = pack(Header("ROWS", 0, 1, 0, 0, bytes(8), 160))
        bob.inbox.feed(0, head + bytes(16 * 3 + 5))
        assert rows.wait(1) == 3 and not rows.array[:3].any()
        bob.inbox.feed(0, bytes(16 * 7 - 5))
        assert rows.wait(10) == 10


def test_a_message_without_bytes() -> None:
    with channels("memory") as (alice, bob):
        rows = bob.open(0, "ROWS", np.uint64, (0, 4))
        alice.send(1, "ROWS", b"")
        assert rows.wait(0) == 0 and rows.array.shape == (0, 4)


def test_what_does_not_come_or_is_wrong_raises_as_recv_does() -> None:
    with channels("memory") as (alice, bob):
        bob.timeout = 0.01
        with pytest.raises(Timeout):
            bob.open(0, "LAM", np.uint8, 5).wait(1)
        rows = bob.open(0, "ROWS", np.uint8, 5)
        alice.send(1, "ROWS", b"six by")
        with pytest.raises(MalformedMessage, match="length 6 instead of 5 bytes"):
            rows.wait(1)
