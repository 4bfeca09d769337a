from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midwatch.agent_file import load_agent
from midwatch.calls import Call, parse_call
from midwatch.decision import Verdict
from midwatch.named_function import named_function
from midwatch.policy import Policy, compile_policy
from midwatch.risk import facts_of

PROJECT = Path(__file__).parents[2]
HARMLESS = {
    "gist": "a question",
    "asks_for_money": False,
    "legal_matter": False,
    "private_data": False,
    "security_incident": False,
    "label": "customer",
    "needs_reply": True,
    "message": "mail/inbox/a.eml",
    "wary_of": "nothing",
}


def policy(agent: str) -> Policy:
    spec = load_agent(agent, PROJECT / "agents")
    functions = [named_function(tool.python) for tool in spec.tools if tool.python]
    risks = {function.__name__: facts_of(function).risk for function in functions}
    return compile_policy(spec.rules, tools=risks, roots={}, project=PROJECT)


def filing(**said: Any) -> Call:
    return parse_call("file_message", {**HARMLESS, **said})


@pytest.mark.parametrize(
    ("said", "verdict", "rule"),
    [
        ({}, "allow", "allow.file-message"),
        ({"asks_for_money": True}, "ask", "ask.money"),
        ({"legal_matter": True}, "ask", "ask.legal"),
        ({"private_data": True}, "ask", "ask.private"),
        ({"security_incident": True}, "ask", "ask.security"),
        ({"wary_of": "money"}, "ask", "ask.wary"),
        ({"wary_of": "security"}, "ask", "ask.wary"),
        ({"label": "automated", "needs_reply": False}, "allow", "allow.file-message"),
    ],
)
def test_a_person_is_asked_about_each_sensitive_fact(said: dict[str, Any], verdict: Verdict, rule: str) -> None:
    decision = policy("inbox-triage").decide(filing(**said))
    assert (decision.verdict, decision.rule) == (verdict, rule)


@pytest.mark.parametrize(
    ("call", "verdict"),
    [
        (parse_call("survey", {}), "allow"),
        (parse_call("write_report", {"disk": "ok", "path": "reports/x.md"}), "allow"),
        (parse_call("delete_old_files", {"paths": ["/tmp/old"]}), "ask"),
        (parse_call("delete_old_files", {"paths": []}), "deny"),
    ],
)
def test_only_a_person_lets_files_be_deleted_and_nobody_is_asked_about_none(call: Call, verdict: Verdict) -> None:
    assert policy("machine-report").decide(call).verdict == verdict
