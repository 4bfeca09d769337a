"""The mandate that is offered on a question: made from its call, no wider than that, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.ledger import AskRow
from midwatch.policy import Policy, PolicyContext, compile_policy
from midwatch.policy.mandates import compiled, under
from midwatch.policy.narrow import Unallowable
from midwatch.policy.offers import Offer, mandate_for
from midwatch.risk import Risk
from midwatch.spec import Rules

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 27, 23, 0, tzinfo=UTC)
TOOLS: dict[str, Risk] = {"shell": "execute", "http_request": "egress", "write_file": "write", "pay": "money"}
OWN = Rules(
    allow=[{"shell": "ls ..."}, {"shell": "grep ..."}],
    ask=[{"shell": "git push ..."}, "pay"],
    deny=[{"shell": "git push --force ..."}],
)


def policy() -> Policy:
    arguments = {"pay": {"to", "amount", "memo"}}
    return compile_policy(OWN, tools=TOOLS, roots={}, project=Path("/nowhere"), arguments=arguments)


def ask(tool: str, args: dict[str, Any], **changes: Any) -> AskRow:
    facts: dict[str, Any] = {"ask_id": "a", "run_id": "r", "call_id": "c", "tool": tool, "args_json": json.dumps(args)}
    facts |= {"digest": "d", "kind": "approve", "rule": "default", "reason": "", "words": "", "agent": "night"}
    decided = ("verdict", "by", "via", "decided_at", "decided_because", "edited_args_json", "answer")
    nothing = dict.fromkeys((*decided, "granted_digest", "spent_at"))
    return AskRow(**{**facts, **nothing, "created_at": NOW, "deadline": NOW + timedelta(hours=1), **changes})


def offered(
    tool: str, args: dict[str, Any], seals: dict[str, str] | None = None, **changes: Any
) -> Offer | Unallowable:
    known = dict.fromkeys(TOOLS, "seal") if seals is None else seals
    return mandate_for(ask(tool, args, **changes), policy(), known, PolicyContext(), uses=20, until=FRIDAY)


MADE: list[tuple[str, dict[str, Any], Any]] = [
    ("shell", {"command": "git push origin main"}, {"shell": "git push origin main"}),
    ("shell", {"command": "ls && git push origin main"}, {"shell": ["ls", "git push origin main"]}),
    ("write_file", {"path": "out/a.md", "content": "x"}, {"write_file": "out/a.md"}),
    (
        "http_request",
        {"method": "POST", "url": "https://x.example/a?b=1"},
        {"http_request": "POST https://x.example/a"},
    ),
    ("pay", {"to": "acme", "amount": 12.5}, {"pay": {"to": "acme", "amount": 12.5, "memo": {"present": False}}}),
]


@pytest.mark.parametrize(("tool", "args", "rule"), MADE)
def test_it_is_the_narrowest_rule_for_the_call_signed_for_its_tool_alone(
    tool: str, args: dict[str, Any], rule: Any
) -> None:
    offer = offered(tool, args)
    assert isinstance(offer, Offer)
    terms = offer.terms
    assert (terms.rules, terms.tools, terms.uses, terms.until) == ((rule,), {tool: "seal"}, 20, FRIDAY)
    assert offer.words[0].startswith(
        "night may do this without asking, 20 times at most in all its runs, until Fri 2026-11-27"
    )
    own = policy()
    assert under(own, compiled(own, terms.rules)).decide(parse_call(tool, args)).verdict == "allow"


def test_what_it_leaves_open_is_said() -> None:
    offer = offered("write_file", {"path": "out/a.md", "content": "x"})
    assert isinstance(offer, Offer)
    assert offer.words[1:] == ("- `write_file`: `out/a.md`", "    also: any content")


@pytest.mark.parametrize(
    ("tool", "args", "why"),
    [
        ("shell", {"command": "git push --force origin main"}, "denies"),
        ("shell", {"command": "git push origin $BRANCH"}, "variable"),
        ("shell", {"command": "grep 'a|b' notes.txt"}, "lets more through than this call"),
        ("shell", {"command": "git push origin main > out.txt"}, "no rule for `write_file` covers that"),
        ("shell", {"command": "cat .env"}, "names `.env`"),
        ("fax", {"to": "x"}, "no tool `fax` any more"),
        ("pay", {"to": "acme", "amount": 1, "account": "x"}, "no argument `account`"),
    ],
)
def test_nothing_is_offered_for_what_no_rule_can_say_exactly(tool: str, args: dict[str, Any], why: str) -> None:
    offer = offered(tool, args)
    assert isinstance(offer, Unallowable)
    assert why in offer.why


def test_a_planted_call_that_a_rule_denies_is_offered_as_any_other() -> None:
    offer = offered("shell", {"command": "git push --force origin main"}, planted="it forces")
    assert isinstance(offer, Offer)
    assert offer.words[1].startswith("- `shell`: `git push --force origin main`")


def test_a_planted_call_that_no_rule_can_allow_does_not_say_what_denies_it() -> None:
    offer = offered("shell", {"command": "cat .env"}, planted="a secret")
    assert isinstance(offer, Unallowable)
    assert (offer.why, offer.rule) == ("no rule can say exactly this call of `shell`", "")


def test_nothing_is_offered_for_a_tool_that_nobody_knows() -> None:
    offer = offered("pay", {"to": "acme", "amount": 1}, seals={})
    assert isinstance(offer, Unallowable)
    assert "nobody knows what `pay` is" in offer.why


def test_nothing_is_offered_on_a_question_of_another_kind() -> None:
    assert isinstance(offered("pay", {"to": "acme", "amount": 1}, kind="settle"), Unallowable)
