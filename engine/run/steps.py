"""The phases of a run, the same for leader and contributors: load, constants, compile, agree, compute, output.

Each function takes the run as it is and leaves it one state further; log texts are those of service, 1.2.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import PolicyError, SecurityError
from engine.events import CircuitReady, EventSink, Progress
from engine.resources import peak_memory
from engine.run.consent import check_rows
from engine.run.deliver import Outlet
from engine.run.job import FUNCTION, Job
from engine.run.offers import Offer
from engine.run.peers import Peers
from engine.run.probe import measure
from engine.run.record import Run
from engine.run.rowterms import RowTerms, check_terms, own_terms
from engine.run.terms import ENGINE
from engine.transport import Channel
from engine.transport.http import HttpLink
from engine.transport.http.link import Deadlines
from engine.transport.http.wire import PROTOCOL

if TYPE_CHECKING:
    from engine.data import Snapshot
    from engine.garble import Program
    from engine.policy import Policy
    from engine.run.plan import Plan
    from engine.transport.security import Security

log = logging.getLogger("polytune")


@dataclass
class Context:
    """What the phases share. ``outlet`` says how results leave; ``threads`` compute."""

    run: Run
    job: Job
    peers: Peers
    events: EventSink
    outlet: Outlet
    threads: int

    def progress(self, phase: str, done: float) -> None:
        """Tell the sinks that ``done`` (0..1) of ``phase`` is finished."""
        run = self.run
        self.events(Progress(run.party, phase, done, self.peers.sent(), run.inbox.bytes_received))


def load(job: Job, progress: Callable[[float], None]) -> Snapshot:
    """Read own rows and constants in one snapshot; raises DataError or TooFewRows. ``progress`` hears its share."""
    from engine.data import read_snapshot

    policy = job.policy
    spec = policy.input
    if spec is not None:
        log.info("Connecting to input db at %s..." if spec.db else "Reading input from %s...", spec.label)
    progress(0.0)
    snapshot = read_snapshot(policy, job.declared, progress)
    check_rows(policy, snapshot.rows.count)
    progress(1.0)
    for warning in snapshot.warnings:
        log.warning("%s", warning)
    if spec is not None and spec.db:
        log.info("'%s' returned %d rows from %s", snapshot.query, snapshot.rows.count, snapshot.database)
    elif spec is not None:
        log.info("%d rows from %s", snapshot.rows.count, snapshot.database)
    return snapshot


# -- constants -------------------------------------------------------------------------------------------------------


def own_offer(context: Context, snapshot: Snapshot) -> Offer:
    """What this party offers now, and how it makes bytes of its texts.

    Links are measured unless k is fixed: nothing else depends on them.
    """
    run, policy = context.run, context.job.policy
    links = {} if run.proposal["security"]["k"] else measure(run, context.peers)
    return replace(Offer.own(policy.limits, context.threads, links), rows=own_terms(context.job, snapshot))


def exchange_constants(context: Context, snapshot: Snapshot) -> None:
    """Send own constants and the own offer to all, wait for theirs (exactly n sets), check the types."""
    run, peers, job = context.run, context.peers, context.job
    context.progress("constants", 0.0)
    offer = own_offer(context, snapshot)
    table = {name: {"type": str(job.declared[name]), "value": value} for name, value in snapshot.constants.items()}
    run.put_constants(run.party, table, offer)
    body = {"run_id": run.run_id, "consts": table, "offer": offer.to_json()}
    join = job.policy.timeouts.join
    run.disclosed = True

    def send(peer: int) -> None:
        log.info("Sending constants to party %s", peers.url(peer))
        peers.ask(run, peer, f"consts/{run.party}", body, join)

    peers.each(run, send)
    context.progress("constants", 0.5)
    _log_missing(run)
    run.wait(
        lambda: len(run.constants) == run.parties,
        job.policy.timeouts.consts,
        lambda: (
            f"no constants from {_parties(set(run.others) - set(run.constants))} within "
            f"{job.policy.timeouts.consts:g} s"
        ),
    )
    for peer in run.others:
        check_constants(job, peer, run.constants[peer])
    for warning in check_terms(job, row_terms(run)):
        log.warning("%s", warning)
    run.enter("CONSTS")
    context.progress("constants", 1.0)


def row_terms(run: Run) -> dict[int, RowTerms]:
    """How each party makes bytes of its texts."""
    return {party: run.offers[party].rows for party in range(run.parties)}


def _log_missing(run: Run) -> None:
    missing = run.parties - len(run.constants)
    if missing:
        names = ", ".join(f'"PARTY_{p}"' for p in sorted(run.constants))
        log.info("Constants missing from %d parties, received constants from [%s]", missing, names)


def _parties(numbers: set[int]) -> str:
    return ", ".join(f"party {p}" for p in sorted(numbers)) or "no party"


def check_constants(job: Job, peer: int, given: dict[str, dict[str, Any]]) -> None:
    """Hold another party's constants against what the program declares; raises SecurityError."""
    needed = job.needed.get(peer, {})
    for name, type_ in needed.items():
        item = given.get(name)
        if item is None:
            raise SecurityError(f"party {peer} sent no constant {name}, which the program needs")
        value = item["value"]
        if item["type"] != str(type_) or isinstance(value, bool) != (str(type_) == "bool"):
            raise SecurityError(f"party {peer} sent constant {name} as {item['type'][:20]}, the program says {type_}")
        low, high = getattr(type_, "minimum", 0), getattr(type_, "maximum", 1)
        if not low <= value <= high:
            raise SecurityError(f"party {peer} sent constant {name} out of the range of {type_}")
    extra = sorted(set(given) - set(needed))
    if extra:
        raise SecurityError(f"party {peer} sent constants that the program does not name: {', '.join(extra[:5])}")


# -- compile ---------------------------------------------------------------------------------------------------------


def compile_circuit(context: Context) -> Program:
    """Compile the program with all constants into the circuit that every party gets."""
    run, job = context.run, context.job
    context.progress("compile", 0.0)
    constants = {
        f"PARTY_{p}": {name: item["value"] for name, item in run.constants[p].items()} for p in range(run.parties)
    }
    log.info("Compiling circuit with the following constants:")
    for owner, table in constants.items():
        for name, value in table.items():
            log.info("%s::%s: %s", owner, name, str(value).lower() if isinstance(value, bool) else value)
    started = time.monotonic()
    program: Program = job.program.compile(FUNCTION, constants, check_joins=job.policy.check_joins)
    if program.parties != run.parties:
        raise PolicyError(f"main takes {program.parties} inputs but there are {run.parties} participants")
    circuit = program.circuit
    context.progress("compile", 0.7)
    circuit.plan()  # made once, used by the protocol; counted here because it belongs to compiling
    context.events(CircuitReady(run.party, int(circuit.and_gates), int(circuit.gates)))
    log.debug("compiled in %.2f s", time.monotonic() - started)
    run.enter("COMPILED")
    context.progress("compile", 1.0)
    return program


def plan_protocol(context: Context, program: Program) -> Plan:
    """The parameters that follow from everybody's offers; raises MemoryExceeded when somebody's are too small."""
    from engine.mpc.memory import CircuitSize
    from engine.run.plan import Wanted, make_plan

    run, level = context.run, context.run.proposal["security"]
    size = CircuitSize.of(program.circuit)
    evaluator = context.job.policy.evaluator
    plan = make_plan(Wanted(level["rho"], level["w"], level["k"], evaluator, size), run.offers)
    log.debug("parameters of the protocol: %s", plan)
    return plan


# -- agree -----------------------------------------------------------------------------------------------------------


def known_as(run: Run, policy: Policy) -> list[str]:
    """What the parties are to the protocol: their certificates in this run, or their URLs when none are pinned."""
    return list(run.proposal.get("identities") or policy.participants)


def summary(context: Context, program: Program, plan: Plan) -> dict[str, Any]:
    """Everything that all parties must see alike, without rows and secrets."""
    run, policy = context.run, context.job.policy
    proposal = run.proposal
    parameters = ", ".join(f"{name}: {type_}" for name, type_ in zip(program.parameter_names, program.parameter_types))
    circuit = program.circuit
    return {
        "run_id": run.run_id,
        "protocol": PROTOCOL,
        "engine": ENGINE,
        "participants": known_as(run, policy),
        "leader": policy.leader,
        "output_parties": sorted(policy.output_parties),
        "evaluator": policy.evaluator,
        "program_hash": f"sha256:{policy.program.sha256}",
        "security": {name: proposal["security"][name] for name in ("rho", "w")},
        "check_joins": policy.check_joins,
        "constants": {f"PARTY_{p}": run.constants[p] for p in range(run.parties)},
        "offers": {f"PARTY_{p}": run.offers[p].to_json() for p in range(run.parties)},
        "parameters": plan.to_json(),
        "signature": f"{FUNCTION}({parameters}) -> {program.result_type}",
        "circuit": {
            "digest": circuit_digest(circuit, policy).hex(),
            "and_gates": int(circuit.and_gates),
            "gates": int(circuit.gates),
        },
    }


def circuit_digest(circuit: Any, policy: Any) -> bytes:
    """Digest of the gate list with owners and receivers (protocol, 9.1: the evaluator is protocol party 0)."""
    evaluator = policy.evaluator
    indices = [0 if p == evaluator else p + (p < evaluator) for p in range(len(policy.participants))]
    owners = np.repeat(np.array(indices, np.uint16), np.array(circuit.input_bits, np.int64))
    digest: bytes = circuit.digest(owners, sorted(indices[p] for p in policy.output_parties))
    return digest


def agree(context: Context, program: Program, plan: Plan) -> None:
    """Compare digests with every other party, then wait until all have done the same."""
    run, peers = context.run, context.peers
    context.progress("agree", 0.0)
    run.set_summary(summary(context, program, plan))
    seconds = context.job.policy.timeouts.compile
    body = {"run_id": run.run_id, "stage": "agree", "digest": run.own_digest, "summary": run.summary}

    def compare(peer: int) -> None:
        reply = peers.ask(run, peer, "sync", body, seconds)
        run.put_agreement(peer, str(reply.body.get("digest"))[:100], None)
        run.compare(peer)

    peers.each(run, compare)
    check_certificates(run, peers.security)
    run.enter("AGREED")
    context.progress("agree", 0.5)
    body = {"run_id": run.run_id, "stage": "ready"}
    peers.each(run, lambda peer: peers.ask(run, peer, "sync", body, seconds))
    run.enter("READY")
    context.progress("agree", 1.0)


def check_certificates(run: Run, security: Security) -> None:
    """Every peer must show us the certificate under which all know it in this run; raises SecurityError.

    While a party changes its certificate both are accepted; but not one of them here and the other there.
    """
    known = run.proposal.get("identities") or ()
    for peer, expected in enumerate(known):
        shown = security.presented.get(peer, expected)
        if shown != expected:
            raise SecurityError(
                f"party {peer} presented {shown}, but the leader knows it by {expected}",
                f"somebody uses the other certificate of party {peer}; take the old one out of 'identities'",
                code="identity_mismatch",
            )


# -- compute ---------------------------------------------------------------------------------------------------------


def open_channel(context: Context, plan: Plan) -> Channel:
    """The channel of the run; its link runs from now on."""
    run, policy = context.run, context.job.policy
    timeouts, limits = policy.timeouts, policy.limits
    run.link = HttpLink(
        run.party,
        policy.participants,
        run.run_id,
        run.inbox,
        chunk=plan.chunk,
        window=limits.window,
        deadlines=Deadlines(timeouts.connect, timeouts.chunk, timeouts.peer_lost, timeouts.refused, timeouts.idle),
        owner_tells=True,
        security=context.peers.security,
    )
    channel = Channel(run.party, run.parties, run.link, run.inbox, timeout=timeouts.idle)
    run.stats = channel.stats
    return channel


def compute(context: Context, program: Program, plan: Plan, bits: np.ndarray) -> np.ndarray | None:
    """The protocol: output bits, or None for a party that learns nothing."""
    from engine.mpc import run_mpc

    run, policy = context.run, context.job.policy
    circuit = program.circuit
    log.info(
        "Trying to execute circuit with %.2fM instructions  (%.2fM AND ops)",
        circuit.gates / 1e6,
        circuit.and_gates / 1e6,
    )
    run.enter("RUNNING")
    channel = open_channel(context, plan)
    level = run.proposal["security"]
    started = time.monotonic()
    result = run_mpc(
        channel,
        circuit,
        bits,
        party=run.party,
        parties=run.parties,
        evaluator=policy.evaluator,
        output_parties=tuple(sorted(policy.output_parties)),
        session=run.digest,
        events=context.events,
        identities=known_as(run, policy),
        rho=level["rho"],
        w=level["w"],
        k=plan.k,
        batch=plan.batch,
        segment=plan.segment,
        threads=context.threads,
    )
    channel.flush()
    log.info(
        "MPC computation for party %d took %s. Peak memory: %d MB",
        run.party,
        duration(time.monotonic() - started),
        peak_memory() // 1_000_000,
    )
    return result


def duration(seconds: float) -> str:
    """``0 hour(s), 0 minute(s), 7 second(s)``."""
    whole = int(seconds)
    return f"{whole // 3600} hour(s), {whole // 60 % 60} minute(s), {whole % 60} second(s)"
