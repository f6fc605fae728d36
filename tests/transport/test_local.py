"""Channels without a policy, as the benchmark uses them."""

from __future__ import annotations

import socket
import threading

import numpy as np
import pytest

from engine.errors import ResourceError, RunError
from polytune_cli.server.local import serve_channel
from tests.integration.scene import free_ports


def test_parties_join_and_talk_whoever_comes_first() -> None:
    ports = free_ports(3)
    sums: dict[int, int] = {}
    sent: dict[int, int] = {}

    def work(party: int) -> None:
        with serve_channel(party, ports, "together") as channel:
            for peer in channel.others:
                channel.send(peer, "LAM", np.full(1000, party, np.uint8))
            sums[party] = sum(int(channel.recv(p, "LAM", np.uint8, 1000).sum()) for p in channel.others)
            channel.flush()
            sent[party] = channel.link.bytes_sent()  # type: ignore[attr-defined]

    threads = [threading.Thread(target=work, args=(p,), daemon=True) for p in (2, 0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sums == {0: 3000, 1: 2000, 2: 1000}
    # Two frames of 1,040 bytes each, headers and answers included.
    assert all(2_080 < count < 5_000 for count in sent.values())


def test_a_port_that_is_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ResourceError, match="address already in use"),
        serve_channel(0, [taken.getsockname()[1], 1], "x"),
    ):
        pass


def test_a_party_that_does_not_come() -> None:
    ports = free_ports(2)
    with pytest.raises(RunError, match="party 1 did not come"), serve_channel(0, ports, "x", join=0.1):
        pass
