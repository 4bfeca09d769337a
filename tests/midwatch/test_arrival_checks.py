from __future__ import annotations

import pytest

from midwatch.agent_file import parse_agent
from midwatch.arrival_checks import loops
from midwatch.errors import SpecFaults
from midwatch.spec import AgentSpec

HEAD = "name: night\ndescription: d\ninstructions: i\ninput:\n  title: {type: string}\n  note: {type: string, default: x}\n"
HOOK = "{name: h, scheme: github, secret: {env: S}"


def read(triggers: str) -> AgentSpec:
    return parse_agent(f"{HEAD}triggers:\n  {triggers}\n", path="night.yaml", stem="night")


@pytest.mark.parametrize(
    "triggers",
    [
        f"webhooks: [{HOOK}, input: {{title: body.issue.title}}, only: {{headers.x-github-event: [issues]}}}}]",
        "files: [{name: inbox, folder: inbox, glob: '**/*.txt', input: {title: name}}]",
        "after: [{agent: other, outcomes: [verified, failed], input: {title: reason}}]",
        "storm: {at_most_per_minute: 5, coalesce: {seconds: 60}, tries: 3}",
    ],
)
def test_triggers_are_read(triggers: str) -> None:
    assert read(triggers).triggers


@pytest.mark.parametrize(
    ("triggers", "said"),
    [
        (f"webhooks: [{HOOK}, input: {{titel: body.x}}}}]", "`titel` is no field"),
        (f"webhooks: [{HOOK}, input: {{note: body.x}}}}]", "a run needs `title` too"),
        (f"webhooks: [{HOOK}, input: {{title: issue.title}}}}]", "begins with `body` or `headers`"),
        (f"webhooks: [{HOOK}, only: {{action: [opened]}}}}]", "begins with `body` or `headers`"),
        (f"webhooks: [{HOOK}}}, {HOOK}}}]", "`webhook h` is there twice"),
        ("webhooks: [{name: h, scheme: github, secret: {}}]", "exactly one of: env, block"),
        ("webhooks: [{name: h, scheme: github, secret: {env: A, block: b}}]", "exactly one of: env, block"),
        ("files: [{name: f, folder: /etc}]", "must lie in the project"),
        ("files: [{name: f, folder: a/../..}]", "must lie in the project"),
        ("files: [{name: f, folder: a, glob: ../*}]", "must lie in the project"),
        ("after: [{agent: night}]", "would never end"),
        ("after: [{agent: other, outcomes: []}]", "outcomes"),
        ("storm: {coalesce: {seconds: 5, run: list}}", "`into` names the field"),
        ("storm: {coalesce: {seconds: 5, run: list, into: title}}", "`type: array`"),
        ("storm: {at_most_per_minute: 0}", "at_most_per_minute"),
    ],
)
def test_what_could_never_work_is_said_with_its_line(triggers: str, said: str) -> None:
    with pytest.raises(SpecFaults, match=r"night\.yaml:\d+:") as caught:
        read(triggers)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("follows", "ways"),
    [
        ({"b": {"a"}, "c": {"b"}, "a": set()}, {}),
        ({"a": {"b"}, "b": {"a"}}, {"a": "a -> b -> a", "b": "b -> a -> b"}),
        ({"a": {"c"}, "b": {"a"}, "c": {"b"}, "d": {"a"}}, {"a": "a -> b -> c -> a"}),
        ({"a": {"nobody"}}, {}),
    ],
)
def test_a_chain_that_comes_back_is_found(follows: dict[str, set[str]], ways: dict[str, str]) -> None:
    found = loops({name: frozenset(awaited) for name, awaited in follows.items()})
    assert found.items() >= ways.items()
    assert bool(found) == bool(ways)
    assert "d" not in found
