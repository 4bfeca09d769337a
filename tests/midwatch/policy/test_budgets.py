"""A rule's budget: what the window has seen, and whether one more call fits."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import SpecError
from midwatch.policy import Policy, PolicyContext, compile_policy
from midwatch.spec import Rules

SMALL: dict[str, Any] = {
    "pay": {"amount": {"above": 0, "max": 100}, "currency": "EUR"},
    "id": "small",
    "budget": {"sum": "amount", "max": 500, "per": "24h"},
}
SEARCH: dict[str, Any] = {"search": None, "id": "searches", "budget": {"max": 3, "per": "7d"}}
ARGUMENTS = {"pay": {"to", "amount", "currency"}, "search": {"words"}, "give": {"amount"}}


def policy(*allow: Any, **lists: list[Any]) -> Policy:
    rules = Rules.model_validate({"allow": list(allow), **lists})
    tools: Any = {"pay": "money", "search": "read", "give": "money", "mcp__a__b": "execute"}
    return compile_policy(rules, tools=tools, roots={}, project=Path("/project"), arguments=ARGUMENTS)


def decide(amount: Any, spent: dict[str, Any] | None, *allow: Any) -> Decision:
    call = parse_call("pay", {"to": "acme", "amount": amount, "currency": "EUR"})
    known = None if spent is None else {rule: Decimal(str(value)) for rule, value in spent.items()}
    return policy(*(allow or [SMALL])).decide(call, PolicyContext(spent=known))


@pytest.mark.parametrize(
    ("amount", "spent", "verdict"),
    [
        (100, {"allow.small": 0}, "allow"),
        (100, {"allow.small": 400}, "allow"),
        (100, {"allow.small": "400.01"}, "ask"),
        (0.1, {"allow.small": "499.9"}, "allow"),
        (1, {"allow.small": 500}, "ask"),
        (1, None, "ask"),
        (1, {}, "ask"),
        (1, {"allow.another": 0}, "ask"),
        (1, {"allow.small": -1000}, "ask"),
        (1, {"allow.small": "NaN"}, "ask"),
        (101, {"allow.small": 0}, "ask"),
        ("1", {"allow.small": 0}, "ask"),
    ],
)
def test_a_call_is_allowed_while_its_amount_fits(amount: Any, spent: dict[str, Any] | None, verdict: str) -> None:
    assert decide(amount, spent).verdict == verdict


def test_the_reason_says_the_sum() -> None:
    said = decide(100, {"allow.small": "412.50"}).reason
    assert "rule allow.small does not stretch to" in said
    assert "412.50 of 500 in 24 h are spent; this call takes 100" in said


def test_another_rule_may_still_allow_it() -> None:
    trusted = {"pay": {"to": "acme", "amount": {"above": 0, "max": 10}}, "id": "trusted"}
    assert decide(5, {"allow.small": 500}, SMALL, trusted).rule == "allow.trusted"


def test_a_deny_rule_is_not_lifted_by_room_in_a_budget() -> None:
    rules = policy(SMALL, deny=[{"pay": {"to": "acme"}}])
    call = parse_call("pay", {"to": "acme", "amount": 1, "currency": "EUR"})
    assert rules.decide(call, PolicyContext(spent={"allow.small": Decimal(0)})).verdict == "deny"


@pytest.mark.parametrize(("spent", "verdict"), [(0, "allow"), (2, "allow"), (3, "ask")])
def test_calls_are_counted_where_no_sum_is_named(spent: int, verdict: str) -> None:
    call = parse_call("search", {"words": "tides"})
    assert policy(SEARCH).decide(call, PolicyContext(spent={"allow.searches": Decimal(spent)})).verdict == verdict


def drawn(verdict: Any, rule: str, *allow: Any) -> list[tuple[str, str, bool]]:
    call = parse_call("pay", {"to": "acme", "amount": 5, "currency": "EUR"})
    decision = Decision(verdict=verdict, rule=rule, reason="")
    draws = policy(*allow).draws(call, PolicyContext(), decision)
    return [(draw.window.rule, str(draw.amount), draw.held) for draw in draws]


def test_what_a_rule_allows_must_fit_and_what_a_person_allows_is_counted() -> None:
    other = {"pay": {"to": "acme"}, "id": "acme", "budget": {"max": 9, "per": "1d"}}
    assert drawn("allow", "allow.small", SMALL, other) == [("allow.small", "5", True), ("allow.acme", "1", False)]
    assert drawn("ask", "allow.small", SMALL) == [("allow.small", "5", False)]
    assert drawn("allow", "allow.other", {"pay": {"to": "acme"}, "id": "other"}) == []


def test_a_budget_says_what_has_to_be_known_before_the_decision() -> None:
    (window,) = policy(SMALL, SEARCH).windows("pay")
    assert (window.rule, window.measure, window.most, window.per) == ("allow.small", "amount EUR", Decimal(500), "24 h")
    assert policy(SMALL).windows("search") == ()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"budget": 500}, "`budget` is `{max"),
        ({"budget": {"max": 5}}, "`budget` is `{max"),
        ({"budget": {"max": 5, "per": "24h", "until": 3}}, "`budget` is `{max"),
        ({"budget": {"max": 5, "per": "a day"}}, "a length of time like"),
        ({"budget": {"max": 5, "per": 24}}, "a length of time like"),
        ({"budget": {"max": 2.5, "per": "24h"}}, "is no number of calls"),
        ({"budget": {"sum": "amount", "max": 0, "per": "24h"}}, "no positive number"),
        ({"budget": {"sum": "amount", "max": "inf", "per": "24h"}}, "no positive number"),
        ({"budget": {"sum": "amount", "max": True, "per": "24h"}}, "no positive number"),
        ({"budget": {"sum": "total", "max": 5, "per": "24h"}}, "has no such argument"),
        ({"budget": {"sum": 5, "max": 5, "per": "24h"}}, "names an argument"),
        ({"pay": {"amount": {"max": 5}}}, "name one in the rule"),
        ({"pay": {"currency": ["EUR", "USD"]}}, "name one in the rule"),
        ({"pay": {"currency": {"one_of": ["EUR"], "optional": True}}}, "name one in the rule"),
        ({"pay": None, "match": {"amount": 5, "currency": "EUR"}}, "name one in the rule"),
    ],
)
def test_a_budget_that_says_nothing_certain_is_refused_when_it_is_read(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        policy({**SMALL, **changed})


def test_a_budget_needs_an_id_of_its_own() -> None:
    with pytest.raises(SpecError, match="needs an `id`"):
        policy({name: said for name, said in SMALL.items() if name != "id"})


def test_a_budget_is_for_allow_rules() -> None:
    with pytest.raises(SpecError, match="beside an allow rule"):
        policy(ask=[SMALL])


def test_the_currency_may_be_said_not_to_be_there() -> None:
    rule = {"mcp__a__b": {"sum": {"max": 9}}, "id": "b", "budget": {"sum": "sum", "max": 9, "per": "1h"}}
    with pytest.raises(SpecError, match="name one in the rule"):
        policy(rule)
    policy({**rule, "mcp__a__b": {"sum": {"max": 9}, "currency": {"present": False}}})
    policy({"give": None, "id": "gifts", "budget": {"sum": "amount", "max": 9, "per": "1h"}})


def test_examples_are_tried_whatever_the_window_has_seen() -> None:
    policy({**SMALL, "match": {"to": "a", "amount": 5, "currency": "EUR"}})


AMOUNTS = st.decimals(min_value=0, max_value=100, places=3, allow_nan=False)


@given(st.lists(AMOUNTS, max_size=30))
def test_what_is_let_through_one_by_one_never_passes_the_limit(amounts: list[Decimal]) -> None:
    rules, spent = policy(SMALL), Decimal(0)
    for amount in amounts:
        call = parse_call("pay", {"to": "acme", "amount": amount, "currency": "EUR"})
        if rules.decide(call, PolicyContext(spent={"allow.small": spent})).verdict == "allow":
            spent += amount
    assert spent <= 500
