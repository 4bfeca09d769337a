"""Agent file: what does a YAML text say, and on which line? Plain data only; nothing in it is ever constructed or run.

YAML 1.2 through ruamel's event stream. Refused: anchors, aliases and merge keys (one line could stand for a gigabyte),
tags, duplicate keys, keys that are not text, infinite numbers, a second document, and whatever is too long or too deep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from midwatch.errors import SpecError

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]
"""Where a value stands: keys and 0-based list positions, from the top."""


@dataclass(slots=True, kw_only=True)
class Lines:
    """Plain data with the 1-based line of every key and list item, and what was wrong with single entries."""

    data: Any = None
    at: dict[Path, int] = field(default_factory=dict)
    faults: list[tuple[Path, int, str]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Line of `path`, or of the nearest thing around it that is there."""
        while path and path not in self.at:
            path = path[:-1]
        return self.at.get(path, 1)


def dotted(path: Path) -> str:
    """`rules.allow[2]`: the spelling of a field in messages; positions are 0-based, as in `jq` and Python."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def read_yaml(text: str, *, path: str) -> Lines:
    """The one document in `text`.

    Raises:
        SpecError: the text as a whole cannot be read (syntax, size, anchors, tags); names its line.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise SpecError(f"larger than {MAX_BYTES // 1024} KiB: no agent file needs to be", path=path)
    try:
        _refuse(_reader().parse(text), path)
        root = _reader().compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError(f"not YAML: {error.problem}", path=path, line=mark.line + 1 if mark else None) from None
    except YAMLError as error:
        raise SpecError(f"not YAML: {str(error).splitlines()[0]}", path=path) from None
    lines = Lines()
    if root is not None:
        lines.data = _plain(root, (), lines)
    return lines


def _reader() -> YAML:
    return YAML(typ="safe", pure=True)


def _refuse(events: Iterator[Event], path: str) -> None:
    depth = 0
    for event in events:
        line = event.start_mark.line + 1
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise SpecError(f"nested more than {MAX_DEPTH} deep", path=path, line=line)
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise SpecError("anchors (`&`) and aliases (`*`) are not read here: write it out", path=path, line=line)
        if getattr(event, "ctag", None) is not None:
            raise SpecError("tags (`!...`) are not read here: write plain values", path=path, line=line)


def _plain(node: Node, path: Path, lines: Lines) -> Any:
    lines.at.setdefault(path, node.start_mark.line + 1)
    match node:
        case MappingNode():
            return _mapping(node, path, lines)
        case SequenceNode():
            return [_plain(item, (*path, position), lines) for position, item in enumerate(node.value)]
        case _:
            return _scalar(node, path, lines)


def _mapping(node: MappingNode, path: Path, lines: Lines) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not _is_text(key_node):
            lines.faults.append((path, line, "a key must be text; put it in quotes"))
            continue
        key = key_node.value
        if key in data:
            lines.faults.append(((*path, key), line, f"`{key}` is given twice (first in line {lines.at[*path, key]})"))
            continue
        lines.at[*path, key] = line
        data[key] = _plain(value_node, (*path, key), lines)
    return data


def _is_text(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp")


def _scalar(node: Node, path: Path, lines: Lines) -> Any:
    """Numbers, true, false and null by YAML 1.2; everything else (dates too) is the text that stands there."""
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    if kind not in ("int", "float", "bool", "null"):
        return node.value
    try:
        value = _reader().constructor.construct_object(node)
        if not isinstance(value, float) or math.isfinite(value):
            return value
    except (ValueError, YAMLError):
        pass
    lines.faults.append((path, node.start_mark.line + 1, f"`{node.value[:40]}` is not a number that can be used"))
    return None
