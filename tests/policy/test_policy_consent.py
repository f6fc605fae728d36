"""The key ``consent``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import PolicyError
from engine.policy import load_policy
from engine.policy.consent import KEYS, Consent
from engine.policy.schema import schema
from tests.policy.policy_helpers import write


def test_without_it_nothing_is_limited(tmp_path: Path) -> None:
    assert load_policy(write(tmp_path)).consent == Consent(None, None, "day", 0, False)


def test_all_of_it(tmp_path: Path) -> None:
    path = write(tmp_path, consent={"leaders": [0], "max_runs": 3, "per": "hour", "min_rows": 20, "ask": True})
    policy = load_policy(path)
    assert policy.consent == Consent((0,), 3, "hour", 20, True)
    assert (policy.consent.allowance, policy.consent.seconds) == ("3 runs per hour", 3600)
    assert str(policy.consent) == (
        "led by party 0, at most 3 runs per hour, with at least 20 own rows, each approved by somebody"
    )
    assert str(Consent()) == ""
    assert policy.warnings == ()
    assert Consent(max_runs=1, per="total").allowance == "1 run in total"


def test_a_leader_that_may_not_lead_is_a_warning(tmp_path: Path) -> None:
    warning = "consent.leaders does not name party 0, which leads: every run will be refused"
    assert load_policy(write(tmp_path, consent={"leaders": [1]})).warnings == (warning,)


@pytest.mark.parametrize(
    ("consent", "text"),
    [
        ([], "/consent: expected object, got array"),
        ({"leader": [0]}, "/consent/leader: unknown key 'leader' (did you mean 'leaders'?)"),
        ({"leaders": 0}, "/consent/leaders: expected array, got integer"),
        ({"leaders": []}, "/consent/leaders: at least one party must be allowed to lead"),
        ({"leaders": ["0"]}, "/consent/leaders/0: expected integer, got string"),
        ({"leaders": [0, 2]}, "consent.leaders[1]: 2 is not a party (there are 2 participants: 0..1)"),
        ({"leaders": [0, 0]}, "/consent/leaders/1: party 0 appears twice"),
        ({"max_runs": 0}, "/consent/max_runs: out of range (1 to 10000)"),
        ({"max_runs": "3"}, "/consent/max_runs: expected integer, got string"),
        ({"max_runs": 3, "per": "week"}, "/consent/per: must be one of hour, day, total"),
        ({"per": "day"}, "/consent/per: needs 'max_runs' beside it"),
        ({"min_rows": -1}, "/consent/min_rows: out of range (1 to 2147483647)"),
        ({"ask": 1}, "/consent/ask: expected boolean, got integer"),
    ],
)
def test_mistakes(tmp_path: Path, consent: Any, text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(write(tmp_path, consent=consent))
    assert any(text in problem for problem in caught.value.problems), caught.value.problems


def test_the_schema_lists_the_same_keys() -> None:
    assert set(schema()["properties"]["consent"]["properties"]) == set(KEYS)
