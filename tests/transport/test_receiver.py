"""The receiving window without sockets: exactly once and in order for any arrival, replay rules."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SecurityError
from engine.transport.frame import Header, pack
from engine.transport.http.receiver import HungryInbox, Receiver
from engine.transport.http.wire import AHEAD, REMEMBERED, ApiError, ChunkHead


def frame(number: int, body: bytes) -> bytes:
    return pack(Header("ROWS", 1, 0, number, 0, bytes(8), len(body))) + body


def head(seq: int, body: bytes) -> ChunkHead:
    return ChunkHead(seq, len(body), hashlib.sha256(body).hexdigest(), len(body))


def offer(receiver: Receiver, seq: int, body: bytes) -> int:
    """What the route does with one request; returns the next missing number."""
    chunk = head(seq, body)
    if receiver.check(1, chunk):
        return receiver.store(1, chunk, bytearray(body), hashlib.sha256(body).hexdigest())
    return receiver.next(1)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver(2, HungryInbox(2))


def test_example_two_chunks_make_a_frame(receiver: Receiver) -> None:
    data = frame(0, b"hello")
    assert offer(receiver, 0, data[:20]) == 1
    assert offer(receiver, 1, data[20:]) == 2
    _, pieces = receiver.inbox.take(1, "ROWS", 0, 0, 1.0)
    assert b"".join(pieces) == b"hello"


@given(st.data())
def test_any_arrival_gives_the_same_stream_once(data: st.DataObject) -> None:
    bodies = data.draw(st.lists(st.binary(max_size=60), min_size=1, max_size=12))
    stream = b"".join(frame(n, body) for n, body in enumerate(bodies))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=20, unique=True)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]
    receiver = Receiver(2, HungryInbox(2))
    while receiver.next(1) < len(chunks):
        base = receiver.next(1)
        # Up to AHEAD places early, repeats of anything, and sometimes too early.
        seq = data.draw(st.integers(max(0, base - 5), min(len(chunks) - 1, base + AHEAD + 1)))
        if seq >= base + AHEAD:
            with pytest.raises(ApiError) as caught:
                offer(receiver, seq, chunks[seq])
            assert caught.value.code == "out_of_order" and caught.value.details["next"] == base
            seq = base
        offer(receiver, seq, chunks[seq])
    for n, body in enumerate(bodies):
        _, pieces = receiver.inbox.take(1, "ROWS", n, 0, 0.0)
        assert b"".join(pieces) == body
    assert receiver.inbox.bytes_received == len(stream)


def test_repeat_with_the_same_bytes_has_no_effect(receiver: Receiver) -> None:
    data = frame(0, b"once")
    assert offer(receiver, 0, data) == 1
    assert offer(receiver, 0, data) == 1
    assert receiver.inbox.bytes_received == len(data)


@pytest.mark.parametrize("seq", [0, 2])
def test_repeat_with_other_bytes_ends_the_run(receiver: Receiver, seq: int) -> None:
    offer(receiver, 0, frame(0, b"a"))
    offer(receiver, 2, frame(2, b"c"))  # waits for chunk 1
    with pytest.raises(ApiError) as caught:
        offer(receiver, seq, frame(9, b"x"))
    assert caught.value.code == "replay_mismatch" and caught.value.status == 409
    with pytest.raises(SecurityError) as failed:
        receiver.inbox.take(1, "ROWS", 5, 0, 0.0)
    assert failed.value.exit_code == 5 and failed.value.code == "replay_mismatch"


def test_old_digests_are_forgotten_and_old_repeats_ignored(receiver: Receiver) -> None:
    for n in range(REMEMBERED + 3):
        offer(receiver, n, frame(n, b""))
    assert offer(receiver, 0, b"anything") == REMEMBERED + 3
    assert receiver.inbox.error is None


def test_a_body_that_does_not_match_its_digest_is_not_stored(receiver: Receiver) -> None:
    data = frame(0, b"right")
    with pytest.raises(ApiError) as caught:
        receiver.store(1, head(0, data), bytearray(len(data)), hashlib.sha256(bytes(len(data))).hexdigest())
    assert caught.value.code == "bad_request"
    assert offer(receiver, 0, data) == 1


def test_a_stream_that_is_no_frame_fails_the_run(receiver: Receiver) -> None:
    with pytest.raises(ApiError) as caught:
        offer(receiver, 0, b"x" * 64)
    assert caught.value.code == "bad_request"
    assert receiver.inbox.error is not None and receiver.inbox.error.exit_code == 5


def test_backpressure_when_the_window_is_full(receiver: Receiver) -> None:
    receiver.window = 100
    offer(receiver, 0, frame(0, bytes(100)))
    with pytest.raises(ApiError) as caught:
        receiver.wait_for_room(1, 1, 0.01)
    assert caught.value.code == "backpressure" and caught.value.status == 503
    receiver.inbox.take(1, "ROWS", 0, 0, 0.0)
    receiver.wait_for_room(1, 1, 0.01)
