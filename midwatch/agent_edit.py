"""Agent file: how does one more allow rule get into it, with every comment and blank as they are?

The text is changed at one place, and read again: it must say what it said before, and the rule besides.
"""

from __future__ import annotations

import io
import textwrap
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from midwatch.errors import SpecError
from midwatch.spec import Rule
from midwatch.yaml_lines import read_yaml


def with_allow_rule(text: str, rule: Rule, *, path: str) -> str:
    """The agent file `text` with `rule` at the end of `rules.allow`; `path` is for messages.

    Raises:
        SpecError: it is written in a way that can't be added to; a person copies the rule.
    """
    before = read_yaml(text, path=path).data
    wanted = _plus(before, rule)
    changed = _changed(text, rule)
    try:
        same = changed is not None and wanted is not None and read_yaml(changed, path=path).data == wanted
    except SpecError:
        same = False
    if changed is None or not same:
        raise SpecError("its `rules` are written in a way that cannot be added to: copy the rule by hand", path=path)
    return changed


class _Representer(SafeRepresenter):
    """As ruamel writes; only that it cannot read back, on one line, an unquoted text that begins with `?` or `:`."""

    def represent_str(self, data: str) -> Node:
        style = '"' if data.startswith(("?", ":")) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Representer.add_representer(str, _Representer.represent_str)


def rule_text(rule: Rule, margin: int = 0) -> str:
    """One entry of a list of rules, as it is written in an agent's file, `margin` blanks in front of each line."""
    flow = False if isinstance(rule, str) else None
    return textwrap.indent(_dumped([rule], width=110, flow=flow), " " * margin)


def _dumped(value: Any, *, width: int, flow: bool | None) -> str:
    """`flow` None: lists and mappings that hold no other stand in one line."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = flow
    yaml.width = width
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    yaml.representer.ignore_aliases = _written_out
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def _written_out(_value: object) -> bool:
    """What stands twice is written twice: agent files have no aliases."""
    return True


def _plus(data: Any, rule: Rule) -> Any:
    """The whole file's data with the rule; None where `rules` is no mapping or `allow` no list."""
    rules = data.get("rules", {}) if isinstance(data, dict) else None
    allow = rules.get("allow", []) if isinstance(rules, dict) else None
    return {**data, "rules": {**(rules or {}), "allow": [*allow, rule]}} if isinstance(allow, list) else None


def _changed(text: str, rule: Rule) -> str | None:
    rules = _value(YAML(typ="safe", pure=True).compose(text), "rules")
    allow = _value(rules, "allow")
    match rules, allow:
        case None, _:
            return f"{text.rstrip()}\n\nrules:\n  allow:\n{rule_text(rule, 4)}"
        case MappingNode(flow_style=False), None:
            start, margin = rules.start_mark.index, rules.start_mark.column
            return f"{text[:start]}allow:\n{rule_text(rule, margin + 2)}{' ' * margin}{text[start:]}"
        case _, SequenceNode(flow_style=True):
            end = allow.end_mark.index - 1
            entry = _dumped([rule], width=10**6, flow=True).strip().removeprefix("[").removesuffix("]")
            return f"{text[:end]}{', ' if allow.value else ''}{entry}{text[end:]}"
        case _, SequenceNode(value=[*_, last]):
            ended = text if text.endswith("\n") else f"{text}\n"
            place = _line_end(ended, last)
            return f"{ended[:place]}{rule_text(rule, allow.start_mark.column)}{ended[place:]}"
        case _:
            return None


def _value(node: Node | None, key: str) -> Node | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _line_end(text: str, node: Node) -> int:
    """Behind the line on which `node` ends, whatever comment stands there; `text` ends with a line end."""
    while isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    return end if end and text[end - 1] == "\n" else text.index("\n", end) + 1
