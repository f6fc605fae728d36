"""The figures of a party for Prometheus; the names are those of docs/operating.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.run.party import Party
from engine.run.record import STATES

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

#: Ways a run may end, as labels of ``polytune_runs_total``; all are there from the start, so that rates are right.
RESULTS = ("done", "failed", "cancelled", "interrupted")
#: State of a party without a run.
IDLE = "IDLE"


def registry_of(party: Party) -> CollectorRegistry:
    """A registry of its own with the figures of ``party``, and of this process where the system tells them."""
    from prometheus_client import CollectorRegistry, ProcessCollector

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(party))
    ProcessCollector(registry=registry)
    return registry


class _Collector:
    """Asks the party's board when somebody scrapes: nothing is counted twice, and a run costs nothing for it."""

    def __init__(self, party: Party) -> None:
        self._party = party

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

        totals = self._party.board.totals()
        runs = CounterMetricFamily("polytune_runs", "Runs that ended, by how.", labels=["result"])
        for result in RESULTS:
            runs.add_metric([result], totals.runs[result])
        yield runs
        amount = CounterMetricFamily(
            "polytune_bytes", "Bytes sent to and received from each party.", labels=["peer", "dir"]
        )
        for peer in range(self._party.service.parties):
            for way in ("sent", "received") if peer != self._party.policy.party else ():
                amount.add_metric([str(peer), way], totals.bytes[peer, way])
        yield amount
        yield CounterMetricFamily("polytune_messages", "Messages of the protocol sent.", totals.messages)
        yield CounterMetricFamily("polytune_retries", "Requests that had to be repeated.", totals.retries)
        phases = SummaryMetricFamily("polytune_phase_seconds", "Time in each phase of a run.", labels=["phase"])
        for phase, count in sorted(totals.phases.items()):
            phases.add_metric([phase], count, totals.seconds[phase])
        yield phases
        state = GaugeMetricFamily("polytune_state", "Runs in each state; IDLE is 1 without a run.", labels=["state"])
        states = [tracker.run.state for tracker in self._party.board.running] or [IDLE]
        for name in (IDLE, *STATES):
            state.add_metric([name], states.count(name))
        yield state
