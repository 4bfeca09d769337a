"""The keeper at work on a house where many runs wait: whom it sends on, and what those that wait cost it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Scheduled, Suspended

from cli.duty import Rounds
from cli.keeper import OF_RUNS, one_round
from midwatch.ledger import Ask, AskKind, Ledger
from tasks.harness.place import Place

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
WAITING = 450
"""More than two pages of Prefect's server."""


@dataclass
class House:
    """Prefect with suspended runs, as far as the keeper asks it; a page has 200 runs at most."""

    states: dict[UUID, State[Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    broken: UUID | None = None
    """The run that Prefect cannot resume."""

    async def read_flow_runs(self, *, flow_run_filter: FlowRunFilter, limit: int = 200, **_: object) -> list[FlowRun]:
        self.asked["read_flow_runs"] += 1
        assert limit <= 200
        assert flow_run_filter.state
        assert flow_run_filter.state.type
        types, ids = flow_run_filter.state.type.any_ or [], flow_run_filter.id and flow_run_filter.id.any_
        found = [run_id for run_id, state in self.states.items() if state.type in types]
        return [
            FlowRun(id=run_id, flow_id=run_id, state=self.states[run_id])
            for run_id in reversed(found)
            if ids is None or run_id in ids
        ][:limit]

    async def read_flow_run(self, run_id: object) -> FlowRun:
        self.asked["read_flow_run"] += 1
        known = UUID(str(run_id))
        return FlowRun(id=known, flow_id=known, state=self.states[known])

    async def resume_flow_run(self, run_id: UUID, run_input: dict[str, Any]) -> SimpleNamespace:
        assert run_input == {}
        if run_id == self.broken:
            response = httpx.Response(500, request=httpx.Request("POST", "http://127.0.0.1/resume"))
            raise PrefectHTTPStatusError("500", request=response.request, response=response)
        self.states[run_id] = Scheduled()
        return SimpleNamespace(status=SetStateStatus.ACCEPT)

    def resumed(self) -> list[UUID]:
        return [run_id for run_id, state in self.states.items() if state.type != StateType.PAUSED]


@dataclass
class CountingLedger:
    """A ledger that counts what it is asked."""

    ledger: Ledger
    asked: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self.ledger, name)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(ledger_url: str, clock: Clock) -> AsyncIterator[Ledger]:
    async with Ledger.open(ledger_url, clock=clock) as ledger:
        yield ledger


async def suspended(ledger: Ledger, house: House, count: int, kind: AskKind = "approve") -> list[UUID]:
    """Runs that each ask for one call and wait, the oldest first."""
    run_ids = [UUID(int=len(house.states) + number) for number in range(count)]
    for run_id in run_ids:
        await asking(ledger, str(run_id), kind)
        house.states[run_id] = Suspended()
    return run_ids


async def asking(ledger: Ledger, run_id: str, kind: AskKind) -> None:
    facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
    await ledger.start_run(run_id, agent="night", fingerprint="f", started_at=NOW, **facts)
    texts: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
    call: dict[str, Any] = {"call_id": "main/1", "tool": "shell", "digest": "d", "args_json": "{}"}
    at: dict[str, Any] = {"created_at": NOW, "deadline": NOW + timedelta(hours=2)}
    await ledger.open_ask(Ask(ask_id=f"{run_id}:1", run_id=run_id, kind=kind, **call, **texts, **at))


async def decided(ledger: Ledger, run_id: UUID) -> None:
    """Decided, and whoever did it died before the run was resumed."""
    await ledger.decide_ask(f"{run_id}:1", "denied", by="somebody", via="cli")


async def round_of(house: House, ledger: Ledger | CountingLedger, now: datetime = NOW) -> list[str]:
    here = Place(project=Path(), home=Path())
    rounds = Rounds(client=cast(PrefectClient, house), ledger=cast(Ledger, ledger), here=here)
    return await one_round(OF_RUNS, rounds, now)


async def test_the_oldest_of_very_many_suspended_runs_goes_on_when_it_is_decided(ledger: Ledger) -> None:
    house = House()
    oldest, *_, newest = await suspended(ledger, house, WAITING)
    await decided(ledger, oldest)
    await decided(ledger, newest)
    assert len(await round_of(house, ledger)) == 2
    assert house.resumed() == [oldest, newest]
    assert await round_of(house, ledger) == []


async def test_all_of_very_many_go_on_when_all_are_decided_and_none_twice(ledger: Ledger) -> None:
    house = House()
    runs = await suspended(ledger, house, WAITING)
    for run_id in runs:
        await decided(ledger, run_id)
    assert len(await round_of(house, ledger)) == WAITING
    assert house.resumed() == runs
    assert await round_of(house, ledger) == []


async def test_runs_that_wait_cost_a_round_nothing_each(ledger: Ledger) -> None:
    costs = []
    house = House()
    for count in (3, 40):
        await suspended(ledger, house, count)
        house.asked.clear()
        watched = CountingLedger(ledger)
        assert await round_of(house, watched) == []
        costs.append((watched.asked.total(), house.asked.total()))
    assert costs[0] == costs[1] == (3, 1)


async def test_one_that_prefect_cannot_resume_keeps_none_of_the_others_waiting(ledger: Ledger) -> None:
    house = House()
    house.broken, other = await suspended(ledger, house, 2)
    await decided(ledger, house.broken)
    await decided(ledger, other)
    broken, resumed = await round_of(house, ledger)
    assert str(house.broken) in broken
    assert "500" in broken
    assert str(other) in resumed
    assert house.resumed() == [other]


async def test_those_that_nobody_answered_in_time_go_on_in_the_same_round(ledger: Ledger, clock: Clock) -> None:
    house = House()
    runs = await suspended(ledger, house, 3)
    clock.now += timedelta(hours=3)
    await round_of(house, ledger, clock.now)
    assert house.resumed() == runs


async def test_a_run_of_the_ledger_that_prefect_cannot_know_keeps_none_of_the_others_waiting(ledger: Ledger) -> None:
    house = House()
    await asking(ledger, "no run of Prefect's", "approve")
    await ledger.decide_ask("no run of Prefect's:1", "denied", by="somebody", via="cli")
    (other,) = await suspended(ledger, house, 1)
    await decided(ledger, other)
    assert len(await round_of(house, ledger)) == 1
    assert house.resumed() == [other]
