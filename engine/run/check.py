"""Everything that one party can know before a run, found with the functions of ``serve``; nothing is changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine import redaction
from engine.errors import GarbleError, PolicyError, PolytuneError
from engine.policy import Policy
from engine.run import steps
from engine.run.credentials import open_security
from engine.run.deliver import check_urls, preflight
from engine.run.disclosure import Disclosure, disclosure
from engine.run.greeting import Greeting, greet
from engine.run.job import FUNCTION, Job, check_transport, prepare
from engine.run.own_input import encode_input
from engine.run.peers import Peers
from engine.transport.security import Security

if TYPE_CHECKING:
    from engine.garble import Signature

OK, NOTE, WARNING, FAILED = "ok", "note", "warning", "failed"
Values = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One line of the report, without secrets. ``status``: ok, note, warning, failed; ``about``: what was looked at."""

    about: str
    status: str
    message: str
    hint: str = ""
    exit_code: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", redaction.clean(self.message))
        object.__setattr__(self, "hint", redaction.clean(self.hint))


@dataclass
class Report:
    """What was found. ``policy`` and ``disclosed`` are None when a policy or program could not be used."""

    findings: list[Finding] = field(default_factory=list)
    policy: Policy | None = None
    disclosed: Disclosure | None = None

    @property
    def exit_code(self) -> int:
        """That of the first problem, which is the one that would stop ``serve``; 0 without any."""
        return next((finding.exit_code for finding in self.findings if finding.status == FAILED), 0)

    def add(self, about: str, status: str, message: str, hint: str = "") -> None:
        """Add a line that is no problem."""
        self.findings.append(Finding(about, status, message, hint))

    def problem(self, about: str, error: PolytuneError) -> None:
        """Add what an error says; a policy with several mistakes has a line for each."""
        lines = [error.message]
        if isinstance(error, PolicyError) and len(error.problems) > 1:
            lines = list(error.problems)
        for line in lines:
            finding = Finding(about, FAILED, line, error.hint, error.exit_code)
            if finding not in self.findings:
                self.findings.append(finding)


@contextmanager
def trying(report: Report, about: str) -> Iterator[None]:
    """Errors inside become problems of the report; what a run would log becomes notes and warnings."""
    heard = _Heard()
    logger = logging.getLogger("polytune")
    before, passing = logger.level, logger.propagate
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    found: PolytuneError | None = None
    try:
        yield
    except PolytuneError as error:
        found = error
    finally:
        logger.removeHandler(heard)
        logger.setLevel(before)
        logger.propagate = passing
    for level, line in heard.lines:
        report.add(about, WARNING if level >= logging.WARNING else NOTE, line)
    if found is not None:
        report.problem(about, found)


class _Heard(logging.Handler):
    """Keeps the lines of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append((record.levelno, record.getMessage()))


def check_party(
    load: Callable[[], Policy],
    *,
    address: str = "127.0.0.1",
    allow_insecure: bool = False,
    database: bool = False,
    peers: bool = False,
    constants: Values | None = None,
) -> Report:
    """Check the policy that ``load`` gives, and on request its ``database`` and its ``peers``.

    Errors are in the report, never raised.

    ``constants``: party name -> name -> value, of other parties, where a type depends on them. Where it is not given,
    the own constant of the same name is taken, else 1: only a run can know.
    """
    report = Report()
    with trying(report, "policy"):
        policy = report.policy = load()
        role = "leads" if policy.is_leader else f"contributes; party {policy.leader} leads"
        report.add("policy", OK, f"party {policy.party} of {len(policy.participants)}, {role}")
        if str(policy.consent):
            report.add("consent", NOTE, f"takes part in runs {policy.consent}")
        for warning in policy.warnings:
            report.add("policy", WARNING, warning)
    if report.policy is None:
        return report
    policy, job = report.policy, None
    with trying(report, "program"):
        job = prepare(policy)
        report.add("program", OK, f"{policy.program.filename}: your parameter is {job.schema}")
    with trying(report, "transport"):
        allowed = allow_insecure or policy.allow_insecure
        warnings = check_transport(policy, address, allowed) + check_urls(policy, allowed)
        for warning in warnings:
            report.add("transport", WARNING, warning)
        if not warnings:
            report.add("transport", OK, _transport(policy))
    security = None
    if policy.trust.tls is not None:
        with trying(report, "keys"):
            security = open_security(policy)
            _check_keys(report, security)
    else:
        security = open_security(policy)
    if peers and security is not None:
        _check_peers(report, policy, security)
    if job is not None:
        _check_data(report, job, constants or {}, database)
    return report


def _transport(policy: Policy) -> str:
    if all(url.startswith("https:") for url in policy.participants):
        return "TLS between all parties"
    return "plain http, on this machine only"


def _check_keys(report: Report, security: Security) -> None:
    own = security.credentials
    assert own is not None
    for warning in own.warnings:
        report.add("keys", WARNING, warning)
    certificate = own.certificate
    ends = f"{certificate.validity.end:%Y-%m-%d}"
    report.add("keys", OK, f"{certificate.path}: {certificate.fingerprint}, valid until {ends}")


# -- the other parties -----------------------------------------------------------------------------------------------


def _check_peers(report: Report, policy: Policy, security: Security) -> None:
    client = Peers(policy, "check", security)
    with ThreadPoolExecutor(max_workers=len(client.others)) as pool:
        greetings = list(pool.map(lambda peer: greet(client, peer), client.others))
    for greeting in greetings:
        about, url = f"party {greeting.peer}", client.url(greeting.peer)
        if greeting.ok:
            version = f" (polytune {greeting.package})" if greeting.package else ""
            report.add(about, OK, f"{url} answers{version}")
        else:
            report.findings.append(Finding(about, FAILED, f"{url}: {_peer_problem(greeting)}", "", greeting.exit_code))


def _peer_problem(greeting: Greeting) -> str:
    short = {
        "refused": "refused: nobody listens there",
        "timeout": "timeout: no answer",
        "stranger": "something answers that is not a polytune party",
    }
    return short.get(greeting.status, greeting.problem)


# -- program, input and output ---------------------------------------------------------------------------------------


def _check_data(report: Report, job: Job, given: Values, database: bool) -> None:
    """Types with the constants as far as they are known; with ``database`` rows, constants and output."""
    policy = job.policy
    snapshot, signature = None, None
    values: dict[str, int | bool] = {}
    assumed: list[str] = []
    with trying(report, "constants"):
        values = _literals(job)
    if database and (policy.input is not None or job.declared):
        with trying(report, "input"):
            snapshot = steps.load(job, lambda done: None)
            values = dict(snapshot.constants)
    named = {f"PARTY_{party}::{name}" for party, needed in job.needed.items() for name in needed}
    for text in sorted({f"{owner}::{name}" for owner, table in given.items() for name in table} - named):
        report.add("constants", WARNING, f"the program names no {text}; this --const is ignored")
    with trying(report, "program"):
        signature, assumed = _signature(job, values, given)
        _check_needs_input(job, signature)
    if database and policy.input is not None:
        with trying(report, "input"):
            _check_input(report, job, signature, snapshot)
        if assumed and snapshot is not None:
            text = ", ".join(assumed)
            report.add("constants", NOTE, f"assumed of other parties: {text} (--const gives other values)")
    if database and signature is not None and policy.receives_output and policy.outputs:
        with trying(report, "output"):
            preflight(policy, signature.result_type)
            report.add("output", OK, "the result can be written (tried out, nothing was changed)")
    result = str(signature.result_type) if signature is not None and not assumed else _result_text(job)
    report.disclosed = disclosure(job, values, result)


def _literals(job: Job) -> dict[str, int | bool]:
    """Values of the own constants that stand in the policy."""
    from engine.data.constants import of_literal
    from engine.sources import LiteralConstant

    constants = job.policy.constants
    return {
        name: of_literal(name, constant, type_)
        for name, type_ in job.declared.items()
        if isinstance(constant := constants[name], LiteralConstant)
    }


def _signature(job: Job, own: Mapping[str, int | bool], given: Values) -> tuple[Signature | None, list[str]]:
    """Types for the own values and those ``given`` for others, and the constants that had to be assumed.

    None when the assumed ones make no sense; only a run can know then.
    """
    consts: dict[str, dict[str, Any]] = {}
    assumed: list[str] = []
    for party, needed in job.needed.items():
        owner = f"PARTY_{party}"
        table = consts[owner] = dict(given.get(owner, {}))
        if party == job.policy.party:
            table |= own
        for name, type_ in needed.items():
            if name not in table:
                same = name in own and str(job.declared[name]) == str(type_)
                table[name] = own[name] if same else str(type_) != "bool" and 1
                assumed.append(f"{owner}::{name} = {str(table[name]).lower()}")
    try:
        return job.program.signature(FUNCTION, consts), assumed
    except GarbleError:
        if not assumed:
            raise
        return None, assumed


def _check_needs_input(job: Job, signature: Signature | None) -> None:
    party = job.policy.party
    if signature is None or job.policy.input is not None:
        return
    if party < len(signature.parameter_types) and signature.parameter_types[party].bits:
        name = signature.parameter_names[party]
        raise PolicyError(
            f"the policy has no input, but parameter '{name}' of party {party} needs one",
            hint="add 'input' to the policy",
        )


def _check_input(report: Report, job: Job, signature: Signature | None, snapshot: Any) -> None:
    """Columns without rows where reading failed or no type is known; else the full conversion."""
    from engine.data import check_columns, query_columns

    spec, party = job.policy.input, job.policy.party
    assert spec is not None
    columns = snapshot.rows.columns if snapshot is not None else query_columns(spec) if spec.db else ()
    if columns:
        report.add("input", NOTE, "columns: " + ", ".join(f'"{item.name}" ({item.type_name})' for item in columns))
    if signature is None:
        return
    if columns:
        check_columns(columns, signature.parameter_types[party], signature.parameter_names[party])
    if snapshot is not None:
        encode_input(job, signature, snapshot)
        count = snapshot.rows.count
        what = "1 row becomes" if count == 1 else f"{count} rows become" if columns else f"{spec.label} becomes"
        report.add("input", OK, f"{what} {signature.parameter_types[party]}")


def _result_text(job: Job) -> str:
    from engine.garble.types import show

    return show(job.program.function(FUNCTION).result)


__all__ = ["FAILED", "NOTE", "OK", "WARNING", "Finding", "Report", "check_party"]
