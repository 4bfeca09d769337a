import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastmcp.exceptions import McpError
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import BinaryContent
from pydantic_ai.tools import ToolDefinition

from blocks.mcp_server import McpServer as McpServerBlock
from midwatch.errors import SpecError, ToolUnavailable
from midwatch.risk import Risk
from midwatch.run import RunFacts
from midwatch.spec import McpServer
from tasks.tools import build_toolsets
from tasks.tools.mcp import bounded
from tasks.tools.served import offered, risk_of
from tests.tasks.tools.agent_tools import Tools, declared, spec_of
from tests.tasks.tools.notebook import notebook_url

TIME = {"name": "time", "command": ["mcp-server-time", "--local-timezone=UTC"], "tools": {"get_current_time": "read"}}


@asynccontextmanager
async def opened(facts: RunFacts, mcp: dict[str, Any], **options: Any) -> AsyncIterator[Tools]:
    (toolset,) = build_toolsets(spec_of({"mcp": mcp}), facts, **options)
    async with toolset:
        yield Tools(toolset, facts)


@asynccontextmanager
async def notebook(facts: RunFacts, **fields: Any) -> AsyncIterator[Tools]:
    """The notebook server over streamable HTTP, and an agent's view of it."""
    async with notebook_url() as url, opened(facts, {"name": "book", "url": url, **fields}) as tools:
        yield tools


async def test_a_server_over_stdio_is_asked_for_the_time(facts: RunFacts) -> None:
    async with opened(facts, TIME) as tools:
        answer = await tools.call("mcp__time__get_current_time", timezone="Asia/Tokyo")
        listed = await tools.listed()
    assert "+09:00" in str(answer)
    assert len({(tool.tool_def.metadata or {})["definition"] for tool in listed.values()}) == 2
    assert {name: declared(tool).risk for name, tool in listed.items()} == {
        "mcp__time__get_current_time": "read",
        "mcp__time__convert_time": "execute",
    }


async def test_a_saved_server_over_stdio_works_on_a_repository(facts: RunFacts) -> None:
    subprocess.run(["git", "init", "-q", facts.project], check=True)  # noqa: ASYNC221  # a moment
    (facts.project / "new.txt").write_text("x")
    git = {"name": "git", "block": "repository", "only": ["git_status", "git_add"]}
    saved = {"repository": McpServerBlock(command=["mcp-server-git"])}
    async with opened(facts, git, servers=saved) as tools:
        assert sorted(await tools.listed()) == ["mcp__git__git_add", "mcp__git__git_status"]
        assert "new.txt" in str(await tools.call("mcp__git__git_status", repo_path=str(facts.project)))
        with pytest.raises((ToolFailed, ModelRetry)):
            await tools.call("mcp__git__git_status", repo_path=str(facts.project / "nowhere"))


async def test_a_server_over_http_is_used_and_its_errors_are_told(facts: RunFacts) -> None:
    async with notebook(facts, tools={"read": "read", "wipe": "write", "add": "note"}) as tools:
        assert await tools.call("mcp__book__add", text="hello", times=2) == "2 notes"
        assert await tools.call("mcp__book__read") == "hello\nhello"
        risks = {name.removeprefix("mcp__book__"): declared(tool).risk for name, tool in (await tools.listed()).items()}
        assert (risks["read"], risks["wipe"], risks["add"], risks["fail"]) == ("read", "destroy", "note", "execute")
        with pytest.raises(ToolFailed, match="the notebook is closed"):
            await tools.call("mcp__book__fail")
        with pytest.raises((ToolFailed, ModelRetry)):
            await tools.call("mcp__book__add", wrong="argument")
        assert len(await tools.call("mcp__book__flood")) < 21_000


async def test_a_server_that_vanishes_in_a_call_leaves_an_effect_in_doubt_and_a_read_failed(facts: RunFacts) -> None:
    async with notebook(facts, timeout_seconds=5, tools={"read": "read"}) as tools:
        await tools.listed()
        with pytest.raises(Exception) as caught:
            await tools.call("mcp__book__vanish")
        assert not isinstance(caught.value, ToolFailed | ModelRetry)
        with pytest.raises(
            ToolFailed, match="book is gone and cannot be started or reached again, so nothing was done"
        ):
            await tools.call("mcp__book__read")


FAULTY = Path(__file__).parents[2] / "flows" / "faulty_mcp.py"


@asynccontextmanager
async def faulty(facts: RunFacts, timeout_seconds: float = 30) -> AsyncIterator[Tools]:
    """A server that can be killed in mid-call; its world is the project."""
    command = [sys.executable, str(FAULTY), str(facts.project)]
    server = {"name": "f", "command": command, "timeout_seconds": timeout_seconds, "tools": {"look": "read"}}
    async with opened(facts, server) as tools:
        yield tools


def kill_server(facts: RunFacts) -> None:
    os.kill(int((facts.project / "pids").read_text().split()[-1]), signal.SIGKILL)


async def killed_after(facts: RunFacts, marker: str, calling: Coroutine[Any, Any, Any]) -> Any:
    call = asyncio.create_task(calling)
    while not (facts.project / marker).exists() and not call.done():  # noqa: ASYNC110  # the server is another process
        await asyncio.sleep(0.02)
    kill_server(facts)
    return await call


async def test_a_server_that_died_between_two_calls_is_started_again_and_called_once(facts: RunFacts) -> None:
    async with faulty(facts) as tools:
        await tools.call("mcp__f__append", line="one", at="nowhere")
        kill_server(facts)
        await asyncio.gather(*(tools.call("mcp__f__append", line=line, at="nowhere") for line in ("two", "three")))
        assert await tools.call("mcp__f__look", at="nowhere") == "3 lines"
    assert len((facts.project / "pids").read_text().split()) == 2
    last = int((facts.project / "pids").read_text().split()[-1])
    assert not psutil.pid_exists(last)


async def test_a_server_that_dies_in_a_call_is_started_again_for_the_next_one(facts: RunFacts) -> None:
    async with faulty(facts) as tools:
        with pytest.raises(ToolFailed, match=r"f did not answer: Connection closed\. It may be tried once more"):
            await killed_after(facts, "at-before", tools.call("mcp__f__look", at="before"))
        with pytest.raises(McpError):
            await killed_after(facts, "at-after", tools.call("mcp__f__append", line="one", at="after"))
        assert await tools.call("mcp__f__look", at="nowhere") == "1 lines"


async def test_a_server_that_hangs_in_a_call_still_takes_the_next_one(facts: RunFacts) -> None:
    async with faulty(facts, timeout_seconds=1) as tools:
        with pytest.raises(ToolFailed, match="timed out"):
            await tools.call("mcp__f__look", at="before")
        with pytest.raises(McpError, match="timed out"):
            await tools.call("mcp__f__append", line="one", at="before")
        assert await tools.call("mcp__f__look", at="nowhere") == "0 lines"


async def test_a_tool_that_the_server_does_not_have_is_named(facts: RunFacts) -> None:
    with pytest.raises(SpecError, match="did you mean `get_current_time`") as caught:
        async with opened(facts, TIME | {"only": ["get_curent_time"]}):
            pass
    assert caught.value.field == "tools[0].mcp.only"


async def test_a_server_that_does_not_start_says_its_last_words(facts: RunFacts) -> None:
    dying = [sys.executable, "-c", "import sys; sys.exit('no licence found\\ncall the vendor')"]
    with pytest.raises(ToolUnavailable, match=r"'broken' does not start[^$]*no licence found\ncall the vendor"):
        async with opened(facts, {"name": "broken", "command": dying, "timeout_seconds": 10}):
            pass


@pytest.mark.parametrize("mcp", [{"command": ["no-such-program-at-all"]}, {"url": "http://127.0.0.1:9/mcp"}])
async def test_a_server_that_is_not_there_is_unavailable(facts: RunFacts, mcp: dict[str, Any]) -> None:
    with pytest.raises(ToolUnavailable, match=r"tools\[0\]: MCP server 'gone'"):
        async with opened(facts, {"name": "gone", "timeout_seconds": 5, **mcp}):
            pass


async def test_the_program_gets_its_variables_and_none_of_ours(
    facts: RunFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_OURS", "not-for-it")
    script = "import os, sys; sys.exit(f\"{os.environ.get('GIVEN')} {os.environ.get('TOKEN_OF_OURS')} {os.getcwd()}\")"
    server = {"name": "env", "command": [sys.executable, "-c", script], "env": {"GIVEN": "a-${WORD}-b"}}
    with pytest.raises(ToolUnavailable, match=f"a-secret-b None {facts.project}"):
        async with opened(facts, server, environment={"WORD": "secret"}):
            pass


@pytest.mark.parametrize(
    ("stated", "hints", "risk"),
    [
        (None, {"readOnlyHint": True, "openWorldHint": False}, "execute"),
        ("read", {}, "read"),
        ("execute", {"readOnlyHint": True}, "execute"),
        ("read", {"readOnlyHint": True, "openWorldHint": True, "destructiveHint": True}, "read"),
        ("read", {"readOnlyHint": False}, "write"),
        ("read", {"openWorldHint": True}, "egress"),
        ("note", {"destructiveHint": True}, "destroy"),
        ("credential", {"destructiveHint": True}, "credential"),
        ("read", {"destructiveHint": "true"}, "read"),
    ],
)
def test_a_servers_own_hints_can_only_raise_the_risk(stated: Risk | None, hints: dict[str, Any], risk: Risk) -> None:
    assert risk_of(stated, hints, trusted=False) == risk


@pytest.mark.parametrize(
    ("stated", "hints", "risk"),
    [
        (None, {"readOnlyHint": True, "openWorldHint": False}, "read"),
        (None, {"readOnlyHint": True}, "egress"),
        (None, {"readOnlyHint": True, "openWorldHint": "false"}, "egress"),
        (None, {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}, "write"),
        (None, {"destructiveHint": False}, "egress"),
        (None, {"destructiveHint": True, "openWorldHint": False}, "destroy"),
        (None, {}, "execute"),
        (None, {"readOnlyHint": False, "openWorldHint": False}, "execute"),
        (None, {"readOnlyHint": "true", "openWorldHint": False}, "execute"),
        (None, {"readOnlyHint": 1, "destructiveHint": 0}, "execute"),
        ("write", {"readOnlyHint": True, "openWorldHint": False}, "write"),
        ("read", {"destructiveHint": True}, "destroy"),
    ],
)
def test_the_hints_of_a_trusted_server_stand_where_the_operator_gave_no_class(
    stated: Risk | None, hints: dict[str, Any], risk: Risk
) -> None:
    assert risk_of(stated, hints, trusted=True) == risk


async def test_of_a_trusted_server_a_read_is_a_read_without_a_word_of_the_operator(facts: RunFacts) -> None:
    async with notebook(facts, trusted=True, tools={"add": "note"}) as tools:
        listed = await tools.listed()
    risks = {name.removeprefix("mcp__book__"): declared(tool).risk for name, tool in listed.items()}
    assert (risks["read"], risks["wipe"], risks["add"], risks["fail"]) == ("read", "destroy", "note", "execute")
    served = (listed["mcp__book__read"].tool_def.metadata or {})["served"]
    assert (served.server, served.tool, served.trusted) == ("book", "read", True)
    assert served.hints == {"readOnlyHint": True, "openWorldHint": False}


async def test_a_yes_is_bound_to_the_hints_as_well(facts: RunFacts) -> None:
    def digest(hints: dict[str, Any]) -> str:
        server = McpServer(name="book", command=["book"])
        told = ToolDefinition(name="read", description="d", metadata={"annotations": hints})
        return str((offered(server, told).metadata or {})["definition"])

    assert digest({"readOnlyHint": True, "title": None}) == digest({"readOnlyHint": True})
    assert digest({"readOnlyHint": True}) != digest({"readOnlyHint": False})


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("short", "short"),
        ({"a": 1}, {"a": 1}),
        (BinaryContent(b"123", media_type="image/png"), "[3 bytes of image/png]"),
        (["a", BinaryContent(b"123", media_type="image/png")], ["a", "[3 bytes of image/png]"]),
    ],
)
def test_a_result_is_bounded(result: Any, shown: Any) -> None:
    assert bounded(result) == shown
    assert len(bounded({"a": "x" * 50_000})) < 21_000


async def test_every_call_carries_its_idempotency_key(facts: RunFacts) -> None:
    async with notebook(facts) as tools:
        assert '"midwatch/idempotency-key": "run-1::call-1"' in await tools.call("mcp__book__meta")
