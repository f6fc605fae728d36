"""The error tree of the engine.

Every error that a user can see is a :class:`PolytuneError`: ``message`` says what happened and where, ``hint``
(may be empty) says what to do next, ``code`` is the machine-readable name that also travels between parties, and
``exit_code`` is the number from the table in the documentation (1 run failed, 2 usage, 3 policy or program, 4 data,
5 security, 6 local resource). No message ever holds a secret, a row or a result.
"""

from __future__ import annotations

from collections.abc import Sequence


class PolytuneError(Exception):
    """Base of all errors that are shown to a user as one line and a hint."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(PolytuneError):
    """The command line cannot be understood (exit 2)."""

    code = "usage"
    exit_code = 2


class PolicyError(PolytuneError):
    """The policy file is not valid (exit 3); ``problems`` lists every mistake, each with its JSON path."""

    code = "policy"
    exit_code = 3

    def __init__(self, message: str, problems: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class GarbleError(PolytuneError):
    """A program or a literal was rejected (exit 3; literals of a command 4).

    ``category`` is one of scan, parse, type, compile, input; ``diagnostics`` a list of (line, column, message), both
    counted from 1 (0 where there is no position); ``str()`` the rendered form with source excerpts.
    """

    code = "program"
    exit_code = 3

    def __init__(self, category: str, diagnostics: Sequence[tuple[int, int, str]], rendered: str) -> None:
        super().__init__(rendered)
        self.category = category
        self.diagnostics = list(diagnostics)


class GarblePanic(PolytuneError):
    """The program panicked: ``reason`` is Overflow, DivByZero, OutOfBounds or JoinOrder; position counted from 1."""

    code = "panic"
    exit_code = 1

    def __init__(self, reason: str, line: int, column: int, rendered: str = "") -> None:
        super().__init__(rendered or f"program panicked: {PANIC_TEXTS.get(reason, reason)} at line {line}")
        self.reason = reason
        self.line = line
        self.column = column


PANIC_TEXTS = {
    "Overflow": "Overflow",
    "DivByZero": "Division By Zero",
    "OutOfBounds": "Array Access Out Of Bounds",
    "JoinOrder": "Join Input Not Strictly Ascending",
}


class DataError(PolytuneError):
    """A database or a row cannot be used (exit 4)."""

    code = "data"
    exit_code = 4


class RunError(PolytuneError):
    """A run was refused or ended early: a party is missing, was lost, or a deadline passed (exit 1)."""

    code = "run"
    exit_code = 1


class PeerLost(RunError):
    """A party stopped answering during a run."""

    code = "peer_lost"

    def __init__(self, party: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.party = party


class PeerAborted(RunError):
    """Another party ended the run and said so."""

    code = "peer_aborted"

    def __init__(self, party: int, reason: str, *, security: bool = False, memory: bool = False) -> None:
        super().__init__(f"party {party} aborted the run: {reason}")
        self.party = party
        self.reason = reason
        if security or memory:
            self.exit_code = 5 if security else 6


class Timeout(RunError):
    """A wait passed its deadline; names the phase and the party that was waited for."""

    code = "timeout"

    def __init__(self, phase: str, party: int, seconds: float) -> None:
        super().__init__(
            f"no {phase} message from party {party} within {seconds:g} s",
            "check that the other party is alive and reachable, or raise timeouts.idle on all sides",
        )
        self.phase = phase
        self.party = party


class SecurityError(PolytuneError):
    """Something that must not be ignored for the sake of the data: the run ends (exit 5)."""

    code = "security"
    exit_code = 5


class ConsentMismatch(SecurityError):
    """Two parties did not agree to the same run; the message lists the differing fields."""

    code = "consent_mismatch"


class ProtocolAbort(SecurityError):
    """The protocol ended because of a failed check or a message that must not exist.

    ``phase`` names the step, ``party`` the sender where it can be known (else -1), ``check`` the rule that failed. The
    text never says which bit, triple or gate it was.
    """

    code = "protocol_abort"

    def __init__(self, phase: str, check: str, party: int = -1) -> None:
        who = f"party {party}" if party >= 0 else "a party"
        super().__init__(
            f"{who} sent an inconsistent message in phase {phase}: {check}; aborting",
            "nothing was revealed; find out why before you run again with the same parties",
        )
        self.phase = phase
        self.check = check
        self.party = party


class CheatingDetected(ProtocolAbort):
    """A cryptographic check failed: somebody deviated from the protocol."""

    code = "cheating"


class MalformedMessage(ProtocolAbort):
    """A message has a wrong header, length or padding, or comes when it must not."""

    code = "malformed"


class ResourceError(PolytuneError):
    """A local resource is missing: port, disk, memory, permission (exit 6)."""

    code = "resource"
    exit_code = 6


class MemoryExceeded(ResourceError):
    """The memory that a party offers is too small for the circuit; every party finds it, before the protocol."""

    code = "memory"
