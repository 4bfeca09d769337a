"""The keeper's round over the slots, beside a model of Prefect: which runs it makes, cancels and halts."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType

from benchmarks.slots.prefect_model import PrefectModel
from benchmarks.slots.week import Scheduled, cron, write_agents
from midwatch.agents import Agents
from midwatch.ledger import Ask, AskKind, Ledger, SlotClaim
from midwatch.slots import Stopped, slot_name
from midwatch.triggers import Missed, Overlap, SchedulePolicy, WhileAsking
from tasks.triggers.admission import admit_beside
from tasks.triggers.books import Books
from tasks.triggers.keeping import SlotRound
from tasks.triggers.slot import Slot, slot_of

START = datetime(2026, 6, 10, 0, 30, tzinfo=UTC)
HOURLY = cron("0 * * * *", "UTC")


class House:
    """A ledger, a model of Prefect and one agent."""

    def __init__(self, ledger: Ledger, model: PrefectModel, home: Path) -> None:
        self.ledger, self.model, self.home = ledger, model, home
        self.policy = SchedulePolicy()
        self.halted: list[str] = []

    def agent(
        self, missed: Missed = "once", overlap: Overlap = "queue", jitter: int = 0, while_asking: WhileAsking = "run"
    ) -> None:
        self.policy = SchedulePolicy(missed=missed, overlap=overlap, jitter_seconds=jitter, while_asking=while_asking)
        write_agents(self.home, (Scheduled(name="owl", specs=(), policy=self.policy, minutes=(1, 2)),))
        self.model.deploy("owl", [HOURLY])
        self.model.schedule()

    async def round(self, to: datetime | None = None, stopped: Stopped | None = None) -> list[str]:
        self.model.now = to or self.model.now

        async def halt(_agent: str, run_id: str) -> None:
            self.halted.append(run_id)

        client = cast("PrefectClient", self.model)
        return await SlotRound(
            client=client,
            ledger=self.ledger,
            agents=Agents(folder=self.home),
            now=self.model.now,
            stopped=lambda _: stopped,
            halt=halt,
        ).run()

    async def starts(self, run: FlowRun) -> SlotClaim:
        assert self.model.start(run)
        books = Books(ledger=self.ledger, agent="owl", policy=self.policy)
        client = cast("PrefectClient", self.model)
        return await admit_beside(client, books, slot_of(run), str(run.id), self.model.now)

    def run_of(self, hour: int) -> FlowRun:
        (found,) = [run for run in self.model.runs.values() if slot_of(run).instant == on(hour)]
        return found

    async def states(self, since: int = 1, until: int = 24) -> list[tuple[int, str, str]]:
        rows = await self.ledger.slots_between("owl", on(since), on(until - 1) + timedelta(minutes=1))
        return [(row.instant.hour, row.state, row.why) for row in rows if row.instant]


def on(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return START.replace(hour=hour, minute=minute, second=second)


@pytest.fixture
async def house(tmp_path: Path, ledger_url: str) -> AsyncIterator[House]:
    model = PrefectModel(seed=random.Random(7), now=START)
    async with Ledger.open(ledger_url, clock=lambda: model.now) as ledger:
        yield House(ledger, model, tmp_path / "agents")


async def test_prefect_s_own_run_fills_its_slot_and_the_keeper_makes_no_other(house: House) -> None:
    house.agent()
    await house.round()
    await house.round(on(1, 0, 2))
    assert await house.states() == [(1, "due", "")]
    assert (await house.starts(house.run_of(1))).won
    await house.round(on(1, 1))
    assert await house.states() == [(1, "ran", "")]
    assert not [run for run in house.model.runs.values() if not run.auto_scheduled]


async def test_after_a_night_the_last_slot_is_caught_up_and_the_other_late_runs_are_cancelled(house: House) -> None:
    house.agent()
    await house.round()
    await house.round(on(6, 30))
    assert await house.states() == [*((hour, "missed", "asleep") for hour in range(1, 6)), (6, "late", "asleep")]
    late = house.run_of(1), house.run_of(2), house.run_of(3)
    assert [(run.state.type, run.state.name) for run in late if run.state] == [(StateType.CANCELLED, "Missed")] * 3
    made = house.run_of(6)
    assert not made.auto_scheduled
    assert (await house.starts(made)).won
    assert (await house.states())[-1] == (6, "caught_up", "asleep")


async def test_a_late_run_that_starts_before_the_keeper_looks_does_nothing(house: House) -> None:
    house.agent()
    await house.round()
    house.model.now = on(3, 30)
    claim = await house.starts(house.run_of(2))
    assert (claim.won, claim.state) == (False, "missed")
    assert "nobody was there" in claim.reason


async def test_a_slot_whose_run_went_with_a_deployment_gets_another(house: House) -> None:
    house.agent()
    await house.round()
    await house.round(on(1, 0, 1))
    house.model.runs.pop(house.run_of(1).id)
    await house.round(on(1, 0, 20))
    assert [run for run in house.model.runs.values() if slot_of(run).instant == on(1)] == []
    await house.round(on(1, 0, 50))
    await house.round(on(1, 1, 10))
    assert (await house.starts(house.run_of(1))).won
    assert await house.states() == [(1, "ran", "")]


async def test_one_slot_waits_for_the_run_that_is_going_and_the_next_is_skipped(house: House) -> None:
    house.agent(overlap="queue")
    await house.round()
    house.model.now = on(1)
    assert (await house.starts(house.run_of(1))).won
    for hour in (2, 3):
        house.model.schedule()
        await house.round(on(hour, 0, 5))
    assert await house.states() == [(1, "ran", ""), (2, "queued", ""), (3, "skipped", "overlap")]
    skipped = house.run_of(3).state
    assert skipped is not None
    assert (skipped.type, skipped.name) == (StateType.CANCELLED, "Skipped")
    house.model.turn(house.run_of(1).id, State(type=StateType.COMPLETED))
    assert (await house.starts(house.run_of(2))).won
    assert (await house.states())[1] == (2, "ran", "")


async def test_a_run_that_is_replaced_is_halted_and_its_slot_has_been_filled(house: House) -> None:
    house.agent(overlap="replace")
    await house.round()
    house.model.now = on(1)
    first = house.run_of(1)
    assert (await house.starts(first)).won
    await house.round(on(2, 0, 5))
    assert house.halted == [str(first.id)]
    assert await house.states() == [(1, "ran", ""), (2, "queued", "")]


async def test_a_run_whose_turn_has_not_come_ends_and_says_what_holds_it_back(house: House) -> None:
    house.agent(overlap="queue")
    await house.round()
    house.model.now = on(1)
    assert (await house.starts(house.run_of(1))).won
    house.model.now, early = on(2), house.run_of(2)
    house.model.turn(early.id, State(type=StateType.RUNNING), started=True)
    books = Books(ledger=house.ledger, agent="owl", policy=house.policy)
    claim = await admit_beside(cast("PrefectClient", house.model), books, slot_of(early), str(early.id), on(2))
    assert (claim.won, claim.state) == (False, "skipped")
    assert "ENQUEUE" in claim.reason


async def asks(house: House, run: str, kind: AskKind) -> None:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await house.ledger.start_run(run, agent="owl", cause="schedule", started_at=START, **facts)
    said: dict[str, Any] = dict.fromkeys(("digest", "rule", "reason", "words"), "")
    call: dict[str, Any] = {
        "call_id": "main/1",
        "tool": "pay",
        "args_json": "{}",
        "created_at": START,
        "deadline": None,
    }
    await house.ledger.open_ask(Ask(ask_id=f"{run}:1", run_id=run, kind=kind, **call, **said))


@pytest.mark.parametrize("kind", get_args(AskKind))
@pytest.mark.parametrize("while_asking", get_args(WhileAsking))
async def test_while_a_run_waits_for_a_person_the_next_is_skipped_where_the_file_says_so(
    house: House, kind: AskKind, while_asking: WhileAsking
) -> None:
    house.agent(while_asking=while_asking)
    await house.round()
    await asks(house, "waits", kind)
    house.model.now = on(1)
    skipped = while_asking == "skip" and kind != "settle"
    claim = await house.starts(house.run_of(1))
    assert (claim.won, "run waits waits for a person" in claim.reason) == (not skipped, skipped)
    assert await house.states() == [(1, "skipped", "asking") if skipped else (1, "ran", "")]
    if kind != "settle":
        await house.ledger.decide_ask("waits:1", "denied", by="anna", via="cli")
    house.model.turn(house.run_of(1).id, State(type=StateType.COMPLETED))
    await house.round(on(2, 0, 2))
    assert (await house.starts(house.run_of(2))).won


async def test_what_is_halted_is_skipped(house: House) -> None:
    house.agent()
    await house.round()
    await house.round(on(1, 0, 2), Stopped(why="halt", reason="agent owl was halted"))
    assert await house.states() == [(1, "skipped", "halt")]


async def test_a_slot_whose_run_a_person_cancelled_is_skipped(house: House) -> None:
    house.agent()
    await house.round()
    await house.round(on(1, 0, 1))
    house.model.turn(house.run_of(1).id, State(type=StateType.CANCELLED, name="Cancelled", message="not today"))
    await house.round(on(1, 0, 30))
    assert await house.states() == [(1, "skipped", "cancelled")]


async def test_runs_ahead_are_moved_by_their_jitter_and_keep_their_slot(house: House) -> None:
    house.agent(jitter=600)
    await house.round()
    run = house.run_of(1)
    assert run.state is not None
    planned = run.state.state_details.scheduled_time
    assert planned is not None
    assert on(1) < planned <= on(1) + timedelta(seconds=600)
    await house.round(on(0, 45))
    again = house.run_of(1).state
    assert again is not None
    assert again.state_details.scheduled_time == planned


async def test_an_idle_round_asks_prefect_nothing(house: House) -> None:
    house.agent()
    await house.round()
    house.model.deadly = 1.0
    assert await house.round(START + timedelta(seconds=30)) == []


async def test_a_clock_that_was_ahead_is_told_of_until_its_time_has_come(house: House) -> None:
    house.agent()
    await house.round()
    await house.round(on(8))
    for hour in (1, 2):
        await house.round(on(hour))
    (alarm,) = await house.ledger.open_alarms()
    assert alarm.what.startswith("owl runs by no schedule before 2026-06-10 08:00 UTC")
    await house.round(on(9))
    assert await house.ledger.open_alarms() == []


async def test_no_run_takes_a_slot_long_before_its_instant(house: House) -> None:
    house.agent()
    await house.round()
    books = Books(ledger=house.ledger, agent="owl", policy=house.policy)
    early = Slot(cause="schedule", name=slot_name(on(3)), instant=on(3))
    claim = await books.admit(early, "early", on(2, 57))
    assert (claim.won, "no run takes one so early" in claim.reason) == (False, True)
    await house.round(on(3, 0, 5))
    assert (await house.starts(house.run_of(3))).won
