"""The parties of a demo as child processes, and the events they send.

Every party is `polytune serve` in a process and a session of its own, so that Ctrl-C reaches only the demo,
which then ends the parties. Progress comes back over a pipe (``--events-fd``), output goes to a log file.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from engine.errors import ResourceError, RunError
from engine.events import CircuitReady, Event, EventSink, Finished, Progress, from_json
from polytune_cli.demo import child

#: Exit code of `polytune serve` for a missing local resource, for instance a port in use.
RESOURCE_EXIT = 6
_STOP_SECONDS = 5.0


@dataclass
class Record:
    """What one party told about its run."""

    bytes_sent: int = 0
    seconds: float = 0.0
    and_gates: int = 0
    finished: bool = False
    starts: dict[str, float] = field(default_factory=dict)
    last: float = 0.0

    def take(self, event: Event, now: float) -> None:
        """Update from one event seen at ``now``."""
        self.last = now
        if isinstance(event, Progress):
            self.starts.setdefault(event.phase, now)
            self.bytes_sent = max(self.bytes_sent, event.bytes_sent)
        elif isinstance(event, CircuitReady):
            self.and_gates = event.and_gates
        elif isinstance(event, Finished):
            self.finished = True
            self.seconds = event.seconds
            self.bytes_sent = max(self.bytes_sent, event.bytes_sent)

    def phases(self) -> dict[str, float]:
        """Seconds from the first news of each phase to the first news of the next one."""
        marks = sorted(self.starts.items(), key=lambda item: item[1])
        ends = [start for _, start in marks[1:]] + [self.last]
        return {name: round(max(end - start, 0.0), 4) for (name, start), end in zip(marks, ends)}


class Party:
    """One running party."""

    def __init__(self, number: int, policy: Path, url: str, log: Path, extra: Sequence[str]) -> None:
        self.number = number
        self.url = url
        self.log = log
        read_end, write_end = os.pipe()
        command = [sys.executable, "-m", child.__name__, "serve", "--config", str(policy)]
        command += ["--events-fd", str(write_end), *extra]
        try:
            with open(log, "ab") as output:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[write_end],
                    env=_environment(),
                    start_new_session=True,
                )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self.events = os.fdopen(read_end, "r", encoding="utf-8")
        self.reader: threading.Thread | None = None

    def tail(self, lines: int = 15) -> str:
        """The end of what the party printed."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Parties:
    """All parties of a demo; leaving the context ends every process that is still there."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._parties: dict[int, Party] = {}
        self._lock = threading.Lock()
        self.records: dict[int, Record] = {}

    def __enter__(self) -> Parties:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, number: int, policy: Path, url: str, log: Path, extra: Sequence[str] = ()) -> None:
        """Start party ``number`` on ``policy``."""
        party = Party(number, policy, url, log, extra)
        self._parties[number] = party
        self.records.setdefault(number, Record())
        party.reader = threading.Thread(target=self._read, args=(party,), daemon=True)
        party.reader.start()

    def wait_until_listening(self, number: int, seconds: float = 60.0) -> None:
        """Return when the party answers; raise when it ends instead or does not answer in time."""
        party = self._parties[number]
        deadline = time.monotonic() + seconds
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _anybody())
        while time.monotonic() < deadline:
            code = party.process.poll()
            if code is not None:
                raise _ended_early(party, code)
            try:
                with opener.open(f"{party.url}ping", timeout=2) as reply:
                    if reply.read(16) == b"pong":
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RunError(f"party {number} did not answer within {seconds:g} s", "see the log of that party")

    def wait(self, leader: int, contributors: Sequence[int]) -> None:
        """Wait for the leader's end, then shortly for the contributors; raise when the leader failed."""
        party = self._parties[leader]
        while party.process.poll() is None:
            for number in contributors:
                other = self._parties[number]
                code = other.process.poll()
                if code:
                    raise _ended_early(other, code)
            time.sleep(0.03)
        if party.process.returncode:
            raise _ended_early(party, party.process.returncode)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline and not self._all_finished(contributors):
            time.sleep(0.03)
        self.stop()

    def stop(self) -> None:
        """End all processes: ask, wait, insist. A further interrupt does not keep it from finishing."""
        running = [party for party in self._parties.values() if party.process.poll() is None]
        for party in running:
            party.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for party in running:
            try:
                party.process.wait(max(deadline - time.monotonic(), 0.01))
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                party.process.kill()
                party.process.wait()
        for party in self._parties.values():
            if party.reader is not None:
                party.reader.join(_STOP_SECONDS)
            party.events.close()
        self._parties.clear()

    def _all_finished(self, numbers: Sequence[int]) -> bool:
        with self._lock:
            return all(self.records[number].finished for number in numbers)

    def _read(self, party: Party) -> None:
        for line in party.events:
            try:
                event = from_json(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
            with self._lock:
                self.records[party.number].take(event, time.monotonic())
            self._sink(event)


def _anybody() -> urllib.request.HTTPSHandler:
    """https without a look at the certificate: only whether somebody answers counts here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return urllib.request.HTTPSHandler(context=context)


def _environment() -> dict[str, str]:
    """Ours without settings that are meant for a party of the user's own (addresses, options of `serve`)."""
    keep = {"POLYTUNE_CACHE_DIR"}
    mine = {
        name: value
        for name, value in os.environ.items()
        if name != "SOCKET_ADDRESS" and (not name.startswith("POLYTUNE_") or name in keep)
    }
    return mine | {child.PARENT: str(os.getpid())}


class PortTaken(ResourceError):
    """A party could not listen because somebody else got its port first."""


def _ended_early(party: Party, code: int) -> Exception:
    tail = party.tail()
    if code == RESOURCE_EXIT and "cannot listen" in tail:
        return PortTaken(f"party {party.number} could not listen on its port")
    return RunError(f"party {party.number} ended with exit code {code}; its last lines:\n{tail}")
