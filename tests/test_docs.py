"""The documentation: does it lead somewhere, is every example valid, and is nothing that a person can write left out?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from cli.main import app
from midwatch import contract, spec
from midwatch.agent_file import parse_agent
from midwatch.contract import Check
from midwatch.ledger.tables import metadata
from midwatch.outcome import EXIT_CODES, Outcome
from midwatch.policy import Policy, compile_policy
from midwatch.policy.rules import SIBLINGS
from midwatch.policy.values import WORDS
from midwatch.risk import RISKS, Risk
from midwatch.spec import AgentSpec, Builtin, Rules
from midwatch.templates import NAMES

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]

FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)")
VERB = re.compile(r"\bmidwatch ([a-z]+(?: \| [a-z]+)*)\b")

HEAD = "name: example\ndescription: Of the documentation.\ninstructions: Do it.\n"
ENTRIES = {"Contract": contract, "AgentSpec": spec}
FILE_TOOLS = ("read_file", "write_file", "list_dir", "delete_file", "shell")


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def blocks(path: Path, language: str) -> Iterator[str]:
    return (text for kind, text in FENCED.findall(path.read_text()) if kind == language)


def code(path: Path) -> Iterator[str]:
    """Everything that a person may copy: fenced blocks without a language, and code spans of the prose."""
    text = path.read_text()
    yield from (block for kind, block in FENCED.findall(text) if not kind)
    yield from (span for _, span in SPAN.findall(FENCED.sub("", text)))


def verbs(path: Path) -> set[str]:
    return {verb for text in code(path) for said in VERB.findall(text) for verb in said.split(" | ")}


def agents() -> list[tuple[str, str]]:
    """Every YAML block that is an agent file or a part of one, as (page, whole file)."""
    found = [(path.name, block) for path in PAGES for block in blocks(path, "yaml")]
    whole = [(name, block) for name, block in found if block.startswith("name:")]
    parts = [
        (name, HEAD + block) for name, block in found if block.partition(":")[0] in {*AgentSpec.model_fields} - {"name"}
    ]
    return whole + parts


def parsed(name: str, text: str) -> AgentSpec:
    return parse_agent(text, path=name, stem=text.partition("\n")[0].removeprefix("name:").strip())


def compiled(agent: AgentSpec, project: Path) -> Policy:
    """Its rules, with every tool that they speak of; the examples beside them are tried."""
    named = {
        re.sub(r"\*", "x", key)
        for rule in [*agent.rules.allow, *agent.rules.ask, *agent.rules.deny]
        for key in keys(rule)
    }
    tools: dict[str, Risk] = dict.fromkeys(sorted(named), "execute")
    return compile_policy(agent.rules, tools=tools, roots=dict.fromkeys(FILE_TOOLS, project / "root"), project=project)


def keys(rule: spec.Rule) -> set[str]:
    return {rule} if isinstance(rule, str) else set(rule) - SIBLINGS


def fields(module: Any) -> Iterator[str]:
    """Every field of every model that a person fills in."""
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__:
            yield from value.model_fields


def needed(path: Path) -> list[str]:
    """The packages that a requirements/*.in asks for."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith(("#", "-"))]
    return [re.split(r"[\[=<>~; ]", line)[0] for line in lines]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path: Path) -> None:
    assert [link for link in LINK.findall(FENCED.sub("", path.read_text())) if not (path.parent / link).exists()] == []


def test_every_verb_is_documented_and_every_documented_verb_exists() -> None:
    there = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    assert {verb for path in PAGES for verb in verbs(path)} == there


@pytest.mark.parametrize(("name", "text"), agents(), ids=lambda value: value.partition("\n")[0][:40])
def test_every_agent_file_in_the_documentation_is_valid(name: str, text: str, tmp_path: Path) -> None:
    assert compiled(parsed(name, text), tmp_path).fingerprint


def test_every_python_example_compiles() -> None:
    sources = [(path.name, block) for path in PAGES for block in blocks(path, "python")]
    assert len([compile(block, name, "exec") for name, block in sources]) >= 3


def test_a_deployment_example_has_the_keys_that_prefect_yaml_has() -> None:
    (example,) = (YAML(typ="safe").load(block) for block in blocks(DOCS / "triggers.md", "yaml"))
    real = YAML(typ="safe").load((PROJECT / "prefect.yaml").read_text())
    assert set(example["deployments"][0]) <= {key for deployment in real["deployments"] for key in deployment}


CLOSED: dict[str, tuple[str, Callable[[], Iterable[str]]]] = {
    "built-in tools": ("tools", lambda: get_args(Builtin)),
    "risk classes": ("tools", lambda: RISKS),
    "fields of an MCP server": ("tools", lambda: set(spec.McpServer.model_fields) - {"timeout_seconds"}),
    "outcomes": ("monitoring", lambda: get_args(Outcome)),
    "kinds of check": ("monitoring", lambda: set(Check.model_fields) - {"name"}),
    "fields of an agent file": ("agent-file", lambda: AgentSpec.model_fields),
    "fields of limits": ("agent-file", lambda: [*spec.Limits.model_fields, *spec.DayLimits.model_fields]),
    "fields of escalation and for_each": (
        "agent-file",
        lambda: [*spec.Escalation.model_fields, *spec.ForEach.model_fields],
    ),
    "lists and siblings of rules": ("permissions", lambda: [*Rules.model_fields, *SIBLINGS]),
    "tables of the ledger": ("ledger", lambda: metadata.tables),
    "packages of base.in": ("dependencies", lambda: needed(PROJECT / "requirements" / "base.in")),
    "packages of dev.in": ("dependencies", lambda: needed(PROJECT / "requirements" / "dev.in")),
}
"""What: the page that has to name each of it."""


@pytest.mark.parametrize("what", CLOSED)
def test_nothing_of_a_closed_set_is_left_out(what: str) -> None:
    name, members = CLOSED[what]
    assert [
        member for member in members() if not re.search(rf"(?<![\w-]){re.escape(member)}(?![\w-])", page(name))
    ] == []


def test_every_condition_of_a_rule_is_documented() -> None:
    assert [word for word in WORDS if f"{word}:" not in page("permissions")] == []


def test_every_place_that_can_be_filled_in_is_documented() -> None:
    assert [name for name in NAMES if f"`{{{name}}}`" not in page("agent-file")] == []


def test_every_exit_code_stands_beside_its_outcome() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", page("monitoring"), re.MULTILINE)
    assert {outcome: int(number) for outcome, number in rows} == EXIT_CODES
