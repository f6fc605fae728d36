"""The two files of a party's identity: ``p<N>.key`` and ``p<N>.crt``."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ResourceError
from engine.files import write_whole

#: How long a certificate counts unless somebody says otherwise.
DAYS = 3650


def write_pair(folder: Path, party: int, key: bytes, certificate: bytes, force: bool = False) -> tuple[Path, Path]:
    """Write both files into ``folder``; raises ResourceError when one is there and ``force`` is not given."""
    key_path, certificate_path = folder / f"p{party}.key", folder / f"p{party}.crt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (key_path, certificate_path):
            if not force and path.exists():
                raise FileExistsError(path)
        write_whole(key_path, key, replace=force)
        write_whole(certificate_path, certificate, mode=0o644, replace=force)
    except FileExistsError:
        raise ResourceError(
            f"{folder / f'p{party}'}.key or .crt exists",
            "--force replaces them (all parties then need the new fingerprint); --out names another folder",
            code="exists",
        ) from None
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise ResourceError(f"cannot write {key_path}: {reason}", "name another folder with --out") from None
    return key_path, certificate_path
