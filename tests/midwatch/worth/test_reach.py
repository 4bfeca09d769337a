"""What an agent can do at its worst, and whether that is bounded: read from its file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import CombinedToolset

from midwatch.agent_file import load_agent, parse_agent
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from midwatch.worth.reach import BUILTINS, profile_of
from tasks.harness.rules import tool_definitions
from tasks.permissions.declared import declared
from tasks.tools import build_toolsets
from tests.conftest import PROJECT

HEAD = "name: owl\ndescription: d\ninstructions: i\n"


def agent(text: str) -> AgentSpec:
    return parse_agent(HEAD + text, path="owl.yaml", stem="owl")


@pytest.mark.parametrize(
    ("text", "worst", "reversible", "bounded"),
    [
        ("", "read", True, True),
        ("tools: [{write_file: {root: data}}]\nrules: {allow: [write_file]}", "write", True, True),
        ("tools: [{delete_file: {root: data}}]", "destroy", False, True),
        ("tools: [{delete_file: {root: data}}]\nrules: {allow: [delete_file]}", "destroy", False, False),
        ("tools: [{delete_file: {root: data}}]\nrules: {allow: ['*']}", "destroy", False, False),
        ("tools: [{shell: {root: data}}]\nrules: {deny: [shell]}", "read", True, True),
        ("tools: [{shell: {root: d}}]\nrules: {allow: [shell: git log *]}", "execute", False, False),
        (
            "tools: [{shell: {root: d}}]\nrules: {allow: [{shell: git *, id: git, budget: {max: 3, per: 1d}}]}",
            "execute",
            False,
            True,
        ),
        (
            "tools: [{shell: {root: d}}]\nrules: {allow: [shell: git *]}\nlimits: {per_day: {effects: 5}}",
            "execute",
            False,
            True,
        ),
        ("tools: [{mcp: {name: m, command: [x], tools: {pay: money}}}]", "execute", False, True),
        ("tools: [{mcp: {name: m, command: [x], tools: {pay: money}, only: [pay]}}]", "money", False, True),
    ],
)
def test_the_worst_class_and_its_bounds(text: str, worst: str, reversible: bool, bounded: bool) -> None:
    found = profile_of(agent(text))
    assert (found.worst, found.reversible, found.bounded) == (worst, reversible, bounded)


def test_of_the_shipped_agents_one_deletes_and_one_files() -> None:
    report, triage = (profile_of(load_agent(name, PROJECT / "agents")) for name in ("machine-report", "inbox-triage"))
    assert (report.worst, report.worst_tools, report.reversible, report.unit) == (
        "destroy",
        ("delete_old_files",),
        False,
        "run",
    )
    assert report.bounds == "a person is asked before every delete_old_files"
    assert (triage.worst, triage.worst_tools, triage.reversible, triage.unit) == (
        "write",
        ("file_message",),
        True,
        "file",
    )


ALL = """
tools:
  - read_file: {root: data}
  - write_file: {root: data}
  - list_dir: {root: data}
  - delete_file: {root: data}
  - shell: {root: data}
  - http_request
  - ask_human
  - notes
rules: {ask: [http_request: GET https://a.example/**]}
"""


async def test_what_is_said_of_the_built_in_tools_is_what_they_declare(tmp_path: Path) -> None:
    home = tmp_path / "home"
    facts = RunFacts(run_id="r", agent="owl", started_at=datetime.now(UTC), project=tmp_path, home=home)
    toolset = CombinedToolset(build_toolsets(agent(ALL), facts))
    found = await tool_definitions(toolset, facts, TestModel())
    said = {name: one for tools in BUILTINS.values() for name, one in tools.items()}
    assert {name: (declared(one).risk, declared(one).undo is not None) for name, one in found.items()} == said
