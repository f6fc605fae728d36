"""Fixtures: a contributor, a leader played by hand, and what was logged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.scene import Scene
from tests.run.actors import QUICK, Contributor, Leader, recorded


@dataclass
class Stage:
    scene: Scene
    leader: Leader
    contributors: list[Contributor]
    log: list[str]

    @property
    def contributor(self) -> Contributor:
        return self.contributors[0]


THREE = """
const A: usize = PARTY_0::ROWS;
pub fn main(a: [u8; A], b: [u8; 2], c: u8) -> [u8; 1] { [a[0] + b[0] + c] }
"""


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """Two parties, or three with ``indirect`` parameter 3."""
    three = getattr(request, "param", 2) == 3
    scene = Scene(tmp_path, [(1, 2, 3), (4, 5), (6,)], THREE) if three else Scene(tmp_path, [(1, 2, 3), (4, 5)])
    for party, policy in enumerate(scene.policies):
        constants = policy["constants"] if party == 0 or not three else None
        scene.change(party, timeouts=QUICK, constants=constants)
    with recorded() as log:
        leader = Leader(scene)
        contributors = [Contributor(tmp_path, p, scene.ports[p]) for p in range(1, len(scene.ports))]
        yield Stage(scene, leader, contributors, log)
        for contributor in contributors:
            contributor.stop()
        leader.stop()
