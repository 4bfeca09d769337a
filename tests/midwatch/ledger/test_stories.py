"""The story of a run: in order, page by page, with what became of each effect, whatever lengths its texts have."""

from __future__ import annotations

import json
from typing import Any

from midwatch.decision import Decision, Verdict
from midwatch.ledger import Decided, Ledger, stories
from midwatch.ledger.stories import ToldDecision, ToldStep
from tests.midwatch.ledger.conftest import FakeClock


def ruled(call: str, verdict: Verdict = "allow") -> Decided:
    decision = Decision(verdict=verdict, rule="allow.files", reason="it may")
    return Decided(position=f"main/gate/{call}", tool="write_file", args_json="{}", digest="d", decision=decision)


async def writes(ledger: Ledger, run_id: str, call: str, **facts: Any) -> None:
    """A call that took effect, as the harness records one."""
    wanted: dict[str, Any] = {"digest": "d", "tool": "write_file", "args_json": "{}", "idempotency_key": call}
    held = await ledger.reserve(run_id, f"main/{call}", decided=ruled(call), **wanted)
    done: dict[str, Any] = {"kind": "tool", "name": "write_file", "detail": "{}", "result_json": "null", **facts}
    await ledger.record_step(run_id, f"main/tool/{call}", effect_id=held.effect_id, undo="remove it", **done)


async def test_it_is_told_in_order_with_what_the_rules_said_and_what_became_of_it(
    ledger: Ledger, run_id: str, clock: FakeClock
) -> None:
    await ledger.record_step(run_id, "main/model/1", kind="model", name="qwen", result_json='{"a":1}')
    clock.forward(seconds=1)
    await writes(ledger, run_id, "c1")
    page = await ledger.story_page(run_id, first=0, most=50)
    asked, decided, done = page.told
    assert isinstance(asked, ToldStep)
    assert isinstance(decided, ToldDecision)
    assert isinstance(done, ToldStep)
    assert (asked.name, asked.result and asked.result.text, asked.effect) == ("qwen", '{"a":1}', None)
    assert (decided.verdict, decided.rule, decided.tool) == ("allow", "allow.files", "write_file")
    assert done.effect
    assert (done.effect.state, done.effect.undo) == ("consumed", "remove it")
    assert (page.all, page.effects, page.doubts) == (3, {"consumed": 1}, ())


async def test_what_has_not_certainly_happened_is_told_of_the_whole_run(ledger: Ledger, run_id: str) -> None:
    call: dict[str, Any] = {"digest": "d", "tool": "send_mail", "args_json": "{}", "idempotency_key": "k"}
    lost = await ledger.reserve(run_id, "main/a", **call)
    await ledger.mark_unknown(lost.effect_id, "the line was cut")
    await ledger.reserve(run_id, "main/b", **call)
    page = await ledger.story_page(run_id, first=0, most=50)
    assert [(one.state, one.why) for one in page.doubts] == [("unknown", "the line was cut"), ("reserved", "")]


async def test_pages_leave_nothing_out_and_tell_nothing_twice(ledger: Ledger, run_id: str, clock: FakeClock) -> None:
    for number in range(40):
        await writes(ledger, run_id, f"c{number:02}")
        if number % 3:
            clock.forward(seconds=1)
    told = [one for first in range(0, 80, 7) for one in (await ledger.story_page(run_id, first=first, most=7)).told]
    assert len(told) == len({one.position for one in told}) == 80
    assert [one.at for one in told] == sorted(one.at for one in told)


async def test_a_long_text_is_not_fetched(ledger: Ledger, run_id: str) -> None:
    long = json.dumps("x" * 3_000_000)
    await ledger.record_step(run_id, "main/model/1", kind="model", name="m", detail=long, result_json=long)
    (step,) = (await ledger.story_page(run_id, first=0, most=50)).told
    assert isinstance(step, ToldStep)
    assert step.result
    assert (len(step.detail.text), step.detail.left) == (stories.SHOWN, len(long) - stories.SHOWN)
    assert (len(step.result.text), step.result.length) == (stories.WHOLE, len(long))


async def test_a_page_beyond_the_end_and_another_run_are_empty(ledger: Ledger, run_id: str) -> None:
    await writes(ledger, run_id, "c1")
    assert (await ledger.story_page(run_id, first=50, most=50)).told == ()
    assert (await ledger.story_page("another", first=0, most=50)).all == 0
