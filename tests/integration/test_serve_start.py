"""``polytune serve`` before any run: ping, start order, exit codes and texts of every refusal to start."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest

from polytune_cli.kernels import WHAT
from tests.integration.scene import INTERRUPT, TERMINATE, Scene

Make = Callable[..., Scene]
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z +(DEBUG|INFO|WARN|ERROR) polytune: .+")


def messages(log: str) -> list[str]:
    """The messages of a log whose every line has the documented form, without those of a first start."""
    for line in log.splitlines():
        assert LINE.fullmatch(line), line
    found = [line.partition(" polytune: ")[2] for line in log.splitlines()]
    return [message for message in found if not message.startswith(WHAT)]


def test_contributor_answers_ping_and_ends_on_sigterm(scene: Make) -> None:
    place = scene()
    party = place.start(1)
    with urllib.request.urlopen(f"{place.urls[1]}/ping", timeout=10) as reply:
        assert reply.read() == b"pong"
    assert messages(party.log) == [
        f"listening on 127.0.0.1:{place.ports[1]}",
        "Listening for connection attempts from other parties",
    ]
    assert "Z  INFO polytune: listening" in party.log
    party.signal(TERMINATE)
    assert (party.end(20), party.errors) == (0, "")


@pytest.mark.long
def test_first_start_compiles_before_it_listens(scene: Make, tmp_path) -> None:
    place = scene()
    environment = {"POLYTUNE_CACHE_DIR": str(tmp_path / "cache")}
    first = place.run("serve", "--config", "policy0.json", env=environment, seconds=270).log
    lines = [line.partition(" polytune: ")[2] for line in first.splitlines()]
    told = [line for line in lines if line.startswith(WHAT)]
    assert told[0] == WHAT and re.fullmatch(rf"{WHAT}: (\d+) of \1", told[-1])
    assert lines.index(told[-1]) + 1 == lines.index(f"listening on 127.0.0.1:{place.ports[0]}")
    assert WHAT not in place.run("serve", "--config", "policy0.json", env=environment).log


@pytest.mark.fault(16)
def test_leader_alone_reports_every_missing_party(scene: Make) -> None:
    place = scene([(1,), (2,)])
    leader = place.start(0)
    assert leader.end() == 1
    shown = [line for line in messages(leader.log) if not line.startswith("party 0: ")]  # progress
    assert shown == [
        f"listening on 127.0.0.1:{place.ports[0]}",
        "Acting as leader (party 0)",
        f"Waiting for confirmation from party http://localhost:{place.ports[1]}/",
        f"Could not reach http://localhost:{place.ports[1]}/run: connection refused",
    ]
    assert f"ERROR polytune: Could not reach http://localhost:{place.ports[1]}/run" in leader.log
    assert leader.errors == "Error: Some participants are missing, aborting...\n"
    assert place.results == [999]


@pytest.mark.fault(18)
def test_another_service_is_no_peer(scene: Make) -> None:
    import http.server
    import threading

    place = scene()
    server = http.server.HTTPServer(("127.0.0.1", place.ports[1]), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        leader = place.start(0)
        assert leader.end() == 1
    finally:
        server.shutdown()
        server.server_close()
    url = f"http://localhost:{place.ports[1]}/run"
    assert f"Unexpected response while trying to start execution for {url}: 404 Not Found" in leader.log
    assert "not a polytune peer" in leader.log


@pytest.mark.fault(19)
def test_a_process_with_the_wrong_number_is_noticed(scene: Make) -> None:
    place = scene([(1,), (2,), (3,)], "pub fn main(a: [u8; 1], b: [u8; 1], c: [u8; 1]) -> [u8; 1] { [a[0]] }")
    place.change(2, party=1)
    place.start(1)
    second = place.start(2, "--port", str(place.ports[2]))
    leader = place.start(0)
    assert leader.end() == 1
    assert "participant 2 answered as party 1 (identity_mismatch)" in leader.log
    assert "Some participants are missing" in leader.errors
    second.signal(INTERRUPT)
    assert second.end(20) == 0


def test_bare_form_is_serve_and_port_zero_is_shown(scene: Make) -> None:
    place = scene()
    party = place.run("--addr=127.0.0.1", "--port=0", "--config=policy0.json")
    port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", party.log).group(1))  # type: ignore[union-attr]
    assert port not in (0, place.ports[0])


def test_socket_address_overrides_options(scene: Make) -> None:
    place = scene()
    party = place.run(
        "serve", "--config", "policy0.json", "--port", "1", env={"SOCKET_ADDRESS": f"127.0.0.2:{place.ports[0]}"}
    )
    assert f"listening on 127.0.0.2:{place.ports[0]}" in party.log


@pytest.mark.parametrize(
    ("args", "env", "text"),
    [
        (["--addr", "localhost.example"], {}, "Invalid value for '--addr'"),
        (["--port", "70000"], {}, "Invalid value for '--port'"),
        (["--port", "x"], {}, "Invalid value for '--port'"),
        (["--prot", "1"], {}, "No such option"),
        ([], {"SOCKET_ADDRESS": "127.0.0.1"}, "SOCKET_ADDRESS"),
        ([], {"SOCKET_ADDRESS": "127.0.0.1:99999"}, "SOCKET_ADDRESS"),
        (["--log-level", "loud"], {}, "'loud' is not a log level"),
    ],
)
@pytest.mark.fault(14)
def test_usage_mistakes_exit_2(scene: Make, args: list[str], env: dict[str, str], text: str) -> None:
    party = scene().run("serve", "--config", "policy0.json", *args, env=env)
    assert party.end() == 2
    assert text in party.errors and "Traceback" not in party.errors and party.log == ""


@pytest.mark.fault(1)
def test_missing_config_option_exits_2_and_missing_file_3(scene: Make) -> None:
    place = scene()
    assert "Missing option" in (first := place.run("serve")).errors and first.end() == 2
    second = place.run("serve", "--config", "x.json")
    assert second.end() == 3 and "Could not find 'x.json', exiting..." in second.errors


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("pub fn main(a: u8) -> u8 { a + true }", "program.garble.rs:1:28"),
        ("pub fn main(a: u8) -> u8 { a }", "main takes 1 inputs but there are 2 participants"),
        ("pub fn other(a: u8, b: u8) -> u8 { a }", "main"),
        (
            "const N: usize = PARTY_0::COUNT; pub fn main(a: [u8; N], b: [u8; 2]) -> u8 { b[0] }",
            "program needs PARTY_0::COUNT but constants has no 'COUNT'",
        ),
        (
            "const N: usize = PARTY_7::COUNT; pub fn main(a: [u8; N], b: [u8; 2]) -> u8 { b[0] }",
            "program needs PARTY_7::COUNT, but there is no such party",
        ),
    ],
)
@pytest.mark.fault(12, 13)
def test_program_mistakes_exit_3_before_listening(scene: Make, program: str, text: str) -> None:
    party = scene(program=program).run("serve", "--config", "policy0.json")
    assert party.end() == 3
    assert text in party.errors and "Traceback" not in party.errors
    assert "listening" not in party.log


def test_plain_http_beyond_loopback_exits_5(scene: Make) -> None:
    place = scene()
    party = place.run("serve", "--config", "policy0.json", "--addr", "0.0.0.0")
    assert party.end() == 5 and "--allow-insecure" in party.errors
    place.change(0, participants=[place.urls[0], "http://192.0.2.7:8000"])
    party = place.run("serve", "--config", "policy0.json")
    assert party.end() == 5
    assert (
        "participants[1] uses plain http outside loopback; use https with identities, or --allow-insecure"
        in party.errors
    )
    assert "listening" not in party.log


def test_plain_http_may_be_allowed_by_environment(scene: Make) -> None:
    place = scene()
    party = place.run(
        "serve", "--config", "policy0.json", "--addr", "0.0.0.0", env={"POLYTUNE_SERVE_ALLOW_INSECURE": "1"}
    )
    assert party.end() == 1  # the other party is missing
    assert "WARN polytune: INSECURE" in party.log and f"listening on 0.0.0.0:{place.ports[0]}" in party.log


@pytest.mark.fault(15)
def test_port_in_use_exits_6(scene: Make) -> None:
    place = scene()
    with socket.create_server(("127.0.0.1", place.ports[0])):
        party = place.run("serve", "--config", "policy0.json")
    assert party.end() == 6
    assert f"cannot listen on 127.0.0.1:{place.ports[0]}: address already in use" in party.errors
    assert "hint:" in party.errors


def test_output_of_a_party_without_result_is_a_warning(scene: Make) -> None:
    place = scene()
    place.change(1, output=place.policies[0]["output"])
    party = place.start(1)
    assert "WARN polytune: output is ignored: party 1 receives no result" in party.log


def test_ipv6_loopback(scene: Make) -> None:
    place = scene()
    party = place.run("serve", "--config", "policy0.json", "--addr", "::1", "--port", "0")
    assert re.search(r"listening on \[::1\]:\d+", party.log) and party.end() == 1


@pytest.mark.fault(64)
def test_a_closed_pipe_and_a_poor_terminal_leave_no_traceback(scene: Make) -> None:
    place = scene()
    ascii_only = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    party = place.run("serve", "--config", "nö.json", env=ascii_only)
    assert party.end() == 3 and "Could not find" in party.errors and "Traceback" not in party.errors
    command = [sys.executable, "-m", "polytune_cli.main", "serve", "--config", "policy0.json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, cwd=place.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read().decode()
    assert process.wait(30) == 1
    assert errors == "Error: Some participants are missing, aborting...\n"
