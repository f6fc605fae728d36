"""The whole job of all parties in one process and without encryption: for test data, where one may see everything."""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import PolicyError, PolytuneError, SecurityError
from engine.run.deliver import Outlet, preflight, write_result
from engine.run.job import FUNCTION, Job
from engine.run.own_input import encode_input
from engine.run.rowterms import check_terms, own_terms
from engine.run.steps import load
from engine.run.terms import differences, proposal

if TYPE_CHECKING:
    from engine.data import Result, Snapshot

log = logging.getLogger("polytune")
Constants = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class PlainJob:
    """The jobs of all parties in order, with what each of them has read."""

    jobs: tuple[Job, ...]
    snapshots: tuple[Snapshot, ...]

    @property
    def constants(self) -> Constants:
        """Party name -> constants."""
        return {f"PARTY_{job.policy.party}": dict(read.constants) for job, read in zip(self.jobs, self.snapshots)}

    def check_outputs(self, strict: bool = False) -> list[tuple[int, str]]:
        """Try all outputs of the parties that receive the result; (party, target) of each. Raises DataError."""
        result_type = self.jobs[0].program.signature(FUNCTION, self.constants).result_type
        found = []
        for job in self.jobs:
            preflight(job.policy, result_type, strict=strict)
            if job.policy.receives_output:
                found += [(job.policy.party, output.target) for output in job.policy.outputs]
        return found

    def evaluate(self) -> Result:
        """The result; raises GarblePanic, GarbleError or DataError."""
        from engine.data import Result

        first = self.jobs[0]
        program = first.program.compile(FUNCTION, self.constants, check_joins=first.policy.check_joins)
        if program.parties != len(self.jobs):
            raise PolicyError(f"main takes {program.parties} inputs but there are {len(self.jobs)} participants")
        check_terms(first, {job.policy.party: own_terms(job, read) for job, read in zip(self.jobs, self.snapshots)})
        key = secrets.token_bytes(32)
        inputs = [encode_input(job, program, read, key) for job, read in zip(self.jobs, self.snapshots)]
        return Result(program.result_type, program.value_bits(program.circuit.evaluate(inputs)))

    def write(self, result: Result, outlet: Outlet) -> None:
        """Write the result to the outputs of all parties that receive it; raises DataError or ResourceError."""
        run_id, failed = str(uuid.uuid4()), None
        for job in self.jobs:
            if job.policy.receives_output:
                log.info("output of party %d:", job.policy.party)
                try:
                    write_result(job.policy, outlet, result, run_id)
                except PolytuneError as error:
                    log.error("party %d: %s", job.policy.party, error.message)
                    failed = failed or error
        if failed is not None:
            raise failed


def read_all(jobs: Sequence[Job]) -> PlainJob:
    """Check that the policies fit each other as those of a run, and read everybody's rows and constants.

    Raises PolicyError when a party is missing, SecurityError (as a refusal is) when policies differ, DataError.
    """
    ordered = tuple(sorted(jobs, key=lambda job: job.policy.party))
    _check_complete(ordered)
    lead = next(job for job in ordered if job.policy.is_leader)
    offered = proposal(lead.policy, "", "", lead.schema)
    for job in ordered:
        found = differences(job.policy, offered, job.schemas[lead.policy.party])
        if found:
            party = job.policy.party
            raise SecurityError(f"party {party} would refuse: {'; '.join(map(str, found))}", found[0].hint)
    return PlainJob(ordered, tuple(load(job, lambda done: None) for job in ordered))


def _check_complete(ordered: Sequence[Job]) -> None:
    count = len(ordered[0].policy.participants)
    given = [job.policy.party for job in ordered]
    twice = sorted({party for party in given if given.count(party) > 1})
    missing = [party for party in range(count) if party not in given]
    hint = "give --config for the policy of every party, each once"
    if twice:
        raise PolicyError(f"two policies are those of party {twice[0]}", hint=hint)
    if missing:
        raise PolicyError(f"the policy of party {missing[0]} is missing (there are {count} participants)", hint=hint)
    leader = ordered[0].policy.leader
    if leader >= len(ordered) or not ordered[leader].policy.is_leader:
        raise SecurityError(f"the parties do not agree on the leader: party {leader} does not think it leads")
