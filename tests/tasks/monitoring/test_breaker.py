"""A round of the breakers with the real ledger; Prefect is what it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from prefect.states import Cancelled, Scheduled

from midwatch.agents import Agents
from midwatch.breaker import PROBE
from midwatch.judgment import Loop
from midwatch.ledger import BreakerRow, Ledger
from midwatch.outcome import Outcome
from tasks.monitoring.breaker import Breakers

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FILE = """name: owl
description: Of the tests.
instructions: Do it.
breaker: {same_cause: 3, any_cause: 4, cool_down_minutes: 60, longest_minutes: 180}
"""


@dataclass
class Prefect:
    """As far as a breaker asks it."""

    deployments: list[Any] = field(default_factory=list)
    runs: dict[str, Any] = field(default_factory=dict)
    """By idempotency key."""
    told: list[str] = field(default_factory=list)
    away: bool = False

    def deploy(self, agent: str = "owl", **facts: Any) -> Any:
        usual = {"id": uuid4(), "name": "d", "parameters": {"agent": agent}, "schedules": [], "paused": False}
        self.deployments.append(SimpleNamespace(**{**usual, **facts}))
        return self.deployments[-1]

    async def read_deployments(self, *, limit: int, offset: int, **_: object) -> Sequence[Any]:
        if self.away:
            raise OSError("Prefect is away")
        return self.deployments[offset : offset + limit]

    async def pause_deployment(self, deployment: UUID) -> None:
        self._one(deployment).paused = True
        self.told.append("pause")

    async def resume_deployment(self, deployment: UUID) -> None:
        self._one(deployment).paused = False
        self.told.append("resume")

    async def create_flow_run_from_deployment(self, _: UUID, *, parameters: Any, idempotency_key: str) -> Any:
        run = SimpleNamespace(id=uuid4(), created=datetime.now(UTC), parameters=parameters, state=Scheduled())
        return self.runs.setdefault(idempotency_key, run)

    def _one(self, deployment: UUID) -> Any:
        return next(one for one in self.deployments if one.id == deployment)


@dataclass
class House:
    ledger: Ledger
    prefect: Prefect
    agents: Path
    clock: list[datetime]

    async def round(self, **forward: float) -> list[str]:
        self.clock[0] += timedelta(**forward)
        one = Breakers(client=cast(Any, self.prefect), ledger=self.ledger, agents=Agents(folder=self.agents))
        return await one.one_round(self.clock[0] - DAY, self.clock[0])

    async def run(self, run: str, outcome: Outcome = "failed", reason: str = "no", ending: Loop = "finished") -> None:
        self.clock[0] += timedelta(seconds=1)
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await self.ledger.start_run(run, agent="owl", cause="schedule", started_at=self.clock[0], **facts)
        await self.ledger.finish_run(run, outcome=outcome, reason=reason, ending=ending)

    async def row(self) -> BreakerRow:
        row = await self.ledger.breaker("owl")
        assert row is not None
        return row

    async def opened(self) -> None:
        for number in range(3):
            await self.run(f"r{number}", reason=f"could not push to host-{number}")
        await self.round()
        await self.round()


@pytest.fixture
async def house(tmp_path: Path, ledger_url: str) -> AsyncIterator[House]:
    clock = [NOW]
    (tmp_path / "owl.yaml").write_text(FILE)
    async with Ledger.open(ledger_url, clock=lambda: clock[0]) as ledger:
        yield House(ledger=ledger, prefect=Prefect(), agents=tmp_path, clock=clock)


async def test_three_of_one_cause_open_it_and_pause_what_was_not_paused(house: House) -> None:
    mine, paused, other = house.prefect.deploy(), house.prefect.deploy(paused=True), house.prefect.deploy("rat")
    await house.run("r1", reason="could not push to host-1")
    await house.run("r2", reason="could not push to host-2")
    assert await house.round() == []
    await house.run("r3", reason="could not push to host-3")
    assert [line.partition(":")[0] for line in await house.round()] == ["breaker of owl opened", "paused"]
    assert ([mine.paused, paused.paused, other.paused], (await house.row()).paused) == (
        [True, True, False],
        (str(mine.id),),
    )
    await house.ledger.close_breaker("owl", by="anna", because="mended")
    await house.round()
    assert [mine.paused, paused.paused, other.paused] == [False, True, False]
    assert await house.round() == []


async def test_others_open_it_later_and_a_green_run_or_a_mended_file_begins_anew(house: House) -> None:
    for number, (outcome, opened) in enumerate(
        [
            ("failed", 0),
            ("unverified", 0),
            ("verified", 0),
            ("failed", 0),
            ("unverified", 0),
            ("blocked", 0),
            ("failed", 1),
        ]
    ):
        await house.run(f"r{number}", cast(Outcome, outcome))
        assert len(await house.round()) == opened, number


async def test_two_keepers_send_one_probe_and_prefect_is_asked_for_it_by_one_key(house: House) -> None:
    house.prefect.deploy(schedules=[SimpleNamespace(parameters={"input": {"a": 1}})])
    await house.opened()
    house.clock[0] += timedelta(hours=1)
    for _ in range(3):
        await asyncio.gather(house.round(), house.round())
    ((key, run),) = house.prefect.runs.items()
    assert key.startswith(f"{PROBE}owl:")
    assert run.parameters == {"agent": "owl", "input": {"a": 1}}


async def test_a_failed_probe_doubles_the_wait_up_to_its_bound_and_each_is_a_run_of_its_own(house: House) -> None:
    house.prefect.deploy()
    await house.opened()
    waits = []
    for number in range(4):
        waits.append((await house.row()).probe_at - house.clock[0])
        house.clock[0] = (await house.row()).probe_at
        await house.round()
        await house.round()
        assert await house.ledger.admitted("owl", f"probe {number}") is None
        await house.run(f"probe {number}", reason="could not push to host-9")
        await house.round()
        assert (await house.row()).state == "open"
    assert [round(wait / timedelta(hours=1)) for wait in waits] == [1, 2, 3, 3]
    assert len(house.prefect.runs) == 4
    assert house.prefect.told == ["pause"]


async def test_a_spent_day_opens_no_breaker(house: House) -> None:
    for number in range(6):
        await house.run(f"r{number}", "blocked", "out of budget: 10 of 10 runs used today", "no_budget")
    assert await house.round() == []
    assert await house.ledger.breaker("owl") is None


async def test_a_probe_on_a_spent_day_is_tried_again_as_soon_and_changes_no_cause(house: House) -> None:
    house.prefect.deploy()
    await house.opened()
    before = await house.row()
    await house.round(hours=1)
    await house.round()
    await house.ledger.admitted("owl", "probe")
    await house.run("probe", "blocked", "out of budget: 10 of 10 runs used today", "no_budget")
    await house.round()
    after = await house.row()
    assert (after.state, after.openings, after.cause) == ("open", 1, before.cause)
    assert after.probe_at - house.clock[0] == timedelta(hours=1)
    await house.round(hours=1)
    await house.round()
    assert len(house.prefect.runs) == 2


async def test_a_green_probe_closes_it(house: House) -> None:
    mine = house.prefect.deploy()
    await house.opened()
    await house.round(hours=2)
    await house.ledger.admitted("owl", "probe")
    await house.run("probe", "verified")
    assert any("closed: its probe ended verified" in line for line in await house.round())
    await house.round()
    assert (mine.paused, (await house.row()).closed_by) == (False, "run probe")


@pytest.mark.parametrize(
    ("outcome", "ending"), [("verified_noop", "nothing_to_do"), ("blocked", "halted"), ("blocked", "cancelled")]
)
async def test_a_probe_that_says_nothing_is_followed_by_another_after_as_long_again(
    house: House, outcome: Outcome, ending: Loop
) -> None:
    mine = house.prefect.deploy()
    await house.opened()
    await house.round(hours=2)
    await house.round()
    await house.ledger.admitted("owl", "probe")
    await house.run("probe", outcome, "it says nothing", ending)
    assert "stays open" in (await house.round())[0]
    row = await house.row()
    assert (row.state, row.openings, row.probe_at - house.clock[0]) == ("open", 1, timedelta(hours=1))
    await house.round(hours=2)
    await house.round()
    assert (len(house.prefect.runs), mine.paused, (await house.row()).state) == (2, True, "half_open")


async def test_a_probe_that_was_cancelled_before_it_began_is_not_waited_for(house: House) -> None:
    house.prefect.deploy()
    await house.opened()
    await house.round(hours=2)
    await house.round()
    (cancelled,) = house.prefect.runs.values()
    cancelled.state = Cancelled()
    assert "its probe ended before it began (Cancelled)" in (await house.round())[0]
    await house.round(hours=2)
    await house.round()
    assert (len(house.prefect.runs), (await house.row()).openings) == (2, 1)


async def test_runs_with_nothing_to_do_hide_no_failures_between_them(house: House) -> None:
    for number in range(2):
        await house.run(f"r{number}")
        for other in range(20):
            await house.run(f"r{number}-{other}", "verified_noop")
    assert await house.round() == []
    await house.run("r2")
    assert (await house.round())[0].startswith("breaker of owl opened: 3 failures in a row")


async def test_while_prefect_is_away_it_is_open_all_the_same_and_told_later(house: House) -> None:
    mine = house.prefect.deploy()
    house.prefect.away = True
    for number in range(3):
        await house.run(f"r{number}")
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            await house.round()
    assert ((await house.row()).state, mine.paused) == ("open", False)
    house.prefect.away = False
    await house.round()
    assert mine.paused


async def test_an_agent_whose_input_no_deployment_has_waits_for_its_next_run(house: House) -> None:
    (house.agents / "owl.yaml").write_text(f"{FILE}input: {{path: {{type: string}}}}\n")
    house.prefect.deploy()
    await house.opened()
    await house.round(hours=2)
    await house.round()
    assert (house.prefect.runs, (await house.row()).state) == ({}, "half_open")
    assert await house.ledger.admitted("owl", "an event's run") is None
    assert await house.ledger.admitted("owl", "another") is not None


async def test_an_agent_whose_file_cannot_be_read_has_a_breaker_too(house: House) -> None:
    (house.agents / "owl.yaml").write_text("name: [")
    await house.opened()
    assert (await house.row()).state == "open"


async def test_a_round_costs_the_same_after_a_thousand_runs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    read: Callable[..., Any] = house.ledger.read

    async def counting(work: Callable[..., Any]) -> Any:
        asked.append("read")
        return await read(work)

    monkeypatch.setattr(house.ledger, "read", counting)
    costs = []
    for many in (2, 40):
        for number in range(many):
            await house.run(f"{many}-{number}", "verified" if number % 2 else "failed")
        asked.clear()
        await house.round()
        costs.append(len(asked))
    assert costs[0] == costs[1] <= 4
