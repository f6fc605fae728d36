"""The parameters of a run from the offers of all parties: a pure function, held against its break-even points."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.errors import MemoryExceeded
from engine.mpc.memory import CircuitSize, party_bytes
from engine.mpc.parameters import BATCH, SEGMENT, minimum_layer, parameters_for
from engine.run.offers import Link, Offer
from engine.run.plan import COMPUTING, DEFAULT_K, SMALLEST_BATCH, Wanted, fastest_k, human, make_plan, share_time

MIB, GIB = 1 << 20, 1 << 30
ANDS = 10_000_000
SIZE = CircuitSize(stored=40 * ANDS, gates=4 * ANDS, and_gates=ANDS, inputs=100_000, slots=200_000)
WANTED = Wanted(rho=40, w=64, k=None, evaluator=0, size=SIZE)


def offers(rate: int = 0, *, parties: int = 2, threads: int = 1, memory: int | None = None) -> dict[int, Offer]:
    """Equal offers of all parties; ``rate`` 0: nothing was measured."""
    found = {}
    for party in range(parties):
        links = {peer: Link(500, rate) for peer in range(parties) if peer != party} if rate else {}
        found[party] = Offer(memory, memory, threads, 4 * MIB, links)
    return found


def test_what_the_parties_of_an_ordinary_network_get():
    plan = make_plan(WANTED, offers(110_000_000, memory=15 * GIB))
    assert plan.to_json() == {"k": 4, "batch": BATCH, "segment": SEGMENT, "chunk": 4 * MIB}


# -- k ---------------------------------------------------------------------------------------------------------------


def break_even(small: int, large: int, computing: int) -> int:
    """Bytes per second at which both take the same time; ``computing`` = 2 * peers / threads."""
    difference = computing * (COMPUTING[large] - COMPUTING[small])  # picoseconds that the larger k computes longer
    return (16 // small - 16 // large) * 10**12 // difference


@pytest.mark.parametrize(("parties", "threads", "computing"), [(2, 1, 2), (3, 1, 4), (2, 2, 1), (5, 4, 2)])
@pytest.mark.parametrize(("small", "large"), [(2, 4), (4, 8)])
def test_break_even_points(parties, threads, computing, small, large):
    rate = break_even(small, large, computing)
    size = 10**9  # so many gates that every difference is worthwhile
    assert fastest_k(offers(rate * 101 // 100, parties=parties, threads=threads), size) == small
    assert fastest_k(offers(rate * 99 // 100, parties=parties, threads=threads), size) == large


def test_times_are_computing_plus_sending():
    assert share_time(4, 1, 1, 10**9) == 2 * 7_000 + 4_000
    assert share_time(8, 2, 4, 10**6) == 35_000 + 2_000_000


def test_the_slowest_link_and_the_smallest_party_count():
    slow = offers(2_000_000_000, parties=3)
    slow[2] = replace(slow[2], links={0: Link(500, 1_000_000)})
    assert fastest_k(slow, ANDS) == 8
    # Many threads make the larger k pay on a faster link, but only if everybody has them.
    assert fastest_k(offers(200_000_000, threads=16), ANDS) == 8
    mixed = offers(200_000_000, threads=16)
    mixed[1] = replace(mixed[1], threads=1)
    assert fastest_k(mixed, ANDS) == 4


def test_unknown_links_small_circuits_and_a_fixed_k():
    assert fastest_k(offers(), ANDS) == DEFAULT_K == 4
    assert fastest_k(offers(1_000_000), 1000) == 4  # nothing to gain
    assert fastest_k(offers(1_000_000), 100_000) == 8
    assert make_plan(replace(WANTED, k=2), offers(1_000_000)).k == 2
    assert make_plan(replace(WANTED, k=1), offers()).k == 1


def test_order_of_offers_does_not_matter():
    some = offers(90_000_000, parties=3, memory=3 * GIB)
    some[1] = replace(some[1], memory=2 * GIB, chunk=MIB)
    plan = make_plan(WANTED, some)
    assert plan == make_plan(WANTED, dict(reversed(some.items())))
    assert plan.chunk == MIB


# -- memory ----------------------------------------------------------------------------------------------------------


def needs(plan, parties: int = 2, **wanted: int) -> list[int]:
    params = parameters_for(parties, ANDS, SIZE.inputs, k=plan.k, batch=plan.batch, **wanted)
    return [party_bytes(params, SIZE, plan.segment, evaluator=p == 0) for p in range(parties)]


def test_less_memory_means_smaller_batches_and_the_largest_that_fit():
    seen = []
    for memory in (4 * GIB, 900 * MIB, 700 * MIB, 550 * MIB):
        plan = make_plan(WANTED, offers(memory=memory))
        assert max(needs(plan)) <= memory
        assert plan.segment == SEGMENT * plan.batch // BATCH
        if plan.batch < BATCH:
            larger = replace(plan, batch=2 * plan.batch, segment=2 * plan.segment)
            assert max(needs(larger)) > memory
        seen.append(plan.batch)
    assert seen == sorted(seen, reverse=True) and seen[0] == BATCH and seen[-1] < BATCH // 4


def test_one_party_with_little_memory_decides_for_all():
    some = offers(parties=3, memory=16 * GIB)
    some[2] = replace(some[2], memory=GIB)
    assert make_plan(WANTED, some).batch < make_plan(WANTED, offers(parties=3, memory=16 * GIB)).batch
    some[2] = Offer()  # a party that says nothing of memory
    assert make_plan(WANTED, some).batch == BATCH


def test_what_fits_nowhere_is_refused_with_party_and_numbers():
    large = replace(WANTED, size=replace(SIZE, stored=40 * GIB, gates=4 * 10**9, and_gates=10**9))
    some = offers(memory=100 * GIB)
    some[1] = replace(some[1], memory=15 * GIB, limit=16 * GIB)
    with pytest.raises(MemoryExceeded) as caught:
        make_plan(large, some)
    error = caught.value
    assert error.message == "party 1: circuit needs ~41.1 GiB, limit 16 GiB (limits.memory)"
    assert (error.exit_code, error.code) == (6, "memory")
    assert "limits.memory in the policy of party 1" in error.hint


@pytest.mark.parametrize("rho", [40, 64, 80])
def test_every_shape_keeps_the_security_level(rho):
    """However little a party says it has, buckets stay as large as the level demands."""
    wanted = replace(WANTED, rho=rho, w=64 if rho == 40 else 128)
    smallest = parameters_for(2, ANDS, SIZE.inputs, rho=rho, w=wanted.w, batch=SMALLEST_BATCH)
    enough = party_bytes(smallest, SIZE, SEGMENT * SMALLEST_BATCH // BATCH, evaluator=True)
    plan = make_plan(wanted, offers(memory=enough))
    params = parameters_for(2, ANDS, SIZE.inputs, rho=rho, w=wanted.w, k=plan.k, batch=plan.batch)
    assert params.layer >= minimum_layer(rho, params.bucket, many=True)
    with pytest.raises(MemoryExceeded):
        make_plan(wanted, offers(memory=enough - 1))


@pytest.mark.parametrize(
    ("size", "text"),
    [(1, "1 MiB"), (310 * MIB, "310 MiB"), (GIB, "1 GiB"), (GIB + 1, "1.1 GiB"), (41 * GIB, "41 GiB")],
)
def test_sizes_are_rounded_up(size, text):
    assert human(size) == text
