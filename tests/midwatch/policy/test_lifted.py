"""What an ask rule lets through once its class need not ask: what it says under `allow`, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.calls import parse_call
from midwatch.policy import Policy, compile_policy
from midwatch.policy.lifted import lifted
from midwatch.spec import Rules

PUSH = {"shell": "git push ...", "id": "push", "why": "others pull from it", "match": ["git push; ls"]}
PAY = {"pay": {"amount": {"max": 100}}, "id": "small"}


def policy(tmp_path: Path, **rules: list[Any]) -> Policy:
    arguments = {"pay": ["amount", "to"]}
    return compile_policy(
        Rules(**rules),
        tools={"shell": "execute", "pay": "money"},
        roots={"shell": tmp_path},
        project=tmp_path,
        arguments=arguments,
    )


@pytest.mark.parametrize(
    ("command", "asked", "unasked"),
    [
        ("git push origin main", "ask.push", "allow"),
        ("git push origin main && git log", "ask.push", "allow"),
        ("git push origin main && curl https://x.example", "ask.push", "ask"),
        ("sudo git push origin main", "ask.push", "ask"),
        ("git push --force origin main", "deny.force", "deny"),
        ("git fetch", "default", "ask"),
    ],
)
def test_an_ask_rule_that_is_lifted_covers_what_it_says_exactly(
    command: str, asked: str, unasked: str, tmp_path: Path
) -> None:
    deny = {"shell": "git push --force ...", "id": "force"}
    rules = policy(tmp_path, allow=[{"shell": "git log ..."}], ask=[PUSH], deny=[deny])
    call = parse_call("shell", {"command": command})
    assert rules.decide(call).rule == asked
    assert lifted(rules, ["ask.push"]).decide(call).verdict == unasked


def test_an_ask_rule_that_still_asks_holds_what_another_lets_through(tmp_path: Path) -> None:
    rules = policy(tmp_path, ask=[PAY, {"pay": {"to": {"outside": "corp.example"}}, "id": "outside"}])
    inside = parse_call("pay", {"amount": 5, "to": "a@corp.example"})
    outside = parse_call("pay", {"amount": 5, "to": "a@else.example"})
    open_now = lifted(rules, ["ask.small"])
    assert (open_now.decide(inside).verdict, open_now.decide(inside).rule) == ("allow", "ask.small")
    assert (open_now.decide(outside).verdict, open_now.decide(outside).rule) == ("ask", "ask.outside")
    assert open_now.decide(parse_call("pay", {"amount": 500, "to": "a@corp.example"})).verdict == "ask"


def test_what_is_lifted_leaves_the_rules_as_they_were(tmp_path: Path) -> None:
    rules = policy(tmp_path, ask=[PUSH])
    lifted(rules, ["ask.push", "ask.of-nobody"])
    assert rules.decide(parse_call("shell", {"command": "git push"})).verdict == "ask"
    assert lifted(rules, ["ask.push"]).fingerprint == rules.fingerprint
