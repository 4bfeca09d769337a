"""Tools: what can it touch? Files, shell, HTTP, a person, notes, typed Python functions, and any MCP server."""

from tasks.tools.saved import saved_servers as saved_servers
from tasks.tools.toolsets import build_toolsets as build_toolsets
