"""Where results go, with real processes: files, standard output, several outputs, every output party."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.scene import Scene
from tests.url_server import Server

DATABASE = {
    "db": "sqlite://out.sqlite",
    "setup": "DELETE FROM results",
    "query": "INSERT INTO results VALUES (CAST($1 AS INT))",
}


def test_every_output_party_writes_to_all_its_outputs(scene: Any) -> None:
    """Party 0 has three outputs, one of them standard output, which then holds the rows and no log."""
    parties: Scene = scene()
    parties.change(0, output_parties=[0, 1], output=["-", DATABASE, {"file": "out0.jsonl"}])
    parties.change(1, output_parties=[0, 1], output={"file": "out1.csv"})
    contributor = parties.start(1, "--runs", "1")
    leader = parties.start(0)
    assert leader.end() == 0, leader.errors
    assert contributor.end() == 0, contributor.log
    assert leader.log == "36\n0\n"
    assert "MPC Output: 2 rows" in leader.errors
    assert "MPC Output: 2 rows" in contributor.log
    assert parties.results == [36, 0]
    assert (parties.folder / "out0.jsonl").read_text() == "[36]\n[0]\n"
    assert (parties.folder / "out1.csv").read_text() == "36\n0\n"


def test_printed_rows_become_part_of_the_json_object(scene: Any) -> None:
    parties: Scene = scene()
    parties.change(0, output="-")
    contributor = parties.start(1, "--runs", "1")
    leader = parties.start(0, "--json")
    assert leader.end() == 0, leader.errors
    assert contributor.end() == 0
    assert json.loads(leader.log) == {"ok": True, "output": [[36], [0]]}


@pytest.mark.fault(54)
def test_all_outputs_are_checked_before_the_run(scene: Any) -> None:
    """The second of two cannot work: nothing is computed, the first is untouched, the contributor goes on."""
    parties: Scene = scene()
    parties.change(0, output=[DATABASE, {"file": "nowhere/out.csv"}])
    contributor = parties.start(1)
    leader = parties.start(0)
    assert leader.end() == 4
    assert "output check failed: output[1]: cannot write" in leader.errors
    assert "Accepted policy" not in contributor.log
    assert parties.results == [999]
    parties.change(0, output=DATABASE)
    assert parties.start(0).end() == 0
    contributor.wait_for("Listening for connection attempts from other parties", 2)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.fault(53)
@pytest.mark.defect("D9")
def test_urls_get_the_result_or_the_error(scene: Any, server: Server) -> None:
    """Of a run that works; of one that panics, at every output party, and nothing else is written; of one that does
    not begin.
    """
    parties: Scene = scene()
    for party in (0, 1):
        parties.change(
            party,
            output_parties=[0, 1],
            output=[DATABASE, f"{server.url}/{party}"] if party == 0 else server.url + "/1",
        )
    contributor = parties.start(1, "--runs", "2")
    leader = parties.start(0)
    assert leader.end() == 0, leader.errors
    numbers = {"Array": [{"NumUnsigned": [36, "U8"]}, {"NumUnsigned": [0, "U8"]}]}
    contributor.wait_for("MPC Output: 2 rows")
    assert sorted((path, body["details"]) for path, _, body in server.requests) == [("/0", numbers), ("/1", numbers)]
    assert {body["type"] for _, _, body in server.requests} == {"success"}
    assert len({headers["X-Polytune-Run"] for _, headers, _ in server.requests}) == 1

    server.requests.clear()
    parties.execute("in0.sqlite", "UPDATE t SET x = 250")
    leader = parties.start(0)
    assert leader.end() == 1
    assert "program panicked: Overflow at line" in leader.errors
    assert contributor.end() == 1
    assert sorted((path, body["type"]) for path, _, body in server.requests) == [("/0", "error"), ("/1", "error")]
    assert all(body["details"].startswith("program panicked: Overflow") for _, _, body in server.requests)
    assert parties.results == [36, 0]

    server.requests.clear()
    leader = parties.start(0)
    assert leader.end() == 1
    ((path, _, body),) = server.requests
    assert (path, body["type"]) == ("/0", "error")
    assert "Some participants are missing" in body["details"]
