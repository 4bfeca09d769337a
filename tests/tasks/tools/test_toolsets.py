import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.mcp_server import McpServer
from midwatch.errors import SpecError
from midwatch.run import RunFacts
from tasks.tools import build_toolsets, saved_servers
from tasks.tools.saved import addresses
from tasks.tools.web import http_tool
from tests.tasks.tools.agent_tools import Tools, declared, spec_of

SAMPLES = "tests.tasks.tools.sample_functions"
ToolsOf = Callable[..., Tools]


@pytest.mark.parametrize(
    ("tools", "field", "said"),
    [
        (["read_file"], "tools[0].root", "say which folder read_file lives in"),
        ([{"read_file": {"root": "."}}], "tools[0].root", "reaches .midwatch"),
        ([{"read_file": {"root": "/"}}], "tools[0].root", "reaches .midwatch"),
        ([{"list_dir": {"root": ".midwatch/notes"}}], "tools[0].root", "reaches .midwatch"),
        ([{"write_file": {"root": "agents"}}], "tools[0].root", "reaches agents"),
        ([{"shell": {"root": "agents/mine"}}], "tools[0].root", "reaches agents"),
        (["http_request"], "tools[0]", "no rule names a host"),
        (["ask_human", "ask_human"], "tools[1]", "'ask_human' is offered already by tools[0]"),
        ([{"python": f"{SAMPLES}:pay"}] * 2, "tools[1]", "'pay' is offered already"),
        ([{"python": "nowhere.at_all:f"}], "tools[0].python", "no module 'nowhere'"),
        ([{"builtin": "ask_human", "bind": {"question": "x"}}], "tools[0].bind", "only a Python function"),
        ([{"mcp": {"name": "a", "command": ["x"], "env": {"K": "${NOT_SET}"}}}], "tools[0].mcp.env.K", "'NOT_SET'"),
        ([{"mcp": {"name": "a", "block": "mine"}}], "tools[0].mcp.block", "no saved block 'mine'"),
        ([{"mcp": {"name": "a", "command": ["x"]}}] * 2, "tools[1]", "'mcp__a' is offered already"),
    ],
)
def test_a_wrong_tool_is_named_with_its_field(facts: RunFacts, tools: list[Any], field: str, said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)) as caught:
        build_toolsets(spec_of(*tools), facts, environment={})
    assert caught.value.field == field


def test_a_root_that_is_a_link_into_the_state_is_refused(facts: RunFacts) -> None:
    facts.home.mkdir()
    (facts.project / "innocent").symlink_to(facts.home)
    with pytest.raises(SpecError, match="reaches"):
        build_toolsets(spec_of({"read_file": {"root": "innocent"}}), facts)


async def test_every_tool_carries_its_facts_and_the_hash_of_its_definition(tools_of: ToolsOf) -> None:
    tools = tools_of(
        {"read_file": {"root": "data"}}, "notes", "ask_human", "http_request", rules={"ask": ["http_request"]}
    )
    listed = await tools.listed()
    assert {name: declared(tool).risk for name, tool in listed.items()} == {
        "read_file": "read",
        "read_notes": "read",
        "write_note": "note",
        "ask_human": "read",
        "http_request": "egress",
    }
    hashes = {(tool.tool_def.metadata or {})["definition"] for tool in listed.values()}
    assert {len(digest) for digest in hashes} == {64}
    assert len(hashes) == len(listed)


def test_toolsets_have_stable_ids_of_their_own(facts: RunFacts) -> None:
    spec = spec_of("ask_human", {"mcp": {"name": "time", "command": ["x"]}}, {"mcp": {"name": "git", "command": ["y"]}})
    assert [toolset.id for toolset in build_toolsets(spec, facts)] == ["tools", "mcp-time", "mcp-git"]


def test_an_agent_without_tools_has_none(facts: RunFacts) -> None:
    assert build_toolsets(spec_of(), facts) == []


async def test_saved_servers_are_those_that_the_file_names() -> None:
    async def load(name: str) -> McpServer:
        if name != "mine":
            raise ValueError(f"no block {name}")
        return McpServer(url="http://127.0.0.1:9/mcp")

    spec = spec_of({"mcp": {"name": "a", "block": "mine"}}, {"mcp": {"name": "b", "block": "other"}}, "ask_human")
    assert list(await saved_servers(spec, load)) == ["mine"]


def test_a_block_that_leads_elsewhere_is_another_server_and_a_new_password_is_none() -> None:
    def of(**fields: Any) -> tuple[str, ...]:
        return addresses({"b": McpServer(**fields), "a": McpServer(command=["x"])})

    one = of(url="http://127.0.0.1:9/mcp?key=of-nobody", headers={"authorization": "one"})
    assert one == of(url="http://127.0.0.1:9/mcp?key=of-nobody", headers={"authorization": "two"})
    assert one != of(url="http://127.0.0.1:8/mcp?key=of-nobody", headers={"authorization": "one"})
    assert "of-nobody" not in str(one)


async def test_the_operator_says_of_a_built_in_what_it_returns(tools_of: ToolsOf) -> None:
    own = {"root": "data", "untrusted": False, "private": False}
    listed = await tools_of({"read_file": own}, {"list_dir": {"root": "data"}}).listed()
    said = {name: (declared(tool).untrusted, declared(tool).private) for name, tool in listed.items()}
    assert said == {"read_file": (False, False), "list_dir": (True, True)}


def test_a_function_that_calls_a_sink_what_it_does_not_take_is_refused(facts: RunFacts) -> None:
    with pytest.raises(SpecError, match="has no parameter 'too', which it calls a sink"):
        build_toolsets(spec_of({"python": f"{SAMPLES}:misspelt"}), facts)


@pytest.mark.parametrize("headers", [{}, {"x.example": {"authorization": SecretStr("of nobody")}}])
def test_an_answer_to_a_login_is_not_everybodys(headers: dict[str, dict[str, SecretStr]]) -> None:
    assert http_tool(["x.example"], where="tools[0]", credentials=headers).facts.private is bool(headers)
