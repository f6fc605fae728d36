"""A party whose process deviates from the protocol: the honest one says what failed, exits 5, and writes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.integration.scene import ROOT, Scene

Make = Callable[..., Scene]
#: Python imports it before anything else: the process flips the first bit of its first message of a kind.
CHEAT = """
import engine.transport.channel as channel

honest = channel.Channel.send
left = ["LABEL"]

def send(self, to, label, *arrays, a=0, b=0):
    if label in left:
        left.remove(label)
        first = bytearray(memoryview(arrays[0]).cast("B"))
        first[0] ^= 1
        arrays = (bytes(first), *arrays[1:])
    return honest(self, to, label, *arrays, a=a, b=b)

channel.Channel.send = send
"""


@pytest.mark.fault(47)
@pytest.mark.parametrize("label", ["COT_V", "OPEN_BUCKET"])
def test_a_wrong_check_value_or_mac_ends_the_run_for_all(scene: Make, label: str) -> None:
    place = scene()
    (shadow := place.folder / "shadow").mkdir()
    (shadow / "sitecustomize.py").write_text(CHEAT.replace("LABEL", label))
    path = os.pathsep.join([str(shadow), str(ROOT)])
    contributor = place.start(1, env={"PYTHONPATH": path})
    leader = place.start(0)
    assert leader.end() == 5, leader.log + leader.errors
    assert "Error: party 1 sent an inconsistent message in phase " in leader.errors
    assert "hint: nothing was revealed" in leader.errors
    assert "MPC Output" not in leader.log and place.results == [999]
    contributor.wait_for("Listening for connection attempts", 2)
    assert "party 0 aborted the run" in contributor.log
    # The same process, honest from now on, takes part in the next run.
    assert place.start(0).end() == 0
    assert place.results == [36, 0]
