"""``polytune check``: what can be known before a run, all problems at once, and what a policy discloses."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from polytune_cli.datagen import people, sql_script
from tests.integration.scene import Process, Scene

Make = Callable[..., Scene]


def report(party: Process) -> dict[str, Any]:
    """The object of ``--json``, with the messages of each status."""
    found: dict[str, Any] = json.loads(party.log)
    for status in ("ok", "note", "warning", "failed"):
        found[f"{status} lines"] = [f"{f['about']}: {f['message']}" for f in found["findings"] if f["status"] == status]
    return found


def test_a_good_policy_without_and_with_its_database(scene: Make) -> None:
    place = scene()
    plain = place.run("check", "--config", "policy0.json")
    assert (plain.end(), plain.errors) == (0, "")
    meaning = "the number of rows in 'a', the answer of SELECT COUNT(*) FROM t"
    assert f"PARTY_0::ROWS = known with --db ({meaning})" in plain.log
    assert "The result, [u8; 2], goes to this party only." in plain.log
    assert "Nothing stands in the way of a run (--db and --peers would look further)." in plain.log

    found = report(checked := place.run("check", "--config", "policy0.json", "--db", "--json"))
    assert checked.end() == 0 and found["ok"] and found["exit_code"] == 0 and not found["warning lines"]
    assert "input: 3 rows become [u8; 3]" in found["ok lines"]
    assert "output: the result can be written (tried out, nothing was changed)" in found["ok lines"]
    assert found["disclosed"]["constants"] == [{"name": "PARTY_0::ROWS", "meaning": meaning, "value": 3}]
    assert found["disclosed"]["result_parties"] == [0]
    assert place.results == [999]


def test_all_problems_are_told_with_the_exit_code_of_the_first(scene: Make) -> None:
    place = scene()
    place.change(0, participants=[place.urls[0], "http://192.0.2.7:8000"])
    place.change(0, output={"db": "sqlite://out.sqlite", "query": "INSERT INTO missing VALUES ($1)"})
    place.execute("in0.sqlite", "INSERT INTO t VALUES (256)")
    found = report(party := place.run("check", "--config", "policy0.json", "--db", "--json"))
    assert party.end() == found["exit_code"] == 5
    assert found["failed lines"] == [
        "transport: participants[1] uses plain http outside loopback; use https with identities, or --allow-insecure",
        'input: input row 4, column 1 "x" (INTEGER): value out of range for u8 (0..255)',
        "output: output check failed: output.query: no such table: missing",
    ]
    party = place.run("check", "--config", "policy0.json", "--db", "--allow-insecure", "-q")
    assert party.end() == 4 and party.errors == "Error: 2 problems found\n"
    assert "WARN  transport   INSECURE" in party.log and "Disclosed" not in party.log


def test_a_wrong_database_is_told_once_and_without_its_password(scene: Make) -> None:
    place = scene()
    place.change(0, input={"db": "postgres://app:geheim@127.0.0.1:1/x", "query": "SELECT x FROM t"})
    party = place.run("check", "--config", "policy0.json", "--db", env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert party.end() == 4 and "geheim" not in party.log + party.errors
    assert party.log.count("cannot connect to input db postgres://app:***@127.0.0.1:1/x: connection refused") == 1
    assert "ok    output" in party.log


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"leader": 7, "partyy": 1}, "leader: 7 is not a party (there are 2 participants: 0..1)"),
        ({"leader": 7, "partyy": 1}, "unknown key 'partyy' (did you mean 'party'?)"),
        ({"constants": {}}, "program needs PARTY_0::ROWS but constants has no 'ROWS'"),
        ({"program": "pub fn main(a: u8, b: u8) -> u8 { a + true }"}, "<inline>:1:35"),
        ({"program": "pub fn main(a: u8, b: u8) -> u8 { a + b }", "input": None}, "the policy has no input"),
    ],
)
def test_mistakes_in_policy_and_program_exit_3(scene: Make, change: dict[str, Any], text: str) -> None:
    place = scene()
    place.change(0, **change)
    party = place.run("check", "--config", "policy0.json")
    assert party.end() == 3 and text in party.log and "FAIL" in party.log and "Traceback" not in party.errors


def test_types_that_depend_on_others_are_assumed_or_given(scene: Make) -> None:
    program = """
        const N: usize = PARTY_0::ROWS;
        const LONGEST: usize = max(PARTY_0::LEN, PARTY_1::LEN);
        pub fn main(a: [[u8; LONGEST]; N], b: [u8; LONGEST]) -> [u8; LONGEST] { b }
    """
    place = scene(program=program)
    place.execute("in0.sqlite", "DELETE FROM t", "INSERT INTO t VALUES ('abc')")
    place.change(0, constants={"ROWS": {"rows": True}, "LEN": {"max_bytes": 0}})
    first = place.run("check", "--config", "policy0.json", "--db")
    assert first.end() == 0 and "1 row becomes [[u8; 3]; 1]" in first.log
    assert "assumed of other parties: PARTY_1::LEN = 3 (--const gives other values)" in first.log
    assert "PARTY_0::LEN  = 3 (the length in bytes of the longest value in column number 1 of your rows)" in first.log
    second = place.run(
        "check", "--config", "policy0.json", "--db", "--const", "PARTY_1::LEN=9", "--const", "PARTY_1::LIN=9"
    )
    assert "WARN  constants   the program names no PARTY_1::LIN; this --const is ignored" in second.log
    assert second.end() == 0 and "1 row becomes [[u8; 9]; 1]" in second.log and "assumed" not in second.log


def test_every_peer_has_a_line(scene: Make) -> None:
    place = scene([(1,), (2,), (3,), (4,)], "pub fn main(a: u8, b: u8, c: u8, d: u8) -> u8 { a }")
    for party in range(4):
        place.change(party, constants=None, timeouts={"connect": 1, "control": 1})
    place.start(1)
    place.change(2, party=1)
    place.start(2, "--port", str(place.ports[2]))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        urls = [*place.urls[:3], f"http://127.0.0.1:{silent.getsockname()[1]}"]
        place.change(0, participants=urls)
        found = report(party := place.run("check", "--config", "policy0.json", "--peers", "--json"))
    assert party.end() == 5
    assert any(line.startswith(f"party 1: {place.urls[1]}/ answers (polytune ") for line in found["ok lines"])
    assert found["failed lines"] == [
        f"party 2: {place.urls[2]}/: participant 2 answered as party 1 (identity_mismatch)",
        f"party 3: {urls[3]}/: timeout: no answer",
    ]
    place.change(0, participants=place.urls)
    alone = place.run("check", "--config", "policy3.json", "--peers")
    assert alone.end() == 1 and f"FAIL  party 0     {place.urls[0]}/: refused: nobody listens there" in alone.log


def test_keys_that_end_soon_and_a_party_with_another_certificate(scene: Make) -> None:
    place = scene()
    fingerprints = []
    for name, days in (("0", "10"), ("1", "400"), ("2", "400")):
        made = place.run("keygen", "--party", name, "--days", days, "--out", "keys", "--json")
        fingerprints.append(json.loads(made.log)["fingerprint"])
    urls = [url.replace("http:", "https:") for url in place.urls]
    for party in (0, 1):
        files = {"cert": f"keys/p{party}.crt", "key": f"keys/p{party}.key"}
        place.change(party, participants=urls, identities=fingerprints[:2], tls=files)
    place.start(1)
    found = report(party := place.run("check", "--config", "policy0.json", "--peers", "--json"))
    assert party.end() == 0, found
    assert "transport: TLS between all parties" in found["ok lines"]
    (warning,) = found["warning lines"]
    assert re.fullmatch(r"keys: the own certificate \S+/keys/p0\.crt expires on \d{4}-\d\d-\d\d, in \d days", warning)
    assert any(line.startswith("keys: ") and fingerprints[0] in line for line in found["ok lines"])

    place.change(0, identities=[fingerprints[0], fingerprints[2]])
    found = report(party := place.run("check", "--config", "policy0.json", "--peers", "--json"))
    assert party.end() == 5
    (problem,) = found["failed lines"]
    assert f"party 1 presented {fingerprints[1]}" in problem and fingerprints[2] in problem

    place.change(0, identities=[fingerprints[2], fingerprints[1]])
    party = place.run("check", "--config", "policy0.json")
    assert party.end() == 5 and "FAIL  keys" in party.log
    (place.folder / "keys" / "p0.key").chmod(0o644)
    party = place.run("check", "--config", "policy0.json")
    assert party.end() == 6 and "p0.key has mode 644, need 600" in party.log


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_columns_are_known_without_rows(scene: Make, new_database: Any, kind: str) -> None:
    place = scene(program="pub fn main(a: [([u8; 20], u8); 1], b: u8) -> u8 { b }")
    database = new_database(kind)
    database.script(sql_script(people(3, 1), {"mariadb": "mysql"}.get(kind, kind), ["disability"]))
    query = "SELECT first_name, last_name, care_level FROM disability WHERE id < 0 -- nobody"
    place.change(0, input={"db": database.url, "query": query}, constants=None)
    found = report(party := place.run("check", "--config", "policy0.json", "--db", "--json"))
    assert party.end() == 4
    assert 'input: columns: "first_name" (TEXT), "last_name" (TEXT), "care_level" (INT)' in found["note lines"]
    assert found["failed lines"] == [
        "input: input query returned no rows",
        "input: The program expects a tuple with 2 fields, but the query returned a row with 3 fields",
    ]
