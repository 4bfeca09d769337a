"""What the rules under test say to calls of the past, and of what nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from midwatch.backtest import OneCore, Replay
from midwatch.backtest.judged import Key, TwoCores, judged
from midwatch.backtest.replay import Doubt, Told, Trial, past_of
from midwatch.ledger.backtest import PastCall
from midwatch.policy.reading import Label
from tests.midwatch.backtest.past import AT, RUN, asked, call, shell, trial


def told(under: Trial, *calls: PastCall) -> list[Told]:
    return Replay(under, OneCore(under)).tell(calls)


def verdicts(under: Trial, *calls: PastCall) -> list[str]:
    return [one.now.verdict for one in told(under, *calls)]


def test_a_call_is_judged_by_the_new_rules_whatever_the_old_ones_said() -> None:
    under = trial({"shell": "git status ..."}, ask=({"shell": "git push ..."},), deny=({"shell": "rm ..."},))
    calls = [shell("git status"), shell("git push"), shell("rm -r x"), shell("make")]
    assert verdicts(under, *calls) == ["allow", "ask", "deny", "ask"]


@pytest.mark.parametrize(
    ("answer", "past"),
    [
        ("approved", "approved"),
        ("edited", "edited"),
        ("denied", "denied"),
        ("expired", "unanswered"),
        (None, "unanswered"),
    ],
)
def test_what_was_asked_became_what_a_person_said(answer: str | None, past: str) -> None:
    assert past_of(asked("make", answer)) == past


def test_a_label_counts_from_the_moment_on_that_it_entered() -> None:
    under = trial("pay", ask=({"pay": None, "if": ["untrusted"]},))
    run = replace(RUN, labels={"untrusted": AT})
    calls = [call("pay", {"to": "landlord"}, run=run, minutes=minutes) for minutes in (-1, 0, 1)]
    assert verdicts(under, *calls) == ["allow", "allow", "ask"]


def test_where_text_from_outside_may_have_chosen_the_place_it_is_asked() -> None:
    run = replace(RUN, labels={"untrusted": AT - timedelta(minutes=1)})
    known, strange = (call("pay", {"to": to}, run=run) for to in ("landlord", "stranger"))
    assert [one.now.rule for one in told(trial("pay"), known, strange)] == ["allow.pay", "builtin.provenance"]


def test_an_answer_of_a_person_names_a_place_from_then_on() -> None:
    labels: dict[Label, datetime] = {"untrusted": AT - timedelta(hours=1)}
    run = replace(RUN, labels=labels, answers=((AT, "pay the gardener"),))
    before, after = (call("pay", {"to": "gardener"}, run=run, minutes=minutes) for minutes in (-1, 1))
    assert verdicts(trial("pay"), before, after) == ["ask", "allow"]


def test_what_a_trusted_tool_may_have_found_cannot_be_told() -> None:
    run = replace(RUN, labels={"untrusted": AT - timedelta(hours=1)}, looked_up=AT - timedelta(minutes=5))
    then_allowed = call("pay", {"to": "stranger"}, run=run)
    then_asked = replace(then_allowed, verdict="ask", rule="builtin.provenance")
    private = replace(then_allowed, run=replace(run, labels={**run.labels, "private": AT - timedelta(hours=1)}))
    assert [one.doubt for one in told(trial("pay"), then_allowed, then_asked, private)] == ["lookup", None, None]


def test_a_budget_is_replayed_and_its_window_slides() -> None:
    under = trial({"pay": {"currency": "EUR"}, "id": "few", "budget": {"sum": "amount", "max": 10, "per": "60m"}})
    paid = [
        call("pay", {"to": "a", "amount": 4, "currency": "EUR"}, minutes=minutes) for minutes in (0, 10, 20, 61, 85)
    ]
    assert verdicts(under, *paid) == ["allow", "allow", "ask", "ask", "allow"]


def test_what_a_person_denied_draws_nothing() -> None:
    under = trial({"pay": {"currency": "EUR"}, "id": "few", "budget": {"sum": "amount", "max": 10, "per": "60m"}})
    large = {"to": "a", "amount": 11, "currency": "EUR"}
    denied = call("pay", large, verdict="ask", rule="default", asked=True, answer="denied")
    small = call("pay", {**large, "amount": 10}, minutes=1)
    assert verdicts(under, denied, small) == ["ask", "allow"]
    assert verdicts(under, replace(denied, answer="approved"), small) == ["ask", "ask"]


def test_a_path_is_taken_as_it_is_spelled_and_no_disk_is_looked_at(tmp_path: object) -> None:
    under = trial({"read_file": "notes/**"})
    calls = [
        call("read_file", {"path": path}) for path in ("notes/a.md", "notes/../private/b", "notes/x/../c.md", "../out")
    ]
    assert verdicts(under, *calls) == ["allow", "ask", "allow", "deny"]


@pytest.mark.parametrize(
    ("past", "doubt"),
    [
        (shell("make", verdict="deny", rule="limits.effects"), "held back"),
        (shell("make", verdict="deny", rule="changed"), "held back"),
        (shell("make", verdict="deny", rule="approval"), "held back"),
        (shell("make", verdict="deny", rule="budget"), "held back"),
        (shell("make", verdict="deny", rule="deny.make"), None),
        (shell("make", verdict="deny", rule="level-2"), None),
        (call("read_file", {"path": "notes/a"}, verdict="deny", rule="builtin.outside"), "disk"),
        (call("read_file", {"path": "../a"}, verdict="deny", rule="builtin.outside"), None),
        (call("mcp__crm__look", {"who": "ann"}), None),
    ],
)
def test_of_some_calls_nobody_can_tell(past: PastCall, doubt: Doubt | None) -> None:
    under = trial({"read_file": "notes/**"}, {"shell": "make"}, {"mcp__*__*": None, "server": "trusted"})
    assert told(under, past)[0].doubt == doubt


def test_what_a_server_says_of_its_tool_is_not_known() -> None:
    under = trial({"mcp__crm__look": None, "hints": {"readOnlyHint": True}})
    assert told(under, call("mcp__crm__look", {"who": "ann"}))[0].doubt == "hints"


def test_what_a_mandate_let_through_it_lets_through_still() -> None:
    under = trial(ask=({"shell": "git push ..."},), deny=({"shell": "rm ..."},))
    push, remove = (shell(command, rule="mandate.7") for command in ("git push", "rm x"))
    assert verdicts(under, push, remove) == ["allow", "deny"]


def test_a_row_that_is_no_call_is_told_of_and_not_guessed() -> None:
    broken = replace(shell("make"), args_json='{"command": NaN}')
    assert told(trial("shell"), broken)[0].doubt == "unreadable"


def test_the_level_under_test_counts_and_without_one_the_runs_own() -> None:
    levels: list[int] = []

    def hold(decision: object, level: int, risk: str) -> object:
        levels.append(level)
        return decision

    for level in (None, 5):
        told(replace(trial({"shell": "make"}, level=level), hold=hold), shell("make"))  # type: ignore[arg-type]
    assert levels == [4, 5]


def test_two_cores_say_what_one_says_and_a_dead_one_leaves_nothing_out() -> None:
    under = trial({"shell": "git status ..."}, deny=({"shell": "rm ..."},))
    keys: list[Key] = [
        ("shell", f'{{"command":"{word} {n}"}}', ()) for n in range(50) for word in ("git status", "rm", "x")
    ]
    keys.append(("shell", "{", ()))
    said = judged(under, keys)
    with TwoCores(under) as judge:
        judge.begin(keys)
        assert judge.answers() == said
        judge._process.kill()
        judge._process.join()
        judge.begin(keys)
        assert judge.answers() == said
