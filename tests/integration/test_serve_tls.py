"""Mutual TLS between real processes: who gets in, who does not, and what they are told."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.scene import SUM_OF_THREE, Scene

Make = Callable[..., Scene]


def test_two_parties_compute_over_mutual_tls(scene: Make) -> None:
    s = scene()
    s.secure()
    contributor = s.start(1, "--runs", "1")
    leader = s.start(0)
    assert (leader.end(), contributor.end()) == (0, 0), leader.log + leader.errors + contributor.log
    assert s.results == [36, 0]
    assert "https://localhost:" in leader.log and "INSECURE" not in leader.log


def test_three_parties_compute_over_mutual_tls(scene: Make) -> None:
    s = scene(((1, 2), (3, 4), (5,)), SUM_OF_THREE)
    s.secure()
    contributors = [s.start(party, "--runs", "1") for party in (1, 2)]
    leader = s.start(0)
    assert leader.end() == 0, leader.errors
    assert [contributor.end() for contributor in contributors] == [0, 0]
    assert s.results == [15]
