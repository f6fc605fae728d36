"""The receiving window without sockets: exactly once and in order for any arrival, replay rules."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MalformedMessage, PeerAborted, SecurityError
from engine.transport import Inbox
from engine.transport.frame import HEADER_BYTES, Header, pack
from engine.transport.http.receiver import Receiver
from engine.transport.http.wire import AHEAD, REMEMBERED, ApiError, ChunkHead
from engine.transport.inbox import FRAME_COST


def frame(number: int, body: bytes) -> bytes:
    return pack(Header("ROWS", 1, 0, number, 0, bytes(8), len(body))) + body


def head(seq: int, body: bytes, part: int = 0, parts: int = 1, length: int = 0) -> ChunkHead:
    digest = hashlib.sha256(body).hexdigest()
    return ChunkHead(seq, len(body), digest, length or len(body), part, parts, parts == 1)


def offer(receiver: Receiver, seq: int, body: bytes, part: int = 0, parts: int = 1, length: int = 0) -> int:
    """What the route does with one request; returns the next missing number."""
    slot = receiver.begin(1, head(seq, body, part, parts, length))
    if slot is None:
        return receiver.next(1)
    slot.view[:] = body
    return receiver.commit(slot, hashlib.sha256(slot.view).hexdigest())


def expected(number: int, length: int, sender: int = 1) -> Header:
    return Header("ROWS", sender, 0, number, 0, bytes(8), length)


def taken(receiver: Receiver, number: int, length: int) -> bytes:
    return receiver.inbox.take(1, expected(number, length), 0.0).tobytes()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver(2, Inbox(2))


class Message:
    """A large message and its chunks."""

    def __init__(self, number: int, size: int = 300_000, chunk: int = 1 << 16, seed: int = 0) -> None:
        self.number = number
        self.payload = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()
        self.data = frame(number, self.payload)
        self.chunks = [self.data[at : at + chunk] for at in range(0, len(self.data), chunk)]

    def offer(self, receiver: Receiver, first: int, part: int) -> int:
        return offer(receiver, first + part, self.chunks[part], part, len(self.chunks), len(self.data))

    def slot(self, receiver: Receiver, part: int, **options: Any) -> Any:
        chunk = head(part, self.chunks[part], part, len(self.chunks), len(self.data))
        slot = receiver.begin(1, chunk, **options)
        assert slot is not None
        return slot


def test_example_two_chunks_make_a_frame(receiver: Receiver) -> None:
    data = frame(0, b"hello")
    assert offer(receiver, 0, data[:20]) == 1
    assert offer(receiver, 1, data[20:]) == 2
    assert taken(receiver, 0, 5) == b"hello"


@given(st.data())
@pytest.mark.fault(45)
def test_any_arrival_gives_the_same_stream_once(data: st.DataObject) -> None:
    bodies = data.draw(st.lists(st.binary(max_size=60), min_size=1, max_size=12))
    stream = b"".join(frame(n, body) for n, body in enumerate(bodies))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=20, unique=True)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)])]
    receiver = Receiver(2, Inbox(2))
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
        assert taken(receiver, n, len(body)) == body
    assert receiver.inbox.bytes_received == len(stream)


@pytest.mark.fault(43)
def test_repeat_with_the_same_bytes_has_no_effect(receiver: Receiver) -> None:
    data = frame(0, b"once")
    assert offer(receiver, 0, data) == 1
    assert offer(receiver, 0, data) == 1
    assert receiver.inbox.bytes_received == len(data)


@pytest.mark.parametrize("seq", [0, 2])
@pytest.mark.fault(44)
def test_repeat_with_other_bytes_ends_the_run(receiver: Receiver, seq: int) -> None:
    offer(receiver, 0, frame(0, b"a"))
    offer(receiver, 2, frame(2, b"c"))  # waits for chunk 1
    with pytest.raises(ApiError) as caught:
        offer(receiver, seq, frame(9, b"x"))
    assert caught.value.code == "replay_mismatch" and caught.value.status == 409
    with pytest.raises(SecurityError) as failed:
        taken(receiver, 5, 0)
    assert failed.value.exit_code == 5 and failed.value.code == "replay_mismatch"


def test_old_digests_are_forgotten_and_old_repeats_ignored(receiver: Receiver) -> None:
    for n in range(REMEMBERED + 3):
        offer(receiver, n, frame(n, b""))
    assert offer(receiver, 0, b"anything") == REMEMBERED + 3
    assert receiver.inbox.error is None


def test_a_body_that_does_not_match_its_digest_is_not_stored(receiver: Receiver) -> None:
    data = frame(0, b"right")
    slot = receiver.begin(1, head(0, data))
    assert slot is not None
    with pytest.raises(ApiError) as caught:
        receiver.commit(slot, hashlib.sha256(bytes(len(data))).hexdigest())
    assert caught.value.code == "bad_request"
    assert receiver.inbox.queued_bytes(1) == 0
    assert offer(receiver, 0, data) == 1


def test_a_stream_that_is_no_frame_fails_the_run(receiver: Receiver) -> None:
    with pytest.raises(ApiError) as caught:
        offer(receiver, 0, b"x" * 64)
    assert caught.value.code == "bad_request"
    assert receiver.inbox.error is not None and receiver.inbox.error.exit_code == 5


def test_backpressure_when_the_window_is_full(receiver: Receiver) -> None:
    receiver.window = 100
    offer(receiver, 0, frame(0, bytes(100)))
    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            offer(receiver, 1, frame(1, b""))
        assert caught.value.code == "backpressure" and caught.value.status == 503
    taken(receiver, 0, 100)
    assert offer(receiver, 1, frame(1, b"")) == 2


# -- large messages go to their places ------------------------------------------------------------------------------


@given(st.permutations(range(5)), st.booleans())
def test_chunks_of_a_message_arrive_in_place_in_any_order(order: list[int], awaited: bool) -> None:
    receiver, message = Receiver(2, Inbox(2)), Message(0)
    incoming = receiver.inbox.open(1, expected(0, 300_000)) if awaited else None
    slots = [message.slot(receiver, part) for part in order]
    for part, slot in zip(order, slots):
        slot.view[:] = message.chunks[part]
    for part, slot in reversed(list(zip(order, slots))):
        receiver.commit(slot, hashlib.sha256(message.chunks[part]).hexdigest())
    incoming = incoming or receiver.inbox.open(1, expected(0, 300_000))
    assert incoming.wait(300_000, 0.0) == 300_000
    assert incoming.data.tobytes() == message.payload
    assert incoming.data.ctypes.data % 64 == 0
    # The memory of the first chunk is that of the payload: nothing was copied.
    first = np.frombuffer(slots[order.index(0)].view, np.uint8).ctypes.data
    assert incoming.data.ctypes.data == first + HEADER_BYTES
    assert receiver.inbox.queued_bytes(1) == 0


def test_a_message_longer_than_the_window_gets_no_memory_before_it_is_asked_for(receiver: Receiver) -> None:
    receiver.window = 100_000
    message = Message(0)
    assert message.slot(receiver, 0).buffer is None
    receiver = Receiver(2, Inbox(2), window=100_000)
    receiver.inbox.open(1, expected(0, 300_000))
    assert message.slot(receiver, 0).buffer is not None


def test_a_message_begun_before_it_was_asked_for_goes_on_in_pieces(receiver: Receiver) -> None:
    receiver.window = 100_000
    message = Message(0)
    message.offer(receiver, 0, 0)
    message.offer(receiver, 0, 1)
    with pytest.raises(ApiError, match="window is full"):
        message.offer(receiver, 0, 2)
    incoming = receiver.inbox.open(1, expected(0, 300_000))
    assert incoming.wait(1, 0.0) == 2 * (1 << 16) - HEADER_BYTES
    for part in range(2, len(message.chunks)):
        message.offer(receiver, 0, part)
    assert incoming.wait(300_000, 0.0) == 300_000 and incoming.data.tobytes() == message.payload
    assert receiver.inbox.queued_bytes(1) == 0


def test_chunks_whose_places_do_not_fit_together_end_the_run(receiver: Receiver) -> None:
    message = Message(0)
    message.offer(receiver, 0, 0)
    with pytest.raises(ApiError, match="do not fit together"):
        offer(receiver, 1, message.chunks[1])
    assert receiver.inbox.error is not None and receiver.inbox.error.exit_code == 5


def test_a_false_message_length_is_of_no_use(receiver: Receiver) -> None:
    """The headers promise a longer message than the frame is: its bytes still count as they are."""
    data = frame(0, bytes(100_000))
    offer(receiver, 0, data, 0, 2, 2 * len(data))
    assert taken(receiver, 0, 100_000) == bytes(100_000)


def test_a_repeat_takes_the_place_of_a_request_that_broke(receiver: Receiver) -> None:
    message = Message(0)
    broken = message.slot(receiver, 0, cancel=lambda: threading.Thread(target=leave).start())

    def leave() -> None:
        receiver.abandon(broken)

    assert message.offer(receiver, 0, 0) == 1


def test_the_same_chunk_twice_at_once_costs_no_memory_twice(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.transport.http.receiver.TAKEOVER", 0.01)
    message = Message(0)
    cancelled: list[bool] = []
    message.slot(receiver, 0, cancel=lambda: cancelled.append(True))
    counted = receiver.inbox.queued_bytes(1)
    with pytest.raises(ApiError, match="from another connection"):
        message.slot(receiver, 0)
    assert cancelled and receiver.inbox.queued_bytes(1) == counted


# -- what a peer can make us hold ------------------------------------------------------------------------------------


def test_an_awaited_frame_of_another_length_ends_the_run_before_its_bytes_come(receiver: Receiver) -> None:
    incoming = receiver.inbox.open(1, expected(0, 5))
    lie = pack(Header("ROWS", 1, 0, 0, 0, bytes(8), 1 << 30))
    with pytest.raises(ApiError, match="length 1073741824 instead of 5 bytes"):
        offer(receiver, 0, lie)
    with pytest.raises(MalformedMessage):
        incoming.wait(5, 0.0)
    assert receiver.begin(1, head(1, b"more")) is None  # nothing is kept any more


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (Header("ROWS", 0, 0, 0, 0, bytes(8), 1), "wrong sender or receiver"),
        (Header("ROWS", 1, 1, 0, 0, bytes(8), 1), "wrong sender or receiver"),
        (Header("ROWS", 1, 0, 0, 0, b"another!", 1), "message of another session"),
        (Header("ROWS", 1, 0, 0, 0, bytes(8), 2), "length 2 instead of 1 bytes"),
    ],
)
@pytest.mark.parametrize("awaited", [True, False])
def test_a_frame_is_compared_with_what_it_must_be(wrong: Header, check: str, awaited: bool) -> None:
    inbox = Inbox(2)
    if awaited:
        incoming = inbox.open(1, expected(0, 1))
        with pytest.raises(MalformedMessage, match=check):
            inbox.feed(1, pack(wrong))
        with pytest.raises(MalformedMessage, match=check):
            incoming.wait(1, 0.0)
    else:
        inbox.feed(1, pack(wrong))
        with pytest.raises(MalformedMessage, match=check):
            inbox.open(1, expected(0, 1))


def test_unread_bytes_stay_bounded_while_another_message_is_waited_for() -> None:
    receiver = Receiver(2, Inbox(2), window=100_000, most=500_000)
    receiver.inbox.open(1, expected(99, 7))
    with pytest.raises(ApiError, match="window is full"):
        for n in range(100):
            offer(receiver, n, frame(n, bytes(50_000)))
    assert 500_000 <= receiver.inbox.queued_bytes(1) <= 600_000


def test_only_the_next_chunk_may_exceed_the_window(receiver: Receiver) -> None:
    receiver.window = 100
    receiver.inbox.open(1, expected(9, 7))
    offer(receiver, 0, frame(0, bytes(200)))
    with pytest.raises(ApiError, match="window is full"):
        offer(receiver, 2, frame(2, b""))
    assert offer(receiver, 1, frame(1, bytes(200))) == 2


def test_a_small_frame_keeps_no_more_memory_than_it_has() -> None:
    inbox = Inbox(2)
    chunk = bytearray(frame(0, b"x") + frame(1, bytes(60_000)))
    inbox.feed(1, chunk)
    inbox.take(1, expected(1, 60_000), 0.0)
    chunk.append(0)  # fails while anything refers to the bytes


def test_an_abort_overtakes_and_must_be_one(receiver: Receiver) -> None:
    receiver.window = 1
    with pytest.raises(MalformedMessage):
        receiver.inbox.abort(1, pack(expected(0, 0)))
    with pytest.raises(MalformedMessage):
        receiver.inbox.abort(1, b"short")
    assert receiver.inbox.error is None
    receiver.inbox.abort(1, pack(Header("ABORT", 1, 0, 0, 0, bytes(8), 2)) + b"\x02\x00")
    assert isinstance(receiver.inbox.error, PeerAborted) and "a check failed" in str(receiver.inbox.error)


def test_any_number_of_small_frames_may_wait_within_the_window() -> None:
    """A peer with many small segments is no attacker; what its frames cost counts."""
    receiver = Receiver(2, Inbox(2), window=4 << 20)
    small = b"".join(frame(number, b"") for number in range(5000))
    assert offer(receiver, 0, small) == 1
    assert receiver.inbox.queued_bytes(1) == 5000 * (HEADER_BYTES + FRAME_COST)
    more = b"".join(frame(number, b"") for number in range(5000, 9000))
    offer(receiver, 1, more)
    with pytest.raises(ApiError) as refused:
        offer(receiver, 2, frame(9000, b""))
    assert refused.value.code == "backpressure"
    for number in range(9000):
        assert taken(receiver, number, 0) == b""
    assert receiver.inbox.queued_bytes(1) == 0


def test_nobody_is_further_ahead_than_honest_parties_can_be() -> None:
    receiver = Receiver(2, Inbox(2), window=100_000)
    receiver.inbox.ahead = 50_000
    receiver.inbox.open(1, expected(99, 10))
    for seq in range(15):
        offer(receiver, seq, frame(seq, bytes(10_000 - HEADER_BYTES - FRAME_COST)))
    with pytest.raises(ApiError) as refused:
        offer(receiver, 15, frame(15, bytes(100)))
    assert refused.value.code == "backpressure"
