"""The keys of a policy that say whom a party trusts: identities, tls, auth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import PolicyError
from engine.policy import Policy, load_policy
from tests.policy.policy_helpers import write

A, B, C, D = (f"sha256:{letter * 64}" for letter in "abcd")
HTTPS = ["https://a.example:8000", "https://b.example:8000"]
TLS = {"cert": "p0.crt", "key": "p0.key"}
SECRET = "a secret that must not be shown at all"
OTHER = "another secret that must not be shown"


def load(folder: Path, environ: dict[str, str] | None = None, **changes: Any) -> Policy:
    return load_policy(write(folder, **changes), environ or {})


def test_identities_and_own_files(tmp_path: Path) -> None:
    trust = load(tmp_path, participants=HTTPS, identities=[A.upper().replace("SHA", "sha"), [B, C]], tls=TLS).trust
    assert trust.identities == ((A,), (B, C))
    assert trust.tls is not None and trust.tls.min_version == "1.3"
    assert (trust.tls.cert, trust.tls.key) == (tmp_path / "p0.crt", tmp_path / "p0.key")


def test_the_environment_names_the_files(tmp_path: Path) -> None:
    environ = {"POLYTUNE_TLS_CERT": "/keys/c", "POLYTUNE_TLS_KEY": "/keys/k"}
    for given in ({}, {"tls": TLS}):
        trust = load(tmp_path, environ, participants=HTTPS, identities=[A, B], **given).trust
        assert trust.tls is not None and (str(trust.tls.cert), str(trust.tls.key)) == ("/keys/c", "/keys/k")


def test_shared_secrets(tmp_path: Path) -> None:
    assert load(tmp_path, auth={"psk": SECRET}).trust.secrets == (b"", SECRET.encode())
    assert load(tmp_path, party=1, auth={"psk": SECRET}).trust.secrets == (SECRET.encode(), b"")
    policy = load(tmp_path, {"PSK": SECRET}, participants=HTTPS, auth={"psk": "${PSK}"})
    assert policy.trust.secrets == (b"", SECRET.encode())
    assert SECRET not in repr(policy)


@pytest.mark.parametrize("given", [[SECRET, None, OTHER], [SECRET, OTHER]])
def test_a_secret_for_each_of_three(tmp_path: Path, given: list[str | None]) -> None:
    three = [*HTTPS, "https://c.example"]
    policy = load(tmp_path, participants=three, party=1, auth={"psk": given})
    assert policy.trust.secrets == (SECRET.encode(), b"", OTHER.encode())


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"participants": HTTPS, "identities": [A, B]}, "/tls: missing: identities need this party's own certificate"),
    ({"participants": HTTPS, "tls": TLS}, "/identities: missing: tls needs the fingerprints"),
    ({"identities": [A, B], "tls": TLS}, "participants[0]: plain http proves no identity"),
    ({"identities": [A, B]}, "/tls: missing"),
    ({"identities": [A, B], "tls": TLS, "auth": {"psk": SECRET}}, "participants[0]: with 'tls' all participants are"),
    ({"participants": HTTPS, "identities": [A], "tls": TLS}, "/identities: one entry for each of the 2 participants"),
    ({"participants": HTTPS, "identities": [A, A], "tls": TLS}, "identities[1] repeats identities[0]"),
    ({"participants": HTTPS, "identities": [[A, B], [C, B]], "tls": TLS}, "identities[1] repeats identities[0]"),
    ({"participants": HTTPS, "identities": [[A, B, C], D], "tls": TLS}, "/identities/0: expected one or 2 fing"),
    (
        {"participants": HTTPS, "identities": [[], D], "tls": TLS},
        "/identities/0: expected one or 2 fingerprints, got 0",
    ),
    ({"participants": HTTPS, "identities": [[A, 1], D], "tls": TLS}, "/identities/0/1: expected string, got integer"),
    ({"identities": [A[:-1], B]}, "/identities/0: expected a fingerprint 'sha256:' and 64 hexadecimal digits"),
    ({"identities": [A.replace("sha256:", ""), B]}, "/identities/0: expected a fingerprint"),
    ({"identities": "x"}, "/identities: expected array, got string"),
    ({"tls": {"cert": "c", "kye": "k"}}, "/tls/kye: unknown key 'kye' (did you mean 'key'?)"),
    ({"tls": {"cert": "c"}}, "/tls/key: missing (or set POLYTUNE_TLS_KEY)"),
    ({"tls": {**TLS, "min_version": "1.1"}}, "/tls/min_version: must be one of 1.3, 1.2"),
    ({"tls": {**TLS, "ca": "ca.pem"}}, "/tls/ca: not supported yet"),
    ({"auth": {}}, "/auth/psk: missing"),
    ({"auth": {"psk": 5}}, "/auth/psk: expected string or array, got integer"),
    ({"auth": {"psk": [5, None]}}, "/auth/psk: entry 0 is this party's own and must be null"),
    ({"auth": {"psk": [None, 5]}}, "/auth/psk: entry 1: expected string, got integer"),
    ({"auth": {"psk": [SECRET] * 3}}, "/auth/psk: one secret for each of the 2 participants is needed, got 3"),
    ({"participants": [*HTTPS, "https://c"], "auth": {"psk": SECRET}}, "every pair needs a secret of its own"),
    ({"participants": [*HTTPS, "https://c"], "auth": {"psk": [SECRET] * 2}}, "parties 1 and 2 have the same secret"),
]


@pytest.mark.parametrize(("changes", "text"), MISTAKES)
def test_mistakes_name_their_place_and_no_secret(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, **changes)
    assert text in str(caught.value) and "(line " in str(caught.value)
    assert SECRET not in str(caught.value)
