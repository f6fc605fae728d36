"""The end of a run for a party that learns the result: outputs tried out before the protocol, written after it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from engine.errors import PolytuneError, SecurityError
from engine.outputs import UrlOutput
from engine.policy import Policy, is_loopback

if TYPE_CHECKING:
    import numpy as np

    from engine.data import Result
    from engine.garble import Program
    from engine.run.steps import Context
    from engine.values import Type

log = logging.getLogger("polytune")
#: Share of the phase "output" that the protocol takes.
OPENED = 0.7


@dataclass(frozen=True)
class Outlet:
    """How this process delivers results: ``state_dir`` keeps those that could not be written, ``stdout`` is where an
    output ``"-"`` goes (None: the process's own), ``strict`` makes warnings of the check errors, ``stop`` set calls
    writing off.
    """

    state_dir: str
    stdout: IO[bytes] | None = None
    strict: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    #: For every run whose result is being written, a function that saves it and tells where.
    writing: dict[str, Callable[[], str]] = field(default_factory=dict)


def preflight(policy: Policy, result_type: Type, *, strict: bool = False) -> None:
    """Try the outputs before the protocol starts; raises DataError."""
    from engine.data import check_outputs

    if policy.receives_output:
        check_outputs(policy.outputs, result_type, strict=strict)


def check_urls(policy: Policy, allowed: bool) -> list[str]:
    """The rule for plain HTTP (service, 6.4) holds for results too: https, loopback, or allowed by name.

    Returns warnings for the log; raises SecurityError (exit 5).
    """
    for output in policy.outputs if policy.receives_output else ():
        if (
            isinstance(output, UrlOutput)
            and urlsplit(output.url).scheme.lower() == "http"
            and not is_loopback(output.url)
        ):
            text = f"{output.label} uses plain http outside loopback"
            if allowed:
                return [f"INSECURE: {text}; whoever is on the network can read the result"]
            raise SecurityError(
                f"{text}; use https, or --allow-insecure", "the result would travel readable", code="insecure_transport"
            )
    return []


def report(policy: Policy, run_id: str, error: PolytuneError) -> None:
    """Tell the URLs among the outputs that there is no result."""
    from engine.data import report_failure

    if policy.receives_output:
        report_failure(policy.outputs, error.message, run_id)


def deliver(context: Context, program: Program, bits: np.ndarray) -> Result:
    """Open the output bits and write the result; returns it. Raises GarblePanic, DataError or ResourceError."""
    from engine.data import Result

    context.progress("output", OPENED)
    result = Result(program.result_type, program.value_bits(bits))
    write_result(
        context.job.policy,
        context.outlet,
        result,
        context.run.run_id,
        lambda done: context.progress("output", OPENED + (1 - OPENED) * done),
    )
    context.progress("output", 1.0)
    return result


def write_result(
    policy: Policy,
    outlet: Outlet,
    result: Result,
    run_id: str,
    progress: Callable[[float], None] = lambda done: None,
) -> None:
    """Write a result to the outputs of a policy; raises DataError or ResourceError, which name the recovery file."""
    from engine.data import Delivery, keep_result, write_outputs

    if not policy.outputs:
        log.info("MPC Output: %d rows", len(result))
        log.warning("No 'output' and/or 'output_db' specified in the policy, dropping %d rows", len(result))
        return
    delivery = Delivery(run_id, outlet.state_dir, str(policy.path), outlet.stdout, progress, outlet.stop)
    outlet.writing[run_id] = lambda: keep_result(policy.outputs, result, delivery)
    try:
        log.info("MPC Output: %d rows", write_outputs(policy.outputs, result, delivery))
    finally:
        del outlet.writing[run_id]
