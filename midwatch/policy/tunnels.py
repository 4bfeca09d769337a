"""Permissions: may a tunnel to this host be opened, where nobody sees the requests that go through it?

Only where the rules for `http_request` allow every method and path of that host, and no rule would ask about one or deny it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from midwatch.calls import parse_call
from midwatch.decision import Decision, strictest
from midwatch.policy.engine import Policy
from midwatch.policy.reading import NOTHING_KNOWN, PolicyContext
from midwatch.policy.requests import METHODS, Request, RequestPattern
from midwatch.policy.rules import Rule
from midwatch.policy.urls import Url, read_url

_TOOL: Final = "http_request"


def judge_tunnel(policy: Policy, url: str, context: PolicyContext = NOTHING_KNOWN) -> Decision:
    """Allow, ask or deny for everything below `url` (`https://host:port/`). Never raises."""
    try:
        return _judged(policy, url, context)
    except Exception as error:
        said = f"the rules could not be applied to it ({type(error).__name__}: {error}), so it is not allowed"
        return Decision(verdict="deny", rule="error", reason=said)


def _judged(policy: Policy, url: str, context: PolicyContext) -> Decision:
    host = read_url(url)
    calls = [parse_call(_TOOL, {"method": method, "url": url}) for method in sorted(METHODS)]
    worst = strictest(*(policy.decide(call, context) for call in calls))
    if worst.verdict != "allow":
        return replace(worst, reason=f"{worst.reason}; {_advice(host)}")
    requests = [Request(method=method, url=host, addresses=context.addresses) for method in METHODS]
    for effect in ("deny", "ask"):
        for rule in policy.by_tool.get((effect, _TOOL), ()):
            if any(_may_speak_of(rule, request, context) for request in requests):
                said = f"rule {rule.id} speaks of a part of {host.host}, and nobody sees which part a tunnel reaches"
                return Decision(verdict=rule.effect, rule=rule.id, reason=said)
    granting = policy.by_tool.get(("allow", _TOOL), ())
    if all(any(_grants_all(rule, request, context) for rule in granting) for request in requests):
        return replace(worst, reason=f"rules allow every request to {host.host}")
    return Decision(verdict="ask", rule="default", reason=f"no rule allows all of {host.host}: {_advice(host)}")


def _advice(host: Url) -> str:
    return f"only `http_request: * https://{host.host}/**` under rules.allow opens a tunnel to it"


def _grants_all(rule: Rule, request: Request, context: PolicyContext) -> bool:
    if rule.conditions or (rule.circumstances and not rule.circumstances.hold(context, exact=True)):
        return False
    return not rule.patterns or any(
        isinstance(pattern, RequestPattern) and pattern.path is None and pattern.covers(request).held
        for pattern in rule.patterns
    )


def _may_speak_of(rule: Rule, request: Request, context: PolicyContext) -> bool:
    """An ask or deny rule about any path of the host; in doubt yes."""
    if rule.circumstances and not rule.circumstances.hold(context, exact=False):
        return False
    return not rule.patterns or any(
        not isinstance(pattern, RequestPattern) or replace(pattern, path=None, loose=None).catches(request)
        for pattern in rule.patterns
    )
