"""What the transport itself costs: two processes over loopback HTTP, one JSON object a line.

    python benchmarks/transport.py [--rounds N] [--megabytes M] [--frames K] [--repeat R]

``round``  both sides send a frame of 100 bytes and wait for the other's: milliseconds, CPU per side and round.
``pong``   one side sends, the other answers: milliseconds there and back.
``bulk``   both sides send frames of M megabytes at once, the receiver asking for each frame before it comes or after:
           GB/s per direction, CPU seconds per GB (10^9 bytes sent *and* as many received) and side, page faults.
``floor``  what such a GB must cost on this machine: SHA-256 of what is sent and of what is received, a socket pair,
           and for comparison one copy of it and first writes to new memory.

CPU is that of the whole process, all threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from engine.transport import Channel
from polytune_cli.demo.ports import ReservedPorts
from polytune_cli.server.local import serve_channel

FRAME = 100


class Usage:
    """Wall time, CPU time (user and system) and page faults of this process since the object was made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._then = resource.getrusage(resource.RUSAGE_SELF)

    def since(self) -> tuple[float, float, float, int]:
        """(wall, user, system, minor faults)."""
        now, then = resource.getrusage(resource.RUSAGE_SELF), self._then
        wall = time.perf_counter() - self._wall
        return wall, now.ru_utime - then.ru_utime, now.ru_stime - then.ru_stime, now.ru_minflt - then.ru_minflt


# -- the party process -----------------------------------------------------------------------------------------------


class Measure:
    """The measurements of one party; both parties call the same ones in the same order."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.peer = 1 - channel.party
        self._number = 0

    def next(self) -> int:
        """A frame number not used before."""
        self._number += 1
        return self._number

    def barrier(self) -> None:
        """Return when the other side is here too."""
        number = self.next()
        self.channel.send(self.peer, "OK", b"", a=number)
        self.channel.recv(self.peer, "OK", np.uint8, 0, a=number)

    def rounds(self, name: str, count: int, exchange: Callable[[int], None]) -> dict[str, Any]:
        """``count`` exchanges after some that are not measured."""
        for _ in range(50):
            exchange(self.next())
        times = []
        usage = Usage()
        for _ in range(count):
            number, start = self.next(), time.perf_counter()
            exchange(number)
            times.append((time.perf_counter() - start) * 1e3)
        _, user, system, _ = usage.since()
        return {
            "case": name,
            "p50_ms": round(float(np.percentile(times, 50)), 3),
            "p99_ms": round(float(np.percentile(times, 99)), 3),
            "cpu_ms": round((user + system) / count * 1e3, 3),
        }

    def round(self, number: int) -> None:
        """Both directions at once."""
        self.channel.send(self.peer, "OK", bytes(FRAME), a=number)
        self.channel.recv(self.peer, "OK", np.uint8, FRAME, a=number)

    def pong(self, number: int) -> None:
        """There and back."""
        if self.channel.party == 0:
            self.round(number)
        else:
            self.channel.recv(self.peer, "OK", np.uint8, FRAME, a=number)
            self.channel.send(self.peer, "OK", bytes(FRAME), a=number)

    def bulk(self, size: int, frames: int, early: bool) -> dict[str, Any]:
        """``frames`` frames both ways; ``early``: asked for before they come, by a thread of their own."""
        numbers = [self.next() for _ in range(frames)]
        data = np.random.default_rng(self.channel.party).integers(0, 256, size, dtype=np.uint8)

        def send() -> None:
            for number in numbers:
                self.channel.send(self.peer, "ROWS", data, a=number)
            self.channel.flush()

        def receive() -> None:
            for number in numbers:
                self.channel.recv(self.peer, "ROWS", np.uint8, size, a=number)

        receiver = threading.Thread(target=receive)
        sender = threading.Thread(target=send)
        if early:
            receiver.start()
        self.barrier()
        usage = Usage()
        sender.start()
        if not early:
            time.sleep(0.005)
            receiver.start()
        sender.join()
        receiver.join()
        wall, user, system, faults = usage.since()
        volume = size * frames / 1e9
        return {
            "case": "bulk, awaited" if early else "bulk, not awaited",
            "gb_per_s": round(volume / wall, 3),
            "cpu_s_per_gb": round((user + system) / volume, 3),
            "user_s_per_gb": round(user / volume, 3),
            "system_s_per_gb": round(system / volume, 3),
            "faults_per_gb": round(faults / volume),
        }


def party(number: int, ports: list[int], options: argparse.Namespace) -> None:
    """One of the two processes: prints its figures when all is done."""
    found = []
    with serve_channel(number, ports, "transport") as channel:
        measure = Measure(channel)
        for _ in range(options.repeat):
            measure.barrier()
            found.append(measure.rounds("round", options.rounds, measure.round))
            measure.barrier()
            found.append(measure.rounds("pong", options.rounds, measure.pong))
            for early in (True, False):
                measure.barrier()
                found.append(measure.bulk(options.megabytes << 20, options.frames, early))
        measure.barrier()
    print(json.dumps(found), flush=True)


# -- the floor -------------------------------------------------------------------------------------------------------


def floor() -> dict[str, Any]:
    """CPU seconds per GB sent and received by one side, part by part."""
    size, times = 16 << 20, 16
    volume = size * times / 1e9
    data, other = np.ones(size, np.uint8), np.ones(size, np.uint8)

    @contextmanager
    def timed(name: str, share: float) -> Iterator[None]:
        start = time.process_time()
        yield
        found[name] = round((time.process_time() - start) * share / volume, 3)

    found: dict[str, Any] = {"case": "floor"}
    with timed("sha256_s_per_gb", 2.0):
        for _ in range(times):
            hashlib.sha256(data).digest()
    with timed("socket_s_per_gb", 1.0):
        _through_socket(data, other, times)
    with timed("one_copy_s_per_gb", 1.0):
        for _ in range(times):
            other[:] = data
    with timed("new_memory_s_per_gb", 1.0):
        for _ in range(times):
            np.empty(size, np.uint8).fill(1)
    return found


def _through_socket(data: np.ndarray, other: np.ndarray, times: int) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(server.getsockname()))
        accepted = stack.enter_context(server.accept()[0])

        def send() -> None:
            for _ in range(times):
                client.sendall(data)

        sender = threading.Thread(target=send)
        sender.start()
        view = memoryview(other)
        for _ in range(times):
            got = 0
            while got < data.nbytes:
                got += accepted.recv_into(view[got:])
        sender.join()


# -- main ------------------------------------------------------------------------------------------------------------


def main() -> int:
    """Start both parties, print one line a measurement and party."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=16)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--party", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ports", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.party is not None:
        party(options.party, json.loads(options.ports), options)
        return 0
    print(json.dumps(floor()), flush=True)
    with ReservedPorts(2) as ports:
        command = [sys.executable, __file__, *sys.argv[1:], "--ports", json.dumps(ports.numbers)]
        children = [
            subprocess.Popen([*command, "--party", str(number)], stdout=subprocess.PIPE, text=True)
            for number in range(2)
        ]
        answers = [child.communicate()[0] for child in children]
    if any(child.returncode for child in children):
        return 1
    for number, answer in enumerate(answers):
        for line in json.loads(answer):
            print(json.dumps({"party": number, **line}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
