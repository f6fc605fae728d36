"""Parties that are known by their certificates: what is compared, and what the protocol is bound to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import SecurityError
from engine.policy import Limits, Policy, load_policy
from engine.run.record import Run
from engine.run.steps import check_certificates, known_as
from engine.run.terms import differences, proposal
from engine.transport.security import Security
from tests.policy.policy_helpers import ABSENT, write

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
URLS = ["https://a.example", "https://b.example"]


def policy(folder: Path, identities: list[Any] | None, party: int = 1, urls: list[str] = URLS) -> Policy:
    tls = {"cert": "c", "key": "k"}
    keys = {"identities": identities, "tls": tls} if identities else {}
    return load_policy(write(folder, participants=urls, party=party, output=ABSENT, **keys), {})


def offered(leader: Policy, *seen: str) -> dict[str, Any]:
    return {**proposal(leader, "id", "now"), "identities": list(seen)}


def test_each_party_may_have_its_own_urls_and_lag_behind_in_a_change(tmp_path: Path) -> None:
    leader = policy(tmp_path, [A, [B, C]], 0, ["https://10.0.0.1", "https://10.0.0.2"])
    for ours in ([A, B], [A, [C, B]]):
        assert differences(policy(tmp_path, ours), offered(leader, A, B)) == []


@pytest.mark.parametrize(
    ("ours", "seen", "text"),
    [
        ([A, B], [A, C], f"identities[1] differ ({B} ≠ {C})"),
        ([[A, C], B], [B, A], f"identities[0] differ ({A} or {C} ≠ {B})"),
        ([A, B], [A], "identities differ"),
        ([A, B], [], "identities differ"),
        (None, [A, B], "identities differ"),
    ],
)
def test_other_certificates_are_refused(tmp_path: Path, ours: list[Any] | None, seen: list[str], text: str) -> None:
    leader = policy(tmp_path, [A, B], 0)
    found = differences(policy(tmp_path, ours), offered(leader, *seen))
    assert found and str(found[0]).startswith(text[:100]) and found[0].code == "participants_mismatch"


def test_the_protocol_is_bound_to_the_certificates_that_are_shown(tmp_path: Path) -> None:
    own = policy(tmp_path, [A, [B, C]], 0)
    run = Run("id", 0, 2, Limits(), offered(own, A, C))
    assert known_as(run, own) == [A, C]
    security = Security(0, own.trust.identities)
    check_certificates(run, security)
    security.presented[1] = C
    check_certificates(run, security)
    security.presented[1] = B
    with pytest.raises(SecurityError, match=r"party 1 presented sha256:b+, but the leader knows it by sha256:c+"):
        check_certificates(run, security)
