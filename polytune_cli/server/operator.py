"""The second listener, for operators: how this party is doing, metrics, cancelling and starting runs (service, 5.6).

Nothing of it is needed by the other parties, and none of their routes is here. What it tells are states, counts, times
and names: never rows, results or values of constants.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from engine.errors import PolytuneError
from engine.run.consent import Pending
from engine.run.party import Party
from engine.run.service import package_version
from engine.transport.http.wire import ApiError, parse_object
from polytune_cli.server.access import Access
from polytune_cli.server.app import answer_errors
from polytune_cli.server.metrics import IDLE, registry_of
from polytune_cli.server.page import PAGE
from polytune_cli.server.ready import Readiness
from polytune_cli.server.scheduled import wanted_run

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


#: Somebody who follows a run asks for it again within so many seconds.
PATIENCE = 2.0
#: Largest body: a policy with a program in it.
MAX_BODY = 1 << 20


@dataclass
class Operators:
    """What the routes need; ``insecure``: the party speaks plain HTTP beyond loopback."""

    party: Party
    access: Access
    readiness: Readiness
    insecure: bool = False
    #: The keys of the own policy file, which a scheduled policy must repeat.
    stated: Mapping[str, Any] = field(default_factory=dict)
    #: Whether runs start on request only; else :meth:`schedule` refuses.
    on_demand: bool = False
    #: When the end of a run that somebody follows was asked for last (monotonic), by run.
    followed: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def status(self, full: bool) -> dict[str, Any]:
        """The object of ``GET /status``; without ``full`` errors of ended runs are told by their code only."""
        party, policy = self.party, self.party.policy
        runs = [tracker.status() for tracker in party.board.running]
        first = runs[0] if runs else self._idle()
        return {
            "party": policy.party,
            "role": "leader" if policy.is_leader else "contributor",
            "name": policy.name,
            **first,
            "insecure": self.insecure,
            "package": package_version(),
            "instance": party.service.instance,
            "uptime_s": round(time.monotonic() - self.started, 1),
            "runs": runs,
            "pending": [self._waiting(pending) for pending in party.pending()],
            "history": [record if full else brief(record) for record in party.board.history],
        }

    def schedule(self, body: Any) -> str:
        """Start a run now; returns its id. Raises ApiError."""
        if not self.party.policy.is_leader:
            raise ApiError("wrong_state", "only the leader starts runs; this party contributes")
        if not self.on_demand:
            raise ApiError("wrong_state", "this leader runs once and ends; start it with --keep-serving")
        return self.party.start(wanted_run(body, self.stated))

    def run(self, run_id: str) -> dict[str, Any]:
        """A run under way or ended; raises ApiError ``unknown_run``."""
        found = self.party.board.find(run_id)
        if found is None:
            raise ApiError("unknown_run", "this party knows no such run")
        now = time.monotonic()
        self.followed = {run: asked for run, asked in self.followed.copy().items() if now - asked < PATIENCE}
        if found["result"] is None:
            self.followed[run_id] = now
        else:
            self.followed.pop(run_id, None)
        return found

    def wait_for_followers(self) -> None:
        """Let those who follow a run hear how it ended, before the listener goes."""
        while any(time.monotonic() - asked < PATIENCE for asked in self.followed.copy().values()):
            time.sleep(0.02)

    @staticmethod
    def _waiting(pending: Pending) -> dict[str, Any]:
        left = max(0.0, pending.until - time.time())
        return {"run_id": pending.run_id, "leader": pending.leader, "left_s": round(left, 1)}

    def _idle(self) -> dict[str, Any]:
        others = [p for p in range(self.party.service.parties) if p != self.party.policy.party]
        peers = [{"party": peer, "reachable": None, "last_seen_s": None, "sent": 0, "received": 0} for peer in others]
        return {
            "run_id": None,
            "state": IDLE,
            "phase": "",
            "done": 0.0,
            "eta_s": None,
            "started_at": None,
            "seconds": 0.0,
            "peers": peers,
            "circuit": None,
            "constants": {},
        }


def brief(record: dict[str, Any]) -> dict[str, Any]:
    """The record of an ended run without the texts of its error."""
    return {**record, "message": "", "hint": ""}


def create_operator_app(operators: Operators) -> Flask:
    """The application behind the operators' listener."""
    app = Flask("polytune-operators", static_folder=None)
    app.before_request(lambda: operators.access.check_origin(request))
    app.after_request(_harden)
    answer_errors(app)
    _reading(app, operators, registry_of(operators.party))
    _changing(app, operators)
    return app


def _reading(app: Flask, operators: Operators, registry: CollectorRegistry) -> None:
    access = operators.access

    def full() -> bool:
        return access.loopback or access.has_token(request)

    @app.get("/")
    def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        response = Response(PAGE.replace("NONCE", nonce), mimetype="text/html")
        response.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return response

    @app.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @app.get("/ready")
    def ready() -> Response:
        problems = operators.readiness.problems()
        reasons = problems if full() else ["the reasons are told to those who have the token"] * bool(problems)
        response = jsonify(ready=not problems, reasons=reasons)
        response.status_code = 503 if problems else 200
        return response

    @app.get("/status")
    def status() -> Response:
        return jsonify(operators.status(full()))

    @app.get("/runs/<run_id>")
    def run(run_id: str) -> Response:
        found = operators.run(run_id)
        return jsonify(found if full() or found["result"] is None else brief(found))

    @app.get("/metrics")
    def metrics() -> Response:
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _changing(app: Flask, operators: Operators) -> None:
    access, party = operators.access, operators.party

    @app.post("/schedule")
    def schedule() -> tuple[Response, int]:
        access.need_token(request, always=True)
        if request.content_length is None or request.content_length > MAX_BODY:
            raise ApiError("too_large", f"the body needs a Content-Length of at most {MAX_BODY} bytes")
        run_id = operators.schedule(parse_object(request.get_data(cache=False)))
        return jsonify(run_id=run_id), 202

    @app.post("/runs/<run_id>/cancel")
    def cancel(run_id: str) -> Response:
        access.need_token(request, always=False)
        party.cancel(run_id)
        return jsonify(cancelled=run_id)

    @app.post("/runs/<run_id>/approve")
    def approve(run_id: str) -> Response:
        access.need_token(request, always=False)
        _decide(lambda: party.approve(run_id))
        return jsonify(approved=run_id)

    @app.post("/runs/<run_id>/deny")
    def deny(run_id: str) -> Response:
        access.need_token(request, always=False)
        _decide(lambda: party.deny(run_id))
        return jsonify(denied=run_id)


def _decide(decision: Callable[[], None]) -> None:
    try:
        decision()
    except PolytuneError as error:
        raise ApiError("wrong_state", error.message, hint=error.hint) from None


def _harden(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
