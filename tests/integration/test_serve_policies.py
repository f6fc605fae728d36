"""``polytune serve`` with policies that are wrong: what it says, exit code 3, and that nothing is started."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.scene import ROOT, TERMINATE, Process, Scene

Make = Callable[..., Scene]

TIERS = "enum Tier { Basic, Plus } pub fn main(a: [Tier; 2], b: u8) -> u8 { b }"
#: One mistake a line; the text must say each.
WRONG = """{
  "particpants": [],
  "participants": ["http://localhost:8000", "ftp://x", "HTTP://LOCALHOST:8000/"],
  "leader": "0",
  "party": 7,
  "evaluator": -1,
  "leader": true,
  "check_joins": 0.5,
  "program": "nowhere.garble.rs",
  "input": {"db": "postgres://app:planted-password@${NOT_SET}/x", "qeury": "SELECT 1"},
  "constants": {"A": "SELECT '${SET}'", "b": 1}
}
"""
EXPECTED = [
    "/particpants: unknown key 'particpants' (did you mean 'participants'?) (line 2)",
    "participants[1]: 'ftp://x' is not an http(s) URL (line 3)",
    "participants[2] repeats participants[0] (line 3)",
    "/leader: key 'leader' appears twice (line 7)",
    "/leader: expected integer, got boolean (line 7)",
    "party: 7 is not a party (there are 3 participants: 0..2) (line 5)",
    "evaluator: -1 is not a party (there are 3 participants: 0..2) (line 6)",
    "/check_joins: expected boolean, got number (line 8)",
    '/program: Could not load program "nowhere.garble.rs": no such file or directory (line 9)',
    "/input/db: environment variable NOT_SET is not set (line 10)",
    "/input/qeury: unknown key 'qeury' (did you mean 'query'?) (line 10)",
    "/input/query: missing (line 10)",
    "/constants/b: a constant's name consists of A-Z, 0-9 and _ and does not start with a digit (line 11)",
]


def refused(place: Scene, *options: str, config: str = "wrong.json", code: int = 3, **env: str) -> Process:
    """Run ``serve``, which must end with ``code`` before it listens and leave nothing behind."""
    before = sorted(path.name for path in place.folder.iterdir())
    party = place.run("serve", "--config", config, *options, env=env)
    assert party.end() == code, party.log + party.errors
    assert "listening" not in party.log
    assert "Traceback" not in party.errors
    left = {path.name for path in place.folder.iterdir()} - set(before)
    # Its state folder is tried out before it listens.
    assert left <= {party.out.name, party.err.name, *(["state"] if code == 6 else [])}
    return party


@pytest.mark.fault(3, 4, 5, 6, 7, 8, 10, 11)
@pytest.mark.defect("D14")
def test_all_mistakes_at_once_each_with_its_place_and_no_secret(scene: Make) -> None:
    place = scene()
    (place.folder / "wrong.json").write_text(WRONG)
    party = refused(place, SET="planted-value")
    assert f"Error: 'wrong.json' has an invalid format: {len(EXPECTED)} mistakes\n" in party.errors
    for line in EXPECTED:
        assert f"  {line}\n" in party.errors, line
    assert party.errors.count("\n  ") == len(EXPECTED)
    assert "hint: correct the policy file and start again" in party.errors
    assert "planted" not in party.errors + party.log


@pytest.mark.fault(3, 7, 8)
def test_one_mistake_is_one_line(scene: Make) -> None:
    place = scene()
    for keys, text in (
        ({"program": None}, "/program: missing (line 1)"),
        ({"party": 2}, "party: 2 is not a party (there are 2 participants: 0..1) (line "),
        ({"participants": place.urls[:1]}, "participants: at least 2 participants are needed, got 1 (line 2)"),
    ):
        before = dict(place.policies[0])
        place.change(0, **keys)
        party = refused(place, config="policy0.json")
        assert party.errors.splitlines()[0].startswith(f"Error: 'policy0.json' has an invalid format: {text}")
        place.policies[0] = before


@pytest.mark.fault(1, 2, 9)
def test_files_that_are_no_policies(scene: Make) -> None:
    place = scene()
    missing = refused(place, config="x.json")
    assert missing.errors == "Error: Could not find 'x.json', exiting...\nhint: check the path after --config\n"
    for content, text in (
        (b'{\n  "leader": 0,\n  "party" 0\n}', "expected ':' at line 3 column 11"),
        (b'{"leader": 0, "x": "\xff"}', "not valid UTF-8 at byte 20"),
        (b"[]", "/: expected object, got array (line 1)"),
    ):
        (place.folder / "wrong.json").write_bytes(content)
        assert f"Error: 'wrong.json' has an invalid format: {text}" in refused(place).errors
    with (place.folder / "wrong.json").open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert "'wrong.json' is larger than 64 MiB" in refused(place).errors


@pytest.mark.fault(9)
def test_a_byte_order_mark_comments_and_variables_of_a_file(scene: Make) -> None:
    """What is not a mistake: the party gets as far as looking for the others."""
    place = scene()
    text = json.dumps({**place.policies[0], "surprise": 1, "x-note": [], "name": "${WHO} and ${WHERE:-home}"})
    commented = "\ufeff// a comment\n" + text.replace('"leader"', '// "another": 1\n"leader"')
    (place.folder / "right.jsonc").write_text(commented, encoding="utf-8")
    (place.folder / "names.env").write_text("WHO='somebody' # known\n")
    options = ("--env-file", "names.env", "--allow-unknown-keys")
    party = place.run("serve", "--config", "right.jsonc", *options)
    assert party.end() == 1, party.errors
    assert "Some participants are missing" in party.errors
    assert "environment variable WHO is not set" in refused(place, options[-1], config="right.jsonc").errors
    assert "unknown key 'surprise'" in refused(place, *options[:2], config="right.jsonc").errors
    broken = refused(place, "--env-file", "right.jsonc", config="right.jsonc")
    assert "'right.jsonc' has an invalid format: expected NAME=value (line 1)" in broken.errors


def test_what_is_checked_first(scene: Make) -> None:
    """Everything is wrong at once; each start mends what the one before complained about."""
    place = scene()
    place.change(0, program="absent.rs", participants=[place.urls[0], "http://192.0.2.7:8000"])
    (place.folder / "in0.sqlite").rename(place.folder / "away")
    with socket.create_server(("127.0.0.1", place.ports[0])):
        wrong_port = refused(place, "--port", "70000", config="policy0.json", code=2)
        assert "Invalid value for '--port'" in wrong_port.errors
        assert "Could not load program" in refused(place, config="policy0.json").errors
        place.change(0, program="program.garble.rs")
        assert "plain http outside loopback" in refused(place, config="policy0.json", code=5).errors
        place.change(0, participants=place.urls)
        assert "address already in use" in refused(place, config="policy0.json", code=6).errors
    missing = place.run("serve", "--config", "policy0.json")
    assert missing.end() == 1 and "Some participants are missing" in missing.errors
    contributor = place.start(1)
    no_rows = place.run("serve", "--config", "policy0.json")
    assert no_rows.end() == 4 and "cannot connect to input db sqlite://" in no_rows.errors
    (place.folder / "away").rename(place.folder / "in0.sqlite")
    place.execute("in0.sqlite", "INSERT INTO t VALUES (256)")
    wrong_row = place.run("serve", "--config", "policy0.json")
    assert wrong_row.end() == 4 and "input row 4, column 1" in wrong_row.errors
    place.execute("in0.sqlite", "DELETE FROM t WHERE x = 256")
    place.execute("out.sqlite", "DROP TABLE results")
    no_table = place.run("serve", "--config", "policy0.json")
    assert no_table.end() == 4 and "output check failed: output.setup: " in no_table.errors
    assert "Accepted" not in contributor.log and "POST /run" not in contributor.log
    contributor.signal(TERMINATE)
    assert contributor.end(20) == 0


@pytest.mark.fault(36)
def test_values_are_shown_on_request_only(scene: Make) -> None:
    place = scene([("planted-gold", "plus"), (1,)], TIERS)
    for party in (0, 1):
        place.change(party, constants=None)
    refused_option = refused(place, "--show-values", config="policy0.json", code=2)
    assert "--show-values prints values of rows" in refused_option.errors and "--i-know" in refused_option.errors
    contributor = place.start(1)
    shy = place.start(0, "-v")
    assert shy.end() == 4
    assert "input row 1, column 1" in shy.errors and "is not a variant of Tier (Basic, Plus)" in shy.errors
    assert "planted" not in shy.errors + shy.log
    frank = place.start(0, "--show-values", "--i-know")
    assert frank.end() == 4
    assert "Accepted" not in contributor.log
    assert '"planted-gold" is not a variant of Tier (Basic, Plus)' in frank.errors


def test_paths_count_from_the_policy(scene: Make, tmp_path: Path) -> None:
    """A program that is only in the working directory is used with a warning, as the reference does without one."""
    place = scene()
    (home := tmp_path / "home").mkdir()
    (tmp_path / "policy0.json").rename(home / "policy0.json")
    party = place.run("serve", "--config", "home/policy0.json")
    assert party.end() == 1
    name = "program.garble.rs"
    assert f"WARN polytune: program '{name}' was found in the working directory, not beside the policy" in party.log


@pytest.mark.fault(28)
def test_a_missing_driver_is_told_before_anything_starts(scene: Make, tmp_path: Path) -> None:
    """A package that cannot be imported lies before the real one on the path."""
    place = scene()
    for name, package in (("mysql", "mysql-connector-python"), ("postgres", "psycopg2-binary")):
        module = {"mysql": "mysql", "postgres": "psycopg2"}[name]
        (folder := tmp_path / "shadow" / module).mkdir(parents=True)
        (folder / "__init__.py").write_text("raise ImportError('not here')")
        paths = os.pathsep.join([str(folder.parent), str(ROOT)])
        place.change(0, input={"db": f"{name}://app:planted@localhost/x", "query": "SELECT 1"})
        party = refused(place, config="policy0.json", PYTHONPATH=paths)
        assert party.errors == f"Error: {name} needs the package {package}\nhint: pip install {package}\n"
