"""The policy of one party as frozen objects. Texts that may hold secrets do not show in ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.outputs import Output
from engine.policy.consent import Consent
from engine.policy.trust import Trust
from engine.sources import (
    Constant,
    InputSpec,
    LiteralConstant,
    MaxBytes,
    RowCount,
    SqlConstant,
    redact,
)

MIB = 1 << 20


@dataclass(frozen=True)
class ProgramText:
    """The program's source; ``filename`` is the resolved path, or ``<inline>``; ``sha256`` is hex, of the
    exact bytes.
    """

    source: str = field(repr=False)
    filename: str
    sha256: str


@dataclass(frozen=True)
class Timeouts:
    """Seconds; ``run`` is None for no limit on the whole run. ``chunk`` is extended by size / 64 KiB/s."""

    connect: float = 5.0
    tls: float = 5.0
    control: float = 30.0
    join: float = 60.0
    load: float = 600.0
    consts: float = 600.0
    compile: float = 600.0
    chunk: float = 60.0
    peer_lost: float = 600.0
    refused: float = 5.0
    idle: float = 1800.0
    run: float | None = None


@dataclass(frozen=True)
class Limits:
    """Bounds that this party sets; sizes in bytes. ``spool_dir``: where bytes beyond ``window`` wait (None: memory)."""

    rows: int = 10_000_000
    memory: int = 16 * 1024 * MIB
    control: int = MIB
    chunk: int = 4 * MIB
    message: int = 4 * 1024 * MIB
    window: int = 64 * MIB
    connections: int = 64
    concurrent_runs: int = 1
    spool_dir: Path | None = None


#: Levels that there are: what ``rho``, ``w`` and ``k`` of ``security`` may be; w is at least rho + EXTRA_BITS.
RHOS, WIDTHS, KS = (40, 64, 80), (64, 128), (1, 2, 4, 8)
EXTRA_BITS = 6


@dataclass(frozen=True)
class SecurityLevel:
    """Statistical security ``rho``, kept bits ``w`` of a leaky AND, optional fixed ``k`` of the OT
    extension.
    """

    rho: int = 40
    w: int = 64
    k: int | None = None


@dataclass(frozen=True)
class Policy:
    """One party's policy, checked. ``warnings`` are lines for the log (mistakes that do not stop a run)."""

    path: Path
    participants: tuple[str, ...]
    program: ProgramText
    leader: int
    party: int
    output_parties: tuple[int, ...]
    evaluator: int = 0
    input: InputSpec | None = None
    outputs: tuple[Output, ...] = ()
    constants: Mapping[str, Constant] = field(default_factory=dict)
    name: str = ""
    version: int = 1
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    security: SecurityLevel = field(default_factory=SecurityLevel)
    allow_insecure: bool = False
    check_joins: bool = False
    computation_id: str | None = None
    trust: Trust = field(default_factory=Trust)
    consent: Consent = field(default_factory=Consent)
    warnings: tuple[str, ...] = ()

    @property
    def is_leader(self) -> bool:
        """Whether this party leads the run."""
        return self.party == self.leader

    @property
    def receives_output(self) -> bool:
        """Whether this party learns the result."""
        return self.party in self.output_parties

    def redacted_url(self, spec: InputSpec) -> str:
        """The database URL of ``input`` without its password."""
        return redact(spec.db)


__all__ = [
    "Consent",
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
]
