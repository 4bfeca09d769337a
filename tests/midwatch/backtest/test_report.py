from __future__ import annotations

from typing import Any

from midwatch.backtest import OneCore, Replay, Report, Trial, refusal
from midwatch.backtest.report import EXAMPLES, Tally, report
from midwatch.ledger.backtest import PastCall
from midwatch.precision import wilson
from tests.midwatch.backtest.past import asked, call, shell, trial


def found(under: Trial, *calls: PastCall) -> Report:
    tally = Tally()
    tally.add(Replay(under, OneCore(under)).tell(calls))
    return report(tally, agent="owl", rules=under.policy.fingerprint, level=None, since=None, until=None)


def test_a_share_is_of_the_calls_that_could_have_become_it() -> None:
    calls = [asked(f"make {n}", "denied") for n in range(9)] + [
        asked("git push", "denied"),
        asked("git push", "approved"),
    ]
    share = found(trial({"shell": "git push"}), *calls).changes["allows_denied"]
    assert (share.count, share.of) == (1, 10)
    assert (share.lower, share.upper) == wilson(1, 10)


def test_a_change_that_would_have_allowed_a_denial_is_refused_and_says_how_many() -> None:
    said = refusal(
        found(trial({"shell": "make ..."}), asked("make all", "denied"), asked("make x", "edited"), shell("make"))
    )
    assert said == (
        "of 3 calls of owl, 1 would have allowed what a person denied; "
        "1 would have allowed as it was what a person changed first"
    )


def test_a_denial_by_a_rule_is_a_denial_too() -> None:
    assert "denied without asking" in refusal(found(trial("shell"), shell("rm x", verdict="deny", rule="deny.rm")))


def test_a_denial_of_which_nobody_can_tell_is_refused_as_well() -> None:
    under = trial({"mcp__crm__look": None, "hints": {"readOnlyHint": True}})
    past: dict[str, Any] = {"verdict": "ask", "rule": "default", "asked": True}
    assert "cannot be told of" in refusal(found(under, call("mcp__crm__look", {}, answer="denied", **past)))
    assert not refusal(found(under, call("mcp__crm__look", {}, answer="approved", **past)))


def test_a_change_that_asks_more_is_not_refused() -> None:
    assert refusal(found(trial(), shell("make"), asked("make all", "denied"))) == ""


def test_a_few_different_calls_of_each_change_are_kept() -> None:
    calls = [shell(f"make {number % (EXAMPLES + 3)}") for number in range(40)]
    examples = found(trial(), *calls).changes["asks_allowed"].examples
    assert len({one.args_json for one in examples}) == len(examples) == EXAMPLES


def test_everything_that_was_read_is_counted_once() -> None:
    under = trial({"shell": "make ..."})
    calls = [
        asked("make a", "denied"),
        shell("git push"),
        shell("make", verdict="deny", rule="budget"),
        shell("make b"),
    ]
    it = found(under, *calls)
    counted = sum(share.count for share in it.changes.values()) + sum(it.cannot_tell.values())
    assert (counted, it.calls, it.told) == (4, 4, 3)
    assert it.taken["paths are taken as they are spelled: no link is followed, no disk is looked at"] == 4


def test_the_same_past_and_rules_give_the_same_digest_and_others_another() -> None:
    calls = [asked("make a", "denied"), shell("git push")]
    one, same, other = (found(trial({"shell": rule}), *calls).digest() for rule in ("make ...", "make ...", "git ..."))
    assert one == same != other
