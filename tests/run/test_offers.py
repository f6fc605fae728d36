"""Offers as they travel, and the measuring of links behind them, against a real party and an imitated network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from engine.mpc.parameters import BATCH, SEGMENT
from engine.policy import Limits
from engine.resources import cores_each, peak_memory, resident_memory, usable_cores
from engine.run.offers import Link, Offer, parse_offer
from engine.run.peers import Peers
from engine.run.probe import link_of, measure
from engine.run.record import Run
from engine.transport.http.client import peer_headers
from engine.transport.http.wire import MAX_CHUNK, MAX_PROBE, MAX_PROBES, ApiError
from engine.transport.slow import Wire
from polytune_cli.bench.network import Line, Relay
from tests.run.actors import wait_until
from tests.run.conftest import Stage

GOOD = {
    "memory": 10,
    "limit": 20,
    "threads": 2,
    "chunk": 4096,
    "links": {"PARTY_0": {"round_trip": 0, "rate": 1}},
}


# -- the object ------------------------------------------------------------------------------------------------------


def test_an_offer_survives_the_journey():
    offer = Offer(10, 20, 2, 4096, {0: Link(0, 1)})
    assert offer.to_json() == GOOD
    assert parse_offer(json.loads(json.dumps(offer.to_json())), 1, 2) == offer
    assert parse_offer(None, 1, 2) == Offer()
    assert parse_offer(Offer().to_json(), 1, 2) == Offer()


def test_own_offer_is_the_rest_of_the_limit():
    offer = Offer.own(Limits(memory=1 << 40, chunk=1 << 30), 3, {})
    assert offer.limit == 1 << 40
    assert 0 < (1 << 40) - offer.memory <= peak_memory()
    assert (offer.threads, offer.chunk) == (3, MAX_CHUNK)
    assert Offer.own(Limits(memory=1), 3, {}).memory == 0


def test_resources_of_this_process():
    assert 1_000_000 < resident_memory() <= peak_memory() + (1 << 20)
    assert usable_cores() >= 1
    assert [cores_each(parties) for parties in (1, 10**6)] == [usable_cores(), 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": -1},
        {"memory": 21},
        {"memory": None},
        {"limit": True},
        {"limit": 1 << 63},
        {"threads": 0},
        {"threads": 1.0},
        {"chunk": 1},
        {"chunk": MAX_CHUNK + 1},
        {"links": []},
        {"links": {"PARTY_1": {"round_trip": 1, "rate": 1}}},
        {"links": {"PARTY_2": {"round_trip": 1, "rate": 1}}},
        {"links": {"0": {"round_trip": 1, "rate": 1}}},
        {"links": {"PARTY_0": 5}},
        {"links": {"PARTY_0": {"round_trip": 1, "rate": 0}}},
        {"links": {"PARTY_0": {"round_trip": -1, "rate": 1}}},
    ],
)
def test_malformed_offers_are_refused(changes: dict[str, Any]):
    with pytest.raises(ApiError) as caught:
        parse_offer({**GOOD, **changes}, 1, 2)
    assert caught.value.code == "bad_request"


def test_an_offer_that_is_no_object_is_refused():
    with pytest.raises(ApiError):
        parse_offer([], 1, 2)


def test_a_measured_figure_is_never_more_than_can_be_measured():
    assert link_of(0.001, 250_000, 0.026) == Link(1000, 10_000_000)
    assert link_of(0.010, 250_000, 0.010) == Link(10_000, 100_000_000)  # quicker than the clock can tell
    assert link_of(0.0, 32_768, 0.0).rate > 0


# -- offers between parties ------------------------------------------------------------------------------------------


def test_other_offer_in_a_repeated_request_ends_the_run(stage: Stage):
    assert stage.leader.propose()[0] == 200
    body = {"run_id": stage.leader.run_id, "consts": {"ROWS": {"type": "usize", "value": 3}}, "offer": {**GOOD}}
    body["offer"] = {**GOOD, "links": {}}
    assert stage.leader.post(1, "consts/0", body)[0] == 200
    assert stage.leader.post(1, "consts/0", body)[0] in (200, 410)
    body["offer"] = {**body["offer"], "memory": 11}
    status, answer = stage.leader.post(1, "consts/0", body)
    assert (status, answer["error"]) in ((409, "replay_mismatch"), (410, "run_over"))
    wait_until(lambda: stage.contributor.idle)


def test_a_malformed_offer_is_no_offer(stage: Stage):
    assert stage.leader.propose()[0] == 200
    body = {"run_id": stage.leader.run_id, "consts": {}, "offer": {"threads": 0}}
    status, answer = stage.leader.post(1, "consts/0", body)
    assert (status, answer["error"]) == (400, "bad_request") and "threads" in answer["message"]


def test_summary_shows_what_everybody_offered_and_what_follows(stage: Stage):
    assert stage.leader.propose()[0] == 200
    consts = {"ROWS": {"type": "usize", "value": 3}}
    offer = {**GOOD, "memory": 1 << 34, "limit": 1 << 34, "links": {"PARTY_1": {"round_trip": 7, "rate": 9}}}
    body = {"run_id": stage.leader.run_id, "consts": consts, "offer": offer}
    assert stage.leader.post(1, "consts/0", body)[0] == 200
    summary = stage.leader.summary_of(1)
    assert summary["offers"]["PARTY_0"] == offer
    assert summary["offers"]["PARTY_1"]["limit"] == stage.contributor.job.policy.limits.memory
    assert summary["parameters"] == {"k": 8, "batch": BATCH, "segment": SEGMENT, "chunk": 4096}
    # A leader that told somebody else another offer is found out, by name.
    summary["offers"]["PARTY_0"]["memory"] += 1
    status, answer = stage.leader.agree(1, summary)
    assert (status, answer["error"]) == (409, "consent_mismatch")
    wait_until(lambda: any("offers.PARTY_0.memory 17179869184 ≠ 17179869185" in line for line in list(stage.log)))


def test_memory_that_no_plan_fits_ends_the_run_everywhere(stage: Stage):
    assert stage.leader.propose()[0] == 200
    offer = {**GOOD, "memory": 1 << 20, "limit": 1 << 28, "links": {}}
    body = {"run_id": stage.leader.run_id, "consts": {"ROWS": {"type": "usize", "value": 3}}, "offer": offer}
    assert stage.leader.post(1, "consts/0", body)[0] == 200
    wait_until(lambda: bool(stage.leader.got("abort")), "no /abort")
    told = stage.leader.got("abort")[0]
    assert told["code"] == "memory"
    assert told["message"].startswith("party 0: circuit needs ~")
    assert told["message"].endswith(", limit 256 MiB (limits.memory)")
    wait_until(lambda: stage.contributor.idle)


# -- the links -------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(stage: Stage) -> tuple[Run, Peers]:
    """The leader's side of a run that the contributor has joined; it waits for constants."""
    assert stage.leader.propose()[0] == 200
    policy = stage.leader.policy
    run = Run(stage.leader.run_id, 0, 2, policy.limits, {})
    return run, Peers(policy, run.run_id)


def test_a_link_to_a_party_of_this_machine(waiting: tuple[Run, Peers]):
    run, peers = waiting
    link = measure(run, peers)[1]
    assert 0 < link.round_trip < 5_000_000
    assert link.rate > 10_000
    assert peers.sent() < (1 << 20)


@pytest.fixture
def slow(stage: Stage, waiting: tuple[Run, Peers]) -> Iterator[tuple[Run, Peers]]:
    """The same through a line of half a megabyte a second and 20 ms there and back."""
    wire = Wire(rtt=0.02, rate=500_000)
    relay = Relay(stage.scene.ports[1], Line(wire), Line(wire))
    run, peers = waiting
    peers.policy = _through(peers, relay.port)
    yield run, peers
    relay.close()


def _through(peers: Peers, port: int) -> Any:
    from dataclasses import replace

    return replace(peers.policy, participants=(peers.policy.participants[0], f"http://127.0.0.1:{port}/"))


def test_a_slow_link_is_seen_as_slow_and_costs_little(slow: tuple[Run, Peers]):
    run, peers = slow
    link = measure(run, peers)[1]
    assert link.round_trip >= 20_000
    assert link.rate < 2_000_000  # the machine may be slower still, never faster
    assert peers.sent() < 64 << 10  # the large bodies were spared


def test_what_cannot_be_measured_is_left_out(stage: Stage, waiting: tuple[Run, Peers]):
    run, peers = waiting
    stage.contributor.stop()
    assert measure(run, peers) == {}


def test_a_party_that_is_told_of_the_run_later_is_waited_for(stage: Stage):
    import threading

    run = Run(stage.leader.run_id, 0, 2, stage.leader.policy.limits, {})
    peers = Peers(stage.leader.policy, run.run_id)
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(measure(run, peers)), daemon=True)
    asking.start()
    assert stage.leader.propose()[0] == 200
    asking.join(timeout=30)
    assert set(found[0]) == {1}


def probe(stage: Stage, size: int, sender: int = 0, run_id: str = "") -> tuple[int, str]:
    url = f"http://127.0.0.1:{stage.scene.ports[1]}/probe/{sender}"
    headers = peer_headers(run_id or stage.leader.run_id, sender)
    reply = requests.post(url, data=bytes(size), headers=headers, timeout=20)
    return reply.status_code, reply.json().get("error", "")


def test_probes_are_bounded_in_size_number_and_time(stage: Stage):
    assert probe(stage, 10) == (404, "unknown_run")
    assert stage.leader.propose()[0] == 200
    assert probe(stage, 10, sender=1) == (403, "identity_mismatch")
    assert probe(stage, 10, sender=2) == (400, "bad_request")
    assert probe(stage, MAX_PROBE + 1) == (413, "too_large")
    assert [probe(stage, MAX_PROBE) for _ in range(MAX_PROBES)] == [(200, "")] * MAX_PROBES
    assert probe(stage, 0) == (429, "rate_limited")
    assert stage.leader.constants()[0] == 200
    stage.leader.summary_of(1)
    assert probe(stage, 0) == (409, "wrong_state")


def test_a_probe_needs_a_length(stage: Stage):
    assert stage.leader.propose()[0] == 200
    url = f"http://127.0.0.1:{stage.scene.ports[1]}/probe/0"
    reply = requests.post(url, data=iter([b"x"]), headers=peer_headers(stage.leader.run_id, 0), timeout=20)
    assert reply.status_code in (400, 411)
