"""Files that appear whole or not at all, and folders that nobody else may look into."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

#: No room: on the device, in the quota, or beyond the process's own limit.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def new_file(path: str | os.PathLike[str], mode: int = 0o666, *, replace: bool = True) -> Iterator[IO[bytes]]:
    """A file that takes its name when everything is on disk, or leaves nothing behind; OSError as the system says.

    With ``replace`` false an existing file raises FileExistsError in the end and stays as it is.

    A file that it replaces keeps its permissions, a new one gets ``mode`` (less the umask). Symbolic links are
    followed. Devices and pipes are written directly.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with open(target, "wb") as file:
            yield file
        return
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode & 0o777
    with _beside(target, mode, replace) as file:
        yield file


def write_whole(path: Path, data: bytes, *, mode: int = 0o600, replace: bool = True) -> None:
    """Write ``path`` through a temporary file beside it, flushed to disk; ``mode`` is set before data is written.

    With ``replace`` false an existing file raises FileExistsError and stays as it is. Raises OSError.
    """
    with _beside(path, mode, replace) as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


@contextlib.contextmanager
def _beside(path: Path, mode: int, replace: bool) -> Iterator[IO[bytes]]:
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # fails if somebody was quicker
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def private_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder and those above it (mode 0700) where they are missing; returns it. Raises OSError."""
    folder = Path(path)
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)  # fails when it is a file
    return folder


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot, and need not
            raise
    finally:
        os.close(descriptor)


def is_full(error: OSError) -> bool:
    """Whether there was no room to write."""
    return error.errno in _NO_SPACE
