"""The permission cases about approvals and budgets: semantics beside the shared sample, put to the same `decide`."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.permission_cases import SHARED, decide

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared permission cases are not beside this checkout")

PAY = {"to": "acme", "amount": 250, "currency": "EUR"}
ASKS = ["shell(git commit *)", "pay(amount<=1000, currency=EUR)", "send_email(*)", "write_file(/srv/agent/work/**)"]
NOTE = {"path": "/srv/agent/work/a.txt", "content": "x"}


def approved(call: dict[str, Any] | None = None, now: dict[str, Any] | None = None, **said: Any) -> str:
    call = call or {"tool": "pay", "args": PAY}
    approval = {
        "tool": "pay",
        "args": PAY,
        "run_id": "r1",
        "call_id": "c1",
        "expires_in_s": 3600,
        "used": False,
        "by": "operator",
    }
    context = {"run_id": "r1", "call_id": "c1", "approval": approval | said, **(now or {})}
    rules: dict[str, list[str]] = {"allow": [], "ask": ASKS, "deny": ["shell(rm *)", "pay(amount>1000)"]}
    return decide({"id": "x", "area": "approval", "rules": rules, "call": call, "context": context})


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"args": dict(reversed(PAY.items()))},
        {"expires_in_s": 1},
        {"by": "anna"},
        {"denied": False},
        {"policy_version": "v1", "now": {"policy_version": "v1"}},
        {"call": {"tool": "pay", "args": PAY, "args_json": '{ "currency":"EUR","amount" : 250, "to":"acme"}'}},
        {"call": {"tool": "write_file", "args": NOTE}, "tool": "write_file", "args": NOTE},
        {
            "call": {"tool": "write_file", "args": NOTE},
            "tool": "write_file",
            "args": NOTE,
            "resolved": "/srv/agent/work/a.txt",
            "now": {"resolved_now": "/srv/agent/work/a.txt"},
        },
        {
            "call": {"tool": "shell", "args": {"command": "git commit -m 'wip'"}},
            "tool": "shell",
            "args": {"command": "git commit -m 'wip'"},
        },
    ],
)
def test_exactly_the_approved_call_is_allowed(what: dict[str, Any]) -> None:
    assert approved(**what) == "allow"


@pytest.mark.parametrize(
    "what",
    [
        {"expires_in_s": 0},
        {"expires_in_s": -5},
        {"expires_in_s": None},
        {"used": True},
        {"used": None},
        {"by": "agent"},
        {"by": " AGENT"},
        {"by": ""},
        {"denied": True},
        {"revoked": True},
        {"run_id": "r2"},
        {"call_id": "c2"},
        {"tool": "send_email"},
        {"args": {**PAY, "amount": 250.01}},
        {"args": {**PAY, "amount": "250"}},
        {"args": {**PAY, "memo": ""}},
        {"args": None},
        {"policy_version": "v1", "now": {"policy_version": "v2"}},
        {"now": {"policy_version": "v2"}},
        {"call": {"tool": "shell", "args": {"command": "rm -rf a"}}, "tool": "shell", "args": {"command": "rm -rf a"}},
        {"call": {"tool": "pay", "args": {**PAY, "amount": 1001}}, "args": {**PAY, "amount": 1001}},
        {
            "call": {"tool": "write_file", "args": NOTE},
            "tool": "write_file",
            "args": NOTE,
            "resolved": "/srv/agent/work/a.txt",
            "now": {"resolved_now": "/srv/agent/work/b.txt"},
        },
    ],
)
def test_anything_else_is_not(what: dict[str, Any]) -> None:
    assert approved(**what) != "allow"


SPENT = "pay(amount<=100, spent_24h<=500, currency=EUR)"


@pytest.mark.parametrize(
    ("rule", "args", "spent", "verdict"),
    [
        (SPENT, {"amount": 100}, 400, "allow"),
        (SPENT, {"amount": 99.99}, 400.01, "allow"),
        (SPENT, {"amount": 100}, 400.01, "ask"),
        (SPENT, {"amount": 1}, 500, "ask"),
        (SPENT, {"amount": 1}, 0, "allow"),
        (SPENT, {"amount": 1}, None, "ask"),
        (SPENT, {"amount": 1}, "0", "ask"),
        (SPENT, {"amount": 1}, True, "ask"),
        (SPENT, {"amount": 1}, -1000, "ask"),
        (SPENT, {"amount": 101}, 0, "ask"),
        (SPENT, {"amount": 1, "currency": "USD"}, 0, "ask"),
        (SPENT, {"amount": 1, "to": ["acme", "evil"]}, 0, "ask"),
        (SPENT, {"amount": 1, "to": None}, 0, "ask"),
        (SPENT, {"amount": 1, "memo": {"a": 1}}, 0, "ask"),
        (SPENT, {"amount": 1, "memo": "rent"}, 0, "allow"),
        ("pay(spent_24h<=500, amount<=100, currency=EUR)", {"amount": 100}, 400, "allow"),
        ("pay(amount<=100, currency=EUR, to in {acme, globex}, spent_24h<=50.5)", {"amount": 0.5}, 50, "allow"),
        ("pay(amount<=100, spent_24h<=500)", {"amount": 1}, 0, "ask"),
    ],
)
def test_what_was_spent_counts_this_call_in(rule: str, args: dict[str, Any], spent: Any, verdict: str) -> None:
    call = {"tool": "pay", "args": {"to": "acme", "currency": "EUR", **args}}
    rules = {"allow": [rule], "ask": ["pay(amount<=1000)"], "deny": []}
    context = {} if spent is None else {"spent_24h": spent}
    said = decide({"id": "x", "area": "amount", "rules": rules, "call": call, "context": context})
    assert said == verdict or (verdict, said) == ("ask", "deny")
