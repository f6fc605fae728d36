"""Whatever stands in a policy file, loading ends with a policy or with a list of mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import PolicyError
from engine.policy import load_policy, redact
from engine.policy.inputs import INPUT_KEYS
from engine.policy.jsontext import JsonError, parse
from engine.policy.load import KEYS, LATER
from engine.policy.outputs import DATABASE_KEYS, FILE_KEYS, URL_KEYS
from tests.policy.policy_helpers import GOOD, PROGRAM

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
NAMES = st.sampled_from(
    [
        *INPUT_KEYS,
        *DATABASE_KEYS,
        *FILE_KEYS,
        *URL_KEYS,
        "rows",
        "max_bytes",
        "driver",
        "port",
        "params",
        "k",
        "rho",
        "idle",
        "file",
        "source",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, WORDS), inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.one_of(st.sampled_from([*KEYS, *LATER]), WORDS), VALUES, min_size=1, max_size=4))
def test_any_content(changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "p.garble.rs").write_text(PROGRAM)
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({**GOOD, **changes}))
    try:
        policy = load_policy(path, {"A": "value"})
    except PolicyError as error:
        assert error.problems
        assert all(problem in error.message for problem in error.problems)
    else:
        assert 0 <= policy.party < len(policy.participants)
        assert 0 <= policy.leader < len(policy.participants)
        assert policy.output_parties


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
