"""Policy files: what one party agrees to compute, with whom, and where its rows and results live.

``load_policy(path, environ=None) -> Policy`` is the way in; ``redact(url)`` hides passwords in a text to be
shown.
"""

from __future__ import annotations

from engine.policy.envfile import read_env_file
from engine.policy.load import load_policy
from engine.policy.model import (
    Constant,
    InputSpec,
    Limits,
    LiteralConstant,
    MaxBytes,
    Output,
    Policy,
    ProgramText,
    RowCount,
    SecurityLevel,
    SqlConstant,
    Timeouts,
)
from engine.policy.urls import is_loopback, normalise_participant, redact

__all__ = [
    "Constant",
    "InputSpec",
    "Limits",
    "LiteralConstant",
    "MaxBytes",
    "Output",
    "Policy",
    "ProgramText",
    "RowCount",
    "SecurityLevel",
    "SqlConstant",
    "Timeouts",
    "is_loopback",
    "load_policy",
    "normalise_participant",
    "read_env_file",
    "redact",
]
