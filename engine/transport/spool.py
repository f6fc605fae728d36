"""Memory in files: what a peer sends beyond its window goes to a folder, not into the memory of the process.

A block is a mapped file without a name, so it is gone with its last view, or with the process. Its room on the disk is
taken before anything is written: a full disk is an error here, not a signal later.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

from engine.errors import ResourceError


class Spool:
    """Blocks in files of ``folder``, readable by this user only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def block(self, size: int) -> memoryview:
        """``size`` writable bytes; raises ResourceError when the disk is full."""
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return memoryview(mmap.mmap(file.fileno(), size))
        except OSError as error:
            raise ResourceError(
                f"no space left writing {self.folder}: {error.strerror}",
                "make room there, or choose another folder in limits.spool_dir; or raise limits.window",
                code="no_space",
            ) from None

    def check(self) -> None:
        """Raises ResourceError when nothing can be written there."""
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                os.posix_fallocate(file.fileno(), 0, 1)
        except OSError as error:
            raise ResourceError(
                f"limits.spool_dir: cannot write to {self.folder}: {error.strerror}",
                "name a folder that exists and belongs to you",
                code="spool_dir",
            ) from None


def is_spooled(view: memoryview) -> bool:
    """Whether these bytes are in a block of a spool."""
    return isinstance(view.obj, mmap.mmap)


def is_in_memory(folder: Path) -> bool:
    """Whether the file system of ``folder`` is itself memory, so that a file there saves none."""
    best = ("", "")
    try:
        for line in Path("/proc/mounts").read_text().splitlines():
            _, place, kind, *_ = line.split(" ")
            if folder.resolve().is_relative_to(place) and len(place) >= len(best[0]):
                best = (place, kind)
    except OSError:  # no Linux
        return False
    return best[1] in ("tmpfs", "ramfs")
