"""What this process may use of the machine, and what it uses."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import sys


def usable_cores() -> int:
    """Cores on which this process may run (a container or ``taskset`` may allow fewer than there are), at least 1."""
    try:
        return len(os.sched_getaffinity(0)) or 1
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def cores_each(parties: int) -> int:
    """Threads of each of ``parties`` that share this machine: together no more than the cores, but one at least."""
    return max(1, usable_cores() // parties)


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes.

    Linux keeps it per address space in /proc; ``getrusage`` would also count the parent before ``exec``.
    """
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_memory() -> int:
    """Resident size of this process now, in bytes; the largest so far on systems that do not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return peak_memory()


def give_back_memory() -> None:
    """Collect what only refers to itself and return freed memory to the system, where its library can do that.

    A process that stays then holds no objects of a run that ended, secrets among them, until the collector's own time.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
