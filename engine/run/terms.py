"""What the parties must agree on (spec: service, section 5.4): pure functions of two views of the same run.

Stage 1 compares the leader's ``/run`` with the local policy. Stage 2 compares a summary of everything, compiled circuit
included, between every pair of parties; its SHA-256 is also the session id of the protocol.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.policy import Policy
from engine.policy.model import EXTRA_BITS, KS, RHOS, WIDTHS
from engine.transport.http.wire import PROTOCOL

ENGINE = "apg/1"
#: Characters of a value of another party that are shown.
SHOWN = 120
#: Characters of a summary that travels whole; it must fit into the body of a request with everything around it.
MOST_SUMMARY = 500_000
SAME_VERSION = "run the same version of polytune on all sides"


@dataclass(frozen=True)
class Difference:
    """One field in which two views differ; ``code`` is the error code of the refusal."""

    field: str
    ours: Any
    theirs: Any
    code: str = "consent_mismatch"
    hint: str = ""

    def __str__(self) -> str:
        if self.field == "program":
            return f"program differs (sha256 {_short(self.ours)} ≠ {_short(self.theirs)})"
        if self.field.startswith("participants"):
            return f"participants differ {self.field[13:] or ''}(ours {_show(self.ours)} theirs {_show(self.theirs)})"
        return f"{self.field} differ ({_show(self.ours)} ≠ {_show(self.theirs)})"

    def to_json(self) -> dict[str, Any]:
        """One entry of ``details.differences`` of a refusal, as the refusing party sees it."""
        return {"field": self.field, "ours": self.ours, "theirs": _bounded(self.theirs), "hint": self.hint}

    @classmethod
    def from_reply(cls, raw: Any, code: str) -> Difference | None:
        """The difference that a peer reports, as we see it: its side is theirs, texts are bounded."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("field"), str):
            return None
        hint = printable(str(raw.get("hint") or "")[:300])
        return cls(printable(raw["field"][:60]), _bounded(raw.get("theirs")), _bounded(raw.get("ours")), code, hint)


def proposal(policy: Policy, run_id: str, started_at: str, schema: str = "") -> dict[str, Any]:
    """The body of ``POST /run`` without the receiver's own place; ``schema``: type of the leader's own parameter."""
    level = policy.security
    return {
        "run_id": run_id,
        "protocol": PROTOCOL,
        "engine": ENGINE,
        "participants": list(policy.participants),
        "leader": policy.leader,
        "program_hash": f"sha256:{policy.program.sha256}",
        "program_text_hash": text_hash(policy.program.source),
        "output_parties": sorted(policy.output_parties),
        "evaluator": policy.evaluator,
        "security": {"rho": level.rho, "w": level.w, "k": level.k},
        "check_joins": policy.check_joins,
        "schema": schema,
        "started_at": started_at,
    }


def text_hash(source: str) -> str:
    """Hash of a program that ignores line endings and trailing newlines, to explain differences."""
    return hashlib.sha256("\n".join(source.splitlines()).rstrip().encode()).hexdigest()


def differences(policy: Policy, offered: Mapping[str, Any], schema: str = "") -> list[Difference]:
    """Where the leader's proposal differs from our policy, in the order in which people look.

    ``schema`` is the type of the leader's parameter as we see it.
    """
    found = []
    if not _same(PROTOCOL, offered.get("protocol")):
        found.append(Difference("protocol", PROTOCOL, offered.get("protocol"), "protocol_version"))
    if offered.get("engine") != ENGINE:
        found.append(Difference("engine", ENGINE, offered.get("engine"), "protocol_version"))
    if policy.trust.identities or offered.get("identities"):
        found += _identities(policy, offered.get("identities"))
    else:
        found += _participants(list(policy.participants), offered.get("participants"))
    ours = proposal(policy, "", "")
    if offered.get("program_hash") != ours["program_hash"]:
        found.append(_program(ours, offered))
    for field in ("leader", "output_parties", "evaluator", "check_joins"):
        if not _same(ours[field], offered.get(field)):
            hint = f"all parties need the same '{field}' in their policy"
            found.append(Difference(field, ours[field], offered.get(field), hint=hint))
    found += _security(policy, offered.get("security"))
    if not found and offered.get("schema") != schema:
        # The same program and yet another type: one of the two compilers is another one.
        found.append(Difference("schema", schema, offered.get("schema"), hint=SAME_VERSION))
    return found


PARTICIPANTS_HINT = "all parties need the same list, in the same order, with the same spelling of each URL"


def _participants(ours: list[str], theirs: Any) -> list[Difference]:
    if not isinstance(theirs, list) or not all(isinstance(url, str) for url in theirs):
        return [Difference("participants", ours, None, "participants_mismatch")]
    if len(ours) != len(theirs):
        counts = f"{len(ours)} parties", f"{len(theirs)} parties"
        return [Difference("participants in number ", *counts, "participants_mismatch", PARTICIPANTS_HINT)]
    return [
        Difference(f"participants at index {index} ", a, b, "participants_mismatch", PARTICIPANTS_HINT)
        for index, (a, b) in enumerate(zip(ours, theirs))
        if a != b
    ]


IDENTITIES_HINT = "all parties need the fingerprints of the same certificates, in the same order"


def _identities(policy: Policy, theirs: Any) -> list[Difference]:
    """``theirs``: the certificates that the leader has seen; each must be one that we accept for that party.

    The parties' URLs may then differ: one may be reached under several.
    """
    ours = policy.trust.identities
    if not isinstance(theirs, list) or len(theirs) != len(ours):
        return [Difference("identities", ours or None, theirs, "participants_mismatch", IDENTITIES_HINT)]
    return [
        Difference(f"identities[{index}]", " or ".join(a), b, "participants_mismatch", IDENTITIES_HINT)
        for index, (a, b) in enumerate(zip(ours, theirs))
        if b not in a
    ]


def _program(ours: Mapping[str, Any], offered: Mapping[str, Any]) -> Difference:
    hint = "compare the two files; all parties need the same bytes"
    if offered.get("program_text_hash") == ours["program_text_hash"]:
        hint = "the files differ only in line endings or in the final newline; copy the file in binary mode"
    return Difference("program", ours["program_hash"], offered.get("program_hash"), "program_mismatch", hint)


def _security(policy: Policy, theirs: Any) -> list[Difference]:
    ours = policy.security
    if not isinstance(theirs, dict):
        return [Difference("security", vars(ours), None)]
    rho, w, k = (theirs.get(name) for name in ("rho", "w", "k"))
    if type(rho) is not int or rho not in RHOS or rho < ours.rho:
        return [Difference("security.rho", f"at least {ours.rho}", rho)]
    least = max(ours.w, rho + EXTRA_BITS)
    if type(w) is not int or w not in WIDTHS or w < least:
        return [Difference("security.w", f"at least {least}", w)]
    if ours.k is not None and not _same(ours.k, k):
        return [Difference("security.k", ours.k, k)]
    if k is not None and (type(k) is not int or k not in KS):
        return [Difference("security.k", f"one of {', '.join(map(str, KS))}", k)]
    return []


def _same(ours: Any, theirs: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return json.dumps(ours) == json.dumps(theirs)


# -- stage 2 ---------------------------------------------------------------------------------------------------------


def summary_digest(summary: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(summary, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def summary_differences(ours: Mapping[str, Any], theirs: Any) -> list[str]:
    """Field by field: ``constants.PARTY_1.ROWS 50 ≠ 51``; at most ten, then a count."""
    if not isinstance(theirs, Mapping):
        return ["the other party sent no summary"]
    mine, other = dict(_flat(ours)), dict(_flat(theirs))
    lines = [
        f"{_show(name)} {_show(mine.get(name, 'missing'))} ≠ {_show(other.get(name, 'missing'))}"
        for name in sorted(mine.keys() | other.keys())
        if (name in mine) != (name in other) or not _same(mine[name], other[name])
    ]
    if len(lines) > 10:
        lines = [*lines[:10], f"and {len(lines) - 10} more"]
    return lines or ["the summaries are equal but their digests are not"]


def shown_summary(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary as it travels beside its digest; of very many constants only the digest of each party's."""
    if len(json.dumps(summary)) <= MOST_SUMMARY:
        return summary
    tables = summary["constants"].items()
    return {**summary, "constants": {party: f"sha256:{summary_digest(table).hex()}" for party, table in tables}}


def _flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value.keys() == {"type", "value"}:
        return [(path, value["value"]), (f"{path} (type)", value["type"])]
    if isinstance(value, Mapping) and value:
        return [pair for key, item in value.items() for pair in _flat(item, f"{path}.{key}" if path else str(key))]
    return [(path, value)]


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if not isinstance(value, str) else value
    return printable(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")


def _bounded(value: Any) -> Any:
    """``value`` if its text is short, else the start of that text: others must not fill our logs and answers."""
    return value if len(json.dumps(value)) <= SHOWN else _show(value)


def printable(text: str) -> str:
    """A text of another party made safe for our log: one line, no control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _short(digest: Any) -> str:
    text = printable(str(digest)[:80]).removeprefix("sha256:")
    return f"{text[:12]}…" if len(text) > 12 else text
