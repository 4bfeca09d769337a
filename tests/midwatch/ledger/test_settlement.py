"""An effect whose end nobody saw: one question, answered by a person or by the run itself, and never forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from midwatch.errors import LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger, Reservation, Settlement
from midwatch.ledger.tables import journal

pytestmark = pytest.mark.usefixtures("run_id")


async def reserve(ledger: Ledger, call_id: str = "main/c1") -> Reservation:
    call: dict[str, Any] = {"digest": "d1", "tool": "send_mail", "args_json": '{"to":"ops"}', "idempotency_key": "key"}
    return await ledger.reserve("run-1", call_id, **call)


async def doubted(ledger: Ledger, call_id: str = "main/c1") -> AskRow:
    await ledger.mark_unknown((await reserve(ledger, call_id)).effect_id, "the mail server does not answer")
    (ask,) = [ask for ask in await ledger.open_asks() if ask.call_id == call_id]
    return ask


async def settle(
    ledger: Ledger, ask: AskRow, verdict: Settlement, reason: str = "it is in Sent", **more: Any
) -> AskDecision:
    return await ledger.settle_effect(ask.ask_id, verdict, by="operator", via="cli", reason=reason, **more)


async def states(ledger: Ledger) -> list[str]:
    return [effect.state for effect in await ledger.effects_of("run-1")]


async def test_a_person_is_asked_with_all_that_is_known(ledger: Ledger) -> None:
    ask = await doubted(ledger)
    assert (ask.kind, ask.tool, ask.args_json, ask.digest) == ("settle", "send_mail", '{"to":"ops"}', "d1")
    assert (ask.agent, ask.reason, ask.deadline) == ("night-owl", "the mail server does not answer", None)


async def test_a_person_is_asked_once_however_often_nobody_knows(ledger: Ledger) -> None:
    ask = await doubted(ledger)
    again = await reserve(ledger)
    await ledger.mark_unknown(again.effect_id, "said again")
    await ledger.finish_run("run-1", outcome="unknown", reason="nobody saw it")
    assert await ledger.asks_of("run-1") == [ask]


@pytest.mark.parametrize(("verdict", "state"), [("happened", "consumed"), ("did_not_happen", "released")])
async def test_the_answer_moves_the_effect(ledger: Ledger, verdict: Settlement, state: str) -> None:
    decision = await settle(ledger, await doubted(ledger), verdict, result_json='"a person said so"')
    assert (decision.first, decision.row.verdict, decision.row.by, decision.row.via) == (
        True,
        verdict,
        "operator",
        "cli",
    )
    assert decision.row.decided_because == "it is in Sent"
    (effect,) = await ledger.effects_of("run-1")
    assert (effect.state, effect.result_json) == (state, '"a person said so"' if state == "consumed" else None)


async def test_an_answer_after_the_end_leaves_the_outcome_as_it_is(ledger: Ledger) -> None:
    ask = await doubted(ledger)
    await ledger.finish_run("run-1", outcome="unknown", reason="nobody saw it")
    await settle(ledger, ask, "happened")
    run = await ledger.run("run-1")
    assert run is not None
    assert (run.outcome, await states(ledger), await ledger.open_asks()) == ("unknown", ["consumed"], [])


async def test_the_first_answer_counts(ledger: Ledger) -> None:
    ask = await doubted(ledger)
    await settle(ledger, ask, "happened")
    later = await settle(ledger, ask, "did_not_happen")
    assert (later.first, later.row.verdict, await states(ledger)) == (False, "happened", ["consumed"])


async def test_a_second_doubt_about_the_same_call_is_a_second_question(ledger: Ledger) -> None:
    first = await doubted(ledger)
    await settle(ledger, first, "did_not_happen")
    second = await doubted(ledger)
    assert [ask.verdict for ask in await ledger.asks_of("run-1")] == ["did_not_happen", None]
    assert second.ask_id != first.ask_id


@pytest.mark.parametrize("happened", [True, False])
async def test_what_the_run_finds_out_by_itself_needs_nobody(ledger: Ledger, happened: bool) -> None:
    ask = await doubted(ledger)
    effect_id = (await reserve(ledger)).effect_id
    await (ledger.consume(effect_id, "{}") if happened else ledger.release(effect_id))
    answered = await ledger.ask(ask.ask_id)
    assert (answered.verdict, answered.via) == ("happened" if happened else "did_not_happen", "run")


async def test_silence_says_nothing(ledger: Ledger, clock: Any) -> None:
    ask = await doubted(ledger)
    assert await ledger.overdue_asks(clock() + timedelta(days=10_000)) == []
    with pytest.raises(LedgerError, match="a question of kind 'settle' cannot be expired"):
        await ledger.decide_ask(ask.ask_id, "expired", by="nobody", via="keeper")


@pytest.mark.parametrize("verdict", ["approved", "happened", "answered"])
async def test_it_is_not_decided_without_its_effect(ledger: Ledger, verdict: Any) -> None:
    ask = await doubted(ledger)
    with pytest.raises(LedgerError, match="a question of kind 'settle' cannot be"):
        await ledger.decide_ask(ask.ask_id, verdict, by="operator", via="cli", digest_seen="d1", answer="yes")
    assert await states(ledger) == ["unknown"]


async def test_an_answer_without_a_reason_is_refused(ledger: Ledger) -> None:
    ask = await doubted(ledger)
    with pytest.raises(LedgerError, match="say how you know"):
        await settle(ledger, ask, "happened", reason=" ")


async def test_a_run_that_ends_leaves_no_effect_unasked_and_ends_as_unknown(ledger: Ledger) -> None:
    for call_id in ("main/c1", "main/c2"):
        await reserve(ledger, call_id)
    await ledger.consume((await reserve(ledger, "main/c3")).effect_id, "{}")
    row = await ledger.finish_run("run-1", outcome="failed", reason="its process was lost 6 times")
    assert (row.outcome, await states(ledger)) == ("unknown", ["unknown", "unknown", "consumed"])
    assert row.reason == "nobody saw whether it happened: send_mail, send_mail; its process was lost 6 times"
    assert [ask.reason for ask in await ledger.open_asks()] == ["the run ended in the middle of it"] * 2


async def test_what_a_person_says_is_in_the_journal_with_the_effect(ledger: Ledger) -> None:
    await settle(ledger, await doubted(ledger), "happened")
    assert (await ledger.verify_chain()).ok
    kinds = await ledger.read(lambda tx: [row["kind"] for row in tx.all(journal.select().order_by(journal.c.seq))])
    assert kinds[-4:] == ["effect_unknown", "ask_opened", "effect_consumed", "ask_decided"]
