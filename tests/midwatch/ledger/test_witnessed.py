"""The journal tells of every way that a row can go: after each step of it, the row is what its entries say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from midwatch.breaker import Row
from midwatch.ledger import Ledger
from midwatch.ledger.transaction import Write
from tests.midwatch.ledger.conftest import START, FakeClock
from tests.midwatch.ledger.test_staged import approve, begun, rehearsed, stage

HOUR = timedelta(hours=1)


async def holds(ledger: Ledger) -> None:
    found = await ledger.verify()
    assert [str(one) for one in found.findings] == []
    assert found.untold == {}


async def test_a_breaker_is_what_its_entries_say_at_every_step(ledger: Ledger, clock: FakeClock) -> None:
    why = Row(cause="failed: no", failures=3)
    for run_id in ("bad", "probe", "probe-2", "worse"):
        await begun(ledger, run_id, started_at=clock())
        clock.forward(seconds=1)
        await ledger.finish_run(run_id, outcome="failed", reason="no")
        if run_id == "bad":
            assert await ledger.open_breaker("owl", why, last_run=run_id, probe_at=clock() + HOUR)
    steps: list[Any] = [
        lambda: ledger.breaker_pauses("owl", ["night"]),
        lambda: ledger.breaker_settled("owl", "open"),
        lambda: ledger.half_open("owl"),
        lambda: ledger.admitted("owl", "probe"),
        lambda: ledger.reopen("owl", "probe", cause="failed: again", probe_at=clock() + HOUR),
        lambda: ledger.half_open("owl"),
        lambda: ledger.put_off("owl", None, probe_at=clock() + HOUR),
        lambda: ledger.half_open("owl"),
        lambda: ledger.admitted("owl", "probe-2"),
        lambda: ledger.close_breaker("owl", by="run probe-2", because="it ended well", probe_run="probe-2"),
        lambda: ledger.breaker_settled("owl", "closed"),
    ]
    for step in steps:
        clock.forward(hours=2)
        assert await step() in (True, None)
        await holds(ledger)
    await begun(ledger, "last", started_at=clock())
    clock.forward(seconds=1)
    await ledger.finish_run("last", outcome="failed", reason="no")
    assert await ledger.open_breaker("owl", why, last_run="last", probe_at=clock() + HOUR)
    await holds(ledger)


async def test_a_staged_call_is_what_its_entries_say_however_it_goes(ledger: Ledger, clock: FakeClock) -> None:
    one, two, three, four = await rehearsed(ledger, "a", "b", "c", "d")
    await holds(ledger)
    clock.forward(minutes=1)
    await approve(ledger, one, two, three)
    await ledger.refuse_staged("night", {four.staged_id: four.digest}, by="anna", via="cli", because="not this")
    await holds(ledger)
    await ledger.take_staged("night", "morning", 2 * HOUR)
    await holds(ledger)
    call: dict[str, Any] = {"digest": one.digest, "tool": "pay", "args_json": one.args_json}
    ask_id = "morning:main:a"
    effect = await ledger.reserve("morning", one.call_id, idempotency_key="k", ask_id=ask_id, **call)
    await ledger.consume(effect.effect_id, '"paid"')
    await ledger.finish_run("morning", outcome="failed", reason="the house went dark", ending="error")
    assert [row.state for row in await ledger.staged_of("night")] == ["executed", "staged", "staged", "refused"]
    await holds(ledger)
    await approve(ledger, two)
    await begun(ledger, "noon")
    await ledger.take_staged("night", "noon", 2 * HOUR)
    await ledger.finish_run("noon", outcome="verified", reason="done")
    assert [row.state for row in await ledger.staged_of("night")] == ["executed", "stale", "staged", "refused"]
    await holds(ledger)


async def test_what_a_staged_call_had_code_fill_in_was_not_told_by_an_older_entry(ledger: Ledger) -> None:
    await begun(ledger, "night", shadow=True)
    await stage(ledger, "a")

    def older(tx: Write) -> None:
        if tx.connection.dialect.name == "sqlite":
            tx.connection.execute(text("DROP TRIGGER journal_no_update"))
            drop = "json_remove(body, '$.bound_json')"
        else:
            tx.connection.execute(text("SET session_replication_role = replica"))
            drop = "(body::jsonb - 'bound_json')::text"
        tx.connection.execute(text(f"UPDATE journal SET body = {drop} WHERE kind = 'staged'"))

    await ledger.write(older, durable=True)
    found = await ledger.verify()
    assert (found.untold, found.findings) == ({"staged.bound_json": 1}, ())


async def test_a_pin_is_what_its_entries_say_however_its_server_goes(ledger: Ledger, clock: FakeClock) -> None:
    read, wipe = ("book", "read"), ("book", "wipe")
    for tools in ({read: "{}"}, {read: "{}", wipe: "[]"}, {read: '{"a":1}', wipe: "[1]"}):
        clock.forward(hours=1)
        pins = await ledger.see_tools("owl", tools, first_use=True)
        await holds(ledger)
    clock.forward(hours=1)
    await ledger.accept_tools("owl", "book", {pin.tool: pin.digest for pin in pins}, by="anna")
    await holds(ledger)


async def test_layers_are_what_was_seen_last(ledger: Ledger, clock: FakeClock) -> None:
    for held in (True, False, True):
        clock.forward(hours=1)
        await ledger.record_layers("owl", fingerprint="f", held=held, detail=f"at {clock() - START}")
        await holds(ledger)
