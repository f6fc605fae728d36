"""TLS between parties on real sockets: who gets in, who does not, and that nobody can keep others out."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import SecurityError
from engine.transport.certificates import Credentials, read_certificate
from engine.transport.http.client import Meter, new_session, peer_headers
from engine.transport.http.wire import MAX_CONTROL_BODY
from engine.transport.security import Security, WrongIdentity
from tests.transport.faults import read_message
from tests.transport.identities import LONG_AGO, client, credentials, securities, write_key
from tests.transport.nodes import Node, nodes

RUN = "test-run"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Node]]:
    with nodes(securities=securities(tmp_path, handshake=1.0)) as made:
        yield made


def ask(sock: socket.socket, path: str, sender: int | None = None, body: bytes = b"", method: str = "") -> Any:
    """One request; status and JSON (or text) of the answer."""
    lines = [f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    if sender is not None:
        lines += [f"{name}: {value}" for name, value in peer_headers(RUN, sender).items()]
    sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return answer(sock)


def answer(sock: socket.socket) -> Any:
    reply = read_message(sock)
    assert reply is not None, "no answer"
    head, _, data = reply.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    return status, json.loads(data) if b"application/json" in head else data.decode()


@pytest.mark.parametrize("size", [0, 100, 16 << 10, (16 << 10) + 1, 3_000_000])
def test_arrays_arrive_over_tls(pair: list[Node], size: int) -> None:
    alice, bob = pair
    data = np.arange(size, dtype=np.uint32).view(np.uint8)
    for number in range(3):
        alice.channel.send(1, "ROWS", data, a=number)
        assert np.array_equal(bob.channel.recv(0, "ROWS", np.uint8, data.size, a=number), data)
        bob.channel.send(0, "OK", b"", a=number)
        bob_done = alice.channel.recv(1, "OK", np.uint8, 0, a=number)
        assert bob_done.size == 0
    assert alice.link.bytes_sent(1) > data.size
    # One connection carries everything: no session ticket is taken for a sign that it was closed.
    assert len(bob.guard.door._known) == 1 and bob.guard.door._known[0] <= 3  # type: ignore[union-attr]


@pytest.mark.fault(51)
def test_a_stranger_gets_only_ping_and_version(pair: list[Node], tmp_path: Path) -> None:
    address = pair[0].listener.address
    unknown = write_key(tmp_path, "unknown")
    for files, status, code in ((None, 401, "unauthenticated"), (unknown, 403, "identity_mismatch")):
        with client(address, files) as sock:
            assert ask(sock, "/ping") == (200, "pong")
            assert ask(sock, "/version")[1]["party"] == 0
            for path in ("/msg/1", "/run", "/consts/1", "/sync", "/abort", "/probe/1", "/nothing"):
                got, body = ask(sock, path, 1, b"{}")
                assert (got, body["error"]) == (status, code), path
            assert ask(sock, "/msg/1", 1)[0] == status


def test_a_party_cannot_speak_for_another(tmp_path: Path) -> None:
    parties = securities(tmp_path, 3)
    files = tmp_path / "p2.crt", tmp_path / "p2.key"
    with nodes(3, securities=parties) as (_, second, _):
        with client(second.listener.address, files) as sock:
            assert ask(sock, "/msg/2", 2)[0] == 200
            status, body = ask(sock, "/msg/0", 0)
            assert (status, body["error"]) == (403, "identity_mismatch")
            assert body["message"] == "the certificate is that of party 2, not of party 0"
            assert ask(sock, "/msg/1", 1)[0] == 403  # not for the receiver either
        assert second.guard is not None and second.guard.security.own == parties[1].own


@pytest.mark.fault(50)
def test_an_expired_client_certificate_is_refused(tmp_path: Path) -> None:
    first, second = securities(tmp_path)
    old = write_key(tmp_path, "old", 100, LONG_AGO)
    pinned = [first.identities[0], [read_certificate(old[0]).fingerprint]]
    with nodes(securities=[Security(0, pinned, first.credentials), second]) as (node, _):
        with client(node.listener.address, old) as sock:
            status, body = ask(sock, "/msg/1", 1)
        assert status == 403 and "expired on 2020-04-10" in body["message"]


def request(security: Security, peer: int, url: str) -> int:
    with new_session(Meter(), 5.0, secure=security.secure(peer, url)) as session:
        return session.get(f"{url}version", timeout=5, stream=True).status_code


@pytest.mark.fault(50)
def test_the_client_demands_the_pinned_certificate(pair: list[Node], tmp_path: Path) -> None:
    own = pair[0].security
    right = pair[1].security.own or ""
    wrong, other = (f"sha256:{letter * 64}" for letter in "ab")
    for pinned in ([right], [wrong, right], [right, wrong]):
        security = Security(0, [own.identities[0], pinned], own.credentials)
        assert request(security, 1, pair[1].url) == 200
        assert security.in_use() == [own.own, right]
    for pinned, expected in (([wrong], wrong), ([wrong, other], f"{wrong} or {other}")):
        with pytest.raises(WrongIdentity) as caught:
            request(Security(0, [own.identities[0], pinned], own.credentials), 1, pair[1].url)
        assert str(caught.value) == f"party 1 presented {right}, expected {expected}"
    with pytest.raises(WrongIdentity) as caught:
        request(Security(0, [[right], [wrong]], own.credentials), 1, pair[1].url)
    assert "that is the certificate of party 0" in caught.value.hint


def test_without_pins_a_known_authority_must_vouch(pair: list[Node]) -> None:
    """As for parties that share a secret and reach each other through proxies."""
    with pytest.raises(WrongIdentity, match=r"the certificate of party 1 at https:.* is not trusted: self.signed"):
        request(Security(0, secrets=[b"", b"x" * 32]), 1, pair[1].url)


@pytest.mark.fault(50)
def test_an_expired_server_certificate_is_refused(pair: list[Node], tmp_path: Path) -> None:
    certificate, key = write_key(tmp_path, "old", 100, LONG_AGO)
    old = Credentials(read_certificate(certificate), key)
    own = pair[0].security
    pinned = [own.identities[0], [old.fingerprint]]
    node = Node(1, 2, RUN, security=Security(1, pinned, old))
    try:
        with pytest.raises(SecurityError, match=r"the certificate of party 1 \(sha256:\w+\) expired on 2020-04-10"):
            request(Security(0, pinned, own.credentials), 1, node.url)
    finally:
        node.listener.stop()


@pytest.mark.fault(50)
def test_plain_and_secured_parties_tell_each_other_apart(pair: list[Node], tmp_path: Path) -> None:
    host, port = pair[1].listener.address
    with socket.create_connection((host, port), timeout=5) as sock:
        status, body = ask(sock, "/run", 0, b"{}")
        assert status == 400 and "this party speaks https only" in body["message"]
    with nodes() as (plain, _), pytest.raises(SecurityError) as caught:
        request(pair[0].security, 1, plain.url.replace("http:", "https:"))
    assert "party 1 answers in plain http at https://127.0.0.1:" in str(caught.value)


def test_an_older_tls_is_refused_unless_allowed(pair: list[Node], tmp_path: Path) -> None:
    files = tmp_path / "p1.crt", tmp_path / "p1.key"
    with pytest.raises(ssl.SSLError):
        client(pair[0].listener.address, files, ssl.TLSVersion.TLSv1_2)
    own = pair[0].security
    node = Node(0, 2, RUN, security=Security(0, own.identities, own.credentials, min_version="1.2"))
    try:
        with client(node.listener.address, files, ssl.TLSVersion.TLSv1_2) as sock:
            assert sock.version() == "TLSv1.2" and ask(sock, "/msg/1", 1)[0] == 200
    finally:
        node.listener.stop()


def hang(address: tuple[str, int], kind: str) -> socket.socket | None:
    """A stranger who stops in the middle of something; None when the listener has ended the connection."""
    if kind == "handshake":
        sock = socket.create_connection(address, timeout=10)
        begin = b"\x16\x03\x01\x02"
    else:
        try:
            sock = client(address)
        except OSError:
            return None
        begin = (
            b"GET /ping HTTP/1.1\r\nHo"
            if kind == "headers"
            else b"POST /run HTTP/1.1\r\nContent-Length: 500000\r\n\r\n"
        )
    with contextlib.suppress(OSError):
        sock.sendall(begin)
    return sock


@pytest.mark.parametrize("kind", ["handshake", "headers", "body"])
def test_clients_that_hang_keep_nobody_out(pair: list[Node], kind: str) -> None:
    """More of them than there are workers; the parties talk all the same."""
    alice, bob = pair
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            if (sock := hang(bob.listener.address, kind)) is not None:
                stack.enter_context(sock)
        for number in range(20):
            alice.channel.send(1, "ROWS", np.full(1000, number, np.uint8), a=number)
            assert bob.channel.recv(0, "ROWS", np.uint8, 1000, a=number)[0] == number


def test_a_handshake_has_a_deadline(pair: list[Node]) -> None:
    with socket.create_connection(pair[1].listener.address, timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01\x02")
        assert sock.recv(1) == b""


@pytest.mark.fault(42)
def test_bodies_of_strangers_are_not_read(pair: list[Node]) -> None:
    for headers in (f"Content-Length: {MAX_CONTROL_BODY // 2}", "Transfer-Encoding: chunked"):
        with client(pair[0].listener.address) as sock:
            sock.sendall(f"POST /run HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode())
            status, body = answer(sock)
            assert (status, body["error"]) == (401, "unauthenticated")
            assert sock.recv(1) == b""


def test_headers_that_trickle_in_are_not_waited_for(pair: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytune_cli.server.connection.TIMEOUT", 0.3)
    with client(pair[0].listener.address) as sock:
        received = b""
        with contextlib.suppress(OSError):
            for byte in b"GET /ping HTTP/1.1\r\nX: " + b"x" * 10_000:
                sock.sendall(bytes([byte]))
                sock.settimeout(0.02)
                with contextlib.suppress(TimeoutError):
                    received = sock.recv(1000)
                    break
        assert received == b"" or received.startswith(b"HTTP/1.1 408")


def test_large_headers_are_refused(pair: list[Node]) -> None:
    with client(pair[0].listener.address) as sock:
        sock.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (20 << 10))
        assert answer(sock)[0] == 413


@pytest.mark.fault(51)
def test_requests_of_strangers_are_limited_and_those_of_peers_go_on(pair: list[Node], tmp_path: Path) -> None:
    address = pair[0].listener.address
    statuses = []
    with client(address) as sock:
        for number in range(100):
            statuses.append(ask(sock, "/ping" if number % 2 else "/run")[0])
    assert statuses.count(429) > 20 and {200, 401} <= set(statuses)
    with client(address, (tmp_path / "p1.crt", tmp_path / "p1.key")) as sock:
        assert {ask(sock, "/msg/1", 1)[0] for _ in range(100)} == {200}
        assert ask(sock, "/ping")[0] == ask(sock, "/version")[0] == 200
        statuses = [ask(sock, "/msg/1", 1)[0] for _ in range(400)]
        assert statuses.count(429) > 50  # a peer has limits too, far from what a run needs


def test_a_peer_has_so_many_connections(pair: list[Node], tmp_path: Path) -> None:
    files = tmp_path / "p1.crt", tmp_path / "p1.key"
    with contextlib.ExitStack() as stack:
        pair[0].guard.door._each_peer = 4  # type: ignore[union-attr]
        socks = [stack.enter_context(client(pair[0].listener.address, files)) for _ in range(5)]
        answers = [ask(sock, "/msg/1", 1) for sock in socks]
        assert [status for status, _ in answers] == [200] * 4 + [429]
        assert answers[-1][1]["message"] == "party 1 has too many connections"
        socks[0].close()
        socks[1].close()
        while pair[0].guard.door._known[1] > 2:  # type: ignore[union-attr]
            pass
        assert ask(socks[4], "/msg/1", 1)[0] == 200


def test_another_key_behind_a_pinned_certificate_is_no_use(pair: list[Node], tmp_path: Path) -> None:
    """The certificate is public; the handshake proves the key."""
    credentials(tmp_path, "thief")
    with pytest.raises(ssl.SSLError):
        client(pair[0].listener.address, (tmp_path / "p1.crt", tmp_path / "thief.key"))
