"""Commands that talk to the operators' listener of a running party: finding it, asking it, following a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import click

from engine.errors import PolytuneError, RunError, UsageError
from engine.events import EventSink, Finished, Progress

if TYPE_CHECKING:
    import requests

TOKEN_VARIABLE = "POLYTUNE_ADMIN_TOKEN"
#: Seconds between two questions while a run is followed, and for how long a listener may be silent meanwhile.
PAUSE, SILENCE = 0.3, 10.0
_TIMEOUT = (5.0, 30.0)

Command = Callable[..., Any]


def where(command: Command) -> Command:
    """The options that say which listener is meant; they arrive as ``url``, ``config`` and ``state_dir``."""
    for option in (
        click.option(
            "--state-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="The state directory of that party.  [default: $XDG_STATE_HOME/polytune]",
        ),
        click.option(
            "-c",
            "--config",
            type=click.Path(path_type=Path),
            metavar="POLICY",
            help="The policy file of a party that runs on this machine.",
        ),
    ):
        command = option(command)
    return command


url_option = click.option("--url", metavar="URL", help="The operators' listener, for instance http://127.0.0.1:9000/.")


@dataclass
class Client:
    """Asks one listener. Every method raises RunError when there is no answer, or when it is an error."""

    url: str
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        import requests

        self._session = requests.Session()
        self._session.trust_env = False
        if self.token:
            self._session.headers["Authorization"] = f"Bearer {self.token}"

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object of a GET."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object of a POST."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        import requests

        try:
            reply = self._session.request(
                method, urljoin(self.url, path), json=body, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            from engine.transport.http.client import transport_reason

            raise Silent(f"no answer from the operators' listener at {self.url}: {transport_reason(error)}") from None
        return self._judge(reply)

    def _judge(self, reply: requests.Response) -> dict[str, Any]:
        try:
            body = reply.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or (reply.status_code >= 300 and "error" not in body):
            raise RunError(f"{self.url} is no operators' listener of polytune ({reply.status_code} {reply.reason})")
        if reply.status_code < 300:
            return body
        details = body.get("details")
        hint = str(details.get("hint", "")) if isinstance(details, dict) else ""
        if reply.status_code == 401:
            hint = f"set {TOKEN_VARIABLE} to the token with which 'polytune serve' was started"
        elif body["error"] == "busy":
            hint = "see 'polytune status'; wait for the end of the run, or cancel it"
        raise RunError(f"the party refused: {body.get('message', '')}", hint, code=str(body["error"]))


class Silent(RunError):
    """Nobody answers at the address of a listener."""

    code = "no_listener"

    def __init__(self, message: str) -> None:
        super().__init__(message, "is 'polytune serve --admin-port' (or --keep-serving) running there?")


def find(url: str | None, config: Path | None, state_dir: Path | None) -> Client:
    """The listener at ``url``, or that of the party that runs here with ``config``, or the only one that runs here.

    Raises UsageError when it is not clear which is meant, RunError when there is none.
    """
    from polytune_cli.commands.serve import default_state_dir
    from polytune_cli.server.endpoint import place, read, running

    folder = state_dir or default_state_dir()
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"'{url}' is not an http(s) URL, for instance http://127.0.0.1:9000/")
        url = url if url.endswith("/") else url + "/"
        known = next((endpoint.token for endpoint in running(folder) if endpoint.url == url), "")
        return Client(url, os.environ.get(TOKEN_VARIABLE) or known)
    if config is not None:
        endpoint = read(place(folder, config))
        if endpoint is None:
            raise RunError(
                f"no party that runs here was started with '{config}' and an operators' listener",
                "start it with 'polytune serve --admin-port' (a leader: --keep-serving); the state directory must be "
                "the same (--state-dir)",
                code="no_listener",
            )
        return Client(endpoint.url, endpoint.token)
    found = running(folder)
    if not found:
        raise RunError(
            "no party with an operators' listener runs here",
            "name its URL, or start 'polytune serve' with --admin-port",
            code="no_listener",
        )
    if len(found) > 1:
        listed = "; ".join(f"{endpoint.url} ({endpoint.policy})" for endpoint in found)
        raise UsageError(f"several parties run here, name the URL of one: {listed}")
    return Client(found[0].url, found[0].token)


class Ended(PolytuneError):
    """A run that was followed ended badly; exit code and texts are its own."""

    def __init__(self, record: dict[str, Any]) -> None:
        text = str(record.get("message") or f"the run {record.get('result')} ({record.get('code')})")
        super().__init__(text, str(record.get("hint", "")), code=str(record.get("code", "")) or "run")
        self.exit_code = int(record.get("exit_code") or 1)


def follow(client: Client, run_id: str, party: int, sink: EventSink) -> dict[str, Any]:
    """Ask for the run until it has ended; ``sink`` hears of its progress. Returns its record; raises RunError."""
    silent_since: float | None = None
    phase = ""
    while True:
        try:
            run = client.get(f"runs/{run_id}")
            silent_since = None
        except Silent:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > SILENCE:
                raise
            time.sleep(PAUSE)
            continue
        if run.get("result") is not None:
            sink(Finished(party, run["seconds"], run["sent"], run["message"] or run["code"]))
            return run
        if run["phase"]:
            if phase not in ("", run["phase"]):
                sink(Progress(party, phase, 1.0))  # its end fell between two questions
            phase = run["phase"]
            sent, received = (sum(peer[way] for peer in run["peers"]) for way in ("sent", "received"))
            sink(Progress(party, phase, run["done"], sent, received))
        time.sleep(PAUSE)


def only_run(runs: Sequence[Mapping[str, Any]], none: str, several: str) -> str:
    """The id of the one run that can be meant; raises RunError with ``none`` or ``several`` otherwise."""
    ids = [str(run["run_id"]) for run in runs]
    if not ids:
        raise RunError(none, code="no_run")
    if len(ids) > 1:
        raise RunError(f"{several}, name one: {', '.join(ids)}", code="which_run")
    return ids[0]
