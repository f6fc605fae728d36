"""The lines of a run, as they are documented: texts, order, levels, form, and which stream they go to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from polytune_cli.kernels import WHAT
from tests.integration.scene import Process, Scene, free_ports

Make = Callable[..., Scene]
#: Time in UTC with six digits and Z, the level right-aligned to five places, the target, the message.
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ((?:DEBUG| INFO| WARN|ERROR)) polytune: (.+)")
PROGRESS = re.compile(r"party \d: \w+ \d+%|party \d: (finished|failed)|" + re.escape(WHAT))
URL = r"http://localhost:\d+/"
MEMORY = r"Peak memory: [1-9]\d* MB"

LEADER = [
    " INFO listening on 127\\.0\\.0\\.1:[1-9]\\d*",
    " INFO Acting as leader \\(party 0\\)",
    f" INFO Waiting for confirmation from party {URL}",
    r" INFO Connecting to input db at sqlite:///\S+/in0\.sqlite\.\.\.",
    r" INFO 'SELECT x FROM t ORDER BY rowid' returned 3 rows from sqlite:///\S+/in0\.sqlite",
    r" INFO All participants have accepted the session, starting calculation now\.\.\.",
    f" INFO Sending constants to party {URL}",
    " INFO Compiling circuit with the following constants:",
    " INFO PARTY_0::ROWS: 3",
    " INFO PARTY_1::ROWS: 2",
    r" INFO Trying to execute circuit with \d+\.\d\dM instructions  \(\d+\.\d\dM AND ops\)",
    r" INFO Sending msg setup to party 1 \(\d+\.\d\dMB\)\.\.\.",
    r" INFO Sending msg preprocess to party 1 \(\d+\.\d\dMB\)\.\.\.",
    rf" INFO MPC computation for party 0 took 0 hour\(s\), 0 minute\(s\), \d+ second\(s\)\. {MEMORY}",
    " INFO MPC Output: 2 rows",
]
CONTRIBUTOR = [
    " INFO listening on 127\\.0\\.0\\.1:[1-9]\\d*",
    " INFO Listening for connection attempts from other parties",
    r" INFO Accepted policy for \S+/program\.garble\.rs, starting execution",
    " INFO POST /run",
    r" INFO 200 OK \(in \d+\.\dms\)",
    r" INFO Connecting to input db at sqlite:///\S+/in1\.sqlite\.\.\.",
    " INFO POST /consts/0",
    " INFO Compiling circuit with the following constants:",
    " INFO POST /sync",
    rf" INFO MPC computation for party 1 took 0 hour\(s\), 0 minute\(s\), \d+ second\(s\)\. {MEMORY}",
]


def lines_of(party: Process) -> list[str]:
    """Level and message of every line; each has the documented form."""
    found = []
    for line in party.log.splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        found.append(f"{match[1]} {match[2]}")
    return found


def assert_in_order(lines: list[str], patterns: list[str]) -> None:
    """Each pattern is a whole line, after the one before."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(re.fullmatch(pattern, line) for line in rest), (pattern, lines)


def test_every_line_of_a_run(scene: Make) -> None:
    place = scene()
    contributor = place.start(1, "--runs", "1")
    leader = place.start(0)
    assert leader.end() == 0 and contributor.end() == 0
    assert leader.errors == contributor.errors == ""
    assert_in_order(lines_of(leader), LEADER)
    # Requests are answered in threads of their own, beside the run.
    found = lines_of(contributor)
    assert_in_order([line for line in found if "POST" not in line], [p for p in CONTRIBUTOR if "POST" not in p])
    assert_in_order(found, [p for p in CONTRIBUTOR if "POST" in p or "200 OK" in p])
    ended = {"Listening for connection attempts from other parties", "starting execution", "MPC Output"}
    assert sum(any(text in line for text in ended) for line in found) == 2
    assert not [line for line in found + lines_of(leader) if line.startswith(("DEBUG", " WARN", "ERROR"))]


def test_messages_one_by_one_at_debug_level_and_the_last_line_when_quiet(scene: Make) -> None:
    place = scene()
    place.change(0, output=None)
    contributor = place.start(1, "--runs", "1", "-v")
    leader = place.run("-q", "serve", "--config", "policy0.json")
    assert leader.end() == 0 and contributor.end() == 0
    sent = [line for line in lines_of(contributor) if line.startswith("DEBUG Sending msg ")]
    assert len(sent) > 10
    assert all(re.fullmatch(r"DEBUG Sending msg [\w-]+ to party 0 \(\d+\.\d\dMB\)\.\.\.", line) for line in sent), sent
    assert re.search(r"DEBUG POST /msg/0$", "\n".join(lines_of(contributor)), re.MULTILINE)
    first, second, last = lines_of(leader)
    assert first == " WARN No 'output' specified in the policy: the result will be dropped"
    assert second == " WARN No 'output' and/or 'output_db' specified in the policy, dropping 2 rows"
    assert last.startswith(" INFO party 0: finished after ")


def test_json_lines_and_what_is_missing(scene: Make) -> None:
    place = scene([(1,), (2,), (3,)], "pub fn main(a: [u8; 1], b: [u8; 1], c: [u8; 1]) -> u8 { a[0] }")
    place.start(1)
    leader = place.run("serve", "--log-format", "json", "--config", "policy0.json")
    assert leader.end() == 1
    assert leader.errors == "Error: Some participants are missing, aborting...\n"
    records = [json.loads(line) for line in leader.log.splitlines()]
    assert all(set(record) == {"time", "level", "target", "message"} for record in records)
    told = [(r["level"], r["message"]) for r in records if not PROGRESS.match(r["message"])]
    assert told == [
        ("info", f"listening on 127.0.0.1:{place.ports[0]}"),
        ("info", "Acting as leader (party 0)"),
        ("info", f"Waiting for confirmation from party {place.urls[1]}/"),
        ("info", f"Waiting for confirmation from party {place.urls[2]}/"),
        ("error", f"Could not reach {place.urls[2]}/run: connection refused"),
    ]


@pytest.mark.fault(26)
@pytest.mark.parametrize("broken", [0, 1])
def test_a_database_that_is_down_ends_the_run_and_its_party_alone_knows_why(scene: Make, broken: int) -> None:
    place = scene()
    (port,) = free_ports(1)
    place.change(broken, input={"db": f"postgres://app:geheim@127.0.0.1:{port}/x", "query": "SELECT x FROM t"})
    contributor = place.start(1)
    leader = place.start(0)
    problem = f"cannot connect to input db postgres://app:***@127.0.0.1:{port}/x: connection refused"
    assert leader.end() == (4 if broken == 0 else 1)
    if broken == 0:
        assert leader.errors.splitlines()[0] == f"Error: {problem}"
    else:
        contributor.wait_for(f"failed: {problem}")
        assert "party 1 aborted the run: db_error" in leader.errors
    contributor.wait_for("Listening for connection attempts from other parties", 2 if broken else 1)
    other = contributor.log + contributor.errors if broken == 0 else leader.log + leader.errors
    assert str(port) not in other and "postgres" not in other
    assert "geheim" not in contributor.log + contributor.errors + leader.log + leader.errors
    assert place.results == [999]
