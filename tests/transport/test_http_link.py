"""The link over HTTP between real servers: example, order and content under faults, limits, loss of a peer."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time

import numpy as np
import pytest

from engine.errors import PeerAborted, PeerLost, PolytuneError, RunError
from engine.transport.frame import Header, pack
from engine.transport.http.client import Meter, json_object, new_session
from engine.transport.http.link import Deadlines
from engine.transport.http.wire import ApiError
from tests.transport.faults import FAULTS, FaultProxy, read_message
from tests.transport.nodes import QUICK, Node, nodes


def payload(size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def exchange(a: Node, b: Node, sizes: list[int]) -> None:
    """Both send everything at once, then both receive and compare."""

    def talk(me: Node, other: Node) -> None:
        for number, size in enumerate(sizes):
            me.channel.send(other.party, "ROWS", payload(size, size + me.party), a=number)
        me.channel.flush()

    threads = [threading.Thread(target=talk, args=pair, daemon=True) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for me, other in ((a, b), (b, a)):
        for number, size in enumerate(sizes):
            got = me.channel.recv(other.party, "ROWS", np.uint8, size, a=number)
            assert np.array_equal(got, payload(size, size + other.party))
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


def test_example_two_parties_exchange_a_message() -> None:
    with nodes() as (alice, bob):
        alice.channel.send(1, "LAM", np.arange(4, dtype=np.uint64), a=7)
        assert bob.channel.recv(0, "LAM", np.uint64, 4, a=7).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("chunk", [1 << 12, 1 << 16, 4 << 20])
def test_both_directions_at_once_with_frames_of_every_size(chunk: int) -> None:
    with nodes(chunk=chunk) as (alice, bob):
        exchange(alice, bob, [0, 1, 65_496, 65_497, chunk - 40, chunk, chunk + 1, 300_001, 5])


def test_received_arrays_can_be_written_and_are_aligned() -> None:
    with nodes() as (alice, bob):
        alice.channel.send(1, "OK", b"x")
        alice.channel.send(1, "ROWS", np.arange(10, dtype=np.uint64))
        alice.channel.send(1, "T", np.arange(100_000, dtype=np.uint64))
        assert bob.channel.recv(0, "OK", np.uint8, 1)[0] == ord("x")
        for label, size in (("ROWS", 10), ("T", 100_000)):
            got = bob.channel.recv(0, label, np.uint64, size)
            assert got.flags.aligned and got.flags.writeable
            assert got[-1] == size - 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.fault(49)
@pytest.mark.defect("D6")
def test_each_fault_leaves_every_byte_exactly_once(fault: str) -> None:
    proxies = [FaultProxy(seed, 0.3, (fault,)) for seed in (1, 2)]
    with nodes(proxies=proxies, chunk=1 << 14) as (alice, bob):
        exchange(alice, bob, [100_000, 3, 20_000, 0, 70_000, 12])
    assert fault in proxies[0].injected + proxies[1].injected


@pytest.mark.parametrize("seed", range(4))
def test_all_faults_together_leave_every_byte_exactly_once(seed: int) -> None:
    proxies = [FaultProxy(seed, 0.25), FaultProxy(seed + 100, 0.25)]
    with nodes(proxies=proxies, chunk=1 << 14) as (alice, bob):
        exchange(alice, bob, [50_000, 7, 150_000, 1, 2, 3, 30_000])


def test_three_parties_over_faulty_links() -> None:
    proxies = [FaultProxy(seed, 0.2) for seed in range(3)]
    with nodes(3, proxies=proxies, chunk=1 << 14) as made:
        for me in made:
            for other in made:
                if me is not other:
                    me.channel.send(other.party, "GGM", payload(40_000, 10 * me.party + other.party))
        for me in made:
            for other in made:
                if me is not other:
                    got = me.channel.recv(other.party, "GGM", np.uint8, 40_000)
                    assert np.array_equal(got, payload(40_000, 10 * other.party + me.party))


@pytest.mark.defect("D6")
def test_a_chunk_may_take_longer_than_the_connection_timeout() -> None:
    proxy = FaultProxy(slow=1 << 16)
    deadlines = Deadlines(connect=0.2, chunk=20.0, peer_lost=20.0, refused=0.3)
    with nodes(proxies=[proxy], deadlines=deadlines) as (alice, bob):
        bob.channel.send(0, "ROWS", payload(1 << 20, 1))
        assert np.array_equal(alice.channel.recv(1, "ROWS", np.uint8, 1 << 20), payload(1 << 20, 1))
    assert proxy.to_target < 1.1 * (1 << 20)  # sent once, not again and again


def test_byte_counter_is_what_a_proxy_counts() -> None:
    proxies = [FaultProxy(), FaultProxy()]
    with nodes(proxies=proxies) as (alice, bob):
        exchange(alice, bob, [10, 200_000, 3_000, 5_000_000])
        sent = [alice.link.bytes_sent(1), bob.link.bytes_sent(0)]
    # What alice wrote: her requests to bob and her answers to bob's requests.
    assert sent[0] == proxies[1].to_target + proxies[0].from_target
    assert sent[1] == proxies[0].to_target + proxies[1].from_target


# -- window ------------------------------------------------------------------------------------------------------


def test_unread_messages_stay_within_the_window_and_go_on_when_read() -> None:
    window, size, count = 200_000, 50_000, 20
    with nodes(chunk=1 << 14, window=window) as (alice, bob):
        sender = threading.Thread(
            target=lambda: [alice.channel.send(1, "ROWS", payload(size, n), a=n) for n in range(count)],
            daemon=True,
        )
        sender.start()
        while bob.service.inbox.queued_bytes(0) < window:
            sender.join(timeout=0.01)
        sender.join(timeout=0.3)
        # Nobody reads: the queue stops at the window (and what was under way), the sender holds the rest.
        assert bob.service.inbox.queued_bytes(0) <= window + 8 * (1 << 14)
        assert sender.is_alive()
        for n in range(count):
            assert np.array_equal(bob.channel.recv(0, "ROWS", np.uint8, size, a=n), payload(size, n))
        sender.join(timeout=10)
        assert not sender.is_alive()


def test_a_message_larger_than_the_window_arrives() -> None:
    with nodes(chunk=1 << 14, window=100_000) as (alice, bob):
        alice.channel.send(1, "ROWS", payload(1_000_000, 1))
        assert np.array_equal(bob.channel.recv(0, "ROWS", np.uint8, 1_000_000), payload(1_000_000, 1))


def test_a_message_behind_a_full_window_arrives_when_it_is_waited_for() -> None:
    with nodes(chunk=1 << 14, window=100_000) as (alice, bob):

        def send() -> None:
            for n in range(8):
                alice.channel.send(1, "ROWS", payload(50_000, n), a=n)
            alice.channel.send(1, "LAM", b"wanted first")

        threading.Thread(target=send, daemon=True).start()
        assert bytes(bob.channel.recv(0, "LAM", np.uint8, 12)) == b"wanted first"


def full(node: Node) -> None:
    """Let ``node`` answer backpressure from now on, at once."""

    def refuse(*arguments: object, **options: object) -> None:
        raise ApiError("backpressure", "the window is full, try again")

    node.service._receiver.begin = refuse  # type: ignore[assignment]


def test_a_peer_that_never_takes_a_message_is_given_up() -> None:
    deadlines = Deadlines(connect=2.0, chunk=10.0, peer_lost=10.0, refused=0.3, idle=0.2)
    with nodes(chunk=1 << 14, window=1 << 17, deadlines=deadlines) as (alice, bob):
        full(bob)
        with pytest.raises(PeerLost, match=r"party 1 took no message for 0.2 s \(backpressure\)"):
            for n in range(10):  # the sender waits for its own window, and is woken with the error
                alice.channel.send(1, "ROWS", payload(1 << 16, n), a=n)
        assert "took no message" in str(wait_for_error(alice))


def test_an_abort_overtakes_a_full_window_and_never_waits() -> None:
    with nodes(chunk=1 << 14, window=1 << 17) as (alice, bob):
        full(bob)
        for n in range(2):
            alice.channel.send(1, "ROWS", payload(1 << 16, n), a=n)
        alice.channel.abort(2)
        with pytest.raises(PeerAborted, match="party 0 aborted the run: a check failed"):
            bob.channel.recv(0, "OK", np.uint8, 0)


def test_an_abort_to_a_peer_that_is_gone_returns() -> None:
    with nodes() as (alice, bob):
        bob.listener.stop()
        alice.channel.send(1, "ROWS", payload(100_000, 0))
        alice.channel.abort(4)


def test_a_connection_closed_as_idle_is_opened_again_without_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    with nodes() as (alice, bob):
        for n in range(3):
            alice.channel.send(1, "OK", b"", a=n)
            bob.channel.recv(0, "OK", np.uint8, 0, a=n)
            alice.channel.flush()
            bob.listener._server._connections._expire(time.time() + 100)  # type: ignore[attr-defined]
    assert "no answer" not in caplog.text


def test_a_body_cut_off_and_sent_again_on_another_connection() -> None:
    """The first request of a chunk hangs in the middle of its body; its repeat is stored all the same."""
    with nodes(chunk=1 << 16) as (alice, bob):
        data = payload(200_000, 1)
        frame = pack(Header("ROWS", 0, 1, 0, 0, bytes(8), data.nbytes)) + data.tobytes()
        body = frame[: 1 << 16]
        headers = {
            "Host": "x",
            "X-Polytune-Protocol": "1",
            "X-Polytune-Run": "test-run",
            "X-Polytune-From": "0",
            "X-Polytune-Seq": "0",
            "X-Polytune-Chunk": "0/4",
            "X-Polytune-Length": str(len(frame)),
            "X-Polytune-Digest": hashlib.sha256(body).hexdigest(),
            "Content-Length": str(len(body)),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        with socket.create_connection(bob.listener.address) as hanging:
            hanging.sendall(f"POST /msg/0 HTTP/1.1\r\n{lines}\r\n".encode() + body[:1000])
            while not bob.service._receiver._streams[0].reading:
                time.sleep(0.001)
            alice.channel.send(1, "ROWS", data)
            assert np.array_equal(bob.channel.recv(0, "ROWS", np.uint8, data.nbytes), data)


# -- loss --------------------------------------------------------------------------------------------------------


def wait_for_error(node: Node) -> PolytuneError:
    with pytest.raises(PolytuneError) as caught:
        node.channel.recv(1, "OK", np.uint8, 0)
    return caught.value


def test_a_peer_that_ended_is_lost_after_the_refused_deadline() -> None:
    with nodes() as (alice, bob):
        bob.listener.stop()
        alice.channel.send(1, "OK", b"")
        error = wait_for_error(alice)
        assert isinstance(error, PeerLost) and error.party == 1
        assert "lost party 1: connection refused for 0.3 s" in str(error)
        with pytest.raises(PeerLost):
            alice.channel.send(1, "LAM", b"")
        with pytest.raises(PeerLost):
            alice.channel.flush()


def test_a_peer_that_only_breaks_connections_is_lost_after_its_deadline() -> None:
    proxy = FaultProxy(0, 1.0, ("drop_before",))
    deadlines = Deadlines(connect=1.0, chunk=5.0, peer_lost=0.5, refused=0.3)
    with nodes(proxies=[FaultProxy(), proxy], deadlines=deadlines) as (alice, _):
        alice.channel.send(1, "OK", b"")
        assert "lost party 1 for 0.5 s: connection reset" in str(wait_for_error(alice)).replace(
            "RemoteDisconnected", "connection reset"
        )


def test_a_peer_that_does_not_know_the_run_has_restarted() -> None:
    with nodes() as (alice, bob):
        bob.service.run_id = "another"
        alice.channel.send(1, "OK", b"")
        assert str(wait_for_error(alice)) == "party 1 restarted during the run"


def test_closing_with_unsent_messages_returns() -> None:
    with nodes(deadlines=QUICK) as (alice, bob):
        bob.listener.stop()
        alice.channel.send(1, "ROWS", payload(100_000, 0))
        alice.link.close()
        with pytest.raises(RunError):
            alice.link._peers[1].outbox.error = RunError("closed")
            alice.link.flush(timeout=1)


def test_an_endless_answer_is_not_read() -> None:
    """A dishonest peer answers with gigabytes: the sender looks at no more than a control body may have."""
    server = socket.create_server(("127.0.0.1", 0))
    written: list[int] = []

    def answer() -> None:
        client, _ = server.accept()
        with client:
            read_message(client)
            client.sendall(b"HTTP/1.1 400 BAD REQUEST\r\nContent-Length: 10000000000\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    written.append(client.send(bytes(1 << 20)))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with new_session(Meter()) as session:
        reply = session.post("http://{}:{}/".format(*server.getsockname()), data=b"x", timeout=10, stream=True)
        assert json_object(reply) == {}
    thread.join(timeout=10)
    server.close()
    assert sum(written) < 100 << 20
