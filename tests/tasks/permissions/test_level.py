from __future__ import annotations

import itertools

import pytest

from midwatch.decision import STRICTNESS, Decision, Verdict
from midwatch.risk import RISKS, Risk
from midwatch.run import LEVELS, Level
from tasks.permissions.level import held_to_level, held_to_reach

VERDICTS: tuple[Verdict, ...] = ("allow", "ask", "deny")


def decided(verdict: Verdict) -> Decision:
    return Decision(verdict=verdict, rule="a.rule", reason="because")


@pytest.mark.parametrize(
    ("level", "risk", "rule_says", "left"),
    [
        (1, "read", "allow", "deny"),
        (2, "read", "allow", "allow"),
        (2, "note", "allow", "deny"),
        (2, "execute", "ask", "deny"),
        (3, "read", "allow", "allow"),
        (3, "note", "allow", "allow"),
        (3, "write", "allow", "ask"),
        (3, "egress", "allow", "ask"),
        (3, "destroy", "ask", "ask"),
        (3, "note", "ask", "ask"),
        (4, "write", "allow", "allow"),
        (4, "write", "ask", "ask"),
        (5, "execute", "allow", "allow"),
        (5, "execute", "deny", "deny"),
    ],
)
def test_what_a_level_leaves_of_a_rule(level: Level, risk: Risk, rule_says: Verdict, left: Verdict) -> None:
    assert held_to_level(decided(rule_says), level, risk).verdict == left


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_never_loosens_and_a_lower_one_is_never_looser(level: Level) -> None:
    for verdict, risk in itertools.product(VERDICTS, RISKS):
        held = STRICTNESS[held_to_level(decided(verdict), level, risk).verdict]
        assert held >= STRICTNESS[verdict]
        if level < 5:
            assert held >= STRICTNESS[held_to_level(decided(verdict), LEVELS[level], risk).verdict]


def test_a_deny_keeps_the_rule_that_denied() -> None:
    assert held_to_level(decided("deny"), 1, "read").rule == "a.rule"


def test_the_reason_says_that_the_level_asks() -> None:
    assert "level 3" in held_to_level(decided("allow"), 3, "write").reason


@pytest.mark.parametrize(
    ("says", "reachable", "left"),
    [
        ("allow", False, "allow"),
        ("ask", False, "deny"),
        ("ask", True, "ask"),
        ("deny", False, "deny"),
    ],
)
def test_what_would_wait_for_nobody_is_denied(says: Verdict, reachable: bool, left: Verdict) -> None:
    assert held_to_reach(decided(says), reachable=reachable).verdict == left
