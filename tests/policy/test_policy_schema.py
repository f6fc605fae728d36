"""The JSON schema for editors says what the loader checks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.policy import Limits, Timeouts, load_policy, schema
from engine.policy.inputs import INPUT_KEYS
from engine.policy.load import KEYS
from engine.policy.outputs import DATABASE_KEYS, FILE_KEYS, URL_KEYS
from tests.policy.policy_helpers import write
from tests.policy.test_policy_mistakes import MISTAKES

POLICIES = Path(__file__).parent.parent.parent / "policies"
VALIDATOR = Draft202012Validator(schema.schema())
SHIPPED = sorted(POLICIES.glob("**/policy[0-9].json"))


def test_the_file_is_up_to_date() -> None:
    assert (POLICIES / "policy.schema.json").read_text() == schema.text()


def test_it_lists_the_keys_of_the_loader() -> None:
    found = schema.schema()
    properties = found["properties"]
    assert set(properties) == {*KEYS, "$schema"}
    assert set(properties["input"]["oneOf"][1]["properties"]) == set(INPUT_KEYS)
    outputs = [set(form["properties"]) for form in properties["output"]["oneOf"] if "properties" in form]
    assert outputs == [set(DATABASE_KEYS), set(FILE_KEYS), set(URL_KEYS)]
    assert set(properties["limits"]["properties"]) == set(vars(Limits()))
    assert set(properties["timeouts"]["properties"]) == set(vars(Timeouts()))


def test_it_names_the_defaults(tmp_path: Path) -> None:
    policy = load_policy(write(tmp_path))
    properties = schema.schema()["properties"]
    for name in ("limits", "timeouts", "security"):
        for key, value in properties[name]["properties"].items():
            assert value.get("default") == getattr(getattr(policy, name), key)
    for key, value in properties["input"]["oneOf"][1]["properties"].items():
        if "default" in value:
            assert value["default"] == getattr(policy.input, key)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(POLICIES)))
def test_shipped_policies_fit(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text()))


#: Mistakes that an editor can see: keys, types, words. The others need the whole policy, files or the environment.
VISIBLE = re.compile(r"unknown key|expected \w+, got|must be one of|^/\w+: missing")


@pytest.mark.parametrize(("changes", "text"), [case for case in MISTAKES if VISIBLE.search(case[1])])
def test_it_sees_mistakes_of_form(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    policy = json.loads(write(tmp_path, **changes).read_text())
    whole_number = changes == {"leader": 0.0}  # for JSON schema 0.0 is an integer
    assert VALIDATOR.is_valid(policy) == whole_number, text


def test_a_policy_may_name_its_schema(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, **{"$schema": "policy.schema.json"})).party == 0
