"""What ``POST /schedule`` may ask for: a run of the policy that this party was started with, and nothing else.

A scheduler may send that policy itself, for instance to give the run an id. It cannot bring another one: whoever holds
the token decides when this party runs, not on which rows, with which program or with whom.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.policy.jsontext import parse
from engine.transport.http.wire import ApiError

#: What a body must have to be taken as a policy.
_POLICY = ("participants", "program", "leader", "party")
_ID = "computation_id"


def stated(policy: Path) -> dict[str, Any]:
    """The keys of a policy file as they are written there; empty when it cannot be read again."""
    try:
        value = parse(policy.read_text(encoding="utf-8-sig"), comments=policy.suffix == ".jsonc").value
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def wanted_run(body: Any, own: Mapping[str, Any]) -> str | None:
    """The id that the run shall have (None: any). ``own``: the keys of this party's policy. Raises ApiError."""
    if body == {"run": True} and body["run"] is True:
        return None
    if not isinstance(body, dict) or any(key not in body for key in _POLICY):
        raise ApiError("bad_request", 'the body must be {"run": true} or the policy of this party')
    differing = sorted(key for key, value in body.items() if key != _ID and (key not in own or own[key] != value))
    if differing:
        names = ", ".join(name[:60] for name in differing[:10])
        raise ApiError(
            "consent_mismatch",
            f"the policy of this party says otherwise about: {names}",
            hint="a scheduled run follows the policy file with which 'polytune serve' was started",
            differing=differing[:10],
        )
    return _run_id(body.get(_ID), own.get(_ID))


def _run_id(given: Any, own: Any) -> str | None:
    if given is None:
        return None
    try:
        run_id = str(uuid.UUID(given))
    except (ValueError, AttributeError, TypeError):
        raise ApiError("bad_request", f"{_ID} is not a UUID") from None
    if own is not None and own != given:
        raise ApiError("consent_mismatch", f"the policy of this party allows one {_ID} only, another one")
    return run_id
