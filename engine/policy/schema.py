"""The JSON schema of policy files, for editors; made from the same tables that the loader checks against.

``python -m engine.policy.schema`` prints it; ``policies/policy.schema.json`` is its output.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

from engine.outputs import FORMATS, KEEPS, TEXTS, UrlOutput
from engine.policy.columns import NORMALIZE, NUMBERED, TOO_LONG
from engine.policy.consent import MOST_RUNS, PERIODS, Consent
from engine.policy.databases import DB_PARTS, LITERAL_TAGS
from engine.policy.inputs import INPUT_FORMS, SORTS
from engine.policy.model import KS, RHOS, WIDTHS, Limits, SecurityLevel, Timeouts
from engine.policy.trust import LEAST_SECRET, MOST_FINGERPRINTS, TLS_VERSIONS
from engine.sources import DATABASE_KINDS, FILE_FORMATS, FORMS

Schema = dict[str, Any]

PARTY: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "exclusiveMinimum": 0}


def schema() -> Schema:
    """The schema as Python objects (draft 2020-12)."""
    found = _object(_top_level(), ["participants", "program", "leader", "party"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Policy of one party", **found}


def _top_level() -> Schema:
    return {
        "$schema": _text("for editors"),
        "version": {"const": 1, "default": 1},
        "name": _text("label shown in logs and status"),
        "participants": {
            "description": "URL of each party; the place in the list is the party's number; the same for all parties",
            "type": "array",
            "items": {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"},
            "minItems": 2,
            "maxItems": 255,
        },
        "program": {
            "description": "path of the program (from this file's folder), or its source",
            "oneOf": [
                _text(""),
                _object({"file": _text("path")}, ["file"]),
                _object({"source": _text("")}, ["source"]),
            ],
        },
        "program_sha256": {"type": "string", "pattern": "^(sha256:)?[0-9A-Fa-f]{64}$"},
        "leader": {"description": "number of the party that starts the run", **PARTY},
        "party": {"description": "this party's number", **PARTY},
        "output_parties": {
            "description": "who learns the result (default: the leader)",
            "type": "array",
            "items": PARTY,
            "minItems": 1,
            "uniqueItems": True,
        },
        "evaluator": {"description": "the party that evaluates the garbled circuit", "default": 0, **PARTY},
        "input": {"oneOf": [{"type": "null"}, _input(), _value()]},
        "output": _outputs(),
        "constants": _constants(),
        "allow_insecure": _flag("permit plain HTTP beyond loopback"),
        "check_joins": _flag("prove inside the circuit that join inputs are ascending"),
        "computation_id": {"type": ["string", "null"], "format": "uuid"},
        "consent": _object(_consent(), []),
        "limits": _object({field.name: _limit(field.name, field.default) for field in fields(Limits)}, []),
        "timeouts": _object({field.name: _seconds(field.default) for field in fields(Timeouts)}, []),
        "security": _object(
            {
                "rho": {"enum": list(RHOS), "default": SecurityLevel.rho},
                "w": {"enum": list(WIDTHS), "default": SecurityLevel.w},
                "k": {
                    "description": "parameter of the oblivious transfer (default: from the measured links)",
                    "enum": [*KS, None],
                },
            },
            [],
        ),
        **_trust(),
    }


def _trust() -> Schema:
    fingerprint = {"type": "string", "pattern": "^([Ss][Hh][Aa]256:[0-9A-Fa-f]{64}$|\\$)"}
    pair = {"type": "array", "items": fingerprint, "minItems": 1, "maxItems": MOST_FINGERPRINTS}
    secret = {"type": "string", "anyOf": [{"minLength": LEAST_SECRET}, {"pattern": "^\\$"}]}
    tls = {
        "cert": _text("path of this party's certificate (POLYTUNE_TLS_CERT replaces it)"),
        "key": _text("path of its private key (POLYTUNE_TLS_KEY replaces it)"),
        "min_version": {"enum": list(TLS_VERSIONS), "default": TLS_VERSIONS[0]},
    }
    psk = {
        "description": "secret shared with the other party, or one for each party and null for this one",
        "oneOf": [secret, {"type": "array", "items": _nullable(secret)}],
    }
    return {
        "identities": {
            "description": "fingerprint of each party's certificate, as participants; two while one changes",
            "type": "array",
            "items": {"oneOf": [fingerprint, pair]},
            "minItems": 2,
        },
        "tls": _object(tls, []),
        "auth": _object({"psk": psk}, ["psk"]),
    }


def _consent() -> Schema:
    count: Schema = {"type": "integer", "minimum": 1}
    return {
        "leaders": {
            "description": "who may start a run with this party (default: the leader)",
            "type": "array",
            "items": PARTY,
            "minItems": 1,
            "uniqueItems": True,
        },
        "max_runs": {"description": "runs that this party takes part in", "maximum": MOST_RUNS, **count},
        "per": {"description": "the period of max_runs", "enum": list(PERIODS), "default": Consent.per},
        "min_rows": {"description": "refuse to compute with fewer own rows", **count},
        "ask": _flag("ask before each run, on the terminal or through 'polytune approve'"),
    }


def _input() -> Schema:
    found = _object(
        {
            "db": _database(),
            "file": {"type": "string", "pattern": f"({'|'.join(re.escape(end) for end in FILE_FORMATS)})$"},
            "rows": {"type": "array", "description": "rows as JSON: arrays by position, or objects by name"},
            "literal": {"description": "the value itself, as text of the language or in its JSON form"},
            "query": _text("one statement; a row per element, columns in the order of the tuple"),
            "setup": {"type": ["string", "null"], "description": "statements that run before, without writing"},
            "read_only": {"type": "boolean", "default": True},
            "statement_timeout": {"default": 300.0, **SECONDS},
            "delimiter": {"type": "string", "minLength": 1, "maxLength": 1, "description": "of a CSV file"},
            "header": {"type": "boolean", "description": "the first line of a CSV file names the columns"},
            "encoding": _text("of a CSV or JSON file, utf-8 unless given"),
            "null_values": {"type": "array", "items": {"type": "string"}, "description": "cells that mean NULL"},
            "sort": {"enum": list(SORTS), "default": "auto"},
            "allow_duplicates": _flag("accept join keys that occur more than once"),
            "allow_empty": _flag("accept an input without rows"),
            "max_rows": {"type": "integer", "minimum": 1, "default": 10_000_000},
            "null": _null(),
            "text": _text_rules(),
            "columns": {
                "description": "rules of columns by name or number from 0, or one after the other",
                "oneOf": [
                    {"type": "object", "additionalProperties": _column()},
                    {"type": "array", "items": _nullable(_column())},
                ],
            },
        },
        [],
    )
    return {**found, "anyOf": [{"required": [form, "query"] if form == "db" else [form]} for form in INPUT_FORMS]}


def _value() -> Schema:
    """A value of the language in its JSON form."""
    tagged = {"type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": {"enum": sorted(LITERAL_TAGS)}}
    return {"oneOf": [{"enum": ["True", "False"]}, tagged]}


def _column() -> Schema:
    forms = [rf"{form}:[0-9]+" if form in NUMBERED else form for form in FORMS]
    return _object(
        {
            "as": {"type": "string", "pattern": f"^({'|'.join(forms)})$", "description": "how values are converted"},
            "tz": _text("time zone of timestamps without one"),
            "null": _null(),
            "text": _text_rules(),
        },
        [],
    )


def _null() -> Schema:
    words = {"enum": ["error", "skip_row"]}
    return {"description": "what NULL means", "oneOf": [words, _object({"default": {}}, ["default"])]}


def _text_rules() -> Schema:
    return _object(
        {
            "too_long": {"enum": list(TOO_LONG)},
            "normalize": {"enum": list(NORMALIZE), "description": "Unicode normal form; the same at all parties"},
            "casefold": {"type": "boolean", "description": "ignore case; the same at all parties"},
            "keep_blanks": {"type": "boolean", "description": "keep blanks at the end of CHAR columns"},
        },
        [],
    )


def _outputs() -> Schema:
    forms = [
        {"const": "-", "description": "standard output"},
        _url(),
        _database_output(),
        _file_output(),
        _url_output(),
    ]
    return {"oneOf": [{"type": "null"}, *forms, {"type": "array", "items": {"oneOf": forms}, "minItems": 1}]}


def _database_output() -> Schema:
    return _object(
        {
            "db": _database(),
            "query": _text("one statement that runs for each row; values are $1, $2 ... or ? or :name"),
            "setup": {"type": ["string", "null"], "description": "statements that run once before the rows"},
            "ledger": _flag("note each run in the table polytune_runs, so that none is written twice"),
            **_row_keys(),
        },
        ["db", "query"],
    )


def _file_output() -> Schema:
    return _object(
        {
            "file": _text("path from this file's folder, or - for standard output; replaced as a whole"),
            "format": {"enum": list(FORMATS), "description": "by default from the ending of the name"},
            **_row_keys(),
        },
        ["file"],
    )


def _url() -> Schema:
    return {
        "type": "string",
        "pattern": "^([Hh][Tt][Tt][Pp][Ss]?://|\\$)",
        "description": "gets the result as JSON by POST",
    }


def _url_output() -> Schema:
    return _object(
        {
            "url": _url(),
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "sent with the request",
            },
            "timeout": {"default": UrlOutput.timeout, **SECONDS},
            "ca": _text("file of certificates (PEM) that are trusted instead of the usual ones"),
        },
        ["url"],
    )


def _row_keys() -> Schema:
    return {
        "text": {"enum": list(TEXTS), "default": "auto", "description": "how [u8; N] is written"},
        "keep": {"enum": list(KEEPS), "default": "all", "description": "which rows of a join are written"},
    }


def _database() -> Schema:
    schemes = "|".join(DATABASE_KINDS)
    parts: Schema = {name: _text("") for name in DB_PARTS}
    parts["driver"] = {"enum": list(DATABASE_KINDS)}
    parts["port"] = {"type": "integer", "minimum": 1, "maximum": 65535}
    parts["params"] = {"type": "object"}
    return {"oneOf": [{"type": "string", "pattern": f"^({schemes}|\\$)"}, _object(parts, ["driver"])]}


def _constants() -> Schema:
    forms = [
        _text("a query of one row and one column, or 'True' or 'False'"),
        {"type": ["integer", "boolean"]},
        _object({"rows": {"const": True}}, ["rows"]),
        _object({"max_bytes": {"type": ["integer", "string"]}}, ["max_bytes"]),
        {"type": "object", "maxProperties": 1, "minProperties": 1, "description": "a literal in JSON form"},
    ]
    return {
        "type": "object",
        "description": "public values of this party that the program names as PARTY_<n>::NAME",
        "propertyNames": {"pattern": "^[A-Z_][A-Z0-9_]*$"},
        "additionalProperties": {"anyOf": forms},
        "maxProperties": 1000,
    }


def _object(properties: Schema, required: list[str]) -> Schema:
    members = {name: part if name in required else _or_null(part) for name, part in properties.items()}
    found: Schema = {"type": "object", "properties": members, "patternProperties": {"^x-": True}}
    found["additionalProperties"] = False
    if required:
        found["required"] = required
    return found


def _or_null(part: Schema) -> Schema:
    """What a key may hold that can be left out: null says the same."""
    if "const" in part:
        return {**{key: value for key, value in part.items() if key != "const"}, "enum": [part["const"], None]}
    if "enum" in part:
        return {**part, "enum": list(dict.fromkeys([*part["enum"], None]))}
    if isinstance(part.get("type"), str):
        return {**part, "type": [part["type"], "null"]}
    if "oneOf" in part and {"type": "null"} not in part["oneOf"]:
        return {**part, "oneOf": [*part["oneOf"], {"type": "null"}]}
    return part


def _nullable(found: Schema) -> Schema:
    return {"oneOf": [{"type": "null"}, found]}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description} if description else {"type": "string"}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "default": False, "description": description}


def _limit(name: str, default: Any) -> Schema:
    if name == "spool_dir":
        return _nullable(_text("folder for what peers send beyond their window (default: it waits in memory)"))
    described = {"memory": "bytes that this process may hold; batches are chosen to fit, or the run is refused"}
    text = {"description": described[name]} if name in described else {}
    return {**text, "type": "integer", "minimum": 1, "default": default}


def _seconds(default: Any) -> Schema:
    return {**SECONDS, "default": default} if default is not None else {"type": ["number", "null"]}


def text() -> str:
    """The schema as the text of the file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(text(), end="")
