"""Monitoring: what does Prometheus see? Read from the ledger at each scrape: nothing is counted twice or lost by a restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from midwatch.breaker import BreakerState
from midwatch.halt import Halt
from midwatch.ledger import AlarmRow, BreakerRow, Ledger
from midwatch.ledger.gauges import Gauges

WHILE: Final = timedelta(hours=24)
"""What `_last_day` means."""


async def metrics_text(ledger: Ledger, heartbeat: float | None, now: datetime) -> str:
    """Everything, in Prometheus' text format.

    Args:
        heartbeat: seconds since the keeper's last round; None where there never was one.
    """
    registry = CollectorRegistry()
    registry.register(
        Seen(
            gauges=await ledger.gauges(now - WHILE),
            breakers=await ledger.breakers_of(),
            alarms=await ledger.open_alarms(),
            halts=await ledger.halts_in_force(),
            heartbeat=heartbeat,
            now=now,
        )
    )
    return generate_latest(registry).decode()


class Seen(Collector):
    """One look at everything, as metrics."""

    def __init__(
        self,
        *,
        gauges: Gauges,
        breakers: Sequence[BreakerRow],
        alarms: Sequence[AlarmRow],
        halts: Sequence[Halt],
        heartbeat: float | None,
        now: datetime,
    ) -> None:
        self._gauges, self._breakers, self._alarms, self._halts = gauges, breakers, alarms, halts
        self._heartbeat, self._now = heartbeat, now

    def collect(self) -> Iterator[Metric]:
        yield from self._used()
        yield from self._runs()
        yield from self._waiting()
        yield from self._watched()

    def _used(self) -> Iterator[Metric]:
        for name, what in (
            ("runs", "Runs that have taken a step"),
            ("steps", "Requests to models"),
            ("tokens", "Tokens in and out"),
            ("usd", "Dollars, where the price is known"),
            ("seconds", "Seconds of steps"),
        ):
            metric = CounterMetricFamily(f"midwatch_{name}", f"{what}.", labels=["agent"])
            for used in self._gauges.used:
                metric.add_metric([used.agent], float(getattr(used, name)))
            yield metric

    def _runs(self) -> Iterator[Metric]:
        ended = GaugeMetricFamily(
            "midwatch_runs_ended_last_day", "Runs that ended in the last 24 h.", labels=["agent", "outcome"]
        )
        for agent, outcome, number in self._gauges.ended:
            ended.add_metric([agent, outcome], number)
        yield ended
        yield _by("midwatch_runs_under_way", "Runs that go on or wait.", "agent", self._gauges.under_way)

    def _waiting(self) -> Iterator[Metric]:
        asks = GaugeMetricFamily("midwatch_open_asks", "Questions that wait.", labels=["agent", "kind"])
        oldest = GaugeMetricFamily(
            "midwatch_oldest_ask_age_seconds", "How long the oldest question waits.", labels=["agent", "kind"]
        )
        for agent, kind, number, since in self._gauges.waiting:
            asks.add_metric([agent, kind], number)
            oldest.add_metric([agent, kind], (self._now - since).total_seconds())
        yield asks
        yield oldest
        what = "Interruptions of a person in the last 24 h."
        yield _by("midwatch_interruptions_last_day", what, "person", self._gauges.interruptions)

    def _watched(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "midwatch_breaker", "1 for the state of an agent's breaker.", labels=["agent", "state"]
        )
        for row in self._breakers:
            for one in get_args(BreakerState):
                state.add_metric([row.agent, one], float(row.state == one))
        yield state
        halted = GaugeMetricFamily("midwatch_halted", "1 for each halt in force.", labels=["scope", "name"])
        for halt in self._halts:
            halted.add_metric([halt.scope, halt.name], 1)
        yield halted
        counted = {
            agent: sum(row.agent == agent for row in self._alarms) for agent in sorted({a.agent for a in self._alarms})
        }
        yield _by("midwatch_alarms", "Alarms that stand.", "agent", list(counted.items()))
        if self._heartbeat is not None:
            yield GaugeMetricFamily("midwatch_heartbeat_age_seconds", "Since the keeper's last round.", self._heartbeat)


def _by(name: str, what: str, label: str, values: Sequence[tuple[str, int]]) -> Metric:
    metric = GaugeMetricFamily(name, what, labels=[label])
    for key, number in values:
        metric.add_metric([key], number)
    return metric
