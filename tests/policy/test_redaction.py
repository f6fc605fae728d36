"""Registered secrets, passwords in texts, and tracebacks without foreign messages."""

from __future__ import annotations

import contextlib
import html
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import redaction
from engine.errors import DataError, PolicyError
from engine.policy import load_policy
from polytune_cli import console, exits
from tests.policy.policy_helpers import write

ROW = ("Grosvenor", 7)
SECRET = "pä/s'w\"o&r d<1>"


def test_every_spelling_of_a_secret_is_masked() -> None:
    redaction.register(SECRET)
    for spelling in (SECRET, quote(SECRET), quote(SECRET, safe=""), html.escape(SECRET), json.dumps(SECRET)):
        assert "r d" not in redaction.clean(f"login {spelling} refused"), spelling
    assert redaction.clean(f"login {SECRET} refused") == "login *** refused"


CHARACTERS = st.characters(exclude_characters="*")


@given(st.lists(st.text(CHARACTERS, min_size=1, max_size=12), min_size=1, max_size=5), st.text(CHARACTERS, max_size=9))
def test_no_long_secret_survives(secrets: list[str], around: str) -> None:
    redaction.register(*secrets)
    for secret in secrets:
        if len(secret) >= 8:
            assert secret not in redaction.clean(f"{around}{secret}{around}").replace(around, "")


def test_short_secrets_are_masked_as_words_and_tiny_ones_not_at_all() -> None:
    redaction.register("rose", "ab")
    assert redaction.clean("rose, prose, 'rose' and ab") == "***, prose, '***' and ab"


def test_lines_of_a_key_are_masked_alone() -> None:
    redaction.register("-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END KEY-----")
    assert redaction.clean("cannot parse MIGHAgEAMBMGByqGSM49") == "cannot parse ***"


@pytest.mark.parametrize(
    "text",
    [
        "postgres://u:hunter2@h/x",
        "dsn password=hunter2 host=h",
        '{"password": "hunter2"}',
        "{'psk': 'hunter2'}",
        "connect(passwd = hunter2)",
    ],
)
def test_passwords_are_masked_without_being_registered(text: str) -> None:
    assert "hunter2" not in redaction.clean(text)


def test_json_stays_json() -> None:
    redaction.register('a"b\\c-secret')
    text = console.json_text({"message": 'a"b\\c-secret and password=x"', "rows": [1, None, {"k": "postgres://u:p@h"}]})
    assert json.loads(text) == {"message": '*** and password=***"', "rows": [1, None, {"k": "postgres://u:***@h"}]}


# -- what a policy registers -----------------------------------------------------------------------------------------


def registered(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **changes: Any) -> bool:
    """Whether loading this policy makes ``text`` a secret."""
    with contextlib.suppress(PolicyError):
        load_policy(write(tmp_path, **changes), environ or {})
    return redaction.clean(text) == "***"


@pytest.mark.parametrize(
    ("changes", "secret"),
    [
        ({"input": {"db": "postgres://app:hunter2@h/x", "query": "SELECT 1"}}, "hunter2"),
        ({"input": {"db": "postgres://app:p%40ssword@h/x", "query": "SELECT 1"}}, "p@ssword"),
        ({"input": {"db": {"driver": "mysql", "password": "hunter2"}, "query": "SELECT 1"}}, "hunter2"),
        ({"input": {"db": "postgres://app:${P}@h/x", "query": "SELECT 1"}}, "from-environment"),
        ({"input": {"db": "${URL}", "query": "SELECT 1"}}, "in-the-url"),
        ({"constants": {"A": "SELECT '${P}'"}}, "from-environment"),
        ({"auth": {"psk": "0123456789abcdef0123456789abcdef"}}, "0123456789abcdef0123456789abcdef"),
        ({"output": {"url": "https://h/", "headers": {"X-Key": "letmein-letmein"}}}, "letmein-letmein"),
        ({"output": "https://u:hunter2@h/"}, "hunter2"),
    ],
)
def test_what_is_a_secret(changes: dict[str, Any], secret: str, tmp_path: Path) -> None:
    environ = {"P": "from-environment", "URL": "postgres://app:in-the-url@h/x"}
    assert registered(tmp_path, secret, environ, **changes)


def test_what_is_none(tmp_path: Path) -> None:
    """Hosts, names and URLs of participants may come out of variables; logs name them."""
    environ = {"HOST": "db.internal", "USER": "reader", "PEER": "http://peer.example:8000", "WHO": "north"}
    changes = {
        "participants": ["http://localhost:8000", "${PEER}"],
        "name": "${WHO}",
        "input": {"db": "postgres://${USER}:hunter2@${HOST}/x", "query": "SELECT 1"},
    }
    for text in ("db.internal", "reader", "peer.example", "north"):
        assert not registered(tmp_path, text, environ, **changes)


def test_a_password_that_is_an_ordinary_word_spoils_no_message(tmp_path: Path) -> None:
    for url in ("mysql://root:test@h/test", "postgres://postgres:postgres@h/postgres"):
        assert not registered(tmp_path, "postgres", input={"db": url, "query": "SELECT 1"})
        assert not registered(tmp_path, "test", input={"db": url, "query": "SELECT 1"})


# -- where it is used ------------------------------------------------------------------------------------------------


def failing() -> None:
    try:
        raise ValueError(f"row {ROW}")
    except ValueError as error:
        raise DataError("cannot read with planted-password", "ask the owner of planted-password") from error


@pytest.fixture
def error() -> DataError:
    redaction.register("planted-password")
    with pytest.raises(DataError) as caught:
        failing()
    return caught.value


def test_a_trace_names_places_but_no_foreign_message(error: DataError) -> None:
    text = redaction.trace(error)
    assert "ValueError" in text and "in failing" in text and "cannot read with ***" in text
    assert "Grosvenor" not in text and "planted-password" not in text


@pytest.mark.parametrize("formatter", [console.LineFormatter(), console.JsonFormatter()])
def test_log_lines(formatter: logging.Formatter, error: DataError) -> None:
    info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("polytune", logging.DEBUG, "", 0, "with %s", ("planted-password",), info)
    text = formatter.format(record)
    assert "with ***" in text and "ValueError" in text
    assert "Grosvenor" not in text and "planted-password" not in text


def test_errors_of_a_command(error: DataError, capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise error

    assert exits.guarded(fails, lambda: True) == 4
    shown = capsys.readouterr().err
    assert "Error: cannot read with ***\nhint: ask the owner of ***\n" in shown
    assert "in failing" in shown
    assert "Grosvenor" not in shown and "planted-password" not in shown


# -- objects shown by accident ---------------------------------------------------------------------------------------


def planted(tmp_path: Path, **changes: Any) -> str:
    """``repr`` of a policy, and of everything that it holds."""
    (tmp_path / "psk").write_text("planted-psk-0123456789abcdef0123456789")
    policy = load_policy(write(tmp_path, **changes), {"P": "planted-in-the-environment"})
    return f"{policy!r} {policy.input!r} {policy.outputs!r} {policy.trust!r} {policy.constants!r} {[policy]!s}"


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"db": "postgres://app:planted@h/x", "query": "SELECT 'planted', ${P}", "setup": "SELECT 'planted'"}},
        {"input": {"rows": [["planted", 1]]}},
        {"input": {"literal": '["planted"]'}},
        {"input": {"Array": [{"Enum": ["E", "Planted", "Unit"]}]}},
        {
            "output": {
                "db": "mysql://app:planted@h/x",
                "query": "INSERT INTO planted VALUES ($1)",
                "setup": "-- planted",
            }
        },
        {"output": {"url": "https://u:planted@h/", "headers": {"Authorization": "Bearer planted"}}},
        {"constants": {"A": "SELECT 'planted'"}},
        {"auth": {"psk": "${file:psk}"}},
    ],
)
def test_no_object_shows_a_secret_in_its_repr(changes: dict[str, Any], tmp_path: Path) -> None:
    assert "planted" not in planted(tmp_path, **changes).lower()
