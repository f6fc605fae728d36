"""Parameters that real processes agree on: memory, links and threads of all parties, and levels of security."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.mpc.parameters import BATCH
from engine.transport.slow import Wire
from polytune_cli.bench.network import Line, Relay
from tests.integration.scene import Process, Scene, free_ports

Make = Callable[..., Scene]
IDLE = "Listening for connection attempts from other parties"
MIB = 1 << 20
#: About a hundred thousand AND gates.
PRODUCTS = """
pub fn main(a: [u8; 3], b: [u8; 2]) -> [u64; 1] {
    let mut x = a[0] as u64 + 3u64;
    let mut y = b[0] as u64 + 40503u64;
    for i in 0u64..200 {
        let z = (x & 65535u64) * (y & 65535u64) + i;
        x = y + (z >> 16u8);
        y = (x & 65535u64) ^ z;
    }
    [x & 65535u64]
}
"""


def products(first: int, second: int) -> int:
    x, y = first + 3, second + 40503
    for i in range(200):
        z = (x & 65535) * (y & 65535) + i
        x = y + (z >> 16)
        y = (x & 65535) ^ z
    return x & 65535


def without_constants(place: Scene, **keys: Any) -> None:
    for party in range(len(place.ports)):
        place.change(party, constants=None, **keys)


def parameters(process: Process) -> dict[str, int]:
    """What the party says that was agreed on."""
    found = re.search(r"parameters of the protocol: Plan\((.*)\)", process.log)
    assert found, process.log
    return {name: int(value) for name, _, value in (item.partition("=") for item in found[1].split(", "))}


def peak(process: Process) -> int:
    """Megabytes, as the party logs them."""
    return int(process.log.partition("Peak memory: ")[2].partition(" MB")[0])


def ended_well(place: Scene, leader: Process, *contributors: Process) -> dict[str, int]:
    """The result is there, everybody is idle again, all had the same parameters."""
    assert leader.end() == 0, leader.log + leader.errors
    for contributor in contributors:
        contributor.wait_for(IDLE, 2)
        assert parameters(contributor) == parameters(leader)
    return parameters(leader)


@pytest.mark.fault(40)
def test_memory_that_is_too_small_is_refused_before_the_protocol(scene: Make) -> None:
    place = scene([(1, 2, 3), (10, 20)], PRODUCTS)
    without_constants(place)
    place.change(1, limits={"memory": 120 * MIB})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 6, leader.log + leader.errors
    text = re.compile(r"party 1: circuit needs ~\d+ MiB, limit 120 MiB \(limits\.memory\)")
    assert text.search(leader.errors), leader.errors
    contributor.wait_for(IDLE, 2)
    assert text.search(contributor.log)
    assert "Trying to execute circuit" not in leader.log + contributor.log
    assert place.results == [999]
    # With more memory the same contributor process would still refuse: its policy is what counts. A new one accepts.
    contributor.stop()
    place.change(1, limits={"memory": 1024 * MIB})
    again = place.start(1)
    assert place.start(0).end() == 0
    assert place.results == [products(1, 10)]
    again.wait_for(IDLE, 2)


def test_the_leader_s_own_memory_counts_too(scene: Make) -> None:
    place = scene()
    place.change(0, limits={"memory": 1})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 6
    assert "party 0: circuit needs ~" in leader.errors and "limit 1 MiB (limits.memory)" in leader.errors
    contributor.wait_for(IDLE, 2)


def test_three_parties_with_little_memory_use_small_batches(scene: Make) -> None:
    three = PRODUCTS.replace("b: [u8; 2]", "b: [u8; 2], c: u8")
    place = scene([(1, 2, 3), (10, 20), (5,)], three)
    without_constants(place)
    contributors = [place.start(1, "-v"), place.start(2, "-v")]
    ample = ended_well(place, place.start(0, "-v"), *contributors)
    assert ample["batch"] == BATCH
    before = peak(contributors[1])
    for contributor in contributors:
        contributor.stop()
    # The batch of 100,000 gates takes some 120 MB at once.
    place.change(2, limits={"memory": (before - 60) * 1_000_000})
    contributors = [place.start(1, "-v"), place.start(2, "-v")]
    scarce = ended_well(place, place.start(0, "-v"), *contributors)
    assert scarce["batch"] < ample["batch"] and scarce["segment"] < ample["segment"]
    assert peak(contributors[1]) < before - 30
    assert place.results == [products(1, 10)]


@pytest.fixture
def slow(scene: Make) -> Iterator[Scene]:
    """Two parties that reach each other through lines of five megabytes a second."""
    place = scene([(1, 2, 3), (10, 20)], PRODUCTS)
    listen = free_ports(2)
    lines = [Line(Wire(rtt=0.01, rate=5_000_000)) for _ in range(2)]
    relays = [Relay(port, line, other) for port, line, other in zip(listen, lines, reversed(lines))]
    place.ports = listen
    without_constants(place, participants=[f"http://127.0.0.1:{relay.port}/" for relay in relays])
    yield place
    for relay in relays:
        relay.close()


def test_a_slow_network_chooses_the_larger_k(slow: Scene) -> None:
    contributor = slow.start(1, "-v", "--port", str(slow.ports[1]))
    leader = slow.start(0, "-v", "--port", str(slow.ports[0]))
    assert ended_well(slow, leader, contributor)["k"] == 8
    assert slow.results == [products(1, 10)]
    assert "link to party 1: round trip" in leader.log and "link to party 0: round trip" in contributor.log


def test_a_fixed_k_is_used_without_measuring(slow: Scene) -> None:
    for party in (0, 1):
        slow.change(party, security={"k": 2})
    contributor = slow.start(1, "-v", "--port", str(slow.ports[1]))
    leader = slow.start(0, "-v", "--port", str(slow.ports[0]))
    assert ended_well(slow, leader, contributor)["k"] == 2
    assert slow.results == [products(1, 10)]
    assert "link to party" not in leader.log + contributor.log


@pytest.mark.parametrize("security", [{"w": 128}, {"rho": 64, "w": 128}, {"rho": 80, "k": 8}])
def test_conservative_levels_of_security(scene: Make, security: dict[str, int]) -> None:
    place = scene()
    for party in (0, 1):
        place.change(party, security=security)
    contributor = place.start(1, "-v", "--threads", "2")
    ended_well(place, place.start(0, "-v", "--threads", "1"), contributor)
    assert place.results == [36, 0]


def test_k_is_the_leader_s_to_propose_and_a_contributor_s_to_insist_on(scene: Make) -> None:
    place = scene()
    place.change(1, security={"k": 8})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 5
    assert "security.k differ" in leader.log + leader.errors
    contributor.wait_for("security.k differ (8 ≠ null)")


def test_threads_must_be_a_number_of_threads(scene: Make) -> None:
    place = scene()
    process = place.start(0, "--threads", "0")
    assert process.end() == 2
    assert "Invalid value for '--threads'" in process.errors
