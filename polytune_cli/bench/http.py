"""Measurements over HTTP on this machine: one process a party, or one thread a party."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import RunError
from engine.resources import peak_memory
from engine.transport.slow import Wire
from polytune_cli.bench.cases import Case, CaseSpec
from polytune_cli.bench.figures import Figures, Measurement, PartyFigures
from polytune_cli.bench.local import compare, prepare, warm_kernels
from polytune_cli.bench.network import SlowNetwork
from polytune_cli.demo import child
from polytune_cli.demo.ports import ReservedPorts
from polytune_cli.kernels import get_ready

if TYPE_CHECKING:
    import numpy as np

    from engine.transport.security import Security

Log = Callable[[str], None]


def run_party(
    case: Case, party: int, ports: Sequence[int], run_id: str, options: dict[str, Any], keys: str | None = None
) -> tuple[PartyFigures, Any]:
    """Take part in one run as ``party``: its figures, and the output bits (None when it receives none).

    ``keys``: the folder of :func:`make_keys`, for mutual TLS.
    """
    import engine
    from polytune_cli.server.local import serve_channel

    security = _security(Path(keys), party, case.parties) if keys is not None else None
    with serve_channel(party=party, ports=ports, run_id=run_id, security=security) as channel:
        result = engine.run_mpc(
            channel,
            case.circuit,
            case.inputs[party],
            party=party,
            parties=case.parties,
            session=hashlib.sha256(run_id.encode()).digest(),
            **options,
        )
    sent = channel.link.bytes_sent()  # type: ignore[attr-defined]  # after the end: answers included
    return PartyFigures.from_stats(channel.stats, sent), result


@contextlib.contextmanager
def made_keys(parties: int, wanted: bool) -> Iterator[str | None]:
    """A folder with a key and a certificate for each party while the measurement lasts; None without TLS."""
    if not wanted:
        yield None
        return
    from engine.transport.certificates import make_certificate
    from polytune_cli.keys import write_pair

    with tempfile.TemporaryDirectory(prefix="polytune-bench-") as folder:
        for party in range(parties):
            made = make_certificate(f"polytune bench, party {party}", ["127.0.0.1"], days=1)
            write_pair(Path(folder), party, made.key, made.certificate)
        yield folder


def _security(keys: Path, party: int, parties: int) -> Security:
    from engine.transport.certificates import load_credentials, read_certificate
    from engine.transport.security import Security

    pinned = [[read_certificate(keys / f"p{peer}.crt").fingerprint] for peer in range(parties)]
    return Security(party, pinned, load_credentials(keys / f"p{party}.crt", keys / f"p{party}.key"))


# -- threads -------------------------------------------------------------------------------------------------


def measure_threads(spec: CaseSpec, repeat: int, options: dict[str, Any], log: Log, tls: bool = False) -> Figures:
    """All parties in this process, each with a server of its own; ``tls``: with mutual TLS between them."""
    log("compiling the circuit")
    case, compile_seconds = prepare(spec)
    expected = case.evaluate()
    log("preparing the kernels")
    kernel_seconds = warm_kernels(case.parties, options)
    runs = []
    for number in range(repeat):
        log(f"run {number + 1} of {repeat}")
        with made_keys(case.parties, tls) as keys:
            parties = _threads_once(case, expected, options, keys)
        runs.append(Measurement(parties, [peak_memory()], compile_seconds, kernel_seconds))
    circuit = case.circuit
    name = f"{'https' if tls else 'http'}, one process"
    return Figures.of_runs(spec.name, circuit.and_gates, circuit.circuit_bytes, runs, name)


def _threads_once(case: Case, expected: np.ndarray, options: dict[str, Any], keys: str | None) -> list[PartyFigures]:
    run_id = str(uuid.uuid4())
    found: dict[int, tuple[PartyFigures, Any]] = {}
    failed: list[BaseException] = []

    def work(party: int, ports: Sequence[int]) -> None:
        try:
            found[party] = run_party(case, party, ports, run_id, options, keys)
        except BaseException as error:
            failed.append(error)

    with ReservedPorts(case.parties) as ports:
        threads = [
            threading.Thread(target=work, args=(party, ports.numbers), daemon=True) for party in range(case.parties)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    compare(found[0][1], expected)
    return [found[party][0] for party in range(case.parties)]


# -- processes -----------------------------------------------------------------------------------------------


def measure_processes(
    spec: CaseSpec, repeat: int, options: dict[str, Any], log: Log, wire: Wire, tls: bool = False
) -> Figures:
    """One child process a party; each compiles its own circuit and loads its kernels before the clock starts.

    ``wire``: the imitated network between them; ``tls``: mutual TLS.
    """
    get_ready()
    log("compiling the circuit for the plain answer")
    case, _ = prepare(spec)
    expected = case.evaluate()
    parties, and_gates, circuit_bytes = case.parties, case.circuit.and_gates, case.circuit.circuit_bytes
    del case
    runs = []
    for number in range(repeat):
        log(f"run {number + 1} of {repeat}: every process compiles its circuit and loads its kernels")
        with made_keys(parties, tls) as keys:
            runs.append(_processes_once(spec, parties, expected, options, wire, keys))
    name = f"{'https' if tls else 'http'}, one process a party"
    return Figures.of_runs(spec.name, and_gates, circuit_bytes, runs, name)


def _processes_once(
    spec: CaseSpec, parties: int, expected: np.ndarray, options: dict[str, Any], wire: Wire, keys: str | None
) -> Measurement:
    run_id = str(uuid.uuid4())
    children: list[_Child] = []
    network: SlowNetwork | None = None
    try:
        with ReservedPorts(parties) as ports:
            network = SlowNetwork(ports.numbers, wire) if wire != Wire() else None
            for party in range(parties):
                task = {
                    "spec": asdict(spec),
                    "party": party,
                    "ports": network.addresses(party) if network else ports.numbers,
                    "run_id": run_id,
                    "options": options,
                    "keys": keys,
                }
                children.append(_Child(task))
            ready = [process.answer() for process in children]
            for process in children:
                process.tell("go")
            results = [process.answer() for process in children]
    finally:
        for process in children:
            process.end()
        if network is not None:
            network.close()
    compare(_bits(results[0]["output"]), expected)
    return Measurement(
        [PartyFigures(**result["figures"]) for result in results],
        [result["peak_rss"] for result in results],
        max(answer["compile_seconds"] for answer in ready),
        max(answer["kernel_seconds"] for answer in ready),
    )


def _bits(packed: str | None) -> Any:
    import numpy as np

    return None if packed is None else np.frombuffer(packed.encode("ascii"), dtype=np.uint8) - ord("0")


class _Child:
    """One party's process: a task in, an answer when it is ready, ``go`` in, the figures out."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by end)
        self._party = task["party"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "polytune_cli.bench.party"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=dict(os.environ, **{child.PARENT: str(os.getpid())}),
            start_new_session=True,
        )
        self.tell(json.dumps(task))

    def tell(self, line: str) -> None:
        """Send one line; a process that has ended is noticed by :meth:`answer`."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the next answer; raises RunError with the process's message when it fails."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            text = self._errors.read().decode("utf-8", "replace").strip()
            raise RunError(f"the process of party {self._party} ended early:\n{text}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RunError(f"party {self._party}: {answer['error']}")
        return answer

    def end(self) -> None:
        """End the process if it is still there and close its pipes."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
