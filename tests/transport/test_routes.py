"""Routes as a stranger meets them: form of errors, limits checked before reading, no effect of repeats."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from engine.transport.frame import Header, pack
from engine.transport.http.wire import MAX_CHUNK, MAX_CONTROL_BODY
from engine.transport.inbox import FRAME_COST
from tests.transport.nodes import Node, nodes


@pytest.fixture
def node() -> Iterator[Node]:
    with nodes() as (first, _):
        yield first


def ask(
    node: Node, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Status, body (JSON where it is) and headers; underscores in header names stand for dashes."""
    connection = http.client.HTTPConnection(*node.listener.address, timeout=10)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        reply = connection.getresponse()
        data = reply.read()
        kind = reply.headers.get_content_type()
        return reply.status, json.loads(data) if kind == "application/json" else data, dict(reply.headers)
    finally:
        connection.close()


def message(body: bytes, seq: int = 0, **changes: str) -> dict[str, str]:
    headers = {
        "X_Polytune_Protocol": "1",
        "X_Polytune_Run": "test-run",
        "X_Polytune_From": "1",
        "X_Polytune_Seq": str(seq),
        "X_Polytune_Chunk": "0/1",
        "X_Polytune_Length": str(len(body)),
        "X_Polytune_Digest": hashlib.sha256(body).hexdigest(),
    }
    return {**headers, **changes}


FRAME = pack(Header("OK", 1, 0, 0, 0, bytes(8), 0))


def test_ping_is_exactly_pong(node: Node) -> None:
    status, body, _ = ask(node, "GET", "/ping")
    assert (status, body) == (200, b"pong")


@pytest.mark.fault(43)
def test_message_repeat_and_resume_point(node: Node) -> None:
    free = (64 << 20) - len(FRAME) - FRAME_COST
    assert ask(node, "POST", "/msg/1", FRAME, **message(FRAME))[:2] == (200, {"next": 1, "window": free})
    assert ask(node, "POST", "/msg/1", FRAME, **message(FRAME))[1]["next"] == 1
    assert ask(node, "GET", "/msg/1", **message(b""))[:2] == (200, {"next": 1})


@pytest.mark.fault(44)
def test_replay_with_other_bytes_is_refused(node: Node) -> None:
    ask(node, "POST", "/msg/1", FRAME, **message(FRAME))
    other = pack(Header("LAM", 1, 0, 0, 0, bytes(8), 0))
    status, body, _ = ask(node, "POST", "/msg/1", other, **message(other))
    assert (status, body["error"]) == (409, "replay_mismatch")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"X_Polytune_Protocol": "2"}, 426, "protocol_version"),
        ({"X_Polytune_Protocol": ""}, 426, "protocol_version"),
        ({"X_Polytune_Run": "other"}, 404, "unknown_run"),
        ({"X_Polytune_Run": "../x"}, 400, "bad_request"),
        ({"X_Polytune_From": "0"}, 403, "identity_mismatch"),
        ({"X_Polytune_From": "2"}, 400, "bad_request"),
        ({"X_Polytune_From": "-1"}, 400, "bad_request"),
        ({"X_Polytune_From": "99999999999999999999"}, 400, "bad_request"),
        ({"X_Polytune_Seq": "x"}, 400, "bad_request"),
        ({"X_Polytune_Seq": "8"}, 409, "out_of_order"),
        ({"X_Polytune_Length": "1"}, 400, "bad_request"),
        ({"X_Polytune_Digest": "abc"}, 400, "bad_request"),
        ({"X_Polytune_Digest": "0" * 64}, 400, "bad_request"),
    ],
)
def test_refusals_have_code_and_message(node: Node, changes: dict[str, str], status: int, code: str) -> None:
    got, body, _ = ask(node, "POST", "/msg/1", FRAME, **message(FRAME, **changes))
    assert (got, body["error"]) == (status, code)
    assert set(body) == {"error", "message", "details"} and body["message"]
    # Nothing of it was kept: the right request still works.
    assert ask(node, "POST", "/msg/1", FRAME, **message(FRAME))[1]["next"] == 1


@pytest.mark.fault(42)
def test_too_large_is_refused_before_the_body_is_read(node: Node) -> None:
    for path, size in (("/msg/1", MAX_CHUNK + 1), ("/abort", MAX_CONTROL_BODY + 1)):
        with socket.create_connection(node.listener.address, timeout=10) as sock:
            headers = {**message(b""), "X_Polytune_Length": str(size), "Content_Length": str(size)}
            lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
            sock.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            assert sock.recv(1 << 16).startswith(b"HTTP/1.1 413")


def test_chunked_upload_without_length_is_refused(node: Node) -> None:
    connection = http.client.HTTPConnection(*node.listener.address, timeout=10)
    headers = {k.replace("_", "-"): v for k, v in message(FRAME).items()}
    connection.request("POST", "/msg/1", iter([FRAME]), headers, encode_chunked=True)
    assert connection.getresponse().status == 400
    connection.close()


def test_a_body_that_ends_early_is_not_stored(node: Node) -> None:
    with socket.create_connection(node.listener.address, timeout=10) as sock:
        lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in message(FRAME).items())
        sock.sendall(f"POST /msg/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n{lines}\r\n".encode() + FRAME[:10])
    assert ask(node, "GET", "/msg/1", **message(b""))[1] == {"next": 0}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/msg/x", 404), ("DELETE", "/ping", 405)]
)
def test_other_routes_answer_json(node: Node, method: str, path: str, status: int) -> None:
    got, body, _ = ask(node, method, path)
    assert got == status and body["error"] in ("not_found", "method_not_allowed")


def test_control_bodies_must_be_json_objects(node: Node) -> None:
    for raw in (b"", b"[]", b"{", b"\xff", b'"x"'):
        status, body, _ = ask(node, "POST", "/abort", raw, **message(b""))
        assert (status, body["error"]) == (400, "bad_request")


def test_a_fault_of_ours_is_internal_without_details(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, Any]:
        raise ZeroDivisionError("secret text")

    monkeypatch.setattr(node.service, "version", broken)
    status, body, _ = ask(node, "GET", "/version")
    assert (status, body["error"]) == (500, "internal")
    assert "secret" not in json.dumps(body) and "Traceback" not in json.dumps(body)


def test_the_window_full_answer_names_when_to_retry(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytune_cli.server.app.HOLD", 0.01)
    receiver = node.service.receiver("test-run", 1)
    receiver.window = 10
    assert ask(node, "POST", "/msg/1", FRAME, **message(FRAME))[0] == 200
    status, body, headers = ask(node, "POST", "/msg/1", FRAME, **message(FRAME, seq=1))
    assert (status, body["error"], headers["Retry-After"]) == (503, "backpressure", "0.1")


ABORT = pack(Header("ABORT", 1, 0, 0, 0, bytes(8), 2)) + b"\x01\x00"


def test_an_abort_needs_no_sequence_number(node: Node) -> None:
    headers = {k: v for k, v in message(ABORT).items() if "Seq" not in k} | {
        "Content_Type": "application/x-polytune-abort"
    }
    for wrong in (b"", FRAME, ABORT[:-1], ABORT + b"x", bytes(1 << 16)):
        status, body, _ = ask(node, "POST", "/msg/1", wrong, **headers)
        assert (status, body["error"]) == (400, "bad_request")
    assert node.service.inbox.error is None
    assert ask(node, "POST", "/msg/1", ABORT, **headers)[0] == 200
    assert "party 1 aborted the run: malformed message" in str(node.service.inbox.error)


@pytest.mark.parametrize("place", ["1/1", "x", "0/0", "1/2", "-1/2"])
def test_an_impossible_place_in_a_message_is_refused(node: Node, place: str) -> None:
    status, body, _ = ask(node, "POST", "/msg/1", FRAME, **message(FRAME, X_Polytune_Chunk=place))
    assert (status, body["error"]) == (400, "bad_request")


def test_silent_clients_do_not_keep_others_from_being_served(node: Node) -> None:
    silent = [socket.create_connection(node.listener.address, timeout=10) for _ in range(40)]
    try:
        assert ask(node, "GET", "/ping")[1] == b"pong"
    finally:
        for sock in silent:
            sock.close()
