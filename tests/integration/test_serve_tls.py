"""Mutual TLS and shared secrets between real processes: who gets in, who does not, and what they are told."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from engine.transport.http.psk import AUTH_HEADER, Signer, direction_key
from tests.integration.scene import ROOT, SUM_OF_THREE, Process, Scene

Make = Callable[..., Scene]
SECRET, OTHER = "the secret that both parties share 1234", "a secret that only one party has 1234567"


def both_done(leader: Process, contributor: Process) -> None:
    assert leader.end() == 0, leader.log + leader.errors + contributor.log
    assert contributor.end() == 0


def ask(scene: Scene, party: int, path: str, headers: dict[str, str], name: str = "", body: bytes = b"{}") -> Any:
    """One request to a party with the certificate of ``name`` (or none): status and JSON of the answer."""
    connection: http.client.HTTPConnection
    if scene.urls[party].startswith("https"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if name:
            context.load_cert_chain(scene.folder / f"{name}.crt", scene.folder / f"{name}.key")
        connection = http.client.HTTPSConnection("127.0.0.1", scene.ports[party], timeout=10, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", scene.ports[party], timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", path, body, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())


def peer(sender: int, run: str = "00000000-0000-4000-8000-000000000000") -> dict[str, str]:
    return {"X-Polytune-Protocol": "1", "X-Polytune-Run": run, "X-Polytune-From": str(sender)}


@pytest.mark.fault(51)
def test_an_honest_run_beside_strangers_and_stalled_handshakes(scene: Make) -> None:
    """Three parties over mutual TLS; meanwhile others try to get in, and more of them just hang on the line."""
    s = scene(((1, 2), (3, 4), (5,)), SUM_OF_THREE)
    s.secure()
    s.key(9, "stranger")
    contributors = [s.start(party, "--runs", "1") for party in (1, 2)]
    with contextlib.ExitStack() as stack:
        for port in s.ports[1:] * 20:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(OSError):
                sock.sendall(b"\x16\x03\x01")
        for path in ("/run", "/consts/0", "/sync", "/msg/0"):
            assert ask(s, 1, path, peer(0))[0] == 401
            assert ask(s, 1, path, peer(0), "stranger")[0] == 403
            status, body = ask(s, 1, path, peer(0), "p2")  # a party, but not the one that it says
            assert (status, body["error"]) == (403, "identity_mismatch")
        leader = s.start(0)
        assert leader.end() == 0, leader.log + leader.errors
    assert [contributor.end() for contributor in contributors] == [0, 0]
    assert s.results == [15] and "INSECURE" not in leader.log
    assert "refused POST /run from 127.0.0.1: this needs the client certificate of a party" in contributors[0].log


def test_certificates_change_one_party_at_a_time_and_urls_may_differ(scene: Make) -> None:
    s = scene()
    first, second = s.secure()
    renewed = s.key(1, "p1-new")
    # The leader knows both certificates already, the contributor lists only its new one; each has its own URLs.
    s.change(0, identities=[first, [second, renewed]])
    other_names = [url.replace("localhost", "127.0.0.1") for url in s.urls]
    tls = {"cert": "p1-new.crt", "key": "p1-new.key"}
    s.change(1, identities=[first, renewed], tls=tls, participants=other_names)
    contributor = s.start(1, "--runs", "1")
    both_done(s.start(0), contributor)
    assert s.results == [36, 0]


@pytest.mark.fault(50)
def test_a_wrong_certificate_ends_the_run_before_anything_is_sent(scene: Make) -> None:
    s = scene()
    first, second = s.secure()
    contributor = s.start(1)
    expected = "sha256:" + "ab" * 32
    s.change(0, identities=[first, expected])
    leader = s.start(0)
    assert leader.end() == 5
    assert f"Error: party 1 presented {second}, expected {expected}" in leader.errors
    assert "Connecting to input db" not in leader.log
    # The other way round the contributor refuses: it expects another leader.
    s.change(0, identities=[first, second])
    contributor.stop()
    s.change(1, identities=[expected, second])
    contributor = s.start(1)
    leader = s.start(0)
    assert leader.end() == 5
    assert f"the certificate {first} is not one of the identities of party 1" in leader.log
    assert s.results == [999]


@pytest.mark.fault(50)
def test_plain_and_secured_parties_say_what_is_wrong(scene: Make) -> None:
    s = scene()
    plain = list(s.urls)
    contributor = s.start(1)
    s.secure()
    leader = s.start(0)
    assert leader.end() == 5
    assert f"Error: party 1 answers in plain http at {s.urls[1]}/" in leader.errors
    contributor.stop()
    contributor = s.start(1)
    s.change(0, participants=plain, identities=None, tls=None)
    leader = s.start(0)
    assert leader.end() == 1
    assert "400 Bad Request (this party speaks https only" in leader.log


@pytest.mark.fault(50)
@pytest.mark.fault(63)
def test_own_files_are_checked_before_anything_starts(scene: Make) -> None:
    s = scene()
    s.secure()
    key = s.folder / "p0.key"
    key.chmod(0o644)
    leader = s.start(0)
    assert leader.end() == 6
    assert "Error: p0.key has mode 644, need 600" in leader.errors and "chmod 600" in leader.errors
    key.chmod(0o600)
    leader = s.start(0, env={"POLYTUNE_TLS_CERT": "p1.crt"})
    assert leader.end() == 6 and "does not belong to the key" in leader.errors
    leader = s.start(0, env={"POLYTUNE_TLS_CERT": "p1.crt", "POLYTUNE_TLS_KEY": "p1.key"})
    assert leader.end() == 5 and "identities[0] does not name the own certificate" in leader.errors
    old = s.key(0, "p0", begin=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
    s.change(0, identities=[old, s.policies[0]["identities"][1]])
    leader = s.start(0)
    assert leader.end() == 5 and "the own certificate" in leader.errors and "expired on 2020-04-10" in leader.errors


def test_parties_that_share_a_secret(scene: Make) -> None:
    s = scene()
    s.change(0, auth={"psk": SECRET})
    s.change(1, auth={"psk": "${PSK}"})
    contributor = s.start(1, "--runs", "2", env={"PSK": SECRET})
    # Unsigned, signed with another secret, signed for another route, and the same request twice.
    assert ask(s, 1, "/run", peer(0))[0] == 401
    right, wrong = (Signer(direction_key(text.encode(), 0, 1), 0, 1) for text in (SECRET, OTHER))
    headers = {**peer(0), "X-Polytune-Digest": "0" * 64, "Content-Type": "application/json"}
    for signer, path in ((wrong, "/run"), (right, "/sync")):
        status, body = ask(s, 1, "/run", {**headers, AUTH_HEADER: signer.header("POST", path, headers)})
        assert (status, body["error"]) == (401, "unauthenticated")
    signed = {**headers, AUTH_HEADER: right.header("POST", "/run", headers)}
    status, body = ask(s, 1, "/run", signed)
    assert (status, body["message"]) == (400, "the body does not match its digest")
    status, body = ask(s, 1, "/run", signed)
    assert (status, body["message"]) == (401, "the same request came before (its nonce is used)")
    leader = s.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    assert s.results == [36, 0]
    s.change(0, auth={"psk": OTHER})
    stranger = s.start(0)
    assert stranger.end() == 5
    assert "party 1 refused: the request is not signed with the secret that the parties share" in stranger.log
    for text in (leader.log, stranger.log, stranger.errors, contributor.log):
        assert SECRET not in text and OTHER not in text


#: Read by the interpreter before anything else.
WRONG_CLOCK = """
import time
right = time.time
time.time = lambda: right() + 3 * 3600 + 60
"""


@pytest.mark.fault(62)
def test_a_clock_that_is_wrong_by_hours_is_named(scene: Make) -> None:
    s = scene()
    for party in (0, 1):
        s.change(party, auth={"psk": SECRET})
    s.start(1)
    (s.folder / "clock").mkdir()
    (s.folder / "clock" / "sitecustomize.py").write_text(WRONG_CLOCK)
    leader = s.start(0, env={"PYTHONPATH": f"{s.folder / 'clock'}:{ROOT}"})
    assert leader.end() == 5
    assert "the clocks of party 0 and party 1 differ by 3 h 1 min (at most 60 s): set the clocks" in leader.log
    assert s.results == [999]


def test_every_pair_of_three_has_its_secret(scene: Make) -> None:
    s = scene(((1, 2), (3, 4), (5,)), SUM_OF_THREE)
    pairs = {frozenset(pair): f"secret of the pair {pair} that nobody knows" for pair in ((0, 1), (0, 2), (1, 2))}
    for party in range(3):
        s.change(party, auth={"psk": [pairs.get(frozenset((party, other))) for other in range(3)]})
    contributors = [s.start(party, "--runs", "1") for party in (1, 2)]
    leader = s.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    assert [contributor.end() for contributor in contributors] == [0, 0] and s.results == [15]


def test_plain_http_beyond_loopback_names_three_ways_out(scene: Make) -> None:
    s = scene()
    leader = s.start(0, "--addr", "0.0.0.0")
    assert leader.end() == 5
    for way in ("polytune keygen", "auth.psk", "--allow-insecure"):
        assert way in leader.errors
    allowed = s.start(0, "--addr", "0.0.0.0", env={"POLYTUNE_SERVE_ALLOW_INSECURE": "1"})
    assert allowed.end() == 1 and "WARN polytune: INSECURE" in allowed.log
    s.change(0, auth={"psk": SECRET})
    shared = s.start(0, "--addr", "0.0.0.0")
    assert shared.end() == 1 and "a TLS proxy must be before each party" in shared.log
