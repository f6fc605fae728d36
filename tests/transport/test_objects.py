"""JSON objects of peers: what is nested too deeply is refused before it is parsed."""

from __future__ import annotations

import json

import pytest

from engine.transport.http.wire import MOST_LEVELS, parse_object


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_objects_up_to_the_bound() -> None:
    assert parse_object(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert parse_object(nested(MOST_LEVELS)) is not None
    assert parse_object(nested(MOST_LEVELS + 1)) is None


def test_brackets_in_strings_and_many_beside_each_other_are_no_depth() -> None:
    value = {"text": '[{"' * 1000 + "\\", "wide": [[]] * 1000}
    assert parse_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b"{", b"\xff", b"[" * 300_000, b"{" * 300_000, b'"' + b"[" * 300])
def test_everything_else_is_none(data: bytes) -> None:
    assert parse_object(data) is None
