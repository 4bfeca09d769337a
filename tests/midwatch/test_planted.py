"""What may be planted: only whole calls that the agent's tools take, named by its file or by its own deny rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from midwatch.calls import plain
from midwatch.errors import SpecError
from midwatch.planted import chance, known_bad
from midwatch.policy import Policy, compile_policy
from midwatch.spec import AgentSpec, Planted, Rules

TOOLS: dict[str, Any] = {"shell": "execute", "write_file": "write", "send_money": "money"}
SCHEMAS = {
    "send_money": {"properties": {"to": {"type": "string"}, "amount": {"type": "number"}}, "required": ["to", "amount"]}
}
DENY: list[Any] = [
    {"shell": "git push --force ...", "why": "it rewrites what others have", "match": ["git push --force origin main"]},
    {"write_file": "secret/**", "match": [{"path": "secret/a", "content": "x"}, "secret/b"]},
    {"send_money": {"to": "mallory"}},
]


def spec_of(deny: list[Any], **planted: Any) -> AgentSpec:
    return AgentSpec(name="a", description="d", instructions="i", rules=Rules(deny=deny), planted=Planted(**planted))


def policy_of(spec: AgentSpec) -> Policy:
    arguments = {"send_money": frozenset({"to", "amount"})}
    project = Path("/nowhere")
    return compile_policy(spec.rules, tools=TOOLS, roots={}, project=project, arguments=arguments, schemas=SCHEMAS)


def bad(deny: list[Any], **planted: Any) -> list[tuple[str, dict[str, Any], str]]:
    spec = spec_of(deny, **planted)
    return [(one.call.tool, plain(one.call.args), one.wrong) for one in known_bad(spec, policy_of(spec))]


def test_the_examples_of_deny_rules_are_planted_where_the_file_names_no_call() -> None:
    assert bad(DENY) == [
        ("shell", {"command": "git push --force origin main"}, "it rewrites what others have"),
        ("write_file", {"path": "secret/a", "content": "x"}, "rule deny.write-file-secret denies it"),
        ("write_file", {"path": "secret/b", "content": ""}, "rule deny.write-file-secret denies it"),
    ]


def test_what_the_file_names_is_planted_and_nothing_else() -> None:
    call = {"tool": "send_money", "args": {"to": "mallory", "amount": 5}, "wrong": "mallory is no customer"}
    assert bad(DENY, calls=[call]) == [("send_money", {"to": "mallory", "amount": 5}, "mallory is no customer")]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"tool": "send_mony", "args": {}}, "did you mean `send_money`"),
        ({"tool": "send_money", "args": {"to": "x"}}, "`amount` is missing"),
        ({"tool": "send_money", "args": {"to": "x", "amount": "5"}}, "must be number"),
        ({"tool": "send_money", "args": {"to": "x", "amount": 5, "from": "y"}}, "has no argument `from`"),
        ({"tool": "shell", "args": {"command": float("nan")}}, "finite"),
    ],
)
def test_a_call_that_could_be_told_from_a_real_one_is_a_fault_of_the_file(call: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says) as error:
        bad([], calls=[{**call, "wrong": "w"}])
    assert error.value.field == "planted.calls[0]"


def test_to_plant_nothing_is_a_fault_as_well() -> None:
    with pytest.raises(SpecError, match="nothing to plant"):
        bad([{"send_money": {"to": "mallory"}}])


@pytest.mark.parametrize("share", [0, -0.01, 0.021, 1])
def test_a_share_is_more_than_nothing_and_at_most_two_in_a_hundred(share: float) -> None:
    with pytest.raises(ValidationError):
        Planted(share=share)


def test_the_chance_grows_with_what_is_asked_and_is_one() -> None:
    assert [chance(0.02, beside) for beside in (1, 5, 1000)] == [0.04, 0.2, 1.0]
