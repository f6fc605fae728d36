"""Cutting and batching of frames before they are sent; addresses and reasons of failed requests."""

from __future__ import annotations

import socket

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RunError
from engine.transport.http.client import (
    Meter,
    chunk_seconds,
    is_refused,
    new_session,
    route,
    transport_reason,
)
from engine.transport.http.outbox import Outbox, cut
from engine.transport.http.wire import AHEAD, SMALL


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.integers(1, 40))
def test_cutting_keeps_every_byte_and_fills_all_but_the_last(parts: list[bytes], size: int) -> None:
    chunks = cut([memoryview(p) for p in parts if p], size)
    whole = b"".join(parts)
    assert b"".join(b"".join(c.views) for c in chunks) == whole
    assert all(c.size == size for c in chunks[:-1]) and all(c.message_length == len(whole) for c in chunks)
    assert [c.part for c in chunks] == list(range(-(-len(whole) // size)))


def test_buffers_are_not_copied() -> None:
    data = bytearray(SMALL + 1)
    box = Outbox()
    box.post([data])
    chunk = box.take()
    assert chunk is not None
    data[0] = 7
    assert chunk.views[0][0] == 7


def test_small_frames_share_a_chunk_large_ones_travel_alone() -> None:
    box = Outbox()
    for size in (10, 20, SMALL + 1, 30, 40):
        box.post([bytes(size)])
    sizes = []
    while not box.wait_empty(0.0):
        chunk = box.take()
        assert chunk is not None
        sizes.append((chunk.seq, chunk.size, chunk.batch))
        box.done(chunk)
    assert sizes == [(0, 30, True), (1, SMALL + 1, False), (2, 70, True)]


def test_never_more_chunks_under_way_than_the_receiver_keeps() -> None:
    box = Outbox(chunk=1 << 16)
    box.post([bytes((1 << 16) * 2 * AHEAD)])
    taken = [box.take() for _ in range(AHEAD)]
    assert not box._may_start()
    assert taken[3] is not None and taken[0] is not None
    box.done(taken[3])
    assert not box._may_start()
    box.done(taken[0])
    assert box._may_start()


def test_a_failed_outbox_raises_everywhere() -> None:
    box = Outbox()
    box.post([b"x"])
    box.fail(RunError("gone"))
    assert box.take() is None
    for call in (lambda: box.post([b"y"]), lambda: box.wait_empty(1.0)):
        with pytest.raises(RunError, match="gone"):
            call()


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://a:1", "http://a:1/msg/0"),
        ("http://a:1/", "http://a:1/msg/0"),
        ("http://a/x", "http://a/x/msg/0"),
        ("http://a/x/", "http://a/x/msg/0"),
    ],
)
@pytest.mark.defect("D13")
def test_routes_are_joined_properly(base: str, expected: str) -> None:
    assert route(base, "msg/0") == expected


def test_reasons_of_failed_requests() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with new_session(Meter()) as session:
            with pytest.raises(requests.RequestException) as silent:
                session.get(f"http://127.0.0.1:{port}/", timeout=(1, 0.05))
            assert transport_reason(silent.value) == "timed out" and not is_refused(silent.value)
    with new_session(Meter()) as session:
        with pytest.raises(requests.RequestException) as refused:
            session.get(f"http://127.0.0.1:{port}/", timeout=1)
        assert transport_reason(refused.value) == "connection refused" and is_refused(refused.value)
    unknown = requests.ConnectionError("no")
    unknown.__cause__ = socket.gaierror(-2, "Name or service not known")
    assert transport_reason(unknown) == "host name not known"


def test_the_environment_of_proxies_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with new_session(Meter()) as session:
        assert session.trust_env is False
        assert session.merge_environment_settings("http://a/", {}, None, None, None)["proxies"] == {}


def test_time_for_a_chunk_grows_with_its_size() -> None:
    assert chunk_seconds(0) == 60 and chunk_seconds(4 << 20) == 124
