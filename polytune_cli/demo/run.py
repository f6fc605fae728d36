"""One demonstration from an empty folder to a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import ResourceError
from engine.events import EventSink
from polytune_cli.demo.parties import Parties, PortTaken
from polytune_cli.demo.ports import ReservedPorts
from polytune_cli.demo.report import Report
from polytune_cli.demo.setup import LEADER, Scene

#: How often a demo starts again with other ports when somebody took one of them.
PORT_ATTEMPTS = 5


def run_demo(scene: Scene, sink: EventSink, log: Callable[[str], None]) -> Report:
    """Run all parties of ``scene`` to the end.

    Contributors start first, the leader last. Raises RunError with the last lines of a party that failed.
    """
    for attempt in range(1, PORT_ATTEMPTS + 1):
        try:
            return _attempt(scene, sink, log)
        except PortTaken:
            log(f"a port was taken by another program, trying others ({attempt} of {PORT_ATTEMPTS})")
    raise ResourceError(f"no free ports found in {PORT_ATTEMPTS} attempts", "try again")


def _attempt(scene: Scene, sink: EventSink, log: Callable[[str], None]) -> Report:
    contributors = [number for number in range(scene.parties) if number != LEADER]
    with ReservedPorts(scene.parties) as ports, Parties(sink) as parties:
        policies = scene.write_policies(ports.numbers)
        urls = scene.urls(ports.numbers)
        for number in contributors:
            parties.start(number, policies[number], urls[number], scene.log(number), scene.options(number))
        for number in contributors:
            parties.wait_until_listening(number)
            log(f"{scene.names[number]} is listening on {urls[number]}")
        begin = time.monotonic()
        parties.start(LEADER, policies[LEADER], urls[LEADER], scene.log(LEADER), scene.options(LEADER))
        log(f"{scene.names[LEADER]} asks the others to join")
        parties.wait(LEADER, contributors)
        wall = time.monotonic() - begin
        records = parties.records
    leader = records[LEADER]
    return Report(
        rows=scene.result(),
        expected=scene.expected(),
        names=scene.names,
        and_gates=max(record.and_gates for record in records.values()),
        seconds=leader.seconds or wall,
        bytes_sent=[records[number].bytes_sent for number in range(scene.parties)],
        phases=leader.phases(),
    )


def temporary_folder(keep: Path | None) -> Path:
    """The folder of a demo: ``keep`` (made when absent, must be empty) or a fresh private one."""
    import tempfile

    if keep is None:
        return Path(tempfile.mkdtemp(prefix="polytune-demo-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise ResourceError(f"the folder {keep} is not empty", "name an empty or a new folder after --keep")
    except OSError as error:
        raise ResourceError(f"cannot use the folder {keep}: {error.strerror}", "name another folder") from error
    return keep.resolve()
