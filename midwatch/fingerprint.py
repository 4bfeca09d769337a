"""The ladder: to whom does evidence belong? An agent as far as it decides: what thinks, what it is told, what it can touch.

Its file holds more than that: schedules, limits, who is told. What of it counts stands in five parts, each with a hash of its
own, so that it can be said which of them changed; evidence belongs to the hash over all five. Besides the file they hold the
code of the agent's Python tools, what its models and saved blocks come to, and how the tools of its MCP servers are pinned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from midwatch.spec import AgentSpec
from midwatch.tool_sources import sources_of

Part = Literal["model", "instructions", "tools", "rules", "contract"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)

Pinned = Mapping[tuple[str, str], str]
"""By server and tool, the definition that is pinned (`served_tool.definition_of` it)."""
_NOTHING: Final[Pinned] = {}

_FIELDS: Final[Mapping[Part, tuple[str, ...]]] = {
    "model": ("model",),
    "instructions": ("instructions", "prompt", "examples", "input", "for_each"),
    "tools": ("tools",),
    "rules": ("rules", "known"),
    "contract": ("contract",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Of one agent as it is, or as it was."""

    parts: Mapping[Part, str]
    """SHA-256 (hex) of each."""
    thinkers: tuple[str, ...] = ()
    """What the file's models came to on the machine: `auto` is another model where there is another key."""
    blocks: tuple[str, ...] = ()
    """What the saved blocks of its MCP servers came to."""
    as_written: str = ""
    """`whole` of the file and the code alone, whatever came of it: what a person has seen who read them."""

    @property
    def whole(self) -> str:
        """SHA-256 (hex) over all parts: what evidence belongs to."""
        return _whole(self.parts)

    def as_json(self) -> str:
        """For the ledger."""
        said = {"parts": dict(self.parts), "thinkers": self.thinkers, "blocks": self.blocks}
        return json.dumps({**said, "as_written": self.as_written}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        """What `as_json` made."""
        said = json.loads(text)
        parts: dict[Part, str] = {part: said["parts"][part] for part in PARTS}
        thinkers, blocks = tuple(said["thinkers"]), tuple(said.get("blocks", ()))
        return cls(parts=parts, thinkers=thinkers, blocks=blocks, as_written=said.get("as_written", ""))


def fingerprint_of(
    spec: AgentSpec, thinkers: Sequence[str] = (), blocks: Sequence[str] = (), pinned: Pinned = _NOTHING
) -> Fingerprint:
    """What the agent is, part by part. Reads the code of its Python tools, and runs none of it.

    Args:
        thinkers: the models that its choices came to, where that is known.
        blocks: what the saved blocks of its MCP servers came to, where that is known.
        pinned: of all servers that the agent has ever had; what its file does not offer does not count.
    """
    said = spec.model_dump(mode="json")
    written: dict[Part, str] = {part: _sha256([said[field] for field in _FIELDS[part]]) for part in PARTS}
    written["model"] = _sha256([spec.models(), []])
    if sources := sources_of(spec):
        written["tools"] = _sha256([written["tools"], sources])
    parts = {**written, "model": _sha256([spec.models(), list(thinkers)])}
    offered = _offered(spec, pinned)
    if blocks or offered:
        parts["tools"] = _sha256([written["tools"], list(blocks), offered])
    return Fingerprint(parts=parts, thinkers=tuple(thinkers), blocks=tuple(blocks), as_written=_whole(written))


def as_it_last_thought(spec: AgentSpec, last: Fingerprint | None, pinned: Pinned = _NOTHING) -> Fingerprint:
    """The agent as it is now, on a machine where its models and blocks come to what they last came to. Asks no machine."""
    if last is None:
        return fingerprint_of(spec, pinned=pinned)
    return fingerprint_of(spec, last.thinkers, last.blocks, pinned)


def changed(old: Fingerprint, new: Fingerprint) -> tuple[Part, ...]:
    """The parts that are not the same, in the order of `PARTS`."""
    return tuple(part for part in PARTS if old.parts[part] != new.parts[part])


def in_words(parts: Sequence[Part]) -> str:
    """For a person: `its model and its rules`."""
    named = [f"its {part}" for part in parts]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _offered(spec: AgentSpec, pinned: Pinned) -> list[list[str]]:
    """The pinned tools that the file offers, in an order of its own: server, tool and hash of the definition."""
    only = {tool.mcp.name: tool.mcp.only for tool in spec.tools if tool.mcp is not None}
    mine = [key for key in pinned if key[0] in only and (key[1] in only[key[0]] or not only[key[0]])]
    return [[*key, _sha256(pinned[key])] for key in sorted(mine)]


def _whole(parts: Mapping[Part, str]) -> str:
    return _sha256([parts[part] for part in PARTS])


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
