"""One outcome for every way in which a run can end: the table of `midwatch.judgment`, row by row."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from midwatch.contract import Finding
from midwatch.judgment import Ending, Judgment, Loop, Refusal, judge
from midwatch.outcome import GREEN, Outcome

HOLDS = Finding(check="report", held=True, detail="2 kB")
WRONG = Finding(check="report", held=False, detail="there is no such file")
EMPTY = Finding(check="every order", held=True, empty=True, detail="0 of 0")
UNSEEN = Finding(check="site", held=False, looked=False, detail="no answer within 15 s")

NOTHING: tuple[Finding, ...] = ()
RULE = (Refusal(call="shell: rm -r /", by="rule", why="deny.rm: never"),)
SILENCE = (Refusal(call="shell: rm x", by="silence", why="asked 12 h ago"),)
PERSON = (Refusal(call="shell: rm x", by="person", why="not today"),)
NOBODY: tuple[Refusal, ...] = ()

FINISHED: list[tuple[tuple[Finding, ...], tuple[Refusal, ...], Outcome]] = [
    ((HOLDS,), NOBODY, "verified"),
    ((HOLDS,), PERSON, "verified"),
    ((HOLDS,), RULE, "verified"),
    ((HOLDS,), SILENCE, "verified"),
    ((HOLDS, WRONG), NOBODY, "failed"),
    ((HOLDS, WRONG), PERSON, "blocked"),
    ((HOLDS, WRONG), RULE, "blocked"),
    ((HOLDS, WRONG), SILENCE, "blocked"),
    ((WRONG, UNSEEN), NOBODY, "failed"),
    ((HOLDS, UNSEEN), NOBODY, "unverified"),
    ((HOLDS, UNSEEN), PERSON, "blocked"),
    ((HOLDS, UNSEEN), RULE, "blocked"),
    ((HOLDS, UNSEEN), SILENCE, "blocked"),
    ((HOLDS, EMPTY), NOBODY, "verified"),
    ((EMPTY, EMPTY), NOBODY, "unverified"),
    ((EMPTY, WRONG), NOBODY, "failed"),
    (NOTHING, NOBODY, "unverified"),
    (NOTHING, PERSON, "blocked"),
    (NOTHING, RULE, "blocked"),
    (NOTHING, SILENCE, "blocked"),
    (NOTHING, PERSON + RULE, "blocked"),
]


@pytest.mark.parametrize(("done", "refusals", "outcome"), FINISHED)
def test_a_run_that_says_done_is_judged_by_its_contract_and_by_what_it_was_refused(
    done: tuple[Finding, ...], refusals: tuple[Refusal, ...], outcome: Outcome
) -> None:
    assert judge(Ending(loop="finished", refusals=refusals), done=done).outcome == outcome


def test_what_was_only_staged_is_rehearsed_and_claims_nothing() -> None:
    assert judge(Ending(loop="finished", staged=2), done=[]).outcome == "rehearsed"
    assert judge(Ending(loop="finished", staged=2, refusals=RULE), done=[]).outcome == "blocked"
    assert judge(Ending(loop="error", staged=2), done=[]).outcome == "failed"
    assert "rehearsed" not in GREEN


@pytest.mark.parametrize(
    ("loop", "outcome"),
    [
        ("error", "failed"),
        ("broken", "failed"),
        ("halted", "blocked"),
        ("out_of_budget", "blocked"),
        ("denied", "blocked"),
        ("unanswered", "blocked"),
        ("no_budget", "blocked"),
        ("held_off", "blocked"),
        ("unavailable", "blocked"),
        ("cancelled", "blocked"),
    ],
)
@pytest.mark.parametrize("done", [NOTHING, (HOLDS,), (WRONG,), (UNSEEN,)])
@pytest.mark.parametrize("refusals", [NOBODY, PERSON, RULE, SILENCE])
def test_a_loop_that_was_cut_short_is_never_saved_by_its_contract(
    loop: Loop, outcome: Outcome, done: tuple[Finding, ...], refusals: tuple[Refusal, ...]
) -> None:
    assert judge(Ending(loop=loop, refusals=refusals), done=done).outcome == outcome


@pytest.mark.parametrize(
    ("noop", "outcome"),
    [((HOLDS,), "verified_noop"), ((HOLDS, WRONG), "unverified"), ((UNSEEN,), "unverified"), ((), "unverified")],
)
def test_nothing_to_do_is_believed_only_when_the_contract_says_so(noop: tuple[Finding, ...], outcome: Outcome) -> None:
    assert judge(Ending(loop="nothing_to_do"), done=(), noop=noop).outcome == outcome


@pytest.mark.parametrize("loop", get_args(Loop))
@pytest.mark.parametrize("done", [NOTHING, (HOLDS,), (WRONG,)])
def test_an_unknown_effect_comes_before_everything_else(loop: Loop, done: tuple[Finding, ...]) -> None:
    ending = Ending(loop=loop, unknown_effects=("mail: invoice to A",), refusals=RULE)
    judgment = judge(ending, done=done, noop=(HOLDS,))
    assert judgment == Judgment(outcome="unknown", reason="nobody saw whether this happened: mail: invoice to A")


def test_no_run_is_green_without_a_check_that_held() -> None:
    findings: list[tuple[Finding, ...]] = [NOTHING, (WRONG,), (UNSEEN,), (HOLDS, WRONG), (HOLDS, UNSEEN)]
    for loop, found, refusals in product(get_args(Loop), findings, [NOBODY, PERSON, RULE, SILENCE]):
        assert judge(Ending(loop=loop, refusals=refusals), done=found, noop=found).outcome not in GREEN


@pytest.mark.parametrize(
    ("judgment", "words"),
    [
        (judge(Ending(loop="finished", refusals=RULE), done=()), "`shell: rm -r /` was denied (deny.rm: never)"),
        (judge(Ending(loop="finished", refusals=SILENCE), done=(WRONG,)), "`shell: rm x` was not answered in time"),
        (
            judge(Ending(loop="finished", refusals=PERSON), done=(HOLDS,)),
            "although `shell: rm x` was refused by a person",
        ),
        (judge(Ending(loop="finished"), done=(WRONG,)), "report: there is no such file"),
        (judge(Ending(loop="finished"), done=(UNSEEN,)), "could not be checked: site: no answer within 15 s"),
        (judge(Ending(loop="finished"), done=()), "no `contract.done_when`"),
        (judge(Ending(loop="error", reason="the model is gone."), done=()), "the model is gone"),
        (judge(Ending(loop="finished"), done=(WRONG,) * 5), "and 2 more"),
    ],
)
def test_the_reason_names_what_decided(judgment: Judgment, words: str) -> None:
    assert words in judgment.reason
    assert not judgment.reason.endswith(".")


def test_a_halted_run_with_an_effect_in_doubt_says_who_halted_it() -> None:
    ending = Ending(loop="halted", reason="agent owl was halted by anna", unknown_effects=("send {}",))
    said = judge(ending, done=())
    assert said == Judgment(
        outcome="unknown", reason="nobody saw whether this happened: send {}; agent owl was halted by anna"
    )
