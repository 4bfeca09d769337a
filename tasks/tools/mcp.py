"""Tools: what does an MCP server add? Its tools, under `mcp__SERVER__TOOL`, with the risk that the operator gave each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

from fastmcp.client.transports import ClientTransport
from fastmcp.exceptions import McpError, ToolError
from mcp.types import CONNECTION_CLOSED, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND
from pydantic_ai import RunContext, ToolsetTool
from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.mcp import CallToolFunc, MCPToolset
from pydantic_ai.messages import BinaryContent
from pydantic_core import to_json

from blocks.mcp_server import McpServer as McpServerBlock
from midwatch.errors import SpecError, ToolUnavailable
from midwatch.risk import HARMLESS, ToolFacts
from midwatch.run import RunFacts
from midwatch.spec import McpServer
from midwatch.spec_faults import nearest
from tasks.tools.served import offered
from tasks.tools.shown import TEXT_LIMIT, head_and_tail
from tasks.tools.variables import filled

logger = logging.getLogger(__name__)

LOG_BYTES: Final = 1_000_000
"""A server's log larger than this begins anew at its next start."""
START_SECONDS: Final = 30.0
"""A server may take this long to start, however short its calls are to be."""
PING_SECONDS: Final = 5.0
"""A server that is busy longer than this with another call counts as alive."""
KEY_IN_META: Final = "midwatch/idempotency-key"
_NOT_DONE: Final = frozenset({INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND})
"""Protocol errors with which a server refuses a call before it does anything."""


class McpTools(MCPToolset[RunFacts]):
    """One server. An `MCPToolset`, so that durable execution knows it for what it is."""

    def __init__(self, server: McpServer, transport: ClientTransport, *, log: Path, where: str) -> None:
        super().__init__(
            transport,
            id=f"mcp-{server.name}",
            tool_error_behavior="error",
            prefer_tasks=False,
            process_tool_call=with_key,
            init_timeout=max(server.timeout_seconds, START_SECONDS),
            read_timeout=server.timeout_seconds,
        )
        self._server, self._log, self._where = server, log, where
        self._prefix = f"mcp__{server.name}__"
        self._reaching = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start or reach the server.

        Raises:
            ToolUnavailable: it does not start or answer; with the last lines of its stderr.
            SpecError: the agent file names a tool that it does not have.
        """
        if self.is_running:  # pydantic-ai enters again around every request
            return await super().__aenter__()
        said_before = _begin_log(self._log)
        try:
            await super().__aenter__()
        except Exception as error:
            raise ToolUnavailable(self._not_started(error, said_before)) from error
        try:
            self._check_names({tool.name for tool in await self.list_tools()})
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *args: Any) -> bool | None:
        """Stop or leave the server. One that is gone already is no fault of what was done with it."""
        try:
            await super().__aexit__(*args)
            if not self.is_running:
                await self.client.close()  # type: ignore[no-untyped-call]  # one made anew is nobody else's to end
            return None
        except Exception as error:
            logger.warning("MCP server %s did not end in good order: %s", self._server.name, error)
            return None

    async def get_tools(self, ctx: RunContext[RunFacts]) -> dict[str, ToolsetTool[RunFacts]]:
        tools = await super().get_tools(ctx)
        wanted = [tool for name, tool in tools.items() if not self._server.only or name in self._server.only]
        told = [replace(tool, tool_def=offered(self._server, tool.tool_def)) for tool in wanted]
        return {tool.tool_def.name: tool for tool in told}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        """Call the server, started again where it is gone.

        `ToolFailed` and `ModelRetry` mean that the server refused, or never got the call; anything else of an effect that
        nobody knows.
        """
        await self._reach()
        try:
            return bounded(await super().call_tool(name.removeprefix(self._prefix), tool_args, ctx, tool))
        except ToolError as error:
            raise ToolFailed(head_and_tail(str(error), 2_000)) from error
        except Exception as error:
            if isinstance(error, McpError) and error.error.code in _NOT_DONE:
                raise ModelRetry(head_and_tail(str(error), 2_000)) from error
            facts = (tool.tool_def.metadata or {}).get("midwatch")
            if isinstance(facts, ToolFacts) and facts.risk in HARMLESS:
                raise ToolFailed(f"{self._server.name} did not answer: {error}. It may be tried once more.") from error
            raise

    async def _reach(self) -> None:
        """Start or reach a server anew that ended between two calls: no call was under way, so none is in doubt."""
        async with self._reaching:
            if await self._answers():
                return
            logger.warning("MCP server %s is gone and is started or reached again", self._server.name)
            try:
                await self.client.close()  # type: ignore[no-untyped-call]  # fastmcp leaves both untyped
                await self.client.__aenter__()  # type: ignore[no-untyped-call]
            except Exception as error:
                said = (
                    f"{self._server.name} is gone and cannot be started or reached again, so nothing was done: {error}"
                )
                raise ToolFailed(head_and_tail(said, 2_000)) from error

    async def _answers(self) -> bool:
        """Whether anything comes back; a server of the present protocol answers that it does not know `ping`."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self.client.ping()
        except TimeoutError:
            return True
        except McpError as error:
            return error.error.code != CONNECTION_CLOSED
        except Exception:
            return False
        return True

    def _check_names(self, there: set[str]) -> None:
        for field, names in (
            ("only", self._server.only),
            ("tools", self._server.tools),
            ("sinks", self._server.sinks),
        ):
            for name in names:
                if name not in there:
                    said = f"the server has no tool {name!r}{nearest(name, there)}; it has: {', '.join(sorted(there))}"
                    raise SpecError(said, field=f"{self._where}.mcp.{field}")

    def _not_started(self, error: Exception, said_before: int) -> str:
        message = f"{self._where}: MCP server {self._server.name!r} does not start or answer: {error}"
        with suppress(OSError):
            said = self._log.read_bytes()[said_before:].decode("utf-8", "replace").strip()
            if said:
                message += "\nIts last words:\n" + "\n".join(said.splitlines()[-8:])
        return message


async def with_key(ctx: RunContext[RunFacts], call: CallToolFunc, name: str, arguments: dict[str, Any]) -> Any:
    """The call with its idempotency key in its `_meta`: MCP has no field for one, and a server may look there."""
    return await call(name, arguments, metadata={KEY_IN_META: ctx.deps.idempotency_key(ctx.tool_call_id)})


def mcp_tools(
    server: McpServer, facts: RunFacts, *, environment: Mapping[str, str], saved: McpServerBlock | None, where: str
) -> McpTools:
    """The toolset of one server of an agent file; `saved` stands for its `block`."""
    block = saved or McpServerBlock(
        command=server.command,
        url=server.url,
        env=filled(server.env, environment, f"{where}.mcp.env"),
        headers=filled(server.headers, environment, f"{where}.mcp.headers"),
    )
    log = facts.home.absolute() / "logs" / f"mcp-{facts.agent}-{server.name}.log"
    return McpTools(server, block.get_transport(cwd=facts.project.absolute(), log=log), log=log, where=where)


def bounded(result: Any) -> Any:
    """A result as the model may see it: long ones cut, bytes named and not shown."""
    match result:
        case str():
            return head_and_tail(result)
        case BinaryContent():
            return f"[{len(result.data)} bytes of {result.media_type}]"
        case list():
            parts = [bounded(part) for part in result]
            return parts if _size(parts) <= TEXT_LIMIT else head_and_tail(to_json(parts).decode())
        case _:
            return result if _size(result) <= TEXT_LIMIT else head_and_tail(to_json(result).decode())


def _size(value: Any) -> int:
    return len(to_json(value))


def _begin_log(log: Path) -> int:
    """Make the log's folder, drop a log that has grown too long; its size now."""
    log.parent.mkdir(parents=True, exist_ok=True)
    size = log.stat().st_size if log.exists() else 0
    if size > LOG_BYTES:
        log.unlink()
        return 0
    return size
