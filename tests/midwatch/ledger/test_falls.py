"""Trust is taken back at once, by itself, where its cause is written down; and what it takes to earn it again is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from midwatch.breaker import Row
from midwatch.decision import Decision
from midwatch.errors import LedgerError
from midwatch.fingerprint import fingerprint_of
from midwatch.ledger import Decided, Ledger
from tests.midwatch.ledger.climbs import (
    AGENT,
    ENOUGH,
    MARK,
    OTHER,
    RULE,
    asked,
    by,
    climbed,
    nights,
    past,
    spec,
    started,
)
from tests.midwatch.ledger.conftest import START, FakeClock

DAY = timedelta(days=1)
CLASS: dict[str, Any] = {"fingerprint": MARK.whole, "ceiling": 5}


async def stands(ledger: Ledger, at: Any = START) -> tuple[int, list[str]]:
    """The level, and what goes unasked."""
    trust = await ledger.trust_in(AGENT, MARK.whole, at)
    return trust.level, sorted(trust.allowed)


async def denied(ledger: Ledger) -> None:
    ask = await asked(ledger, await started(ledger))
    await ledger.decide_ask(ask.ask_id, "denied", by="anna", via="cli")


async def unasked(ledger: Ledger, run_id: str = "now", rule: str = RULE) -> int:
    """An effect that its class let through; returns its number."""
    await started(ledger, run_id)
    decision = Decision(verdict="allow", rule=rule, reason="nobody is asked")
    told = Decided(position="main/gate/c", tool="shell", args_json="{}", digest="d", decision=decision)
    call: dict[str, Any] = {"digest": "d", "tool": "shell", "args_json": "{}", "idempotency_key": f"{run_id}/c"}
    return (await ledger.reserve(run_id, "main/c", decided=told, **call)).effect_id


async def reported(ledger: Ledger) -> None:
    await ledger.consume(await unasked(ledger), '"done"')
    await ledger.finish_run("now", outcome="verified", reason="all is well")
    said = {"by": "anna", "via": "cli", "because": "the wrong branch"}
    await ledger.report_incident("now", severity="major", call_id="main/c", **said)


async def charged(ledger: Ledger) -> None:
    """The run as a whole."""
    await ledger.consume(await unasked(ledger), '"done"')
    await ledger.report_incident("now", severity="major", by="anna", via="cli", because="the wrong branch")


async def unknown(ledger: Ledger) -> None:
    await ledger.mark_unknown(await unasked(ledger), "the run was cut off")


async def cut_off(ledger: Ledger) -> None:
    await unasked(ledger)
    await ledger.finish_run("now", outcome="failed", reason="no", ending="error")


async def invariant_broken(ledger: Ledger) -> None:
    await ledger.consume(await unasked(ledger), '"done"')
    await ledger.finish_run("now", outcome="failed", reason="a file is gone", ending="broken")


BAD = [denied, reported, charged, unknown, cut_off, invariant_broken]


@pytest.mark.parametrize("bad", BAD)
async def test_a_major_error_lets_its_class_ask_again_at_once_and_says_what_earns_it_back(
    bad: Callable[[Ledger], Awaitable[None]], ledger: Ledger
) -> None:
    await climbed(ledger)
    await climbed(ledger, "ask.pull")
    assert await stands(ledger) == (4, ["ask.pull", RULE])
    await bad(ledger)
    assert await stands(ledger) == (4, ["ask.pull"])
    fall = (await ledger.moves_of(AGENT))[0]
    assert (fall.basis, fall.by) == ("fall", "midwatch")
    assert "what earns it back:" in fall.because
    assert "more clean actions" in fall.because
    assert [alarm.key for alarm in await ledger.open_alarms()] == [f"fell:{AGENT}:{RULE}"]


@pytest.mark.parametrize("bad", BAD)
async def test_at_level_5_a_major_error_is_level_4_again(
    bad: Callable[[Ledger], Awaitable[None]], ledger: Ledger
) -> None:
    await climbed(ledger)
    await nights(ledger, 70)
    await ledger.promote_level(AGENT, 5, by(), **CLASS)
    await bad(ledger)
    assert await stands(ledger) == (4, [])


async def test_level_5_is_not_reached_again_on_runs_that_it_had_before_the_fall(
    ledger: Ledger, clock: FakeClock
) -> None:
    await climbed(ledger)
    await nights(ledger, 190)
    await ledger.promote_level(AGENT, 5, by(), **CLASS)
    said = {"by": "anna", "via": "cli", "because": "the wrong branch"}
    await ledger.report_incident("night-9", severity="major", **said)
    clock.now += timedelta(hours=1)
    with pytest.raises(LedgerError, match="more clean runs"):
        await ledger.promote_level(AGENT, 5, by(), **CLASS)
    fall = (await ledger.grants(AGENT))[0]
    assert (fall.level, fall.basis) == (4, "fall")
    assert "more clean runs" in fall.because


async def test_a_breaker_takes_level_5_and_none_of_the_evidence_of_its_runs(ledger: Ledger, clock: FakeClock) -> None:
    await climbed(ledger)
    await nights(ledger, 190)
    await ledger.promote_level(AGENT, 5, by(), **CLASS)
    await started(ledger, "failed")
    await ledger.finish_run("failed", outcome="failed", reason="no", ending="error")
    await ledger.open_breaker(AGENT, Row(cause="failed", failures=3), last_run="failed", probe_at=START + DAY)
    assert (await stands(ledger))[0] == 4
    await ledger.close_breaker(AGENT, by="anna", because="mended")
    clock.now += timedelta(hours=1)
    assert (await ledger.promote_level(AGENT, 5, by(), **CLASS)).level == 5


async def test_a_minor_incident_counts_and_takes_nothing_back(ledger: Ledger) -> None:
    await climbed(ledger)
    await ledger.consume(await unasked(ledger), '"done"')
    said = {"by": "anna", "via": "cli", "because": "a typing error"}
    await ledger.report_incident("now", severity="minor", call_id="main/c", **said)
    assert await stands(ledger) == (4, [RULE])
    record = await ledger.class_record(AGENT, RULE, MARK.whole, START)
    assert record.evidence.climb.minor == 1


async def test_a_breaker_that_opens_takes_one_rung_and_a_person_brings_it_back(
    ledger: Ledger, clock: FakeClock
) -> None:
    await climbed(ledger)
    await started(ledger, "failed")
    await ledger.finish_run("failed", outcome="failed", reason="no", ending="error")
    await ledger.open_breaker(AGENT, Row(cause="failed", failures=3), last_run="failed", probe_at=START + DAY)
    assert await stands(ledger) == (3, [])
    with pytest.raises(LedgerError, match="breaker"):
        await ledger.promote_level(AGENT, 4, by(), **CLASS)
    await ledger.close_breaker(AGENT, by="anna", because="mended")
    await ledger.promote_level(AGENT, 4, by(), **CLASS)
    assert await stands(ledger) == (4, [RULE])


async def test_a_breaker_lowers_nobody_below_3(ledger: Ledger) -> None:
    await ledger.grant_level(AGENT, 2, by="anna", because="slowly")
    await started(ledger, "failed", level=2)
    await ledger.finish_run("failed", outcome="failed", reason="no", ending="error")
    await ledger.open_breaker(AGENT, Row(cause="failed", failures=3), last_run="failed", probe_at=START + DAY)
    assert await ledger.level_of(AGENT, START) == 2


async def test_nobody_there_to_look_is_one_rung_and_what_was_earned_waits(ledger: Ledger, clock: FakeClock) -> None:
    await climbed(ledger)
    clock.forward(days=15)
    lowered = await ledger.lower_unseen(AGENT, since=clock.now - 14 * DAY, because="nobody was there")
    assert lowered is not None
    assert (lowered.level, lowered.basis) == (3, "fall")
    await ledger.promote_level(AGENT, 4, by(), **CLASS)
    assert await stands(ledger, clock.now) == (4, [RULE])


async def test_another_agent_under_its_name_begins_anew_and_putting_it_back_is_enough_for_a_person(
    ledger: Ledger,
) -> None:
    await climbed(ledger)
    await ledger.see_fingerprint(AGENT, OTHER)
    assert await ledger.level_of(AGENT, START) == 3
    moves = await ledger.moves_of(AGENT)
    assert (moves[0].stands, moves[0].fingerprint) == ("ask", OTHER.whole)
    assert moves[0].because.startswith("its instructions changed since")
    await ledger.see_fingerprint(AGENT, MARK)
    assert await stands(ledger) == (3, [])
    await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    assert await stands(ledger) == (4, [RULE])


async def test_what_does_not_decide_may_change(ledger: Ledger) -> None:
    await climbed(ledger)
    await ledger.see_fingerprint(AGENT, fingerprint_of(spec(limits={"steps": 9}, description="another"), ["local"]))
    assert await stands(ledger) == (4, [RULE])


@pytest.mark.parametrize(
    ("fields", "level"), [({}, 4), ({"description": "another"}, 4), ({"rules": {"allow": ["shell"]}}, 3)]
)
async def test_an_override_is_of_the_file_that_a_person_has_read(
    fields: dict[str, Any], level: int, ledger: Ledger
) -> None:
    read = fingerprint_of(spec())
    await ledger.grant_level(AGENT, 4, by="anna", because="a trial week", fingerprint=read.whole)
    await ledger.see_fingerprint(AGENT, fingerprint_of(spec(**fields), ["local"]))
    assert await ledger.level_of(AGENT, START) == level


async def test_it_earns_its_way_back_and_no_sooner(ledger: Ledger, clock: FakeClock) -> None:
    await climbed(ledger)
    await denied(ledger)
    clock.forward(days=30)
    since = START + DAY
    await past(ledger, ENOUGH - 20, name="again", since=since)
    with pytest.raises(LedgerError, match="has not earned"):
        await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    await past(ledger, 20, name="at last", since=since, days=10)
    record = await ledger.class_record(AGENT, RULE, MARK.whole, clock.now)
    assert [climb.major for climb in record.evidence.climbs] == [1, 0]
    await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    assert await stands(ledger, clock.now) == (4, [RULE])
    assert [alarm.key for alarm in await ledger.open_alarms()] == []


async def test_silence_and_a_test_say_nothing_against_a_class(ledger: Ledger, clock: FakeClock) -> None:
    await climbed(ledger)
    run_id = await started(ledger)
    test = await asked(ledger, run_id, "main/1", planted="it would be wrong")
    await ledger.decide_ask(test.ask_id, "denied", by="anna", via="cli")
    late = await asked(ledger, run_id, "main/2")
    clock.forward(days=2)
    await ledger.decide_ask(late.ask_id, "expired", by="nobody", via="keeper")
    assert await stands(ledger, clock.now) == (4, [RULE])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"by": AGENT}, "A person says both"),
        ({"because": " "}, "A person says both"),
        ({"run_id": "of nobody"}, "no run"),
        ({"call_id": "main/other"}, "has no call 'main/other'"),
    ],
)
async def test_an_incident_is_reported_by_a_person_of_a_call_that_there_was(
    change: dict[str, Any], said: str, ledger: Ledger
) -> None:
    await unasked(ledger)
    told: dict[str, Any] = {"run_id": "now", "severity": "major", "by": "anna", "via": "cli", "because": "b"}
    told |= {"call_id": "main/c", **change}
    with pytest.raises(LedgerError, match=said):
        await ledger.report_incident(told.pop("run_id"), **told)
    assert await ledger.incidents_of(AGENT) == []
