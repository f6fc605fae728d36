"""Runs over a network that fails in every way that a seeded proxy knows, at requests that hypothesis chooses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import RunError, SecurityError
from engine.transport.http.wire import MOST_CHANGED
from tests.faults.network import Ended, Network
from tests.integration.scene import SUM, SUM_OF_THREE, Scene
from tests.transport.faults import FAULTS, Fault

Plan = Sequence[Fault]

faults = st.builds(
    Fault,
    kind=st.sampled_from(FAULTS),
    route=st.sampled_from(("run", "probe", "consts", "sync", "msg", "abort")),
    number=st.integers(0, 5) | st.integers(0, 60),
    part=st.floats(0, 1),
)
plans = st.lists(faults, max_size=6)
chosen = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
some = settings(chosen, max_examples=6, derandomize=True)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    place = Scene(tmp_path_factory.mktemp("two"), [(1, 2, 3), (10, 20)], SUM)
    yield from served(Network(place, [36, 0]))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    yield from served(network_of_three(tmp_path_factory.mktemp("three")))


def network_of_three(folder: Path) -> Network:
    place = Scene(folder, [(1, 2), (3, 4), (5,)], SUM_OF_THREE)
    for party in range(3):
        place.change(party, constants=None)
    return Network(place, [15])


def served(network: Network) -> Iterator[Network]:
    try:
        yield network
    finally:
        network.stop()
        network.place.stop()


def may_fail(plan: Plan) -> bool:
    """The leader asks each party once; a message that is changed too often is no accident. All else must heal."""
    flips = sum(fault.kind == "flip" for fault in plan)
    lost = any(fault.route == "run" and fault.kind in ("drop_before", "drop_after", "cut") for fault in plan)
    return lost or flips >= MOST_CHANGED


def check(network: Network, *ways: Plan) -> Ended:
    """The whole result or nothing; a failure only where one is due, with its reason; and the next run succeeds."""
    ended = network.run(*ways)
    if ended.error is None:
        assert ended.results == network.expected, ended
        return ended
    assert ended.results == [999], ended
    assert any(map(may_fail, ways)), ended
    assert isinstance(ended.error, RunError | SecurityError) and "internal" not in str(ended.error), ended
    for contributor in network.contributors:
        assert "internal error" not in contributor.log and "Traceback" not in contributor.log + contributor.errors
    again = network.run()
    assert again.error is None and again.results == network.expected, again
    return ended


@pytest.mark.fault(49)
@pytest.mark.defect("D4", "D6")
@some
@given(to_leader=plans, to_contributor=plans)
def test_any_faults_leave_the_whole_result_or_nothing(two: Network, to_leader: Plan, to_contributor: Plan) -> None:
    check(two, to_leader, to_contributor)


@pytest.mark.long
@settings(chosen, max_examples=200)
@given(to_leader=plans, to_contributor=plans)
def test_two_hundred_runs_with_any_faults(two: Network, to_leader: Plan, to_contributor: Plan) -> None:
    check(two, to_leader, to_contributor)


@pytest.mark.long
@settings(chosen, max_examples=80)
@given(ways=st.tuples(plans, plans, plans))
def test_three_parties_with_any_faults(three: Network, ways: tuple[Plan, ...]) -> None:
    check(three, *ways)


@pytest.mark.fault(49)
@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_at_each_stage_heals(two: Network, kind: str) -> None:
    way = [Fault(kind, route, number, 0.4) for route in ("probe", "consts", "sync", "msg") for number in (0, 2)]
    ended = check(two, way, way)
    assert ended.error is None and ended.injected.count(kind) >= 6, ended


@pytest.mark.fault(44)
def test_bytes_that_are_changed_every_time_end_the_run(two: Network) -> None:
    ended = check(two, [], [Fault("flip", "msg", number) for number in range(100)])
    assert isinstance(ended.error, SecurityError) and ended.error.exit_code == 5
    assert "what party 1 receives is not what was sent" in ended.error.message
    assert "aborted the run: changed" in two.contributors[0].log


#: What is tried every time, as ways to party 0 and to 1. What the tests above find by chance is to be added here.
ALWAYS: list[tuple[Plan, Plan]] = [
    ([], [Fault("drop_after", "run")]),  # the contributor has joined, the leader does not know
    ([], [Fault("drop_after", "run"), Fault("drop_before", "abort")]),  # and nobody tells it
    ([Fault("drop_before", "sync", 1)], [Fault("cut", "sync", 0, 1.0), Fault("duplicate", "sync", 1)]),
    ([], [Fault("reorder", "msg", 0), Fault("flip", "msg", 1, 0.0), Fault("drop_after", "msg", 2)]),
    ([Fault("slow", "msg", n) for n in range(4)], [Fault("duplicate", "msg", n) for n in range(40)]),
]


@pytest.mark.parametrize("to_leader, to_contributor", ALWAYS)
def test_plans_that_are_tried_every_time(two: Network, to_leader: Plan, to_contributor: Plan) -> None:
    check(two, to_leader, to_contributor)
