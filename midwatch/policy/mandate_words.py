"""Permissions: what exactly would a mandate let through, said for the person who signs it?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from midwatch.calls import canonical_json
from midwatch.characters import on_one_line, visible
from midwatch.mandate import Terms
from midwatch.policy.circumstances import CIRCUMSTANCES
from midwatch.policy.engine import Policy
from midwatch.policy.mandates import compiled, words_of
from midwatch.policy.neighbours import in_words
from midwatch.spec import Rule as Written

_SAID: Final[Mapping[str, str]] = {
    "one_of": "is one of {}",
    "min": "is at least {}",
    "max": "is at most {}",
    "above": "is more than {}",
    "below": "is less than {}",
    "under": "leads into {}",
    "domain": "is an address at {}",
    "outside": "is an address outside {}",
    "like": "looks like {}",
    "max_length": "is no longer than {}",
}


def words_for(terms: Terms, policy: Policy) -> tuple[str, ...]:
    """Lines of plain text: who, how often, until when; then each thing that it lets through, and what that leaves open.

    Raises:
        ValueError: its rules cannot be read.
    """
    summed = f"`{terms.summed}` together at most {terms.most:f}, " if terms.most is not None else ""
    head = (
        f"{terms.agent} may do this without asking, {terms.uses} times at most in all its runs, {summed}"
        f"until {terms.until:%a %Y-%m-%d %H:%M} UTC:"
    )
    return tuple(on_one_line(visible(line)) for line in (head, *_let_through(terms.rules, policy)))


def _let_through(rules: Sequence[Written], policy: Policy) -> Iterator[str]:
    for rule, written in zip(compiled(policy, rules), rules, strict=True):
        for tool in sorted(rule.tools):
            known = policy.arguments.get(tool)
            yield f"- {_call(tool, words_of(written), known)}{_only(written)}"
            open_ends = in_words(tool, words_of(written), known)[:-1]
            yield from (f"    also: {end}" for end in open_ends)


def _call(tool: str, said: Any, known: Collection[str] | None) -> str:
    match said:
        case None:
            return f"every call of `{tool}`, whatever its arguments"
        case Mapping():
            named = [_argument(name, wanted) for name, wanted in said.items()]
            free = [f"`{name}`" for name in sorted(set(known or ()) - said.keys())]
            return f"`{tool}` where {', '.join(named)}" + (f"; any {', '.join(free)}" if free else "")
        case _:
            texts = [said] if isinstance(said, str) else said
            return f"`{tool}`: " + " or ".join(map(_value, texts))


def _argument(name: str, wanted: Any) -> str:
    if isinstance(wanted, list):
        return f"`{name}` is one of {_value(wanted)}"
    if not isinstance(wanted, Mapping):
        return f"`{name}` is {_value(wanted)}"
    said = [_condition(word, value) for word, value in wanted.items()]
    return f"`{name}` " + " and ".join(said).replace(" and or ", " or ")


def _condition(word: str, value: Any) -> str:
    match word:
        case "present":
            return "is given, whatever it is" if value else "is not given"
        case "one_line":
            return "has no line break"
        case "optional":
            return "or is missing" if value else "is there"
        case "sql" | "dialect" | "tables":
            return f"holds to {word} {_value(value)}"
        case _:
            return _SAID.get(word, f"{word} {{}}").format(_value(value))


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    plain = isinstance(value, str) and "`" not in value and len(value.splitlines()) < 2
    return f"`{value}`" if plain else f"`{canonical_json(value)}`"


def _only(written: Written) -> str:
    """The circumstances in which alone it holds."""
    said = {} if isinstance(written, str) else {key: written[key] for key in CIRCUMSTANCES.intersection(written)}
    return "".join(f"; only where {key}: {_value(value)}" for key, value in sorted(said.items()))
