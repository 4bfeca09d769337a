from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError

from midwatch.breaker import Row
from midwatch.halt import Target
from midwatch.ledger import Arrival
from midwatch.spec import DayLimits
from tasks.triggers.dispatch import OTHERS_FIRST, Away, Dispatcher, starter
from tests.tasks.triggers.outside import FakePrefect, Outside, dispatcher

BODY = "input: {{n: {{type: integer}}}}\ntriggers:\n  storm: {storm}\n"


async def arrive(world: Outside, agent: str, *numbers: int, trigger: str = "webhook h") -> None:
    spec = world.agents.find(agent)
    assert spec is not None
    coalesce = spec.triggers.storm.coalesce
    wait = timedelta(seconds=coalesce.seconds if coalesce else 0)
    for number in numbers:
        came = Arrival(agent=agent, trigger=trigger, delivery=f"d{number}", payload="{}", input={"n": number})
        await world.ledger.enter_arrival(came, wait=wait)
        world.forward(milliseconds=1)


async def states(world: Outside) -> dict[str, int]:
    rows = await world.ledger.arrivals(limit=9999)
    return {state: sum(row.state == state for row in rows) for state in {row.state for row in rows}}


async def test_every_arrival_starts_one_run(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1, 2)
    lines = await dispatcher(world, prefect).one_round(world.now)
    assert prefect.inputs() == [{"n": 1}, {"n": 2}]
    assert [line.partition(":")[0] for line in lines] == ["started", "started"]
    assert await dispatcher(world, prefect).one_round(world.forward(hours=1)) == []
    assert await states(world) == {"started": 2}


async def test_killed_between_the_run_and_its_record_the_next_process_finds_the_same_run(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1)
    (row,) = await world.ledger.arrivals()
    before = await prefect.start("night", row.input, f"arrival:{row.arrival_id}")
    await dispatcher(world, prefect).one_round(world.now)
    (row,) = await world.ledger.arrivals()
    assert (row.state, row.run_id, len(prefect.runs)) == ("started", before, 1)


async def test_while_prefect_is_away_nothing_is_lost_and_no_try_is_counted(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{tries: 1}"))
    prefect = FakePrefect(away=True)
    await arrive(world, "night", 1)
    for _ in range(5):
        with pytest.raises(Away):
            await dispatcher(world, prefect).one_round(world.forward(minutes=10))
    prefect.away = False
    await dispatcher(world, prefect).one_round(world.now)
    assert await states(world) == {"started": 1}


async def test_what_can_never_start_is_set_aside_and_keeps_nobody_waiting(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{tries: 3}"))
    world.agent("other", BODY.format(storm="{}"))
    prefect = FakePrefect(refuses="night")
    await arrive(world, "night", 1)
    await arrive(world, "other", 1)
    lines = [line for _ in range(5) for line in await dispatcher(world, prefect).one_round(world.forward(minutes=10))]
    assert [line.partition(":")[0] for line in lines] == ["received", "started", "received", "set aside"]
    (alarm,) = await world.ledger.open_alarms()
    assert "night has no deployment" in alarm.what
    assert "midwatch arrivals retry" in alarm.what


@pytest.mark.parametrize("file", [None, "tools: [nonsense"])
async def test_arrivals_of_an_agent_without_a_file_that_can_be_read_are_not_started(
    world: Outside, file: str | None
) -> None:
    world.agent("night", BODY.format(storm="{}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1)
    if file is None:
        (world.project / "agents" / "night.yaml").unlink()
    else:
        world.agent("night", file)
    (line,) = await dispatcher(world, prefect).one_round(world.now)
    assert "night" in line.partition("could not be started")[2]
    assert prefect.runs == {}


async def test_a_storm_is_held_back_and_nothing_of_it_is_lost(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{at_most_per_minute: 3, at_most_per_hour: 5}"))
    prefect = FakePrefect()
    await arrive(world, "night", *range(9))
    counts = []
    for _ in range(4):
        for _ in range(3):
            await dispatcher(world, prefect).one_round(world.now)
        counts.append(len(prefect.runs))
        world.forward(seconds=61)
    assert counts == [3, 5, 5, 5]
    await dispatcher(world, prefect).one_round(world.forward(hours=1))
    await dispatcher(world, prefect).one_round(world.forward(seconds=61))
    assert prefect.inputs() == [{"n": number} for number in range(9)]


async def test_a_storm_of_one_agent_keeps_no_other_waiting(world: Outside) -> None:
    for name in ("calm", "night"):
        world.agent(name, BODY.format(storm="{at_most_per_minute: 1}"))
    prefect = FakePrefect()
    await arrive(world, "night", *range(500))
    await arrive(world, "calm", 1)
    await dispatcher(world, prefect).one_round(world.now)
    assert sorted(agent for agent, _ in prefect.runs.values()) == ["calm", "night"]


async def test_arrivals_of_a_window_become_one_run_with_the_last_of_them(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{coalesce: {seconds: 60}}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1)
    world.forward(seconds=30)
    await arrive(world, "night", 2, 3)
    assert await dispatcher(world, prefect).one_round(world.now) == []
    await dispatcher(world, prefect).one_round(world.forward(seconds=31))
    assert prefect.inputs() == [{"n": 3}]
    assert await states(world) == {"started": 1, "coalesced": 2}
    assert await dispatcher(world, prefect).one_round(world.forward(hours=1)) == []


async def test_arrivals_of_a_window_become_one_run_with_all_of_them(world: Outside) -> None:
    item = "{type: object, properties: {n: {type: integer}}}"
    storm = "{coalesce: {seconds: 5, run: list, into: all}}"
    world.agent("night", f"input: {{all: {{type: array, items: {item}}}}}\ntriggers: {{storm: {storm}}}\n")
    prefect = FakePrefect()
    await arrive(world, "night", 1, 2)
    await arrive(world, "night", 3, trigger="webhook other")
    await dispatcher(world, prefect).one_round(world.forward(seconds=6))
    assert prefect.inputs() == [{"all": [{"n": 1}, {"n": 2}]}, {"all": [{"n": 3}]}]


async def test_no_more_become_one_run_than_its_input_takes(world: Outside) -> None:
    item = "{type: object, properties: {n: {type: integer}}}"
    storm = "{coalesce: {seconds: 5, run: list, into: all}}"
    fields = f"{{all: {{type: array, maxItems: 2, items: {item}}}}}"
    world.agent("night", f"input: {fields}\ntriggers: {{storm: {storm}}}\n")
    prefect = FakePrefect()
    await arrive(world, "night", 1, 2, 3)
    await dispatcher(world, prefect).one_round(world.forward(seconds=6))
    assert prefect.inputs() == [{"all": [{"n": 1}, {"n": 2}]}, {"all": [{"n": 3}]}]


async def test_what_comes_for_an_agent_that_may_do_nothing_by_itself_waits(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1)
    await world.ledger.grant_level("night", 2, by="ada", because="a test")
    assert await dispatcher(world, prefect).one_round(world.forward(hours=1)) == []
    await world.ledger.grant_level("night", 3, by="ada", because="a test")
    await dispatcher(world, prefect).one_round(world.now)
    assert len(prefect.runs) == 1


async def test_killed_after_gathering_the_run_is_for_the_same_arrivals(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{coalesce: {seconds: 5}}"))
    prefect = FakePrefect(away=True)
    await arrive(world, "night", 1, 2)
    with pytest.raises(Away):
        await dispatcher(world, prefect).one_round(world.forward(seconds=6))
    await arrive(world, "night", 3)
    prefect.away = False
    await dispatcher(world, prefect).one_round(world.forward(seconds=60))
    assert prefect.inputs() == [{"n": 2}, {"n": 3}]


@pytest.mark.parametrize("target", [Target("all"), Target("agent", "night")])
async def test_what_comes_for_a_halted_agent_waits(world: Outside, target: Target) -> None:
    world.agent("night", BODY.format(storm="{}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1)
    await world.ledger.halt(target, by="ada", via="cli", because="a test")
    assert await dispatcher(world, prefect).one_round(world.forward(hours=1)) == []
    await world.ledger.lift_halt(target, by="ada", via="cli", because="it is over")
    await dispatcher(world, prefect).one_round(world.now)
    assert len(prefect.runs) == 1


@dataclass
class FakeClient:
    """Prefect's client, which fails at an input with `poison` in it."""

    fails: Exception

    async def read_deployment_by_name(self, name: str) -> Any:
        return SimpleNamespace(id=name)

    async def create_flow_run_from_deployment(self, _id: str, *, parameters: Any, idempotency_key: str) -> Any:
        if "poison" in str(parameters):
            raise self.fails
        return SimpleNamespace(id=f"run of {idempotency_key}")


def answer(status: int) -> PrefectHTTPStatusError:
    request = httpx.Request("POST", "http://prefect.example/create_flow_run")
    return PrefectHTTPStatusError("no", request=request, response=httpx.Response(status, request=request, text="no"))


@pytest.mark.parametrize(
    "fails", [answer(500), answer(422), RecursionError("too deep"), ValueError("circular")], ids=repr
)
async def test_what_prefect_fails_at_keeps_nobody_waiting_and_is_set_aside(world: Outside, fails: Exception) -> None:
    for name in ("night", "other"):
        world.agent(name, BODY.format(storm="{tries: 2}"))
    poisoned = Arrival(agent="night", trigger="webhook h", delivery="d0", payload="{}", input={"n": "poison"})
    await world.ledger.enter_arrival(poisoned)
    await arrive(world, "night", 1)
    await arrive(world, "other", 1)
    starting = Dispatcher(ledger=world.ledger, agents=world.agents, start=starter(cast(Any, FakeClient(fails))))
    for _ in range(2):
        await starting.one_round(world.forward(minutes=10))
    assert await states(world) == {"started": 2, "set_aside": 1}


@pytest.mark.parametrize("fails", [answer(503), answer(429), httpx.ConnectError("no")], ids=repr)
async def test_where_prefect_is_away_the_input_is_not_blamed(world: Outside, fails: Exception) -> None:
    with pytest.raises(Away):
        await starter(cast(Any, FakeClient(fails)))("night", {"n": "poison"}, "key")


async def half_opened(world: Outside, agent: str) -> None:
    probe_at = world.forward(hours=1)
    await world.ledger.start_run(
        "bad",
        agent=agent,
        cause="event",
        slot=None,
        level=3,
        asked_level=None,
        input={},
        fingerprint="",
        started_at=world.now,
    )
    await world.ledger.open_breaker(agent, Row(cause="failed", failures=3), last_run="bad", probe_at=probe_at)
    await world.ledger.half_open(agent)


async def test_half_open_one_arrival_is_tried_where_only_arrivals_have_the_input(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{}"))
    prefect = FakePrefect()
    await half_opened(world, "night")
    await arrive(world, "night", 1, 2)
    assert await dispatcher(world, prefect).one_round(world.now) == []
    world.forward(seconds=OTHERS_FIRST.total_seconds())
    for _ in range(3):
        await dispatcher(world, prefect).one_round(world.forward(hours=1))
    assert prefect.inputs() == [{"n": 1}]
    await world.ledger.close_breaker("night", by="ada", because="it is mended")
    await dispatcher(world, prefect).one_round(world.now)
    assert prefect.inputs() == [{"n": 1}, {"n": 2}]


async def test_half_open_no_arrival_is_tried_where_another_run_is(world: Outside) -> None:
    world.agent("night", BODY.format(storm="{}"))
    world.agent("free", BODY.format(storm="{}").replace("type: integer", "default: 0"))
    prefect = FakePrefect()
    for name in ("night", "free"):
        await arrive(world, name, 1)
    await half_opened(world, "night")
    await world.ledger.admitted("night", "probe")
    await world.ledger.open_breaker("free", Row(cause="failed", failures=3), last_run="bad", probe_at=world.now)
    await world.ledger.half_open("free")
    assert await dispatcher(world, prefect).one_round(world.forward(hours=9)) == []


async def begun(world: Outside, prefect: FakePrefect) -> None:
    """What Prefect was asked for begins."""
    for key, (agent, _) in prefect.runs.items():
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await world.ledger.start_run(f"run of {key}", agent=agent, cause="event", started_at=world.now, **facts)


@pytest.mark.parametrize("by_the_house", [False, True])
async def test_what_comes_on_a_day_whose_runs_are_used_up_waits_for_the_next(
    world: Outside, by_the_house: bool
) -> None:
    limit = "limits: {per_day: {runs: 3}}\n" if not by_the_house else ""
    world.agent("night", limit + BODY.format(storm="{}"))
    if by_the_house:
        await world.ledger.set_house_limits(DayLimits(runs=3), by="ada", because="a test")
    prefect = FakePrefect()
    await arrive(world, "night", *range(5))
    for _ in range(2):
        await dispatcher(world, prefect).one_round(world.now)
        assert len(prefect.runs) == 3
    await begun(world, prefect)
    assert await dispatcher(world, prefect).one_round(world.now) == []
    await dispatcher(world, prefect).one_round(world.forward(days=1))
    assert prefect.inputs() == [{"n": number} for number in range(5)]


async def test_what_comes_on_a_day_whose_tokens_are_used_up_waits_for_the_next(world: Outside) -> None:
    world.agent("night", "limits: {per_day: {tokens: 100}}\n" + BODY.format(storm="{}"))
    prefect = FakePrefect()
    await arrive(world, "night", 1)
    await dispatcher(world, prefect).one_round(world.now)
    await begun(world, prefect)
    (key,) = prefect.runs
    await world.ledger.record_step(f"run of {key}", "main/1", kind="model", name="m", tokens_in=100)
    await arrive(world, "night", 2)
    assert await dispatcher(world, prefect).one_round(world.now) == []
    await dispatcher(world, prefect).one_round(world.forward(days=1))
    assert prefect.inputs() == [{"n": 1}, {"n": 2}]
