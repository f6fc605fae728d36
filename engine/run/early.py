"""What the leader can find wrong with its own side before it asks anybody to join (service, section 1.3).

The others are not bothered, and learn nothing, when the rows of the leader do not fit or its output cannot be written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.errors import GarbleError
from engine.run.deliver import preflight
from engine.run.job import FUNCTION, Job
from engine.run.own_input import convert_input

if TYPE_CHECKING:
    from engine.data import Snapshot
    from engine.garble import Signature
    from engine.values import Type

#: Values of other parties' constants; a type that is the same for all of them does not depend on them.
_GUESSES = (1, 2, 1009)


def check_own_side(job: Job, snapshot: Snapshot, *, strict: bool) -> bool:
    """Convert the own rows and try the outputs, as far as their types are known without the other parties' constants.

    Returns whether the outputs were tried. Raises DataError.
    """
    signatures = [_signature(job, snapshot.constants, guess) for guess in _GUESSES]
    known = [signature for signature in signatures if signature is not None]
    if len(known) < len(signatures):
        return False
    party = job.policy.party
    if _same([signature.parameter_types[party] for signature in known]):
        convert_input(job, known[0], snapshot)
    if not _same([signature.result_type for signature in known]):
        return False
    preflight(job.policy, known[0].result_type, strict=strict)
    return True


def _signature(job: Job, own: Mapping[str, int | bool], guess: int) -> Signature | None:
    """Types of the program when all constants of others are ``guess`` (odd: true); None if that makes no sense."""
    consts = {
        f"PARTY_{party}": {name: guess % 2 == 1 if str(type) == "bool" else guess for name, type in needed.items()}
        for party, needed in job.needed.items()
    }
    consts[f"PARTY_{job.policy.party}"] = dict(own)
    try:
        return job.program.signature(FUNCTION, consts)
    except GarbleError:
        return None


def _same(types: list[Type]) -> bool:
    return all(type == types[0] for type in types)
