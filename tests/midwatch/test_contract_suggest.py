"""A contract is proposed from what every run did, and from nothing else."""

from __future__ import annotations

from typing import Any

from midwatch.agent_file import parse_agent
from midwatch.contract.suggest import PastCall, PastRun, as_yaml, propose
from midwatch.outcome import Outcome

HEAD = "name: a\ndescription: d\ninstructions: i\ninput: {shop: {type: string}}\ntools:\n"
TOOLS = "  - write_file: {root: reports}\n  - http_request\n  - shell: {root: repo}\n"


def call(tool: str, *wrote: str, is_effect: bool = True, **arguments: Any) -> PastCall:
    return PastCall(tool=tool, arguments=arguments, is_effect=is_effect, wrote=wrote)


def night(day: str, *more: PastCall, outcome: Outcome = "verified") -> PastRun:
    calls = (
        call("write_file", f"reports/{day}-north.md", path=f"{day}-north.md"),
        call("http_request", method="POST", url="https://API.example.org/orders"),
        call("shell", command="git push"),
        call("look", is_effect=False),
    )
    return PastRun(outcome=outcome, day=day, input={"shop": "north"}, calls=(*calls, *more))


def test_what_every_run_did_is_proposed_for_any_day_and_input() -> None:
    proposal = propose("a", [night("2026-03-01"), night("2026-03-02"), night("2026-03-03", outcome="unverified")])
    assert [one.check for one in proposal.checks] == [
        {"file": {"path": "reports/{date}-{input.shop}.md", "newer_than_start": True}},
        {"effects": {"tool": "http_request", "host": "api.example.org", "arguments": {"method": "POST"}, "equals": 1}},
        {"effects": {"tool": "shell", "equals": 1}},
        {"effects": {"tool": "write_file", "equals": 1}},
    ]
    assert proposal.checks[0].why == "written in 3 of 3 runs"
    assert proposal.evidence.startswith("From 3 runs of a (2 verified, 1 unverified). A proposal")
    assert proposal.notes == ("`git push` ran in 3 of 3 runs: let a `command` check read back what it changed",)


def test_what_varied_is_not_proposed_and_is_told() -> None:
    extra = call("write_file", "reports/extra.md", path="extra.md")
    proposal = propose("a", [night("2026-03-01"), night("2026-03-02", extra)])
    assert not [one for one in proposal.checks if "write_file" in str(one.check)]
    assert "not proposed: reports/extra.md was written in 1 of 2 runs" in proposal.notes
    assert "They are few" in proposal.evidence


def test_the_text_loads_as_the_contract_of_an_agent() -> None:
    nasty = call("shell", command="echo '# {x}'\ncontract: {}")
    text = as_yaml(propose("a", [night("2026-03-01", nasty), night("2026-03-02", nasty)]))
    rules = "rules: {ask: [http_request: 'POST https://api.example.org/**']}\n"
    spec = parse_agent(HEAD + TOOLS + rules + text, path="a.yaml", stem="a")
    assert [check.kind for check in spec.contract.done_when] == ["file", "effects", "effects", "effects"]
    assert "    # written in 2 of 2 runs\n" in text


def test_without_a_run_there_is_nothing_to_propose_and_it_still_loads() -> None:
    proposal = propose("a", [])
    assert (proposal.checks, "nothing to propose" in proposal.evidence) == ((), True)
    assert parse_agent(HEAD + TOOLS + as_yaml(proposal), path="a.yaml", stem="a").contract.done_when == []
