from __future__ import annotations

from datetime import timedelta

import pytest

from midwatch.halt import Target
from midwatch.ledger import Arrival
from tasks.triggers.dispatch import Away
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
