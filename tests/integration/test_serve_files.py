"""What a party writes is for its own user only, whatever the umask; a crash leaves no core file."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from tests.integration.scene import TERMINATE, Process, Scene

Make = Callable[..., Scene]
#: A shell that gives every permission to everybody, and then runs the command.
OPEN_HANDED = ("sh", "-c", 'umask 0; exec "$@"', "sh")
#: Certificates are for everybody; an account holds figures only.
PUBLIC = {"p0.crt": 0o644, "account.json": 0o644}


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_files_are_private_even_without_a_umask(scene: Make, tmp_path: Path) -> None:
    place = scene()
    place.execute("in0.sqlite", "CREATE TABLE once (value INTEGER CHECK (value < 0))")
    outputs = [
        {"file": "result.csv"},
        {"db": "sqlite://in0.sqlite", "query": "INSERT INTO once VALUES ($1)"},
    ]
    place.change(0, output=outputs)
    before = set(modes(tmp_path))
    contributor = place.start(1, "--state-dir", "new/one", "--admin-port", "0", prefix=OPEN_HANDED)
    limits = Path(f"/proc/{contributor.popen.pid}/limits").read_text()
    leader = place.start(0, "--state-dir", "new/zero", "--result", "account.json", prefix=OPEN_HANDED)
    assert leader.end() == 4 and "result saved to" in leader.errors, leader.log + leader.errors
    contributor.wait_for("Listening for connection attempts", 2)
    key = Process(tmp_path, "keygen", ["keygen", "--party", "0", "--out", "new/keys"], prefix=OPEN_HANDED)
    assert key.end() == 0, key.errors
    made = {name: mode for name, mode in modes(tmp_path).items() if name not in before}
    written = {name: mode for name, mode in made.items() if not name.endswith((".out", ".err"))}
    names = {Path(name).name for name in written}
    assert {"result.csv", "recovery", "audit.jsonl", "p0.key", "account.json"} <= names, names
    for name, mode in written.items():
        allowed = PUBLIC.get(Path(name).name, 0o700 if (tmp_path / name).is_dir() else 0o600)
        assert mode == allowed, f"{name}: {mode:o}"
    (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[4] == "0"  # the soft limit
    contributor.signal(TERMINATE)
    assert contributor.end(20) == 0
