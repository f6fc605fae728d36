"""Compile all kernels ahead, in processes beside each other: numba compiles one function at a time in a process.

Every kernel is compiled once, also when several programs start on an empty cache: whoever is at a task (kernels that
share helpers) holds its byte of a lock file, the others come back later and find the code. When all are there an
empty file says so, and from then on :func:`is_warm` is one look at the file system.

``python -m engine.kernels.warm`` is the process that compiles: tasks on stdin, a JSON line per kernel on stdout.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from engine.codecache import version
from engine.kernels import KERNELS, cache_base
from engine.kernels.signatures import SIGNATURES, signature

ROOT = Path(__file__).resolve().parents[2]
#: More processes gain little: the longest module decides.
MOST_PROCESSES = 4

Progress = Callable[[int, int, str], None]


@dataclass
class Warmth:
    """What :func:`warm` did.

    ``kernels``: how many there are; ``compiled``: how many of them were compiled here; ``failed``: errors by kernel;
    ``cpu_seconds``: of the processes that compiled. ``kept`` is False if the cache ends with this process.
    """

    kernels: int
    directory: Path | None
    kept: bool
    compiled: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    by_kernel: dict[str, float] = field(default_factory=dict)


def is_warm() -> bool:
    """True if all kernels of this version are compiled for this processor."""
    stamp = _file("complete")
    return stamp is not None and stamp.exists()


def warm(progress: Progress = lambda done, total, name: None, processes: int | None = None) -> Warmth:
    """Compile what is missing; ``progress(done, total, name)`` is called in this thread after each kernel.

    A kernel that cannot be compiled is reported and left to its first call. ``processes``: by default one a core.
    """
    base, kept = cache_base()
    result = Warmth(len(SIGNATURES), base, kept)
    begin = time.perf_counter()
    if not is_warm():
        count = processes or min(_cores(), MOST_PROCESSES)
        alone = base is None or not sys.executable
        for done, answer in enumerate(_compile_here() if alone else _compile_beside(count), 1):
            _record(result, answer)
            progress(done, result.kernels, answer["kernel"])
        stamp = _file("complete")
        if stamp is not None and not result.failed:
            with contextlib.suppress(OSError):
                stamp.touch(mode=0o600)
    result.seconds = time.perf_counter() - begin
    return result


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _record(result: Warmth, answer: dict[str, Any]) -> None:
    name = answer["kernel"]
    if "error" in answer:
        result.failed[name] = answer["error"]
    result.compiled += answer.get("compiled", 0)
    result.cpu_seconds += answer.get("cpu", 0.0)
    result.by_kernel[name] = answer.get("cpu", 0.0)


def _file(kind: str) -> Path | None:
    base, _ = cache_base()
    return None if base is None else base / f"{kind}-{version()}"


# -- the process that asks ---------------------------------------------------------------------------------------


#: Modules that one process should do because they inline the same helpers; the longest first, so that the processes
#: end together.
_TOGETHER = (("extension", "transpose"), ("circuit_emit", "circuit_words"), ("leaky", "garbling", "hashes"))


def _tasks() -> list[list[str]]:
    """Names of kernels, in lists for one process each."""
    groups: dict[tuple[str, ...], list[str]] = {group: [] for group in _TOGETHER}
    for name in SIGNATURES:
        module = name.partition(".")[0]
        group = next((group for group in _TOGETHER if module in group), (module,))
        groups.setdefault(group, []).append(name)
    return list(groups.values())


def _compile_here() -> Iterator[dict[str, Any]]:
    """Without a directory that processes could share."""
    for names in _tasks():
        for name in names:
            yield _compile(name)


def _compile_beside(count: int) -> Iterator[dict[str, Any]]:
    """Answers of ``count`` processes that share the tasks."""
    tasks, answers = deque(_tasks()), queue.SimpleQueue[dict[str, Any]]()
    children = [_Child() for _ in range(min(count, len(tasks)))]
    threads = [threading.Thread(target=child.work, args=(tasks, answers.put), daemon=True) for child in children]
    try:
        for thread in threads:
            thread.start()
        for _ in SIGNATURES:
            yield answers.get()
        for thread in threads:
            thread.join()
    finally:
        for child in children:
            child.end()


class _Child:
    """A process that compiles; started again if it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._ended = False

    def work(self, tasks: deque[list[str]], answer: Callable[[dict[str, Any]], None]) -> None:
        """Do tasks until none is left; those that another program is at come last."""
        busy: list[list[str]] = []
        while True:
            try:
                names = tasks.popleft()
            except IndexError:
                break
            if not self._do(names, "try", answer):
                busy.append(names)
        for names in busy:
            self._do(names, "wait", answer)

    def _do(self, names: list[str], how: str, answer: Callable[[dict[str, Any]], None]) -> bool:
        """Have one task done; False if another program is at it."""
        line = " ".join([how, *names])
        for name in names:
            found = self._ask(line) if line else self._listen()
            if found is None:
                answer({"kernel": name, "error": "the process that compiled it ended"})
                line = ""
                continue
            if found.get("busy"):
                return False
            answer(found)
            line = ""
        return True

    def _ask(self, line: str) -> dict[str, Any] | None:
        with contextlib.suppress(OSError):
            process = self._running()
            _pipe(process.stdin).write(line + "\n")
            _pipe(process.stdin).flush()
        return self._listen()

    def _listen(self) -> dict[str, Any] | None:
        """The next answer; None if the process has ended."""
        answer = _pipe(self._process.stdout).readline() if self._process is not None else ""
        if not answer:
            self._process = None
            return None
        found: dict[str, Any] = json.loads(answer)
        return found

    def _running(self) -> subprocess.Popen[str]:
        if self._ended:
            raise OSError("ended")
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "engine.kernels.warm"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=_environment(),
            )
        return self._process

    def end(self) -> None:
        """End the process and close its pipes."""
        self._ended = True
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    _pipe(pipe).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _environment() -> dict[str, str]:
    base, kept = cache_base()
    path = os.environ.get("PYTHONPATH")
    found = {**os.environ, "PYTHONPATH": str(ROOT) + (os.pathsep + path if path else "")}
    if base is not None and not kept:
        found["POLYTUNE_CACHE_DIR"] = str(base.parent)
    return found


# -- the process that compiles -----------------------------------------------------------------------------------


def _compile(name: str) -> dict[str, Any]:
    """Load or compile one kernel: its answer."""
    begin = time.process_time()
    try:
        importlib.import_module(f"engine.kernels.{name.partition('.')[0]}")
        kernel = KERNELS[name]
        kernel.compile(signature(name))
    except Exception as error:  # the first call will raise the same
        return {"kernel": name, "error": f"{type(error).__name__}: {error}"}
    compiled = sum(kernel.stats.cache_hits.values()) == 0
    return {"kernel": name, "compiled": compiled, "cpu": time.process_time() - begin}


@contextlib.contextmanager
def _claimed(task: list[str], wait: bool) -> Iterator[bool]:
    """Hold the byte of a task in the lock file; False if another process has it. Without locks: always True."""
    path = _file("lock")
    try:
        import fcntl

        descriptor = os.open(path or "", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (ImportError, OSError):
        yield True
        return
    try:
        free = True
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, _tasks().index(task))
        except BlockingIOError:
            free = False
        except OSError:  # a file system without locks
            pass
        yield free
    finally:
        os.close(descriptor)


def main() -> None:
    """Compile what stdin names: each line "try" or "wait" and the names of a task."""
    for line in sys.stdin:
        how, *names = line.split()
        with _claimed(names, how == "wait") as free:
            if not free:
                print(json.dumps({"busy": True}), flush=True)
                continue
            for name in names:
                print(json.dumps(_compile(name)), flush=True)


if __name__ == "__main__":
    main()
