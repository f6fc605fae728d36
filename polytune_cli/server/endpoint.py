"""Where the operators' listener of a running party is: a file in the state directory, for commands of the same user.

It holds the address and the token, is readable by its owner only, and is gone when the party ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine.errors import ResourceError
from engine.files import private_folder, write_whole

FOLDER = "listeners"


@dataclass(frozen=True)
class Endpoint:
    """A listener: its URL, the token, the policy file of the party, and the process."""

    url: str
    policy: str
    pid: int
    token: str = field(repr=False)

    def write(self, state_dir: Path) -> Path:
        """Publish it; raises ResourceError when the state directory cannot be used."""
        path = place(state_dir, Path(self.policy))
        try:
            private_folder(path.parent)
            write_whole(path, json.dumps(asdict(self)).encode())
        except OSError as error:
            raise ResourceError(
                f"cannot write {path}: {error.strerror}", "name another folder with --state-dir", code="state_dir"
            ) from None
        return path

    def remove(self, path: Path) -> None:
        """Take it back, unless another process has published its own meanwhile."""
        if read(path) == self:
            with contextlib.suppress(OSError):
                path.unlink()


def place(state_dir: Path, policy: Path) -> Path:
    """The file of the party that was started with ``policy``."""
    digest = hashlib.sha256(os.fsencode(policy.resolve())).hexdigest()
    return state_dir / FOLDER / f"{digest[:32]}.json"


def read(path: Path) -> Endpoint | None:
    """What a file says; None when there is none or it cannot be understood."""
    try:
        return Endpoint(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def running(state_dir: Path) -> list[Endpoint]:
    """All listeners in ``state_dir`` whose process is alive."""
    found = [read(path) for path in sorted((state_dir / FOLDER).glob("*.json"))]
    return [endpoint for endpoint in found if endpoint is not None and _alive(endpoint.pid)]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
