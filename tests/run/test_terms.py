"""Nothing of a proposal and nothing of a summary can be changed without being noticed and named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.policy import Policy, load_policy
from engine.run.terms import Difference, differences, proposal, summary_differences, summary_digest
from tests.policy.policy_helpers import write

#: What a leader may say freely: the id and the time of its attempt, and the hash that only explains a difference.
FREE = ("run_id", "started_at", "program_text_hash")
SUMMARY: dict[str, Any] = {
    "run_id": "x",
    "protocol": 1,
    "participants": ["http://a/", "http://b/"],
    "output_parties": [0],
    "check_joins": False,
    "constants": {"PARTY_0": {"ROWS": {"type": "usize", "value": 50}, "ON": {"type": "bool", "value": True}}},
    "offers": {"PARTY_0": {"memory": 1 << 34, "threads": 2}, "PARTY_1": {}},
    "circuit": {"digest": "ab" * 32, "gates": 180},
}
values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 200) | st.floats(0, 2) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_policy(write(tmp_path_factory.mktemp("terms"), security={"rho": 40, "w": 64, "k": 4}))


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Places of all parts of a JSON value, the whole left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*path, key), *paths(item, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    result = copy.deepcopy(value)
    place = result
    for key in path[:-1]:
        place = place[key]
    if new is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return result


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_change_of_a_proposal_is_refused(policy: Policy, data: st.DataObject) -> None:
    ours = proposal(policy, "id", "now", "u8")
    assert differences(policy, ours, "u8") == []
    path = data.draw(st.sampled_from(paths(ours)))
    new = data.draw(st.just(...) | values)
    offered = changed(ours, path, new)
    if json.dumps(offered) == json.dumps(ours):
        return
    found = differences(policy, offered, "u8")
    # Only the level of security may be a higher one.
    higher = path[:1] == ("security",) and offered.get("security") in (
        {"rho": rho, "w": w, "k": 4} for rho, w in ((40, 128), (64, 128), (80, 128))
    )
    assert bool(found) == (path[0] not in FREE and not higher), (path, new)
    for difference in found:
        assert difference.field.startswith(("participants", "program", path[0])) and str(difference).isprintable()
        again = Difference.from_reply(json.loads(json.dumps(difference.to_json())), difference.code)
        assert again is not None and again.field == difference.field


@pytest.mark.parametrize(
    ("level", "field"),
    [
        ({"rho": 41, "w": 64, "k": 4}, "security.rho"),
        ({"rho": 10**9, "w": 10**9, "k": 4}, "security.rho"),
        ({"rho": 64, "w": 64, "k": 4}, "security.w"),
        ({"rho": 40, "w": 65, "k": 4}, "security.w"),
        ({"rho": 40, "w": 64, "k": 2}, "security.k"),
        ({"rho": 40, "w": 64, "k": None}, "security.k"),
    ],
)
def test_levels_of_security_that_do_not_exist(policy: Policy, level: dict[str, Any], field: str) -> None:
    (found,) = differences(policy, {**proposal(policy, "id", "now", "u8"), "security": level}, "u8")
    assert found.field == field


def test_a_party_that_fixes_no_k_takes_those_that_exist(tmp_path: Path) -> None:
    free = load_policy(write(tmp_path))
    for k, fits in ((None, True), (1, True), (8, True), (3, False), (10**9, False), (True, False), ("4", False)):
        offered = {**proposal(free, "id", "now"), "security": {"rho": 40, "w": 64, "k": k}}
        assert (differences(free, offered) == []) == fits, k


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_change_of_a_summary_changes_the_digest_and_is_named(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(SUMMARY)))
    new = data.draw(st.just(...) | values)
    theirs = changed(SUMMARY, path, new)
    same = json.dumps(theirs, sort_keys=True) == json.dumps(SUMMARY, sort_keys=True)
    assert (summary_digest(theirs) == summary_digest(SUMMARY)) == same
    if not same:
        lines = summary_differences(SUMMARY, theirs)
        assert lines[0].startswith(str(path[0])), (path, new, lines)
        assert all(line.isprintable() for line in lines)


def test_the_order_of_keys_is_nothing() -> None:
    assert summary_digest(dict(reversed(SUMMARY.items()))) == summary_digest(SUMMARY)


@given(values)
def test_a_summary_that_is_none_is_no_surprise(theirs: Any) -> None:
    assert summary_differences(SUMMARY, theirs)
