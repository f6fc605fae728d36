"""Policies that are right: the seed's form, defaults, expansion, paths."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from engine.outputs import DatabaseOutput
from engine.policy import (
    LiteralConstant,
    MaxBytes,
    RowCount,
    SecurityLevel,
    SqlConstant,
    Timeouts,
    is_loopback,
    load_policy,
    redact,
)
from tests.policy.policy_helpers import GOOD, PROGRAM, write

POLICIES = Path(__file__).parent.parent.parent / "policies"


def test_the_seeds_policies() -> None:
    zero, one = load_policy(POLICIES / "policy0.json"), load_policy(POLICIES / "policy1.json")
    assert zero.participants == one.participants == ("http://localhost:8000/", "http://localhost:8001/")
    assert (zero.party, one.party, zero.leader, one.leader) == (0, 1, 0, 0)
    assert zero.program == one.program
    assert (zero.is_leader, one.is_leader) == (True, False)
    assert (zero.receives_output, one.receives_output) == (True, False)
    assert one.outputs == ()
    (output,) = zero.outputs
    assert isinstance(output, DatabaseOutput)
    assert output.setup == "TRUNCATE results"
    assert set(zero.constants) == set(one.constants) == {"ROWS", "ID_LEN"}
    assert zero.warnings == one.warnings == ()


def test_the_policies_for_three_parties() -> None:
    loaded = [load_policy(POLICIES / "threshold" / f"policy{party}.json") for party in range(3)]
    assert [policy.party for policy in loaded] == [0, 1, 2]
    assert len({(policy.program, policy.participants, policy.leader) for policy in loaded}) == 1


def test_defaults(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path))
    assert policy.output_parties == (0,)
    assert policy.evaluator == 0
    assert policy.version == 1
    assert policy.security == SecurityLevel(40, 64, None)
    assert policy.timeouts == Timeouts(5, 5, 30, 60, 600, 600, 600, 60, 600, 5, 1800, None)
    assert policy.limits.chunk == 4 << 20
    assert policy.limits.memory == 16 << 30
    assert policy.input is not None
    assert (policy.input.sort, policy.input.max_rows, policy.input.read_only) == ("auto", 10_000_000, True)
    assert not policy.allow_insecure
    assert not policy.check_joins
    assert policy.computation_id is None
    assert policy.warnings == ()


def test_our_additions(tmp_path: Path) -> None:
    policy = load_policy(
        write(
            tmp_path,
            version=1,
            name="care",
            output_parties=[1, 0],
            evaluator=1,
            allow_insecure=True,
            check_joins=True,
            computation_id="0F8FAD5B-D9CB-469F-A165-70867728950E",
            security={"rho": 80, "w": 128, "k": 8},
            timeouts={"idle": 7, "run": 3600.5},
            limits={"rows": 1000, "chunk": 65536},
        )
    )
    assert policy.name == "care"
    assert policy.output_parties == (0, 1)
    assert policy.evaluator == 1
    assert policy.allow_insecure
    assert policy.check_joins
    assert policy.computation_id == "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert policy.security == SecurityLevel(80, 128, 8)
    assert (policy.timeouts.idle, policy.timeouts.run, policy.timeouts.join) == (7.0, 3600.5, 60.0)
    assert (policy.limits.rows, policy.limits.chunk) == (1000, 65536)


def test_constants_of_all_forms(tmp_path: Path) -> None:
    literal = {"NumUnsigned": [4, "Usize"]}
    given = {
        "A": "SELECT 1",
        "B": "True",
        "C": 7,
        "D": False,
        "E": {"rows": True},
        "F": {"max_bytes": "name"},
        "G": {"max_bytes": 0},
        "H": literal,
        "I": "true",
    }
    found = load_policy(write(tmp_path, constants=given)).constants
    assert found == {
        "A": SqlConstant("SELECT 1"),
        "B": LiteralConstant(True),
        "C": LiteralConstant(7),
        "D": LiteralConstant(False),
        "E": RowCount(),
        "F": MaxBytes("name"),
        "G": MaxBytes(0),
        "H": LiteralConstant(literal),
        "I": SqlConstant("true"),
    }


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://localhost:8001", "http://localhost:8001/"),
        ("HTTP://LocalHost:8001/", "http://localhost:8001/"),
        ("http://a.example:80", "http://a.example/"),
        ("https://a.example:443/x", "https://a.example/x/"),
        ("http://[::1]:9", "http://[::1]:9/"),
    ],
)
def test_participants_are_normalised(url: str, normal: str, tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, participants=["http://other:1", url]))
    assert policy.participants[1] == normal


def test_loopback() -> None:
    assert all(map(is_loopback, ["http://localhost:1/", "http://127.9.9.9/", "http://[::1]:3/"]))
    assert not any(map(is_loopback, ["http://10.0.0.1/", "http://localhost.example/", "http://0.0.0.0/"]))


def test_hash_is_of_the_exact_bytes(tmp_path: Path) -> None:
    program = PROGRAM.replace("\n", "\r\n").encode() + b"// \xc3\xa9"
    (tmp_path / "p.rs").write_bytes(program)
    found = load_policy(write(tmp_path, program="p.rs")).program
    assert found.sha256 == hashlib.sha256(program).hexdigest()
    assert found.source.encode() == program
    assert found.filename == str(tmp_path / "p.rs")


@pytest.mark.parametrize("form", [PROGRAM, {"source": PROGRAM}, "pub fn main(x: u8, y: u8) -> u8 { x + y }"])
def test_inline_source_is_not_expanded(form: Any, tmp_path: Path) -> None:
    found = load_policy(write(tmp_path, program=form)).program
    source = form["source"] if isinstance(form, dict) else form
    assert found.source == source
    assert found.filename == "<inline>"
    assert found.sha256 == hashlib.sha256(source.encode()).hexdigest()


def test_a_pinned_program(tmp_path: Path) -> None:
    digest = hashlib.sha256(PROGRAM.encode()).hexdigest()
    assert load_policy(write(tmp_path, program_sha256=f"sha256:{digest.upper()}")).program.sha256 == digest


def test_paths_count_from_the_policy(tmp_path: Path, monkeypatch: Any) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    home = tmp_path / "home"
    home.mkdir()
    policy = load_policy(write(home, input={"db": "sqlite://rows.db", "query": "SELECT 1"}))
    assert policy.input is not None
    assert policy.input.db == f"sqlite://{home}/rows.db"
    (elsewhere / "other.rs").write_text(PROGRAM)
    policy = load_policy(write(home, program="other.rs"))
    assert policy.program.source == PROGRAM
    assert "found in the working directory" in policy.warnings[0]


def test_expansion(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from/file\n")
    policy = load_policy(
        write(
            tmp_path,
            name="$${HOME} costs $1",
            input={
                "db": "postgres://app:${DB_PASSWORD}@${HOST:-127.0.0.1}/x",
                "query": "SELECT '${TWICE}', ${file:secret}",
                "setup": "${EMPTY:-SELECT 1}",
            },
        ),
        {"DB_PASSWORD": "pa55word", "TWICE": "${DB_PASSWORD}", "EMPTY": ""},
    )
    assert policy.name == "${HOME} costs $1"
    assert policy.input is not None
    assert policy.input.db == "postgres://app:pa55word@127.0.0.1/x"
    assert policy.input.query == "SELECT '${DB_PASSWORD}', from/file"
    assert policy.input.setup == "SELECT 1"
    assert "pa55word" in policy.input.secrets
    assert policy.redacted_url(policy.input) == "postgres://app:***@127.0.0.1/x"
    assert "pa55word" not in repr(policy)


def test_the_object_form_of_db(tmp_path: Path) -> None:
    parts = {
        "driver": "mysql",
        "host": "::1",
        "port": 3307,
        "user": "a@b",
        "password": "p/w:#é",
        "database": "x y",
        "params": {"ssl_disabled": "true"},
    }
    policy = load_policy(write(tmp_path, input={"db": parts, "query": "SELECT 1"}))
    assert policy.input is not None
    assert policy.input.db == "mysql://a%40b:p%2Fw%3A%23%C3%A9@[::1]:3307/x%20y?ssl_disabled=true"


def test_a_byte_order_mark_and_comments(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_policy(path).party == 0
    commented = tmp_path / "policy.jsonc"
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines.insert(1, ' // http://not-a-key "x": 1')
    commented.write_text("\n".join(lines))
    assert load_policy(commented).participants == ("http://localhost:8000/", "http://localhost:8001/")


def test_warnings_about_output(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path, party=1))
    assert policy.warnings == ("output is ignored: party 1 receives no result",)
    policy = load_policy(write(tmp_path, output=None))
    assert "the result will be dropped" in policy.warnings[0]


def test_a_warning_that_duplicates_break_a_checked_join(tmp_path: Path) -> None:
    given = {"db": "sqlite://a.db", "query": "SELECT 1", "allow_duplicates": True}
    assert load_policy(write(tmp_path, input=given)).warnings == ()
    (warning,) = load_policy(write(tmp_path, input=given, check_joins=True)).warnings
    assert "allow_duplicates" in warning and "panic" in warning


def test_keys_that_start_with_x_pass_and_unknown_ones_on_request(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, **{"x-note": [1, {"a": None}]})).party == 0
    changes = {"surprise": 1, "input": {"db": "sqlite://a.db", "query": "SELECT 1", "deep": 2}}
    assert load_policy(write(tmp_path, **changes), allow_unknown_keys=True).party == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://u:secret@h:5550/p", "postgres://u:***@h:5550/p"),
        ("postgres://u:se@c/r#et@h/p", "postgres://u:***@h/p"),
        ("mysql://root@h/p", "mysql://root@h/p"),
        ("mysql://:secret@h/p", "mysql://:***@h/p"),
        ("postgres://h/p?password=secret&x=1", "postgres://h/p?password=***&x=1"),
        ("cannot reach 'http://a:secret@h/' now", "cannot reach 'http://a:***@h/' now"),
        ("sqlite:///data/x.db", "sqlite:///data/x.db"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_the_good_policy_has_no_mistake(tmp_path: Path) -> None:
    """The tests of mistakes change this one: it must be right before."""
    path = tmp_path / "good.json"
    path.write_text(json.dumps(GOOD))
    (tmp_path / "p.garble.rs").write_text(PROGRAM)
    assert load_policy(path).party == 0
