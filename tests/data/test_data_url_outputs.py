"""Results to a URL: what is sent, what is tried again, what is refused; against real servers on loopback."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from engine.data import report_failure
from engine.errors import DataError
from engine.outputs import UrlOutput
from engine.values import ArrayType, EnumValue, StructValue, Type, from_json
from tests.data.data_helpers import BOOL, I8, OPTION, U8, U16, U64, check_output, rows_of, struct, write_output
from tests.url_server import Server


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    monkeypatch.setattr("engine.data.delivery.PAUSES", (0.01, 0.01, 0.01))
    servers: list[Server] = []

    def make(context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(context))
        return servers[-1]

    yield make
    for server in servers:
        server.hold.set()
        server.shutdown()
        server.server_close()


def send(url: str, type: Type, value: Any, folder: Path, **options: Any) -> None:
    spec = UrlOutput(url, **options)
    check_output(spec, type)
    write_output(spec, type, value, "run-7", folder)


def refused(url: str, folder: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        send(url, U8, 7, folder, **options)
    assert caught.value.exit_code == 4
    return caught.value


TOTAL = struct("Total", area=U8, people=OPTION)


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (U16, 7),
        (ArrayType(U16, 3), [1, 2, 65535]),
        (ArrayType(U8, 0), []),
        (rows_of(BOOL, I8, U64, size=2), [(True, -3, 2**64 - 1), (False, 0, 0)]),
        (ArrayType(TOTAL, 1), [StructValue("Total", {"area": 3, "people": EnumValue("MaybeCount", "Some", (4,))})]),
        (ArrayType(U8, 2500), [number % 256 for number in range(2500)]),
    ],
)
def test_the_value_arrives(type: Type, value: Any, serve: Any, tmp_path: Path) -> None:
    server = serve()
    send(f"{server.url}/in?x=1", type, value, tmp_path, headers=(("X-Team", "seven"),))
    ((path, headers, body),) = server.requests
    assert path == "/in?x=1"
    assert (headers["X-Team"], headers["Content-Type"]) == ("seven", "application/json")
    assert headers["X-Polytune-Run"] == headers["Idempotency-Key"] == "run-7"
    assert set(body) == {"type", "details"}
    assert body["type"] == "success"
    assert from_json(type, body["details"]) == value


@pytest.mark.parametrize("first", [500, 502, 503, 429, 408])
def test_what_may_pass_is_tried_again(first: int, serve: Any, tmp_path: Path) -> None:
    server = serve()
    server.script = [first, first, 201]
    send(server.url, U8, 7, tmp_path)
    assert len(server.requests) == 3
    assert len({json.dumps(body) for _, _, body in server.requests}) == 1


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    ("answer", "attempts", "text"),
    [
        (500, 4, "answered 500 Internal Server Error"),
        (404, 1, "answered 404 Not Found"),
        (303, 1, "answered 303 See Other"),
        ((302, "http://other.example/x"), 1, "redirects to another host, which is refused"),
        ((307, "http://localhost:1/x"), 1, "redirects to another host, which is refused"),
        ((308, "//other.example"), 1, "redirects to another host, which is refused"),
        ((307, "/again"), 6, "redirects too often"),
        ("hold", 4, "timed out"),
    ],
)
def test_what_fails_keeps_the_result(answer: Any, attempts: int, text: str, serve: Any, tmp_path: Path) -> None:
    server = serve()
    server.script = [answer]
    error = refused(server.url, tmp_path, timeout=0.2)
    path = tmp_path / "recovery" / "run-7.json"
    assert text in error.message
    assert error.message.endswith(f"result saved to {path}; apply with: polytune output --resume {path}")
    assert json.loads(path.read_text())["rows"] == [[7]]
    assert len(server.requests) == attempts


def test_a_redirection_on_the_same_host_is_followed(serve: Any, tmp_path: Path) -> None:
    server = serve()
    server.script = [(307, "/b"), (302, f"{server.url}/c"), 204]
    send(f"{server.url}/a", U8, 7, tmp_path)
    assert [(path, body["type"]) for path, _, body in server.requests] == [
        ("/a", "success"),
        ("/b", "success"),
        ("/c", "success"),
    ]


@pytest.mark.fault(54)
def test_the_check_finds_what_cannot_be_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused(f"http://u:secret-word@localhost:{port}/x", tmp_path)
    assert error.message.startswith(f"output check failed: output: cannot POST to http://u:***@localhost:{port}/x: ")
    assert "connection refused" in error.message


def test_the_check_sends_nothing(serve: Any) -> None:
    server = serve()
    check_output(UrlOutput(server.url), U8)
    assert server.requests == []


def test_certificates_are_verified(serve: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = serve(context)
    for option in ({}, {"ca": tmp_path / "other.pem"}):
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        error = refused(server.url, tmp_path, **option)
        assert "output check failed: output: no trusted connection to https://localhost" in error.message
        with pytest.raises(DataError, match="no trusted connection"):
            write_output(UrlOutput(server.url, **option), U8, 7, "run-7", tmp_path)
    assert server.requests == []
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    send(server.url, U8, 7, tmp_path, ca=tmp_path / "ca.pem")
    assert len(server.requests) == 1


def test_a_failure_is_reported(serve: Any, caplog: Any) -> None:
    server = serve()
    report_failure([UrlOutput(server.url)], "party 1 left", "run-7")
    ((_, headers, body),) = server.requests
    assert body == {"type": "error", "details": "party 1 left"}
    assert headers["X-Polytune-Run"] == "run-7"
    server.script = [500]
    report_failure([UrlOutput(server.url)], "party 1 left", "run-7")
    assert "the failure of the run could not be reported" in caplog.text
