"""Worth, from a real ledger: histories with known answers, what is counted in them, and what a person has signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from midwatch.errors import LedgerError
from midwatch.habit import Traits
from midwatch.ledger import Ask, AskVerdict, Ledger
from midwatch.outcome import Outcome
from midwatch.worth.answers import Answers
from midwatch.worth.profile import Profile
from midwatch.worth.sensitivity import sensitivity
from midwatch.worth.verdict import Verdict, Worth, verdict_of
from tests.midwatch.ledger.conftest import FakeClock
from tests.midwatch.ledger.furnished import ANSWERS, PROFILE

Calls = Sequence[tuple[str, dict[str, Any]]]


def dollars(*amounts: int) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, amounts))


async def night(
    ledger: Ledger,
    clock: FakeClock,
    *,
    outcome: Outcome = "verified",
    usd: str = "0.10",
    answer: AskVerdict | None = None,
    calls: Calls = (),
    level: Any = 3,
    planted: str = "",
) -> str:
    """One run at 03:00, its request answered within two minutes; then it is the next day."""
    began = clock.now
    run_id = f"run-{began:%Y-%m-%d}"
    facts: dict[str, Any] = {"slot": None, "asked_level": None, "input": {}, "fingerprint": "f", "cause": "schedule"}
    await ledger.start_run(run_id, agent="owl", level=level, started_at=began, **facts)
    await ledger.record_step(run_id, "main/model/1", kind="model", name="m", usd=Decimal(usd))
    for number, (tool, args) in enumerate(calls):
        clock.forward(seconds=1)
        done: dict[str, Any] = {
            "detail": json.dumps(args),
            "result_json": json.dumps({"kind": "tool_return", "result": number}),
        }
        await ledger.record_step(run_id, f"main/tool/c{number}", kind="tool", name=tool, **done)
    if answer is not None:
        await ask(ledger, clock, run_id, answer, planted=planted)
    await ledger.finish_run(run_id, outcome=outcome, reason="")
    clock.now = began + timedelta(days=1)
    return run_id


async def ask(
    ledger: Ledger, clock: FakeClock, run_id: str, answer: AskVerdict, *, minutes: int = 2, planted: str = ""
) -> None:
    about: dict[str, Any] = {"call_id": "main/c", "tool": "t", "args_json": "{}", "digest": "d", "kind": "approve"}
    said: dict[str, Any] = {"rule": "ask.t", "reason": "", "words": "", "deadline": None}
    opened = Ask(
        ask_id=f"a-{run_id}-{clock.now}", run_id=run_id, created_at=clock.now, planted=planted, **about, **said
    )
    await ledger.open_ask(opened)
    clock.forward(minutes=minutes)
    edit = {"edited_args_json": "{}", "edited_digest": "e"} if answer == "edited" else {}
    await ledger.decide_ask(opened.ask_id, answer, by="anna", via="cli", digest_seen="d", **edit)


def written(day: int, text: str = "") -> Calls:
    return [("read_file", {"path": "in.txt"}), ("write_file", {"path": f"out-{day}.md", "content": text})]


async def judged(ledger: Ledger, clock: FakeClock, answers: Answers = ANSWERS, profile: Profile = PROFILE) -> Worth:
    return verdict_of(answers, profile, await ledger.worth_history("owl", clock.now))


async def test_keep_an_agent_that_saves_more_than_it_costs(ledger: Ledger, clock: FakeClock) -> None:
    for day in range(30):
        await night(ledger, clock, answer="approved", calls=written(day))
    found = await judged(ledger, clock)
    balance = found.balance
    assert (found.verdict, found.positive, found.reliable, found.outside) == ("keep", True, "yes", Decimal(1))
    assert (balance.value, balance.model, balance.review) == dollars(900, 3, 60)
    assert (balance.incidents, balance.upkeep, balance.net) == dollars(0, 60, 777)
    assert found.reasons[0] == "it saves 777.00 US dollars a month more than it costs"
    assert found.sequence == "in the last 10 verified runs `path` of write_file differed"


async def test_lower_an_agent_whose_result_a_person_often_changes(ledger: Ledger, clock: FakeClock) -> None:
    for day in range(30):
        answer: AskVerdict = "approved"
        outcome: Outcome = "verified"
        if day % 10 < 3:
            answer, outcome = (("edited", "verified"), ("denied", "blocked"), ("taken_over", "blocked"))[day % 10]
        await night(ledger, clock, answer=answer, outcome=outcome, calls=written(day))
    found = await judged(ledger, clock)
    assert (found.verdict, found.positive, found.balance.net) == ("lower", False, Decimal(597))
    assert found.balance.watched == 507
    assert "a person's judgment changed 9 of 30 runs (30 %)" in found.reasons


async def test_a_plain_script_where_the_last_runs_all_did_the_same(ledger: Ledger, clock: FakeClock) -> None:
    for day in range(20):
        await night(ledger, clock, calls=written(day, "other"))
    for _ in range(10):
        date = clock.now.astimezone().date().isoformat()
        calls = [("read_file", {"path": "in.txt"}), ("write_file", {"path": f"out-{date}.md", "content": "x"})]
        await night(ledger, clock, calls=calls)
    found = await judged(ledger, clock)
    assert (found.verdict, found.positive) == ("plain_script", False)
    assert found.reasons[0] == "its last 10 verified runs made the same calls: a plain script does that"
    assert "what it read was the same each time, too: nothing shows what it would do otherwise" in found.reasons
    await night(ledger, clock, calls=written(1))
    assert (await judged(ledger, clock)).verdict == "keep"


async def test_retire_an_agent_that_costs_more_than_it_saves_at_any_level(ledger: Ledger, clock: FakeClock) -> None:
    for day in range(30):
        await night(ledger, clock, outcome="verified" if day % 3 == 0 else "failed", usd="5")
    found = await judged(ledger, clock)
    assert (found.verdict, found.reliable, found.balance.net) == ("retire", "no", Decimal(-1110))
    assert found.balance.even_runs is None
    assert "at level 3 only 10 of 30 runs came to a good end" in found.reasons


async def test_at_the_break_even_value_and_cost_are_the_same(ledger: Ledger, clock: FakeClock) -> None:
    for day in range(30):
        await night(ledger, clock, usd="0", calls=written(day))
    answers = ANSWERS.model_copy(update={"minutes": Decimal(2)})
    found = await judged(ledger, clock, answers)
    assert (found.verdict, found.balance.net) == ("keep", Decimal(0))
    assert (found.balance.even_runs, found.balance.even_minutes(answers.minutes)) == dollars(30, 2)
    assert (await judged(ledger, clock, answers.model_copy(update={"minutes": Decimal("1.99")}))).verdict == "retire"
    swings = {one.question: one for one in sensitivity(answers, PROFILE, await ledger.worth_history("owl", clock.now))}
    assert {name for name, one in swings.items() if one.carries} == {"minutes", "upkeep_minutes"}
    assert (swings["minutes"].halved, swings["minutes"].halved_net) == ("retire", Decimal(-30))
    assert swings["minutes"].doubled_net == 60


async def test_of_too_little_history_nothing_is_concluded(ledger: Ledger, clock: FakeClock) -> None:
    for _ in range(9):
        await night(ledger, clock, outcome="failed")
    found = await judged(ledger, clock)
    assert (found.verdict, found.basis, found.positive, found.reliable) == ("keep", "answers", False, "unknown")
    assert (
        "too little history to measure (9 runs have ended in 9 days; 10 in 7 days are enough): what is assumed decides"
        in (found.reasons)
    )


async def test_asking_that_costs_more_than_it_saves_speaks_for_fewer_questions(
    ledger: Ledger, clock: FakeClock
) -> None:
    for day in range(30):
        await night(ledger, clock, answer="approved", calls=written(day))
    found = await judged(
        ledger, clock, ANSWERS.model_copy(update={"minutes": Decimal("2.5"), "upkeep_minutes": Decimal(0)})
    )
    assert (found.verdict, found.balance.net, found.balance.unasked) == ("keep", *dollars(12, 72))
    dear = ANSWERS.model_copy(update={"minutes": Decimal(1), "upkeep_minutes": Decimal(0)})
    found = await judged(ledger, clock, dear)
    assert (found.verdict, found.balance.net, found.balance.unasked) == ("keep", *dollars(-33, 27))
    assert "unasked it saves 27.00 US dollars" in found.reasons[0]


@pytest.mark.parametrize(("minutes", "verdict"), [(30, "lower"), (5, "retire")])
async def test_a_failure_without_bounds_needs_somebody_who_looks(
    ledger: Ledger, clock: FakeClock, minutes: int, verdict: Verdict
) -> None:
    for day in range(30):
        await night(ledger, clock, calls=written(day))
    free = Profile(worst="execute", reversible=False, bounded=False, bounds="shell may run unasked")
    found = await judged(ledger, clock, ANSWERS.model_copy(update={"minutes": Decimal(minutes)}), free)
    assert found.verdict == verdict
    assert "its failure is not bounded: shell may run unasked" in found.reasons


async def test_of_an_agent_whose_work_was_never_verified_nothing_is_saved(ledger: Ledger, clock: FakeClock) -> None:
    for _ in range(30):
        await night(ledger, clock, outcome="verified_noop")
    found = await judged(ledger, clock)
    assert (found.verdict, found.reasons[0]) == ("retire", "nothing that it did was verified, so it saves nothing")


async def test_only_what_lies_in_the_window_is_counted(ledger: Ledger, clock: FakeClock) -> None:
    for _ in range(20):
        await night(ledger, clock, usd="1")
    seen = await ledger.worth_history("owl", clock.now, window=timedelta(days=10))
    assert (seen.runs, seen.verified, seen.model_usd, seen.months) == (10, 10, Decimal(10), Decimal(10) / 30)
    assert (await ledger.worth_history("bat", clock.now)).runs == 0


async def test_a_rehearsal_did_nothing(ledger: Ledger, clock: FakeClock) -> None:
    for day in range(12):
        await night(ledger, clock, calls=written(day))
    before = await ledger.worth_history("owl", clock.now)
    facts: dict[str, Any] = {"slot": None, "asked_level": None, "input": {}, "fingerprint": "f", "cause": "person"}
    for number, outcome in enumerate(("verified", "failed", "unverified")):
        run_id = f"tried-{number}"
        await ledger.start_run(run_id, agent="owl", level=3, started_at=clock.now, shadow=True, **facts)
        clock.forward(minutes=1)
        await ledger.finish_run(run_id, outcome=cast("Outcome", outcome), reason="")
    after = await ledger.worth_history("owl", clock.now)
    assert replace(after, until=before.until) == before


async def test_what_is_charged_afterwards_is_an_incident_and_a_major_one_was_no_work(
    ledger: Ledger, clock: FakeClock
) -> None:
    nights = [await night(ledger, clock, outcome="failed" if day == 0 else "verified") for day in range(12)]
    before, verdict = await ledger.worth_history("owl", clock.now), (await judged(ledger, clock)).balance
    for run_id, severity in ((nights[0], "major"), (nights[1], "major"), (nights[1], "minor"), (nights[2], "minor")):
        said: dict[str, Any] = {"severity": severity, "by": "anna", "via": "cli", "because": "found later"}
        await ledger.report_incident(run_id, **said)
    seen = await ledger.worth_history("owl", clock.now)
    assert (before.bad, before.pieces, before.green_at_3) == (1, 11, 11)
    assert (seen.bad, seen.pieces, seen.green_at_3, seen.at_3, seen.verified) == (3, 10, 9, 12, 11)
    assert (await judged(ledger, clock)).balance.incidents == 3 * verdict.incidents


async def test_items_are_pieces_of_work_each_with_its_own_calls(ledger: Ledger, clock: FakeClock) -> None:
    run_id = "run-items"
    facts: dict[str, Any] = {"slot": None, "asked_level": None, "input": {}, "fingerprint": "f", "cause": "person"}
    await ledger.start_run(run_id, agent="owl", level=4, started_at=clock.now, **facts)
    await ledger.record_step(run_id, "items", kind="harness", name="harness · items", result_json='["a", "b"]')
    for name, tool, kind in (("item-0001", "file", "tool_return"), ("item-0002", "draft", "tool_failed")):
        result = json.dumps({"kind": kind})
        await ledger.record_step(run_id, f"{name}/tool/c", kind="tool", name=tool, detail="{}", result_json=result)
    clock.forward(hours=1)
    await ledger.finish_run(run_id, outcome="verified", reason="")
    await ledger.record_traits(run_id, Traits(items=2))
    seen = await ledger.worth_history("owl", clock.now)
    assert (seen.verified, seen.pieces, seen.at_3) == (1, 2, 0)
    assert [(one.item, [call.tool for call in one.calls]) for one in seen.last] == [("a", ["file"]), ("b", [])]


async def test_time_to_decide_is_since_it_was_asked_or_since_the_last_answer(ledger: Ledger, clock: FakeClock) -> None:
    run_id = await night(ledger, clock, answer="approved", planted="no such file")
    facts: dict[str, Any] = {"slot": None, "asked_level": None, "input": {}, "fingerprint": "f", "cause": "person"}
    await ledger.start_run("late", agent="owl", level=3, started_at=clock.now, **facts)
    for minutes in (480, 1):
        await ask(ledger, clock, "late", "denied", minutes=minutes)
    clock.forward(hours=1)
    await ledger.finish_run("late", outcome="blocked", reason="")
    seen = await ledger.worth_history("owl", clock.now)
    assert [one.total_seconds() / 60 for one in seen.deciding] == [2, 480, 1]
    assert (seen.runs, seen.changed, seen.at_3) == (2, 1, 1), f"a planted request of {run_id} is no evidence"


async def test_answers_are_signed_and_the_latest_count(ledger: Ledger) -> None:
    assert await ledger.worth_answers_of("owl") is None
    first = await ledger.answer_worth("owl", ANSWERS, PROFILE, by="anna", via="cli")
    assert await ledger.answer_worth("owl", ANSWERS, PROFILE, by="anna", via="cli") == first
    other = ANSWERS.model_copy(update={"minutes": Decimal("7.5")})
    await ledger.answer_worth("owl", other, PROFILE, by="ben", via="cli")
    stands = await ledger.worth_answers_of("owl")
    assert stands is not None
    assert (stands.answers, stands.profile, stands.by, stands.answers_id) == (other, PROFILE, "ben", 2)
    report = await ledger.verify_chain()
    assert (report.rows, report.ok) == (2, True)


@pytest.mark.parametrize("by", ["", "owl", "model"])
async def test_no_agent_says_what_it_is_worth(ledger: Ledger, by: str) -> None:
    with pytest.raises(LedgerError, match="a person says"):
        await ledger.answer_worth("owl", ANSWERS, PROFILE, by=by, via="cli")
