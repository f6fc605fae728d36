"""Every mistake in a policy: its text, its place, its line, and that no value is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PolicyError
from engine.policy import load_policy
from tests.policy.policy_helpers import ABSENT, PROGRAM, write

ABSENT_FILE = "sqlite://x.db"


def refused(path: Path, environ: dict[str, str] | None = None) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load_policy(path, environ or {})
    assert caught.value.exit_code == 3
    return caught.value


def db(url: Any) -> dict[str, Any]:
    return {"db": url, "query": "SELECT 1"}


def rule(rule: Any) -> dict[str, Any]:
    return {**db(ABSENT_FILE), "columns": {"k": rule}}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"program": ABSENT}, "/program: missing"),
    ({"leader": ABSENT}, "/leader: missing"),
    ({"party": None}, "/party: expected integer, got null"),
    ({"participants": ABSENT}, "/participants: missing"),
    ({"particpants": []}, "/particpants: unknown key 'particpants' (did you mean 'participants'?)"),
    ({"zzz": 1}, "/zzz: unknown key 'zzz'"),
    ({"leader": "0"}, "/leader: expected integer, got string"),
    ({"leader": True}, "/leader: expected integer, got boolean"),
    ({"leader": 0.5}, "/leader: expected integer, got number"),
    ({"leader": 0.0}, "/leader: expected integer, got number"),
    ({"allow_insecure": 1}, "/allow_insecure: expected boolean, got integer"),
    ({"party": 2}, "party: 2 is not a party (there are 2 participants: 0..1)"),
    ({"leader": 3}, "leader: 3 is not a party (there are 2 participants: 0..1)"),
    ({"leader": -1}, "leader: -1 is not a party (there are 2 participants: 0..1)"),
    ({"evaluator": 2}, "evaluator: 2 is not a party (there are 2 participants: 0..1)"),
    ({"output_parties": [0, 2]}, "output_parties[1]: 2 is not a party (there are 2 participants: 0..1)"),
    ({"output_parties": [0, 0]}, "/output_parties/1: party 0 appears twice"),
    ({"output_parties": []}, "/output_parties: at least one party must receive the result"),
    ({"output_parties": [True]}, "/output_parties/0: expected integer, got boolean"),
    ({"participants": "x"}, "/participants: expected array, got string"),
    ({"participants": ["http://a"]}, "participants: at least 2 participants are needed, got 1"),
    ({"participants": ["http://a", "ftp://x"]}, "participants[1]: 'ftp://x' is not an http(s) URL"),
    ({"participants": ["http://a", "a:8000"]}, "participants[1]: 'a:8000' is not an http(s) URL"),
    ({"participants": ["http://a", "http://"]}, "participants[1]: 'http://' is not an http(s) URL"),
    ({"participants": ["http://a", "http://b:x"]}, "participants[1]: 'http://b:x' is not an http(s) URL"),
    ({"participants": ["http://a", "http://b:99999"]}, "is not an http(s) URL"),
    ({"participants": ["http://a", 7]}, "/participants/1: expected string, got integer"),
    ({"participants": ["http://a", "http://u:pw-secret@b"]}, "must not hold a user name or password"),
    ({"participants": ["http://a", "http://b/?q"]}, "must not have a query or fragment"),
    ({"participants": ["http://a", "http://b", "HTTP://A:80/"]}, "participants[2] repeats participants[0]"),
    ({"program": "nope.rs"}, '/program: Could not load program "nope.rs": no such file or directory'),
    ({"program": {"file": "nope.rs"}}, '/program/file: Could not load program "nope.rs"'),
    ({"program": {"file": "a", "source": "b"}}, "/program: expected exactly one of 'file' and 'source'"),
    ({"program": {}}, "/program: expected exactly one of 'file' and 'source'"),
    ({"program": 7}, "/program: expected string, got integer"),
    ({"program": "bad.rs"}, 'Could not load program "bad.rs": not valid UTF-8 at byte 2'),
    ({"program": "."}, 'Could not load program ".": is a directory'),
    ({"program_sha256": "12"}, "/program_sha256: expected 64 hexadecimal digits"),
    ({"program_sha256": "0" * 64}, "/program_sha256: the program has sha256"),
    ({"version": 2}, "/version: policy version 2 is newer than this polytune (1)"),
    ({"version": 0}, "/version: out of range"),
    ({"computation_id": "x"}, "/computation_id: expected a UUID"),
    ({"input": db("oracle://u:pw-secret@h/x")},
     "input.db: unsupported scheme 'oracle' (use postgres, mysql, mariadb, sqlite)"),
    ({"output": db("pw-secret")}, "output.db: not a database URL (use postgres, mysql, mariadb, sqlite)"),
    ({"input": db("postgres:pw-secret")}, "input.db: the URL names no host"),
    ({"input": db("postgres://u:pw-secret@h:0/x")}, "input.db: port 0 cannot be used"),
    ({"input": db("postgres://u:pw-secret@h:xx/x")}, "input.db: the URL cannot be understood"),
    ({"input": db({"driver": "oracle"})}, "input.db: unsupported scheme 'oracle'"),
    ({"input": db({"driver": "mysql", "port": 70000})}, "/input/db/port: out of range (1 to 65535)"),
    ({"input": db({"driver": "mysql", "hots": "x"})}, "unknown key 'hots' (did you mean 'host'?)"),
    ({"input": {"db": ABSENT_FILE}}, "/input/query: missing"),
    ({"input": {"query": "SELECT 1"}}, "/input/db: missing"),
    ({"input": {"db": ABSENT_FILE, "query": " "}}, "/input/query: empty query"),
    ({"input": {"db": ABSENT_FILE, "query": 5}}, "/input/query: expected string, got integer"),
    ({"input": {**db(ABSENT_FILE), "setup": []}}, "/input/setup: expected string, got array"),
    ({"input": {**db(ABSENT_FILE), "sort": "up"}}, "/input/sort: must be one of auto, key, none, error"),
    ({"input": {**db(ABSENT_FILE), "max_rows": 0}}, "/input/max_rows: out of range"),
    ({"input": {**db(ABSENT_FILE), "qeury": ""}}, "/input/qeury: unknown key 'qeury' (did you mean 'query'?)"),
    ({"input": rule({"as": "hsah:12"})}, "/input/columns/k/as: must be one of int, bool, scaled:0..18, days"),
    ({"input": rule({"as": "hash:7"})}, "/input/columns/k/as: hash: takes a number from 8 to 32"),
    ({"input": rule({"as": "hash"})}, "/input/columns/k/as: must be one of int"),
    ({"input": rule({"as": "int:3"})}, "/input/columns/k/as: must be one of int"),
    ({"input": rule({"as": "scaled:19"})}, "/input/columns/k/as: scaled: takes a number from 0 to 18"),
    ({"input": rule({"as": "int", "tz": "UTC"})}, "/input/columns/k/tz: goes with epoch_s, epoch_ms, iso only"),
    ({"input": rule({"as": "iso", "tz": "Mars"})}, "/input/columns/k/tz: not the name of a time zone"),
    ({"input": rule({"nul": "error"})}, "/input/columns/k/nul: unknown key 'nul' (did you mean 'null'?)"),
    ({"input": rule("int")}, "/input/columns/k: expected object, got string"),
    ({"input": rule({"null": "skip"})}, '/input/columns/k/null: must be one of error, skip_row, {"default": value}'),
    ({"input": rule({"null": {"default": None}})}, '/input/columns/k/null: expected {"default": value}'),
    ({"input": rule({"text": {"too_long": "cut"}})}, "/input/columns/k/text/too_long: must be one of error, truncate"),
    ({"input": {**db(ABSENT_FILE), "columns": "k"}}, "/input/columns: expected object or array, got string"),
    ({"input": {**db(ABSENT_FILE), "columns": [3]}}, "/input/columns/0: expected object, got integer"),
    ({"input": {**db(ABSENT_FILE), "null": 3}}, '/input/null: expected "error", "skip_row" or {"default": value}'),
    ({"input": {**db(ABSENT_FILE), "text": {"normalize": "NFD"}}}, "/input/text/normalize: must be one of none, NFC"),
    ({"input": {**db(ABSENT_FILE), "text": {"casefold": 1}}}, "/input/text/casefold: expected boolean, got integer"),
    ({"input": {"file": "a.txt"}}, "/input/file: the kind of file is told by its ending, which must be one of .csv"),
    ({"input": {"file": "a.csv", "query": "SELECT 1"}}, "/input/query: does not go with 'a .csv file'"),
    ({"input": {"file": "a.json", "delimiter": ";"}}, "/input/delimiter: does not go with 'a .json file'"),
    ({"input": {"file": "a.sqlite"}}, "/input/query: missing"),
    ({"input": {"file": "a.csv", "delimiter": ";;"}}, "/input/delimiter: expected one character"),
    ({"input": {"file": "a.csv", "encoding": "hex"}}, "/input/encoding: not the name of an encoding"),
    ({"input": {"file": "a.csv", "null_values": [None]}}, "/input/null_values/0: expected string, got null"),
    ({"input": {"file": "a.csv", "rows": []}}, "/input: expected exactly one of 'db', 'file', 'rows', 'literal', got"),
    ({"input": {"rows": {}}}, "/input/rows: expected array, got object"),
    ({"input": {"rows": [[1]], "setup": "SELECT 1"}}, "/input/setup: does not go with 'rows'"),
    ({"input": {"literal": 5}}, '/input/literal: expected a value such as "[1, 2]", or its JSON form'),
    ({"input": {"literal": "[1]", "columns": [{}]}}, "/input/columns: does not go with 'literal'"),
    ({"input": 5}, "/input: expected object, got integer"),
    ({"output": {**db(ABSENT_FILE), "text": "loud"}}, "/output/text: must be one of auto, text"),
    ({"identities": ["sha256:aa"]}, "/identities/0: expected a fingerprint 'sha256:' and 64 hexadecimal digits"),
    ({"tls": {"cert": "x"}}, "/tls/key: missing (or set POLYTUNE_TLS_KEY)"),
    ({"auth": {"psk": "pw-secret"}}, "/auth/psk: a shared secret has at least 32 bytes, that of party 1 has 9"),
    ({"constants": []}, "/constants: expected object, got array"),
    ({"constants": {"rows": 1}}, "/constants/rows: a constant's name consists of A-Z, 0-9 and _"),
    ({"constants": {"A": 0.5}}, "/constants/A: expected query, number, boolean or object, got number"),
    ({"constants": {"A": None}}, "/constants/A: expected query, number, boolean or object, got null"),
    ({"constants": {"A": ""}}, "/constants/A: empty query"),
    ({"constants": {"A": {"rows": 1}}}, '/constants/A: expected {"rows": true}'),
    ({"constants": {"A": {"max_bytes": -1}}}, "/constants/A/max_bytes: expected a column's name"),
    ({"constants": {"A": {"pad_to": 8, "of": 1}}}, "/constants/A/pad_to: not supported yet: nothing says what"),
    ({"constants": {f"A{n}": 1 for n in range(1001)}}, "/constants: 1001 constants, at most 1000"),
    ({"security": {"rho": 41}}, "/security/rho: must be one of 40, 64, 80"),
    ({"security": {"rho": 64, "w": 64}}, "/security/w: must be at least rho + 6 = 70"),
    ({"security": {"k": 3}}, "/security/k: must be one of 1, 2, 4, 8"),
    ({"security": {"roh": 40}}, "/security/roh: unknown key 'roh' (did you mean 'rho'?)"),
    ({"timeouts": {"idle": -1}}, "/timeouts/idle: expected a positive number of seconds"),
    ({"timeouts": {"idle": "5"}}, "/timeouts/idle: expected number, got string"),
    ({"timeouts": {"idel": 5}}, "/timeouts/idel: unknown key 'idel' (did you mean 'idle'?)"),
    ({"limits": {"rows": 0}}, "/limits/rows: out of range (1 to 2147483647)"),
    ({"limits": {"spool_dir": 5}}, "/limits/spool_dir: expected string, got integer"),
    ({"limits": [1]}, "/limits: expected object, got array"),
    ({"name": "a\0b"}, "/name: must not hold a NUL character"),
    ({"name": "${NOT_SET}"}, "/name: environment variable NOT_SET is not set"),
    ({"input": db("postgres://u:${NOT_SET}@h/x")}, "/input/db: environment variable NOT_SET is not set"),
    ({"name": "${file:nope}"}, "/name: cannot read file nope: No such file or directory"),
    ({"name": "${open"}, "/name: '${' without closing '}'"),
    ({"name": "${1A}"}, "/name: '${...}' must hold a variable name"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "text"), MISTAKES)
def test_a_mistake(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.rs").write_bytes(b"//\xff")
    path = write(tmp_path, **changes)
    error = refused(path)
    assert error.message.startswith(f"'{path}' has an invalid format: ")
    assert any(text in problem for problem in error.problems), error.problems
    assert all(problem.rstrip(")").rpartition("line ")[2].isdigit() for problem in error.problems)
    assert "pw-secret" not in error.message


def test_one_mistake_gives_one_line(tmp_path: Path) -> None:
    """A mistake must not bring others after it; the line is that of the key."""
    path = write(tmp_path, leader="0")
    line = path.read_text().splitlines().index(' "leader": "0",') + 1
    error = refused(path)
    assert error.problems == (f"/leader: expected integer, got string (line {line})",)
    assert error.message == f"'{path}' has an invalid format: {error.problems[0]}"


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    error = refused(
        write(
            tmp_path,
            participants=["http://a", "http://A/"],
            program="nope.rs",
            party=7,
            input=db("oracle:x"),
            constants={"a": ""},
            zzz=1,
        )
    )
    kinds = ["repeats", "Could not load", "party: 7", "unsupported scheme", "name consists", "empty query", "zzz"]
    assert len(error.problems) == len(kinds)
    assert all(kind in problem for kind, problem in zip(kinds, error.problems))
    assert "7 mistakes" in error.message


def test_duplicate_keys(tmp_path: Path) -> None:
    path = write(tmp_path)
    text = (
        path.read_text().replace('"party": 0,', '"party": 0,\n "leader": 1,').replace('"query"', '"db": 1, "query"', 1)
    )
    path.write_text(text)
    first = text.splitlines().index(' "leader": 1,') + 1
    error = refused(path)
    assert f"/leader: key 'leader' appears twice (line {first})" in error.problems
    assert any("/input/db: key 'db' appears twice" in problem for problem in error.problems)


def test_no_such_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "x.json").message == f"Could not find '{tmp_path}/x.json', exiting..."
    assert refused(Path("x\0.json")).message.startswith("Could not read")
    assert "Is a directory" in refused(tmp_path).message


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.chmod(0)
    assert "Permission denied" in refused(path).message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "unexpected end of the text at line 1 column 1"),
        ("{", "expected a key in double quotes at line 1 column 2"),
        ('{\n "a": 1\n "b": 2}', "expected ',' or '}' at line 3 column 2"),
        ('{"a": 1,}', "unexpected ',' before '}' at line 1 column 9"),
        ('{"a": [1,]}', "unexpected ',' before ']' at line 1 column 10"),
        ('{"a": tru}', "expected a value at line 1 column 7"),
        ('{"a": 01}', "expected ',' or '}' at line 1 column 8"),
        ('{"a": NaN}', "expected a value at line 1 column 7"),
        ("{'a': 1}", "expected a key in double quotes at line 1 column 2"),
        ('{"a" 1}', "expected ':' at line 1 column 6"),
        ('{"a": "x\ny"}', "invalid control character at at line 1 column 9"),
        ('{"a": "x', "unterminated string starting at at line 1 column 7"),
        ('{"a": 1} x', "unexpected text after the end of the document at line 1 column 10"),
        ('{// no\n"a": 1}', "expected a key in double quotes at line 1 column 2"),
        ("[" * 200, "nested too deeply at line 1 column 102"),
        ("9" * 5000, "number has too many digits at line 1 column 1"),
    ],
)
def test_malformed_json(text: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert refused(path).message == f"'{path}' has an invalid format: {place}"


@pytest.mark.parametrize("text", ["[]", "7", "null", '"x"'])
def test_not_an_object(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert "/: expected object, got" in refused(path).message


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"leader": 0, "x\xff": 1}')
    assert refused(path).message == f"'{path}' has an invalid format: not valid UTF-8 at byte 16"
    path.write_bytes(b'\xef\xbb\xbf{"leader": 0, "x\xff": 1}')
    assert "not valid UTF-8 at byte 19" in refused(path).message


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert "larger than 64 MiB" in refused(path).message


def test_secrets_never_appear_in_messages(tmp_path: Path) -> None:
    secret = "hunter2-hunter2"
    path = write(
        tmp_path,
        participants=["http://a", "${P}"],
        program="${P}\nfn",
        input={"db": "${P}", "query": "${P}"},
        output={"db": "post${P}://${P}", "query": "x", "text": "${P}"},
        constants={"a": "${P}"},
        computation_id="${P}",
        security={"rho": "${P}"},
    )
    error = refused(path, {"P": secret})
    shown = [problem for problem in error.problems if secret in problem]
    assert shown == []


def test_lines_are_right_far_down_in_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, **{"x-list": [[number, {"a": "\n"}] for number in range(5000)], "zzz": 1})
    line = path.read_text().splitlines().index(' "zzz": 1') + 1
    assert line > 30_000
    assert refused(path).problems == (f"/zzz: unknown key 'zzz' (line {line})",)


def test_helpers_write_what_they_say(tmp_path: Path) -> None:
    assert json.loads(write(tmp_path, party=1).read_text())["party"] == 1
    assert (tmp_path / "p.garble.rs").read_text() == PROGRAM


def test_a_number_that_would_lose_digits(tmp_path: Path) -> None:
    path = write(tmp_path, input={"rows": [["NUMBER"]]})
    path.write_text(path.read_text().replace('"NUMBER"', "0.12345678901234567891"))
    assert "number has more digits than can be kept at line" in refused(path).message
