"""Whom a party trusts: ``identities``, ``tls`` and ``auth`` of a policy (spec: service, sections 6.3 and 6.4).

Key files are not opened here; that happens when a party starts (:mod:`engine.transport.certificates`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.policy.checker import Checker, type_name

KEYS = ("identities", "tls", "auth")
TLS_KEYS = ("cert", "key", "min_version")
TLS_LATER = ("ca", "names")
#: The variables that replace ``tls.cert`` and ``tls.key``.
TLS_VARIABLES = {"cert": "POLYTUNE_TLS_CERT", "key": "POLYTUNE_TLS_KEY"}
TLS_VERSIONS = ("1.3", "1.2")
AUTH_KEYS = ("psk",)
#: A party may have two certificates while it changes from one to the other.
MOST_FINGERPRINTS = 2
#: Bytes of a shared secret.
LEAST_SECRET = 32
FINGERPRINT = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class TlsFiles:
    """Paths of the own certificate and its key; ``min_version`` is 1.3 or 1.2."""

    cert: Path
    key: Path
    min_version: str = "1.3"


@dataclass(frozen=True)
class Trust:
    """``identities``: for each party the fingerprints of its certificates (one, or two while it changes them), empty
    when the policy names none. ``secrets``: for each party the secret shared with it, empty when there are none (the
    own place holds an empty string).
    """

    identities: tuple[tuple[str, ...], ...] = ()
    tls: TlsFiles | None = None
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


def read_trust(
    check: Checker,
    root: Mapping[str, Any],
    environ: Mapping[str, str],
    base: Path,
    participants: Sequence[str],
    party: int | None,
) -> Trust:
    """The three keys of a policy, and whether they fit its ``participants`` (normalised URLs, empty after a mistake).

    Mistakes go to ``check``.
    """
    trust = Trust(
        _identities(check, root, len(participants)),
        _tls(check, root, environ, base),
        _secrets(check, root, len(participants), party),
    )
    if not check.problems:
        _check_together(check, root, participants, trust)
    return trust


def _identities(check: Checker, root: Mapping[str, Any], parties: int) -> tuple[tuple[str, ...], ...]:
    raw = check.array(root, "", "identities", None)
    if raw is None:
        return ()
    if parties and len(raw) != parties:
        check.problem("/identities", f"one entry for each of the {parties} participants is needed, got {len(raw)}")
    found: list[tuple[str, ...]] = []
    for number, entry in enumerate(raw):
        place = f"/identities/{number}"
        if isinstance(entry, list) and not 1 <= len(entry) <= MOST_FINGERPRINTS:
            check.problem(place, f"expected one or {MOST_FINGERPRINTS} fingerprints, got {len(entry)}")
            continue
        found.append(_fingerprints(check, place, entry))
    owners: dict[str, int] = {}
    for number, entry in enumerate(found):
        for item in entry:
            if owners.setdefault(item, number) != number:
                first = owners[item]
                check.sentence(f"/identities/{number}", f"identities[{number}] repeats identities[{first}]")
    return tuple(found)


def _fingerprints(check: Checker, place: str, entry: Any) -> tuple[str, ...]:
    found = []
    several = isinstance(entry, list)
    for number, item in enumerate(entry if several else [entry]):
        pointer = f"{place}/{number}" if several else place
        if not isinstance(item, str):
            check.problem(pointer, f"expected string, got {type_name(item)}")
        elif not FINGERPRINT.match(item.lower()):
            check.problem(pointer, "expected a fingerprint 'sha256:' and 64 hexadecimal digits")
        else:
            found.append(item.lower())
    return tuple(found)


def _tls(check: Checker, root: Mapping[str, Any], environ: Mapping[str, str], base: Path) -> TlsFiles | None:
    value = check.table(root, "", "tls", None)
    given = value or {}
    check.unknown("/tls", given, (*TLS_KEYS, *TLS_LATER))
    check.not_yet("/tls", given, TLS_LATER)
    version = check.choice(given, "/tls", "min_version", TLS_VERSIONS[0], TLS_VERSIONS)
    paths = {}
    for name, variable in TLS_VARIABLES.items():
        text = check.string(given, "/tls", name, None)
        if environ.get(variable):
            paths[name] = Path(environ[variable])
        elif text is not None:
            paths[name] = check.path(base, text, {"cert": "certificate", "key": "key"}[name])
    if value is None and not paths:
        return None
    for name, variable in TLS_VARIABLES.items():
        if name not in paths:
            check.problem(f"/tls/{name}", f"missing (or set {variable})")
            return None
    return TlsFiles(paths["cert"], paths["key"], version)


def _secrets(check: Checker, root: Mapping[str, Any], parties: int, party: int | None) -> tuple[bytes, ...]:
    auth = check.table(root, "", "auth", None)
    if auth is None:
        return ()
    check.unknown("/auth", auth, AUTH_KEYS)
    raw = auth.get("psk")
    if raw is None:
        check.problem("/auth/psk", "missing")
        return ()
    if isinstance(raw, str):
        if parties > 2:
            check.problem(
                "/auth/psk",
                "with more than two parties every pair needs a secret of its own (else one could pose as another): "
                "give a list with one secret for each party, null for this one",
            )
            return ()
        raw = [raw]
    if not isinstance(raw, list):
        check.problem("/auth/psk", f"expected string or array, got {type_name(raw)}")
        return ()
    if not parties or party is None:
        return ()
    if len(raw) == parties - 1:
        raw = [*raw[:party], None, *raw[party:]]
    if len(raw) != parties:
        check.problem("/auth/psk", f"one secret for each of the {parties} participants is needed, got {len(raw)}")
        return ()
    return _checked_secrets(check, raw, party)


def _checked_secrets(check: Checker, raw: Sequence[Any], party: int) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for number, item in enumerate(raw):
        secret = item.encode("utf-8", "surrogatepass") if isinstance(item, str) else b""
        if number == party:
            if item is not None:
                check.problem("/auth/psk", f"entry {number} is this party's own and must be null")
        elif not isinstance(item, str):
            check.problem("/auth/psk", f"entry {number}: expected string, got {type_name(item)}")
        elif len(secret) < LEAST_SECRET:
            check.problem(
                "/auth/psk",
                f"a shared secret has at least {LEAST_SECRET} bytes, that of party {number} has {len(secret)} "
                "(make one: openssl rand -hex 32)",
            )
        elif secret in found:
            check.problem("/auth/psk", f"parties {found.index(secret)} and {number} have the same secret")
        found.append(b"" if number == party else secret)
    return tuple(found)


def _check_together(check: Checker, root: Mapping[str, Any], participants: Sequence[str], trust: Trust) -> None:
    plain = [number for number, url in enumerate(participants) if urlsplit(url).scheme == "http"]
    if trust.identities and trust.tls is None and not trust.secrets:
        check.problem("/tls", "missing: identities need this party's own certificate, 'tls': {'cert', 'key'}")
    if trust.tls is not None and not trust.identities:
        check.problem("/identities", "missing: tls needs the fingerprints of all parties' certificates")
    if plain and (trust.identities or trust.tls is not None) and not trust.secrets:
        check.problem(
            f"/participants/{plain[0]}",
            "plain http proves no identity: with 'identities' all participants are https",
            f"participants[{plain[0]}]",
        )
    elif plain and trust.tls is not None:
        check.problem(f"/participants/{plain[0]}", "with 'tls' all participants are https", f"participants[{plain[0]}]")
