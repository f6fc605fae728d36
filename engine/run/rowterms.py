"""How parties make bytes of their texts, which all must know alike, and the key of columns with ``as: "hash:N"``.

Each party sends these terms with its constants, so they are part of the summary on which every pair agrees. The key of
a run comes out of the run's terms and one fresh nonce of every party: nobody knows it before all rows are read, and it
is never used again. It makes long values short. It hides nothing from the parties, who all know it: the digests are
input of the circuit like the values themselves.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.errors import ConsentMismatch, DataError
from engine.run.job import FUNCTION, Job
from engine.run.terms import summary_digest
from engine.sources import HASH_BYTES
from engine.values import ArrayType, Type

if TYPE_CHECKING:
    from engine.data import Rule, Snapshot
    from engine.policy import Policy

NONCE_BYTES = 32
#: Two different values have equal digests anywhere in a run with at most this probability, as a power of two.
COLLISION = -40
_PERSON = b"polytune hash 1"
_MOST_COLUMNS = 1000
_ENTRY = {"as": str, "normalize": str, "casefold": bool}

Columns = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class RowTerms:
    """``nonce``: 64 hex digits, fresh in every run; ``columns``: what is done to texts before they become bytes.

    Columns are named by number from 0 and, for a struct, by the name of the field; those to which nothing is done are
    left out.
    """

    nonce: str = ""
    columns: Columns = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As part of an offer; empty without a nonce."""
        return {"nonce": self.nonce, "columns": {name: dict(entry) for name, entry in self.columns.items()}}


def own_terms(job: Job, snapshot: Snapshot) -> RowTerms:
    """The terms of this party for the input that it has read, with a fresh nonce."""
    texts = job.program.text_fields(FUNCTION, job.policy.party)
    columns = {}
    for number, (rule, column) in enumerate(zip(snapshot.rules, snapshot.rows.columns)):
        key = column.name.lower() if isinstance(texts, dict) else str(number)
        entry: dict[str, Any] = {}
        if rule.column.form == "hash":
            entry["as"] = str(rule.column)
        if rule.text.normalize != "none":
            entry["normalize"] = rule.text.normalize
        if rule.text.casefold:
            entry["casefold"] = True
        is_text = texts.get(key, False) if isinstance(texts, dict) else number < len(texts) and texts[number]
        if entry and is_text:
            columns[key] = entry
    return RowTerms(secrets.token_hex(NONCE_BYTES), columns)


def parse_terms(raw: Any) -> RowTerms:
    """The terms of a peer; one that sends none does nothing to its texts. ValueError for a wrong form."""
    if raw is None:
        return RowTerms()
    if not isinstance(raw, dict) or not isinstance(raw.get("columns"), dict):
        raise ValueError("rows must be an object with columns")
    nonce, columns = raw.get("nonce"), raw["columns"]
    if not isinstance(nonce, str) or re.fullmatch(f"[0-9a-f]{{{2 * NONCE_BYTES}}}", nonce) is None:
        raise ValueError(f"rows.nonce must be {2 * NONCE_BYTES} hexadecimal digits")
    if len(columns) > _MOST_COLUMNS:
        raise ValueError("rows.columns names too many columns")
    for name, entry in columns.items():
        right = isinstance(entry, dict) and entry.keys() <= _ENTRY.keys()
        if len(name) > 200 or not right or any(type(value) is not _ENTRY[key] for key, value in entry.items()):
            raise ValueError("rows.columns: a column is malformed")
        if any(len(str(value)) > 20 for value in entry.values()):
            raise ValueError("rows.columns: a value is too long")
    return RowTerms(nonce, columns)


def check_terms(job: Job, terms: Mapping[int, RowTerms]) -> list[str]:
    """Join keys must be made alike, else ConsentMismatch. Returns warnings about columns that only one side hashes."""
    joined = sorted(job.program.join_parameters(FUNCTION) & terms.keys())
    keys = {party: _key_terms(job, party, terms[party].columns) for party in joined}
    for party in joined[1:]:
        if keys[party] != keys[joined[0]]:
            made = "; ".join(f"party {number}: {_in_words(keys[number])}" for number in (joined[0], party))
            other = party if party != job.policy.party else joined[0]
            raise ConsentMismatch(
                f"consent mismatch with party {other}: join keys are made from texts in different ways ({made})",
                "give the key column of every party the same 'as' and 'text' rules in input.columns",
            )
    hashing = {p for p, item in terms.items() if any("as" in entry for entry in item.columns.values())}
    if hashing and not joined and len(hashing) == 1:
        return [f"only party {hashing.pop()} hashes a column: its digests equal nothing that another party has"]
    return []


def _key_terms(job: Job, party: int, columns: Columns) -> Columns:
    texts = job.program.text_fields(FUNCTION, party)
    return columns if isinstance(texts, dict) else {"0": columns["0"]} if "0" in columns else {}


def _in_words(columns: Columns) -> str:
    words = []
    for name, entry in sorted(columns.items()):
        rules = [entry["as"]] if "as" in entry else []
        rules += [f"normalize {entry['normalize']}"] if "normalize" in entry else []
        rules += ["casefold"] if entry.get("casefold") else []
        words.append(f"{'column ' if name.isdigit() else ''}{name} {' '.join(rules)}")
    return ", ".join(words) or "as they are"


def hash_key(policy: Policy, run_id: str, terms: Mapping[int, RowTerms]) -> bytes:
    """The key of hashed columns in this run, 32 bytes, the same at every party.

    BLAKE2b of the terms of the run and of 32 random bytes from each party: fresh when one party is honest.
    """
    agreed = {
        "run_id": run_id,
        "participants": list(policy.participants),
        "program": policy.program.sha256,
        "leader": policy.leader,
        "output_parties": sorted(policy.output_parties),
        "nonces": [terms[party].nonce for party in sorted(terms)],
    }
    return hashlib.blake2b(summary_digest(agreed), digest_size=32, person=_PERSON).digest()


def check_collisions(rules: Sequence[Rule], parameters: Sequence[Type]) -> None:
    """Raise DataError when digests are so short that two of all parties' rows may collide (n^2 / 2^(8N+1) > 2^-40)."""
    rows = sum(parameter.size if isinstance(parameter, ArrayType) else 1 for parameter in parameters)
    enough = next(size for size in range(HASH_BYTES[0], 64) if rows * rows <= 1 << (8 * size + 1 + COLLISION))
    for number, rule in enumerate(rules):
        if rule.column.form == "hash" and rule.column.number < enough:
            chance = 2 * math.log2(rows) - 8 * rule.column.number - 1
            raise DataError(
                f'column {number + 1}: "as": "{rule.column}" is too short for {rows} rows of all parties: two '
                f"different values may get the same digest with probability 2^{chance:.0f}, at most 2^{COLLISION} is "
                "accepted",
                f'use "hash:{enough}" or more at every party, and [u8; {enough}] in the program',
            )
