"""The documentation: does it lead somewhere, is every example valid, and is nothing that a person can write left out?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, get_args

import pytest
from ruamel.yaml import YAML

from blocks import Person
from cli.main import VERBS, Commands
from midwatch import arrival_spec, contract, spec
from midwatch.agent_file import parse_agent
from midwatch.breaker import Breaker
from midwatch.contract.figures import Measure
from midwatch.ledger.tables import metadata
from midwatch.outcome import EXIT_CODES, Outcome
from midwatch.policy import Policy, compile_policy
from midwatch.policy.rules import SIBLINGS
from midwatch.policy.values import WORDS
from midwatch.risk import RISKS, Risk
from midwatch.severity import SEVERITIES
from midwatch.spec import AgentSpec
from midwatch.templates import NAMES

PROJECT: Final = Path(__file__).parents[1]
DOCS: Final = PROJECT / "docs"
PAGES: Final = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]

FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN: Final = re.compile(r"(`+)(.+?)\1")
LINK: Final = re.compile(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)")
VERB: Final = re.compile(r"\bmidwatch ([a-z]+(?: \| [a-z]+)*)\b")

HEAD: Final = "name: example\ndescription: Of the documentation.\ninstructions: Do it.\n"
ROOTED: Final = ("read_file", "write_file", "list_dir", "delete_file", "shell")


def blocks(path: Path, language: str) -> list[str]:
    return [text for kind, text in FENCED.findall(path.read_text()) if kind == language]


def verbs(path: Path) -> set[str]:
    """Those in blocks without a language and in the code spans of the prose."""
    spans = [span for _, span in SPAN.findall(FENCED.sub("", path.read_text()))]
    found = [said for text in [*blocks(path, ""), *spans] for said in VERB.findall(text)]
    return {verb for said in found for verb in said.split(" | ")}


def agents() -> Iterator[tuple[str, str]]:
    """Every YAML block that is an agent file or a part of one, as page and whole file."""
    for path in PAGES:
        for block in blocks(path, "yaml"):
            first = block.partition(":")[0]
            if first in AgentSpec.model_fields:
                yield path.name, block if first == "name" else HEAD + block


def compiled(agent: AgentSpec, project: Path) -> Policy:
    """Its rules, with every tool that they speak of; the examples beside them are tried."""
    rules = [*agent.rules.allow, *agent.rules.ask, *agent.rules.deny]
    named = {rule if isinstance(rule, str) else min(set(rule) - SIBLINGS) for rule in rules}
    tools: dict[str, Risk] = {name.replace("*", "x"): "execute" for name in sorted(named)}
    return compile_policy(agent.rules, tools=tools, roots=dict.fromkeys(ROOTED, project / "root"), project=project)


def needed(name: str) -> list[str]:
    """The packages that a requirements/*.in asks for."""
    lines = (PROJECT / "requirements" / f"{name}.in").read_text().splitlines()
    return [re.split(r"[\[=<>~; ]", line)[0] for line in lines if line and not line.startswith(("#", "-"))]


def names(page: str, word: str) -> bool:
    """The page has `word`, as a word of its own."""
    return bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", (DOCS / f"{page}.md").read_text()))


CLOSED: Final[dict[str, tuple[str, Collection[str]]]] = {
    "built-in tools": ("tools", get_args(spec.Builtin)),
    "risk classes": ("tools", RISKS),
    "fields of an MCP server": ("tools", [*spec.McpServer.model_fields]),
    "outcomes": ("monitoring", get_args(Outcome)),
    "parts of a contract": ("contracts", contract.Contract.model_fields),
    "kinds of check": ("contracts", contract.Check.model_fields),
    "options of a file check": ("contracts", contract.FileCheck.model_fields),
    "options of a check of files": ("contracts", contract.FilesCheck.model_fields),
    "options of a command check": ("contracts", contract.CommandCheck.model_fields),
    "options of an HTTP check": ("contracts", contract.HttpCheck.model_fields),
    "options of an SQL check": ("contracts", contract.SqlCheck.model_fields),
    "options of unchanged": ("contracts", contract.UnchangedCheck.model_fields),
    "options of one_place": ("contracts", contract.OnePlaceCheck.model_fields),
    "options of change": ("contracts", contract.ChangeCheck.model_fields),
    "what of a file is compared": ("contracts", get_args(Measure)),
    "options of effects": ("contracts", contract.EffectsCheck.model_fields),
    "fields of an agent file": ("agent-file", AgentSpec.model_fields),
    "limits of a run": ("agent-file", spec.Limits.model_fields),
    "limits of a day": ("agent-file", spec.DayLimits.model_fields),
    "fields of escalation": ("agent-file", spec.Escalation.model_fields),
    "fields of for_each": ("agent-file", spec.ForEach.model_fields),
    "lists of rules": ("permissions", spec.Rules.model_fields),
    "what stands beside a rule": ("permissions", SIBLINGS),
    "fields of a webhook": ("events", arrival_spec.Webhook.model_fields),
    "fields of files": ("events", arrival_spec.Files.model_fields),
    "fields of after": ("events", arrival_spec.After.model_fields),
    "fields of storm": ("events", arrival_spec.Storm.model_fields),
    "fields of coalesce": ("events", arrival_spec.Coalesce.model_fields),
    "schemes of webhooks": ("events", get_args(arrival_spec.Scheme)),
    "severities": ("attention", SEVERITIES),
    "fields of a breaker": ("watching", Breaker.model_fields),
    "fields of a person": ("attention", Person.model_fields),
    "tables of the ledger": ("ledger", metadata.tables),
    "packages of base.in": ("dependencies", needed("base")),
    "packages of dev.in": ("dependencies", needed("dev")),
    "packages of bench.in": ("dependencies", needed("bench")),
}
"""What: the page that has to name each of it, and all of it."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path: Path) -> None:
    links = LINK.findall(FENCED.sub("", path.read_text()))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_verb_is_documented_and_every_documented_verb_exists() -> None:
    assert {verb for path in PAGES for verb in verbs(path)} == VERBS.keys()
    assert [name for name, command in Commands().items() if command.name != name] == []


@pytest.mark.parametrize(("page", "text"), list(agents()), ids=lambda value: value.partition("\n")[0])
def test_every_agent_file_in_the_documentation_is_valid(page: str, text: str, tmp_path: Path) -> None:
    name = text.partition("\n")[0].removeprefix("name: ")
    assert compiled(parse_agent(text, path=page, stem=name), tmp_path).fingerprint


def test_every_python_example_compiles() -> None:
    examples = [(path.name, block) for path in PAGES for block in blocks(path, "python")]
    assert [compile(block, page, "exec") for page, block in examples]


def test_the_deployment_of_the_documentation_has_keys_that_prefect_yaml_has() -> None:
    (example,) = (YAML(typ="safe").load(block) for block in blocks(DOCS / "triggers.md", "yaml"))
    real = YAML(typ="safe").load((PROJECT / "prefect.yaml").read_text())
    assert set(example["deployments"][0]) <= {key for deployment in real["deployments"] for key in deployment}


@pytest.mark.parametrize("what", CLOSED)
def test_nothing_of_a_closed_set_is_left_out(what: str) -> None:
    page, members = CLOSED[what]
    assert [member for member in members if not names(page, member)] == []


def test_every_condition_of_a_rule_is_documented() -> None:
    text = (DOCS / "permissions.md").read_text()
    assert [word for word in WORDS if f"{word}: " not in text] == []


def test_every_place_that_can_be_filled_in_is_documented() -> None:
    text = (DOCS / "agent-file.md").read_text()
    assert [name for name in NAMES if f"`{{{name}}}`" not in text] == []


def test_every_exit_code_stands_beside_its_outcome() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", (DOCS / "monitoring.md").read_text(), re.MULTILINE)
    assert {outcome: int(number) for outcome, number in rows} == EXIT_CODES
