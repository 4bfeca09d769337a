"""Rules and how they combine: deny > ask > allow > default, whatever their order; wrong rules do not load."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import Call, parse_call
from midwatch.decision import STRICTNESS, Decision, Verdict
from midwatch.errors import SpecError
from midwatch.policy import Policy, PolicyContext, ServerFacts, compile_policy
from midwatch.risk import Risk
from midwatch.spec import Rule, Rules

TOOLS: dict[str, Risk] = {
    "shell": "execute",
    "read_file": "read",
    "pay": "money",
    "mcp__docs__search": "read",
    "mcp__docs__get_page": "read",
    "mcp__github__merge": "write",
}


def policy(**rules: list[Rule]) -> Policy:
    return compile_policy(Rules(**rules), tools=TOOLS, roots={}, project=Path("/nowhere"))


def decided(known: Policy, tool: str, **arguments: Any) -> Decision:
    return known.decide(parse_call(tool, arguments))


@pytest.mark.parametrize("lists", [names for n in range(4) for names in itertools.combinations(STRICTNESS, n)])
def test_the_strictest_list_that_speaks_of_a_call_decides(lists: tuple[Verdict, ...]) -> None:
    rules: dict[str, list[Rule]] = {name: ["pay"] for name in lists}
    known = policy(**rules)
    expected = max(lists, key=STRICTNESS.__getitem__, default="ask")
    assert decided(known, "pay").verdict == expected


@given(st.permutations([{"pay": {"to": "a"}}, {"pay": {"to": "b"}}, "pay", {"pay": {"amount": {"max": 3}}}]))
def test_order_never_matters(rules: list[Rule]) -> None:
    known, sorted_known = policy(allow=rules), policy(allow=sorted(rules, key=str))
    assert known.fingerprint == sorted_known.fingerprint
    assert {rule.id for rule in known.by_tool["allow", "pay"]} == {r.id for r in sorted_known.by_tool["allow", "pay"]}


def test_no_rule_at_all_asks() -> None:
    decision = decided(policy(), "pay", amount=3)
    assert decision == Decision(verdict="ask", rule="default", reason='no rule allows `pay {"amount":3}` here')


def test_an_unknown_tool_is_denied_with_the_nearest_name() -> None:
    decision = decided(policy(), "read_files")
    assert (decision.verdict, decision.rule) == ("deny", "unknown-tool")
    assert "did you mean `read_file`" in decision.reason


def test_whatever_throws_is_denied() -> None:
    class Hostile(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("boom")

    decision = policy(allow=["read_file"]).decide(Call(tool="read_file", args=Hostile()))
    assert (decision.verdict, decision.rule) == ("deny", "error")
    assert "boom" in decision.reason


WILDCARDS = [
    ("mcp__docs__*", "mcp__docs__search", True),
    ("mcp__docs__*", "mcp__github__merge", False),
    ("mcp__*__search", "mcp__docs__search", True),
    ("mcp__docs__get_*", "mcp__docs__get_page", True),
    ("mcp__docs__get_*", "mcp__docs__search", False),
    ("mcp__docs__search", "mcp__docs__get_page", False),
]


@pytest.mark.parametrize(("name", "tool", "covered"), WILDCARDS)
def test_a_star_stands_within_one_part_of_an_mcp_name(name: str, tool: str, covered: bool) -> None:
    known = policy(allow=[name]).decide(parse_call(tool, {}), PolicyContext(server=ServerFacts()))
    assert (known.verdict == "allow") is covered


def test_an_argument_that_the_tool_does_not_have_is_never_allowed() -> None:
    known = compile_policy(
        Rules(allow=["pay"]), tools=TOOLS, roots={}, project=Path("/nowhere"), arguments={"pay": {"to", "amount"}}
    )
    assert decided(known, "pay", to="a").verdict == "allow"
    assert "no argument `recurring`" in decided(known, "pay", to="a", recurring=True).reason


IDS: list[tuple[Rule, str]] = [
    ("pay", "allow.pay"),
    ({"shell": "git status|diff ..."}, "allow.shell-git-status-diff"),
    ({"pay": {"amount": {"max": 3}, "to": "a"}}, "allow.pay-amount-to"),
    ({"pay": {"to": "a"}, "id": "small"}, "allow.small"),
    ({"pay": {"to": "a"}, "id": "allow.small"}, "allow.small"),
]


@pytest.mark.parametrize(("rule", "expected"), IDS)
def test_a_rule_has_an_id_that_can_be_read(rule: Rule, expected: str) -> None:
    assert [rule.id for rules in policy(allow=[rule]).by_tool.values() for rule in rules] == [expected]


def test_rules_that_read_alike_are_told_apart_by_what_they_say() -> None:
    known = policy(allow=[{"pay": {"to": "a"}}, {"pay": {"to": "b"}}])
    first, second = (decided(known, "pay", to=to).rule for to in "ab")
    assert first != second
    assert first == decided(policy(allow=[{"pay": {"to": "b"}}, {"pay": {"to": "a"}}]), "pay", to="a").rule


def test_a_person_reads_why() -> None:
    known = policy(deny=[{"pay": {"to": "eve"}, "id": "eve", "why": "she is not a supplier."}])
    assert decided(known, "pay", to="eve").reason == 'rule deny.eve denies `pay {"to":"eve"}`: she is not a supplier'


def test_nothing_invisible_reaches_the_reason() -> None:
    assert "‹U+202E›" in decided(policy(), "shell", command="ls \u202e").reason


WRONG: list[tuple[Rule, str]] = [
    ("peek", "no tool 'peek'"),
    ("read_fil", "did you mean `read_file`"),
    ("read_*", r"only within the parts of `mcp__SERVER__TOOL`"),
    ("mcp__docs", "no tool"),
    ({}, "names no tool"),
    ({"id": "x"}, "names no tool"),
    ({"pay": {"to": "a"}, "not_mach": []}, "did you mean `not_match`"),
    ({"pay": {"to": "a"}, "shell": "ls"}, "one tool"),
    ({"pay": "small"}, "no short pattern"),
    ({"pay": 7}, "is no pattern"),
    ({"shell": []}, "is no pattern"),
    ({"mcp__docs__*": "x"}, "several tools"),
    ({"pay": {"to": "a"}, "id": "Two Words"}, "must be small letters"),
    ({"pay": {"to": "a"}, "why": 3}, "`why` must be a text"),
    ({"shell": "ls ...", "match": ["rm x"]}, "'rm x': the rule does not speak of it"),
    ({"shell": "ls ...", "not_match": ["ls -la"]}, "'ls -la': the rule speaks of it"),
    ({"pay": {"to": "a"}, "match": [{"to": "b"}]}, "does not speak of it"),
    ({"pay": {"to": "a"}, "match": ["a"]}, "write the example's arguments"),
    ({"pay": {"to": "a"}, "match": [7]}, "must be a text or the arguments"),
]


@pytest.mark.parametrize(("rule", "message"), WRONG)
def test_a_wrong_rule_names_its_place_and_a_way_out(rule: Rule, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        policy(ask=["pay", rule])
    assert caught.value.field == "rules.ask[1]"


def test_two_rules_cannot_share_an_id() -> None:
    with pytest.raises(SpecError, match="two rules have the id"):
        policy(allow=[{"pay": {"to": "a"}, "id": "x"}, {"pay": {"to": "b"}, "id": "x"}])


def test_examples_that_hold_load() -> None:
    rule: Rule = {
        "shell": "git status|diff ...",
        "match": ["git diff HEAD", {"command": "git status"}],
        "not_match": "git push",
    }
    assert decided(policy(allow=[rule]), "shell", command="git status").verdict == "allow"


def test_the_fingerprint_follows_what_the_rules_say() -> None:
    assert policy(allow=["pay"]).fingerprint == policy(allow=["pay"]).fingerprint
    assert policy(allow=["pay"]).fingerprint != policy(ask=["pay"]).fingerprint
