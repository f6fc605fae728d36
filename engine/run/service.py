"""One party as its peers see it: answers ``/version`` and the requests of a run, and finds inboxes.

Pure request handling: no sockets, no web framework. Errors are ApiError; the texts say nothing private.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from engine.errors import MemoryExceeded, PeerAborted, ResourceError, SecurityError
from engine.policy import Policy
from engine.run.audit import Audit
from engine.run.consent import Gate
from engine.run.ledger import REMEMBERED, Ledger
from engine.run.offers import parse_offer
from engine.run.record import Constants, Run
from engine.run.terms import ENGINE, Difference, differences, printable
from engine.transport.http.receiver import Receiver
from engine.transport.http.wire import MAX_PROBES, PROTOCOL, ApiError

log = logging.getLogger("polytune")

#: Seconds a request may be held until this party is as far as the caller.
HOLD = 5.0
MAX_CONSTANTS = 1_000
Answer = tuple[int, dict[str, Any]]
#: Codes of ``/abort`` that mean that somebody did not follow the rules.
SECURITY_CODES = frozenset(
    ("consent_mismatch", "replay_mismatch", "changed", "security", "protocol_abort", "cheating", "malformed")
)


def package_version() -> str:
    """The installed version of polytune."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("polytune")
    except PackageNotFoundError:
        return "0+source"


class PartyService:
    """The peers' view of a party that follows ``policy``; ``accept(run)`` is called for a run that we joined."""

    def __init__(
        self,
        policy: Policy,
        accept: Callable[[Run], None],
        schemas: Sequence[str] = (),
        program: str = "",
        state_dir: str = ".",
        identity: str | None = None,
    ) -> None:
        """``schemas``: the type of each party's parameter; ``identity``: fingerprint of the own certificate.

        Raises ResourceError when the list of runs is damaged.
        """
        self.identity = identity
        self.policy = policy
        self.parties = len(policy.participants)
        self.schemas = tuple(schemas) or ("",) * self.parties
        self.program = program or policy.program.filename
        self.instance = uuid.uuid4().hex
        self.ledger = Ledger(policy, state_dir)
        self.ledger.refresh()
        self.audit = Audit(policy, state_dir)
        self.gate = Gate(policy, self.ledger, self.audit, self._start, self._release)
        self._accept = accept
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._left: int | None = None
        self._over: OrderedDict[str, str] = OrderedDict()
        self._closed = False
        self._bodies: dict[str, Callable[[Run, int, dict[str, Any]], Answer]] = {
            "consts": self._consts,
            "sync": self._sync,
            "abort": self._abort,
        }

    # -- the runs of the moment -------------------------------------------------------------------------------------

    @property
    def runs(self) -> list[Run]:
        """The runs that are under way, the oldest first."""
        with self._lock:
            return list(self._runs.values())

    def begin(self, run: Run) -> None:
        """Take ``run`` up; raises ApiError ``busy``."""
        with self._lock:
            if self.closed:
                raise ApiError("busy", "this party is shutting down")
            if run.run_id in self._runs:
                raise ApiError("busy", "this run is under way")
            if len(self._runs) >= self.policy.limits.concurrent_runs:
                states = [other.state for other in self._runs.values()]
                several = "another run" if len(states) == 1 else f"{len(states)} other runs"
                raise ApiError("busy", f"this party is in {several}", state=states[0])
            self._runs[run.run_id] = run
            if self._left is not None:
                self._left -= 1

    def _release(self, run: Run) -> None:
        """Free the place of a run that never began; its id may come again."""
        with self._lock:
            if self._runs.pop(run.run_id, None) is not None and self._left is not None:
                self._left += 1

    def end(self, run: Run, result: str, code: str) -> None:
        """Forget ``run``; its id is remembered with ``result``: done or aborted. ``code``: ok, or that of the error."""
        if run.joined:
            try:
                self.ledger.leave(run.run_id, result, run.disclosed)
            except ResourceError as error:
                log.error("%s", error.message)
        self.audit.ended(run, result, code)
        with self._lock:
            self._runs.pop(run.run_id, None)
            self._over[run.run_id] = result
            while len(self._over) > REMEMBERED:
                self._over.popitem(last=False)

    def accept_only(self, runs: int) -> None:
        """Accept ``runs`` more runs."""
        with self._lock:
            self._left = runs

    @property
    def closed(self) -> bool:
        """Whether no more runs are accepted."""
        return self._closed or self._left == 0

    def close(self) -> None:
        """Accept no more runs."""
        with self._lock:
            self._closed = True

    def find(self, run_id: str) -> Run:
        """The run under way with that id; raises ApiError ``unknown_run`` or ``run_over``."""
        with self._lock:
            if run_id in self._runs:
                return self._runs[run_id]
            result = self._over.get(run_id) or self.ledger.result(run_id)
        if result:
            raise ApiError("run_over", "that run is over", result=result)
        raise ApiError("unknown_run", "this party does not know that run")

    # -- what the routes ask -----------------------------------------------------------------------------------------

    def version(self) -> dict[str, Any]:
        """The object of ``GET /version``."""
        return {
            "protocol": [PROTOCOL],
            "package": package_version(),
            "engine": ENGINE,
            "party": self.policy.party,
            "identity": self.identity,
            "instance": self.instance,
        }

    def receiver(self, run_id: str, sender: int) -> Receiver:
        """Where chunks of ``sender`` go; they may come before the engine is ready."""
        self._check_sender(sender)
        return self.find(run_id).receiver

    def answer_meter(self, run_id: str, sender: int) -> Callable[[int], None] | None:
        """Counts our answers to ``sender`` while the run computes."""
        run = self._runs.get(run_id)
        if run is None or run.link is None or sender not in run.link.answers:
            return None
        meter: Callable[[int], None] = run.link.answers[sender].add
        return meter

    def probe(self, run_id: str, sender: int) -> None:
        """``sender`` measures its link; only while we wait for its constants, and not often."""
        self._check_sender(sender)
        run = self.find(run_id)
        if run.reached("CONSTS") or run.over:
            raise ApiError("wrong_state", "the links are measured before the constants are exchanged")
        if not run.count_probe(sender):
            raise ApiError("rate_limited", f"at most {MAX_PROBES} requests of a run may measure a link")

    def control(self, name: str, run_id: str, sender: int, body: dict[str, Any]) -> Answer:
        """Answer one control request."""
        self._check_sender(sender)
        if name == "run":
            return self._run(run_id, sender, body)
        return self._bodies[name](self.find(run_id), sender, body)

    # -- /run ---------------------------------------------------------------------------------------------------------

    def _run(self, run_id: str, sender: int, body: dict[str, Any]) -> Answer:
        self.gate.check_refused(run_id, body)
        # The first answer comes at once, so that the leader can say what it waits for.
        hold = min(HOLD, self.policy.timeouts.control / 2) if run_id in self._runs else 0.0
        try:
            run = self._join(run_id, sender, body)
        except ApiError as error:
            if error.code != "busy":
                self.audit.refused(run_id, sender, error.code, error.message)
            raise
        if self.gate.answer(run, body, hold):
            return 200, {"accepted": True, "schema": self.schemas[self.policy.party]}
        return 202, {"accepted": False, "waiting": "approval"}

    def _join(self, run_id: str, sender: int, body: dict[str, Any]) -> Run:
        run = self._runs.get(run_id)
        if run is not None:
            if run.proposal != body:
                if sender == self.policy.leader:
                    text = f"party {sender} proposed this run twice with different terms (replay_mismatch); aborting"
                    run.fail(SecurityError(text, code="replay_mismatch"))
                raise ApiError("replay_mismatch", "this run was proposed before with other terms")
            return run
        self._check_terms(run_id, sender, body)
        self.gate.check_leader(sender)
        run = Run(run_id, self.policy.party, self.parties, self.policy.limits, body)
        self.begin(run)
        try:
            self.gate.arrive(run)
        except BaseException:
            self._release(run)
            raise
        return run

    def _start(self, run: Run) -> None:
        log.info("Accepted policy for %s, starting execution", self.program)
        self._accept(run)

    def _check_terms(self, run_id: str, sender: int, body: dict[str, Any]) -> None:
        policy = self.policy
        try:
            uuid.UUID(run_id)
        except ValueError:
            raise ApiError("bad_request", "run_id is not a UUID") from None
        if body.get("to") != policy.party:
            raise ApiError(
                "identity_mismatch",
                f"the request is for party {body.get('to')!r:.20}, this is party {policy.party}",
            )
        found = differences(policy, body, self.schemas[policy.leader])
        if not found and sender != policy.leader:
            found = [Difference("leader", policy.leader, sender, "not_allowed")]
        if not found and policy.computation_id not in (None, run_id):
            found = [Difference("computation_id", policy.computation_id, run_id, "not_allowed")]
        if found:
            log.error("refused a run that party %d proposed: %s", sender, "; ".join(map(str, found)))
            raise ApiError(
                found[0].code,
                "; ".join(map(str, found)),
                **found[0].to_json(),
                differences=[difference.to_json() for difference in found],
            )

    # -- the rest -----------------------------------------------------------------------------------------------------

    def _consts(self, run: Run, sender: int, body: dict[str, Any]) -> Answer:
        constants = parse_constants(body.get("consts"))
        if not run.put_constants(sender, constants, parse_offer(body.get("offer"), sender, self.parties)):
            raise ApiError("replay_mismatch", "other constants or another offer came before")
        return 200, {}

    def _sync(self, run: Run, sender: int, body: dict[str, Any]) -> Answer:
        stage = body.get("stage")
        if stage == "ready":
            run.put_ready(sender)
            if run.hold(lambda: run.reached("AGREED"), HOLD):
                return 200, {"digest": run.own_digest}
            return 202, {}
        if stage != "agree" or not isinstance(body.get("digest"), str):
            raise ApiError("bad_request", "stage must be agree (with a digest) or ready")
        if not run.put_agreement(sender, body["digest"][:100], body.get("summary")):
            raise ApiError("consent_mismatch", "another digest came before")
        if not run.hold(lambda: run.summary is not None, HOLD) and run.summary is None:
            return 202, {}
        if not run.compare(sender):
            raise ApiError("consent_mismatch", "the parties do not agree to the same run", summary=run.summary)
        return 200, {"digest": run.own_digest}

    def _abort(self, run: Run, sender: int, body: dict[str, Any]) -> Answer:
        code = str(body.get("code", "unknown"))[:40]
        message = printable(str(body.get("message", ""))[:500])
        reason = f"{code} ({message})" if message else code
        run.fail(PeerAborted(sender, reason, security=code in SECURITY_CODES, memory=code == MemoryExceeded.code))
        self.gate.withdraw(run)
        return 200, {}

    def _check_sender(self, sender: int) -> None:
        if sender == self.policy.party:
            raise ApiError("identity_mismatch", f"party {sender} is this party itself")


def parse_constants(raw: Any) -> Constants:
    """Check the form of a set of constants: ``{NAME: {"type": t, "value": int or bool}}``."""
    if not isinstance(raw, dict) or len(raw) > MAX_CONSTANTS:
        raise ApiError("bad_request", f"consts must be an object of at most {MAX_CONSTANTS} names")
    result: Constants = {}
    for name, item in raw.items():
        if len(name) > 200 or not name.isascii() or not name.replace("_", "a").isalnum():
            raise ApiError("bad_request", "consts: a name is malformed")
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            raise ApiError("bad_request", f"consts.{name}: type is missing")
        value = item.get("value")
        if not isinstance(value, int) or abs(value) >= 1 << 64:
            raise ApiError("bad_request", f"consts.{name}: value must be an integer or a bool")
        result[name] = {"type": item["type"][:20], "value": value}
    return result
