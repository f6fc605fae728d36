"""Where compiled kernels are kept; all that can be known about it without numba.

    $POLYTUNE_CACHE_DIR, else $XDG_CACHE_HOME/polytune, else ~/.cache/polytune, else a directory in $TMPDIR

The directory must belong to the user and be writable by nobody else, because code is loaded from it. In it is one
directory ``kernels-*`` per processor, and there one per content of the sources, and the file ``complete-VERSION`` when
all kernels of the sources with this digest are compiled.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOM = Path(__file__).resolve().parent / "kernels"


def candidates() -> Iterator[Path]:
    """Directories to try, the best first."""
    explicit = os.environ.get("POLYTUNE_CACHE_DIR") or os.environ.get("NUMBA_CACHE_DIR")
    if explicit:
        yield Path(explicit).absolute()
    if os.environ.get("XDG_CACHE_HOME"):
        yield Path(os.environ["XDG_CACHE_HOME"]).absolute() / "polytune"
    home = os.path.expanduser("~")
    if os.path.isabs(home):
        yield Path(home) / ".cache" / "polytune"
    yield Path(tempfile.gettempdir()) / f"polytune-{_user()}"


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def is_private(directory: Path) -> bool:
    """True if only this user can write into ``directory`` (made if absent), and if it can be written at all."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode):
            return False
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            return False
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


@cache
def version() -> str:
    """Digest of the sources of all kernels."""
    digest = hashlib.sha256()
    for path in sorted(ROOM.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def may_be_complete() -> bool:
    """False if all kernels of this version are surely not compiled; True may be another processor's cache."""
    name = f"kernels-*/complete-{version()}"
    return any(next(iter(candidate.glob(name)), None) is not None for candidate in candidates())
