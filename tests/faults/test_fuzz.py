"""Nonsense at every route of a contributor that serves honest runs meanwhile: it answers, goes on and does not grow."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.policy import load_policy
from engine.run.job import prepare
from engine.run.terms import proposal
from engine.transport.http.client import peer_headers
from tests.faults.fuzz import Fuzzer, Request, Target
from tests.faults.network import Network
from tests.integration.scene import SUM, Process, Scene
from tests.integration.test_serve_runs import HEAVY
from tests.run.actors import Leader, wait_until

MB = 1 << 20


def resident(process: Process) -> int:
    text = Path(f"/proc/{process.popen.pid}/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", text)[1])  # type: ignore[index]


def descriptors(process: Process) -> int:
    return len(list(Path(f"/proc/{process.popen.pid}/fd").iterdir()))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    place = Scene(tmp_path_factory.mktemp("fuzz"), [(1, 2, 3), (10, 20)], SUM)
    network = Network(place, [36, 0], "--admin-port", "0")
    yield network
    network.stop()
    place.stop()


class Runs:
    """Honest runs, one after the other, until ``stop``."""

    def __init__(self, network: Network) -> None:
        self.ended: list[str] = []
        self._network = network
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Runs:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            ended = self._network.run()
            self.ended.append("" if ended.error is None and ended.results == [36, 0] else str(ended))


@pytest.mark.fault(41, 42)
@pytest.mark.parametrize(
    "seed, count",
    [(1, 2000), *(pytest.param(seed, 25_000, marks=pytest.mark.long) for seed in (2, 3, 4, 5))],
)
def test_nonsense_harms_nobody(network: Network, seed: int, count: int) -> None:
    contributor = network.contributors[0]
    job = prepare(load_policy(network.place.folder / "policy0.json"))
    admin = int(re.search(r"operators: http://127.0.0.1:(\d+)/", contributor.log)[1])  # type: ignore[index]
    known: list[str] = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", contributor.log)
    terms = proposal(job.policy, "", "now", job.schema)
    parts = [
        (Fuzzer(seed, lambda: known, terms, operators=False), Target(network.ports[1])),
        (Fuzzer(seed, lambda: known, terms, operators=True), Target(admin)),
    ]
    assert network.run().error is None
    before, files = resident(contributor), descriptors(contributor)
    with Runs(network) as honest:
        for number in range(count):
            fuzzer, target = parts[number % 4 == 3]
            request = fuzzer.request()
            status = target.send(request)
            assert status != 500, (number, request)
        wait_until(lambda: bool(honest.ended), "no honest run", 60)
    for _, target in parts:
        target.close()
        assert {"400", "404"} <= target.statuses.keys(), target.statuses
    assert honest.ended == [""] * len(honest.ended)
    assert contributor.popen.poll() is None
    assert "Traceback" not in contributor.log + contributor.errors and "internal error" not in contributor.log
    assert resident(contributor) - before < 100 * MB
    wait_until(lambda: descriptors(contributor) <= files + 4, "connections are left")


@pytest.mark.fault(41)
def test_nonsense_of_a_party_of_the_run_ends_that_run_only(network: Network) -> None:
    """The same from the leader of a run that the contributor has joined."""
    contributor = network.contributors[0]
    place = network.place
    for seed in range(10):
        leader = Leader(place, ports=network.ports)
        try:
            assert leader.propose()[0] == 200
            terms = proposal(leader.policy, leader.run_id, "now", leader.job.schema)
            fuzzer, target = (
                Fuzzer(seed, lambda run=leader.run_id: [run], terms, operators=False),
                Target(network.ports[1]),
            )
            for _ in range(40):
                request = fuzzer.request()
                if request.headers.get("X-Polytune-Run"):
                    request.headers["X-Polytune-Run"] = leader.run_id
                assert target.send(request) != 500, request
            target.close()
            leader.post(1, "abort", {"run_id": leader.run_id, "code": "interrupted", "message": ""})
        finally:
            leader.stop()
        network.wait_until_idle(contributor)
    assert "Traceback" not in contributor.log + contributor.errors and "internal error" not in contributor.log
    assert network.run().error is None


def test_a_deep_document_does_not_end_a_process_that_compiles(scene: Callable[..., Scene]) -> None:
    """Compiling raises the interpreter's limit for calls inside each other, for all threads."""
    place = scene(program=HEAVY)
    for party in (0, 1):
        place.change(party, constants=None)
    contributor = place.start(1)
    leader, target = Leader(place), Target(place.ports[1])
    try:
        assert leader.propose()[0] == 200
        assert leader.post(1, "consts/0", {"run_id": leader.run_id, "consts": {}})[0] == 200
        contributor.wait_for("Compiling circuit")
        headers = peer_headers(leader.run_id, 0)
        for body in (b"[" * 400_000, b'{"a":' * 150_000):
            assert target.send(Request("POST", "/sync", headers, body)) == 400
        assert contributor.popen.poll() is None
        contributor.wait_for("party 1: compile 100%")  # it was compiling all the time
    finally:
        target.close()
        leader.stop()


@pytest.mark.fault(42)
@pytest.mark.parametrize("length", ["-5", "-1", str(1 << 40), "1e9"])
def test_impossible_lengths_are_refused(network: Network, length: str) -> None:
    """Found by the tests above: a negative length made the server read on after it had refused."""
    target = Target(network.ports[1])
    headers = peer_headers("00000000-0000-0000-0000-000000000000", 0)
    request = Request("POST", "/sync", headers, b"{" * 100_000, length=length, closing=True)
    assert target.send(request) in (0, 400, 413)
    assert target.send(Request("GET", "/ping", {})) == 200
    target.close()
    assert "Traceback" not in network.contributors[0].log + network.contributors[0].errors
