"""What happened in a while: runs that were under way, effects by agent and tool, answers, and what was spent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from midwatch.ledger import Ledger
from midwatch.ledger.between import Done
from tests.midwatch.ledger.conftest import START, FakeClock
from tests.midwatch.ledger.test_asks import ASK

HOUR = timedelta(hours=1)


async def begin(ledger: Ledger, clock: FakeClock, run_id: str, agent: str = "owl") -> None:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run(run_id, agent=agent, cause="person", started_at=clock.now, **facts)


async def do(ledger: Ledger, run_id: str, tool: str, call: str, undo: str = "") -> None:
    held = await ledger.reserve(run_id, call, digest=call, tool=tool, args_json="{}", idempotency_key=call)
    await ledger.consume(held.effect_id, "null", undo)


async def test_a_run_belongs_to_every_while_in_which_it_was_under_way(ledger: Ledger, clock: FakeClock) -> None:
    await begin(ledger, clock, "before")
    await begin(ledger, clock, "long")
    await begin(ledger, clock, "waits")
    clock.forward(hours=1)
    await ledger.finish_run("before", outcome="verified", reason="")
    clock.forward(hours=2)
    await begin(ledger, clock, "inside")
    await ledger.finish_run("long", outcome="failed", reason="")
    clock.forward(hours=2)
    await begin(ledger, clock, "after")
    found = await ledger.runs_between(START + 2 * HOUR, START + 4 * HOUR)
    assert [run.run_id for run in found] == ["long", "waits", "inside"]


async def test_effects_are_counted_by_agent_and_tool(ledger: Ledger, clock: FakeClock) -> None:
    await begin(ledger, clock, "r1")
    await begin(ledger, clock, "r2", "bat")
    await do(ledger, "r1", "write_file", "old")
    clock.forward(hours=1)
    await do(ledger, "r1", "write_file", "c1", "put it back")
    await do(ledger, "r1", "write_file", "c2")
    await do(ledger, "r1", "send_mail", "c3")
    await do(ledger, "r2", "write_file", "c4")
    await ledger.reserve("r2", "c5", digest="d", tool="write_file", args_json="{}", idempotency_key="k")
    assert await ledger.done_between(clock.now, clock.now + HOUR) == [
        Done(agent="bat", tool="write_file", times=1, undoable=0, last_run="r2"),
        Done(agent="owl", tool="write_file", times=2, undoable=1, last_run="r1"),
        Done(agent="owl", tool="send_mail", times=1, undoable=0, last_run="r1"),
    ]


async def test_what_was_spent_is_of_the_while_alone(ledger: Ledger, clock: FakeClock) -> None:
    await begin(ledger, clock, "r1")
    await begin(ledger, clock, "r2")
    await begin(ledger, clock, "r3", "bat")
    for number, (run, usd) in enumerate([("r1", "5"), ("r1", "0.25"), ("r2", "0.5"), ("r3", None)]):
        await ledger.record_step(
            run,
            f"main/{number}",
            kind="model",
            name="m",
            tokens_in=10,
            tokens_out=number,
            usd=None if usd is None else Decimal(usd),
            seconds=30,
        )
        clock.forward(hours=1)
    spent = await ledger.spent_between(START + HOUR, START + 5 * HOUR)
    owl, bat = spent["owl"], spent["bat"]
    assert (owl.runs, owl.steps, owl.tokens, owl.usd, owl.minutes, owl.unpriced_steps) == (2, 2, 23, 0.75, 1.0, 0)
    assert (bat.runs, bat.tokens, bat.usd, bat.unpriced_steps) == (1, 13, 0, 1)


async def test_what_was_decided_stands_in_its_order(ledger: Ledger, clock: FakeClock) -> None:
    await begin(ledger, clock, "run-1")
    for name in ("a", "b", "c"):
        await ledger.open_ask(replace(ASK, ask_id=name, call_id=name, deadline=None))
    for name in ("c", "a"):
        clock.forward(hours=1)
        await ledger.decide_ask(name, "denied", by="anna", via="cli")
    assert [row.ask_id for row in await ledger.decided_between(START, clock.now + HOUR)] == ["c", "a"]
    assert [row.ask_id for row in await ledger.decided_between(START, clock.now)] == ["c"]
