import sys
from pathlib import Path

import pytest
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from pydantic import SecretStr, ValidationError

from blocks import McpServer


def test_a_command_becomes_a_program_with_its_variables(tmp_path: Path) -> None:
    block = McpServer(command=["mcp-server-time", "--local-timezone=UTC"], env={"KEY": SecretStr("hush")})
    transport = block.get_transport(cwd=tmp_path, log=tmp_path / "log")
    assert isinstance(transport, StdioTransport)
    assert Path(transport.command).name == "mcp-server-time"
    assert (transport.args, transport.env, transport.cwd) == (["--local-timezone=UTC"], {"KEY": "hush"}, str(tmp_path))


def test_a_program_beside_this_python_is_found_without_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    transport = McpServer(command=["mcp-server-time"]).get_transport(cwd=tmp_path, log=tmp_path / "log")
    assert isinstance(transport, StdioTransport)
    assert transport.command == str(Path(sys.executable).with_name("mcp-server-time"))


def test_a_url_becomes_streamable_http_with_its_headers(tmp_path: Path) -> None:
    block = McpServer(url="https://mcp.example.com/sse", headers={"Authorization": SecretStr("Bearer hush")})
    transport = block.get_transport(cwd=tmp_path, log=tmp_path / "log")
    assert isinstance(transport, StreamableHttpTransport)
    assert transport.headers == {"Authorization": "Bearer hush"}


@pytest.mark.parametrize("fields", [{}, {"command": ["x"], "url": "https://mcp.example.com/"}])
def test_a_server_is_reached_in_exactly_one_way(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="exactly one of: command, url"):
        McpServer.model_validate(fields)


def test_secrets_are_not_shown() -> None:
    block = McpServer(url="https://mcp.example.com/", headers={"Authorization": SecretStr("Bearer hush")})
    assert "hush" not in repr(block)
    assert "hush" not in block.model_dump_json()
