"""``limits.spool_dir``: what a peer sends beyond its window waits in files without a name; a full disk ends the run."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ResourceError
from engine.run.terms import summary_digest
from engine.transport import Inbox
from engine.transport.frame import Header, pack
from engine.transport.http import HttpLink
from engine.transport.http.receiver import Receiver
from engine.transport.http.wire import ApiError
from engine.transport.spool import Spool
from tests.integration.scene import Scene
from tests.run.actors import Leader, wait_until
from tests.transport.test_receiver import expected, frame, offer, taken

#: A length that this message may have, and so many that they exceed the smallest window.
SIZE, COUNT = 2000, 60
IDLE = "Listening for connection attempts from other parties"


def mapped(folder: Path) -> int:
    """Files of ``folder`` that this process has mapped and that have no name any more."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sum(str(folder) in line and line.endswith("(deleted)") for line in lines)


def test_only_what_is_beyond_the_window_waits_in_files(tmp_path: Path) -> None:
    receiver = Receiver(2, Inbox(2), window=100_000, most=1_000_000, spool=Spool(tmp_path))
    bodies = [np.random.default_rng(number).bytes(60_000) for number in range(8)]
    receiver.inbox.open(1, expected(99, 10))  # what is waited for comes after all of them
    for number, body in enumerate(bodies[:2]):
        offer(receiver, number, frame(number, body))
    assert mapped(tmp_path) == 0
    for number, body in enumerate(bodies[2:], 2):
        offer(receiver, number, frame(number, body))
    assert mapped(tmp_path) == 6 and not list(tmp_path.iterdir())
    for number, body in enumerate(bodies):
        assert taken(receiver, number, len(body)) == body
    assert mapped(tmp_path) == 0
    assert receiver.inbox.queued_bytes(1) == 0


def test_a_folder_that_cannot_be_used_ends_the_run(tmp_path: Path) -> None:
    receiver = Receiver(2, Inbox(2), window=1000, spool=Spool(tmp_path / "missing"))
    receiver.inbox.open(1, expected(99, 10))
    offer(receiver, 0, frame(0, bytes(2000)))
    with pytest.raises(ApiError) as refused:
        offer(receiver, 1, frame(1, bytes(2000)))
    assert refused.value.status == 503
    assert isinstance(receiver.inbox.error, ResourceError) and receiver.inbox.error.exit_code == 6


def room_for(size: int) -> list[str]:
    """A command prefix: what follows finds ``spool``, in its working folder, with that many bytes of room."""
    script = f'mount -t tmpfs -o size={size} none spool && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]


def can_mount(folder: Path) -> bool:
    (folder / "spool").mkdir(exist_ok=True)
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*room_for(4096), "true"], cwd=folder, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def flooding(place: Scene) -> Iterator[Leader]:
    """A leader that agrees to everything, never begins the protocol, and sends what nobody has asked for."""
    leader = Leader(place)
    try:
        assert leader.propose()[0] == leader.constants()[0] == 200
        summary = leader.summary_of(1)
        digest = f"sha256:{summary_digest(summary).hex()}"
        leader.answers["sync"] = (200, {"digest": digest})
        assert leader.agree(1, summary)[0] == 200
        leader.post(1, "sync", {"run_id": leader.run_id, "stage": "ready"})
        place.processes[-1].wait_for("Trying to execute circuit")
        link = HttpLink(0, leader.policy.participants, leader.run_id, Inbox(2))
        for number in range(1, COUNT):
            link.post(1, [pack(Header("LEAKY_G", 0, 1, number, 0, bytes(8), SIZE)), bytes(SIZE)])
            if number in (20, 40):  # two requests fill the window; a single one is let in as a whole
                link.flush()
        yield leader
        link.close()
    finally:
        leader.stop()


@pytest.mark.fault(59)
def test_a_full_disk_ends_the_run_and_peers_are_told(scene: Callable[..., Scene], tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("needs a kernel that lets users mount a small file system")
    place = scene()
    place.change(1, limits={"window": 1 << 16, "spool_dir": "spool"})
    contributor = place.start(1, prefix=room_for(4096))
    with flooding(place) as leader:
        wait_until(lambda: bool(leader.got("abort")), contributor.log)
        assert leader.got("abort")[0] == {"run_id": leader.run_id, "code": "no_space", "message": ""}
    contributor.wait_for(IDLE, 2)
    assert "no space left writing" in contributor.log and "limits.spool_dir" in contributor.log
    # It serves the next run, for which there is room.
    again = place.start(0)
    assert again.end() == 0, again.log + again.errors
    assert place.results == [36, 0]


def test_a_missing_folder_is_found_at_the_start(scene: Callable[..., Scene]) -> None:
    place = scene()
    place.change(1, limits={"spool_dir": "nowhere"})
    party = place.run("serve", "-c", "policy1.json")
    assert party.end() == 6
    assert "limits.spool_dir: cannot write to" in party.errors and "nowhere" in party.errors
