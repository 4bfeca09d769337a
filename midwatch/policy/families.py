"""Permissions: which matcher reads the calls of which tool, and which arguments does a built-in tool have?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from midwatch.errors import SpecError
from midwatch.policy.any_tool import AnyTool
from midwatch.policy.paths import FILE_TOOLS, Files, folded_path
from midwatch.policy.protected import Protected, governing_of
from midwatch.policy.reading import Family
from midwatch.policy.requests import Requests
from midwatch.policy.resolve import Unresolvable, resolve
from midwatch.policy.servers import MCP_PREFIX, ServerTool
from midwatch.policy.shell import Shell
from midwatch.risk import HARMLESS, Risk

ARGUMENTS: Final[Mapping[str, frozenset[str]]] = {
    "shell": frozenset({"command", "cwd", "timeout"}),
    "read_file": frozenset({"path", "offset", "limit"}),
    "write_file": frozenset({"path", "content"}),
    "delete_file": frozenset({"path"}),
    "list_dir": frozenset({"path"}),
    "http_request": frozenset({"method", "url", "headers", "body"}),
}
"""Every argument of the built-in tools. No rule knows what another one would do, so none allows it."""


def family_of(tool: str, root: str, protected: Protected, risk: Risk) -> Family:
    """The matcher for the calls of `tool`, which lives in `root` (absolute, resolved)."""
    if tool in FILE_TOOLS:
        return Files(root=root, protected=protected, fills=tool == "write_file")
    if tool == "shell":
        return Shell(root=root)
    if tool.startswith(MCP_PREFIX):
        return ServerTool(root=root, writes=risk not in HARMLESS)
    return Requests() if tool == "http_request" else AnyTool()


def protected_in(project: Path, closed: Iterable[Path]) -> Protected:
    """What no rule opens: Midwatch's state under `closed`, and what governs the agents of `project`."""
    return Protected(
        closed=tuple(folded_path(resolved(path)) for path in closed),
        governing=tuple(folded_path(resolved(path)) for path in governing_of(project)),
    )


def resolved(path: Path) -> str:
    """Absolute and free of symlinks.

    Raises:
        SpecError: nobody can say where it leads.
    """
    try:
        return resolve(str(path.absolute()), "/")
    except Unresolvable as error:
        raise SpecError(f"the folder {str(path)!r} cannot be used: {error}") from error
