"""Whatever stands in a policy file, loading ends with a policy or with a list of mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine import redaction
from engine.errors import PolicyError
from engine.policy import Policy, load_policy, redact
from engine.policy.jsontext import JsonError, parse
from engine.policy.load import KEYS, LATER
from engine.policy.schema import schema
from tests.policy.policy_helpers import GOOD, PROGRAM, keys_of

WORDS = st.sampled_from(
    [
        "",
        "x",
        "0",
        "${A}",
        "${",
        "$${",
        "${file:x}",
        "postgres://u:p@h/d",
        "sqlite://x",
        "http://a:1",
        "http://[",
        "\0",
        "é",
    ]
)
NUMBERS = st.one_of(st.integers(-3, 300), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=8))
NAMES = st.sampled_from(sorted(keys_of(schema())))
SCHEMA = Draft202012Validator(schema())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, WORDS), inner, max_size=4)),
    max_leaves=8,
)


#: Keys of the policy, at the top and one level down, with anything in them.
CHANGES = st.dictionaries(st.one_of(st.sampled_from([*KEYS, *LATER]), WORDS), VALUES, min_size=1, max_size=4)
SECTIONS = st.sampled_from(["input", "output", "limits", "timeouts", "security", "tls", "auth", "constants", "consent"])
DEEPER = st.tuples(SECTIONS, st.dictionaries(st.one_of(NAMES, WORDS), VALUES, min_size=1, max_size=3))
POINTER = re.compile(r"(/\S*?|[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)*):? .*\(line (\d+)\)\Z", re.DOTALL)


def told(content: dict[str, Any], folder: Path) -> Policy | PolicyError:
    """The policy, or the error when it is refused; everything that an error must be is checked here."""
    (folder / "p.garble.rs").write_text(PROGRAM)
    path = folder / "policy.json"
    path.write_text(json.dumps(content, indent=1))
    redaction._known.clear()  # the password of one example may be a key of the next
    redaction._pattern = None
    try:
        return load_policy(path, {"A": "planted-value", "B": "1"})
    except PolicyError as error:
        assert error.exit_code == 3 and error.hint
        assert error.problems and len(set(error.problems)) == len(error.problems)
        assert all(problem in error.message for problem in error.problems)
        assert "planted" not in error.message
        lines = path.read_text().count("\n") + 1
        for problem in error.problems:
            match = POINTER.match(problem)
            assert match is not None, problem
            assert 1 <= int(match[2]) <= lines
            if match[1].startswith("/"):
                assert exists(content, match[1]), problem
        return error


def exists(content: Any, pointer: str) -> bool:
    """Whether a JSON pointer leads to something, or to a key that is missing in an object that exists."""
    keys = [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
    if keys == [""]:
        return True
    for at, key in enumerate(keys):
        if isinstance(content, list) and key.isdecimal() and int(key) < len(content):
            content = content[int(key)]
        elif isinstance(content, dict) and (key in content or at == len(keys) - 1):
            content = content.get(key)
        else:
            return False
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_any_content(changes: dict[str, Any], tmp_path: Path) -> None:
    policy = told({**GOOD, **changes}, tmp_path)
    if isinstance(policy, Policy):
        assert 0 <= policy.party < len(policy.participants)
        assert 0 <= policy.leader < len(policy.participants)
        assert policy.output_parties


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=DEEPER)
def test_any_content_one_level_down(change: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    section, members = change
    content = {**GOOD, section: {**GOOD.get(section, {}), **members}}
    policy = told(content, tmp_path)
    if isinstance(policy, Policy) and "${" not in json.dumps(content):
        mistakes = [error.message for error in SCHEMA.iter_errors(content)]
        assert not mistakes, "an editor would complain of a policy that is accepted"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60))
def test_any_bytes(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(data)
    with pytest.raises(PolicyError):
        load_policy(path, {})


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_the_parser_reads_what_the_standard_one_writes(value: Any, indent: Any) -> None:
    assert parse(json.dumps(value, indent=indent)).value == value


@given(st.text(alphabet='{}[]",:0123456789.eE-+truefalsnN \n\\u', max_size=30))
def test_the_parser_refuses_what_the_standard_one_refuses(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=_refuse)
    except ValueError:
        with pytest.raises(JsonError):
            parse(text)
    else:
        assert parse(text).value == expected


def _refuse(name: str) -> Any:
    raise ValueError(name)


@given(st.text(alphabet="ab:@/?#[]%'é", max_size=20), st.sampled_from(["postgres", "http", "mysql"]))
def test_redaction_never_shows_a_password(user: str, scheme: str) -> None:
    password = "hunter2secret"
    plain = user.replace("'", "")
    shown = redact(f"{scheme}://{plain.replace(':', '')}:{password}@host/db")
    assert password not in shown
