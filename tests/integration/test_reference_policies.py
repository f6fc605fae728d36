"""Policies in both forms of the reference run as they are: that of its SQL integration and that of its HTTP server."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.scene import Scene

Make = Callable[..., Scene]
ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
#: As in the reference's documentation: the source itself, with constants of both parties.
SOURCE = """
const ROWS_0: usize = PARTY_0::ROWS;
const ROWS_1: usize = PARTY_1::ROWS;

pub fn main(left: [(u32, Level); ROWS_0], right: [i16; ROWS_1]) -> (u32, bool) {
    let mut sum = 0u32;
    for (number, level) in left {
        sum = if level == Level::High { sum + number } else { sum };
    }
    let mut negative = false;
    for number in right { negative = negative | (number < 0i16); }
    (sum, negative)
}

enum Level { Low, High }
"""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Any]]]:
    """A service that takes results: its URL, and what was posted to it."""
    posted: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/result", posted
    server.shutdown()
    server.server_close()


def number(value: int, type: str) -> dict[str, Any]:
    return {"NumUnsigned" if type.startswith("U") else "NumSigned": [value, type]}


def level(value: int, name: str) -> dict[str, Any]:
    return {"Tuple": [number(value, "U32"), {"Enum": ["Level", name, "Unit"]}]}


def of_http_server(urls: list[str], party: int, output: str | None) -> dict[str, Any]:
    """A policy as the HTTP server takes it at /schedule, every key of it."""
    left = {"Array": [level(5, "High"), level(7, "Low"), level(11, "High")]}
    right = {"ArrayRepeat": [number(-3, "I16"), 2]}
    return {
        "computation_id": ID,
        "participants": urls,
        "program": SOURCE,
        "leader": 0,
        "party": party,
        "input": [left, right][party],
        "output": output,
        "constants": {"ROWS": number([3, 2][party], "Usize")},
    }


def test_policies_of_the_http_server(scene: Make, receiver: tuple[str, list[Any]]) -> None:
    place = scene()
    url, posted = receiver
    for party in (0, 1):
        policy = of_http_server(place.urls, party, [url, None][party])
        (place.folder / f"policy{party}.json").write_text(json.dumps(policy))
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    value = {"Tuple": [{"NumUnsigned": [16, "U32"]}, "True"]}
    assert posted == [{"type": "success", "details": value}]
    contributor.wait_for("Listening for connection attempts", 2)
    # The same id is accepted once: the result of a run must not be computed again with other rows.
    again = place.start(0)
    assert again.end() in (1, 5), again.log + again.errors
    assert len([one for one in posted if one["type"] == "success"]) == 1


def test_policies_of_the_sql_integration(scene: Make) -> None:
    """Every key that it knows, those that may be null with null, and ``setup`` of the input, which it ignores."""
    place = scene()
    sql = place.policies[0]
    place.change(
        0, input={**sql["input"], "setup": "SELECT 1"}, output={**sql["output"], "setup": "DELETE FROM results"}
    )
    policy = {**place.policies[1], "output": None, "input": {**place.policies[1]["input"], "setup": None}}
    (place.folder / "policy1.json").write_text(json.dumps(policy))
    assert set(place.policies[0]) == {"participants", "program", "leader", "party", "input", "output", "constants"}
    place.start(1)
    leader = place.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    assert place.results == [36, 0]
