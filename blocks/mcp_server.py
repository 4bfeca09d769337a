"""Tools: which MCP server, as an operator configures it: how it is reached, and the secrets that it needs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, model_validator

if TYPE_CHECKING:
    from fastmcp.client.transports import ClientTransport


class McpServer(Block):
    """A Model Context Protocol server. An agent file names it as `mcp: {name: ..., block: NAME}`."""

    _block_type_name = "Midwatch MCP server"
    _block_type_slug = "midwatch-mcp-server"
    _description = "A server of tools, over stdio (a command) or streamable HTTP (a URL), with its secrets."

    command: list[str] = Field(
        default_factory=list,
        description="Program and arguments, for a server over stdio.",
        examples=[["mcp-server-time"]],
    )
    url: str = Field(
        default="", description="Address, for a server over streamable HTTP.", examples=["https://mcp.example.com/mcp"]
    )
    env: dict[str, SecretStr] = Field(default_factory=dict, description="Environment variables of the program.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="HTTP headers, such as Authorization.")

    @model_validator(mode="after")
    def _one_way(self) -> McpServer:
        if bool(self.command) == bool(self.url):
            raise ValueError("an MCP server has exactly one of: command, url")
        return self

    def get_transport(self, *, cwd: Path, log: Path) -> ClientTransport:
        """How to reach the server.

        Args:
            cwd: the folder that a program runs in.
            log: the file that a program's stderr is appended to.
        """
        from fastmcp.client.transports import StdioTransport, StreamableHttpTransport  # takes a second to import

        if self.url:
            return StreamableHttpTransport(self.url, headers=_plain(self.headers))
        program, *arguments = self.command
        return StdioTransport(
            _found(program), arguments, env=_plain(self.env), cwd=str(cwd), keep_alive=False, log_file=log
        )


def _plain(secrets: dict[str, SecretStr]) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in secrets.items()}


def _found(program: str) -> str:
    """The program on PATH, else beside this Python, where servers from the package index are installed."""
    return shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent)) or program
