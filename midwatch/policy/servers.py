"""Permissions: what can be said of a call to an MCP server's tool, of which only the server knows what it does?

No matcher reads such a call. So a rule about some of its arguments allows nothing where another one looks like a path or an
address, and what protects files also looks at every path that the call names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from midwatch.calls import Call
from midwatch.characters import folded, is_control
from midwatch.policy.any_tool import AnyTool
from midwatch.policy.paths import MAX_LENGTH
from midwatch.policy.reading import Mention, PolicyContext, Reading, ServerFacts

MCP_PREFIX: Final = "mcp__"

_PLACE: Final = re.compile(
    r"""[/\\]                           # more than one name
    | \A(?:[.~]|\$\w)                   # hidden, above, at home, in a variable
    | \A[a-z][a-z0-9+.-]*:\S            # a scheme or a drive
    | \A\S+\.[a-z]{2,}\Z                # a file's or a host's name
    | \A\d{1,3}(?:\.\d{1,3}){3}(?!\S*\s)""",
    re.VERBOSE,
)
"""Of a folded text without blanks at its ends."""
_PLACE_WORD: Final = re.compile(r"paths?|files?|filenames?|dirs?|directory|folder|urls?|uri", re.IGNORECASE)
"""An argument with one of these words in its name is a place, whatever it holds."""
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTool(AnyTool):
    """The family of the tools of MCP servers: their arguments can be judged, and what they name is looked at."""

    root: str
    """Absolute and resolved: where a server that is a program starts."""
    writes: bool
    """It may change what it names; False: its risk class says that it only reads."""

    def read(self, call: Call, _context: PolicyContext) -> Reading:
        paths = (_as_path(text) for name, value in call.args.items() for text in _places(name, value))
        mentions = tuple(Mention(path=path, folders=(self.root,), writes=self.writes) for path in paths if path)
        return Reading(parts=(call,), sights=(call,), mentions=mentions)


def server_doubt(tool: str, server: ServerFacts | None) -> str:
    """Why no rule may allow a call of `tool`, whatever server is behind it; "" where nothing speaks against it."""
    if server is None:
        return "nobody knows the server behind it" if tool.startswith(MCP_PREFIX) else ""
    return server.changed


def unnamed_place(call: Call, named: Collection[str]) -> str:
    """An argument of an MCP tool that is not in `named` and looks like a path or an address; "" where there is none."""
    if not call.tool.startswith(MCP_PREFIX):
        return ""
    return next((name for name in call.args if name not in named and any(_places(name, call.args[name]))), "")


def _places(name: str, value: Any) -> Iterator[str]:
    """The texts in an argument that look like a path or an address; where its name says so, all of them."""
    called_so = any(_PLACE_WORD.fullmatch(word) for word in _WORD.findall(name))
    return (text for text in _texts(value) if text and (called_so or _looks_like_a_place(text)))


def _looks_like_a_place(text: str) -> bool:
    return any(_PLACE.search(folded(reading).strip()) for reading in (text, unquote(text, errors="replace")))


def _as_path(text: str) -> str:
    """The path that a server may open for `text`; "" where no file has such a name."""
    path = unquote(text[5:]).removeprefix("//") if text[:5].lower() == "file:" else text
    path = path.strip()
    return path if len(path) <= MAX_LENGTH and not any(is_control(character) for character in path) else ""


def _texts(value: Any) -> Iterator[str]:
    """Every text in an argument, the names in an object included."""
    match value:
        case str():
            yield value
        case Mapping():
            for name, inner in value.items():
                yield name
                yield from _texts(inner)
        case tuple() | list():
            for inner in value:
                yield from _texts(inner)
        case _:
            return
