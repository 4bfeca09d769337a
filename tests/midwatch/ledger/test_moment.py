"""What happens at this moment: read every second, so nothing is scanned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import sqlite

from midwatch.ledger import Ledger, moment
from midwatch.ledger.tables import metadata
from midwatch.spec import Limits
from tests.midwatch.ledger.conftest import START, FakeClock
from tests.midwatch.ledger.test_asks import ASK
from tests.midwatch.ledger.test_between import begin


async def step(ledger: Ledger, run_id: str, position: str, **facts: Any) -> None:
    await ledger.record_step(run_id, position, kind="model", **{"name": position, **facts})


async def test_what_runs_and_what_it_has_used_of_what(ledger: Ledger, clock: FakeClock) -> None:
    facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run("r", agent="owl", cause="event", started_at=START, limits=Limits(steps=7), **facts)
    clock.forward(minutes=1)
    await step(ledger, "r", "qwen", tokens_in=10, tokens_out=5, usd=Decimal("0.5"), seconds=30)
    found = await ledger.moment(clock.now)
    (run,) = found.runs
    assert (run.agent, run.cause, run.level, run.started_at) == ("owl", "event", 4, START)
    assert (run.spent.steps, run.spent.tokens, run.spent.usd, run.spent.minutes) == (1, 15, 0.5, 0.5)
    assert (run.limits and run.limits.steps, run.last_step, run.stepped_at) == (7, "qwen", clock.now)
    assert (found.open_runs, found.today["owl"].tokens) == (1, 15)


async def test_an_effect_is_under_way_until_its_end_was_seen(ledger: Ledger, run_id: str, clock: FakeClock) -> None:
    held = await ledger.reserve(run_id, "c", digest="d", tool="send_mail", args_json="{}", idempotency_key="k")
    (under_way,) = (await ledger.moment(clock.now)).under_way
    assert (under_way.run_id, under_way.tool, under_way.reserved_at) == (run_id, "send_mail", START)
    await ledger.consume(held.effect_id, "null")
    assert (await ledger.moment(clock.now)).under_way == ()


async def test_the_last_step_is_the_run_s_own_whatever_those_that_it_started_do(
    ledger: Ledger, clock: FakeClock
) -> None:
    facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {}, "fingerprint": "f"}
    for run_id, parent in (("r", None), ("child", "r")):
        await ledger.start_run(run_id, agent="owl", cause="event", started_at=START, parent=parent, **facts)
    assert [run.last_step for run in (await ledger.moment(clock.now)).runs] == ["", ""]
    await step(ledger, "r", "main/1", name="one")
    await step(ledger, "child", "main/9", name="nine")
    await ledger.reserve("r", "c", digest="d", tool="send_mail", args_json="{}", idempotency_key="k")
    found = {run.run_id: run.last_step for run in (await ledger.moment(clock.now)).runs}
    assert found == {"r": "one", "child": "nine"}


async def test_what_ends_first_waits_first_and_texts_are_cut(ledger: Ledger, run_id: str, clock: FakeClock) -> None:
    for number, hours in enumerate((9, 1, None)):
        deadline = None if hours is None else START + timedelta(hours=hours)
        long: dict[str, Any] = {
            "args_json": '{"a":"' + "x" * 9000 + '"}',
            "deadline": deadline,
            "call_id": f"c{number}",
        }
        await ledger.open_ask(replace(ASK, ask_id=f"a{number}", run_id=run_id, **long))
    found = await ledger.moment(clock.now)
    assert [ask.ask_id for ask in found.asks] == ["a1", "a0", "a2"]
    assert {len(ask.args) for ask in found.asks} == {moment.SHOWN}
    assert found.open_asks == 3


async def test_of_very_many_the_latest_are_listed_and_all_are_counted(ledger: Ledger, clock: FakeClock) -> None:
    for number in range(moment.MOST + 3):
        await begin(ledger, clock, f"r{number:03}")
        clock.forward(seconds=1)
    for number in range(moment.ENDED + 3):
        await ledger.finish_run(f"r{number:03}", outcome="verified", reason="y" * 9000)
        clock.forward(seconds=1)
    found = await ledger.moment(clock.now)
    assert (len(found.runs), found.open_runs) == (moment.MOST - moment.ENDED, moment.MOST - moment.ENDED)
    assert found.runs[0].run_id == f"r{moment.MOST + 2:03}"
    assert [run.run_id for run in found.ended] == [f"r{number:03}" for number in range(moment.ENDED + 2, 2, -1)]
    assert len(found.ended[0].reason) == moment.SHOWN


async def test_only_today_and_only_agents_that_are_there_or_at_work_are_counted(
    ledger: Ledger, run_id: str, clock: FakeClock
) -> None:
    await step(ledger, run_id, "yesterday", tokens_in=1)
    await begin(ledger, clock, "other", "bat")
    clock.forward(days=1)
    await step(ledger, "other", "today", tokens_in=2)
    found = await ledger.moment(clock.now, ["bat", "nobody"])
    assert {agent: spent.tokens for agent, spent in found.today.items()} == {"bat": 2}


@pytest.mark.parametrize("name", ["_OPEN", "_OPEN_RUNS", "_OPEN_ASKS", "_ENDED", "_WAITING", "_UNDER_WAY"])
def test_no_query_goes_through_a_whole_table(name: str) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        query = getattr(moment, name).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        plan = [str(row[-1]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert plan
    assert [line for line in plan if line.startswith("SCAN")] == []
    engine.dispose()
