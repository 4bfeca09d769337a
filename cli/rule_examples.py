"""`midwatch rules test`: do the examples of every rule hold? Each is tried by itself, so that one fault hides no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cli.rulebook import Rulebook, WrittenRule
from midwatch.calls import canonical_json
from midwatch.errors import SpecError
from midwatch.policy.rules import SIBLINGS, Toolbox, read_rules

EXAMPLES = ("match", "not_match")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One rule, its examples tried."""

    effect: str
    rule: str
    """As it was written, in one line, without its siblings."""
    place: str
    examples: int
    faults: list[str] = field(default_factory=list)
    """With file and line; a rule that cannot be read at all is one fault."""

    @property
    def passed(self) -> int:
        return max(0, self.examples - len(self.faults))


def tried(book: Rulebook) -> list[Tried]:
    """Every rule of the agent's file."""
    toolbox = book.bare().toolbox
    return [_tried(book, rule, toolbox) for rule in book.rules()]


def _tried(book: Rulebook, written: WrittenRule, toolbox: Toolbox) -> Tried:
    entry = {written.rule: None} if isinstance(written.rule, str) else written.rule
    bare = {key: value for key, value in entry.items() if key not in EXAMPLES}
    examples = list(_examples(entry))
    faults: list[str] = []
    if why := _fault(written, bare, toolbox):
        faults = [f"{written.place}: {why}"]
    else:
        for key, number, example in examples:
            if why := _fault(written, {**bare, key: [example]}, toolbox):
                faults.append(f"{book.place('rules', written.effect, written.number, key, number)}: {why}")
    return Tried(effect=written.effect, rule=_said(entry), place=written.place, examples=len(examples), faults=faults)


def _examples(entry: dict[str, Any]) -> Iterator[tuple[str, int, Any]]:
    for key in EXAMPLES:
        said = entry.get(key, [])
        yield from ((key, number, one) for number, one in enumerate(said if isinstance(said, list) else [said]))


def _fault(written: WrittenRule, entry: dict[str, Any], toolbox: Toolbox) -> str:
    try:
        read_rules(written.effect, [entry], toolbox)
    except SpecError as error:
        return error.message
    return ""


def _said(entry: dict[str, Any]) -> str:
    tools = [key for key in entry if key not in SIBLINGS]
    said = [
        f"{tool}: {value if isinstance(value, str) else canonical_json(value)}"
        for tool, value in entry.items()
        if tool in tools and value is not None
    ]
    return ", ".join(said or tools)
