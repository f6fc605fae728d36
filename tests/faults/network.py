"""A contributor in a process of its own, leaders in this one, and a network between them that fails by plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.errors import PolytuneError
from engine.policy import load_policy
from engine.run.job import prepare
from engine.run.party import Party
from polytune_cli.server.app import create_app
from polytune_cli.server.listener import Listener
from tests.integration.scene import Process, Scene, free_ports
from tests.transport.faults import Fault, FaultProxy

QUICK = {
    "connect": 2,
    "control": 3,
    "join": 5,
    "consts": 5,
    "compile": 5,
    "chunk": 3,
    "peer_lost": 8,
    "refused": 1,
    "idle": 10,
}
IDLE = "Listening for connection attempts from other parties"


@dataclass
class Ended:
    """How a run ended for the leader: ``error`` None means success. ``results``: rows of the output table."""

    error: PolytuneError | None
    results: list[int]
    injected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = "result written" if self.error is None else f"{self.error} (exit code {self.error.exit_code})"
        return f"{text}; met {self.injected}; rows {self.results}"


class Network:
    """Parties of ``place`` (0 leads) behind proxies; contributors stay over all runs."""

    def __init__(self, place: Scene, expected: Sequence[int], *options: str) -> None:
        """``options``: of the contributors' ``serve``."""
        self.place = place
        self.expected = list(expected)
        self.proxies = [FaultProxy() for _ in place.urls]
        self.ports = free_ports(len(place.urls))
        urls = [proxy.start(f"http://127.0.0.1:{port}/") for proxy, port in zip(self.proxies, self.ports)]
        for party in range(len(urls)):
            place.change(party, participants=urls, timeouts=QUICK)
        self.contributors = [place.start(p, "--port", str(self.ports[p]), *options) for p in range(1, len(urls))]

    def run(self, *plans: Sequence[Fault]) -> Ended:
        """One run; ``plans[p]``: faults on the way to party p."""
        self.place.execute("out.sqlite", "DELETE FROM results", "INSERT INTO results VALUES (999)")
        for proxy, plan in zip(self.proxies, [*plans, *[()] * len(self.proxies)]):
            proxy.load(plan)
        accepted = [c.log.count("Accepted policy") for c in self.contributors]
        error = self._lead()
        for contributor, before in zip(self.contributors, accepted):
            # One idle line at the start, one after each run; more of them while nothing happens.
            if contributor.log.count("Accepted policy") > before:
                self.wait_until_idle(contributor)
        return Ended(error, self.place.results, [kind for proxy in self.proxies for kind in proxy.injected])

    def wait_until_idle(self, contributor: Process) -> None:
        """Return when the run that it accepted last is over."""
        before = contributor.log.rpartition("Accepted policy")[0]
        contributor.wait_for(IDLE, before.count(IDLE) + 1)

    def _lead(self) -> PolytuneError | None:
        party = Party(prepare(load_policy(self.place.folder / "policy0.json")), state_dir=str(self.place.folder))
        listener = Listener("127.0.0.1", self.ports[0], create_app(party.service))
        listener.bind()
        listener.start()
        try:
            party.lead()
        except PolytuneError as error:
            return error
        finally:
            listener.stop()
        return None

    def stop(self) -> None:
        for proxy in self.proxies:
            proxy.stop()
